import type { FieldError } from "../api/problem";
import type { NewImage } from "../library/library";

/** What stands in the save form, as typed: one prompt, and a row for each of its images. */
export interface Draft {
  readonly prompt: string;
  readonly model: string;
  readonly steps: string;
  readonly rows: readonly Row[];
  /** What the server said about it, if it was refused. */
  readonly refusal?: Refusal;
}

export interface Row {
  readonly imageUrl: string;
  readonly seed: string;
}

export interface Refusal {
  readonly detail: string;
  readonly errors: readonly FieldError[];
  /** The refused save, to be discarded once the draft is saved. */
  readonly save?: string;
}

export const EMPTY_ROW: Row = { imageUrl: "", seed: "" };

/** A draft for images at these addresses. */
export function draftFor(addresses: readonly string[]): Draft {
  const rows = addresses.map((imageUrl) => ({ imageUrl, seed: "" }));
  return { prompt: "", model: "", steps: "", rows: rows.length ? rows : [EMPTY_ROW] };
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

/** What is to be saved. Empty fields are left out; nothing else is judged here: the server does. */
export function imagesIn(draft: Draft): readonly NewImage[] {
  return draft.rows.map(({ imageUrl, seed }) => ({
    prompt: draft.prompt,
    imageUrl: imageUrl.trim(),
    ...(draft.model && { model: draft.model }),
    ...(seed.trim() && { seed: seed.trim() }),
    ...(draft.steps && { steps: Number(draft.steps) }),
  }));
}

/**
 * What the server says about a field of the row at `place`. One image is sent as the body itself,
 * several as its `images`.
 */
export function errorAt(refusal: Refusal | undefined, place: number, field: string): string {
  const places = [`#/${field}`, `#/images/${place}/${field}`];
  return said(refusal, (pointer) => places.includes(pointer));
}

/** What the server says about a field that all rows share. */
export function sharedError(refusal: Refusal | undefined, field: string): string {
  return said(refusal, (pointer) => pointer.endsWith(`/${field}`));
}

function said(refusal: Refusal | undefined, isMeant: (pointer: string) => boolean): string {
  return refusal?.errors.find(({ pointer }) => pointer && isMeant(pointer))?.detail ?? "";
}
