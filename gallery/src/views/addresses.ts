/** Whether this is one https address and nothing else. Then all of it is the address's own. */
export function isAddress(text: string): boolean {
  return /^https:\/\/\S+$/.test(text);
}

/** The https addresses in a text, each once, in their order. */
export function addressesIn(text: string): readonly string[] {
  const lines = linesOf(text);
  return [...new Set(lines.every(isAddress) ? withoutCommas(lines) : inProse(text))];
}

function linesOf(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter(Boolean);
}

/** A mark at the end of every line but the last, which may do without, is the list's own. */
function withoutCommas(lines: readonly string[]): readonly string[] {
  const isSeparated = lines.length > 1 && lines.slice(0, -1).every((line) => COMMA.test(line));
  return isSeparated ? lines.map((line) => line.replace(COMMA, "")) : lines;
}

const COMMA = /[,;]$/;

function inProse(text: string): readonly string[] {
  const found = text.match(/https:\/\/[^\s<>"'`]+/g) ?? [];
  return found.map(withoutPunctuation).filter(isAddress);
}

/** The sentence's marks after an address are not its own, nor are brackets that it did not open. */
function withoutPunctuation(address: string): string {
  const trimmed = address.replace(/[.,;:!?*’”»]+$/u, "");
  const close = trimmed.at(-1) ?? "";
  const open = BRACKETS[close];
  const isOwn = open === undefined || count(trimmed, open) >= count(trimmed, close);
  const mended = isOwn ? trimmed : trimmed.slice(0, -1);
  return mended === address ? address : withoutPunctuation(mended);
}

const BRACKETS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

function count(text: string, mark: string): number {
  return text.split(mark).length - 1;
}

/** What a paste or a drop carries for us. */
export interface Carried {
  readonly addresses: readonly string[];
  /** Why it carries nothing that can be saved; undefined if it does not look as if it should. */
  readonly trouble: string | undefined;
}

const A_FILE =
  "Files cannot be saved here. Put the image on the web, and paste or drop its https address.";
const NOT_SAFE = "Only addresses that begin with https:// can be saved.";

export function carriedBy(data: DataTransfer | null): Carried {
  const text = (kind: string) => data?.getData(kind) ?? "";
  const list = [...new Set(linesOf(text("text/uri-list")).filter(isAddress))]; // a comment is none
  const addresses = list.length ? list : addressesIn(text("text/plain"));
  if (addresses.length) return { addresses, trouble: undefined };
  const isFile = Array.from(data?.items ?? []).some(({ kind }) => kind === "file");
  const isUnsafe = /\b(?:http|data|ftp|file|blob):/i.test(text("text/plain"));
  return { addresses, trouble: isFile ? A_FILE : isUnsafe ? NOT_SAFE : undefined };
}
