import { QueryObserver, useQueryClient } from "@tanstack/solid-query";
import type { QueryKey, QueryObserverResult } from "@tanstack/solid-query";
import { createComputed, createSignal, onCleanup, type Accessor } from "solid-js";
import type { Problem } from "../api/problem";

export type Options<T, K extends QueryKey> = QueryObserver<T, Problem, T, T, K>["options"];

/**
 * A query's result as a signal. `useQuery` would make a store of it; but a library is one value that
 * is replaced as a whole, and ten thousand images would become as many proxies.
 */
export function createQuery<T, K extends QueryKey>(
  options: Accessor<Options<T, K>>,
): Accessor<QueryObserverResult<T, Problem>> {
  const observer = new QueryObserver(useQueryClient(), options());
  const [result, setResult] = createSignal(observer.getCurrentResult());
  onCleanup(observer.subscribe(setResult));
  createComputed(() => {
    observer.setOptions(options());
    setResult(observer.getCurrentResult());
  });
  return result;
}
