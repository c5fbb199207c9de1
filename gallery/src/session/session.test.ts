import { expect, test } from "vitest";
import { asProblem, Problem } from "../api/problem";
import type { Unsent } from "../library/library-api";
import type { SignIn } from "../settings";
import { ModelIssuer, SETTINGS } from "../testing/issuer";
import { Session, type SessionNow } from "./session";
import type { Listener, Tabs } from "./tabs";
import { Issuer } from "./sign-in";

const BASE = "http://127.0.0.1:8000/";
const MINUTE = 60_000;

/** What the tabs of one browser have in common. */
class Browser {
  readonly listeners = new Map<Tab, Listener>();
  readonly shared = new Map<string, string>();
  #last: Promise<unknown> = Promise.resolve();

  tabs(tab: Tab, listener: Listener): Tabs {
    this.listeners.set(tab, listener);
    const others = () => [...this.listeners].filter(([other]) => other !== tab).map(([, it]) => it);
    return {
      ask: async (willDo) =>
        others()
          .map((other) => other.grant())
          .find((grant) => grant && willDo(grant)),
      share: (grant) => others().forEach((other) => other.given(grant)),
      finish: async (user) => void (await Promise.all(others().map((other) => other.finish(user)))),
      end: (user) => others().forEach((other) => void other.end(user)),
      alone: (action) => {
        const mine = this.#last.then(action);
        this.#last = mine.catch(() => {});
        return mine;
      },
    };
  }
}

/** A tab: what it stores, where it is, and where it was sent. */
class Tab {
  readonly stored = new Map<string, string>();
  readonly issuer: ModelIssuer;
  readonly finished: number[] = [];
  readonly forgotten: string[] = [];
  unsent: Unsent = { saves: 0, deletions: 0 };
  readonly seen: SessionNow[] = [];
  time = Date.now();
  address = `${BASE}dashboard/images/7`;
  left = "";
  /** Why the part that speaks to the issuer cannot be fetched. */
  gone: Problem | undefined;
  session!: Session;

  constructor(
    readonly browser = new Browser(),
    issuer?: ModelIssuer,
  ) {
    this.issuer = issuer ?? new ModelIssuer(() => this.time);
  }

  /** A second tab of the same browser. */
  beside(): Tab {
    const tab = new Tab(this.browser, this.issuer);
    tab.time = this.time;
    return tab;
  }

  close(): void {
    this.browser.listeners.delete(this);
  }

  /** The page is loaded, at the address where the tab is. */
  async load(settings: SignIn | null = SETTINGS): Promise<Session> {
    this.seen.length = 0;
    this.session = new Session({
      settings,
      base: BASE,
      storage: storageOf(this.stored),
      shared: storageOf(this.browser.shared),
      tabs: (listener) => this.browser.tabs(this, listener),
      finish: async () => void this.finished.push(this.seen.length),
      unsent: async () => this.unsent,
      issuer: async () => {
        if (this.gone) throw this.gone;
        return new Issuer(settings!, BASE, () => this.time, this.issuer.token);
      },
      here: () => this.address,
      rewrite: (address) => (this.address = address),
      leave: (address) => (this.left = address),
      changed: (now) => this.seen.push(now),
      now: () => this.time,
      forget: async ({ id }) => void this.forgotten.push(id),
    });
    await this.session.start();
    return this.session;
  }

  /** From the sign-in button through the issuer's page back to the gallery. */
  async signIn(settings: SignIn | null = SETTINGS): Promise<Session> {
    await (await this.load(settings)).signIn();
    this.address = this.issuer.authorize(this.left);
    return this.load(settings);
  }

  get now(): SessionNow {
    return this.seen.at(-1)!;
  }
}

function storageOf(stored: Map<string, string>): Storage {
  return {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, text: string) => void stored.set(name, text),
    removeItem: (name: string) => void stored.delete(name),
  } as unknown as Storage;
}

async function codeOf(token: Promise<string>): Promise<string> {
  return token.then(
    () => "a token",
    (error: unknown) => asProblem(error).code,
  );
}

test("a new tab is signed out, and has no token", async () => {
  const tab = new Tab();
  const session = await tab.load();
  expect(tab.now).toEqual({ state: "signed-out" });
  expect(await codeOf(session.current())).toBe("unauthenticated");
});

test("a second tab takes part in the session of the first, and asks nobody", async () => {
  const tab = new Tab();
  const token = await (await tab.signIn()).current();
  const second = tab.beside();
  const session = await second.load();
  expect(second.seen).toEqual([
    { state: "signing-in" },
    { state: "signed-in", user: { id: "alice", name: "alice" } },
  ]);
  expect(await session.current()).toBe(token);
  expect(second.address).toBe(`${BASE}dashboard/images/7`);
  await second.load();
  expect(second.seen).toHaveLength(1); // from its own storage
});

