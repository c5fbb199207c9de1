/** What is kept of a session: in memory, and in the tab's storage so that a reload goes on. */

export interface User {
  /** The issuer's name for the user (`sub`). */
  readonly id: string;
  /** To be shown: what the issuer says people call the user, else `id`. */
  readonly name: string;
}

export interface Grant {
  readonly issuer: string;
  readonly user: User;
  /** The one of the issuer's tokens that the API takes. */
  readonly token: string;
  /** When it expires, by this device's clock: milliseconds since 1970. */
  readonly expires: number;
  readonly refresh?: string;
  /** When its user signed in, however often it was renewed since. */
  readonly since: number;
}

/** A sign-in that has left for the issuer's page. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where to be afterwards: a path of this page. */
  readonly from: string;
}

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
      // Full or forbidden: then a reload means signing in again.
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
