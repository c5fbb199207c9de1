import type { FieldError } from "../api/problem";
import type { NewImage } from "../library/library";
import { number } from "./words";

/** What stands in the save form, as typed: one prompt, and a row for each of its images. */
export interface Draft {
  readonly prompt: string;
  readonly model: string;
  readonly steps: string;
  readonly rows: readonly Row[];
  /** What the server said about it, if it was refused. */
  readonly refusal?: Refusal | undefined;
  /** What was typed before, and is put aside until this one ends. */
  readonly before?: Draft | undefined;
}

export interface Row {
  readonly imageUrl: string;
  readonly seed: string;
}

export interface Refusal {
  readonly detail: string;
  /** Each names a row's field, `#/images/3/seed`, however few rows were sent. */
  readonly errors: readonly FieldError[];
  /** The refused save, to be discarded once the draft is saved. */
  readonly save?: string;
}

/** What is wrong with one part of a draft that was sent; `errors` count from its first image. */
export interface Refused {
  readonly detail: string;
  readonly errors: readonly FieldError[];
}

/** As many images as the form takes. */
export const MOST_ROWS = 100;

/** As many as one save takes: all of them, or none. */
export const MOST_AT_ONCE = 25;

export const EMPTY_ROW: Row = { imageUrl: "", seed: "" };

export const EMPTY: Draft = { prompt: "", model: "", steps: "", rows: [EMPTY_ROW] };

/** Several addresses become several rows, in place of the empty ones. */
export function withAddresses(draft: Draft, addresses: readonly string[]): Draft {
  if (!addresses.length) return draft;
  const filled = draft.rows.filter((row) => row.imageUrl.trim());
  const rows = [...filled, ...addresses.map((imageUrl) => ({ imageUrl, seed: "" }))];
  return { ...draft, rows: rows.slice(0, MOST_ROWS) };
}

/** A draft in front of another, which it puts aside; but what is being mended already goes on. */
export function inFrontOf(now: Draft, next: Draft): Draft {
  const save = next.refusal?.save;
  if (save && now.refusal?.save === save) return now;
  return { ...next, before: isEmpty(now) ? now.before : now };
}

/** The draft that such images came from: they share all but address and seed. */
export function draftOf(images: readonly NewImage[]): Draft {
  const [first] = images;
  return {
    prompt: first?.prompt ?? "",
    model: first?.model ?? "",
    steps: String(first?.steps ?? ""),
    rows: images.map(({ imageUrl, seed = "" }) => ({ imageUrl, seed: String(seed) })),
  };
}

/** Whether nothing was typed that one could miss. */
export function isEmpty({ prompt, model, steps, rows }: Draft): boolean {
  const typed = rows.flatMap(({ imageUrl, seed }) => [imageUrl, seed]);
  return [prompt, model, steps, ...typed].every((text) => !text.trim());
}

/** What is to be saved. Empty fields are left out; nothing else is judged here: the server does. */
export function imagesIn(draft: Draft): readonly NewImage[] {
  return draft.rows.map(({ imageUrl, seed }) => ({
    prompt: draft.prompt,
    imageUrl: imageUrl.trim(),
    ...(draft.model && { model: draft.model }),
    ...(seed.trim() && { seed: seed.trim() }),
    ...(draft.steps.trim() && { steps: Number(draft.steps) }),
  }));
}

/** In parts that can be saved each. */
export function parts<T>(all: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(all.length / MOST_AT_ONCE);
  return Array.from({ length: count }, (_, part) =>
    all.slice(part * MOST_AT_ONCE, (part + 1) * MOST_AT_ONCE),
  );
}

/** What is left to be mended of a draft that was saved in parts; undefined if none was refused. */
export function leftOf(draft: Draft, refused: readonly (Refused | undefined)[]): Draft | undefined {
  const rows: Row[] = [];
  const errors: FieldError[] = [];
  parts(draft.rows).forEach((part, place) => {
    const why = refused[place];
    if (!why) return;
    errors.push(...placed(why.errors, rows.length));
    rows.push(...part);
  });
  const first = refused.find((why) => why !== undefined);
  return first && { ...draft, rows, refusal: { detail: first.detail, errors } };
}

