/**
 * The grid is cut across into bands, each a small masonry with level ends. So whatever happens in one
 * band moves all columns below it by the same amount, which a change of the scroll position makes up
 * for exactly; and laying out anew costs one band, not ten thousand tiles.
 */
import { fill, type Box, type Columns } from "./masonry";

export interface Band {
  /** Its last tile's: what is added above does not change it. */
  readonly key: string;
  readonly keys: readonly string[];
  readonly ratios: readonly number[];
  readonly columns: Columns;
  readonly last: boolean;
  readonly boxes: readonly Box[];
  readonly height: number;
}

/** Rows in a band, so that some of them fill a screen. */
const ROWS = 5;

export interface Wall {
  readonly keys: readonly string[];
  readonly ratio: (key: string) => number;
  readonly columns: Columns;
}

/** What must not change because someone looks at it: bands, by their keys. */
export interface Held {
  /** Those that keep where they begin. */
  readonly starts: ReadonlySet<string>;
  /** Those that keep their boxes although ratios have become known. */
  readonly boxes: ReadonlySet<string>;
}

/** The bands after a change; those that it does not touch are the same objects as before. */
export function build(before: readonly Band[], wall: Wall, held: Held): readonly Band[] {
  const known = new Map(before.map((band) => [band.key, band]));
  const left = new Set(wall.keys);
  const starts = (bands: readonly Band[]) =>
    new Set(bands.flatMap((band) => band.keys.find((key) => left.has(key)) ?? []));
  const parts = divide(
    wall.keys,
    starts(before.slice(1)),
    starts(before.filter((band) => held.starts.has(band.key))),
    wall.columns.count * ROWS,
  );
  return parts.map((keys, place) => {
    const key = keys[keys.length - 1]!;
    const last = place === parts.length - 1;
    const old = known.get(key);
    const ratios = keys.map(wall.ratio);
    if (old && isAsBefore(old, keys, wall.columns, last)) {
      if (held.boxes.has(key) || isSame(old.ratios, ratios)) return old;
    }
    return { key, keys, ratios, last, columns: wall.columns, ...fill(ratios, wall.columns, !last) };
  });
}

function isAsBefore(old: Band, keys: readonly string[], columns: Columns, last: boolean): boolean {
  return old.columns === columns && old.last === last && isSame(old.keys, keys);
}

export function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, place) => value === other[place]);
}

/**
 * Cuts into parts of about `size`, where it was cut before if that is not too near: tiles that come
 * or go change the part that they are in, and no other.
 */
export function divide(
  keys: readonly string[],
  starts: ReadonlySet<string>,
  held: ReadonlySet<string>,
  size: number,
): readonly (readonly string[])[] {
  const cuts = [0];
  const next = nextStarts(keys, starts);
  for (let place = 1; place < keys.length; place++) {
    const length = place - cuts[cuts.length - 1]!;
    const wasCut = starts.has(keys[place]!) && length >= size / 2;
    const isFull = length >= size && next[place]! - place >= size;
    if (wasCut || isFull || held.has(keys[place]!)) cuts.push(place);
  }
  return keys.length ? cuts.map((from, n) => keys.slice(from, cuts[n + 1])) : [];
}

/** For each place, the first one from there on at which a part began; Infinity if none. */
function nextStarts(keys: readonly string[], starts: ReadonlySet<string>): readonly number[] {
  const next = new Array<number>(keys.length);
  let found = Infinity;
  for (let place = keys.length - 1; place >= 0; place--) {
    if (starts.has(keys[place]!)) found = place;
    next[place] = found;
  }
  return next;
}
