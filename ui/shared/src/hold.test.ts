import { afterEach, expect, it, vi } from 'vitest';
import { holding } from './hold';

afterEach(() => vi.unstubAllGlobals());

class Button extends EventTarget {
  disabled = false;
  hasAttribute(name: string): boolean {
    return name === 'disabled' && this.disabled;
  }
  setPointerCapture(): void {}
}

function held() {
  const page = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal('document', page);
  const button = new Button();
  const said: boolean[] = [];
  const action = holding(button as unknown as HTMLElement, (down) => said.push(down));
  const fire = (type: string, fields: object = {}) => button.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), fields));
  return { page, button, said, action, fire };
}

it('talks while the pointer or the key is down, and no longer', () => {
  const { said, fire } = held();
  fire('pointerdown', { button: 0, pointerId: 1 });
  fire('pointerup');
  fire('lostpointercapture');
  fire('keydown', { code: 'Space', repeat: false });
  fire('keydown', { code: 'Space', repeat: true });
  fire('keyup', { code: 'Space' });
  expect(said).toEqual([true, false, true, false]);
});

it('ends when the focus, the page or the button goes', () => {
  for (const end of ['blur', 'pointercancel', 'hidden', 'destroy']) {
    const { page, said, action, fire } = held();
    fire('keydown', { code: 'Enter', repeat: false });
    if (end === 'hidden') {
      page.hidden = true;
      page.dispatchEvent(new Event('visibilitychange'));
    } else if (end === 'destroy') action.destroy();
    else fire(end);
    expect(said, end).toEqual([true, false]);
  }
});

it('does nothing by other keys, other buttons, or while it is off', () => {
  const { button, said, fire } = held();
  fire('keydown', { code: 'KeyA', repeat: false });
  fire('pointerdown', { button: 2, pointerId: 1 });
  button.disabled = true;
  fire('pointerdown', { button: 0, pointerId: 1 });
  expect(said).toEqual([]);
});
