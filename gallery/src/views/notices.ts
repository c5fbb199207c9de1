import { createSignal, type Accessor } from "solid-js";

/** Something said in passing, at the edge of the screen. */
export interface Notice {
  readonly text: string;
  readonly trouble: boolean;
  /** When it was said: milliseconds since 1970. */
  readonly at: number;
}

export interface Notices {
  /** The one that was said last, as long as it is to be read. */
  readonly newest: Accessor<Notice | undefined>;
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

  function add(text: string, trouble: boolean): void {
    const notice = { text, trouble, at: Date.now() };
    setAll((before) => [...before.filter((other) => other.text !== text), notice]);
    setTimeout(() => drop(notice), trouble ? LONGER : BRIEFLY);
  }

  return {
    newest: () => all().at(-1),
    drop,
    say: (text) => add(text, false),
    warn: (text) => add(text, true),
  };
}
