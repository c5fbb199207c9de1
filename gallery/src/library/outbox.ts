/**
 * Saves that are not confirmed yet. Each is kept on the device before it is sent, sent in its turn
 * under its own Idempotency-Key, and sent again under the same one until it is answered: after
 * network trouble, a reload or a new sign-in it is neither lost nor done twice.
 */

import { Problem, asProblem, backoff, isTransient } from "../api/problem";
import type { Kept } from "./kept";
import type { Image, NewImage } from "./library";
import { Pause } from "./pause";

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

export interface Surroundings {
  readonly kept: Kept<Save>;
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
  readonly #pause: Pause;

  constructor(private readonly around: Surroundings) {
    this.#pause = new Pause(around.later);
  }

  /** Takes up what pages left that are no more. */
  async restore(): Promise<void> {
    const left = await this.around.kept.adopt();
    const known = new Set(this.#entries.map(({ save }) => save.id));
    const fresh = left.filter(({ id }) => !known.has(id));
    if (!fresh.length || this.#stopped) return;
    const begun = this.#entries.filter(isBegun);
    const others = this.#entries.filter((entry) => !isBegun(entry));
    this.#become([...begun, ...fresh.map(waiting), ...others]);
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
    this.#pause.end();
  }

  /** Drops what is confirmed, once the library itself shows it, up to `cursor`. */
  reached(cursor: number): void {
    const left = this.#entries.filter((entry) => !isConfirmed(entry) || highest(entry) > cursor);
    if (left.length < this.#entries.length) this.#become(left);
  }

  /** Sends what waits. Resolves when all is answered, or when something stands in the way. */
  async finish(): Promise<void> {
    this.#run();
    this.#pause.end();
    await this.#pause.orDone(this.#running);
  }

  /** Sends nothing more; what is kept stays kept. */
  stop(): void {
    this.#stopped = true;
    this.#pause.close();
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
    await this.#pause.begin(signedOut ? undefined : backoff(problem, this.#failures));
  }

  #refuse(save: Save, problem: Problem): void {
    this.#replace({ state: "refused", save, problem });
    this.#settle(save.id, { refused: problem, id: save.id });
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

function isBegun({ state, save }: Entry): boolean {
  return state !== "waiting" || save.sent !== undefined;
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
