/** The server, as its OpenAPI document describes it. */

import type { Answered, Asked, Method, Operation, Path } from "./operations";
import { asProblem, problemIn, problemOf } from "./problem";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Image = Readonly<Schemas["Image"]>;
export type NewImage = Readonly<Schemas["NewImage"]>;
export type Page = Readonly<Schemas["Page"]>;
export type FirstPage = Required<Page>;
export type Changes = Readonly<Schemas["Changes"]>;
export type Synced = Readonly<Schemas["Synced"]>;

/** The bearer tokens of whoever is signed in. Both reject with a Problem when there is none. */
export interface Tokens {
  current(): Promise<string>;
  /** Another one than `refused`, which the server has just answered 401. */
  renewed(refused: string): Promise<string>;
}

/** A cursor and the mark of the entry that stands there; an empty mark is not compared. */
export interface Position {
  readonly cursor: number;
  readonly mark: string;
}

/** All of it rejects with a Problem. */
export interface Api {
  /** `atLeast`: `not-synced-yet` unless the library has reached this cursor. */
  firstPage(atLeast?: number, signal?: AbortSignal): Promise<FirstPage>;
  /** `resync-required` if the mark is not that of the entry at `before`, or at `after`. */
  olderPage(before: number, mark: string): Promise<Page>;
  changes(after: number, mark: string, signal?: AbortSignal): Promise<Changes>;
  image(cursor: number): Promise<Image>;
  /** Saves 1 to 25 images, all or none; under the same key it may be repeated for 24 hours. */
  save(images: readonly NewImage[], key: string): Promise<readonly Image[]>;
  /**
   * Deletes up to 33 images, all or none. `resync-required` if the library that was seen at `position`
   * is another one now. Outlives the page: also what is sent while it closes arrives.
   */
  remove(cursors: readonly number[], position: Position): Promise<void>;
  /** Brings the library up to date with all that was saved before, if `upToDate` says so. */
  sync(): Promise<Synced>;
}

/** As many changes or older images as one answer may hold. */
const MOST = 200;

/** Enough to fill a screen: less is sooner there. */
const FIRST = 60;

/** `base` is the page's: the API lies beside it. */
export function createApi(base: string, tokens: Tokens, send: typeof fetch = fetch): Api {
  /** `has` is what the answer must have, to be one of the API's; undefined if it has no body. */
  async function call<M extends Method, P extends Path<M>>(
    method: M,
    path: P,
    has: keyof Answered<Operation<M, P>> | undefined,
    asked: Asked<Operation<M, P>> = {},
  ): Promise<Answered<Operation<M, P>>> {
    const { path: parameters, query, headers, body, signal, keepalive = false } = asked;
    const url = new URL(`api${filled(path, parameters)}${search(query)}`, base);
    const request = new Request(url, {
      method: method.toUpperCase(),
      headers: { ...headers, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : null,
      signal: signal ?? null,
      keepalive,
      cache: "no-store", // or it would outlive the session
    });
    return answer(sendWithToken(request, tokens, send), has);
  }

  return {
    async firstPage(atLeast, signal) {
      const query = { limit: FIRST, ...(atLeast && { at_least: atLeast }) };
      return first(await call("get", "/images", "images", { query, signal }));
    },
    olderPage: (before, mark) =>
      call("get", "/images", "images", { query: { limit: MOST, before, ...(mark && { mark }) } }),
    changes: (after, mark, signal) =>
      call("get", "/images/changes", "changes", {
        query: { limit: MOST, after, ...(mark && { mark }) },
        signal,
      }),
    image: (cursor) => call("get", "/images/{cursor}", "cursor", { path: { cursor } }),
    async save(images, key) {
      const headers = { "Idempotency-Key": key };
      const [only, ...others] = images;
      if (only && !others.length) {
        return [await call("post", "/images", "cursor", { headers, body: only })];
      }
      const body = { images: [...images] };
      return (await call("post", "/images/batch", "images", { headers, body })).images;
    },
    remove: (cursors, { cursor, mark }) => {
      const seen = mark ? { at: cursor, mark } : {};
      return call("delete", "/images", undefined, {
        query: { cursors: [...cursors], ...seen },
        keepalive: true,
      });
    },
    sync: () => call("post", "/images/sync", "cursor"),
  };
}

/** A refused token is renewed once, if that can be done without asking anyone. */
async function sendWithToken(
  request: Request,
  tokens: Tokens,
  send: typeof fetch,
): Promise<Response> {
  const token = await tokens.current();
  const response = await send(carrying(request.clone(), token));
  if (response.status !== 401) return response;
  return send(carrying(request, await tokens.renewed(token)));
}

function carrying(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

async function answer<T>(responding: Promise<Response>, has: keyof T | undefined): Promise<T> {
  try {
    const response = await responding;
    if (!response.ok) throw problemIn(response, await response.json().catch(() => undefined));
    const isEmpty = response.status === 204;
    const body = isEmpty ? undefined : await response.json();
    if (has ? body?.[has] === undefined : !isEmpty) throw problemOf("not-understood");
    return body as T;
  } catch (thrown) {
    throw asProblem(thrown);
  }
}

function filled(path: string, parameters: object | undefined): string {
  const values = Object.entries(parameters ?? {});
  return values.reduce((left, [name, value]) => left.replace(`{${name}}`, String(value)), path);
}

function search(query: object | undefined): string {
  return query ? `?${new URLSearchParams(Object.entries(query))}` : "";
}

function first({ images, next, nextMark, cursor, mark = "", count }: Page): FirstPage {
  if (cursor === undefined || count === undefined) {
    throw problemOf("not-understood");
  }
  return { images, next, nextMark, cursor, mark, count };
}
