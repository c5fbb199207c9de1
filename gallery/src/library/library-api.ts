/** The signed-in user's library, for the views. */

import { createContext, useContext, type Accessor } from "solid-js";
import type { Problem } from "../api/problem";
import type { Image, NewImage } from "./library";
import type { SaveResult } from "./outbox";
import type { Unsent } from "./device";
import type { NotRemoved, Progress, Removal } from "./removal";
import type { Tile } from "./tile";

export type { Tile } from "./tile";
export type { SaveResult } from "./outbox";
export type { Unsent } from "./device";
export type { NotRemoved, Progress, Removal } from "./removal";

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
  /** One that is loaded, or the one that is looked at once the server has sent it. Reactive. */
  image(cursor: number): Image | undefined;
  /** Why `image` found none: code `not-found` if there is none. Reactive. */
  missing(cursor: number): Problem | undefined;
  /** 1 to 25 images, all or none. Resolves when confirmed or refused, however long that takes. */
  save(images: readonly NewImage[]): Promise<SaveResult>;
  /** Forgets a refused save; `id` is its tile's or its own. */
  discard(id: string): void;
  /** Sends a refused save again. */
  retry(id: string): void;
  /** Asks the server to delete these; each call is one deletion with its own time to be undone. */
  readonly remove: (cursors: readonly number[]) => void;
  /** Undoes this deletion, by default the newest; false if it cannot be undone any more. */
  readonly undoRemoval: (id?: string) => boolean;
  /** Deletions that can still be undone, the newest first. */
  readonly removals: Accessor<readonly Removal[]>;
  /** Deletions under way that nobody can undo any more; undefined when there are none. */
  readonly removing: Accessor<Progress | undefined>;
  /** Deletions that failed, the newest first: their images are back. */
  readonly notRemoved: Accessor<readonly NotRemoved[]>;
  /** The images of the save that was confirmed last: a new array each time. */
  readonly confirmed: Accessor<readonly Image[] | undefined>;
  /** Whether another tab or device has deleted this image. Reactive. */
  readonly deletedElsewhere: (cursor: number) => boolean;
  /**
   * Loads all of the library, page by page: `loaded` of `count` tells how far it is. Resolves when it
   * is complete, when `signal` aborts it, or when `problem` says why it cannot go on.
   */
  readonly loadAll: (signal?: AbortSignal) => Promise<void>;
  /** Sends all that waits, without time to undo. Resolves when all is sent, or cannot be now. */
  readonly finish: () => Promise<void>;
  /** What is not sent, in whichever tab. */
  readonly unsent: () => Promise<Unsent>;
}

export const LibraryContext = createContext<LibraryHook>();

export function useLibrary(): LibraryHook {
  const library = useContext(LibraryContext);
  if (!library) throw new Error("There is no library here: nobody is signed in.");
  return library;
}
