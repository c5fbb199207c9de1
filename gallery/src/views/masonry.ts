/** Where tiles go: arithmetic only, in CSS pixels. A ratio is a tile's height by its width. */

export interface Columns {
  readonly count: number;
  readonly width: number;
  readonly gap: number;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Filled {
  readonly boxes: readonly Box[];
  readonly height: number;
}

const NARROWEST = 160;
const WIDEST = 320;
const USUALLY = 5.5;

/** The most that a tile's height is changed, as a factor, so that columns end at one level. */
const STRETCH = 1.25;

/** What rounding to whole pixels may add to that. */
const ROUNDED = 0.05;

/** As many columns as fit well: two on a phone, about five on a desk. */
export function columnsFor(width: number): Columns {
  const gap = width < 600 ? 4 : 8;
  const wanted = Math.min(Math.max(width / USUALLY, NARROWEST), WIDEST);
  const count = Math.max(1, Math.floor((width + gap) / (wanted + gap)));
  return { count, gap, width: (width - gap * (count - 1)) / count };
}

/**
 * Boxes for the tiles, in their order. `level`: all columns end at one height, for which tiles are
 * stretched or cut a little, so that what follows can begin on a straight line.
 */
export function fill(ratios: readonly number[], columns: Columns, level: boolean): Filled {
  const stacks = stack(ratios, columns);
  const tall = (tiles: readonly number[]) =>
    tiles.reduce((sum, tile) => sum + ratios[tile]! * columns.width, 0);
  const gaps = (tiles: readonly number[]) => columns.gap * Math.max(0, tiles.length - 1);
  const bottoms = stacks.map((tiles) => tall(tiles) + gaps(tiles));
  const goal = bottoms.reduce((sum, bottom) => sum + bottom, 0) / bottoms.length;
  const isLevel = level && stacks.every((tiles) => tiles.length);
  const boxes = new Array<Box>(ratios.length);
  let height = 0;
  stacks.forEach((tiles, place) => {
    const factor = isLevel ? limited((goal - gaps(tiles)) / tall(tiles)) : 1;
    const left = Math.round(place * (columns.width + columns.gap));
    const width = Math.round(place * (columns.width + columns.gap) + columns.width) - left;
    let top = 0;
    for (const tile of tiles) {
      const bottom = top + ratios[tile]! * columns.width * factor;
      boxes[tile] = {
        left,
        width,
        top: Math.round(top),
        height: Math.round(bottom) - Math.round(top),
      };
      height = Math.max(height, Math.round(bottom));
      top = bottom + columns.gap;
    }
  });
  return { boxes, height };
}

/** Tiles by column. Row by row, the tallest goes to the shortest column; the first row as it comes. */
function stack(ratios: readonly number[], { count, width, gap }: Columns): readonly number[][] {
  const stacks = Array.from({ length: count }, () => ({ tiles: [] as number[], height: 0 }));
  for (let row = 0; row < ratios.length; row += count) {
    const tiles = Array.from({ length: Math.min(count, ratios.length - row) }, (_, n) => row + n);
    const shortest = stacks.toSorted((a, b) => a.height - b.height);
    const tallest = row ? tiles.sort((a, b) => ratios[b]! - ratios[a]!) : tiles;
    tallest.forEach((tile, place) => {
      shortest[place]!.tiles.push(tile);
      shortest[place]!.height += ratios[tile]! * width + gap;
    });
  }
  return stacks.map(({ tiles }) => tiles);
}

/** Whether an image would lose more of itself in a box than a band of known images takes from it. */
export function isCut(ratio: number | undefined, { width, height }: Box): boolean {
  if (ratio === undefined) return false;
  const factor = height / width / ratio;
  return Math.max(factor, 1 / factor) > STRETCH + ROUNDED;
}

function limited(factor: number): number {
  return Math.min(Math.max(factor, 1 / STRETCH), STRETCH);
}
