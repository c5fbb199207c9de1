/** The pauses of what is tried again and again. Whoever waits for it need not wait for a pause. */

export class Pause {
  #isOn = false;
  #isOver = false;
  #end = () => {};
  readonly #waiting = new Set<() => void>();

  /** `later` calls back after so many milliseconds, and answers what gives that up. */
  constructor(private readonly later: (back: () => void, milliseconds: number) => () => void) {}

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Until it is ended, or for so many milliseconds. */
  async begin(milliseconds: number | undefined): Promise<void> {
    this.#waiting.forEach((resolve) => resolve());
    this.#waiting.clear();
    if (this.#isOver) return;
    this.#isOn = true;
    let giveUp = () => {};
    await new Promise<void>((resolve) => {
      if (milliseconds !== undefined) giveUp = this.later(resolve, milliseconds);
      this.#end = resolve;
    });
    giveUp();
    this.#isOn = false;
  }

  /** Ends the pause, if there is one. */
  end(): void {
    this.#end();
  }

  /** Ends the pause, and makes all later ones end at once. */
  close(): void {
    this.#isOver = true;
    this.end();
  }

  /** Resolves when the work is done, or when the next pause begins. */
  async orDone(work: Promise<void>): Promise<void> {
    const begun = new Promise<void>((resolve) => this.#waiting.add(resolve));
    await Promise.race([work, begun]);
  }
}
