import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "../api/problem";
import { ModelServer, someImage } from "../testing/server";
import { Clock, settled } from "../testing/time";
import { withOne, type Kept } from "./kept";
import type { Image, NewImage } from "./library";
import { Outbox, unsavedIn, type Entry, type Save, type SaveResult } from "./outbox";

const HOUR = 3600_000;

/** What may become of one sending. */
const FATES = [
  "well",
  "request lost",
  "answer lost",
  "busy",
  "unsure",
  "too many",
  "signed out",
] as const;
type Fate = (typeof FATES)[number];

/** What is kept on the device, whatever becomes of its pages. */
class Shelf {
  saves: readonly Save[] = [];
  puts = 0;

  /** As one page sees it: what it does after its end has no effect. */
  for(page: { closed: boolean }): Kept<Save> {
    const change = async (next: (saves: readonly Save[]) => readonly Save[]) => {
      await Promise.resolve();
      if (!page.closed) this.saves = next(this.saves);
    };
    return {
      adopt: async () => this.saves,
      put: async (save) => {
        await change((saves) => withOne(saves, save));
        this.puts += 1;
      },
      drop: (id) => change((saves) => saves.filter((save) => save.id !== id)),
    };
  }
}

class World {
  readonly server = new ModelServer();
  readonly clock = new Clock();
  readonly shelf = new Shelf();
  readonly fates: Fate[] = [];
  readonly added: (readonly NewImage[])[] = [];
  readonly results: SaveResult[] = [];
  page!: { outbox: Outbox; closed: boolean; entries: readonly Entry[] };

  constructor() {
    this.open();
  }

  /** A page; the one before goes on beside it, unless it was closed. */
  open(): void {
    const page = { closed: false, entries: [] as readonly Entry[] };
    const outbox = new Outbox({
      kept: this.shelf.for(page),
      send: (save) => this.#send(save, page),
      changed: (entries) => (page.entries = entries),
      now: this.clock.now,
      later: this.clock.later,
    });
    this.page = Object.assign(page, { outbox });
    void outbox.restore();
  }

  /** As a browser does it: in the middle of anything, without a word. */
  close(): void {
    this.page.closed = true;
  }

  /** Adds, and waits until it is kept: a page that ends before never had it. */
  async add(images: readonly NewImage[]): Promise<void> {
    const before = this.shelf.puts;
    void this.page.outbox.add(images).then((result) => this.results.push(result));
    while (this.shelf.puts === before) await Promise.resolve();
    this.added.push(images);
  }

  /** The server knows no key any more. */
  passADay(): void {
    this.server.forgetKeys();
    this.clock.pass(25 * HOUR);
  }

  async #send({ images, key }: Save, page: { closed: boolean }): Promise<readonly Image[]> {
    const begun = this.clock.now();
    await Promise.resolve();
    if (page.closed) return new Promise(() => {});
    if (this.clock.now() - begun > HOUR) throw new TypeError("Failed to fetch"); // the device slept
    const fate = this.fates.shift() ?? "well";
    if (fate === "request lost") throw new TypeError("Failed to fetch");
    if (fate === "busy") throw new Problem("contended", "Nothing was saved.", [], 1);
    if (fate === "too many") throw new Problem("too-many-requests", "Nothing was done.");
    if (fate === "signed out") throw new Problem("unauthenticated", "Sign in again.");
    const saved = this.server.save(images, key);
    if (fate === "answer lost") throw new TypeError("Failed to fetch");
    if (fate === "unsure") throw new Problem("unavailable", "It may have been done.");
    return saved;
  }

  /** The trouble is over, and enough time passes; then a new page has a look, too. */
  async settle(): Promise<void> {
    this.fates.length = 0;
    for (let page = 0; page < 2; page++) {
      for (let minute = 0; minute < 10; minute++) {
        await settled();
        this.page.outbox.wake();
        this.clock.pass(60_000);
      }
      await settled();
      if (page === 0) this.reopen();
    }
  }

  reopen(): void {
    this.close();
    this.open();
  }
}

const calm = [
  fc.record({ what: fc.constant("add" as const), many: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ what: fc.constant("add a wrong one" as const) }),
  fc.record({ what: fc.constant("let go on" as const) }),
  fc.record({ what: fc.constant("a moment" as const) }),
  fc.record({ what: fc.constant("wake" as const) }),
];
const reload = fc.record({ what: fc.constant("reload" as const) });
const anotherTab = fc.record({ what: fc.constant("another tab" as const) });
const aDay = fc.record({ what: fc.constant("a day" as const) });

