/** The browser's other tabs that show the gallery. What they tell each other stays in its memory. */

import { enter } from "../pages";
import type { Grant } from "./tokens";

export interface Tabs {
  /** The first grant that another tab has and that will do; undefined if there is none. */
  ask(willDo: (grant: Grant) => boolean): Promise<Grant | undefined>;
  /** Tells them this tab's grant. */
  share(grant: Grant): void;
  /** Has them send what waits to be sent for this user. Resolves when they have, or take too long. */
  finish(user: string): Promise<void>;
  /** Tells them that this user has signed out. */
  end(user: string): void;
  /** Does something in one tab at a time. */
  alone<T>(action: () => Promise<T>): Promise<T>;
}

/** What a tab does about what the others say. */
export interface Listener {
  grant(): Grant | undefined;
  given(grant: Grant): void;
  finish(user: string): Promise<void>;
  end(user: string): Promise<void>;
}

type Message =
  | { readonly kind: "who" }
  | { readonly kind: "grant"; readonly grant: Grant | undefined }
  | { readonly kind: "finish"; readonly user: string; readonly asked: string }
  | { readonly kind: "finished"; readonly asked: string }
  | { readonly kind: "end"; readonly user: string };

/** Milliseconds that another tab has to answer in. */
const ANSWERS_WITHIN = 1000;

/** Milliseconds that signing out waits at most for what is to be sent. */
export const PATIENCE = 10_000;

/** `name` tells apart what must not mix: two stages of an origin. */
export function openTabs(
  name: string,
  listener: Listener,
  { channel = new BroadcastChannel(name), locks = navigator.locks as LockManager | undefined } = {},
): Tabs {
  const page = enter(`${name} tab`, locks);
  const tell = (message: Message) => channel.postMessage(message);

  channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if (data.kind === "who") tell({ kind: "grant", grant: listener.grant() });
    else if (data.kind === "end") void listener.end(data.user);
    else if (data.kind === "finish") void finished(data.user, data.asked);
    else if (data.kind === "grant" && data.grant) listener.given(data.grant);
  });

  async function finished(user: string, asked: string): Promise<void> {
    await listener.finish(user);
    tell({ kind: "finished", asked });
  }

  /** Undefined if none of the others' answers is what is looked for, or they take too long. */
  async function question<T>(
    message: Message,
    within: number,
    look: (answer: Message) => { readonly found?: T | undefined } | undefined,
  ): Promise<T | undefined> {
    let silent = (await page.others()).size;
    if (!silent) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(undefined), within);
      const hear = ({ data }: MessageEvent<Message>) => {
        const answer = look(data);
        if (!answer) return;
        silent -= 1;
        if (answer.found || !silent) done(answer.found);
      };
      function done(found: T | undefined): void {
        clearTimeout(timer);
        channel.removeEventListener("message", hear);
        resolve(found);
      }
      channel.addEventListener("message", hear);
      tell(message);
    });
  }

  function ask(willDo: (grant: Grant) => boolean): Promise<Grant | undefined> {
    return question({ kind: "who" }, ANSWERS_WITHIN, (answer) => {
      if (answer.kind !== "grant") return undefined;
      return { found: answer.grant && willDo(answer.grant) ? answer.grant : undefined };
    });
  }

  async function finish(user: string): Promise<void> {
    const asked = crypto.randomUUID();
    await question<never>({ kind: "finish", user, asked }, PATIENCE, (answer) =>
      answer.kind === "finished" && answer.asked === asked ? {} : undefined,
    );
  }

  return {
    ask,
    finish,
    share: (grant) => tell({ kind: "grant", grant }),
    end: (user) => tell({ kind: "end", user }),
    alone: async (action) => (locks ? locks.request(`${name} alone`, action) : action()),
  };
}