test("when the last tab is closed, the next one has to sign in", async () => {
  const tab = new Tab();
  await tab.signIn();
  tab.close();
  const next = tab.beside();
  await next.load();
  expect(next.now).toEqual({ state: "signed-out" });
  expect(JSON.stringify([...tab.browser.shared])).not.toContain("alice");
});

test("who signs in signs in all tabs that wait for it, and no one else's", async () => {
  const [tab, waiting] = [new Tab(), new Tab()];
  const second = tab.beside();
  await second.load();
  await waiting.load();
  await tab.signIn();
  expect(second.now).toMatchObject({ state: "signed-in", user: { id: "alice" } });
  expect(waiting.now).toEqual({ state: "signed-out" });
  const bob = tab.beside();
  tab.issuer.says = { sub: "bob" };
  await bob.signIn();
  expect([tab.now.user?.id, second.now.user?.id, bob.now.user?.id]).toEqual([
    "alice",
    "alice",
    "bob",
  ]);
});

test("signing out ends the session in all tabs, and each forgets the user", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  const second = tab.beside();
  await second.load();
  await session.signOut();
  expect([tab.now, second.now]).toEqual([{ state: "signed-out" }, { state: "signed-out" }]);
  expect([tab.forgotten, second.forgotten]).toEqual([["alice"], ["alice"]]);
  expect([...tab.stored.keys(), ...second.stored.keys()]).toEqual([]);
});

test("a tab that the browser brings back after the sign-out is signed out", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  const closed = tab.beside();
  await closed.load();
  closed.close();
  tab.time += MINUTE;
  await session.signOut();
  tab.time += MINUTE;
  await tab.signIn();
  expect(tab.now.state).toBe("signed-in"); // anew
  await tab.session.signOut();
  tab.close();
  await closed.load();
  expect(closed.now).toEqual({ state: "signed-out" });
});

test("what waits to be sent is sent before one is signed out", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  expect(await session.settle()).toBeUndefined();
  expect(tab.finished).toEqual([2]); // while it was signed in
});

test("what waits in another tab is sent before, too, if it is the same user's", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  const second = tab.beside();
  await second.load();
  await second.session.finish("bob");
  expect(second.finished).toEqual([]);
  await session.settle();
  expect([second.finished.length, second.now.state]).toEqual([1, "signed-in"]);
});

test.each([
  { saves: 75, deletions: 0 },
  { saves: 0, deletions: 736 },
])(
  "with $saves saves and $deletions deletions left one is told, and still signed in",
  async (left) => {
    const tab = new Tab();
    const session = await tab.signIn();
    tab.unsent = left;
    expect(await session.settle()).toEqual(left);
    expect([tab.now.state, tab.forgotten]).toEqual(["signed-in", []]);
    await session.signOut();
    expect([tab.now.state, tab.forgotten]).toEqual(["signed-out", ["alice"]]);
  },
);

test("a refresh token is used by one tab, and the others have what it got", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn();
  const second = tab.beside();
  const other = await second.load();
  tab.time = second.time += 61 * MINUTE;
  const asked = tab.issuer.asked.length;
  const tokens = await Promise.all([session.current(), other.current()]);
  expect(tokens[0]).toBe(tokens[1]);
  expect(tab.issuer.asked).toHaveLength(asked + 1);
});

test("a tab that did not hear of a renewal asks the others before the issuer", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn();
  const second = tab.beside();
  const other = await second.load();
  tab.time = second.time += 61 * MINUTE;
  const listener = tab.browser.listeners.get(second)!;
  tab.browser.listeners.set(second, { ...listener, grant: () => undefined, given: () => {} });
  const token = await session.current();
  const asked = tab.issuer.asked.length;
  expect(await other.current()).toBe(token);
  expect(tab.issuer.asked).toHaveLength(asked);
});

test("signing in asks for a code with PKCE, state and nonce", async () => {
  const tab = new Tab();
  await (await tab.load()).signIn();
  const url = new URL(tab.left);
  const asked = Object.fromEntries(url.searchParams);
  expect(url.origin + url.pathname).toBe(`${BASE}development/authorize`);
  expect(asked).toMatchObject({
    response_type: "code",
    client_id: "gallery",
    redirect_uri: `${BASE}signed-in`,
    scope: "openid",
    code_challenge_method: "S256",
  });
  for (const name of ["state", "nonce", "code_challenge"]) {
    expect(asked[name]).toMatch(/^[\w-]{43}$/);
  }
});

test("afterwards one is signed in, and where one was; the code is in no address", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  expect(tab.seen).toEqual([
    { state: "signing-in" },
    { state: "signed-in", user: { id: "alice", name: "alice" } },
  ]);
  expect(tab.address).toBe(`${BASE}dashboard/images/7`);
  expect(await session.current()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
});

