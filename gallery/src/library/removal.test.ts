import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../api/problem";
import { Clock, settled } from "../testing/time";
import { HELD, Removals, type Removing } from "./removal";

/** Answers to deletions, by default good ones; what was sent, in its order. */
class World {
  readonly clock = new Clock();
  readonly sent: number[] = [];
  readonly fates: (Problem | TypeError)[] = [];
  /** All that were told to be back. */
  readonly back = new Set<number>();
  told = 0;
  now: Removing = { going: [] };
  readonly removals = new Removals({
    send: async (cursor) => {
      this.sent.push(cursor);
      const fate = this.fates.shift();
      if (fate) throw fate;
    },
    sent: () => (this.told += 1),
    changed: (now) => {
      this.now = now;
      now.failed?.cursors.forEach((cursor) => this.back.add(cursor));
    },
    now: this.clock.now,
    later: this.clock.later,
  });

  hidden(): readonly number[] {
    return [...(this.now.held?.cursors ?? []), ...this.now.going].sort((a, b) => a - b);
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.pass(milliseconds);
    await settled();
  }
}

const BUSY = new Problem("unavailable", "No sure answer.", [], 1);

test("a deletion hides at once, is held back, and is sent when its time is over", async () => {
  const world = new World();
  world.removals.remove([7, 5]);
  expect(world.now.held).toMatchObject({ cursors: [7, 5], until: world.clock.now() + HELD });
  await world.pass(HELD - 1);
  expect(world.sent).toEqual([]);
  await world.pass(1);
  expect(world.sent).toEqual([7, 5]);
  expect(world.told).toBe(1);
});

test("undone, nothing is sent and nothing hidden", async () => {
  const world = new World();
  world.removals.remove([7]);
  world.removals.undo();
  await world.pass(10 * HELD);
  expect([world.sent, world.hidden()]).toEqual([[], []]);
});

test("the next deletion sends what the last one held back", async () => {
  const world = new World();
  world.removals.remove([7]);
  world.removals.remove([8]);
  await settled();
  expect([world.sent, world.hidden()]).toEqual([[7], [7, 8]]);
  world.removals.undo();
  await world.pass(HELD);
  expect(world.sent).toEqual([7]);
});

test("what is done stays hidden until it is gone from the library", async () => {
  const world = new World();
  world.removals.remove([7, 5]);
  await world.pass(HELD);
  world.removals.reached((cursor) => cursor === 7);
  expect(world.hidden()).toEqual([5]);
});

test("trouble is waited out; what is not there is as good as deleted", async () => {
  const world = new World();
  world.fates.push(BUSY, new Problem("not-found", "No such image."));
  world.removals.remove([7, 5]);
  await world.pass(HELD);
  await world.pass(60_000);
  expect(world.sent).toEqual([7, 7, 5]);
  expect(world.now.failed).toBeUndefined();
});

test("what could not be deleted comes back with why, and so does what was to follow it", async () => {
  const world = new World();
  const refused = new Problem("unauthenticated", "Sign in again.");
  world.removals.remove([7, 6, 5]);
  world.removals.send();
  world.fates.push(...[undefined as never, refused]);
  await settled();
  expect(world.sent).toEqual([7, 6]);
  expect(world.hidden()).toEqual([7]);
  expect(world.now.failed).toEqual({ cursors: [6, 5], problem: refused });
});

test("trouble that does not end is given up", async () => {
  const world = new World();
  world.fates.push(...Array.from({ length: 9 }, () => new TypeError("Failed to fetch")));
  world.removals.remove([7]);
  for (let minute = 0; minute < 9; minute++) await world.pass(60_000);
  expect(world.sent).toEqual([7, 7, 7, 7]);
  expect(world.now.failed).toMatchObject({ cursors: [7], problem: { code: "offline" } });
});

test("a page that closes with nothing to delete changes nothing", () => {
  const world = new World();
  const before = world.now;
  world.removals.close();
  expect(world.now).toBe(before);
});

test("a page that closes sends at once all that is not done", async () => {
  const world = new World();
  world.fates.push(BUSY);
  world.removals.remove([7, 6]);
  world.removals.send();
  await settled();
  world.removals.remove([5]);
  world.sent.length = 0;
  world.removals.close();
  expect(world.sent).toEqual([7, 6, 5]);
});

test("in the end each deletion was sent, or is back with why, unless it was undone", async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("remove"), many: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ what: fc.constant("undo"), many: fc.constant(0) }),
    fc.record({ what: fc.constant("pass"), many: fc.integer({ min: 1, max: 4 }) }),
  );
  const fates = fc.array(fc.constantFrom(BUSY, undefined), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fates, async (steps, fates) => {
      const world = new World();
      world.fates.push(...(fates as Problem[]));
      let last = 0;
      const removed = new Set<number>();
      for (const { what, many } of steps) {
        if (what === "pass") await world.pass(many * 2000);
        if (what === "undo") world.now.held?.cursors.forEach((cursor) => removed.delete(cursor));
        if (what === "undo") world.removals.undo();
        if (what !== "remove") continue;
        const cursors = Array.from({ length: many }, () => (last += 1));
        cursors.forEach((cursor) => removed.add(cursor));
        world.removals.remove(cursors);
      }
      for (let minute = 0; minute < 20; minute++) await world.pass(60_000);
      expect(world.hidden()).toEqual([...removed].filter((cursor) => !world.back.has(cursor)));
      expect(new Set([...world.sent, ...world.back])).toEqual(removed);
    }),
  );
});
