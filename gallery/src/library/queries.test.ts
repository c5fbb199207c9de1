import { QueryClient, QueryObserver, environmentManager } from "@tanstack/solid-query";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Problem } from "../api/problem";
import { atOnce, modelApi, type Bring } from "../testing/api";
import { ModelServer, someImage } from "../testing/server";
import { fromFirstPage, type Library } from "./library";
import { catchUp, follow, libraryKey, libraryQuery, loadOlder, type Sources } from "./queries";

environmentManager.setIsServer(() => false);

/** A page that shows alice's library. */
class Page {
  readonly client = new QueryClient();
  readonly asked: string[] = [];
  readonly api;
  readonly observer;
  readonly close: () => void;

  constructor(
    readonly server: ModelServer,
    { bring = atOnce, kept, saved = 0 }: { bring?: Bring; kept?: Library; saved?: number } = {},
  ) {
    this.api = recording(modelApi(server, bring), this.asked);
    const sources: Sources = { api: this.api, kept: async () => kept, saved: () => saved };
    this.observer = new QueryObserver(this.client, libraryQuery("alice", sources));
    this.close = this.observer.subscribe(() => {});
  }

  get library(): Library | undefined {
    return this.client.getQueryData<Library>(libraryKey("alice"));
  }

  async ready(): Promise<Library> {
    await vi.waitFor(() => expect(this.observer.getCurrentResult().isFetching).toBe(false));
    return this.library!;
  }

  async loadAll(): Promise<void> {
    while (this.library?.next) await loadOlder(this.client, "alice", this.api);
  }
}

/** The same API; the names of its calls are written down. */
function recording<T extends object>(api: T, names: string[]): T {
  return new Proxy(api, {
    get(target, name, receiver) {
      names.push(String(name));
      return Reflect.get(target, name, receiver) as unknown;
    },
  });
}

function serverWith(images: number): ModelServer {
  const server = new ModelServer();
  for (let n = 0; n < images; n++) server.save([someImage()]);
  server.sync();
  return server;
}

const pages: Page[] = [];

function open(...args: ConstructorParameters<typeof Page>): Page {
  const page = new Page(...args);
  pages.push(page);
  return page;
}

afterEach(() => {
  for (const page of pages.splice(0)) page.close();
});

const step = fc.oneof(
  fc.record({ what: fc.constant("save"), which: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ what: fc.constant("remove"), which: fc.nat(1000) }),
  fc.record({ what: fc.constant("restore"), which: fc.nat(1000) }),
  fc.record({ what: fc.constant("poll"), which: fc.constant(0) }),
  fc.record({ what: fc.constant("older"), which: fc.constant(0) }),
);

/**
 * A restore goes back behind what the page knows, and nothing is written after it: else no client could
 * tell it from going on.
 */
function take(page: Page, what: string, which: number): void {
  const { server, client, api } = page;
  const images = server.everSaved();
  if (what === "poll") void catchUp(client, "alice");
  if (what === "older") void loadOlder(client, "alice", api).catch(() => {});
  if (what === "restore" && page.library?.cursor) server.restore(which % page.library.cursor);
  if (server.wasRestored) return;
  if (what === "remove") server.remove(images[which % images.length]!.cursor);
  if (what !== "save") return;
  server.save(Array.from({ length: which }, someImage));
  void follow(client, "alice", api);
}

test("whatever is under way at the same time, the cache comes to what the server has", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(step, { maxLength: 30 }),
      async (scheduler, steps) => {
        const bring = (<T>(answer: () => T) => scheduler.schedule(atOnce(answer))) as Bring;
        const page = open(serverWith(9), { bring });
        const sequence = scheduler.scheduleSequence(
          steps.map(
            ({ what, which }) =>
              async () =>
                take(page, what, which),
          ),
        );
        await scheduler.waitFor(sequence.task);
        await scheduler.waitIdle();
        void catchUp(page.client, "alice");
        await scheduler.waitIdle();
        const all = page.loadAll();
        await scheduler.waitFor(all);
        const { server } = page;
        expect(page.library?.images).toEqual(server.liveAt(server.end));
        expect(page.library?.cursor).toBe(server.end);
        expect(page.library?.count).toBe(server.countAt(server.end));
        page.close();
      },
    ),
    { numRuns: 300 },
  );
});

