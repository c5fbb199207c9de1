/**
 * A user's library as far as it is known here, and how it changes. Pure: no clock, no network.
 *
 * The server's log gives every save and every deletion of a user the next cursor: 1, 2, 3 … without
 * gaps. So what is loaded is a run of that log from `cursor` down to `next`, and reading on at either
 * end is all that is ever needed.
 */

import type { Changes, FirstPage, Image, Page } from "../api/client";

export type { Image, NewImage } from "../api/client";

export interface Library {
  /** Newest first: all that live from the top down to `next`. */
  readonly images: readonly Image[];
  /** All changes up to here are folded in. */
  readonly cursor: number;
  /** The mark of the entry at `cursor`. Marks tell one log from another; an empty one tells nothing. */
  readonly mark: string;
  /** Live images at `cursor`, loaded or not. */
  readonly count: number;
  /** The older page to read is the one `before` this; null when all is loaded. */
  readonly next: number | null;
  /** The mark of the entry at `next`. */
  readonly nextMark: string;
  /** Another one than before if the server has another log now, as after a restore. */
  readonly log: string;
  /** A mark did not fit: this is not what the server has, and must be started over. */
  readonly outdated?: true;
  /** Deleted since, below `next`: an older page that was read before may still have them. */
  readonly gone: readonly number[];
}

export function fromFirstPage(page: FirstPage, log = ""): Library {
  const { images, cursor, mark, count, next, nextMark } = page;
  return { images, cursor, mark, count, next, nextMark: nextMark ?? "", log, gone: [] };
}

/** With the page that was read `before` a cursor; the same library if that is not its `next`. */
export function withOlderPage(library: Library, before: number, page: Page): Library {
  if (library.next !== before) return library;
  const gone = new Set(library.gone);
  const older = page.images.filter((image) => !gone.has(image.cursor));
  return {
    ...library,
    images: [...library.images, ...older],
    next: page.next,
    nextMark: page.nextMark ?? "",
    gone: library.gone.filter((cursor) => page.next !== null && cursor < page.next),
  };
}

/**
 * With what the feed answered `after` a cursor. What is folded in already is passed over, so answers
 * may come twice, late and overlapping; one that would leave a hole changes nothing.
 */
export function withChanges(library: Library, after: number, feed: Changes): Library {
  if (after > library.cursor || feed.cursor <= library.cursor) return library;
  const changes = feed.changes.filter((change) => change.cursor > library.cursor);
  const saved = changes.flatMap((change) => ("image" in change ? [change.image] : []));
  const deleted = new Set(
    changes.flatMap((change) => ("deleted" in change ? [change.deleted] : [])),
  );
  return {
    ...library,
    images: without([...saved.reverse(), ...library.images], deleted),
    cursor: feed.cursor,
    mark: feed.mark,
    count: library.count + growth(library.cursor, feed.cursor, deleted.size),
    gone: [...library.gone, ...[...deleted].filter((cursor) => isBelow(library, cursor))],
  };
}

/**
 * How many more images live at `to` than at `from`, with so many deletions between. Every other
 * cursor was an image's: also those that the feed leaves out, because they were deleted since.
 */
function growth(from: number, to: number, deletions: number): number {
  return to - from - 2 * deletions;
}

function without(images: readonly Image[], cursors: ReadonlySet<number>): readonly Image[] {
  return cursors.size ? images.filter((image) => !cursors.has(image.cursor)) : images;
}

function isBelow(library: Library, cursor: number): boolean {
  return library.next !== null && cursor < library.next;
}

/** The image at a cursor, if it is loaded: by halving, since the cursors fall. */
export function find({ images }: Library, cursor: number): Image | undefined {
  let [low, high] = [0, images.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (images[middle]!.cursor > cursor) low = middle + 1;
    else high = middle;
  }
  return images[low]?.cursor === cursor ? images[low] : undefined;
}

/** Whether an image, loaded or not, is one of `count`; `cursor` must be an image's. */
export function isCounted(library: Library, cursor: number): boolean {
  if (isBelow(library, cursor)) return !library.gone.includes(cursor);
  return find(library, cursor) !== undefined;
}

/** Whether it is known that no image stands at a cursor: none that is loaded, and nothing to load. */
export function isVoid(library: Library, cursor: number): boolean {
  return cursor <= library.cursor && !isCounted(library, cursor);
}

/** The newest `most` images alone: the others are to be read again. */
export function top(library: Library, most: number): Library {
  const last = library.images[most - 1];
  if (!last || library.images.length === most) return library;
  const images = library.images.slice(0, most);
  return { ...library, images, next: last.cursor, nextMark: "", gone: [] };
}
