import { IDBFactory } from "fake-indexeddb";
import { createStore, keys, set } from "idb-keyval";
import { beforeEach, expect, test, vi } from "vitest";
import type { Pages } from "../pages";
import { ModelServer, someImage } from "../testing/server";
import { fromFirstPage, type Library } from "./library";
import type { Save } from "./outbox";
import { Device, IMAGES_LAST, UNSENT_LASTS } from "./device";
import type { Deletion } from "./removal";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
  return () => vi.unstubAllGlobals();
});

function aLibrary(size: number): Library {
  const server = new ModelServer();
  for (let n = 0; n < size; n++) server.save([someImage()]);
  server.sync();
  return fromFirstPage(server.firstPage(size));
}

function aSave(id: string): Save {
  return { id, key: `key of ${id}`, images: [someImage()] };
}

function aDeletion(id: string): Deletion {
  return { id, cursors: [7, 5], position: { cursor: 9, mark: "abcdefgh" }, until: 7 };
}

/** A page, and which others are still there. */
function aPage(name: string, others: readonly string[] = []): Pages {
  return { name, others: async () => new Set(others) };
}

/** All of a user's saves, to a page that finds no other. */
function savesOf(device: Device, user: string): Promise<readonly Save[]> {
  return device.saves(user, aPage(crypto.randomUUID())).adopt();
}

test("a library is found again, by its user alone", async () => {
  const library = aLibrary(3);
  await new Device("gallery").keepLibrary("alice", library);
  expect(await new Device("gallery").library("alice")).toEqual(library);
  expect(await new Device("gallery").library("bob")).toBeUndefined();
  expect(await new Device("another gallery").library("alice")).toBeUndefined();
});

test("of a large library the newest images are kept", async () => {
  const device = new Device("gallery");
  await device.keepLibrary("alice", aLibrary(1000));
  const kept = await device.library("alice");
  expect(kept).toMatchObject({ count: 1000, cursor: 1000, next: 501 });
  expect(kept?.images).toHaveLength(500);
});

test("saves are kept in their order, each with its latest state", async () => {
  const [first, second] = [aSave("first"), aSave("second")];
  const saves = new Device("gallery").saves("alice", aPage("first"));
  await Promise.all([saves.put(first), saves.put(second)]);
  await saves.put({ ...first, sent: 7 });
  expect(await savesOf(new Device("gallery"), "alice")).toMatchObject([
    { ...first, sent: 7 },
    second,
  ]);
  await saves.drop("first");
  expect(await savesOf(new Device("gallery"), "alice")).toMatchObject([second]);
  expect(await savesOf(new Device("gallery"), "bob")).toEqual([]);
});

test("saves are left to the page that has them, and taken up when it is no more", async () => {
  const device = new Device("gallery");
  const save = aSave("one");
  await device.saves("alice", aPage("first")).put(save);
  const second = (...others: string[]) => device.saves("alice", aPage("second", others)).adopt();
  expect(await second("first")).toEqual([]);
  expect(await second()).toMatchObject([save]);
  expect(await second()).toEqual([]);
  expect(await device.saves("alice", aPage("third", ["second"])).adopt()).toEqual([]);
});

test("deletions are left to the page that has them, and taken up when it is no more", async () => {
  const device = new Device("gallery");
  const first = device.deletions("alice", aPage("first"));
  await first.put(aDeletion("one"));
  await first.put(aDeletion("two"));
  await first.put({ ...aDeletion("one"), cursors: [5] });
  await first.drop("two");
  const second = (...others: string[]) =>
    device.deletions("alice", aPage("second", others)).adopt();
  expect(await second("first")).toEqual([]);
  expect(await second()).toMatchObject([{ ...aDeletion("one"), cursors: [5] }]);
  expect(await device.deletions("alice", aPage("third", ["second"])).adopt()).toEqual([]);
  expect(await device.deletions("bob", aPage("third")).adopt()).toEqual([]);
});

test("what two pages take up at once, one of them has", async () => {
  const device = new Device("gallery");
  await device.deletions("alice", aPage("first")).put(aDeletion("one"));
  const adopted = await Promise.all(
    ["second", "third"].map((name) => device.deletions("alice", aPage(name)).adopt()),
  );
  expect(adopted.flat()).toHaveLength(1);
});

