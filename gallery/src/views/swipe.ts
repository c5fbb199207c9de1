import { onCleanup } from "solid-js";

interface Swipe {
  readonly element: HTMLElement;
  /** Whether there is something to the left (-1) or right (1) to go to. */
  readonly can: (way: -1 | 1) => boolean;
  readonly go: (way: -1 | 1) => void;
}

/** Enough to mean it, in pixels. */
const FAR = 56;

/** Lets a finger pull the element aside: far enough, and one goes to what comes from there. */
export function createSwipe({ element, can, go }: Swipe): void {
  let start: PointerEvent | undefined;

  const pulled = (event: PointerEvent) => event.clientX - start!.clientX;
  const put = (left: number) => (element.style.transform = left ? `translateX(${left}px)` : "");
  const isOurs = (event: PointerEvent) => start?.pointerId === event.pointerId;

  function begin(event: PointerEvent): void {
    if (event.pointerType === "mouse") return;
    start = event.isPrimary ? event : undefined;
  }

  function pull(event: PointerEvent): void {
    if (!isOurs(event)) return;
    const left = pulled(event);
    put(can(left < 0 ? 1 : -1) ? left : left / 4);
  }

  function end(event: PointerEvent): void {
    if (!isOurs(event)) return;
    const left = pulled(event);
    const way = left < 0 ? 1 : -1;
    forget();
    if (Math.abs(left) > FAR && can(way)) go(way);
  }

  function forget(): void {
    start = undefined;
    put(0);
  }

  const listeners = {
    pointerdown: begin,
    pointermove: pull,
    pointerup: end,
    pointercancel: forget,
  };
  for (const [name, listener] of Object.entries(listeners)) {
    element.addEventListener(name, listener as (event: Event) => void);
    onCleanup(() => element.removeEventListener(name, listener as (event: Event) => void));
  }
}
