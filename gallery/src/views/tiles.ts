import type { Tile } from "../library/tile";

/** A tile's name in the grid: an image's is its cursor. */
export function keyOf(tile: Tile): string {
  return tile.kind === "saved" ? String(tile.image.cursor) : tile.id;
}

/** The cursors of the images that are saved, in the order shown. */
export function cursorsOf(tiles: readonly Tile[]): readonly number[] {
  return tiles.flatMap((tile) => (tile.kind === "saved" ? [tile.image.cursor] : []));
}