type Step = { what: string; many?: number };

async function take(world: World, { what, many = 1 }: Step): Promise<void> {
  if (what === "add") await world.add(Array.from({ length: many }, someImage));
  if (what === "add a wrong one") await world.add([{ ...someImage(), prompt: "" }]);
  if (what === "let go on") await settled();
  if (what === "a moment") world.clock.pass(500);
  if (what === "wake") world.page.outbox.wake();
  if (what === "reload") world.reopen();
  if (what === "another tab") world.open();
  if (what === "a day") world.passADay();
}

/** Worlds in which such things have happened. */
function after(...kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<() => Promise<World>> {
  const steps = fc.array(fc.oneof(...kinds), { maxLength: 25 });
  const fates = fc.array(fc.constantFrom(...FATES), { maxLength: 25 });
  return fc.tuple(steps, fates).map(([steps, fates]) => async () => {
    const world = new World();
    world.fates.push(...fates);
    for (const step of steps) await take(world, step);
    return world;
  });
}

function urls(images: readonly { readonly imageUrl: string }[]): readonly string[] {
  return images.map(({ imageUrl }) => imageUrl);
}

function isRight([first]: readonly NewImage[]): boolean {
  return first!.prompt !== "";
}

test("whatever fails, and wherever a page ends, each save is done once and wrong ones never", async () => {
  await fc.assert(
    fc.asyncProperty(after(...calm, reload, anotherTab), async (happen) => {
      const world = await happen();
      await world.settle();
      const right = urls(world.added.filter(isRight).flat());
      expect([...urls(world.server.everSaved())].sort()).toEqual([...right].sort());
    }),
  );
});

test("a batch is saved in one piece, and saves of one page in the order that they were made", async () => {
  await fc.assert(
    fc.asyncProperty(after(...calm, reload), async (happen) => {
      const world = await happen();
      await world.settle();
      const right = urls(world.added.filter(isRight).flat());
      expect(urls(world.server.everSaved())).toEqual(right);
    }),
  );
});

test("each save is answered for: with its images as saved, or with why it was refused", async () => {
  await fc.assert(
    fc.asyncProperty(after(...calm), async (happen) => {
      const world = await happen();
      await world.settle();
      const saved = world.results.flatMap((result) => ("saved" in result ? result.saved : []));
      const refused = world.results.flatMap((result) => ("refused" in result ? [result] : []));
      expect(world.results).toHaveLength(world.added.length);
      expect(saved).toEqual(world.server.everSaved());
      expect(refused.map(({ refused }) => refused.code)).toEqual(
        world.added.filter((images) => !isRight(images)).map(() => "invalid-image"),
      );
    }),
  );
});

test("nothing is kept in the end but what was refused", async () => {
  await fc.assert(
    fc.asyncProperty(after(...calm, reload), async (happen) => {
      const world = await happen();
      await world.settle();
      const wrong = world.added.filter((images) => !isRight(images));
      expect(world.shelf.saves.map(({ images }) => images)).toEqual(wrong);
      expect(world.page.entries.filter(({ state }) => state === "waiting")).toEqual([]);
    }),
  );
});

test("after a day without an answer a save is not repeated: whoever made it is told", async () => {
  await fc.assert(
    fc.asyncProperty(after(...calm, reload, aDay), async (happen) => {
      const world = await happen();
      await world.settle();
      const done = urls(world.server.everSaved());
      const unknown = world.page.entries.filter(
        (entry) => entry.state === "refused" && entry.problem.code === "outcome-unknown",
      );
      const known = [...done, ...urls(unknown.flatMap(({ save }) => save.images))];
      expect(done).toEqual([...new Set(done)]);
      expect(known).toEqual(expect.arrayContaining([...urls(world.added.filter(isRight).flat())]));
    }),
  );
});

function states(world: World): readonly string[] {
  return world.page.entries.map(({ state }) => state);
}

test("a save shows at once, and until the library itself has it", async () => {
  const world = new World();
  void world.page.outbox.add([someImage()]);
  expect(states(world)).toEqual(["waiting"]);
  await settled();
  expect(states(world)).toEqual(["saved"]);
  world.page.outbox.reached(0);
  expect(states(world)).toEqual(["saved"]);
  world.page.outbox.reached(1);
  expect(states(world)).toEqual([]);
});

test("trouble is told while it lasts, and the next try comes no sooner than the server wishes", async () => {
  const world = new World();
  world.fates.push("busy");
  await world.add([someImage()]);
  await settled();
  expect(world.page.entries).toMatchObject([{ state: "waiting", problem: { code: "contended" } }]);
  world.clock.pass(999);
  await settled();
  expect(states(world)).toEqual(["waiting"]);
  world.clock.pass(1);
  await settled();
  expect(states(world)).toEqual(["saved"]);
});

test("without a sign-in nothing is sent until there is one", async () => {
  const world = new World();
  world.fates.push("signed out");
  await world.add([someImage()]);
  await settled();
  world.clock.pass(HOUR);
  await settled();
  expect(states(world)).toEqual(["waiting"]);
  world.page.outbox.wake();
  await settled();
  expect(states(world)).toEqual(["saved"]);
});

test("a refused save stays until it is discarded", async () => {
  const world = new World();
  await world.add([{ ...someImage(), prompt: "" }]);
  await settled();
  expect(states(world)).toEqual(["refused"]);
  await world.page.outbox.discard(world.page.entries[0]!.save.id);
  expect(states(world)).toEqual([]);
  expect(world.shelf.saves).toEqual([]);
});

test("only a refused save can be discarded: another may be done already", async () => {
  const world = new World();
  world.fates.push("answer lost");
  await world.add([someImage()]);
  await settled();
  await world.page.outbox.discard(world.page.entries[0]!.save.id);
  expect(states(world)).toEqual(["waiting"]);
});

test("a save of unknown outcome is sent again when told to, under a new key", async () => {
  const world = new World();
  world.fates.push("request lost");
  await world.add([someImage()]);
  await settled();
  world.passADay();
  await settled();
  expect(states(world)).toEqual(["refused"]);
  const { id, key } = world.page.entries[0]!.save;
  world.page.outbox.retry(id);
  await settled();
  expect(world.page.entries).toMatchObject([{ state: "saved", save: { id } }]);
  expect(world.page.entries[0]!.save.key).not.toBe(key);
});

test("who wants to leave waits until all is saved, but not for trouble", async () => {
  const world = new World();
  for (let n = 0; n < 3; n++) void world.page.outbox.add([someImage()]);
  await world.page.outbox.finish();
  expect([states(world), unsavedIn(world.page.entries)]).toEqual([["saved", "saved", "saved"], 0]);
  world.fates.push("signed out", "signed out");
  await world.add([someImage(), someImage()]);
  await settled();
  await world.page.outbox.finish();
  expect(unsavedIn(world.page.entries)).toBe(2);
  await world.page.outbox.finish(); // tried at once, although it was to wait
  expect(unsavedIn(world.page.entries)).toBe(0);
});

test("two who want to leave at once both learn that something stands in the way", async () => {
  const world = new World();
  world.fates.push("signed out", "signed out", "signed out");
  await world.add([someImage()]);
  await settled();
  const waits = [world.page.outbox.finish(), world.page.outbox.finish()];
  expect(
    await Promise.race([Promise.all(waits), settled(200).then(() => "still waiting")]),
  ).toEqual([undefined, undefined]);
});

test("a save that is taken up later is sent before those that are not begun", async () => {
  const world = new World();
  world.fates.push("busy");
  await world.add([someImage()]);
  await settled();
  await world.add([someImage()]);
  const [begun, next] = world.page.entries.map(({ save }) => save);
  const left: Save = { id: "left", key: "its key", images: [someImage()] };
  world.shelf.saves = [...world.shelf.saves, left];
  await world.page.outbox.restore();
  expect(world.page.entries.map(({ save }) => save.id)).toEqual([begun!.id, "left", next!.id]);
  world.page.outbox.wake();
  await settled(100);
  expect(states(world)).toEqual(["saved", "saved", "saved"]);
});

test("a page that has stopped sends nothing more, and leaves all to the next", async () => {
  const world = new World();
  world.fates.push("request lost");
  await world.add([someImage()]);
  await settled();
  world.page.outbox.stop();
  world.clock.pass(HOUR);
  await settled();
  expect(world.server.everSaved()).toEqual([]);
  world.open();
  await settled();
  expect(world.server.everSaved()).toHaveLength(1);
});
