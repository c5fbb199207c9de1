/** Finding images among those that are loaded. Pure. */

import type { NewImage } from "./library";

/** Text is folded: case and accents do not matter. */
export interface Filter {
  /** The prompt has each of these somewhere. */
  readonly words: readonly string[];
  /** The model's name has each of these somewhere. */
  readonly models: readonly string[];
  /** The seed begins with each of these. */
  readonly seeds: readonly string[];
}

/** `word`, `"several words"`, `model:name`, `model:"a name"`, `seed:123` */
const TERM = /(?:(model|seed):|(?=\S))(?:"([^"]*)"?|([^\s"]*))/g;

/** What was typed into the search, undefined if that is nothing: `fox "the snow" model:sdxl seed:12`. */
export function parseFilter(query: string): Filter | undefined {
  const terms = [...folded(query).matchAll(TERM)].map(([, field, quoted, plain]) => ({
    field,
    text: (quoted ?? plain ?? "").trim(),
  }));
  const of = (field?: string) =>
    terms.filter((term) => term.field === field && term.text).map(({ text }) => text);
  const filter = { words: of(undefined), models: of("model"), seeds: of("seed") };
  return Object.values(filter).some((texts) => texts.length) ? filter : undefined;
}

export function matches(filter: Filter, image: NewImage): boolean {
  const { prompt, model, seed } = textOf(image);
  return (
    filter.words.every((word) => prompt.includes(word)) &&
    filter.models.every((name) => model.includes(name)) &&
    filter.seeds.every((digits) => seed.startsWith(digits))
  );
}

interface Text {
  readonly prompt: string;
  readonly model: string;
  readonly seed: string;
}

/** Images are folded once, not again at every key that is pressed. */
const known = new WeakMap<NewImage, Text>();

function textOf(image: NewImage): Text {
  const text = known.get(image) ?? {
    prompt: folded(image.prompt),
    model: folded(image.model ?? ""),
    seed: String(image.seed ?? ""),
  };
  known.set(image, text);
  return text;
}

function folded(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();
}
