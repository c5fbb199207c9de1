/** Who is signed in, for the views. */

import { createContext, createMemo, createSignal, useContext, type Accessor } from "solid-js";
import type { Tokens } from "../api/client";
import { notFetched } from "../api/problem";
import type { Unsent } from "../library/library-api";
import type { SignIn } from "../settings";
import { allowed } from "../slot";
import { Session, type SessionNow, type SessionState } from "./session";
import { openTabs, PATIENCE } from "./tabs";
import type { User } from "./tokens";

export type { SessionState } from "./session";
export type { User } from "./tokens";

export interface SessionHook {
  /** The same object as long as it is the same user. */
  readonly user: Accessor<User | undefined>;
  readonly state: Accessor<SessionState>;
  /** Why the last sign-in failed, in words to be shown. */
  readonly trouble: Accessor<string | undefined>;
  /** Leaves for the issuer's page; afterwards one is back where one was. */
  signIn(): Promise<void>;
  settle: Session["settle"];
  signOut: Session["signOut"];
}

export const SessionContext = createContext<SessionHook>();

export function useSession(): SessionHook {
  return useContext(SessionContext)!;
}

/** What is to be done when somebody signs out. */
export interface Leaving {
  /** Sends what waits to be sent. */
  finish(): Promise<void>;
  /** What is not sent. */
  unsent(): Promise<Unsent | undefined>;
  /** Forgets a user's data on this device. */
  forget(user: string): Promise<void>;
}

/** This tab's session, going on where the tab was. */
export function startSession(
  settings: SignIn | null,
  base: string,
  leaving: Leaving,
): SessionHook & { readonly tokens: Tokens } {
  const [now, changed] = createSignal<SessionNow>({ state: "signed-out" });
  const session = new Session({
    settings,
    base,
    storage: allowed(() => sessionStorage),
    shared: allowed(() => localStorage),
    tabs: (listener) => openTabs(`image-storage ${base}`, listener),
    issuer: async () => new (await import("./sign-in").catch(notFetched)).Issuer(settings!, base),
    here: () => location.href,
    rewrite: (address) => history.replaceState(null, "", address),
    leave: (address) => location.assign(address),
    changed,
    now: Date.now,
    finish: () => Promise.race([leaving.finish(), after(PATIENCE)]),
    unsent: () => leaving.unsent(),
    forget: ({ id }) => leaving.forget(id),
  });
  void session.start();
  const user = createMemo(() => now().user, undefined, {
    equals: (one, two) => one?.id === two?.id,
  });
  return {
    user,
    state: () => now().state,
    trouble: () => now().trouble,
    signIn: () => session.signIn(),
    settle: () => session.settle(),
    signOut: () => session.signOut(),
    tokens: session,
  };
}

function after(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
