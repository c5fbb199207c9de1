/** What a browser keeps of a page, so that the next load goes on. */

/** A value in a storage; without one, it lasts until the page is left. */
export class Slot<T> {
  #value: T | undefined;

  constructor(
    private readonly storage: Storage | undefined,
    private readonly name: string,
  ) {
    this.#value = this.#stored();
  }

  get(): T | undefined {
    return this.#value;
  }

  /** As it stands in the storage now, which others may write too. */
  fresh(): T | undefined {
    return this.storage ? this.#stored() : this.#value;
  }

  put(value: T): void {
    this.#value = value;
    try {
      this.storage?.setItem(this.name, JSON.stringify(value));
    } catch {
      // Full or forbidden: then it lasts until the page is left.
    }
  }

  clear(): void {
    this.#value = undefined;
    this.storage?.removeItem(this.name);
  }

  #stored(): T | undefined {
    const text = this.storage?.getItem(this.name);
    return text ? (JSON.parse(text) as T) : undefined;
  }
}

/** Undefined where the browser forbids it. */
export function allowed(storage: () => Storage): Storage | undefined {
  try {
    return storage();
  } catch {
    return undefined;
  }
}
