import { createSignal, type Accessor } from "solid-js";

/** Something said in passing, at the edge of the screen. */
export interface Notice {
  readonly text: string;
  readonly trouble: boolean;
}

export interface Notices {
  readonly all: Accessor<readonly Notice[]>;
  say(text: string): void;
  /** Says what went wrong: stays longer. */
  warn(text: string): void;
  drop(notice: Notice): void;
}

const BRIEFLY = 3000;
const LONGER = 10_000;

export function createNotices(): Notices {
  const [all, setAll] = createSignal<readonly Notice[]>([]);
  const drop = (notice: Notice) => setAll((before) => before.filter((other) => other !== notice));

  function add(notice: Notice): void {
    setAll((before) => [...before.filter((other) => other.text !== notice.text), notice]);
    setTimeout(() => drop(notice), notice.trouble ? LONGER : BRIEFLY);
  }

  return {
    all,
    drop,
    say: (text) => add({ text, trouble: false }),
    warn: (text) => add({ text, trouble: true }),
  };
}