test("the code leaves the address before anything is waited for", async () => {
  const tab = new Tab();
  await (await tab.load()).signIn();
  tab.address = tab.issuer.authorize(tab.left);
  const loading = tab.load();
  expect(tab.address).not.toContain("a-code");
  await loading;
});

test("the access token is used where the stage says so, as long as it is good", async () => {
  const tab = new Tab();
  const session = await tab.signIn({ ...SETTINGS, token: "access" });
  expect(await session.current()).toBe("access token 1");
  tab.time += 11 * MINUTE;
  expect(await codeOf(session.current())).toBe("unauthenticated");
});

test("a reload goes on signed in", async () => {
  const tab = new Tab();
  const token = await (await tab.signIn()).current();
  const session = await tab.load();
  expect(tab.seen).toEqual([{ state: "signed-in", user: { id: "alice", name: "alice" } }]);
  expect(await session.current()).toBe(token);
});

test("what a tab stores of another issuer is nothing to this one", async () => {
  const tab = new Tab();
  await tab.signIn();
  await tab.load({ ...SETTINGS, issuer: "https://another.example" });
  expect(tab.now).toEqual({ state: "signed-out" });
});

test("people are shown by the name that the issuer has for them", async () => {
  const tab = new Tab();
  tab.issuer.says = { name: "Alice Liddell" };
  await tab.signIn();
  expect(tab.now.user).toEqual({ id: "alice", name: "Alice Liddell" });
});

test.each([
  ["another sign-in's token", { nonce: "another" }],
  ["another issuer's token", { issuer: "https://another.example" }],
  ["no ID token", { withoutIdToken: true }],
])("%s signs nobody in", async (_, says) => {
  const tab = new Tab();
  tab.issuer.says = says;
  await tab.signIn();
  expect(tab.now).toEqual({
    state: "signed-out",
    trouble: "Signing in did not succeed. Try again.",
  });
  expect(tab.address).toBe(`${BASE}dashboard/images/7`);
});

test("an answer with another state signs nobody in: its code is not even redeemed", async () => {
  const tab = new Tab();
  await (await tab.load()).signIn();
  tab.address = tab.issuer.authorize(tab.left).replace(/state=.*/, "state=another");
  await tab.load();
  expect(tab.now.state).toBe("signed-out");
  expect(tab.issuer.asked).toEqual([]);
});

test("an answer that this tab did not ask for signs nobody in", async () => {
  const [tab, victim] = [new Tab(), new Tab()];
  await (await tab.load()).signIn();
  victim.address = tab.issuer.authorize(tab.left);
  await victim.load();
  expect(victim.now).toEqual({
    state: "signed-out",
    trouble: "This sign-in was begun elsewhere. Sign in here again.",
  });
  expect(victim.address).toBe(`${BASE}dashboard/images`);
  expect(tab.issuer.asked).toEqual([]);
});

test("an answer is taken once: going back to its address does nothing", async () => {
  const tab = new Tab();
  await (await tab.load()).signIn();
  const answer = tab.issuer.authorize(tab.left);
  for (const _ of ["first", "again"]) {
    tab.address = answer;
    await tab.load();
  }
  expect(tab.issuer.asked).toHaveLength(1);
  expect(tab.now.state).toBe("signed-in");
});

test("who cancels at the issuer is told so", async () => {
  const tab = new Tab();
  await (await tab.load()).signIn();
  const state = new URL(tab.left).searchParams.get("state");
  tab.address = `${BASE}signed-in?error=access_denied&state=${state}`;
  await tab.load();
  expect(tab.now.trouble).toBe("Signing in was cancelled.");
});

test("a code that the issuer refuses says so", async () => {
  const tab = new Tab();
  tab.issuer.refusal = "invalid_grant";
  await tab.signIn();
  expect(tab.now.trouble).toBe("Signing in did not succeed (invalid_grant). Try again.");
});

test("a stage without sign-in says so", async () => {
  const tab = new Tab();
  await (await tab.load(null)).signIn();
  expect(tab.now.trouble).toBe("Signing in is not set up at this stage.");
});

test("who has expired is still known, also after a reload, and signs in again as oneself", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  tab.time += 61 * MINUTE;
  expect(await codeOf(session.current())).toBe("unauthenticated");
  expect(tab.now).toEqual({ state: "expired", user: { id: "alice", name: "alice" } });
  await tab.load();
  expect(tab.now.state).toBe("expired");
  await tab.signIn();
  expect(tab.now.state).toBe("signed-in");
});

test("while another signs in, the one before is not seen", async () => {
  const tab = new Tab();
  await tab.signIn();
  tab.issuer.says = { sub: "bob" };
  await tab.session.signIn();
  tab.address = tab.issuer.authorize(tab.left);
  await tab.load();
  expect(tab.seen.map(({ user }) => user?.id)).toEqual([undefined, "bob"]);
});

