/** The signed-in user's library, for the views. */

import { createContext, useContext, type Accessor } from "solid-js";
import type { Problem } from "../api/problem";
import type { Image, NewImage } from "./library";
import type { SaveResult } from "./outbox";
import type { NotRemoved, Removal } from "./removal";
import type { Tile } from "./tile";

export type { Tile } from "./tile";
export type { SaveResult } from "./outbox";
export type { NotRemoved, Removal } from "./removal";

export type Status = "loading" | "ready" | "failed";

export interface LibraryHook {
  /** Unconfirmed saves first, then the library newest first, without what is being removed. */
  readonly images: Accessor<readonly Tile[]>;
  /** The library's images, loaded or not, without what is being removed. */
  readonly count: Accessor<number | undefined>;
  /** How many of them are loaded. */
  readonly loaded: Accessor<number>;
  /** Whether all of them are. */
  readonly complete: Accessor<boolean>;
  readonly status: Accessor<Status>;
  readonly problem: Accessor<Problem | undefined>;
  /** What is shown may be behind: the server was not asked yet, or did not answer. */
  readonly stale: Accessor<boolean>;
  /** Nothing if there is nothing older, or if it is under way. What goes wrong shows in `problem`. */
  loadOlder(): Promise<void>;
  /** Looks for changes now. */
  refresh(): Promise<void>;
  /** From what is loaded, else asked of the server: undefined meanwhile. Reactive. */
  image(cursor: number): Image | undefined;
  /** Why `image` found none: code `not-found` if there is none. Reactive. */
  missing(cursor: number): Problem | undefined;
  /** 1 to 25 images, all or none. Resolves when confirmed or refused, however long that takes. */
  save(images: readonly NewImage[]): Promise<SaveResult>;
  /** Forgets a refused save; `id` is its tile's or its own. */
  discard(id: string): void;
  /** Sends a refused save again. */
  retry(id: string): void;
  remove(cursors: readonly number[]): void;
  undoRemoval(): void;
  /** What can still be undone. */
  readonly removal: Accessor<Removal | undefined>;
  /** What could not be removed and is back, until the next removal. */
  readonly notRemoved: Accessor<NotRemoved | undefined>;
}

export const LibraryContext = createContext<LibraryHook>();

export function useLibrary(): LibraryHook {
  const library = useContext(LibraryContext);
  if (!library) throw new Error("There is no library here: nobody is signed in.");
  return library;
}
