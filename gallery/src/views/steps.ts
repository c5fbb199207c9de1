import type { Box } from "./masonry";

export type Direction = "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight";

/** The place of the box that the eye would go to from `from`; undefined if none lies that way. */
export function step(from: Box, boxes: readonly Box[], direction: Direction): number | undefined {
  let best: number | undefined;
  let least = Infinity;
  boxes.forEach((box, place) => {
    const cost = way(from, box, direction);
    if (cost < least) [best, least] = [place, cost];
  });
  return best;
}

/** How far it is: straight on, and twice as much to the side. Infinity if it lies another way. */
function way(from: Box, to: Box, direction: Direction): number {
  const across = to.left + to.width / 2 - (from.left + from.width / 2);
  const down = to.top + to.height / 2 - (from.top + from.height / 2);
  const isUpright = direction === "ArrowUp" || direction === "ArrowDown";
  const sign = direction === "ArrowUp" || direction === "ArrowLeft" ? -1 : 1;
  const straight = sign * (isUpright ? down : across);
  const aside = Math.abs(isUpright ? across : down);
  const clear = isUpright
    ? overlaps(from.top, from.height, to.top, to.height)
    : overlaps(from.left, from.width, to.left, to.width);
  return straight > 0 && !clear ? straight + 2 * aside : Infinity;
}

function overlaps(start: number, length: number, otherStart: number, otherLength: number): boolean {
  return start < otherStart + otherLength && otherStart < start + length;
}
