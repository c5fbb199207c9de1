/** What is kept on this device, in IndexedDB: each user's newest images, and saves not confirmed. */

import { createStore, delMany, get, set, update, type UseStore } from "idb-keyval";
import { top, type Library } from "./library";
import { withSave, type Kept, type Save } from "./outbox";

/** As many images as are kept: some screens full. Older ones are read again. */
const MOST = 500;

/** Where the browser keeps nothing (private windows, a full disk), nothing is found. */
export class Device {
  readonly #store: UseStore;

  /** `name` tells apart what must not mix: two stages of an origin, two issuers. */
  constructor(name: string) {
    this.#store = createStore(name, "users");
  }

  /** The library as it was kept, if it was. */
  library(user: string): Promise<Library | undefined> {
    return quietly(() => get<Library>(libraryOf(user), this.#store));
  }

  async keepLibrary(user: string, library: Library): Promise<void> {
    await quietly(() => set(libraryOf(user), top(library, MOST), this.#store));
  }

  saves(user: string): Kept {
    const name = savesOf(user);
    const change = (next: (saves: readonly Save[]) => readonly Save[]) =>
      quietly(() => update<readonly Save[]>(name, (saves = []) => next(saves), this.#store));
    return {
      load: async () => (await quietly(() => get<readonly Save[]>(name, this.#store))) ?? [],
      put: (save) => change((saves) => withSave(saves, save)),
      drop: (id) => change((saves) => saves.filter((save) => save.id !== id)),
    };
  }

  async forget(user: string): Promise<void> {
    await quietly(() => delMany([libraryOf(user), savesOf(user)], this.#store));
  }
}

async function quietly<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch {
    return undefined;
  }
}

/** The form's version is part of the name: what another version kept is not found. */
function libraryOf(user: string): string {
  return `library 1 ${user}`;
}

function savesOf(user: string): string {
  return `saves 1 ${user}`;
}
