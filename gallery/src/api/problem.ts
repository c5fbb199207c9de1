import type { components } from "./schema";

type Answered = components["schemas"]["Problem"];

/** What is wrong with one value: `pointer` tells where in the body, such as `#/images/3/imageUrl`. */
export type FieldError = components["schemas"]["FieldError"];

/** The server's stable codes, and ours for what never became one of its answers. */
export type ProblemCode =
  Answered["code"] | "offline" | "outdated" | "not-understood" | "outcome-unknown";

/** Why a call was not answered as hoped: decide by `code`, show `detail`, which is for people. */
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

const RELOAD = "Reload the page.";

export const OUTDATED = `A part of the gallery is missing here: it may have been updated. ${RELOAD}`;

const MISFIT =
  "The gallery and its server do not understand each other: one of them may have been updated. " +
  RELOAD;

/** What people understand, and can do: the server's `detail` is for programmers. */
const WORDS: Readonly<Record<Exclude<ProblemCode, "outcome-unknown">, string>> = {
  "bad-request": MISFIT,
  "invalid-json": MISFIT,
  "invalid-parameter": MISFIT,
  "no-such-route": MISFIT,
  "method-not-allowed": MISFIT,
  "unsupported-media-type": MISFIT,
  "invalid-image": "The server does not take this image as it is. Check what you typed.",
  unauthenticated: "Your sign-in has expired. Sign in again.",
  forbidden: "The server does not allow this. Ask whoever runs the gallery.",
  "not-found": "There is no such image, or it was deleted.",
  "not-synced-yet": "The newest images are not here yet. They come in a moment.",
  "resync-required": `Your library was replaced on the server, as after a restore. ${RELOAD}`,
  "body-too-large": "This is too much at once. Save fewer images, or shorten the prompt.",
  "idempotency-key-reused":
    "Something else was sent in place of this, and may have been saved. Look for it before you " +
    "save this again.",
  "too-many-requests": "The server has too much to do at the moment.",
  "internal-error": "Something went wrong on the server.",
  contended: "Too much is being saved or deleted at the moment.",
  unavailable: "The server cannot do this at the moment.",
  offline: "The server cannot be reached.",
  outdated: OUTDATED,
  "not-understood":
    "The server gave no proper answer. Your network may ask you to sign in to it first.",
};

/** The problem of that code, in people's words. */
export function problemOf(
  code: keyof typeof WORDS,
  errors?: readonly FieldError[],
  retryAfter?: number,
): Problem {
  return new Problem(code, WORDS[code] ?? WORDS["not-understood"], errors, retryAfter);
}

/** Whether the page must be loaded anew before it goes on. */
export function asksToReload({ detail }: Problem): boolean {
  return detail.endsWith(RELOAD);
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
  if (!isProblem(body)) return problemOf("not-understood");
  const seconds = Number(response.headers.get("Retry-After") ?? undefined);
  const retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  return problemOf(body.code, body.errors, retryAfter);
}

function isProblem(body: unknown): body is Answered {
  return typeof body === "object" && body !== null && "code" in body && "detail" in body;
}

/** What was thrown instead of an answer, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  return problemOf(thrown instanceof TypeError ? "offline" : "not-understood");
}

/** What a file of the gallery that could not be fetched comes to: its stage may have others by now. */
export function notFetched(thrown: unknown): never {
  throw navigator.onLine ? problemOf("outdated") : asProblem(thrown);
}
