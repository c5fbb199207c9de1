/** As many as one batch takes. */
export const MOST_AT_ONCE = 25;

/** The https addresses in what was pasted or dropped, each once, in their order. */
export function addressesIn(text: string): readonly string[] {
  const found = text.match(/https:\/\/[^\s<>"']+/g) ?? [];
  return [...new Set(found)].slice(0, MOST_AT_ONCE);
}

/** The addresses in what is carried by a paste or a drop. */
export function addressesOf(data: DataTransfer | null): readonly string[] {
  if (!data) return [];
  const list = addressesIn(data.getData("text/uri-list").replace(/^#.*$/gm, ""));
  return list.length ? list : addressesIn(data.getData("text/plain"));
}
