import { createWindowVirtualizer, defaultRangeExtractor } from "@tanstack/solid-virtual";
import { batch, createEffect, createMemo, createSignal, on, onCleanup, untrack } from "solid-js";
import type { Accessor } from "solid-js";
import { build, type Band, type Held } from "./bands";
import { columnsFor, type Box, type Columns } from "./masonry";

export interface Wall {
  /** The tiles to be rendered, with where they are from the wall's top left. */
  readonly placed: Accessor<ReadonlyMap<string, Box>>;
  readonly height: Accessor<number>;
  /** Tiles that move now may be seen moving: the page does not scroll at the same time. */
  readonly moving: Accessor<boolean>;
  /** Whether what is loaded ends not far below what is seen. */
  readonly nearEnd: Accessor<boolean>;
  /** The first tile that can be seen. */
  topmost(): string | undefined;
  box(key: string): Box | undefined;
  /** Tiles in and around a tile's band. */
  around(key: string): ReadonlyMap<string, Box>;
}

interface Given {
  readonly list: Accessor<HTMLElement | undefined>;
  readonly keys: Accessor<readonly string[]>;
  /** Tracked: a tile's height by its width, as far as known. */
  readonly ratio: (key: string) => number;
  readonly ratiosChanged: Accessor<number>;
  /** A tile that stays rendered wherever it is. */
  readonly focused: Accessor<string | undefined>;
  /** Until then, nothing beyond the view is rendered. */
  readonly hasBegun: Accessor<boolean>;
}

/** How long a band that came into view unknown may still take its form, in milliseconds. */
const SETTLING = 1000;

/** How long tiles are seen moving. */
const MOVING = 200;

/** Bands beyond the view on either side that are rendered, each more than a screen: their images are
    fetched meanwhile. */
const OVERSCAN = 1;

/** How many bands below the last rendered one are wanted in advance. */
const AHEAD = 6;

