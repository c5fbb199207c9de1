import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../api/problem";
import { Clock, settled } from "../testing/time";
import { withOne } from "./kept";
import {
  HELD,
  hiddenBy,
  progressOf,
  Removals,
  removalsIn,
  type Deletion,
  type Entry,
} from "./removal";

const SEEN = { cursor: 9, mark: "the mark" };
const BUSY = new Problem("unavailable", "No sure answer.", [], 1);
const EXPIRED = new Problem("unauthenticated", "Sign in again.");
const OFFLINE = new TypeError("Failed to fetch");

/** A server with images, and a device. Pages come and go. */
class World {
  readonly clock = new Clock();
  readonly sent: (readonly number[])[] = [];
  readonly positions: unknown[] = [];
  readonly fates: (Error | undefined)[] = [];
  readonly deleted = new Set<number>();
  /** Cursors at which an image never was. */
  readonly void = new Set<number>();
  kept: readonly Deletion[] = [];
  /** All that the entries ever named as not removed. */
  readonly back = new Set<number>();
  entries: readonly Entry[] = [];
  pages = 0;
  removals = this.open();
  told = 0;

  /** From now on the page before it is dead: whatever it is still answered changes nothing. */
  open(): Removals {
    const page = (this.pages += 1);
    const isAlive = () => page === this.pages;
    this.removals = new Removals({
      kept: {
        adopt: async () => this.kept,
        put: async (deletion) => {
          if (isAlive()) this.kept = withOne(this.kept, deletion);
        },
        drop: async (id) => {
          if (isAlive()) this.kept = this.kept.filter((one) => one.id !== id);
        },
      },
      send: async (cursors, position) => {
        this.sent.push(cursors);
        this.positions.push(position);
        const fate = this.fates.shift();
        if (fate) throw fate;
        if (cursors.some((cursor) => this.void.has(cursor)))
          throw new Problem("not-found", "None.");
        for (const cursor of cursors) this.deleted.add(cursor);
      },
      sent: () => (this.told += 1),
      changed: (entries) => {
        if (!isAlive()) return;
        this.entries = entries;
        for (const { state, left } of entries)
          if (state === "failed") left.forEach((cursor) => this.back.add(cursor));
      },
      now: this.clock.now,
      later: this.clock.later,
    });
    return this.removals;
  }

  /** The page is killed, without a word; its timers are gone. */
  async next(): Promise<void> {
    this.removals.stop();
    await this.open().restore();
    await settled(200);
  }

  remove(...cursors: number[]): void {
    this.removals.remove(cursors, SEEN);
  }

  get hidden(): readonly number[] {
    return hiddenBy(this.entries);
  }

  get failed(): Entry | undefined {
    return this.entries.find(({ state }) => state === "failed");
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.pass(milliseconds);
    await settled(200);
  }
}

function downFrom(most: number): number[] {
  return Array.from({ length: most }, (_, n) => most - n);
}

test("a deletion hides at once, is held back, and is sent when its time is over", async () => {
  const world = new World();
  world.remove(7, 5);
  expect(removalsIn(world.entries)).toMatchObject([
    { cursors: [7, 5], until: world.clock.now() + HELD },
  ]);
  await world.pass(HELD - 1);
  expect([world.sent, world.hidden]).toEqual([[], [7, 5]]);
  await world.pass(1);
  expect(world.sent).toEqual([[7, 5]]);
  expect(world.positions).toEqual([SEEN]);
  expect(removalsIn(world.entries)).toEqual([]);
});

test("undone, nothing is sent, nothing hidden and nothing kept", async () => {
  const world = new World();
  world.remove(7);
  expect(world.removals.undo()).toBe(true);
  await world.pass(10 * HELD);
  expect([world.sent, world.hidden, world.kept]).toEqual([[], [], []]);
});

test("each deletion has its own time to be undone, whatever is deleted after it", async () => {
  const world = new World();
  for (const cursor of [7, 6, 5]) {
    world.remove(cursor);
    await world.pass(400);
  }
  expect(world.sent).toEqual([]);
  expect(removalsIn(world.entries).map(({ cursors }) => cursors)).toEqual([[5], [6], [7]]);
  await world.pass(HELD - 1200);
  expect(world.sent).toEqual([[7]]);
  await world.pass(800);
  expect(world.sent).toEqual([[7], [6], [5]]);
});

