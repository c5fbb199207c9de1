import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ModelServer, someImage } from "../testing/server";
import {
  find,
  fromFirstPage,
  isCounted,
  isVoid,
  top,
  withChanges,
  withOlderPage,
  type Library,
} from "./library";

const limit = fc.integer({ min: 1, max: 6 });

/** What may happen, in any order. Numbers choose among what there is. */
const step = fc.oneof(
  fc.record({ what: fc.constant("save" as const), many: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ what: fc.constant("delete" as const), which: fc.nat(1000) }),
  fc.record({ what: fc.constant("strip" as const) }),
  fc.record({ what: fc.constant("sync" as const) }),
  fc.record({ what: fc.constant("ask changes" as const), back: fc.nat(5), limit }),
  fc.record({ what: fc.constant("ask older" as const), limit }),
  fc.record({ what: fc.constant("answer" as const), which: fc.nat(1000), again: fc.boolean() }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

type Fold = (library: Library) => Library;

/** A client and the server, with answers that are on their way between them. */
class World {
  readonly server = new ModelServer();
  readonly underWay: Fold[] = [];
  library: Library;

  constructor(before: number, first: number) {
    for (let n = 0; n < before; n++) this.server.save([someImage()]);
    this.server.sync();
    this.library = fromFirstPage(this.server.firstPage(first));
  }

  take(step: Step): void {
    const { server } = this;
    if (step.what === "save") server.save(Array.from({ length: step.many }, someImage));
    if (step.what === "delete") this.#delete(step.which);
    if (step.what === "strip") server.strip();
    if (step.what === "sync") server.sync();
    if (step.what === "ask changes") this.#askChanges(step.back, step.limit);
    if (step.what === "ask older") this.#askOlder(step.limit);
    if (step.what === "answer") this.#answer(step.which, step.again);
  }

  #delete(which: number): void {
    const images = this.server.everSaved();
    const image = images[which % images.length];
    if (image) this.server.decide(image.cursor);
  }

  #askChanges(back: number, limit: number): void {
    const after = Math.max(this.library.cursor - back, 0);
    const feed = this.server.changes(after, limit);
    this.underWay.push((library) => withChanges(library, after, feed));
  }

  #askOlder(limit: number): void {
    const { next } = this.library;
    if (next === null) return;
    const page = this.server.olderPage(next, limit);
    this.underWay.push((library) => withOlderPage(library, next, page));
  }

  #answer(which: number, again: boolean): void {
    const place = which % Math.max(this.underWay.length, 1);
    const [fold] = this.underWay.splice(place, 1);
    if (!fold) return;
    this.library = fold(this.library);
    if (again) this.underWay.push(fold);
  }

  /** Everything arrives, and everything is read. */
  settle(): void {
    for (const fold of this.underWay) this.library = fold(this.library);
    this.server.sync();
    const feed = this.server.changes(this.library.cursor, 1_000_000);
    this.library = withChanges(this.library, this.library.cursor, feed);
    while (this.library.next !== null) {
      const { next } = this.library;
      this.library = withOlderPage(this.library, next, this.server.olderPage(next, 4));
    }
  }
}

const worlds = fc
  .tuple(fc.nat(12), limit, fc.array(step, { maxLength: 60 }))
  .map(([before, first, steps]) => ({ world: new World(before, first), steps }));

function cursors(images: readonly { readonly cursor: number }[]): readonly number[] {
  return images.map(({ cursor }) => cursor);
}

