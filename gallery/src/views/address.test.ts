import { expect, test } from "vitest";
import { arrival, cursorIn } from "./address";

const BASES = ["http://127.0.0.1:8000/", "https://gallery.example/api/"];

test.each(["abc", "", "0", "-1", "1e3", "007", "1.0", " 1", "9007199254740992", "٣", "%00", "NaN"])(
  "%j is no cursor",
  (text) => {
    expect(cursorIn(text)).toBeUndefined();
  },
);

test("a cursor is a whole number in plain digits, as high as the API has them", () => {
  expect(cursorIn("1")).toBe(1);
  expect(cursorIn("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
  expect(cursorIn(undefined)).toBeUndefined();
});

test.each(BASES)("whoever comes to the library or an image is there: %s", (base) => {
  for (const [own, shown] of [
    ["", "dashboard/images"],
    ["dashboard", "dashboard/images"],
    ["dashboard/images", "dashboard/images"],
    ["dashboard/images/", "dashboard/images"],
    ["dashboard/images?utm=1", "dashboard/images?utm=1"],
    ["dashboard/images#%", "dashboard/images"],
    ["dashboard/images/5", "dashboard/images/5"],
    ["dashboard/images/5///", "dashboard/images/5"],
    ["Dashboard/IMAGES/5", "dashboard/images/5"],
    ["index.html", "dashboard/images"],
    ["signed-in?code=A&state=b#c", "signed-in?code=A&state=b#c"],
    ["SIGNED-IN/?code=A", "signed-in?code=A"],
  ] as const) {
    expect(arrival(base + own, base)).toEqual({ address: base + shown, lost: false });
  }
});

test.each(BASES)("any other address is the library's, and it is said: %s", (base) => {
  for (const own of [
    "foo",
    "%",
    "%00",
    "%ff#%",
    "dashboard/foo",
    "dashboard/images/abc",
    "dashboard/images/0",
    "dashboard/images/-1",
    "dashboard/images/1e3",
    "dashboard/images/007",
    "dashboard/images/9007199254740992",
    "dashboard/images/%35",
    "dashboard/images/5/extra",
    "signed-in/again?code=A",
  ]) {
    expect(arrival(base + own, base)).toEqual({ address: `${base}dashboard/images`, lost: true });
  }
});

test("slashes before an address do not make it another host's", () => {
  const [base] = BASES as [string];
  expect(arrival(`${base}/dashboard/images/5`, base).address).toBe(`${base}dashboard/images/5`);
  expect(arrival(`${base}//`, base)).toEqual({ address: `${base}dashboard/images`, lost: false });
});
