/**
 * Push to talk: `change(true)` while the pointer, Space or Enter holds the element down. It always ends: by letting go, by leaving
 * the page, by losing the focus or the element.
 */
export function holding(node: HTMLElement, change: (down: boolean) => void): { update(next: (down: boolean) => void): void; destroy(): void } {
  let act = change;
  let down = false;
  const set = (next: boolean) => {
    if (next === down || (next && node.hasAttribute('disabled'))) return;
    down = next;
    act(next);
  };
  const press = (event: PointerEvent) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    set(true);
  };
  const release = () => set(false);
  const isKey = (event: KeyboardEvent) => event.code === 'Space' || event.code === 'Enter';
  const keydown = (event: KeyboardEvent) => {
    if (!isKey(event) || event.repeat) return;
    event.preventDefault();
    event.stopPropagation();
    set(true);
  };
  const keyup = (event: KeyboardEvent) => {
    if (!isKey(event)) return;
    event.preventDefault();
    set(false);
  };
  const menu = (event: Event) => event.preventDefault();
  const hidden = () => document.hidden && set(false);
  node.addEventListener('pointerdown', press);
  for (const end of ['pointerup', 'pointercancel', 'lostpointercapture', 'blur']) node.addEventListener(end, release);
  node.addEventListener('keydown', keydown);
  node.addEventListener('keyup', keyup);
  node.addEventListener('contextmenu', menu);
  document.addEventListener('visibilitychange', hidden);
  return {
    update(next) {
      act = next;
    },
    destroy() {
      set(false);
      document.removeEventListener('visibilitychange', hidden);
    },
  };
}
