/**
 * Saves that are not confirmed yet. Each is kept on the device before it is sent, sent in its turn
 * under its own Idempotency-Key, and sent again under the same one until it is answered: after
 * network trouble, a reload or a new sign-in it is neither lost nor done twice.
 */

import { Problem, asProblem, backoff, isTransient } from "../api/problem";
import type { Image, NewImage } from "./library";

export interface Save {
  readonly id: string;
  /** Its Idempotency-Key. */
  readonly key: string;
  readonly images: readonly NewImage[];
  /** When it was first sent, if it was: milliseconds since 1970. */
  readonly sent?: number;
}

/** `waiting` is waiting for its turn, for an answer or (`problem`) for better times. */
export type Entry =
  | { readonly state: "waiting"; readonly save: Save; readonly problem?: Problem }
  | { readonly state: "refused"; readonly save: Save; readonly problem: Problem }
  | { readonly state: "saved"; readonly save: Save; readonly images: readonly Image[] };

type Confirmed = Extract<Entry, { readonly state: "saved" }>;

/** How a save ended: all of its images are saved, or none is. */
export type SaveResult =
  { readonly saved: readonly Image[] } | { readonly refused: Problem; readonly id: string };

/** Where saves are kept. */
export interface Kept {
  load(): Promise<readonly Save[]>;
  /** Replaces the one of the same id. */
  put(save: Save): Promise<void>;
  drop(id: string): Promise<void>;
}

export interface Surroundings {
  readonly kept: Kept;
  /** Rejects with a Problem, or with what `fetch` threw. */
  send(save: Save): Promise<readonly Image[]>;
  /** Told whenever the entries have changed: oldest first. */
  changed(entries: readonly Entry[]): void;
  now(): number;
  /** Calls `back` after so many milliseconds. Answers what gives that up. */
  later(back: () => void, milliseconds: number): () => void;
}

/** The server knows a key for 24 hours: later, the same save would be done again. */
const KEY_LASTS = 23 * 3600_000;

const UNKNOWN = new Problem(
  "outcome-unknown",
  "This was sent more than a day ago, and no answer came: it may have been saved. Look for it " +
    "before you save it again.",
);

export class Outbox {
  #entries: readonly Entry[] = [];
  readonly #results = new Map<string, (result: SaveResult) => void>();
  #running = Promise.resolve();
  #isRunning = false;
  #stopped = false;
  #failures = 0;
  #wake = () => {};
  #stuck = () => {};

  constructor(private readonly around: Surroundings) {}

  /** Takes up what an earlier page left. */
  async restore(): Promise<void> {
    const left = await this.around.kept.load();
    this.#become([...left.map(waiting), ...this.#entries]);
    this.#run();
  }

