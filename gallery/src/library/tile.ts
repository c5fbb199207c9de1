import type { Problem } from "../api/problem";
import type { Image, NewImage } from "./library";
import type { Entry } from "./outbox";

/** What the grid shows: an image, or one that is being saved. */
export type Tile =
  | { readonly kind: "saved"; readonly image: Image }
  | {
      readonly kind: "pending";
      /** Unique among pending tiles. */
      readonly id: string;
      readonly image: NewImage;
      /** Why the save was refused: it waits to be discarded or retried. */
      readonly problem?: Problem;
      /** Why the save takes longer: it is tried again by itself. */
      readonly delay?: Problem;
    };

/** The save that a pending tile belongs to. */
export function saveOf(id: string): string {
  return id.split("/", 1)[0]!;
}

const savedTiles = new WeakMap<Image, Tile>();
const entryTiles = new WeakMap<Entry, readonly Tile[]>();

/** The same tile for the same image, so that what shows it stays as it is. */
export function savedTile(image: Image): Tile {
  const tile = savedTiles.get(image) ?? { kind: "saved", image };
  savedTiles.set(image, tile);
  return tile;
}

/** An entry's tiles as the library will show them: the last of a batch is the newest. */
export function tilesOf(entry: Entry): readonly Tile[] {
  const tiles = entryTiles.get(entry) ?? made(entry).reverse();
  entryTiles.set(entry, tiles);
  return tiles;
}

function made(entry: Entry): Tile[] {
  if (entry.state === "saved") return entry.images.map(savedTile);
  const said = entry.problem && (entry.state === "refused" ? "problem" : "delay");
  return entry.save.images.map((image, place) => ({
    kind: "pending",
    id: `${entry.save.id}/${place}`,
    image,
    ...(said && { [said]: entry.problem }),
  }));
}
