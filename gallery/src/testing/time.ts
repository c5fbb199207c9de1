/** Time that passes when a test says so. */
export class Clock {
  #now = Date.parse("2026-11-22T12:00:00Z");
  #timers: { at: number; back: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly later = (back: () => void, milliseconds: number): (() => void) => {
    const timer = { at: this.#now + milliseconds, back };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  };

  /** Goes on by so much, and calls back what is due. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { back } of due) back();
  }
}

/** Lets everything go on that waits for nothing but its turn. */
export async function settled(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}
