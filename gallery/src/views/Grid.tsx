import {
  createEffect,
  createMemo,
  createSignal,
  For,
  on,
  onCleanup,
  onMount,
  Show,
  untrack,
  type Accessor,
  type JSX,
} from "solid-js";
import { useGallery } from "./use-gallery";
import { createLongPress } from "./press";
import { isDialogOpen } from "./Dialog";
import { createStay, nearest } from "./stay";
import { step, type Direction } from "./steps";
import { Tile } from "./Tile";
import { keyOf } from "./tiles";
import { createWall } from "./wall";

/** How near to the edges of the view a focused tile may come, in pixels: the header is in the way. */
const EDGE = { top: 76, bottom: 24 };

/** Milliseconds before anything beyond the view is rendered, or asked for. */
const MOMENT = 1000;

const ARROWS: readonly string[] = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"];

/** The images, as a masonry in the page's own scroll. */
export function Grid(): JSX.Element {
  const gallery = useGallery();
  const { library, selection, sizes } = gallery;
  const [list, setList] = createSignal<HTMLElement>();
  const [focused, setFocused] = createSignal<string>();

  const keys = createMemo(() => gallery.tiles().map(keyOf));
  const byKey = createMemo(
    () => new Map(gallery.tiles().map((tile, place) => [keyOf(tile), { tile, place }] as const)),
  );
  const hasBegun = createBegun();
  const wall = createWall({
    list,
    keys,
    ratio: (key) => {
      const tile = byKey().get(key)?.tile;
      return tile && sizes.ratio(tile.image);
    },
    ratiosChanged: sizes.changed,
    focused,
    hasBegun,
  });
  const rendered = createMemo(() => [...wall.placed().keys()].filter((key) => byKey().has(key)));
  const reachable = createMemo(() => {
    const key = focused();
    return key !== undefined && wall.placed().has(key) ? key : (wall.topmost() ?? rendered()[0]);
  });
  const total = () =>
    gallery.searching() ? (library.complete() ? keys().length : -1) : (library.count() ?? -1);

  const canLoad = () =>
    library.status() === "ready" &&
    !library.complete() &&
    !library.problem() &&
    !gallery.searching();

  // A page may come back empty. It changes the library all the same, and the wall with it.
  createEffect(() => {
    const isDue = hasBegun() || !keys().length;
    if (isDue && wall.nearEnd() && canLoad()) void library.loadOlder();
  });

  createEffect(on(gallery.query, () => scrollTo({ top: 0, behavior: "instant" }), { defer: true }));

  createEffect(() => {
    const wanted = gallery.wanted();
    if (!wanted || !wall.isArranged()) return;
    const key = nearest(keys(), wanted.cursor);
    if (key === undefined && canLoad()) void library.loadOlder();
    else if (library.status() === "ready") untrack(() => come(key ?? keys().at(-1), wanted.top));
  });

  function come(key: string | undefined, top: number | undefined): void {
    gallery.show(undefined);
    if (key === undefined) return;
    if (top === undefined) go(key);
    else scrollTo({ top: topOf(key) - top, behavior: "instant" });
  }

  /** Where a tile begins on the page. */
  function topOf(key: string): number {
    return (list()?.getBoundingClientRect().top ?? 0) + scrollY + (wall.box(key)?.top ?? 0);
  }

  createStay({
    at: () => {
      const key = scrollY > 0 ? wall.topmost() : undefined;
      return key === undefined ? undefined : { cursor: Number(key), top: topOf(key) - scrollY };
    },
    goTo: ({ cursor, top }) => gallery.show(cursor, top),
    giveUp: () => gallery.wanted()?.top !== undefined && gallery.show(undefined),
  });

  /** Where nothing has the focus yet, the first arrow key goes to what is seen. */
  function onFirstKey(event: KeyboardEvent): void {
    if (event.target !== document.body || hasModifier(event) || isDialogOpen()) return;
    const key = ARROWS.includes(event.key) ? reachable() : end(event.key);
    if (key === undefined) return;
    event.preventDefault();
    go(key);
  }

  document.addEventListener("keydown", onFirstKey);
  onCleanup(() => document.removeEventListener("keydown", onFirstKey));

  /** Focuses a tile, rendered or not, and brings it into view. */
  function go(key: string): void {
    const box = wall.box(key);
    const element = list();
    if (!box || !element) return;
    setFocused(key);
    const top = topOf(key);
    const lowest = top - EDGE.top;
    const highest = top + box.height + EDGE.bottom - innerHeight;
    if (scrollY > lowest) scrollTo({ top: lowest, behavior: "instant" });
    else if (scrollY < highest) scrollTo({ top: Math.min(highest, lowest), behavior: "instant" });
    focus(key);
  }

  /** Once it is rendered, which may take until the page has scrolled. */
  function focus(key: string, tries = 10): void {
    const tile = list()?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"] .target`);
    if (tile) tile.focus({ preventScroll: true });
    else if (tries) requestAnimationFrame(() => focus(key, tries - 1));
  }

  function end(name: string): string | undefined {
    if (name === "Home") return keys()[0];
    return name === "End" ? keys().at(-1) : undefined;
  }

  function neighbour(key: string, name: string): string | undefined {
    if (!ARROWS.includes(name)) return end(name);
    const from = wall.box(key);
    const around = [...wall.around(key)].filter(([other]) => other !== key);
    if (!from) return undefined;
    const found = step(from, around.map(([, box]) => box), name as Direction); // prettier-ignore
    if (found !== undefined) return around[found]![0];
    const place = byKey().get(key)!.place;
    if (name === "ArrowRight") return keys()[place + 1];
    return name === "ArrowLeft" ? keys()[place - 1] : undefined;
  }

  function onKeyDown(event: KeyboardEvent): void {
    const key = keyAt(event);
    const tile = key === undefined ? undefined : byKey().get(key)?.tile;
    if (!tile || !isTarget(event) || hasModifier(event)) return;
    const cursor = tile.kind === "saved" ? tile.image.cursor : undefined;
    const next = neighbour(key!, event.key);
    if (next !== undefined) {
      if (event.shiftKey) extend(cursor, next);
      go(next);
    } else if (event.key === " " && cursor !== undefined) selection.toggle(cursor);
    else if (event.key === "Delete" && cursor !== undefined) remove(cursor);
    else return;
    event.preventDefault();
  }

  function extend(from: number | undefined, to: string): void {
    const tile = byKey().get(to)?.tile;
    if (tile?.kind !== "saved") return;
    if (from !== undefined && !selection.cursors().size) selection.toggle(from);
    selection.extend(tile.image.cursor);
  }

  /** Deletes what is selected, else this image; the focus goes to what comes after it. */
  function remove(cursor: number): void {
    const picked = selection.cursors();
    const gone = picked.size ? picked : new Set([cursor]);
    const order = gallery.cursors();
    const place = order.indexOf(cursor);
    const stays = (other: number) => !gone.has(other);
    const next = order.slice(place).find(stays) ?? order.slice(0, place).findLast(stays);
    gallery.remove([...gone]);
    if (next !== undefined) queueMicrotask(() => go(String(next)));
  }

  function onClick(event: MouseEvent): void {
    const cursor = cursorAt(event);
    if (cursor === undefined || !isTarget(event) || event.ctrlKey || event.metaKey) return;
    if (event.shiftKey) selection.extend(cursor);
    else if (selection.active()) selection.toggle(cursor);
    else return;
    event.preventDefault();
  }

  function cursorAt(event: Event): number | undefined {
    const tile = byKey().get(keyAt(event) ?? "")?.tile;
    return tile?.kind === "saved" ? tile.image.cursor : undefined;
  }

  onMount(() =>
    createLongPress(list()!, (event) => {
      const cursor = isTarget(event) ? cursorAt(event) : undefined;
      if (cursor !== undefined) selection.toggle(cursor);
      return cursor !== undefined;
    }),
  );

  return (
    <ul
      ref={setList}
      class="grid"
      classList={{ selecting: selection.active(), moving: wall.moving() }}
      aria-label={gallery.searching() ? "Images found" : "Images"}
      style={{ height: `${wall.height()}px` }}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onFocusIn={(event) => setFocused(keyAt(event))}
    >
      <For each={rendered()}>
        {(key) => (
          <Show when={byKey().get(key)}>
            {(found) => (
              <Show when={wall.placed().get(key)}>
                {(box) => (
                  <Tile
                    tile={found().tile}
                    box={box()}
                    position={found().place + 1}
                    total={total()}
                    reachable={reachable() === key}
                  />
                )}
              </Show>
            )}
          </Show>
        )}
      </For>
    </ul>
  );
}

/** False for a moment, in which the first images have the network to themselves, or until one scrolls. */
function createBegun(): Accessor<boolean> {
  const [hasBegun, setBegun] = createSignal(false);
  const begin = () => setBegun(true);
  const timer = setTimeout(begin, MOMENT);
  addEventListener("scroll", begin, { once: true, passive: true });
  onCleanup(() => {
    clearTimeout(timer);
    removeEventListener("scroll", begin);
  });
  return hasBegun;
}

function hasModifier(event: KeyboardEvent): boolean {
  return event.ctrlKey || event.metaKey || event.altKey;
}

function keyAt(event: Event): string | undefined {
  return (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset["key"];
}

/** Whether it happened to the tile itself, not to a control on it. */
function isTarget(event: Event): boolean {
  return (
    (event.target as Element).closest(".target, button, input, label")?.matches(".target") ?? false
  );
}
