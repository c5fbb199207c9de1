/** The API in front of a model of the server, as far as an order of answers and faults is wanted. */

import type { Api } from "../api/client";
import { asProblem } from "../api/problem";
import type { ModelServer } from "./server";

/** How an answer, made when it was asked for, is brought: later, or not at all. */
export type Bring = <T>(answer: () => T) => Promise<T>;

export const atOnce: Bring = async (answer) => answer();

/** Pages are small, so that there are many. */
export function modelApi(server: ModelServer, bring: Bring = atOnce, first = 3, more = 4): Api {
  const call: Bring = async (answer) => {
    try {
      return await bring(answer);
    } catch (thrown) {
      throw asProblem(thrown);
    }
  };
  return {
    firstPage: (atLeast) => call(() => server.firstPage(first, atLeast)),
    olderPage: (before, mark) => call(() => server.olderPage(before, more, mark)),
    changes: (after, mark) => call(() => server.changes(after, more, mark)),
    image: (cursor) => call(() => server.image(cursor)),
    save: (images, key) => call(() => server.save(images, key)),
    remove: (cursors, position) => call(() => server.removeAll(cursors, position)),
    sync: () => call(() => server.sync()),
  };
}