test("undo takes the newest back, again and again, and one that is named", async () => {
  const world = new World();
  for (const cursor of [8, 7, 6, 5]) world.remove(cursor);
  const eight = removalsIn(world.entries)[3]!.id;
  expect(world.removals.undo()).toBe(true);
  expect(world.hidden).toEqual([8, 7, 6]);
  expect(world.removals.undo(eight)).toBe(true);
  expect(world.hidden).toEqual([7, 6]);
  expect([world.removals.undo(), world.removals.undo(), world.removals.undo()]).toEqual([
    true,
    true,
    false,
  ]);
  await world.pass(HELD);
  expect([world.sent, world.hidden]).toEqual([[], []]);
});

test("what is being sent can be undone no more", async () => {
  const world = new World();
  world.fates.push(BUSY);
  world.remove(7);
  const id = removalsIn(world.entries)[0]?.id;
  await world.pass(HELD);
  expect([world.removals.undo(), world.removals.undo(id), world.hidden]).toEqual([
    false,
    false,
    [7],
  ]);
});

test("many are sent 33 at a time, and how many are done is told", async () => {
  const world = new World();
  world.remove(...downFrom(100));
  const seen: unknown[] = [];
  world.fates.push(undefined, undefined, BUSY);
  await world.pass(HELD);
  seen.push(progressOf(world.entries));
  await world.pass(60_000);
  seen.push(progressOf(world.entries));
  expect(world.sent.map(({ length }) => length)).toEqual([33, 33, 33, 33, 1]);
  expect(world.deleted.size).toBe(100);
  expect(seen).toEqual([{ done: 66, total: 100, delay: BUSY }, undefined]);
});

test("many are sent from the newest on, in whatever order they were picked", async () => {
  const world = new World();
  const picked = downFrom(100).reverse();
  picked.push(...picked.splice(20, 40));
  world.remove(...picked);
  await world.pass(HELD);
  expect(world.sent.flat()).toEqual(downFrom(100));
});

test("what a page did not get through is sent by the next one, and no more than that", async () => {
  const world = new World();
  world.remove(...downFrom(100));
  world.fates.push(undefined, BUSY);
  await world.pass(HELD);
  expect(world.deleted.size).toBe(33);
  world.sent.length = 0;
  await world.next();
  expect(world.sent.flat()).toEqual(downFrom(100).slice(33));
  expect([world.deleted.size, world.kept]).toEqual([100, []]);
});

test("what a page that was killed still held is sent by the next one, with its position", async () => {
  const world = new World();
  world.remove(7);
  world.remove(5);
  world.removals.undo();
  await world.next();
  expect([world.sent, world.positions, world.hidden]).toEqual([[[7]], [SEEN], [7]]);
});

test("what is done stays hidden until it is gone from the library", async () => {
  const world = new World();
  world.remove(7);
  world.remove(5);
  await world.pass(HELD);
  world.removals.reached((cursor) => cursor === 7);
  expect(world.hidden).toEqual([5]);
});

test("trouble is waited out, however long, and told meanwhile", async () => {
  const world = new World();
  world.fates.push(...Array.from({ length: 9 }, () => OFFLINE));
  world.remove(7);
  await world.pass(HELD);
  expect(progressOf(world.entries)).toMatchObject({
    done: 0,
    total: 1,
    delay: { code: "offline" },
  });
  for (let minute = 0; minute < 9; minute++) await world.pass(60_000);
  expect(world.sent).toHaveLength(10);
  expect([world.deleted.has(7), world.failed]).toEqual([true, undefined]);
});

test("without a sign-in it waits until someone has signed in", async () => {
  const world = new World();
  world.fates.push(EXPIRED);
  world.remove(7);
  await world.pass(HELD);
  await world.pass(3600_000);
  expect([world.sent, world.hidden]).toEqual([[[7]], [7]]);
  world.removals.wake();
  await settled(200);
  expect(world.deleted.has(7)).toBe(true);
});

test("what is not there is as good as deleted, and keeps nothing else from being", async () => {
  const world = new World();
  world.void.add(5).add(12);
  world.remove(...downFrom(20));
  await world.pass(HELD);
  expect(world.deleted.size).toBe(18);
  expect([world.failed, world.kept, progressOf(world.entries)]).toEqual([undefined, [], undefined]);
});

test("what could not be deleted comes back with why, and can be tried again or given up", async () => {
  const world = new World();
  const refused = new Problem("forbidden" as never, "This is forbidden.");
  world.fates.push(undefined, refused);
  world.remove(...downFrom(50));
  await world.pass(HELD);
  expect(world.failed).toMatchObject({ left: downFrom(50).slice(33), problem: refused });
  expect([world.hidden, world.kept]).toEqual([downFrom(50).slice(0, 33), []]);
  const { id } = world.failed!.deletion;
  world.fates.push(refused);
  world.removals.again(id);
  await settled(200);
  expect(world.failed).toMatchObject({ left: downFrom(50).slice(33) });
  world.removals.again(id);
  await settled(200);
  expect([world.deleted.size, world.failed]).toEqual([50, undefined]);
});

