/** The server as a model: one user's log, read from a copy that may lag (see the design's "Reads"). */

import type { Changes, FirstPage, Image, NewImage, Page, Position, Synced } from "../api/client";
import { Problem } from "../api/problem";

type Change = Changes["changes"][number];
type Entry = { readonly mark: string } & (
  | { readonly kind: "image"; readonly image: Image }
  | { readonly kind: "deletion"; readonly deletes: number }
);

export class ModelServer {
  #log: Entry[] = [];
  /** How far the copy that is read has followed the log. */
  #tail = 0;
  /** Cursors whose images reads do not show any more: tombstones. */
  #tombstones = new Set<number>();
  readonly #keys = new Map<string, readonly Image[]>();

  wasRestored = false;

  // Writing

  /** Under a key that is known, nothing is done and the first answer is given again. */
  save(images: readonly NewImage[], key: string = crypto.randomUUID()): readonly Image[] {
    const known = this.#keys.get(key);
    if (known) return known;
    if (images.some(({ prompt }) => !prompt)) throw new Problem("invalid-image", "No prompt.");
    const saved = images.map((image) => this.#append(image));
    this.#keys.set(key, saved);
    return saved;
  }

  /** A day has passed. */
  forgetKeys(): void {
    this.#keys.clear();
  }

  #append({ seed, ...image }: NewImage): Image {
    const cursor = this.#log.length + 1;
    const named = seed === undefined ? image : { ...image, seed: String(seed) };
    const saved = { ...named, cursor, createdAt: new Date(cursor * 1000).toISOString() };
    this.#log.push({ kind: "image", image: saved, mark: newMark() });
    return saved;
  }

  /** Done only when no read shows it any more. */
  remove(cursor: number): void {
    this.decide(cursor);
    this.sync();
  }

  /** All or none, at the position of the library in which they were seen. */
  removeAll(cursors: readonly number[], { cursor, mark }: Position): void {
    if (cursors.length < 1 || cursors.length > 33) throw new Error("1 to 33 cursors.");
    this.#compare(this.#log, cursor, mark);
    const none = cursors.filter((wanted) => this.#log[wanted - 1]?.kind !== "image");
    if (none.length) throw new Problem("not-found", `No such images: ${none.join()}.`);
    for (const wanted of cursors) this.remove(wanted);
  }

  /** Deleted in the log; the reads do not know of it yet. Once is enough. */
  decide(cursor: number): void {
    if (this.#log[cursor - 1]?.kind !== "image") throw new Problem("not-found", "No such image.");
    if (this.#isDeleted(cursor)) return;
    this.#log.push({ kind: "deletion", deletes: cursor, mark: newMark() });
  }

  /** First tombstones, then entries: between the two, reads lack an image whose deletion they do not have. */
  strip(): void {
    for (const entry of this.#log.slice(this.#tail)) {
      if (entry.kind === "deletion") this.#tombstones.add(entry.deletes);
    }
  }

  sync(): Synced {
    this.strip();
    const applied = this.#log.length - this.#tail;
    this.#tail = this.#log.length;
    return { cursor: this.#tail, applied, upToDate: true };
  }

  /** From a backup: all after a cursor never was. */
  restore(cursor: number): void {
    this.wasRestored = true;
    this.#log = this.#log.slice(0, cursor);
    this.#tail = Math.min(this.#tail, cursor);
    this.#tombstones = new Set(
      [...this.#tombstones].filter((tombstone) => this.#isDeleted(tombstone)),
    );
  }

  // Reading

  firstPage(limit: number, atLeast = 0): FirstPage {
    if (this.#tail < atLeast) throw new Problem("not-synced-yet", "Sync.");
    const cursor = this.#tail;
    const count = this.countAt(cursor);
    return { ...this.#down(cursor, limit), cursor, mark: this.#markAt(cursor), count };
  }

  olderPage(before: number, limit: number, mark = ""): Page {
    this.#compare(this.#log.slice(0, this.#tail), before, mark);
    if (before - 1 > this.#tail) throw new Problem("resync-required", "Start over.");
    return this.#down(before - 1, limit);
  }

  #down(from: number, limit: number): Page {
    const lowest = Math.max(from - limit, 0);
    const rows = this.#log.slice(lowest, from).reverse();
    const images = rows.flatMap((row) => (row.kind === "image" ? [row.image] : []));
    const shown = images.filter(({ cursor }) => !this.#tombstones.has(cursor));
    const next = lowest === 0 ? null : lowest + 1;
    return { images: shown, next, nextMark: next === null ? null : this.#markAt(next) };
  }

  changes(after: number, limit: number, mark = ""): Changes {
    this.#compare(this.#log.slice(0, this.#tail), after, mark);
    if (after > this.#tail) throw new Problem("resync-required", "Start over.");
    const cursor = Math.min(after + limit, this.#tail);
    const changes = this.#log
      .slice(after, cursor)
      .flatMap((entry, place): Change | [] => this.#change(entry, after + place + 1));
    return { changes, cursor, mark: this.#markAt(cursor), upToDate: cursor === this.#tail };
  }

  #markAt(cursor: number): string {
    return this.#log[cursor - 1]?.mark ?? "";
  }

  #compare(log: readonly Entry[], cursor: number, mark: string): void {
    if (mark && log[cursor - 1]?.mark !== mark) throw new Problem("resync-required", "Start over.");
  }

  #change(entry: Entry, cursor: number): Change | [] {
    if (entry.kind === "deletion") return { cursor, deleted: entry.deletes };
    return this.#tombstones.has(cursor) ? [] : { cursor, image: entry.image };
  }

  image(cursor: number): Image {
    const entry = cursor <= this.#tail ? this.#log[cursor - 1] : undefined;
    if (entry?.kind === "image" && !this.#tombstones.has(cursor)) return entry.image;
    throw new Problem("not-found", "No such image.");
  }

  // What is true, for comparison

  get end(): number {
    return this.#log.length;
  }

  /** All images that were ever saved and not lost to a restore, oldest first. */
  everSaved(): readonly Image[] {
    return this.#log.flatMap((entry) => (entry.kind === "image" ? [entry.image] : []));
  }

  /** Images that live at a cursor, newest first. */
  liveAt(cursor: number): readonly Image[] {
    const log = this.#log.slice(0, cursor);
    const deleted = new Set(log.map((entry) => entry.kind === "deletion" && entry.deletes));
    const images = log.flatMap((entry) => (entry.kind === "image" ? [entry.image] : []));
    return images.filter((image) => !deleted.has(image.cursor)).reverse();
  }

  countAt(cursor: number): number {
    return this.liveAt(cursor).length;
  }

  lives(cursor: number): boolean {
    return this.#log[cursor - 1]?.kind === "image" && !this.#isDeleted(cursor);
  }

  #isDeleted(cursor: number): boolean {
    return this.#log.some((entry) => entry.kind === "deletion" && entry.deletes === cursor);
  }
}

let marks = 0;

/** What tells this entry from another that may stand at the same cursor after a restore. */
function newMark(): string {
  marks += 1;
  return `mark-${marks}`;
}

let made = 0;

export function someImage(): NewImage {
  made += 1;
  return { prompt: `image ${made}`, imageUrl: `https://images.example/${made}.png` };
}
