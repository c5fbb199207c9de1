/** Who is signed in, in this tab. Free of any view: `use-session.ts` makes it reactive. */

import { Problem } from "../api/problem";
import type { Tokens } from "../api/client";
import type { SignIn } from "../settings";
import type { Issuer } from "./sign-in";
import { Slot, type Attempt, type Grant, type User } from "./tokens";

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
  readonly storage: Storage | undefined;
  issuer(): Promise<Issuer>;
  /** Where one is: the whole address. */
  here(): string;
  /** Changes the address without leaving the page. */
  rewrite(address: string): void;
  leave(address: string): void;
  changed(now: SessionNow): void;
  now(): number;
  /** Forgets what this device keeps for the user, here and in other tabs. */
  forget(user: User): Promise<void>;
}

/** A token is renewed so many milliseconds before it expires: it must last for the call. */
const EARLY = 30_000;

const SIGN_IN_AGAIN = new Problem("unauthenticated", "Your sign-in has expired. Sign in again.");

export class Session implements Tokens {
  readonly #grant: Slot<Grant>;
  readonly #attempt: Slot<Attempt>;
  #renewing: Promise<string> | undefined;

  constructor(private readonly around: Surroundings) {
    const place = new URL(around.base).pathname;
    this.#grant = new Slot(around.storage, `image-storage ${place} grant`);
    this.#attempt = new Slot(around.storage, `image-storage ${place} attempt`);
  }

  /** Goes on where the tab was: signed in, or just back from the issuer with a code. */
  async start(): Promise<void> {
    if (this.#grant.get()?.issuer !== this.around.settings?.issuer) this.#grant.clear();
    const address = this.around.here();
    if (address.split(/[?#]/, 1)[0] === this.#url("signed-in")) await this.#finish(address);
    else this.#tell();
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

  /** Forgets the user, and all that is kept of the library on this device. */
  async signOut(): Promise<void> {
    const user = this.#grant.get()?.user;
    if (!user) return;
    this.end(user.id);
    await this.around.forget(user);
    const end = this.around.settings?.endSessionEndpoint;
    if (end) this.around.leave(this.#endSession(end));
  }

  /** Ends the session if it is this user's: it was ended in another tab. */
  end(user: string): void {
    if (this.#grant.get()?.user.id !== user) return;
    this.around.changed({ state: "signed-out" }); // while the token can still send what is held back
    this.#grant.clear();
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
      this.#grant.put(await issuer.complete(attempt, address));
      this.#tell();
    } catch (error) {
      this.#tell(failed(error));
    }
  }

  /** One renewal at a time, whoever asks. */
  #renew(): Promise<string> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renewOnce(): Promise<string> {
    const grant = this.#grant.get();
    if (!grant?.token) throw SIGN_IN_AGAIN; // as was told already
    const next = grant.refresh && (await this.#refreshed({ ...grant, refresh: grant.refresh }));
    if (this.#grant.get() !== grant) throw SIGN_IN_AGAIN; // signed out meanwhile
    this.#grant.put(next || expired(grant));
    this.#tell();
    if (!next) throw SIGN_IN_AGAIN;
    return next.token;
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
function expired({ issuer, user }: Grant): Grant {
  return { issuer, user, token: "", expires: 0 };
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
