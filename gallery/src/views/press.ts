import { onCleanup } from "solid-js";

/** So long a finger rests before it is meant, in milliseconds; and so far it may move, in pixels. */
const LONG = 450;
const STILL = 10;

/** Tells of a finger that rests on something. `pressed` answers whether that meant anything. */
export function createLongPress(
  element: HTMLElement,
  pressed: (event: PointerEvent) => boolean,
): void {
  let start: PointerEvent | undefined;
  let timer: ReturnType<typeof setTimeout>;
  let taken = false;

  function begin(event: PointerEvent): void {
    end();
    taken = false;
    if (event.pointerType === "mouse" || !event.isPrimary) return;
    start = event;
    timer = setTimeout(() => (taken = pressed(event)), LONG);
  }

  function move(event: PointerEvent): void {
    const far = start && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY);
    if (far && far > STILL) end();
  }

  function end(): void {
    start = undefined;
    clearTimeout(timer);
  }

  /** The browser's menu would come at about the same time. */
  function onMenu(event: Event): void {
    if (start) event.preventDefault();
  }

  /** The finger that was meant is lifted. */
  function onClick(event: Event): void {
    if (!taken) return;
    taken = false;
    event.preventDefault();
    event.stopPropagation();
  }

  const listeners = {
    pointerdown: begin,
    pointermove: move,
    pointerup: end,
    pointercancel: end,
    contextmenu: onMenu,
    click: onClick,
  };
  for (const [name, listener] of Object.entries(listeners)) {
    element.addEventListener(name, listener as (event: Event) => void, { capture: true });
    onCleanup(() =>
      element.removeEventListener(name, listener as (event: Event) => void, { capture: true }),
    );
  }
}