test("one that failed is forgotten when it is given up", async () => {
  const world = new World();
  world.fates.push(new Problem("invalid-parameter", "No."));
  world.remove(7);
  await world.pass(HELD);
  world.removals.discard(world.failed!.deletion.id);
  await world.pass(HELD);
  expect([world.entries, world.sent]).toEqual([[], [[7]]]);
});

test("a deletion that was meant for another library is dropped, and that is told", async () => {
  const world = new World();
  world.fates.push(new Problem("resync-required", "Start over."));
  world.remove(7);
  await world.pass(HELD);
  expect([world.hidden, world.kept, world.told]).toEqual([[], [], 1]);
  expect(world.failed?.problem).toMatchObject({
    code: "resync-required",
    detail: expect.stringContaining("Nothing was deleted"),
  });
});

test("when the server has another library, nothing that was meant for the last one is sent", async () => {
  const world = new World();
  world.fates.push(undefined, BUSY);
  world.remove(1);
  await world.pass(HELD);
  world.remove(2);
  await world.pass(HELD);
  world.remove(3);
  world.removals.outlived();
  expect([world.hidden, world.kept]).toEqual([[], []]);
  await world.pass(60_000);
  expect(world.sent).toEqual([[1], [2]]);
  expect([...world.back]).toEqual([2, 3]);
});

test("a page that closes with nothing to delete sends nothing", async () => {
  const world = new World();
  world.removals.close();
  await settled(200);
  expect(world.sent).toEqual([]);
});

test("a page that closes sends at once what it holds and what it waits with", async () => {
  const world = new World();
  world.fates.push(BUSY);
  world.remove(7);
  await world.pass(HELD);
  world.remove(5);
  world.sent.length = 0;
  world.removals.close();
  world.removals.stop();
  expect(world.sent).toEqual([[7], [5]]);
});

test("a page that closes sends each once, and the next page what was too much", async () => {
  const world = new World();
  world.remove(...downFrom(400));
  world.removals.close();
  expect(world.sent.map(([first]) => first)).toEqual([400, 367, 334, 301, 268, 235, 202, 169]);
  await world.next();
  expect(world.deleted.size).toBe(400);
});

test("who wants to leave waits until all is sent, but not for trouble", async () => {
  const world = new World();
  world.remove(...downFrom(100));
  await world.removals.finish();
  expect(world.deleted.size).toBe(100);
  world.fates.push(BUSY);
  world.remove(101);
  await world.removals.finish();
  expect(progressOf(world.entries)).toMatchObject({ done: 0, total: 1 });
  await world.removals.finish(); // tried at once, although it was to wait
  expect(world.deleted.size).toBe(101);
});

test("in the end each deletion is done, or is back with why, unless it was undone", async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("remove"), many: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ what: fc.constant("undo"), many: fc.constant(0) }),
    fc.record({ what: fc.constant("pass"), many: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ what: fc.constant("kill"), many: fc.constant(0) }),
    fc.record({ what: fc.constant("close"), many: fc.constant(0) }),
  );
  const refused = new Problem("invalid-parameter", "No.");
  const fates = fc.array(fc.constantFrom(BUSY, OFFLINE, refused, undefined), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fates, async (steps, fates) => {
      const world = new World();
      world.fates.push(...fates);
      let last = 0;
      const removed = new Set<number>();
      for (const { what, many } of steps) {
        if (what === "pass") await world.pass(many * 2000);
        if (what === "kill") await world.next();
        if (what === "close") world.removals.close();
        const [newest] = removalsIn(world.entries);
        if (what === "undo" && world.removals.undo())
          newest!.cursors.forEach((cursor) => removed.delete(cursor));
        if (what !== "remove") continue;
        const cursors = Array.from({ length: many }, () => (last += 1));
        cursors.forEach((cursor) => removed.add(cursor));
        world.remove(...cursors);
      }
      for (let minute = 0; minute < 30; minute++) await world.pass(60_000);
      expect(new Set([...world.deleted, ...world.back])).toEqual(removed);
      expect([progressOf(world.entries), world.kept]).toEqual([undefined, []]);
    }),
    { numRuns: 200 },
  );
});
