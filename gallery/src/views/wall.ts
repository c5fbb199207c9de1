import { batch, createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import type { Accessor } from "solid-js";
import { build, isSame, type Band, type Held } from "./bands";
import { columnsFor, type Box, type Columns } from "./masonry";

export interface Wall {
  /** The tiles to be rendered, with where they are from the wall's top left. */
  readonly placed: Accessor<ReadonlyMap<string, Box>>;
  readonly height: Accessor<number>;
  /** Tiles that move now may be seen moving: the page does not scroll at the same time. */
  readonly moving: Accessor<boolean>;
  /** Whether the newest tiles have their places. */
  readonly isArranged: Accessor<boolean>;
  /** Whether what is loaded ends not far below what is seen; false until that is known. */
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
  /** A tile's height by its width; undefined if its image was never seen. */
  readonly ratio: (key: string) => number | undefined;
  readonly ratiosChanged: Accessor<number>;
  /** A tile that stays rendered wherever it is. */
  readonly focused: Accessor<string | undefined>;
  /** Until then, nothing beyond the view is rendered. */
  readonly hasBegun: Accessor<boolean>;
}

/** How long a band whose images have come into view may still take its form, in milliseconds. */
const SETTLING = 1000;

/** The share of a band's images that must be there, or there is nothing yet to be looked at. */
const SEEN = 0.5;

/** The ratio of what was never seen. */
const SQUARE = 1;

/** How long tiles are seen moving. */
const MOVING = 200;

/** Without scrolling for so many milliseconds, the page is at rest. */
const RESTING = 150;

/** Bands beyond the view on either side that are rendered, each more than a screen: their images are
    fetched meanwhile. */
const OVERSCAN = 1;

/** How many bands below the last rendered one are wanted in advance. */
const AHEAD = 6;

/** A masonry in the page's own scroll: knows all tiles' places, renders those in and near the view. */
export function createWall({ list, keys, ratio, ratiosChanged, focused, hasBegun }: Given): Wall {
  const assumed = (key: string) => ratio(key) ?? SQUARE;
  const { width, margin } = createMeasured(list);
  const view = createView();
  const columns = createMemo(() => columnsFor(width()));
  const [bands, setBands] = createSignal<readonly Band[]>([]);
  const [moving, setMoving] = createSignal(false);
  /** The tiles that `bands` are made of. */
  const [placedKeys, setPlacedKeys] = createSignal<readonly string[]>([]);
  /** Since when there is something to be looked at in a band, of those in view. */
  const seenSince = new Map<string, number>();
  /** Those that were above the view since the page began to scroll. */
  const passed = new Set<string>();

  /** Where each band begins on the page, and after all of them where another one would. */
  const starts = createMemo(() => {
    const found = [margin()];
    for (const band of bands()) found.push(found.at(-1)! + band.height + band.columns.gap);
    return found;
  });

  const bandOf = createMemo(
    () => new Map(bands().flatMap((band, n) => band.keys.map((key) => [key, n] as const))),
  );

  /** The first band in view and the one after the last. */
  const range = createMemo(
    (): readonly [number, number] => {
      const [top, bottom] = [view.top(), view.top() + view.height()];
      const first = bands().findIndex((band, n) => starts()[n]! + band.height > top);
      const end = bands().findIndex((_, n) => starts()[n]! >= bottom);
      return [first < 0 ? bands().length : first, end < 0 ? bands().length : end];
    },
    undefined,
    { equals: isSame },
  );

  const inView = createMemo(() => numbers(...range()));

  const rendered = createMemo(
    () => {
      const [first, end] = range();
      const more = hasBegun() ? OVERSCAN : 0;
      const near = numbers(Math.max(0, first - more), Math.min(bands().length, end + more));
      const also = bandOf().get(focused() ?? "");
      return also === undefined || near.includes(also) ? near : [...near, also].sort(byNumber);
    },
    undefined,
    { equals: isSame },
  );

  const nameOf = (n: number) => bands()[n]!.key;

  createEffect(
    on([inView, bands], () => {
      const names = new Set(inView().map(nameOf));
      for (const name of seenSince.keys()) if (!names.has(name)) seenSince.delete(name);
    }),
  );

  /**
   * What is looked at keeps its beginning and end, and its boxes once it had time to settle. What is
   * above keeps its boxes until the page rests: to make up for a change there would stop a swipe.
   */
  function held(): Held {
    for (const n of inView()) see(bands()[n]!);
    const settled = performance.now() - SETTLING;
    const isSettled = (n: number) => seenSince.get(nameOf(n))! < settled;
    const ends = inView().flatMap((n) => bands()[n + 1]?.key ?? []);
    if (!view.scrolling()) passed.clear();
    else for (const { key } of bands().slice(0, inView()[0])) passed.add(key);
    return {
      starts: new Set(view.atTop() ? [] : [...inView().map(nameOf), ...ends]),
      boxes: new Set([...passed, ...inView().flatMap((n) => (isSettled(n) ? nameOf(n) : []))]),
    };
  }

  /** Notes when a band in view has enough in it to be looked at. */
  function see({ key, keys: some }: Band): void {
    const there = some.filter((one) => ratio(one) !== undefined).length;
    if (there >= some.length * SEEN && !seenSince.has(key)) seenSince.set(key, performance.now());
  }

  function arrange(): void {
    const before = bands();
    const wall = { keys: keys(), ratio: assumed, columns: columns() };
    const next = build(before, wall, held());
    if (next.length === before.length && next.every((band, n) => band === before[n])) return;
    const seen = inView().map((n) => [before[n]!, starts()[n]!] as const);
    if (!put(next, () => shift(seen))) move();
  }

  /** How far the first band that begins in view has moved, or what is left of it. */
  function shift(seen: readonly (readonly [Band, number])[]): number {
    const first = Math.max(
      0,
      seen.findIndex(([, start]) => start >= view.top()),
    );
    for (const [band, start] of [...seen.slice(first), ...seen.slice(0, first)]) {
      const key = band.keys.find((key) => bandOf().has(key));
      if (key !== undefined) return starts()[bandOf().get(key)!]! - start;
    }
    return 0;
  }

  /** Another number of columns: everything goes elsewhere, but what was on top stays there. */
  function rearrange(): void {
    const top = topmost() ?? "";
    const before = box(top)?.top ?? 0;
    const next = build([], { keys: keys(), ratio: assumed, columns: columns() }, held());
    put(next, () => (box(top)?.top ?? before) - before);
  }

  /** Scrolls as far as what is looked at has moved; answers whether it has. */
  function put(next: readonly Band[], moved: () => number): boolean {
    let distance = 0;
    batch(() => {
      setBands(next);
      if (!view.atTop()) distance = moved();
      if (distance) setMoving(false);
      view.expect(distance);
    });
    if (distance) {
      scrollTo({ top: view.top(), behavior: "instant" });
      view.expect(scrollY - view.top()); // the page may end before
    }
    return distance !== 0;
  }

  let still: ReturnType<typeof setTimeout>;
  function move(): void {
    setMoving(true);
    clearTimeout(still);
    still = setTimeout(() => setMoving(false), MOVING);
  }

  // Once a frame, when all that it brings has been heard of, and nothing is painted yet.
  let frame = 0;
  let arranged: Columns | undefined;
  createEffect(
    on([columns, keys, ratiosChanged, view.atTop, view.scrolling], () => {
      cancelAnimationFrame(frame);
      if (width()) frame = requestAnimationFrame(update);
    }),
  );
  onCleanup(() => cancelAnimationFrame(frame));

  function update(): void {
    if (arranged === columns()) arrange();
    else rearrange();
    arranged = columns();
    setPlacedKeys(keys());
  }

  const isArranged = () => width() > 0 && placedKeys() === keys();

  function topmost(): string | undefined {
    for (const n of inView()) {
      const found = bands()[n]!.boxes.findIndex((box) => starts()[n]! + box.top >= view.top());
      if (found >= 0) return bands()[n]!.keys[found];
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

  return {
    placed: createMemo(() => new Map(rendered().flatMap(boxes))),
    height: () =>
      Math.max(0, starts()[bands().length]! - margin() - (bands().at(-1)?.columns.gap ?? 0)),
    moving,
    isArranged,
    nearEnd: () => isArranged() && (rendered().at(-1) ?? 0) + AHEAD >= bands().length,
    topmost,
    box,
    around,
  };
}

function lowered(box: Box, top: number): Box {
  return { ...box, top: box.top + top };
}

function numbers(from: number, end: number): readonly number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, n) => from + n);
}

function byNumber(one: number, other: number): number {
  return one - other;
}

/** What is seen of the page: where it begins and how high it is, and whether it is moving. */
function createView() {
  const [top, setTop] = createSignal(scrollY);
  const [height, setHeight] = createSignal(innerHeight);
  const [scrolling, setScrolling] = createSignal(false);
  let resting: ReturnType<typeof setTimeout>;

  function onScroll(): void {
    const now = scrollY;
    if (Math.abs(now - top()) < 1) return; // as expected
    batch(() => {
      setTop(now);
      setScrolling(true);
    });
    clearTimeout(resting);
    resting = setTimeout(() => setScrolling(false), RESTING);
  }

  const onResize = () => setHeight(innerHeight);
  addEventListener("scroll", onScroll, { passive: true });
  addEventListener("resize", onResize);
  onCleanup(() => {
    removeEventListener("scroll", onScroll);
    removeEventListener("resize", onResize);
    clearTimeout(resting);
  });

  return {
    top,
    height,
    scrolling,
    atTop: createMemo(() => top() < 1),
    /** The page is going to be scrolled so far by us. */
    expect: (distance: number) => setTop((before) => before + distance),
  };
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
