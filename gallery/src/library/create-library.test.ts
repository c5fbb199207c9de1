import { QueryClient, QueryClientProvider, environmentManager } from "@tanstack/solid-query";
import { IDBFactory } from "fake-indexeddb";
import { createComponent, createEffect, createRoot, createSignal } from "solid-js";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Api } from "../api/client";
import { Problem } from "../api/problem";
import { atOnce, modelApi, type Bring } from "../testing/api";
import { ModelServer, someImage } from "../testing/server";
import { createLibrary } from "./create-library";
import { Device } from "./device";
import { HELD } from "./removal";
import type { LibraryHook } from "./library-api";

environmentManager.setIsServer(() => false);

/** A page that shows a user's library, with a device that others may share. */
class Page {
  readonly api: Api;
  readonly library: LibraryHook;
  readonly setSignedIn: (yes: boolean) => void;
  /** Shows one image in front, or none. */
  readonly look: (cursor: number | undefined) => void;
  readonly close: () => void;

  constructor(server: ModelServer, { bring = atOnce, user = "alice" } = {} as Options) {
    this.api = modelApi(server, bring);
    const [signedIn, setSignedIn] = createSignal(true);
    this.setSignedIn = setSignedIn;
    const [looked, look] = createSignal<number>();
    this.look = look;
    const sources = { user, api: this.api, device: new Device("gallery"), signedIn, looked };
    let library!: LibraryHook;
    const Shown = () => {
      library = createLibrary(sources);
      return null;
    };
    this.close = createRoot((close) => {
      createComponent(QueryClientProvider, {
        client: new QueryClient(),
        get children() {
          return createComponent(Shown, {});
        },
      });
      return close;
    });
    this.library = library;
  }

  /** What is shown, as cursors, and prompts of what is being saved. */
  shown(): readonly (number | string)[] {
    return this.library
      .images()
      .map((tile) => (tile.kind === "saved" ? tile.image.cursor : tile.image.prompt));
  }
}

interface Options {
  readonly bring?: Bring;
  readonly user?: string;
}

const pages: Page[] = [];
const events = new EventTarget();

function open(...args: ConstructorParameters<typeof Page>): Page {
  const page = new Page(...args);
  pages.push(page);
  return page;
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
  });
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("removeEventListener", events.removeEventListener.bind(events));
});

