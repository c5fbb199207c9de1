/** Composes one user's library from the query cache, the outbox, the removals and the device. */

import { useQueryClient, type QueryClient } from "@tanstack/solid-query";
import { createEffect, createMemo, createSignal, onCleanup, type Accessor } from "solid-js";
import type { Api } from "../api/client";
import { problemOf, type Problem } from "../api/problem";
import { enter, type Pages } from "../pages";
import { find, isCounted, isVoid, type Image, type Library } from "./library";
import { createQuery } from "./create-query";
import { Outbox, unsavedIn, type Entry } from "./outbox";
import type { Device, Unsent } from "./device";
import { catchUp, follow, imageQuery, libraryQuery, loadOlder } from "./queries";
import {
  hiddenBy,
  progressOf,
  Removals,
  removalsIn,
  undeletedIn,
  type Entry as Deleting,
} from "./removal";
import { saveOf, savedTile, tilesOf, type Tile } from "./tile";
import type { LibraryHook, NotRemoved } from "./library-api";

/** Milliseconds in which changes are gathered before they are kept on the device. */
const KEEP_AFTER = 1000;

export interface Sources {
  readonly user: string;
  readonly api: Api;
  readonly device: Device;
  /** Whether the server may be asked: false while a new sign-in is needed. */
  readonly signedIn: Accessor<boolean>;
  /** The cursor of the image that is looked at, if one is. */
  readonly looked: Accessor<number | undefined>;
}

/** For as long as the computation lives that owns it. */
export function createLibrary({ user, api, device, signedIn, looked }: Sources): LibraryHook {
  const client = useQueryClient();
  const page = enter("image-storage library", navigator.locks);
  onCleanup(page.leave);
  const [outbox, entries] = createOutbox(user, api, device, client, page);
  const [removals, deleting, restored] = createRemovals(user, api, device, client, page, signedIn);
  const older = createOlder(user, api, client);
  const query = createQuery(() =>
    libraryQuery(user, {
      api,
      kept: async () => {
        await restored; // or what an earlier page deletes would be seen once more
        return device.library(user);
      },
      saved: () => lastOf(entries()),
    }),
  );
  /** Not what the server has no more: better nothing for a moment than another's image. */
  const library = createMemo(() => (query().data?.outdated ? undefined : query().data));

  const hidden = createMemo(() => new Set(hiddenBy(deleting())));
  const isShown = (tile: Tile) => tile.kind === "pending" || !hidden().has(tile.image.cursor);
  /** What the library does not have yet. */
  const onTop = createMemo(() => {
    const cursor = library()?.cursor ?? 0;
    const tiles = entries().toReversed().flatMap(tilesOf).filter(isShown);
    return tiles.filter((tile) => tile.kind === "pending" || tile.image.cursor > cursor);
  });
  const images = createMemo(() => {
    const tiles = (library()?.images ?? []).map(savedTile);
    return [...onTop(), ...(hidden().size ? tiles.filter(isShown) : tiles)];
  });
  const loaded = createMemo(() => images().filter(isSaved).length);
  const count = createMemo(() => {
    const there = library();
    if (!there) return undefined;
    const leaving = [...hidden()].filter((cursor) => isCounted(there, cursor));
    return there.count + onTop().filter(isSaved).length - leaving.length;
  });

  const notRemoved = createMemo(() => notRemovedOf(removals, deleting()));
  const confirmed = createMemo(() => imagesOf(entries().findLast(isConfirmed)));
  /** Deleted from here, whether done or not. */
  const removed = new Set<number>();
  createEffect(() => {
    const sent = deleting().filter(({ state }) => state !== "held");
    for (const { deletion } of sent) deletion.cursors.forEach((cursor) => removed.add(cursor));
  });

  function remove(cursors: readonly number[]): void {
    const { cursor = 0, mark = "" } = library() ?? {};
    removals.remove(cursors, { cursor, mark });
  }

  async function loadAll(signal?: AbortSignal): Promise<void> {
    while (library()?.next && !signal?.aborted) {
      await older.load();
      if (older.problem()) return;
    }
  }

  function known(cursor: number): Image | undefined {
    const there = library();
    const fresh = onTop()
      .filter(isSaved)
      .find(({ image }) => image.cursor === cursor);
    return fresh?.image ?? (there && find(there, cursor));
  }

  function isGone(cursor: number): boolean {
    const there = library();
    return hidden().has(cursor) || (there !== undefined && isVoid(there, cursor));
  }

  /** Nothing that is loaded, or known to be gone. */
  const wanted = createMemo(() => {
    const cursor = looked();
    return cursor === undefined || isGone(cursor) || known(cursor) ? undefined : cursor;
  });
  const single = createSingle(user, api, wanted);

  /** The device knows of other tabs, too; but it may keep nothing. */
  async function unsent(): Promise<Unsent> {
    const kept = await device.unsent(user);
    return {
      saves: Math.max(kept.saves, unsavedIn(entries())),
      deletions: Math.max(kept.deletions, undeletedIn(deleting())),
    };
  }

  function wake(): void {
    outbox.wake();
    removals.wake();
    void takeUp();
  }

  /** Goes on with what other pages left. */
  async function takeUp(): Promise<void> {
    await Promise.all([outbox.restore(), removals.restore()]);
  }

  async function finish(): Promise<void> {
    await takeUp();
    await Promise.all([outbox.finish(), removals.finish()]);
  }

  let before: Library | undefined;
  createEffect(() => {
    const now = library();
    if (!now) return;
    settle(outbox, removals, now, before);
    before = now;
  });
  /** What is shown may be gone while there is more: deleted, or not on the pages that were read. */
  createEffect(() => {
    if (!images().length && library()?.next && !older.problem()) void older.load();
  });
  createEffect(() => signedIn() && wake());
  createEffect(() => query().dataUpdatedAt && void takeUp());
  keep(library, (now) => void device.keepLibrary(user, now));
  listen("online", wake);
  listen("pagehide", () => removals.close());

  return {
    images,
    count,
    loaded,
    complete: () => library()?.next === null,
    status: () => (library() ? "ready" : query().isError ? "failed" : "loading"),
    problem: () => query().error ?? older.problem(),
    stale: () => query().dataUpdatedAt === 0 || query().failureCount > 0 || query().isPaused,
    loadOlder: older.load,
    refresh: async () => {
      if (older.problem()) void older.load();
      await catchUp(client, user);
    },
    image: (cursor) => (isGone(cursor) ? undefined : (known(cursor) ?? single.image(cursor))),
    missing: (cursor) =>
      isGone(cursor) ? problemOf("not-found") : known(cursor) ? undefined : single.problem(cursor),
    save: (some) => outbox.add(some),
    discard: (id) => void outbox.discard(saveOf(id)),
    retry: (id) => outbox.retry(saveOf(id)),
    remove,
    undoRemoval: (id) => removals.undo(id),
    removals: () => removalsIn(deleting()),
    removing: () => progressOf(deleting()),
    notRemoved,
    confirmed,
    deletedElsewhere: (cursor) => !removed.has(cursor) && !!library() && isVoid(library()!, cursor),
    loadAll,
    finish,
    unsent,
  };
}

