/** Where in the library one is, so that the same tab shows the same place when it is loaded anew. */

import { onCleanup, onMount } from "solid-js";
import { allowed, Slot } from "../slot";

export interface Place {
  readonly cursor: number;
  /** How far below the top of the view it begins, in pixels. */
  readonly top: number;
}

interface Given {
  /** Undefined at the very top, where new images are awaited. */
  readonly at: () => Place | undefined;
  readonly goTo: (place: Place) => void;
  readonly giveUp: () => void;
}

const NAME = "place";

/** What means that one goes elsewhere by oneself. */
const MOVES = ["wheel", "touchmove", "keydown", "pointerdown"] as const;

export function createStay({ at, goTo, giveUp }: Given): void {
  const kept = new Slot<Place>(
    allowed(() => sessionStorage),
    NAME,
  );

  function keep(): void {
    const place = at();
    if (place && place.cursor > 0) kept.put(place);
    else kept.clear();
  }

  onMount(() => {
    const place = kept.get();
    kept.clear();
    if (place) goTo(place);
    for (const move of MOVES) addEventListener(move, giveUp, { passive: true });
    addEventListener("pagehide", keep);
  });
  onCleanup(() => {
    for (const move of MOVES) removeEventListener(move, giveUp);
    removeEventListener("pagehide", keep);
  });
}

/**
 * The saved image that stands at a cursor, or where it would stand: keys fall, and those of saves
 * that are not confirmed are no numbers. Undefined if that is below all of them.
 */
export function nearest(keys: readonly string[], cursor: number): string | undefined {
  return keys.find((key) => Number(key) <= cursor);
}
