/**
 * Deletions that are not done yet. Each hides its images at once, is kept on the device, and can be
 * undone for some seconds of its own. Then it is sent, some images at a time, until all are answered:
 * after network trouble, a reload or a new sign-in it goes on with what is left.
 *
 *   held ──► going ──► done        undo: held ──► nothing
 *               └────► failed      (the images are back)
 *
 * A page that closes sends what it holds, and the next page sends what is left of it: who closes a
 * page has not pressed Undo.
 */

import type { Position } from "../api/client";
import { Problem, asProblem, backoff, isTransient } from "../api/problem";
import type { Kept } from "./kept";
import { Pause } from "./pause";

/** A deletion as the device keeps it. */
export interface Deletion {
  readonly id: string;
  readonly cursors: readonly number[];
  /** The library that was seen when it was decided. */
  readonly position: Position;
  /** Until when it can be undone: milliseconds since 1970. */
  readonly until: number;
}

/** A deletion that can still be undone, until a time in milliseconds since 1970. */
export type Removal = Pick<Deletion, "id" | "cursors" | "until">;

/** How many images of those that are being deleted are done. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Why it takes longer: it is tried again by itself. */
  readonly delay?: Problem;
}

/** A deletion that did not come about: its images are back. */
export interface NotRemoved {
  readonly id: string;
  readonly cursors: readonly number[];
  readonly problem: Problem;
  /** Tries once more; absent where that would be of no use. */
  readonly again?: () => void;
  /** Gives up. */
  discard(): void;
}

export interface Entry {
  readonly state: "held" | "going" | "done" | "failed";
  readonly deletion: Deletion;
  /** Those of its images that are not known to be deleted. */
  readonly left: readonly number[];
  /** Why it failed, or (`going`) why it waits. */
  readonly problem?: Problem;
}

export interface Surroundings {
  readonly kept: Kept<Deletion>;
  /** Rejects with a Problem, or with what `fetch` threw. */
  send(cursors: readonly number[], position: Position): Promise<void>;
  /** Told when images were deleted: the library has yet to learn of it. */
  sent(): void;
  /** Told whenever the entries have changed: oldest first. */
  changed(entries: readonly Entry[]): void;
  now(): number;
  /** Calls `back` after so many milliseconds. Answers what gives that up. */
  later(back: () => void, milliseconds: number): () => void;
}

/** Milliseconds in which there is an Undo. */
export const HELD = 6000;

/** As many images as one request may delete. */
export const MOST = 33;

/** Requests that a page which closes sends at once: the server does one after another of them. */
const AT_THE_END = 8;

const ANOTHER_LIBRARY = new Problem(
  "resync-required",
  "Your library was replaced on the server, as after a restore. Nothing was deleted. Look at the " +
    "images again before you delete any.",
);

