/** What the OpenAPI document says of each operation, as types: what is asked, and what is answered. */

import type { paths } from "./schema";

export type Method = "get" | "post" | "delete";
export type Path<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];
export type Operation<M extends Method, P extends Path<M>> =
  paths[P] extends Record<M, infer O> ? O : never;

/** Where the document has nothing, there is nothing to give. */
type Given<T> = T extends object ? T : Record<never, never>;
type Parameters<O> = O extends { parameters: infer T } ? T : never;
type Json<T> = T extends { content: { "application/json": infer Body } } ? Body : undefined;

/** What an operation is asked. */
export interface Asked<O> {
  readonly path?: Given<Parameters<O>["path" & keyof Parameters<O>]>;
  readonly query?: Given<Parameters<O>["query" & keyof Parameters<O>]>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: O extends { requestBody?: infer Body } ? Json<NonNullable<Body>> : never;
  readonly signal?: AbortSignal | undefined;
  readonly keepalive?: boolean;
}

/** What it answers when it is done; undefined where there is nothing to say. */
export type Answered<O> = O extends { responses: infer Responses }
  ? Json<Responses[keyof Responses & (200 | 201 | 204)]>
  : never;