/** The errors of images that are the draft's from its row `first` on. */
export function placed(errors: readonly FieldError[], first = 0): readonly FieldError[] {
  return errors.map((error) => {
    const found = /^#\/(?:images\/(\d+)\/)?(prompt|imageUrl|model|seed|steps)$/.exec(
      error.pointer ?? "",
    );
    if (!found) return error;
    return { ...error, pointer: `#/images/${first + Number(found[1] ?? 0)}/${found[2]}` };
  });
}

/** With other words in the fields that all rows share: what was said of them is out of date. */
export function changed(draft: Draft, part: Partial<Omit<Draft, "refusal">>): Draft {
  const fields = Object.keys(part);
  const isMended = (pointer: string) => fields.some((field) => pointer.endsWith(`/${field}`));
  return { ...draft, ...part, refusal: without(draft.refusal, isMended) };
}

export function rowChanged(draft: Draft, place: number, part: Partial<Row>): Draft {
  const fields = Object.keys(part).map((field) => `#/images/${place}/${field}`);
  const rows = draft.rows.with(place, { ...draft.rows[place]!, ...part });
  return { ...draft, rows, refusal: without(draft.refusal, (pointer) => fields.includes(pointer)) };
}

/** Without a row: what was said of those below it moves up with them. */
export function rowRemoved(draft: Draft, place: number): Draft {
  const gone = `#/images/${place}/`;
  const refusal = without(draft.refusal, (pointer) => pointer.startsWith(gone));
  const moved = refusal?.errors.map((error) => ({
    ...error,
    ...(error.pointer && { pointer: movedUp(error.pointer, place) }),
  }));
  return {
    ...draft,
    rows: draft.rows.toSpliced(place, 1),
    refusal: refusal && { ...refusal, errors: moved! },
  };
}

function movedUp(pointer: string, place: number): string {
  return pointer.replace(/^#\/images\/(\d+)\//, (same, row: string) =>
    Number(row) > place ? `#/images/${Number(row) - 1}/` : same,
  );
}

/** Without what is mended, and without the refusal's own words once nothing else is wrong. */
function without(
  refusal: Refusal | undefined,
  isMended: (pointer: string) => boolean,
): Refusal | undefined {
  if (!refusal?.errors.length) return refusal;
  const errors = refusal.errors.filter(({ pointer }) => !pointer || !isMended(pointer));
  return { ...refusal, errors, detail: errors.length ? refusal.detail : "" };
}

/** What the server says about a field of the row at `place`. */
export function errorAt(refusal: Refusal | undefined, place: number, field: string): string {
  return said(refusal, (pointer) => pointer === `#/images/${place}/${field}`);
}

/** What the server says about a field that all rows share. */
export function sharedError(refusal: Refusal | undefined, field: string): string {
  return said(refusal, (pointer) => pointer.endsWith(`/${field}`));
}

function said(refusal: Refusal | undefined, isMeant: (pointer: string) => boolean): string {
  const error = refusal?.errors.find(({ pointer }) => pointer && isMeant(pointer));
  return (error && inWords(error)) ?? "";
}

/** What is wrong that no field stands for. */
export function unplaced(refusal: Refusal | undefined): string | undefined {
  return refusal?.errors.some(inWords) ? undefined : refusal?.detail || undefined;
}

/** Why images were refused, in one sentence. */
export function why({ detail, errors }: Refused): string {
  return errors.map(inWords).find(Boolean) ?? detail;
}

const TEXT = (most: string) => `Write something here, of at most ${most} characters.`;

/** What each field takes, for people: the server speaks to programmers. `most` is its limit. */
const WORDS: Readonly<Record<string, (most: string) => string>> = {
  prompt: TEXT,
  model: TEXT,
  imageUrl: () =>
    "This must be the address of an image on the web. It begins with https:// and has no spaces.",
  seed: (most) => `A seed is a whole number, such as 42, of at most ${most}.`,
  steps: (most) => `Steps are a whole number from 1 to ${most}, such as 30.`,
};

/** Undefined if it is about none of the form's fields. */
function inWords({ pointer, detail }: FieldError): string | undefined {
  const words = WORDS[pointer?.split("/").at(-1) ?? ""];
  const most = /\d{2,}/.exec(detail)?.[0];
  return words && (most ? words(most.length < 16 ? number(Number(most)) : most) : detail);
}