export class Removals {
  #entries: readonly Entry[] = [];
  readonly #timers = new Map<string, () => void>();
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
    const known = new Set(this.#entries.map(({ deletion }) => deletion.id));
    const fresh = left.filter(({ id }) => !known.has(id));
    if (!fresh.length || this.#stopped) return;
    this.#become([...fresh.map(going), ...this.#entries]);
    this.#run();
  }

  remove(cursors: readonly number[], position: Position): void {
    const hidden = new Set(hiddenBy(this.#entries));
    const fresh = newestFirst(cursors.filter((cursor) => !hidden.has(cursor)));
    if (!fresh.length) return;
    const until = this.around.now() + HELD;
    const deletion = { id: crypto.randomUUID(), cursors: fresh, position, until };
    this.#become([...this.#entries, { state: "held", deletion, left: fresh }]);
    void this.around.kept.put(deletion);
    this.#timers.set(
      deletion.id,
      this.around.later(() => this.#due(deletion.id), HELD),
    );
  }

  /** Undoes this one, else the newest; false if it cannot be undone any more. */
  undo(id = this.#entries.findLast(isHeld)?.deletion.id): boolean {
    const entry = this.#entries.find(({ deletion }) => deletion.id === id);
    if (!entry || !isHeld(entry)) return false;
    this.#forget(entry);
    return true;
  }

  /** Tries a failed one once more. */
  again(id: string): void {
    const entry = this.#entries.find((entry) => entry.deletion.id === id && isFailed(entry));
    if (!entry) return;
    const deletion = { ...entry.deletion, cursors: entry.left };
    void this.around.kept.put(deletion);
    this.#replace(going(deletion));
    this.#run();
  }

  /** Forgets a failed one. */
  discard(id: string): void {
    this.#become(this.#entries.filter((entry) => entry.deletion.id !== id || !isFailed(entry)));
  }

  /** Tries again at once: there is a network again, or someone has signed in. */
  wake(): void {
    this.#pause.end();
  }

  /** Drops what is done and gone from the library itself. */
  reached(isGone: (cursor: number) => boolean): void {
    const isOver = ({ state, deletion }: Entry) =>
      state === "done" && deletion.cursors.every(isGone);
    if (this.#entries.some(isOver)) this.#become(this.#entries.filter((one) => !isOver(one)));
  }

  /** The server has another library now: none of these cursors means what it meant. */
  outlived(): void {
    for (const entry of this.#entries) {
      if (entry.state === "done") this.#forget(entry);
      else if (!isFailed(entry)) this.#fail(entry, ANOTHER_LIBRARY);
    }
  }

  /** Sends what is held. Resolves when all is sent, or when something stands in the way. */
  async finish(): Promise<void> {
    this.#due();
    this.#pause.end();
    await this.#pause.orDone(this.#running);
  }

  /**
   * The page closes: sends much of what is not done at once, since there may be no later. What is
   * not answered stays kept, for the next page.
   */
  close(): void {
    this.#due();
    const chunks = this.#entries
      .filter(isGoing)
      .flatMap(({ left, deletion }) => chunked(left).map((some) => [some, deletion] as const));
    const first = this.#pause.isOn ? 0 : 1; // else the first is being sent already
    for (const [some, { position }] of chunks.slice(first, AT_THE_END)) {
      void this.around.send(some, position).catch(() => {});
    }
  }

  /** Sends nothing more; what is kept stays kept. */
  stop(): void {
    this.#stopped = true;
    for (const giveUp of this.#timers.values()) giveUp();
    this.#pause.close();
  }

  /** Its time to be undone is over, or that of all. */
  #due(id?: string): void {
    for (const { deletion } of this.#entries.filter(isHeld)) {
      if (id !== undefined && deletion.id !== id) continue;
      this.#giveUpTimer(deletion.id);
      this.#replace(going(deletion));
    }
    this.#run();
  }

  #run(): void {
    if (!this.#isRunning) this.#running = this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isRunning = true;
    for (let most = MOST, entry = this.#next(); entry; entry = this.#next()) {
      most = await this.#attempt(entry, most);
    }
    this.#isRunning = false;
  }

  #next(): Entry | undefined {
    return this.#stopped ? undefined : this.#entries.find(isGoing);
  }

  /** Sends up to `most` images of it. Answers how many to send next. */
  async #attempt(entry: Entry, most: number): Promise<number> {
    const some = entry.left.slice(0, most);
    try {
      await this.around.send(some, entry.deletion.position);
    } catch (thrown) {
      const problem = asProblem(thrown);
      if (problem.code !== "not-found") return this.#trouble(entry.deletion.id, problem, most);
      if (some.length > 1) return Math.ceil(some.length / 2); // one never was an image
    }
    await this.#done(entry.deletion.id, some);
    return Math.min(MOST, most * 2);
  }

  async #done(id: string, some: readonly number[]): Promise<void> {
    this.#failures = 0;
    const entry = this.#going(id);
    if (!entry) return;
    const left = entry.left.filter((cursor) => !some.includes(cursor));
    const { deletion } = entry;
    this.#replace({ state: left.length ? "going" : "done", deletion, left });
    this.around.sent();
    if (!left.length) await this.around.kept.drop(id);
    else if (!this.#stopped) await this.around.kept.put({ ...deletion, cursors: left });
  }

  async #trouble(id: string, problem: Problem, most: number): Promise<number> {
    const entry = this.#going(id);
    const signedOut = problem.code === "unauthenticated";
    if (!entry) return most;
    if (signedOut || isTransient(problem)) {
      this.#failures += 1;
      this.#replace({ ...entry, problem });
      await this.#pause.begin(signedOut ? undefined : backoff(problem, this.#failures));
    } else {
      this.#fail(entry, problem.code === "resync-required" ? ANOTHER_LIBRARY : problem);
      this.around.sent();
    }
    return most;
  }

  #fail({ deletion, left }: Entry, problem: Problem): void {
    this.#giveUpTimer(deletion.id);
    this.#replace({ state: "failed", deletion, left, problem });
    void this.around.kept.drop(deletion.id);
  }

  #going(id: string): Entry | undefined {
    return this.#entries.find((entry) => entry.deletion.id === id && isGoing(entry));
  }

  #giveUpTimer(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }

  #forget({ deletion }: Entry): void {
    this.#giveUpTimer(deletion.id);
    this.#become(this.#entries.filter((entry) => entry.deletion.id !== deletion.id));
    void this.around.kept.drop(deletion.id);
  }

  #replace(entry: Entry): void {
    const { id } = entry.deletion;
    this.#become(this.#entries.map((old) => (old.deletion.id === id ? entry : old)));
  }

  #become(entries: readonly Entry[]): void {
    this.#entries = entries;
    this.around.changed(entries);
  }
}

function going(deletion: Deletion): Entry {
  return { state: "going", deletion, left: deletion.cursors };
}

const isHeld = ({ state }: Entry): boolean => state === "held";
const isGoing = ({ state }: Entry): boolean => state === "going";
const isFailed = ({ state }: Entry): boolean => state === "failed";

/** In this order the server's pages can pass over all that one deletion leaves, however large. */
function newestFirst(cursors: readonly number[]): readonly number[] {
  return cursors.toSorted((one, other) => other - one);
}

function chunked(cursors: readonly number[]): readonly (readonly number[])[] {
  const count = Math.ceil(cursors.length / MOST);
  return Array.from({ length: count }, (_, n) => cursors.slice(n * MOST, (n + 1) * MOST));
}

/** The images that are not to be shown. */
export function hiddenBy(entries: readonly Entry[]): readonly number[] {
  return entries.flatMap((entry) => {
    const { cursors } = entry.deletion;
    return isFailed(entry) ? cursors.filter((cursor) => !entry.left.includes(cursor)) : cursors;
  });
}

export function removalsIn(entries: readonly Entry[]): readonly Removal[] {
  return entries
    .filter(isHeld)
    .map(({ deletion }) => deletion)
    .reverse();
}

/** How many images are still to be deleted, also where that can be undone. */
export function undeletedIn(entries: readonly Entry[]): number {
  const open = entries.filter((entry) => isHeld(entry) || isGoing(entry));
  return open.reduce((sum, { left }) => sum + left.length, 0);
}

/** Of those deletions that are being sent. */
export function progressOf(entries: readonly Entry[]): Progress | undefined {
  const going = entries.filter(isGoing);
  if (!going.length) return undefined;
  const total = going.reduce((sum, { deletion }) => sum + deletion.cursors.length, 0);
  const left = going.reduce((sum, entry) => sum + entry.left.length, 0);
  const delay = going[0]!.problem;
  return { done: total - left, total, ...(delay && { delay }) };
}
