/**
 * The library in the query cache: one entry ['images', user] with one `Library`. Fetching it means
 * catching up by the feed, so an invalidation costs one small read and no page is ever read again.
 */

import type { QueryClient } from "@tanstack/solid-query";
import type { Api, Changes, FirstPage, Image, Page } from "../api/client";
import { backoff, isTransient, type Problem } from "../api/problem";
import { fromFirstPage, withChanges, withOlderPage, type Library } from "./library";
import type { Options } from "./create-query";

/** Milliseconds between two looks for changes, while the page is seen. */
const POLL = 5000;

/** The same when the last look failed. */
const POLL_IN_TROUBLE = 15_000;

/** Answers of the feed beyond which a first page is less to read than all that was missed. */
const MOST_ANSWERS = 10;

/** Calls of sync before a save that the reads do not show yet is a problem. */
const MOST_SYNCS = 3;

type LibraryKey = readonly ["images", user: string];
type ImageKey = readonly ["image", user: string, cursor: number];

export function libraryKey(user: string): LibraryKey {
  return ["images", user];
}

declare module "@tanstack/solid-query" {
  interface Register {
    defaultError: Problem;
  }
}

/** Trouble that passes is waited out, three times. */
const patience = {
  retry: (failures: number, problem: Problem) => failures < 3 && isTransient(problem),
  retryDelay: (failures: number, problem: Problem) => backoff(problem, failures + 1),
};

export interface Sources {
  readonly api: Api;
  /** The library as this device kept it. */
  kept(): Promise<Library | undefined>;
  /** The highest cursor that a save was answered with: a first page must reach it. */
  saved(): number;
}

export function libraryQuery(user: string, sources: Sources): Options<Library, LibraryKey> {
  return {
    queryKey: libraryKey(user),
    queryFn: async ({ client, signal }): Promise<Library> => {
      await showKept(client, user, sources);
      const newest = await caughtUp(client, user, sources.api, signal);
      return newest ?? startedOver(client, user, sources, signal);
    },
    ...patience,
    structuralSharing: false, // values are replaced, never compared image by image
    staleTime: 0,
    gcTime: Infinity,
    networkMode: "offlineFirst",
    refetchOnWindowFocus: "always",
    refetchOnReconnect: "always",
    refetchInterval: ({ state }) => (state.error ? POLL_IN_TROUBLE : POLL),
  };
}

/** One image, for who comes by its URL and has not loaded it. */
export function imageQuery(user: string, cursor: number, api: Api): Options<Image, ImageKey> {
  return {
    queryKey: ["image", user, cursor],
    queryFn: () => api.image(cursor),
    ...patience,
    staleTime: Infinity,
    networkMode: "offlineFirst",
  };
}

/**
 * Reads on until older images came, or there are none: a page may have none and yet not be the last.
 * A poll that goes on meanwhile loses nothing by it, nor does this.
 */
export async function loadOlder(client: QueryClient, user: string, api: Api): Promise<void> {
  for (let came = 0; !came;) {
    const library = newest(client, user);
    if (!library?.next) return;
    const page = await olderPage(client, user, api, library);
    if (!page) return catchUp(client, user);
    change(client, user, (now) => withOlderPage(now, library.next!, page));
    came = (newest(client, user)?.images.length ?? 0) - library.images.length;
  }
}

/** Undefined if the library is not the server's any more: the next look starts it over. */
async function olderPage(
  client: QueryClient,
  user: string,
  api: Api,
  { next, nextMark }: Library,
): Promise<Page | undefined> {
  try {
    return await client.fetchQuery({
      queryKey: olderKey(user, next!),
      queryFn: () => api.olderPage(next!, nextMark),
      ...patience,
      gcTime: 0,
    });
  } catch (problem) {
    if ((problem as Problem).code !== "resync-required") throw problem;
    change(client, user, (library) => ({ ...library, outdated: true }));
    return undefined;
  }
}

/** After a save: sync, so that the reads have it; then catch up by them. */
export async function follow(client: QueryClient, user: string, api: Api): Promise<void> {
  await api.sync().catch(() => {}); // if it fails: the server follows by itself, a little later
  await catchUp(client, user);
}

/** Looks for changes now. */
export function catchUp(client: QueryClient, user: string): Promise<void> {
  return client.invalidateQueries({ queryKey: libraryKey(user) });
}

const olderKey = (user: string, before?: number) =>
  before === undefined ? (["older", user] as const) : (["older", user, before] as const);

function newest(client: QueryClient, user: string): Library | undefined {
  return client.getQueryData<Library>(libraryKey(user));
}

/** Changes the newest library there is, and leaves open whether it is up to date. */
function change(client: QueryClient, user: string, how: (library: Library) => Library): void {
  const updatedAt = client.getQueryState(libraryKey(user))?.dataUpdatedAt ?? 0;
  client.setQueryData<Library>(libraryKey(user), (now) => now && how(now), { updatedAt });
}

/** Puts what the device kept into an empty cache, `updatedAt` 0: not known to be up to date. */
async function showKept(client: QueryClient, user: string, { kept }: Sources): Promise<void> {
  if (newest(client, user)) return;
  const library = await kept();
  if (!newest(client, user)) client.setQueryData(libraryKey(user), library, { updatedAt: 0 });
}

/**
 * The library with all that the feed has; undefined if it must be started over. Each answer is folded
 * into the newest library there is, since older pages may have been loaded meanwhile.
 */
async function caughtUp(
  client: QueryClient,
  user: string,
  api: Api,
  signal: AbortSignal,
): Promise<Library | undefined> {
  for (let answers = 0; answers < MOST_ANSWERS; answers++) {
    const library = newest(client, user);
    if (!library || library.outdated) return undefined;
    const feed = await changes(api, library, signal);
    signal.throwIfAborted();
    if (feed) change(client, user, (now) => withChanges(now, library.cursor, feed));
    else change(client, user, (now) => ({ ...now, outdated: true }));
    if (feed?.upToDate) return newest(client, user);
  }
  return undefined;
}

/** Undefined if the library is not the server's any more, as after a restore. */
function changes(
  api: Api,
  { cursor, mark }: Library,
  signal: AbortSignal,
): Promise<Changes | undefined> {
  return api.changes(cursor, mark, signal).catch((problem: Problem) => {
    if (problem.code !== "resync-required") throw problem;
    return undefined;
  });
}

/** From the first page. Older pages that are on their way belong to what is forgotten now. */
async function startedOver(
  client: QueryClient,
  user: string,
  { api, saved }: Sources,
  signal: AbortSignal,
): Promise<Library> {
  const page = await firstPage(api, saved(), signal);
  signal.throwIfAborted();
  await client.cancelQueries({ queryKey: olderKey(user) });
  const before = newest(client, user);
  if (before && !before.outdated) return fromFirstPage(page, before.log);
  if (before) void client.resetQueries({ queryKey: ["image", user] }); // asks anew for what is shown
  return fromFirstPage(page, crypto.randomUUID());
}

/**
 * With all that was saved up to `saved`. Where a sync has brought all that there is and that is less,
 * it is enough: the save itself went with what a restore took back.
 */
async function firstPage(api: Api, saved: number, signal: AbortSignal): Promise<FirstPage> {
  let atLeast = saved;
  for (let syncs = 0; ; syncs++) {
    try {
      return await api.firstPage(atLeast, signal);
    } catch (problem) {
      if (syncs === MOST_SYNCS || (problem as Problem).code !== "not-synced-yet") throw problem;
      const { cursor, upToDate } = await api.sync();
      if (upToDate) atLeast = Math.min(atLeast, cursor);
    }
  }
}
