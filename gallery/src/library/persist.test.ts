import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, test, vi } from "vitest";
import { ModelServer, someImage } from "../testing/server";
import { fromFirstPage, type Library } from "./library";
import type { Save } from "./outbox";
import { Device } from "./persist";

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
  const saves = new Device("gallery").saves("alice");
  await Promise.all([saves.put(first), saves.put(second)]);
  await saves.put({ ...first, sent: 7 });
  expect(await new Device("gallery").saves("alice").load()).toEqual([
    { ...first, sent: 7 },
    second,
  ]);
  await saves.drop("first");
  expect(await saves.load()).toEqual([second]);
  expect(await new Device("gallery").saves("bob").load()).toEqual([]);
});

test("forgetting a user leaves nothing of that user, and all of others", async () => {
  const device = new Device("gallery");
  for (const user of ["alice", "bob"]) {
    await device.keepLibrary(user, aLibrary(1));
    await device.saves(user).put(aSave(user));
  }
  await device.forget("alice");
  expect([await device.library("alice"), await device.saves("alice").load()]).toEqual([
    undefined,
    [],
  ]);
  expect(await device.library("bob")).toBeDefined();
  expect(await device.saves("bob").load()).toHaveLength(1);
});

test("where the browser keeps nothing, nothing is found and nothing breaks", async () => {
  vi.stubGlobal("indexedDB", {
    open: () => {
      throw new DOMException("Not here.", "SecurityError");
    },
  });
  const device = new Device("gallery");
  const saves = device.saves("alice");
  await device.keepLibrary("alice", aLibrary(1));
  await saves.put(aSave("first"));
  await saves.drop("first");
  await device.forget("alice");
  expect([await device.library("alice"), await saves.load()]).toEqual([undefined, []]);
});