  /** Resolves once the save is confirmed or refused, however long that takes. */
  async add(images: readonly NewImage[]): Promise<SaveResult> {
    const save = { id: crypto.randomUUID(), key: crypto.randomUUID(), images };
    const result = new Promise<SaveResult>((resolve) => this.#results.set(save.id, resolve));
    this.#become([...this.#entries, waiting(save)]);
    await this.around.kept.put(save);
    this.#run();
    return result;
  }

  /** Forgets a save that was refused. */
  async discard(id: string): Promise<void> {
    if (!this.#refused(id)) return;
    this.#become(this.#entries.filter(({ save }) => save.id !== id));
    await this.around.kept.drop(id);
  }

  /** Sends a refused save again: under a new key if the old one is known no more. */
  retry(id: string): void {
    const entry = this.#refused(id);
    if (!entry) return;
    this.#replace(waiting(this.#isForgotten(entry.save) ? renewed(entry.save) : entry.save));
    this.#run();
  }

  /** Tries again at once: there is a network again, or someone has signed in. */
  wake(): void {
    this.#wake();
  }

  /** Drops what is confirmed, once the library itself shows it, up to `cursor`. */
  reached(cursor: number): void {
    const left = this.#entries.filter((entry) => !isConfirmed(entry) || highest(entry) > cursor);
    if (left.length < this.#entries.length) this.#become(left);
  }

  /** Sends what waits. Resolves when all is answered, or when something stands in the way. */
  async finish(): Promise<void> {
    const stuck = new Promise<void>((resolve) => (this.#stuck = resolve));
    this.#run();
    this.#wake();
    await Promise.race([this.#running, stuck]);
  }

  /** Sends nothing more; what is kept stays kept. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  #run(): void {
    if (!this.#isRunning) this.#running = this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isRunning = true;
    for (let save = this.#first(); save; save = this.#first()) await this.#attempt(save);
    this.#isRunning = false;
  }

  #first(): Save | undefined {
    if (this.#stopped) return undefined;
    return this.#entries.find(({ state }) => state === "waiting")?.save;
  }

  async #attempt(save: Save): Promise<void> {
    const sent = { ...save, sent: save.sent ?? this.around.now() };
    this.#replace(waiting(sent));
    await this.around.kept.put(sent);
    if (this.#stopped) return;
    if (this.#isForgotten(sent)) return this.#refuse(sent, UNKNOWN); // looked at last of all
    try {
      await this.#confirm(sent, await this.around.send(sent));
    } catch (thrown) {
      await this.#fail(sent, asProblem(thrown));
    }
  }

  async #confirm(save: Save, images: readonly Image[]): Promise<void> {
    this.#failures = 0;
    this.#replace({ state: "saved", save, images });
    this.#settle(save.id, { saved: images });
    await this.around.kept.drop(save.id);
  }

  async #fail(save: Save, problem: Problem): Promise<void> {
    const signedOut = problem.code === "unauthenticated";
    if (!signedOut && !isTransient(problem)) return this.#refuse(save, problem);
    this.#failures += 1;
    this.#replace({ state: "waiting", save, problem });
    await this.#pause(signedOut ? undefined : backoff(problem, this.#failures));
  }

  #refuse(save: Save, problem: Problem): void {
    this.#replace({ state: "refused", save, problem });
    this.#settle(save.id, { refused: problem, id: save.id });
  }

  /** Until woken, or for so many milliseconds. */
  async #pause(milliseconds: number | undefined): Promise<void> {
    this.#stuck();
    await new Promise<void>((resolve) => {
      const giveUp =
        milliseconds === undefined ? () => {} : this.around.later(resolve, milliseconds);
      this.#wake = () => {
        giveUp();
        resolve();
      };
      if (this.#stopped) this.#wake();
    });
    this.#wake = () => {};
  }

  #isForgotten({ sent }: Save): boolean {
    return sent !== undefined && this.around.now() - sent > KEY_LASTS;
  }

  #refused(id: string): Entry | undefined {
    return this.#entries.find(({ save, state }) => save.id === id && state === "refused");
  }

  #settle(id: string, result: SaveResult): void {
    this.#results.get(id)?.(result);
    this.#results.delete(id);
  }

  #replace(entry: Entry): void {
    this.#become(this.#entries.map((old) => (old.save.id === entry.save.id ? entry : old)));
  }

  #become(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.around.changed(entries);
  }
}

function waiting(save: Save): Entry {
  return { state: "waiting", save };
}

function renewed({ id, images }: Save): Save {
  return { id, key: crypto.randomUUID(), images };
}

function isConfirmed(entry: Entry): entry is Confirmed {
  return entry.state === "saved";
}

function highest({ images }: Confirmed): number {
  return Math.max(...images.map(({ cursor }) => cursor));
}

/** How many images are not saved, refused ones too. */
export function unsavedIn(entries: readonly Entry[]): number {
  const unsaved = entries.filter((entry) => !isConfirmed(entry));
  return unsaved.reduce((sum, { save }) => sum + save.images.length, 0);
}

/** In its old place, if it had one. */
export function withSave(saves: readonly Save[], save: Save): readonly Save[] {
  const isKnown = saves.some(({ id }) => id === save.id);
  return isKnown ? saves.map((old) => (old.id === save.id ? save : old)) : [...saves, save];
}
