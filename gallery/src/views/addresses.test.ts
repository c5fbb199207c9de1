import { expect, test } from "vitest";
import { addressesIn, carriedBy, isAddress } from "./addresses";

const A = "https://images.example/a.png";

test.each([
  `See ${A}.`,
  `(${A})`,
  `[a fox](${A}), and`,
  `"${A}",`,
  `<${A}>;`,
  `**${A}**`,
  `is it ${A}?!`,
  `«${A}»…`.replace("…", ""),
  `{"url":"${A}"}`,
  `\`${A}\``,
  `${A}\n${A}`,
])("what stands around an address is not part of it: %s", (text) => {
  expect(addressesIn(text)).toEqual([A]);
});

test.each([
  "https://images.example/a_(1).png",
  "https://images.example/a?size=[2]",
  "https://images.example/?q=a.b,c;d",
  "https://images.example/a.png#top",
])("what is its own stays: %s", (address) => {
  expect(addressesIn(`one ${address}, two`)).toEqual([address]);
});

test("thirty addresses are thirty", () => {
  const some = Array.from({ length: 30 }, (_, n) => `https://images.example/${n}.png`);
  expect(addressesIn(some.map((address) => `${address},`).join(" "))).toEqual(some);
  expect(addressesIn(some.map((address) => `${address},`).join("\n"))).toEqual(some);
  expect(addressesIn(some.map((address) => `* ${address}.`).join("\n"))).toEqual(some);
});

const DREAM = "https://images.example/2.svg?prompt=a%20cat's%20dream!";

test.each([
  DREAM,
  ...["*", "?", "!", ")", ".", ",", "`a", "'a"].map((end) => `https://images.example/a${end}`),
])("an address by itself is whole, whatever its marks: %s", (address) => {
  expect(carriedBy(data({ "text/plain": ` ${address}\n` })).addresses).toEqual([address]);
  const dropped = { "text/uri-list": `${address}\r\n`, "text/plain": address };
  expect(carriedBy(data(dropped)).addresses).toEqual([address]);
  expect(isAddress(address)).toBe(true);
});

test("of a list with one address a line, each is whole, and its commas are the list's", () => {
  const some = [DREAM, "https://images.example/a*", "https://images.example/b,c?"];
  const lines = `# a comment!\r\n${some.join("\r\n")}\r\nhttp://images.example/d`;
  expect(carriedBy(data({ "text/uri-list": lines })).addresses).toEqual(some);
  expect(addressesIn(`${some.join(" \n\n")}\n`)).toEqual(some);
  expect(addressesIn(some.join(",\n"))).toEqual(some);
  expect(addressesIn(some.map((address) => `${address};`).join("\n"))).toEqual(some);
  expect(addressesIn(["https://", ...some].join("\n"))).not.toContain("https://");
});

test("what begins like an address and has blanks is none", () => {
  expect(["https://", "http://a.example", "", `${A} b`].filter(isAddress)).toEqual([]);
});

function data(texts: Record<string, string>, kind?: string): DataTransfer {
  const items = kind ? [{ kind }] : [];
  return { getData: (name: string) => texts[name] ?? "", items } as unknown as DataTransfer;
}

test("an image that is dragged from a page is its address, although it is a file too", () => {
  expect(carriedBy(data({ "text/uri-list": `# a comment\n${A}` }, "file"))).toEqual({
    addresses: [A],
    trouble: undefined,
  });
});

test("a file and an address that cannot be saved are answered, and other text is not", () => {
  expect(carriedBy(data({}, "file")).trouble).toContain("Files cannot be saved");
  expect(carriedBy(data({ "text/plain": "http://images.example/a.png" })).trouble).toContain(
    "https://",
  );
  expect(carriedBy(data({ "text/plain": "some words" })).trouble).toBeUndefined();
  expect(carriedBy(null)).toEqual({ addresses: [], trouble: undefined });
});
