import { createContext, createMemo, createSignal, useContext, type Accessor } from "solid-js";
import { matches, parseFilter } from "../library/filter";
import type { Tile } from "../library/tile";
import type { LibraryHook } from "../library/library-api";
import { allowed } from "../slot";
import { createBrokenImages, type BrokenImages } from "./broken-images";
import { createDrafting, type Drafting } from "./drafting";
import { createNotices, type Notices } from "./notices";
import { createOnline } from "./online";
import { createSelection, type Selection } from "./selection";
import { createSizes, type Sizes } from "./sizes";
import { cursorsOf } from "./tiles";

interface Wanted {
  readonly cursor: number;
  readonly top: number | undefined;
}

/** What the parts of the gallery share. */
export interface Gallery {
  readonly library: LibraryHook;
  readonly online: Accessor<boolean>;
  readonly sizes: Sizes;
  readonly notices: Notices;
  readonly broken: BrokenImages;
  readonly selection: Selection;
  /** What is searched for, as it was typed. */
  readonly query: Accessor<string>;
  search(query: string): void;
  /** Whether something is searched for. */
  readonly searching: Accessor<boolean>;
  /** What the grid shows: all that is loaded, or what was found in it. */
  readonly tiles: Accessor<readonly Tile[]>;
  readonly cursors: Accessor<readonly number[]>;
  readonly drafting: Drafting;
  readonly write: Drafting["write"];
  /** Selects all of the library, which may have to be read first, or all that was found. */
  selectAll(): Promise<void>;
  /** Whether it is being read for that. */
  readonly selectingAll: Accessor<boolean>;
  /** Leaves it at what is read. */
  stopSelectingAll(): void;
  /** The image that the grid shall bring into view: a new object each time. */
  readonly wanted: Accessor<Wanted | undefined>;
  /** `top`: how far below the top of the view; without it, anywhere in view, and it has the focus. */
  show(cursor: number | undefined, top?: number): void;
  remove(cursors: readonly number[]): void;
}

export function createGallery(library: LibraryHook): Gallery {
  const notices = createNotices();
  const [query, search] = createSignal("");
  const storage = allowed(() => sessionStorage);
  const drafting = createDrafting(storage);
  const [reading, setReading] = createSignal<AbortController>();
  const [wanted, setWanted] = createSignal<Wanted>();

  const filter = createMemo(() => parseFilter(query()));
  const tiles = createMemo(() => {
    const asked = filter();
    const all = library.images();
    return asked ? all.filter((tile) => matches(asked, tile.image)) : all;
  });
  const cursors = createMemo(() => cursorsOf(tiles()));
  const selection = createSelection(cursors);

  function remove(some: readonly number[]): void {
    library.remove(some);
    stopReading(selection.end);
  }

  /** What is loaded is selected at once: one sees what will be. */
  async function selectAll(): Promise<void> {
    selection.all();
    if (library.complete() || reading()) return;
    const here = new AbortController();
    setReading(here);
    await library.loadAll(here.signal);
    if (reading() === here) stopReading(selection.all);
  }

  function stopReading(then: () => void): void {
    reading()?.abort();
    setReading(undefined);
    then();
  }

  return {
    library,
    online: createOnline(),
    sizes: createSizes(storage),
    notices,
    broken: createBrokenImages(),
    selection: {
      ...selection,
      // Whoever picks by hand has the last word.
      toggle: (cursor) => stopReading(() => selection.toggle(cursor)),
      extend: (cursor) => stopReading(() => selection.extend(cursor)),
      end: () => stopReading(selection.end),
    },
    query,
    search,
    searching: () => filter() !== undefined,
    tiles,
    cursors,
    drafting,
    write: drafting.write,
    selectAll,
    selectingAll: () => reading() !== undefined,
    stopSelectingAll: () => stopReading(selection.all),
    wanted,
    show: (cursor, top) => setWanted(cursor === undefined ? undefined : { cursor, top }),
    remove,
  };
}

export const GalleryContext = createContext<Gallery>();

export function useGallery(): Gallery {
  return useContext(GalleryContext)!;
}
