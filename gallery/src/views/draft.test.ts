import { describe, expect, test } from "vitest";
import {
  changed,
  EMPTY,
  errorAt,
  imagesIn,
  isEmpty,
  leftOf,
  MOST_ROWS,
  parts,
  placed,
  rowChanged,
  rowRemoved,
  sharedError,
  unplaced,
  why,
  withAddresses,
  type Draft,
} from "./draft";

const addresses = (many: number) =>
  Array.from({ length: many }, (_, n) => `https://images.example/${n}.png`);
const draft = (many: number): Draft => withAddresses({ ...EMPTY, prompt: "p" }, addresses(many));
const error = (pointer: string, detail = "Give an integer from 1 to 10000.") => ({
  pointer,
  detail,
});
const refused = (...pointers: string[]) => ({
  detail: "Nothing was saved; see errors.",
  errors: pointers.map((pointer) => error(pointer)),
});

describe("addresses", () => {
  test("come to what was typed before, in place of empty rows", () => {
    const before = { ...draft(1), prompt: "kept" };
    const after = withAddresses({ ...before, rows: [...before.rows, ...EMPTY.rows] }, [
      "https://b",
    ]);
    expect(after.prompt).toBe("kept");
    expect(after.rows.map(({ imageUrl }) => imageUrl)).toEqual([...addresses(1), "https://b"]);
    expect(withAddresses(EMPTY, [])).toBe(EMPTY);
  });

  test("are no more than the form takes", () => {
    expect(draft(130).rows).toHaveLength(MOST_ROWS);
  });
});

test("only what was typed makes a draft one that could be missed", () => {
  expect(isEmpty(EMPTY)).toBe(true);
  expect(isEmpty({ ...EMPTY, prompt: " \n" })).toBe(true);
  for (const field of ["prompt", "model", "steps"]) {
    expect(isEmpty({ ...EMPTY, [field]: "x" })).toBe(false);
  }
  expect(isEmpty({ ...EMPTY, rows: [{ imageUrl: "", seed: "1" }] })).toBe(false);
});

test("blank steps are left out, and words in their place are for the server to refuse", () => {
  expect(imagesIn({ ...draft(1), steps: " " })[0]).not.toHaveProperty("steps");
  expect(imagesIn({ ...draft(1), steps: "many" })[0]?.steps).toBeNaN();
});

test("a draft is saved in parts of 25, in its order", () => {
  expect(parts(draft(30).rows).map((part) => part.length)).toEqual([25, 5]);
  expect(parts(draft(50).rows).flat()).toEqual(draft(50).rows);
  expect(parts(draft(25).rows)).toHaveLength(1);
});

describe("what is left of a draft", () => {
  test("is nothing if all of it was taken", () => {
    expect(leftOf(draft(30), [undefined, undefined])).toBeUndefined();
  });

  test("is the part that was refused, with what is wrong at its own rows", () => {
    const left = leftOf(draft(30), [undefined, refused("#/images/3/seed")])!;
    expect(left.rows).toEqual(draft(30).rows.slice(25));
    expect(errorAt(left.refusal, 3, "seed")).not.toBe("");
    expect(errorAt(left.refusal, 28, "seed")).toBe("");
  });

  test("counts on where several parts were refused, also one of a single image", () => {
    const left = leftOf(draft(51), [refused("#/images/2/seed"), undefined, refused("#/seed")])!;
    expect(left.rows).toHaveLength(26);
    expect(errorAt(left.refusal, 2, "seed")).not.toBe("");
    expect(errorAt(left.refusal, 25, "seed")).not.toBe("");
    expect(errorAt(left.refusal, 0, "seed")).toBe("");
  });
});

describe("what was said of a field", () => {
  const wrong = { ...draft(3), refusal: { detail: "d", errors: placed([
    error("#/images/0/seed"), error("#/images/2/imageUrl"), error("#/images/0/prompt"),
    error("#/images/1/prompt"),
  ]) } }; // prettier-ignore

  test("goes when it is mended, and what is wrong elsewhere stays", () => {
    const mended = rowChanged(wrong, 0, { seed: "7" });
    expect(errorAt(mended.refusal, 0, "seed")).toBe("");
    expect(errorAt(mended.refusal, 2, "imageUrl")).not.toBe("");
    expect(errorAt(rowChanged(wrong, 1, { seed: "7" }).refusal, 0, "seed")).not.toBe("");
  });

  test("goes for all rows where they share it", () => {
    expect(sharedError(wrong.refusal, "prompt")).not.toBe("");
    expect(sharedError(changed(wrong, { prompt: "q" }).refusal, "prompt")).toBe("");
  });

  test("moves up with its row, and goes with it", () => {
    const fewer = rowRemoved(wrong, 0);
    expect(fewer.rows).toEqual(wrong.rows.slice(1));
    expect(errorAt(fewer.refusal, 0, "seed")).toBe("");
    expect(errorAt(fewer.refusal, 1, "imageUrl")).not.toBe("");
    expect(errorAt(fewer.refusal, 2, "imageUrl")).toBe("");
  });

  test("leaves nothing to be said once all is mended", () => {
    const one = { ...draft(1), refusal: refused("#/images/0/seed") };
    expect(rowChanged(one, 0, { seed: "7" }).refusal?.detail).toBe("");
    const other = { ...draft(1), refusal: { detail: "Elsewhere.", errors: [] } };
    expect(changed(other, { prompt: "q" }).refusal?.detail).toBe("Elsewhere.");
  });
});

test("people are told what to write, in no programmer's words", () => {
  const seed = error("#/seed", "Give an integer from 0 to 18446744073709551615, as a number.");
  expect(why({ detail: "see errors", errors: [seed] })).toBe(
    "A seed is a whole number, such as 42, of at most 18446744073709551615.",
  );
  expect(why(refused("#/images/3/steps"))).toMatch(/^Steps are a whole number from 1 to 10.?000/);
  expect(why({ detail: "The body is too large.", errors: [] })).toBe("The body is too large.");
});

test("what the server says of anything but a field is not shown: the whole has its own words", () => {
  const detail = "Check what you typed.";
  for (const pointer of ["#/new", "#/images", "#/images/0"]) {
    const refusal = { detail, errors: placed([error(pointer, "Give a JSON object of 25.")]) };
    expect(why(refusal)).toBe(detail);
    expect(unplaced(refusal)).toBe(detail);
  }
  const header = { detail: "Give it once.", header: "Idempotency-Key" };
  expect(why({ detail, errors: [header] })).toBe(detail);
  const both = { detail, errors: placed([header, error("#/seed")]) };
  expect(why(both)).toContain("A seed is");
  expect(unplaced(both)).toBeUndefined();
  expect(unplaced(undefined)).toBeUndefined();
});
