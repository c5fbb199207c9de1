import { expect, test } from "vitest";
import { nearest } from "./stay";

test("one is back at the image that stands there, else at the next older one", () => {
  const keys = ["a1b2/0", "9", "7", "4"];
  expect(nearest(keys, 7)).toBe("7");
  expect(nearest(keys, 6)).toBe("4");
  expect(nearest(keys, 100)).toBe("9");
});

test("nothing is there while older images have yet to be read", () => {
  expect(nearest(["9", "7"], 3)).toBeUndefined();
  expect(nearest([], 3)).toBeUndefined();
});