test("a token is renewed before it expires, once for all who ask", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn({ ...SETTINGS, token: "access" });
  tab.time += 10 * MINUTE - 20_000;
  const tokens = await Promise.all([session.current(), session.current()]);
  expect(tokens).toEqual(["access token 2", "access token 2"]);
  expect(tab.issuer.asked[1]).toMatchObject({
    grant_type: "refresh_token",
    refresh_token: "a refresh token",
  });
});

test("a token that the server refuses is renewed, unless it has been already", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn({ ...SETTINGS, token: "access" });
  expect(await session.renewed("access token 1")).toBe("access token 2");
  expect(await session.renewed("access token 1")).toBe("access token 2");
});

test("an old refresh token is kept where the issuer gives no new one", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn({ ...SETTINGS, token: "access" });
  tab.issuer.says = {};
  await session.renewed("access token 1");
  await session.renewed("access token 2");
  expect(tab.issuer.asked[2]).toMatchObject({ refresh_token: "a refresh token" });
});

test("no network is no reason to be signed out", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn();
  tab.issuer.offline = true;
  tab.time += 61 * MINUTE;
  expect(await codeOf(session.current())).toBe("offline");
  tab.issuer.offline = false;
  expect(await codeOf(session.current())).toBe("a token");
  expect(tab.now.state).toBe("signed-in");
});

test.each([
  ["refuses", { refusal: "invalid_grant" }],
  ["names another user", { says: { sub: "bob" } }],
])("an issuer that %s ends the session", async (_, change) => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn();
  Object.assign(tab.issuer, change);
  tab.time += 61 * MINUTE;
  expect(await codeOf(session.current())).toBe("unauthenticated");
  expect(tab.now).toMatchObject({ state: "expired", user: { id: "alice" } });
});

test("signing out forgets the user on this device, and stores nothing", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  await session.signOut();
  expect(tab.now).toEqual({ state: "signed-out" });
  expect(tab.forgotten).toEqual(["alice"]);
  expect([...tab.stored.keys()]).toEqual([]);
  expect(await codeOf(session.current())).toBe("unauthenticated");
});

test("signing out ends the issuer's session too, where it can; no token is in the address", async () => {
  const tab = new Tab();
  const end = "https://issuer.example/logout";
  const session = await tab.signIn({ ...SETTINGS, endSessionEndpoint: end });
  await session.signOut();
  const url = new URL(tab.left);
  expect(url.origin + url.pathname).toBe(end);
  expect(Object.fromEntries(url.searchParams)).toEqual({
    client_id: "gallery",
    post_logout_redirect_uri: BASE,
    logout_uri: BASE,
  });
});

test("another tab's end of the session ends it here, if it is the same user's", async () => {
  const tab = new Tab();
  const session = await tab.signIn();
  void session.end("bob");
  expect(tab.now.state).toBe("signed-in");
  void session.end("alice");
  expect(tab.now.state).toBe("signed-out");
});

test("a plain http issuer is spoken to on this machine alone", async () => {
  const tab = new Tab();
  await tab.signIn({ ...SETTINGS, tokenEndpoint: "http://issuer.example/token" });
  expect(tab.now.state).toBe("signed-out");
  expect(tab.issuer.asked).toEqual([]);
});

test("where the part that signs in cannot be fetched, one is told why, as long as that is so", async () => {
  const tab = new Tab();
  await tab.signIn();
  tab.time += 61 * MINUTE;
  tab.gone = new Problem("outdated", "Reload the page.");
  expect(await codeOf(tab.session.current())).toBe("unauthenticated");
  await tab.session.signIn();
  expect(await codeOf(tab.session.current())).toBe("unauthenticated");
  expect(tab.now).toMatchObject({ state: "expired", trouble: "Reload the page." });
  tab.gone = undefined;
  await tab.session.signIn();
  expect(tab.left).toContain("development/authorize");
});

test("where the part that renews a token cannot be fetched, one stays signed in", async () => {
  const tab = new Tab();
  tab.issuer.says = { refresh: "a refresh token" };
  const session = await tab.signIn();
  tab.time += 61 * MINUTE;
  tab.gone = new Problem("outdated", "Reload the page.");
  expect(await codeOf(session.current())).toBe("outdated");
  expect(tab.now.state).toBe("signed-in");
});

test("a tab that may store nothing is signed in until it is left", async () => {
  const tab = new Tab();
  tab.stored.set = () => {
    throw new DOMException("Full.", "QuotaExceededError");
  };
  const session = await tab.load();
  await session.signIn();
  expect(tab.left).toContain("development/authorize");
});
