import type { components } from "./schema";

type Answered = components["schemas"]["Problem"];

/** What is wrong with one value: `pointer` tells where in the body, such as `#/images/3/imageUrl`. */
export type FieldError = components["schemas"]["FieldError"];

/** The server's stable codes, and ours for what never became one of its answers. */
export type ProblemCode =
  Answered["code"] | "offline" | "outdated" | "not-understood" | "outcome-unknown";

/** Why a call was not answered as hoped: decide by `code`, show `detail`. */
export class Problem extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    /** Seconds after which it may be tried again, if the server said so. */
    readonly retryAfter?: number,
  ) {
    super(detail);
    this.name = "Problem";
  }
}

const TRANSIENT: ReadonlySet<ProblemCode> = new Set([
  "offline",
  "outdated",
  "not-understood",
  "too-many-requests",
  "internal-error",
  "contended",
  "unavailable",
]);

/** Whether the same call may be answered well a little later. */
export function isTransient(problem: Problem): boolean {
  return TRANSIENT.has(problem.code);
}

/** Milliseconds to wait after the `failures`th failure in a row: with jitter, at most a minute. */
export function backoff(problem: Problem, failures: number): number {
  const longest = Math.min(1000 * 2 ** (failures - 1), 60_000);
  return Math.max((problem.retryAfter ?? 0) * 1000, longest * (0.5 + Math.random() / 2));
}

/** The problem in an answer that was not a good one; `body` is what it said, as JSON if it was. */
export function problemIn(response: Response, body: unknown): Problem {
  if (!isProblem(body)) {
    return new Problem("not-understood", `The server answered with status ${response.status}.`);
  }
  const seconds = Number(response.headers.get("Retry-After") ?? undefined);
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  return new Problem(body.code, body.detail, body.errors, retryAfter);
}

function isProblem(body: unknown): body is Answered {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}

/** What was thrown instead of an answer, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof TypeError) return new Problem("offline", "The server cannot be reached.");
  return new Problem("not-understood", "The server's answer was not understood.");
}

export const OUTDATED =
  "A part of the gallery is missing here: it may have been updated. Reload the page.";

/** What a file of the gallery that could not be fetched comes to: its stage may have others by now. */
export function notFetched(thrown: unknown): never {
  throw navigator.onLine ? new Problem("outdated", OUTDATED) : asProblem(thrown);
}