test("a first look is one page", async () => {
  const page = open(serverWith(9));
  expect(await page.ready()).toMatchObject({ cursor: 9, count: 9, next: 7 });
  expect(page.asked).toEqual(["firstPage"]);
});

test("every further look is one small read, and no page is read again", async () => {
  const page = open(serverWith(9));
  await page.ready();
  await page.loadAll();
  page.asked.length = 0;
  page.server.save([someImage()]);
  page.server.sync();
  await catchUp(page.client, "alice");
  expect(page.library).toMatchObject({ cursor: 10, count: 10, next: null });
  expect(page.asked).toEqual(["changes"]);
});

test("after a save: sync, then one look", async () => {
  const page = open(serverWith(1));
  await page.ready();
  page.asked.length = 0;
  page.server.save([someImage()]);
  await follow(page.client, "alice", page.api);
  expect(page.library?.cursor).toBe(2);
  expect(page.asked).toEqual(["sync", "changes"]);
});

test("what the device kept is shown before anything is answered, and then caught up", async () => {
  const server = serverWith(9);
  const kept = fromFirstPage(server.firstPage(3));
  server.save([someImage()]);
  server.remove(8);
  let go = () => {};
  const going = new Promise<void>((resolve) => (go = resolve));
  const page = open(server, { kept, bring: (answer) => going.then(answer) });
  await vi.waitFor(() => expect(page.library).toBe(kept));
  expect(page.observer.getCurrentResult()).toMatchObject({ status: "success", dataUpdatedAt: 0 });
  go();
  await page.ready();
  expect(page.asked).toEqual(["changes"]);
  expect(page.library).toMatchObject({ cursor: 11, count: 9 });
  expect(page.observer.getCurrentResult().dataUpdatedAt).toBeGreaterThan(0);
});

test("who was away for very long starts over, which is less to read", async () => {
  const server = serverWith(9);
  const kept = fromFirstPage(server.firstPage(3));
  for (let n = 0; n < 100; n++) server.save([someImage()]);
  server.sync();
  const page = open(server, { kept });
  await page.ready();
  expect(page.asked.filter((name) => name === "changes")).toHaveLength(10);
  expect(page.library).toMatchObject({ cursor: 109, count: 109, next: 107 });
});

test("a cursor beyond the library's end starts over", async () => {
  const page = open(serverWith(9));
  await page.ready();
  page.server.restore(5);
  await catchUp(page.client, "alice");
  expect(page.library).toMatchObject({ cursor: 5, count: 5 });
});

test("an older page beyond the library's end starts over", async () => {
  const page = open(serverWith(9));
  await page.ready();
  page.server.restore(2);
  await loadOlder(page.client, "alice", page.api);
  await page.ready();
  expect(page.library).toMatchObject({ cursor: 2, count: 2 });
});

describe("a library that a restore and new saves have replaced", () => {
  async function replaced(): Promise<Page> {
    const page = open(serverWith(9));
    await page.ready();
    page.server.restore(2);
    page.server.save(Array.from({ length: 20 }, someImage));
    page.server.sync();
    return page;
  }

  test("is found out by the feed, and started over: nothing of the two is mixed", async () => {
    const page = await replaced();
    const { log } = page.library!;
    await catchUp(page.client, "alice");
    expect(page.library?.log).not.toBe(log); // before any older page is asked for
    await page.loadAll();
    expect(page.library?.images).toEqual(page.server.liveAt(22));
  });

  test("is found out by an older page", async () => {
    const page = await replaced();
    await loadOlder(page.client, "alice", page.api);
    await page.ready();
    await page.loadAll();
    expect(page.library?.images).toEqual(page.server.liveAt(22));
  });

  test("is not taken for what it is not: who was away for long has the same one", async () => {
    const page = open(serverWith(9));
    const { log } = await page.ready();
    for (let n = 0; n < 100; n++) page.server.save([someImage()]);
    page.server.sync();
    await catchUp(page.client, "alice");
    expect([page.library?.cursor, page.library?.log]).toEqual([109, log]);
  });
});

