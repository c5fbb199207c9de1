/** The browser's other tabs that show the gallery. What they tell each other stays in its memory. */

import { enter } from "../pages";
import type { Grant } from "./tokens";

export interface Tabs {
  /** The first grant that another tab has and that will do; undefined if there is none. */
  ask(willDo: (grant: Grant) => boolean): Promise<Grant | undefined>;
  /** Tells them this tab's grant. */
  share(grant: Grant): void;
  /** Tells them that this user has signed out. */
  end(user: string): void;
  /** Does something in one tab at a time. */
  alone<T>(action: () => Promise<T>): Promise<T>;
}

/** What a tab does about what the others say. */
export interface Listener {
  grant(): Grant | undefined;
  given(grant: Grant): void;
  end(user: string): Promise<void>;
}

type Message =
  | { readonly kind: "who" }
  | { readonly kind: "grant"; readonly grant: Grant | undefined }
  | { readonly kind: "end"; readonly user: string };

/** Milliseconds that another tab has to answer in. */
const ANSWERS_WITHIN = 1000;

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
    else if (data.grant) listener.given(data.grant);
  });

  async function ask(willDo: (grant: Grant) => boolean): Promise<Grant | undefined> {
    let silent = (await page.others()).size;
    if (!silent) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(undefined), ANSWERS_WITHIN);
      const hear = ({ data }: MessageEvent<Message>) => {
        if (data.kind !== "grant") return;
        silent -= 1;
        if (data.grant && willDo(data.grant)) done(data.grant);
        else if (!silent) done(undefined);
      };
      function done(grant: Grant | undefined): void {
        clearTimeout(timer);
        channel.removeEventListener("message", hear);
        resolve(grant);
      }
      channel.addEventListener("message", hear);
      tell({ kind: "who" });
    });
  }

  return {
    ask,
    share: (grant) => tell({ kind: "grant", grant }),
    end: (user) => tell({ kind: "end", user }),
    alone: async (action) => (locks ? locks.request(`${name} alone`, action) : action()),
  };
}
