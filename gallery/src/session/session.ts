/**
 * Who is signed in: in this tab, and in all of the browser's tabs alike, which tell each other. Free of any view:
 * `use-session.ts` makes it reactive.
 */

import { Problem } from "../api/problem";
import type { Tokens } from "../api/client";
import type { Unsent } from "../library/library-api";
import type { SignIn } from "../settings";
import { Slot } from "../slot";
import type { Issuer } from "./sign-in";
import type { Listener, Tabs } from "./tabs";
import type { Attempt, Grant, User } from "./tokens";

/** `expired`: the user is known and sees what is loaded, but a new sign-in is needed to go on. */
export type SessionState = "signed-out" | "signing-in" | "signed-in" | "expired";

export interface SessionNow {
  readonly state: SessionState;
  readonly user?: User;
  /** Why the last sign-in failed, in words to be shown. */
  readonly trouble?: string;
}

export interface Surroundings {
  readonly settings: SignIn | null;
  /** The page's base. */
  readonly base: string;
  /** The tab's. */
  readonly storage: Storage | undefined;
  /** The browser's: it holds no token, and nothing of the user. */
  readonly shared: Storage | undefined;
  tabs(listener: Listener): Tabs;
  issuer(): Promise<Issuer>;
  /** Where one is: the whole address. */
  here(): string;
  /** Changes the address without leaving the page. */
  rewrite(address: string): void;
  leave(address: string): void;
  changed(now: SessionNow): void;
  now(): number;
  /** Sends what waits to be sent under the token. Resolves when that is done or takes too long. */
  finish(): Promise<void>;
  /** What is not sent, here or in another tab. */
  unsent(): Promise<Unsent | undefined>;
  /** Forgets what this device keeps for the user. */
  forget(user: User): Promise<void>;
}

/** A token is renewed so many milliseconds before it expires: it must last for the call. */
const EARLY = 30_000;

const SIGN_IN_AGAIN = new Problem("unauthenticated", "Your sign-in has expired. Sign in again.");

export class Session implements Tokens, Listener {
  readonly #grant: Slot<Grant>;
  readonly #attempt: Slot<Attempt>;
  /** When someone last signed out: a tab that the browser brings back may have an older grant. */
  readonly #ended: Slot<number>;
  readonly #tabs: Tabs;
  #renewing: Promise<string> | undefined;

  constructor(private readonly around: Surroundings) {
    const place = new URL(around.base).pathname;
    this.#grant = new Slot(around.storage, `image-storage ${place} grant`);
    this.#attempt = new Slot(around.storage, `image-storage ${place} attempt`);
    this.#ended = new Slot(around.shared, `image-storage ${place} ended`);
    this.#tabs = around.tabs(this);
  }