test("a first page that must show a save syncs until it does", async () => {
  const server = serverWith(1);
  server.save([someImage()]);
  const page = open(server, { saved: 2 });
  await page.ready();
  expect(page.asked).toEqual(["firstPage", "sync", "firstPage"]);
  expect(page.library?.cursor).toBe(2);
});

test("a first page need not show a save that a sync with nothing left to bring lacks", async () => {
  const page = open(serverWith(2), { saved: 3 }); // restored to a time before the save
  await page.ready();
  expect(page.asked).toEqual(["firstPage", "sync", "firstPage"]);
  expect(page.library?.cursor).toBe(2);
});

test("a first page that a save is missing from, however often synced, is a problem", async () => {
  const server = serverWith(2);
  vi.spyOn(server, "sync").mockReturnValue({ cursor: 2, applied: 0, upToDate: false });
  const page = open(server, { saved: 3 });
  await page.ready();
  expect(page.observer.getCurrentResult().error).toMatchObject({ code: "not-synced-yet" });
});

test("two wishes for the next older page are one read", async () => {
  const page = open(serverWith(9));
  await page.ready();
  page.asked.length = 0;
  const { client, api } = page;
  await Promise.all([loadOlder(client, "alice", api), loadOlder(client, "alice", api)]);
  expect(page.asked).toEqual(["olderPage"]);
  expect(page.library?.images).toHaveLength(7);
});

test("one user's library is nothing to another", async () => {
  const page = open(serverWith(9));
  await page.ready();
  expect(page.client.getQueryData(libraryKey("bob"))).toBeUndefined();
});

test("a problem that does not pass is told at once; what was shown stays", async () => {
  const faults: Problem[] = [];
  const page = open(serverWith(9), {
    bring: async (answer) => {
      if (faults.length) throw faults.shift()!;
      return answer();
    },
  });
  await page.ready();
  faults.push(new Problem("unauthenticated", "Sign in again."));
  await catchUp(page.client, "alice");
  expect(page.observer.getCurrentResult()).toMatchObject({
    status: "error",
    error: { code: "unauthenticated" },
    data: { cursor: 9 },
  });
});

describe("as time goes by", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    return () => void vi.useRealTimers();
  });

  test("it looks for changes every five seconds, with one small read", async () => {
    const page = open(serverWith(9));
    await vi.advanceTimersByTimeAsync(1);
    page.asked.length = 0;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(page.asked).toEqual(["changes", "changes", "changes", "changes"]);
  });

  test("a server in trouble is asked less often", async () => {
    const faults: Problem[] = [];
    const page = open(serverWith(9), {
      bring: async (answer) => {
        if (faults.length) throw faults[0]!;
        return answer();
      },
    });
    await vi.advanceTimersByTimeAsync(1);
    page.asked.length = 0;
    faults.push(new Problem("unauthenticated", "Sign in again."));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.asked).toEqual(["changes", "changes", "changes", "changes"]); // 5, 20, 35, 50 s
  });

  test("trouble that passes is waited out, and not told unless it lasts", async () => {
    const faults = [1, 2, 3].map(() => new TypeError("Failed to fetch"));
    const page = open(serverWith(9), {
      bring: async (answer) => {
        if (faults.length) throw faults.shift()!;
        return answer();
      },
    });
    await vi.advanceTimersByTimeAsync(3000);
    expect(page.observer.getCurrentResult()).toMatchObject({ status: "pending" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(page.library?.cursor).toBe(9);
  });
});
