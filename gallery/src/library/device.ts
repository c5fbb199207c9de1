/**
 * What is kept on this device, in IndexedDB: each user's newest images, and saves and deletions that
 * are not confirmed. All of it has an age, and goes when the gallery is next opened after that.
 */

import {
  createStore,
  delMany,
  entries,
  get,
  promisifyRequest,
  set,
  type UseStore,
} from "idb-keyval";
import type { Pages } from "../pages";
import { withOne, type Kept } from "./kept";
import { top, type Library } from "./library";
import type { Save } from "./outbox";
import type { Deletion } from "./removal";

/** As many images as are kept: some screens full. Older ones are read again. */
const MOST = 500;

const DAY = 24 * 3600_000;

/** Milliseconds that images stay after they were last shown: a device may be others' too. */
export const IMAGES_LAST = 7 * DAY;

/** The same for what was never confirmed: it is the only copy of what its user did. */
export const UNSENT_LASTS = 30 * DAY;

/** A value with the time when it was written, in milliseconds since 1970. */
interface Dated<T> {
  readonly at: number;
  readonly value: T;
}

/** How many images are not saved, and how many are not deleted, although somebody asked for it. */
export interface Unsent {
  readonly saves: number;
  readonly deletions: number;
}

/** As lists were kept before they had a time. */
type List<T> = Dated<readonly T[]> | readonly T[];

/** A save or a deletion, and the page that has it in hand. */
type Owned<T> = T & { readonly page: string };

/** Where the browser keeps nothing (private windows, a full disk), nothing is found. */
export class Device {
  readonly #store: UseStore;

  /** `name` tells apart what must not mix: two stages of an origin, two issuers. */
  constructor(
    name: string,
    private readonly now: () => number = Date.now,
  ) {
    this.#store = createStore(name, "users");
  }

  /** The library as it was kept, if it was. */
  async library(user: string): Promise<Library | undefined> {
    return (await quietly(() => get<Dated<Library>>(libraryOf(user), this.#store)))?.value;
  }

  async keepLibrary(user: string, library: Library): Promise<void> {
    const kept = { at: this.now(), value: top(library, MOST) };
    await quietly(() => set(libraryOf(user), kept, this.#store));
  }

  saves(user: string, pages: Pages): Kept<Save> {
    return this.#inHand<Save>(savesOf(user), pages);
  }

  deletions(user: string, pages: Pages): Kept<Deletion> {
    return this.#inHand<Deletion>(deletionsOf(user), pages);
  }

  /** How much of this user's pages is on its way to the server. */
  async unsent(user: string): Promise<Unsent> {
    const saves = await this.#list<Save>(savesOf(user)).load();
    const deletions = await this.#list<Deletion>(deletionsOf(user)).load();
    return {
      saves: saves.reduce((sum, { images }) => sum + images.length, 0),
      deletions: deletions.reduce((sum, { cursors }) => sum + cursors.length, 0),
    };
  }

  async forget(user: string): Promise<void> {
    const names = [libraryOf(user), savesOf(user), deletionsOf(user)];
    await quietly(() => delMany(names, this.#store));
  }

  /** Forgets whatever is too old, whoever's it is. */
  async sweep(): Promise<void> {
    const all = (await quietly(() => entries<string, unknown>(this.#store))) ?? [];
    const old = all.filter(([name, value]) => this.now() - this.#timeOf(value) > lasts(name));
    const names = old.map(([name]) => name);
    await quietly(() => delMany(names, this.#store));
  }

  /** A list from before lists had a time counts as written now: it may be unsent work. */
  #timeOf(value: unknown): number {
    return Array.isArray(value) ? this.now() : ((value as Partial<Dated<unknown>>).at ?? 0);
  }

  #inHand<T extends { readonly id: string }>(name: string, pages: Pages): Kept<T> {
    const list = this.#list<Owned<T>>(name);
    return {
      adopt: async () => {
        const had = (await list.load()).map(({ page }) => page);
        const others = await pages.others();
        const gone = new Set(had.filter((page) => !others.has(page) && page !== pages.name));
        if (!gone.size) return [];
        let left: readonly Owned<T>[] = [];
        await list.change((all) => {
          left = all.filter(({ page }) => gone.has(page));
          return all.map((one) => (gone.has(one.page) ? { ...one, page: pages.name } : one));
        });
        return left;
      },
      put: (one) => list.change((all) => withOne(all, { ...one, page: pages.name })),
      drop: (id) => list.change((all) => all.filter((one) => one.id !== id)),
    };
  }

  #list<T>(name: string) {
    return {
      load: async () => listIn(await quietly(() => get<List<T>>(name, this.#store))),
      /** Of an empty one nothing stays, not even its name. */
      change: async (next: (list: readonly T[]) => readonly T[]): Promise<void> => {
        await quietly(() =>
          this.#store("readwrite", async (store) => {
            const old = await promisifyRequest<List<T> | undefined>(store.get(name));
            const value = next(listIn(old));
            if (value.length) store.put({ at: this.now(), value }, name);
            else store.delete(name);
            await promisifyRequest(store.transaction);
          }),
        );
      },
    };
  }
}

function listIn<T>(kept: List<T> | undefined): readonly T[] {
  return kept === undefined ? [] : "value" in kept ? kept.value : kept;
}

async function quietly<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch {
    return undefined;
  }
}

const LIBRARY = "library 2 ";

/** The form's version is part of the name: what another version kept is not found, and swept. */
function libraryOf(user: string): string {
  return `${LIBRARY}${user}`;
}

function savesOf(user: string): string {
  return `saves 1 ${user}`;
}

function deletionsOf(user: string): string {
  return `deletions 1 ${user}`;
}

function lasts(name: string): number {
  return name.startsWith(LIBRARY) ? IMAGES_LAST : UNSENT_LASTS;
}