  /** Goes on where the tab was, or another is: signed in, or just back from the issuer with a code. */
  async start(): Promise<void> {
    if (!this.#isOurs(this.#grant.get())) this.#grant.clear();
    const address = this.around.here();
    if (address.split(/[?#]/, 1)[0] === this.#url("signed-in")) return this.#finish(address);
    if (!this.#grant.get() && this.around.settings) await this.#join();
    this.#tell();
  }

  /** Takes part in the session of another tab, if there is one. */
  async #join(): Promise<void> {
    this.around.changed({ state: "signing-in" });
    const grant = await this.#tabs.ask((grant) => this.#isOurs(grant) && grant.token !== "");
    if (grant && !this.#grant.get()) this.#grant.put(grant);
  }

  /** This tab's, for the others. */
  grant(): Grant | undefined {
    return this.#grant.get();
  }

  /** Another tab has signed in, or renewed its token. */
  given(grant: Grant): void {
    const mine = this.#grant.get();
    const isNewer = !mine || (mine.user.id === grant.user.id && mine.expires < grant.expires);
    if (!isNewer || !grant.token || !this.#isOurs(grant)) return;
    this.#grant.put(grant);
    this.#tell();
  }

  /** Leaves for the issuer's page; afterwards one is back where one is now. */
  async signIn(): Promise<void> {
    if (!this.around.settings) return this.#tell("Signing in is not set up at this stage.");
    try {
      const { attempt, url } = await (await this.around.issuer()).begin(this.around.here());
      this.#attempt.put(attempt);
      this.around.leave(url);
    } catch (error) {
      const isKnown = error instanceof Problem;
      this.#tell(isKnown ? error.detail : "Signing in could not begin. Try again.");
    }
  }

  /** Has all tabs send what waits to be sent. Returns what is left, if they cannot send all now. */
  async settle(): Promise<Unsent | undefined> {
    const user = this.#grant.get()?.user;
    if (!user) return undefined;
    await Promise.all([this.around.finish(), this.#tabs.finish(user.id)]);
    const left = await this.around.unsent();
    return left?.saves || left?.deletions ? left : undefined;
  }

  /** Forgets the user in all tabs, and all that is kept of the library on this device, sent or not. */
  async signOut(): Promise<void> {
    const user = this.#grant.get()?.user;
    if (!user) return;
    this.#ended.put(this.around.now());
    this.#tabs.end(user.id);
    await this.end(user.id);
    const end = this.around.settings?.endSessionEndpoint;
    if (end) this.around.leave(this.#endSession(end));
  }

  /** Another tab wants to sign this user out. */
  async finish(id: string): Promise<void> {
    if (this.#grant.get()?.user.id === id) await this.around.finish();
  }

  /** Ends the session if it is this user's, here or in another tab, and forgets the user. */
  async end(id: string): Promise<void> {
    const user = this.#grant.get()?.user;
    if (user?.id !== id) return;
    this.around.changed({ state: "signed-out" });
    this.#grant.clear();
    await this.around.forget(user);
  }

  current(): Promise<string> {
    const grant = this.#grant.get();
    const isGood = grant && grant.expires - EARLY > this.around.now();
    return isGood ? Promise.resolve(grant.token) : this.#renew();
  }

  renewed(refused: string): Promise<string> {
    return this.#grant.get()?.token === refused ? this.#renew() : this.current();
  }

  async #finish(address: string): Promise<void> {
    const attempt = this.#attempt.get();
    this.#attempt.clear();
    this.around.rewrite(attempt?.from ?? this.#url("dashboard/images")); // the code is gone from it
    if (!attempt) return this.#tell(strayed(address));
    this.around.changed({ state: "signing-in" });
    try {
      const issuer = await this.around.issuer();
      const grant = await issuer.complete(attempt, address);
      this.#grant.put(grant);
      this.#tabs.share(grant);
      this.#tell();
    } catch (error) {
      this.#tell(failed(error));
    }
  }

  /** One renewal at a time, whoever asks, in whichever tab: a refresh token may be good for one use. */
  #renew(): Promise<string> {
    const grant = this.#grant.get();
    this.#renewing ??= this.#tabs
      .alone(() => this.#renewOnce(grant))
      .finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renewOnce(grant: Grant | undefined): Promise<string> {
    if (!grant?.token) throw SIGN_IN_AGAIN; // as was told already
    const next =
      this.#told(grant) ??
      (await this.#tabs.ask((other) => isNext(other, grant))) ??
      (await this.#next(grant));
    if (!this.#grant.get()) throw SIGN_IN_AGAIN; // signed out meanwhile
    const newest = this.#told(grant) ?? next ?? expired(grant);
    this.#grant.put(newest);
    this.#tabs.share(newest);
    this.#tell();
    if (!newest.token) throw SIGN_IN_AGAIN;
    return newest.token;
  }

  /** What another tab has told of meanwhile in place of this grant. */
  #told(grant: Grant): Grant | undefined {
    const now = this.#grant.get();
    return now && now !== grant && now.token ? now : undefined;
  }

  async #next(grant: Grant): Promise<Grant | undefined> {
    return grant.refresh ? this.#refreshed({ ...grant, refresh: grant.refresh }) : undefined;
  }

  /** Undefined if the issuer refuses. */
  async #refreshed(grant: Grant & { readonly refresh: string }): Promise<Grant | undefined> {
    const issuer = await this.around.issuer();
    return issuer.renew(grant).catch((error: unknown) => {
      if (error instanceof TypeError) throw error; // the network's trouble says nothing about us
      return undefined;
    });
  }

  #tell(trouble?: string): void {
    const grant = this.#grant.get();
    this.around.changed({
      state: this.#state(grant),
      ...(grant && { user: grant.user }),
      ...(trouble && { trouble }),
    });
  }

  #state(grant: Grant | undefined): SessionState {
    if (!grant) return "signed-out";
    return grant.refresh || grant.expires > this.around.now() ? "signed-in" : "expired";
  }

  /** Whether it is this stage's, and nobody has signed out since. */
  #isOurs(grant: Grant | undefined): boolean {
    const isOver = grant !== undefined && grant.since < (this.#ended.fresh() ?? -Infinity);
    return grant?.issuer === this.around.settings?.issuer && !isOver;
  }

  #url(path: string): string {
    return new URL(path, this.around.base).href;
  }

  /** Both ways of saying where to come back to: OpenID Connect's, and Amazon Cognito's. */
  #endSession(endpoint: string): string {
    const url = new URL(endpoint, this.around.base);
    url.searchParams.set("client_id", this.around.settings!.clientId);
    url.searchParams.set("post_logout_redirect_uri", this.around.base);
    url.searchParams.set("logout_uri", this.around.base);
    return url.href;
  }
}

/** What is left to know of a grant that is of no use any more: whose it was. */
function expired({ issuer, user, since }: Grant): Grant {
  return { issuer, user, since, token: "", expires: 0 };
}

/** Whether it is what another tab has got in place of this one. */
function isNext(other: Grant, grant: Grant): boolean {
  return other.user.id === grant.user.id && other.expires > grant.expires && other.token !== "";
}

function strayed(address: string): string | undefined {
  const asked = new URL(address).searchParams;
  return asked.size ? "This sign-in was begun elsewhere. Sign in here again." : undefined;
}

function failed(error: unknown): string {
  const code = (error as { error?: unknown }).error;
  if (code === "access_denied") return "Signing in was cancelled.";
  return `Signing in did not succeed${typeof code === "string" ? ` (${code})` : ""}. Try again.`;
}