describe("whatever order saves, deletions, polls and older pages come in", () => {
  test("the count is that of the server's log at the cursor", () => {
    fc.assert(
      fc.property(worlds, ({ world, steps }) => {
        for (const step of steps) {
          world.take(step);
          expect(world.library.count).toBe(world.server.countAt(world.library.cursor));
        }
      }),
    );
  });

  test("what is loaded lacks only what was deleted since, and has nothing that was before", () => {
    fc.assert(
      fc.property(worlds, ({ world, steps }) => {
        for (const step of steps) {
          world.take(step);
          const { images, cursor, next } = world.library;
          const live = cursors(world.server.liveAt(cursor));
          const later = new Set(cursors(world.server.liveAt(world.server.end)));
          const inReach = live.filter((one) => next === null || one >= next);
          expect(live).toEqual(expect.arrayContaining([...cursors(images)]));
          expect(cursors(images)).toEqual(
            expect.arrayContaining(inReach.filter((one) => later.has(one))),
          );
        }
      }),
    );
  });

  test("cursors fall strictly, and the feed's position never goes back", () => {
    fc.assert(
      fc.property(worlds, ({ world, steps }) => {
        for (const step of steps) {
          const before = world.library.cursor;
          world.take(step);
          const seen = cursors(world.library.images);
          expect(seen).toEqual([...new Set(seen)].sort((one, other) => other - one));
          expect(world.library.cursor).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });

  test("once all is read, it is the server's library", () => {
    fc.assert(
      fc.property(worlds, ({ world, steps }) => {
        for (const step of steps) world.take(step);
        world.settle();
        expect(world.library.images).toEqual(world.server.liveAt(world.server.end));
        expect(world.library.cursor).toBe(world.server.end);
        expect(world.library.count).toBe(world.library.images.length);
        expect(world.library.gone).toEqual([]);
      }),
    );
  });

  test("the newest part of it, kept and taken up again, comes to the same", () => {
    fc.assert(
      fc.property(worlds, fc.integer({ min: 1, max: 9 }), ({ world, steps }, most) => {
        for (const step of steps) world.take(step);
        world.underWay.length = 0; // another page's answers
        world.library = top(world.library, most);
        world.settle();
        expect(world.library.images).toEqual(world.server.liveAt(world.server.end));
        expect(world.library.count).toBe(world.library.images.length);
      }),
    );
  });
});

/** Ten images were saved, the newest four are loaded, and the feed is at 10. */
function loaded(): { server: ModelServer; library: Library } {
  const { server, library } = new World(10, 4);
  return { server, library };
}

function caughtUp(server: ModelServer, library: Library): Library {
  server.sync();
  return withChanges(library, library.cursor, server.changes(library.cursor, 200));
}

test("an answer without news leaves the very same value: nothing is drawn again", () => {
  const { server, library } = loaded();
  expect(caughtUp(server, library)).toBe(library);
});

test("the same answer twice is as good as once", () => {
  const { server, library } = loaded();
  server.save([someImage()]);
  server.sync();
  const feed = server.changes(10, 200);
  const once = withChanges(library, 10, feed);
  expect(withChanges(once, 10, feed)).toBe(once);
});

test("an answer that begins beyond what is known would leave a hole, and changes nothing", () => {
  const { server, library } = loaded();
  server.save([someImage(), someImage()]);
  server.sync();
  expect(withChanges(library, 11, server.changes(11, 200))).toBe(library);
});

test("an image that was saved and deleted since the last look never shows, and counts for nothing", () => {
  const { server, library } = loaded();
  server.save([someImage()]);
  server.remove(11);
  const next = caughtUp(server, library);
  expect(next).toMatchObject({ count: 10, cursor: 12, images: library.images });
});

test("a deletion below what is loaded lowers the count", () => {
  const { server, library } = loaded();
  server.remove(3);
  expect(caughtUp(server, library)).toMatchObject({ count: 9, images: library.images });
});

test("an older page that was read before a deletion does not bring the image back", () => {
  const { server, library } = loaded();
  const page = server.olderPage(7, 200);
  server.remove(3);
  const next = withOlderPage(caughtUp(server, library), 7, page);
  expect(cursors(next.images)).toEqual([10, 9, 8, 7, 6, 5, 4, 2, 1]);
});

test("a page that does not follow on what is loaded is left out", () => {
  const { server, library } = loaded();
  expect(withOlderPage(library, 6, server.olderPage(6, 200))).toBe(library);
});

test("images are found by their cursor, among holes too", () => {
  const { server, library } = loaded();
  server.remove(8);
  const next = caughtUp(server, library);
  const found = [11, 10, 9, 8, 7, 6].map((cursor) => find(next, cursor)?.cursor);
  expect(found).toEqual([undefined, 10, 9, undefined, 7, undefined]);
});

test("what is counted and what is void are known, loaded or not", () => {
  const { server, library } = loaded();
  server.remove(8);
  server.remove(3);
  const next = caughtUp(server, library);
  const known = [13, 12, 10, 8, 4, 3].map((cursor) => [
    isCounted(next, cursor),
    isVoid(next, cursor),
  ]);
  expect(known).toEqual([
    [false, false], // not heard of yet
    [false, true], // a deletion's cursor
    [true, false],
    [false, true],
    [true, false], // not loaded
    [false, true], // not loaded, and gone
  ]);
});

test("the newest part leaves the others to be read again", () => {
  const { library } = loaded();
  expect(top(library, 2)).toMatchObject({ count: 10, cursor: 10, next: 9 });
  expect(top(library, 4)).toBe(library);
  expect(top(library, 5)).toBe(library);
});
