/** Where a page keeps what it has in hand, so that another goes on with it when the page is no more. */
export interface Kept<T extends { readonly id: string }> {
  /** Those that no page has in hand any more, oldest first; this one has them from now on. */
  adopt(): Promise<readonly T[]>;
  /** Replaces the one of the same id. */
  put(one: T): Promise<void>;
  drop(id: string): Promise<void>;
}

/** In its old place, if it had one. */
export function withOne<T extends { readonly id: string }>(
  all: readonly T[],
  one: T,
): readonly T[] {
  const isKnown = all.some(({ id }) => id === one.id);
  return isKnown ? all.map((old) => (old.id === one.id ? one : old)) : [...all, one];
}
