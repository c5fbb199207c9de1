/**
 * Deletions. They are hidden at once, held back for some seconds, and then sent one after another.
 * A page that closes sends what it holds: who closes it has not pressed Undo.
 */

import { asProblem, backoff, isTransient, type Problem } from "../api/problem";

/** A deletion that can still be undone, until a time in milliseconds since 1970. */
export interface Removal {
  readonly id: string;
  readonly cursors: readonly number[];
  readonly until: number;
}

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
  /** Tries once more. */
  again(): void;
  /** Gives up. */
  discard(): void;
}

interface Failure {
  readonly cursors: readonly number[];
  readonly problem: Problem;
}

export interface Removing {
  readonly held?: Removal;
  /** Being sent, or done and not yet gone from the library. */
  readonly going: readonly number[];
  readonly failed?: Failure;
}

export interface Surroundings {
  /** Rejects with a Problem, or with what `fetch` threw. */
  send(cursor: number): Promise<void>;
  /** Told when something was deleted: the library has yet to learn of it. */
  sent(): void;
  changed(removing: Removing): void;
  now(): number;
  /** Calls `back` after so many milliseconds. Answers what gives that up. */
  later(back: () => void, milliseconds: number): () => void;
}

/** Milliseconds in which there is an Undo. */
export const HELD = 6000;

/** How often one deletion is sent at most, when the server is in trouble. */
const TRIES = 4;

const NOTHING: Removing = { going: [] };

export class Removals {
  #now: Removing = NOTHING;
  #giveUp = () => {};
  /** What was begun before goes first. */
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly around: Surroundings) {}

  /** Holds these back; what was held until now is sent. */
  remove(cursors: readonly number[]): void {
    this.send();
    const fresh = cursors.filter((cursor) => !this.#now.going.includes(cursor));
    const held = { id: crypto.randomUUID(), cursors: fresh, until: this.around.now() + HELD };
    this.#become({ held, going: this.#now.going });
    this.#giveUp = this.around.later(() => this.send(), HELD);
  }

  undo(): void {
    this.#giveUp();
    const { held, ...others } = this.#now;
    this.#become(others);
  }

  /** Forgets what failed. */
  discard(): void {
    const { failed, ...others } = this.#now;
    this.#become(others);
  }

  /** Sends at once what is held back. */
  send(): void {
    const cursors = this.#takeHeld();
    if (cursors.length) this.#last = this.#last.then(() => this.#sendAll(cursors));
  }

  /** Drops what is gone from the library itself. */
  reached(isGone: (cursor: number) => boolean): void {
    const gone = this.#now.going.filter(isGone);
    if (gone.length) this.#become({ ...this.#now, going: except(this.#now.going, gone) });
  }

  /** The page closes: sends all that is not done, together, since there may be no later. */
  close(): void {
    this.send();
    for (const cursor of this.#now.going) void this.around.send(cursor).catch(() => {});
  }

  #takeHeld(): readonly number[] {
    this.#giveUp();
    const { held, ...others } = this.#now;
    if (!held) return [];
    this.#become({ ...others, going: [...others.going, ...held.cursors] });
    return held.cursors;
  }

  async #sendAll(cursors: readonly number[]): Promise<void> {
    const failed = await this.#firstFailure(cursors);
    if (failed) this.#comeBack(failed);
    this.around.sent();
  }

  /** After one failure the others would fail likewise: they are not sent. */
  async #firstFailure(cursors: readonly number[]): Promise<Failure | undefined> {
    for (const [place, cursor] of cursors.entries()) {
      const problem = await this.#tried(cursor);
      if (problem) return { cursors: cursors.slice(place), problem };
    }
    return undefined;
  }

  async #tried(cursor: number): Promise<Problem | undefined> {
    for (let tries = 1; ; tries++) {
      try {
        await this.around.send(cursor);
        return undefined;
      } catch (thrown) {
        const problem = asProblem(thrown);
        if (problem.code === "not-found") return undefined;
        if (tries === TRIES || !isTransient(problem)) return problem;
        await this.#pause(backoff(problem, tries));
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.around.later(resolve, milliseconds));
  }

  #comeBack(failed: Failure): void {
    this.#become({ ...this.#now, going: except(this.#now.going, failed.cursors), failed });
  }

  #become(now: Removing): void {
    this.#now = now;
    this.around.changed(now);
  }
}

function except(all: readonly number[], some: readonly number[]): readonly number[] {
  return all.filter((one) => !some.includes(one));
}
