import { expect, test } from "vitest";
import { matches, parseFilter } from "./filter";

const fox = {
  prompt: "A red Fox in the snow, café style",
  imageUrl: "https://images.example/fox.png",
  model: "Stable Diffusion XL",
  seed: "18446744073709551615",
};

test.each([
  ["fox"],
  ["FOX snow"],
  ["sno"],
  ["cafe"],
  ['"the snow"'],
  ['"the snow'],
  ["model:diffusion"],
  ['model:"diffusion xl" fox'],
  ["seed:18446744073709551615"],
  ["seed:1844 Model:XL"],
])("%s finds it", (query) => {
  expect(matches(parseFilter(query)!, fox)).toBe(true);
});

test.each([
  ["wolf"],
  ["fox wolf"],
  ['"snow the"'],
  ["diffusion"],
  ["model:fox"],
  ["seed:446"],
  ["seed:fox"],
])("%s does not", (query) => {
  expect(matches(parseFilter(query)!, fox)).toBe(false);
});

test.each([[""], ["   "], ["model:"], ['""'], ["seed: "]])("%j asks for nothing", (query) => {
  expect(parseFilter(query)).toBeUndefined();
});

test("an image without a model or a seed is found by neither", () => {
  const plain = { prompt: "a fox", imageUrl: "https://images.example/fox.png" };
  expect(matches(parseFilter("model:x")!, plain)).toBe(false);
  expect(matches(parseFilter("seed:0")!, plain)).toBe(false);
  expect(matches(parseFilter("fox")!, plain)).toBe(true);
});

test("a seed may be a number, as it is given when an image is saved", () => {
  expect(matches(parseFilter("seed:12")!, { ...fox, seed: 123 })).toBe(true);
});
