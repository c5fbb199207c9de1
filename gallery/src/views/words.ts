import type { Problem } from "../api/problem";

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

/** The prompt, if there is anything to be seen in it. */
export function named(prompt: string): string {
  return /[^\s\p{Cf}]/u.test(prompt) ? prompt : "Untitled";
}

/** A prompt's beginning, as a name: whole characters on one line. */
export function brief(prompt: string): string {
  const whole = named(prompt).trim();
  const begin = /^.{0,140}/su.exec(whole)?.[0] ?? "";
  const line = begin.replace(/\s+/g, " ").trim();
  return begin.length < whole.length ? `${line}…` : line;
}

/** Why something is not done yet, and when it will be. */
export function notYet({ code, detail }: Problem): string {
  if (code === "unauthenticated") return "It is done once you have signed in.";
  return code === "outdated" ? detail : `${detail} It is tried again.`;
}
