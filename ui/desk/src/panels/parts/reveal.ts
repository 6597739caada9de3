/** Brings what just opened into view, so that nobody has to look for the button they now need. */
export function reveal(node: HTMLElement): void {
  // The rest of the panel is laid out first.
  requestAnimationFrame(() => node.scrollIntoView({ block: 'nearest' }));
}