function createOutbox(user: string, api: Api, device: Device, client: QueryClient, page: Pages) {
  const [entries, changed] = createSignal<readonly Entry[]>([]);
  const outbox = new Outbox({
    kept: device.saves(user, page),
    send: async (save) => {
      const images = await api.save(save.images, save.key);
      void follow(client, user, api);
      return images;
    },
    changed,
    now: Date.now,
    later,
  });
  onCleanup(() => outbox.stop());
  void outbox.restore();
  return [outbox, entries] as const;
}

function createRemovals(
  user: string,
  api: Api,
  device: Device,
  client: QueryClient,
  page: Pages,
  signedIn: Accessor<boolean>,
) {
  const [deleting, changed] = createSignal<readonly Deleting[]>([]);
  const removals = new Removals({
    kept: device.deletions(user, page),
    send: (cursors, position) => api.remove(cursors, position),
    sent: () => void catchUp(client, user),
    changed,
    now: Date.now,
    later,
  });
  onCleanup(() => {
    if (signedIn()) removals.close(); // the page failed; who signs out was told that nothing more is sent
    removals.stop();
  });
  return [removals, deleting, removals.restore()] as const;
}

function notRemovedOf(removals: Removals, deleting: readonly Deleting[]): readonly NotRemoved[] {
  return deleting.flatMap(({ state, deletion: { id }, left: cursors, problem }) => {
    if (state !== "failed" || !problem) return [];
    const again = () => removals.again(id);
    const discard = () => removals.discard(id);
    const isUseless = problem.code === "resync-required";
    return [{ id, cursors, problem, discard, ...(!isUseless && { again }) }];
  });
}

/** Older pages: one at a time, and what went wrong with the last. */
function createOlder(user: string, api: Api, client: QueryClient) {
  const [problem, setProblem] = createSignal<Problem>();

  async function load(): Promise<void> {
    await loadOlder(client, user, api).then(() => setProblem(undefined), setProblem);
  }

  return { load, problem };
}

/** One image, asked of the server for as long as it is wanted. */
function createSingle(user: string, api: Api, wanted: Accessor<number | undefined>) {
  const query = createQuery(() => ({
    ...imageQuery(user, wanted() ?? 0, api),
    enabled: wanted() !== undefined,
  }));
  const isWanted = (cursor: number) => wanted() === cursor;

  return {
    image: (cursor: number) => (isWanted(cursor) ? query().data : undefined),
    problem: (cursor: number) => (isWanted(cursor) && query().error) || undefined,
  };
}

/** Drops what the library itself shows now; all, if the server has another one. */
function settle(outbox: Outbox, removals: Removals, now: Library, before?: Library): void {
  const isAnother = before !== undefined && now.log !== before.log;
  outbox.reached(isAnother ? Infinity : now.cursor);
  if (isAnother) removals.outlived();
  removals.reached((cursor) => isVoid(now, cursor));
}

/** Keeps the newest value, a moment after it has changed. */
function keep(library: Accessor<Library | undefined>, put: (library: Library) => void): void {
  let waiting = false;
  let giveUp = () => {};

  function write(): void {
    waiting = false;
    const now = library();
    if (now) put(now);
  }

  createEffect(() => {
    if (!library() || waiting) return;
    waiting = true;
    giveUp = later(write, KEEP_AFTER);
  });
  onCleanup(() => giveUp());
}

function listen(event: "online" | "pagehide", listener: () => void): void {
  addEventListener(event, listener);
  onCleanup(() => removeEventListener(event, listener));
}

function later(back: () => void, milliseconds: number): () => void {
  const timer = setTimeout(back, milliseconds);
  return () => clearTimeout(timer);
}

function isConfirmed({ state }: Entry): boolean {
  return state === "saved";
}

function imagesOf(entry: Entry | undefined): readonly Image[] | undefined {
  return entry?.state === "saved" ? entry.images : undefined;
}

function lastOf(entries: readonly Entry[]): number {
  const saved = entries.flatMap((entry) => (entry.state === "saved" ? entry.images : []));
  return Math.max(0, ...saved.map(({ cursor }) => cursor));
}

function isSaved(tile: Tile): tile is Extract<Tile, { kind: "saved" }> {
  return tile.kind === "saved";
}