test("images that nobody came to see for a week are forgotten, whoever's they are", async () => {
  let now = 1;
  const device = new Device("gallery", () => now);
  await device.keepLibrary("alice", aLibrary(1));
  await device.saves("alice", aPage("first")).put(aSave("first"));
  now += IMAGES_LAST / 2;
  await device.keepLibrary("bob", aLibrary(1));
  now += IMAGES_LAST / 2 + 1;
  await device.sweep();
  expect(await device.library("alice")).toBeUndefined();
  expect(await device.library("bob")).toBeDefined();
  expect(await savesOf(device, "alice")).toHaveLength(1);
});

test("what is left to its page gets no younger when others look at it", async () => {
  let now = 1;
  const device = new Device("gallery", () => now);
  await device.saves("alice", aPage("first")).put(aSave("first"));
  now += UNSENT_LASTS;
  expect(await device.saves("alice", aPage("second", ["first"])).adopt()).toEqual([]);
  now += 1;
  await device.sweep();
  expect(await savesOf(device, "alice")).toEqual([]);
});

test("what was never sent is forgotten after a month", async () => {
  let now = 1;
  const device = new Device("gallery", () => now);
  await device.saves("alice", aPage("first")).put(aSave("first"));
  await device.deletions("alice", aPage("first")).put(aDeletion("one"));
  now += UNSENT_LASTS;
  await device.sweep();
  expect(await device.unsent("alice")).toEqual({ saves: 1, deletions: 2 });
  now += 1;
  await device.sweep();
  expect(await device.unsent("alice")).toEqual({ saves: 0, deletions: 0 });
});

test("what an earlier version kept is sent if it is a save, and swept if it is a library", async () => {
  const store = createStore("gallery", "users");
  await set("saves 1 alice", [aSave("first")], store);
  await set("library 1 alice", aLibrary(1), store);
  const device = new Device("gallery");
  await device.sweep();
  expect(await savesOf(device, "alice")).toMatchObject([{ id: "first" }]);
  await device.saves("alice", aPage("first")).put(aSave("second"));
  expect(await savesOf(device, "alice")).toMatchObject([{ id: "first" }, { id: "second" }]);
  expect(await keys(store)).toEqual(["saves 1 alice"]);
});

test("forgetting a user leaves nothing of that user, and all of others", async () => {
  const device = new Device("gallery");
  for (const user of ["alice", "bob"]) {
    await device.keepLibrary(user, aLibrary(1));
    await device.saves(user, aPage("first")).put(aSave(user));
    await device.deletions(user, aPage("first")).put(aDeletion(user));
  }
  await device.forget("alice");
  expect(await device.deletions("alice", aPage("second")).adopt()).toEqual([]);
  expect([await device.library("alice"), await savesOf(device, "alice")]).toEqual([undefined, []]);
  expect(await device.library("bob")).toBeDefined();
  expect(await savesOf(device, "bob")).toHaveLength(1);
});

test("of a list that is empty again nothing stays, not even whose it was", async () => {
  const device = new Device("gallery");
  await device.saves("alice", aPage("first")).put(aSave("first"));
  await device.saves("alice", aPage("first")).drop("first");
  await device.deletions("alice", aPage("first")).drop("none");
  expect(await keys(createStore("gallery", "users"))).toEqual([]);
});

test("where the browser keeps nothing, nothing is found and nothing breaks", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      throw new DOMException("Not here.", "SecurityError");
    },
  });
  const device = new Device("gallery");
  const saves = device.saves("alice", aPage("first"));
  await device.keepLibrary("alice", aLibrary(1));
  await saves.put(aSave("first"));
  await saves.drop("first");
  const deletions = device.deletions("alice", aPage("first"));
  await deletions.put(aDeletion("one"));
  expect(await deletions.adopt()).toEqual([]);
  await device.sweep();
  await device.forget("alice");
  expect([await device.library("alice"), await saves.adopt()]).toEqual([undefined, []]);
});
