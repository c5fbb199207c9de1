import { expect, test } from "vitest";
import { Problem } from "../api/problem";
import { brief, named, notYet } from "./words";

test("a prompt's beginning is a name, on one line", () => {
  expect(brief("a fox\n in  the snow ")).toBe("a fox in the snow");
  expect(brief("🦊".repeat(200))).toBe(`${"🦊".repeat(140)}…`);
  expect(brief(`${" ".repeat(200)}a fox`)).toBe("a fox");
});

test.each([" ", " \n\t ", "\u3000", "\u200b\u2060", " ".repeat(200)])(
  "a prompt in which nothing is to be seen has a name all the same: %j",
  (prompt) => {
    expect(brief(prompt)).toBe("Untitled");
    expect(named(prompt)).toBe("Untitled");
  },
);

test("a prompt that says something stays as it was written", () => {
  expect(named(" a fox\n")).toBe(" a fox\n");
});

test("what is not done yet says why, and when it will be", () => {
  const late = (code: "unavailable" | "unauthenticated" | "outdated") =>
    notYet(new Problem(code, "Here is why."));
  expect(late("unavailable")).toBe("Here is why. It is tried again.");
  expect(late("unauthenticated")).toBe("It is done once you have signed in.");
  expect(late("outdated")).toBe("Here is why.");
});
