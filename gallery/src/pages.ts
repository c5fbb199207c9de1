/** Which of a browser's pages are still there: each holds a lock in its own name until it ends. */

export interface Pages {
  /** This one's name. */
  readonly name: string;
  /** The names of the others. */
  others(): Promise<ReadonlySet<string>>;
}

/** This page among those that entered under the same name, until `leave` is called. */
export function enter(
  among: string,
  locks: LockManager | undefined,
): Pages & { readonly leave: () => void } {
  const name = `${among} ${crypto.randomUUID()}`;
  let leave = () => {};
  const left = new Promise<void>((resolve) => (leave = resolve));
  locks?.request(name, () => left).catch(() => {});

  async function others(): Promise<ReadonlySet<string>> {
    const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
    const names = held.map((lock) => lock.name ?? "");
    return new Set(names.filter((other) => other.startsWith(`${among} `) && other !== name));
  }

  return { name, others, leave };
}