/** A masonry in the page's own scroll: knows all tiles' places, renders those in and near the view. */
export function createWall({ list, keys, ratio, ratiosChanged, focused, hasBegun }: Given): Wall {
  const { width, margin } = createMeasured(list);
  const [atTop, setAtTop] = createSignal(scrollY < 1);
  const columns = createMemo(() => columnsFor(width()));
  const [bands, setBands] = createSignal<readonly Band[]>([]);
  const [moving, setMoving] = createSignal(false);
  const inViewSince = new Map<string, number>();

  /** Where each band begins on the page. */
  const starts = createMemo(() => {
    let next = margin();
    return bands().map(({ height }) => {
      const start = next;
      next += height + columns().gap;
      return start;
    });
  });

  const bandOf = createMemo(
    () => new Map(bands().flatMap((band, n) => band.keys.map((key) => [key, n] as const))),
  );

  const virtualizer = createWindowVirtualizer({
    get count() {
      return bands().length;
    },
    get gap() {
      return columns().gap;
    },
    get scrollMargin() {
      return margin();
    },
    get anchorTo() {
      return atTop() ? ("start" as const) : ("end" as const);
    },
    get overscan() {
      return hasBegun() ? OVERSCAN : 0;
    },
    estimateSize: (n) => bands()[n]?.height ?? 0,
    getItemKey: (n) => bands()[n]?.key ?? n,
    rangeExtractor: (range) => {
      const usual = defaultRangeExtractor(range);
      const also = bandOf().get(focused() ?? "");
      return also === undefined || usual.includes(also) ? usual : [...usual, also].sort(byNumber);
    },
  });
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = (item) => item.end <= offset();

  const offset = () => virtualizer.scrollOffset ?? scrollY;

  function inView(): readonly number[] {
    const end = scrollY + innerHeight;
    return starts().flatMap((start, n) =>
      start < end && start + bands()[n]!.height > scrollY ? [n] : [],
    );
  }

  function look(): void {
    const names = new Set(inView().map((n) => bands()[n]!.key));
    for (const name of inViewSince.keys()) if (!names.has(name)) inViewSince.delete(name);
    for (const name of names) {
      if (!inViewSince.has(name)) inViewSince.set(name, performance.now());
    }
  }

  /** What is looked at: keeps its beginning and end; keeps its boxes once it had time to settle. */
  function held(): Held {
    look();
    const settled = performance.now() - SETTLING;
    const ends = inView().flatMap((n) => bands()[n + 1]?.key ?? []);
    return {
      starts: new Set(atTop() ? [] : [...inViewSince.keys(), ...ends]),
      boxes: new Set([...inViewSince].flatMap(([name, since]) => (since < settled ? name : []))),
    };
  }

  function arrange(): void {
    const before = bands();
    const next = build(before, { keys: keys(), ratio, columns: columns() }, held());
    if (next.length === before.length && next.every((band, n) => band === before[n])) return;
    const offsetBefore = offset();
    setBands(next);
    batch(() => next.forEach((band, n) => virtualizer.resizeItem(n, band.height)));
    if (offset() === offsetBefore) move();
  }

  let still: ReturnType<typeof setTimeout>;
  function move(): void {
    setMoving(true);
    clearTimeout(still);
    still = setTimeout(() => setMoving(false), MOVING);
  }

  /** Another number of columns: everything goes elsewhere, but what was on top stays there. */
  function rearrange(): void {
    const top = topmost();
    const distance = (box(top ?? "")?.top ?? 0) + margin() - scrollY;
    setBands(build([], { keys: keys(), ratio, columns: columns() }, held()));
    virtualizer.measure();
    const now = box(top ?? "");
    if (now && !atTop()) scrollTo({ top: now.top + margin() - distance, behavior: "instant" });
  }

  // Once a frame: by then the virtualizer has heard of all scrolling, and nothing is painted yet.
  let frame = 0;
  let arranged: Columns | undefined;
  createEffect(
    on([columns, keys, ratiosChanged, atTop], () => {
      cancelAnimationFrame(frame);
      if (width()) frame = requestAnimationFrame(update);
    }),
  );
  onCleanup(() => cancelAnimationFrame(frame));

  function update(): void {
    if (arranged === columns()) arrange();
    else rearrange();
    arranged = columns();
  }

  function onScroll(): void {
    setAtTop(scrollY < 1);
    look();
  }
  addEventListener("scroll", onScroll, { passive: true });
  onCleanup(() => removeEventListener("scroll", onScroll));

  function topmost(): string | undefined {
    for (const n of untrack(inView)) {
      const band = bands()[n]!;
      const found = band.boxes.findIndex((box) => starts()[n]! + box.top >= scrollY);
      if (found >= 0) return band.keys[found];
    }
    return undefined;
  }

  function boxes(n: number): readonly (readonly [string, Box])[] {
    const band = bands()[n];
    const top = (starts()[n] ?? 0) - margin();
    return band ? band.keys.map((key, i) => [key, lowered(band.boxes[i]!, top)] as const) : [];
  }

  function around(key: string): ReadonlyMap<string, Box> {
    const n = bandOf().get(key) ?? 0;
    return new Map([...boxes(n - 1), ...boxes(n), ...boxes(n + 1)]);
  }

  function box(key: string): Box | undefined {
    return around(key).get(key);
  }

  const placed = createMemo(() => {
    const found = new Map<string, Box>();
    for (const item of virtualizer.getVirtualItems()) {
      const band = bands()[item.index];
      const top = item.start - margin();
      band?.keys.forEach((key, n) => found.set(key, lowered(band.boxes[n]!, top)));
    }
    return found;
  });

  const nearEnd = createMemo(() => {
    const items = virtualizer.getVirtualItems();
    const last = items[items.length - 1]?.index;
    return last !== undefined && last + AHEAD >= bands().length;
  });

  return {
    placed,
    height: () => virtualizer.getTotalSize(),
    moving,
    nearEnd,
    topmost,
    box,
    around,
  };
}

function lowered(box: Box, top: number): Box {
  return { ...box, top: box.top + top };
}

function byNumber(one: number, other: number): number {
  return one - other;
}

/** The wall's width, and where on the page it begins. */
function createMeasured(list: Accessor<HTMLElement | undefined>) {
  const [width, setWidth] = createSignal(0);
  const [margin, setMargin] = createSignal(0);

  createEffect(() => {
    const element = list();
    if (!element) return;
    const measure = () => {
      setWidth(element.clientWidth);
      setMargin(Math.round(element.getBoundingClientRect().top + scrollY));
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    for (const above of element.parentElement!.children) observer.observe(above);
    measure();
    onCleanup(() => observer.disconnect());
  });

  return { width, margin };
}
