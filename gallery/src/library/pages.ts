/** Which of a browser's pages are still there: each holds a lock in its own name until it ends. */

import type { Pages } from "./persist";

const PREFIX = "image-storage page ";

/** This page, for as long as nobody calls `leave`. */
export function enter(locks: LockManager | undefined): Pages & { leave(): void } {
  const name = PREFIX + crypto.randomUUID();
  let leave = () => {};
  const left = new Promise<void>((resolve) => (leave = resolve));
  void locks?.request(name, () => left).catch(() => {});

  async function others(): Promise<ReadonlySet<string>> {
    const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
    return new Set(held.map((lock) => lock.name ?? "").filter((other) => other !== name));
  }

  return { name, others, leave };
}