afterEach(() => {
  for (const page of pages.splice(0)) page.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** So many milliseconds pass, and what they bring. */
async function pass(milliseconds = 10): Promise<void> {
  for (let turn = 0; turn < 15; turn++) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(milliseconds);
  for (let turn = 0; turn < 15; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function raise(error: Error): never {
  throw error;
}

function serverWith(images: number): ModelServer {
  const server = new ModelServer();
  for (let n = 0; n < images; n++) server.save([someImage()]);
  server.sync();
  return server;
}

/** An api whose calls wait, or fail, while the test says so. */
function line(): { bring: Bring; fail(problem: Error | undefined): void; hold(): () => void } {
  let fault: Error | undefined;
  let held: Promise<void> | undefined;
  return {
    fail: (problem) => (fault = problem),
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => (release = resolve));
      return () => release();
    },
    bring: async (answer) => {
      await held;
      if (fault) throw fault;
      return answer();
    },
  };
}

test("a library is loading, and then there: the newest first", async () => {
  const page = open(serverWith(9));
  const { library } = page;
  expect([library.status(), library.stale(), library.count()]).toEqual([
    "loading",
    true,
    undefined,
  ]);
  await pass();
  expect([library.status(), library.stale(), library.count()]).toEqual(["ready", false, 9]);
  expect([page.shown(), library.loaded(), library.complete()]).toEqual([[9, 8, 7], 3, false]);
});

test("older images follow when they are wished for, until all are loaded", async () => {
  const page = open(serverWith(9));
  await pass();
  await page.library.loadOlder();
  expect(page.shown()).toEqual([9, 8, 7, 6, 5, 4, 3]);
  await page.library.loadOlder();
  expect([page.library.loaded(), page.library.complete()]).toEqual([9, true]);
  await page.library.loadOlder();
  expect(page.library.loaded()).toBe(9);
});

test("what another page saves and deletes shows within seconds; what stays, stays as it is", async () => {
  const server = serverWith(9);
  const page = open(server);
  await pass();
  const before = page.library.images();
  server.save([someImage()]);
  server.remove(8);
  await pass(5000);
  expect([page.shown(), page.library.count()]).toEqual([[10, 9, 7], 9]);
  expect(page.library.images()[1]).toBe(before[0]);
});

test("a save shows at once, and its image takes its place", async () => {
  const net = line();
  const page = open(serverWith(2), net);
  await pass();
  const release = net.hold();
  const result = page.library.save([someImage()]);
  expect(page.shown()).toEqual([expect.stringContaining("image"), 2, 1]);
  expect([page.library.count(), page.library.loaded()]).toEqual([2, 2]);
  release();
  await pass();
  expect([page.shown(), page.library.count()]).toEqual([[3, 2, 1], 3]);
  expect(await result).toMatchObject({ saved: [{ cursor: 3 }] });
});

test("a save is shown and counted once it is confirmed, also while the reads do not have it", async () => {
  const server = serverWith(2);
  const page = open(server);
  await pass();
  const behind = { cursor: 2, applied: 0, upToDate: false };
  vi.spyOn(server, "sync").mockReturnValue(behind);
  await page.library.save([someImage()]);
  expect([page.shown(), page.library.count()]).toEqual([[3, 2, 1], 3]);
  expect(page.library.image(3)).toMatchObject({ cursor: 3 });
  await pass(5000);
  expect([page.shown(), page.library.count()]).toEqual([[3, 2, 1], 3]);
});

test("the last of a batch is the newest, before it is confirmed and after", async () => {
  const net = line();
  const page = open(serverWith(0), net);
  await pass();
  const release = net.hold();
  const images = [someImage(), someImage(), someImage()];
  void page.library.save(images);
  expect(page.shown()).toEqual(images.map(({ prompt }) => prompt).reverse());
  release();
  await pass();
  expect(page.shown()).toEqual([3, 2, 1]);
});

test("a refused save says why, and stays until it is discarded", async () => {
  const page = open(serverWith(1));
  await pass();
  const result = await page.library.save([{ ...someImage(), prompt: "" }]);
  expect(result).toMatchObject({ refused: { code: "invalid-image" } });
  const [tile] = page.library.images();
  expect(tile).toMatchObject({ kind: "pending", problem: { code: "invalid-image" } });
  page.library.discard((tile as { id: string }).id);
  expect(page.shown()).toEqual([1]);
});

test("a save that is refused no more is sent again when told to", async () => {
  const net = line();
  const page = open(serverWith(1), net);
  await pass();
  net.fail(new Problem("body-too-large", "Split it."));
  const result = await page.library.save([someImage()]);
  net.fail(undefined);
  page.library.retry((result as { id: string }).id);
  await pass();
  expect(page.shown()).toEqual([2, 1]);
});

test("without a network a save waits, says so, and is sent when there is one again", async () => {
  const net = line();
  const page = open(serverWith(1), net);
  await pass();
  net.fail(new TypeError("Failed to fetch"));
  void page.library.save([someImage()]);
  await pass(1);
  expect(page.library.images()[0]).toMatchObject({ kind: "pending", delay: { code: "offline" } });
  net.fail(undefined);
  events.dispatchEvent(new Event("online"));
  await pass(1);
  expect(page.shown()).toEqual([2, 1]);
});

test("a save that a page did not get through is sent by the next one", async () => {
  const server = serverWith(1);
  const net = line();
  net.fail(new TypeError("Failed to fetch"));
  const page = open(server, net);
  void page.library.save([someImage()]);
  await pass(1);
  page.close();
  const next = open(server);
  await pass();
  expect(next.shown()).toEqual([2, 1]);
  expect(server.end).toBe(2);
});

test("a refused save is left to the page that has it, and is not there when that has mended it", async () => {
  const server = serverWith(1);
  const page = open(server);
  await pass();
  const result = await page.library.save([{ ...someImage(), prompt: "" }]);
  const other = open(server);
  await pass(5000);
  expect([page.shown(), other.shown()]).toEqual([["", 1], [1]]);
  page.library.discard((result as { id: string }).id);
  await pass(5000);
  expect([page.shown(), other.shown()]).toEqual([[1], [1]]);
});

test("a save that is kept is sent by one page when two are loaded anew", async () => {
  const server = serverWith(1);
  const net = line();
  net.fail(new TypeError("Failed to fetch"));
  const before = [open(server, net), open(server, net)];
  void before[0]!.library.save([someImage()]);
  await pass(1);
  for (const page of before) page.close();
  const after = [open(server), open(server)];
  const sent = after.map(({ api }) => vi.spyOn(api, "save"));
  await pass(5000);
  await pass(5000);
  expect(sent.flatMap(({ mock }) => mock.calls)).toHaveLength(1);
  expect(after.map((page) => page.shown())).toEqual([
    [2, 1],
    [2, 1],
  ]);
});

/** Of two pages, one closes without a network, and leaves a save and a deletion. */
async function leftUnsent(): Promise<{ readonly server: ModelServer; readonly other: Page }> {
  const server = serverWith(3);
  const net = line();
  const [page, other] = [open(server, net), open(server)];
  await pass();
  net.fail(new TypeError("Failed to fetch"));
  void page.library.save([someImage()]);
  page.library.remove([2]);
  await pass(1);
  page.close();
  return { server, other };
}

test("what a page leaves is taken up by another that was there all the time", async () => {
  const { server, other } = await leftUnsent();
  await pass(5000);
  await pass(5000);
  expect(await other.library.unsent()).toEqual({ saves: 0, deletions: 0 });
  expect(other.shown()).toEqual(server.liveAt(server.end).map(({ cursor }) => cursor));
  expect(other.shown()).toHaveLength(3);
});

test("who signs out sends what a page left a moment ago, too", async () => {
  const { other } = await leftUnsent();
  await pass(1);
  await other.library.finish();
  expect(await other.library.unsent()).toEqual({ saves: 0, deletions: 0 });
});

test("a new sign-in sends what waited for it", async () => {
  const net = line();
  const page = open(serverWith(1), net);
  await pass();
  net.fail(new Problem("unauthenticated", "Sign in again."));
  void page.library.save([someImage()]);
  page.setSignedIn(false);
  await pass(60_000);
  net.fail(undefined);
  page.setSignedIn(true);
  await pass();
  expect(page.shown()).toEqual([2, 1]);
});

test("removing hides at once, can be undone, and is sent when it no longer can", async () => {
  const server = serverWith(3);
  const page = open(server);
  await pass();
  page.library.remove([3, 1]);
  expect([page.shown(), page.library.count(), page.library.loaded()]).toEqual([[2], 1, 1]);
  expect(page.library.removals()).toMatchObject([{ cursors: [3, 1] }]);
  page.library.undoRemoval();
  expect([page.shown(), page.library.count()]).toEqual([[3, 2, 1], 3]);
  page.library.remove([3]);
  await pass(HELD);
  expect(server.lives(3)).toBe(false);
  expect([page.shown(), page.library.count(), page.library.removals()]).toEqual([[2, 1], 2, []]);
});

test("an image that is not loaded is counted out, too, and only once", async () => {
  const page = open(serverWith(9));
  await pass();
  page.library.remove([2]);
  expect(page.library.count()).toBe(8);
  await pass(HELD);
  await pass();
  expect(page.library.count()).toBe(8);
  await page.library.loadOlder();
  await page.library.loadOlder();
  expect(page.shown()).toEqual([9, 8, 7, 6, 5, 4, 3, 1]);
});

test("what could not be removed is back, and says why", async () => {
  const net = line();
  const page = open(serverWith(2), net);
  await pass();
  page.library.remove([2]);
  net.fail(new Problem("invalid-parameter", "No."));
  await pass(HELD);
  expect(page.shown()).toEqual([2, 1]);
  expect(page.library.notRemoved()).toMatchObject([
    { cursors: [2], problem: { code: "invalid-parameter" } },
  ]);
});

test.each([
  ["closes", () => events.dispatchEvent(new Event("pagehide"))],
  ["fails", (page: Page) => page.close()],
])("a page that %s sends what it holds back", async (_, end) => {
  const server = serverWith(2);
  const page = open(server);
  await pass();
  page.library.remove([2]);
  end(page);
  await pass(1);
  expect(server.lives(2)).toBe(false);
});

test("a page whose user signs out all the same deletes nothing more", async () => {
  const server = serverWith(100);
  const net = line();
  const page = open(server, net);
  await pass();
  await page.library.loadAll();
  await pass(2000);
  page.library.remove(Array.from({ length: 90 }, (_, n) => 100 - n));
  net.fail(new TypeError("Failed to fetch"));
  await pass(HELD);
  page.setSignedIn(false);
  net.fail(undefined);
  page.close();
  await pass();
  expect(server.liveAt(server.end)).toHaveLength(100);
});

test("three deletions in a row are undone one by one, the last first", async () => {
  const server = serverWith(3);
  const page = open(server);
  await pass();
  for (const cursor of [3, 2, 1]) page.library.remove([cursor]);
  expect(page.shown()).toEqual([]);
  const undone = [1, 2, 3, 4].map(() => [page.library.undoRemoval(), page.shown()]);
  expect(undone).toEqual([
    [true, [1]],
    [true, [2, 1]],
    [true, [3, 2, 1]],
    [false, [3, 2, 1]],
  ]);
  await pass(2 * HELD);
  expect(server.end).toBe(3);
});

test("a large deletion goes on in the next page, which never shows what it deletes", async () => {
  const server = serverWith(100);
  const net = line();
  const page = open(server, net);
  await pass();
  await page.library.loadAll();
  await pass(2000);
  const cursors = Array.from({ length: 90 }, (_, n) => 100 - n);
  page.library.remove(cursors);
  expect(page.library.count()).toBe(10);
  net.fail(new TypeError("Failed to fetch"));
  await pass(HELD);
  expect(page.library.removing()).toMatchObject({ done: 0, total: 90 });
  page.close();
  await pass(); // its lock is free
  const next = open(server, net);
  await pass();
  expect([next.shown().length, next.library.count(), server.end]).toEqual([10, 10, 100]);
  net.fail(undefined);
  events.dispatchEvent(new Event("online"));
  await pass();
  await pass();
  expect([next.shown().length, next.library.count()]).toEqual([10, 10]);
  expect([next.library.removing(), next.library.notRemoved()]).toEqual([undefined, []]);
  expect(server.liveAt(server.end)).toHaveLength(10);
});

test("what one page holds is left to it by another page of the same user", async () => {
  const server = serverWith(3);
  const page = open(server);
  await pass();
  page.library.remove([3]);
  const other = open(server);
  await pass();
  expect(other.shown()).toEqual([3, 2, 1]);
  expect(page.library.undoRemoval()).toBe(true);
  await pass(2 * HELD);
  expect([server.end, page.shown(), other.shown()]).toEqual([3, [3, 2, 1], [3, 2, 1]]);
});

test("a deletion is never applied to another library, and who asked for it is told", async () => {
  const server = serverWith(3);
  const page = open(server);
  await pass();
  page.library.remove([3]);
  page.library.remove([2]);
  server.restore(1);
  server.save([someImage(), someImage(), someImage()]);
  server.sync();
  await pass(HELD - 500); // the next reading of the feed came, and the time to undo is not over
  expect(page.shown()).toEqual([4, 3, 2]);
  expect(page.library.notRemoved()).toMatchObject([
    { cursors: [3], problem: { code: "resync-required" } },
    { cursors: [2], problem: { code: "resync-required" } },
  ]);
  await pass(HELD);
  expect([server.lives(2), server.lives(3), page.shown()]).toEqual([true, true, [4, 3, 2]]);
  expect(page.library.notRemoved()[0]?.again).toBeUndefined();
});

test("what was kept of another library is shown no longer than until the first answer", async () => {
  const server = serverWith(9);
  open(server);
  await pass(2000);
  const shown = server.image(8).prompt;
  server.restore(2);
  server.save(Array.from({ length: 8 }, someImage));
  server.sync();
  const net = line();
  const page = open(server, net);
  await pass();
  expect(page.library.images().map(({ image }) => image.prompt)).not.toContain(shown);
  expect([page.shown(), page.library.count()]).toEqual([[10, 9, 8], 10]);
});

test("pages that are empty are read past, at the top and further down", async () => {
  const server = serverWith(40);
  for (let cursor = 1; cursor <= 36; cursor++) server.remove(cursor);
  const page = open(server);
  for (let turn = 0; turn < 9; turn++) await pass();
  expect([page.shown(), page.library.count()]).toEqual([[40, 39, 38], 4]);
  await page.library.loadOlder();
  expect([page.shown(), page.library.complete()]).toEqual([[40, 39, 38, 37], false]);
  await page.library.loadOlder();
  expect([page.shown(), page.library.complete()]).toEqual([[40, 39, 38, 37], true]);
});

test("a library whose loaded images are all deleted shows the others", async () => {
  const page = open(serverWith(9));
  await pass();
  page.library.remove([9, 8, 7]);
  for (let turn = 0; turn < 9; turn++) await pass();
  expect(page.shown()).toEqual([6, 5, 4, 3]);
});

test("all of the library is loaded on demand, until that is called off", async () => {
  const page = open(serverWith(40));
  await pass();
  const stop = new AbortController();
  const loading = page.library.loadAll(stop.signal);
  stop.abort();
  await loading;
  expect([page.library.loaded(), page.library.complete()]).toEqual([7, false]);
  await page.library.loadAll();
  expect([page.library.loaded(), page.library.complete()]).toEqual([40, true]);
});

test("loading all of it ends where there is trouble, and says which", async () => {
  const net = line();
  const page = open(serverWith(40), net);
  await pass();
  net.fail(new Problem("unauthenticated", "Sign in again."));
  await page.library.loadAll();
  expect([page.library.loaded(), page.library.problem()?.code]).toEqual([3, "unauthenticated"]);
});

test("what others delete is told apart from what was deleted here", async () => {
  const server = serverWith(4);
  const page = open(server);
  await pass();
  page.library.remove([4]);
  server.remove(3);
  await pass(HELD);
  await pass();
  expect([4, 3, 2].map((cursor) => page.library.deletedElsewhere(cursor))).toEqual([
    false,
    true,
    false,
  ]);
});

test("each save that is confirmed is told", async () => {
  const page = open(serverWith(1));
  await pass();
  const told: (readonly number[])[] = [];
  createRoot((close) => {
    createEffect(() => {
      const images = page.library.confirmed();
      if (images) told.push(images.map(({ cursor }) => cursor));
    });
    pages.push({ close } as Page);
  });
  await page.library.save([someImage()]);
  await pass();
  await page.library.save([someImage(), someImage()]);
  await pass();
  expect(told).toEqual([[2], [3, 4]]);
});

test("an image is found among those loaded; the one that is looked at is asked for", async () => {
  const page = open(serverWith(9));
  const asked = vi.spyOn(page.api, "image");
  await pass();
  page.look(9);
  await pass();
  expect(page.library.image(9)).toMatchObject({ cursor: 9 });
  expect(asked).not.toHaveBeenCalled();
  page.look(2);
  expect([page.library.image(2), page.library.missing(2)]).toEqual([undefined, undefined]);
  await pass();
  expect(page.library.image(2)).toMatchObject({ cursor: 2 });
  page.look(3);
  expect([page.library.image(2), page.library.image(3)]).toEqual([undefined, undefined]);
  await pass();
  expect(page.library.image(3)).toMatchObject({ cursor: 3 });
});

test("two images are wanted at once: only the one that is looked at is asked for", async () => {
  const page = open(serverWith(9));
  const asked = vi.spyOn(page.api, "image");
  await pass();
  page.look(2);
  createRoot((close) => {
    createEffect(() => page.library.image(1));
    createEffect(() => page.library.image(2));
    pages.push({ close } as Page);
  });
  await pass();
  expect(asked.mock.calls).toEqual([[2]]);
  expect(page.library.image(2)).toMatchObject({ cursor: 2 });
});

test("an image that is gone is missing, whoever removes it", async () => {
  const server = serverWith(9);
  const page = open(server);
  await pass();
  page.library.remove([9]);
  server.remove(8);
  await pass(5000);
  for (const cursor of [9, 8]) {
    expect(page.library.image(cursor)).toBeUndefined();
    expect(page.library.missing(cursor)).toMatchObject({ code: "not-found" });
  }
});

test("an image that never was is missing, once the server has said so", async () => {
  const page = open(serverWith(2));
  await pass();
  page.look(77);
  expect(page.library.missing(77)).toBeUndefined();
  await pass();
  expect(page.library.missing(77)).toMatchObject({ code: "not-found" });
});

test("an image that is answered for after the library is there is shown, or missing", async () => {
  const page = open(serverWith(2));
  let refuse = (_: Problem) => {};
  vi.spyOn(page.api, "image").mockReturnValue(new Promise((_, reject) => (refuse = reject)));
  page.look(77);
  await pass();
  expect(page.library.status()).toBe("ready");
  refuse(new Problem("not-found", "None."));
  await pass();
  expect(page.library.missing(77)).toMatchObject({ code: "not-found" });
});

test("the next page shows what the last one had, before anything is answered", async () => {
  const server = serverWith(9);
  open(server);
  await pass(2000);
  const net = line();
  const release = net.hold();
  server.save([someImage()]);
  server.sync();
  const page = open(server, net);
  await pass();
  expect([page.shown(), page.library.count(), page.library.stale()]).toEqual([[9, 8, 7], 9, true]);
  release();
  await pass();
  expect([page.shown(), page.library.count(), page.library.stale()]).toEqual([
    [10, 9, 8, 7],
    10,
    false,
  ]);
});

test("another user of the same device sees nothing of the first one's", async () => {
  open(serverWith(9));
  await pass(2000);
  const net = line();
  net.hold();
  const page = open(serverWith(1), { ...net, user: "bob" });
  await pass();
  expect([page.shown(), page.library.status()]).toEqual([[], "loading"]);
});

test("a server that cannot be reached is a problem; what is known stays, and is called stale", async () => {
  const net = line();
  const page = open(serverWith(2), net);
  await pass();
  net.fail(new TypeError("Failed to fetch"));
  await pass(20_000);
  expect([page.shown(), page.library.status(), page.library.stale()]).toEqual([
    [2, 1],
    "ready",
    true,
  ]);
  expect(page.library.problem()).toMatchObject({ code: "offline" });
  net.fail(undefined);
  await page.library.refresh();
  expect([page.library.problem(), page.library.stale()]).toEqual([undefined, false]);
});

test("a first page that does not come is a failure, until it does", async () => {
  const net = line();
  net.fail(new Problem("unauthenticated", "Sign in again."));
  const page = open(serverWith(2), net);
  await pass();
  expect([page.library.status(), page.library.problem()?.code]).toEqual([
    "failed",
    "unauthenticated",
  ]);
  net.fail(undefined);
  await page.library.refresh();
  expect([page.library.status(), page.shown()]).toEqual(["ready", [2, 1]]);
});

test("older images that do not come are a problem, until they do", async () => {
  const net = line();
  const page = open(serverWith(9), net);
  await pass();
  net.fail(new Problem("unauthenticated", "Sign in again."));
  await page.library.loadOlder();
  expect([page.library.loaded(), page.library.problem()?.code]).toEqual([3, "unauthenticated"]);
  net.fail(undefined);
  await page.library.loadOlder();
  expect([page.library.loaded(), page.library.problem()]).toEqual([7, undefined]);
});

test("a library that goes back in time, as after a restore, is taken as it is then", async () => {
  const server = serverWith(9);
  const page = open(server);
  await pass();
  await page.library.save([someImage()]);
  server.restore(4);
  await pass(5000);
  await pass();
  expect([page.shown(), page.library.count()]).toEqual([[4, 3, 2], 4]);
});

test("a save that a restore took back before any read had it is shown no more", async () => {
  const server = serverWith(9);
  const page = open(server);
  await pass();
  vi.spyOn(server, "sync").mockReturnValueOnce({ cursor: 9, applied: 0, upToDate: false });
  await page.library.save([someImage()]);
  expect(page.shown()).toEqual([10, 9, 8, 7]);
  server.restore(4);
  await pass(5000);
  await pass();
  expect([page.shown(), page.library.count()]).toEqual([[4, 3, 2], 4]);
});

test("a save that waits stays, and is sent, when the library is replaced", async () => {
  const server = serverWith(9);
  const page = open(server);
  await pass();
  const busy = vi.spyOn(page.api, "save");
  busy.mockRejectedValue(new Problem("contended", "Nothing was saved.", [], 60));
  void page.library.save([{ ...someImage(), prompt: "the only copy" }]);
  await pass();
  server.restore(4);
  await pass(5000);
  await pass();
  expect(page.shown()).toEqual(["the only copy", 4, 3, 2]);
  busy.mockRestore();
  events.dispatchEvent(new Event("online"));
  await pass();
  expect([page.shown(), server.end]).toEqual([[5, 4, 3, 2], 5]);
});

test("what is not sent is told when one wants to leave, of every page", async () => {
  const server = serverWith(9);
  const net = line();
  const [page, other] = [open(server, net), open(server, net)];
  await pass();
  void page.library.save([someImage()]);
  page.library.remove([9]);
  await page.library.finish();
  expect(await page.library.unsent()).toEqual({ saves: 0, deletions: 0 });
  net.fail(new TypeError("Failed to fetch"));
  void page.library.save([someImage(), someImage()]);
  other.library.remove([8, 7, 6]);
  await pass(1);
  await Promise.all([page.library.finish(), other.library.finish()]);
  expect(await page.library.unsent()).toEqual({ saves: 2, deletions: 3 });
});

test("where nothing can be kept, a page still knows what it has not sent", async () => {
  vi.stubGlobal("indexedDB", { open: () => raise(new DOMException("Not here.")) });
  const net = line();
  const page = open(serverWith(9), net);
  await pass();
  net.fail(new TypeError("Failed to fetch"));
  void page.library.save([someImage(), someImage()]);
  page.library.remove([9, 8, 7]);
  await pass(1);
  expect(await page.library.unsent()).toEqual({ saves: 2, deletions: 3 });
});

test("two pages of one user come to the same", async () => {
  const server = serverWith(3);
  const [one, other] = [open(server), open(server)];
  await pass();
  void one.library.save([someImage()]);
  other.library.remove([2]);
  void other.library.save([someImage(), someImage()]);
  await pass(HELD);
  await pass(5000);
  expect(one.shown()).toEqual(other.shown());
  expect(one.shown()).toEqual(server.liveAt(server.end).map(({ cursor }) => cursor));
});
