import type { JSX } from "solid-js";

/** Drawn on a field of 24 by 24, as lines. */
const LINES = {
  alert:
    "M12 8v5m0 3.2v.1M10.3 3.9 2.6 17.5A2 2 0 0 0 4.3 20.5h15.4a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0z",
  broken:
    "M4 15V6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v6l-4-3-4 4-3-2.5zM4 19l1 1h1.5M9.5 20l1.5-2.5 2 2.5 3-3.5 2 3 2-2.5V16",
  check: "m5 12.5 4.5 4.5L19 7.5",
  clock: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zm0-14v5l3 2",
  close: "m6 6 12 12M18 6 6 18",
  copy: "M9 9h9a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7a2 2 0 0 1-2-2zm6-4a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2",
  keys: "M4 6h16a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2zm2.5 4v.1m3.6-.1v.1m3.8-.1v.1m3.6-.1v.1M8 14h8",
  next: "m9 5 7 7-7 7",
  offline:
    "m3 3 18 18M8.5 16.4a5 5 0 0 1 7 0M5 12.9a10 10 0 0 1 4-2.4m4.5-.3a10 10 0 0 1 5.5 2.7M2 9.2a15 15 0 0 1 4-2.7m4.5-1.4A15 15 0 0 1 22 9.2M12 20v.1",
  open: "M14 4h6v6m0-6-9 9M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4",
  out: "M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4m5-4 4-4-4-4m4 4H9",
  plus: "M12 5v14M5 12h14",
  previous: "m15 5-7 7 7 7",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zm9 2.5-4.5-4.5",
  select:
    "m8 12 3 3 5-6M6 3.5h12A2.5 2.5 0 0 1 20.5 6v12a2.5 2.5 0 0 1-2.5 2.5H6A2.5 2.5 0 0 1 3.5 18V6A2.5 2.5 0 0 1 6 3.5z",
  trash:
    "M4 7h16M9 7V5a1 1 0 0 1 1-1h4a1 1 0 0 1 1 1v2m-8.5 0 .8 11.2A2 2 0 0 0 9.3 20h5.4a2 2 0 0 0 2-1.8L17.500 7M10 11v5m4-5v5",
  undo: "M8 5 4 9l4 4M4.500 9H14a5.500 5.500 0 0 1 0 11h-3",
} as const;

export type IconName = keyof typeof LINES;

export function Icon(props: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={LINES[props.name]} />
    </svg>
  );
}

/** The gallery's mark: images on a table. */
export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <rect x="3" y="3" width="8" height="11" rx="2" />
      <rect x="13" y="3" width="8" height="7" rx="2" />
      <rect x="3" y="16" width="8" height="5" rx="2" />
      <rect x="13" y="12" width="8" height="9" rx="2" />
    </svg>
  );
}
