import { createContext, createMemo, createSignal, useContext, type Accessor } from "solid-js";
import { matches, parseFilter } from "../library/filter";
import type { Tile } from "../library/tile";
import type { LibraryHook } from "../library/use-library";
import type { Draft } from "./draft";
import { createNotices, type Notices } from "./notices";
import { createOnline } from "./online";
import { createSelection, type Selection } from "./selection";
import { createSizes, type Sizes } from "./sizes";
import { cursorsOf } from "./tiles";

/** What the parts of the gallery share. */
export interface Gallery {
  readonly library: LibraryHook;
  readonly online: Accessor<boolean>;
  readonly sizes: Sizes;
  readonly notices: Notices;
  readonly selection: Selection;
  /** What is searched for, as it was typed. */
  readonly query: Accessor<string>;
  search(query: string): void;
  /** Whether something is searched for. */
  readonly searching: Accessor<boolean>;
  /** What the grid shows: all that is loaded, or what was found in it. */
  readonly tiles: Accessor<readonly Tile[]>;
  readonly cursors: Accessor<readonly number[]>;
  /** What is being written in the save form; undefined when it is closed. */
  readonly draft: Accessor<Draft | undefined>;
  write(draft: Draft | undefined): void;
  /** The tile that the grid shall bring into view and focus: a new object each time. */
  readonly wanted: Accessor<{ readonly key: string } | undefined>;
  show(key: string): void;
  remove(cursors: readonly number[]): void;
}

export function createGallery(library: LibraryHook): Gallery {
  const notices = createNotices();
  const [query, search] = createSignal("");
  const [draft, write] = createSignal<Draft>();
  const [wanted, setWanted] = createSignal<{ readonly key: string }>();

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
    selection.end();
  }

  return {
    library,
    online: createOnline(),
    sizes: createSizes(sessionStorage),
    notices,
    selection,
    query,
    search,
    searching: () => filter() !== undefined,
    tiles,
    cursors,
    draft,
    write,
    wanted,
    show: (key) => setWanted({ key }),
    remove,
  };
}

export const GalleryContext = createContext<Gallery>();

export function useGallery(): Gallery {
  return useContext(GalleryContext)!;
}
