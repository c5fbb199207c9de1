import { createMemo, createSignal, type Accessor } from "solid-js";

/** Images picked out, by their cursors, to be deleted together. */
export interface Selection {
  readonly cursors: Accessor<ReadonlySet<number>>;
  /** Whether one is selecting: then a click picks an image, and does not open it. */
  readonly active: Accessor<boolean>;
  begin(): void;
  toggle(cursor: number): void;
  /** Selects all from the one that was toggled last to this one. */
  extend(cursor: number): void;
  all(): void;
  end(): void;
}

const NONE: ReadonlySet<number> = new Set();

/** `shown`: what can be selected, in its order. What is shown no more is not selected any more. */
export function createSelection(shown: Accessor<readonly number[]>): Selection {
  const [picked, setPicked] = createSignal(NONE);
  const [begun, setBegun] = createSignal(false);
  let anchor: number | undefined;
  let base = NONE;

  const cursors = createMemo(() => {
    if (!picked().size) return NONE;
    return new Set(shown().filter((cursor) => picked().has(cursor)));
  });

  function toggle(cursor: number): void {
    const next = new Set(cursors());
    if (!next.delete(cursor)) next.add(cursor);
    [anchor, base] = [cursor, next];
    setPicked(next);
  }

  function extend(cursor: number): void {
    const order = shown();
    const [from, to] = [order.indexOf(anchor ?? NaN), order.indexOf(cursor)];
    if (from < 0) return toggle(cursor);
    const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
    setPicked(new Set([...base, ...range]));
  }

  function end(): void {
    setBegun(false);
    setPicked(NONE);
    [anchor, base] = [undefined, NONE];
  }

  return {
    cursors,
    active: () => begun() || cursors().size > 0,
    begin: () => setBegun(true),
    toggle,
    extend,
    all: () => setPicked(new Set(shown())),
    end,
  };
}
