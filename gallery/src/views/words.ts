const numbers = new Intl.NumberFormat();
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

export function number(value: number): string {
  return numbers.format(value);
}

export function images(count: number): string {
  return `${number(count)} ${count === 1 ? "image" : "images"}`;
}

/** `instant` as in the API: ISO 8601. */
export function moment(instant: string): string {
  return moments.format(new Date(instant));
}

/** A prompt's beginning, as a name: whole characters on one line. */
export function brief(prompt: string): string {
  const begin = /^.{0,140}/su.exec(prompt)?.[0] ?? "";
  const line = begin.replace(/\s+/g, " ").trim();
  return begin.length < prompt.length ? `${line}…` : line;
}
