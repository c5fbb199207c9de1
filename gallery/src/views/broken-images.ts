import { createSignal, type Accessor } from "solid-js";

/** The tiles in the page whose images did not come. */
export interface BrokenImages {
  readonly count: Accessor<number>;
  /** Counts one more; answers what takes it out again. */
  add(): () => void;
  /** Tries all of them again. */
  retry(): void;
  /** Another number each time that they shall be tried again. */
  readonly retried: Accessor<number>;
}

export function createBrokenImages(): BrokenImages {
  const [count, setCount] = createSignal(0);
  const [retried, setRetried] = createSignal(0);
  return {
    count,
    retried,
    retry: () => setRetried((times) => times + 1),
    add() {
      setCount((all) => all + 1);
      return () => setCount((all) => all - 1);
    },
  };
}
