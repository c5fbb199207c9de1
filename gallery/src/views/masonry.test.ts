import fc from "fast-check";
import { expect, test } from "vitest";
import { columnsFor, fill, isCut } from "./masonry";

const ratio = fc.double({ min: 0.4, max: 2.5, noNaN: true });

test("an image whose form was known is never cut by more than levelling takes", () => {
  fc.assert(
    fc.property(
      fc.array(ratio, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 340, max: 2000 }),
      fc.boolean(),
      (ratios, width, level) => {
        const { boxes } = fill(ratios, columnsFor(width), level);
        boxes.forEach((box, place) => expect(isCut(ratios[place], box)).toBe(false));
      },
    ),
  );
});

test("one that came late is shown whole in the square that was made for it", () => {
  const square = { left: 0, top: 0, width: 240, height: 240 };
  expect(isCut(1.5, square)).toBe(true);
  expect(isCut(0.66, square)).toBe(true);
  expect(isCut(1.1, square)).toBe(false);
  expect(isCut(undefined, square)).toBe(false);
});
