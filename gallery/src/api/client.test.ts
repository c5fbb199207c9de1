import { expect, test } from "vitest";
import { createApi, type Api, type Tokens } from "./client";
import { Problem, backoff, isTransient } from "./problem";

const IMAGE = {
  cursor: 1,
  prompt: "a fox",
  imageUrl: "https://images.example/fox.png",
  createdAt: "2026-11-22T14:10:00.123Z",
};
const NEW = { prompt: "a fox", imageUrl: "https://images.example/fox.png" };

interface Sent {
  readonly line: string;
  readonly token: string | null;
  readonly key: string | null;
  readonly type: string | null;
  readonly body: string;
  readonly keepalive: boolean;
  readonly cache: string;
}

/** The API with a network that gives these answers, and what was sent over it. */
function network(...answers: (Response | Error)[]): { api: Api; sent: Sent[] } {
  const sent: Sent[] = [];
  const fresh = ["first token", "second token"];
  const tokens: Tokens = {
    current: async () => fresh[0]!,
    renewed: async (refused) => {
      fresh.splice(0, fresh.length, ...fresh.filter((token) => token !== refused));
      if (!fresh.length) throw new Problem("unauthenticated", "Sign in again.");
      return fresh[0]!;
    },
  };
  const send = async (input: RequestInfo | URL): Promise<Response> => {
    const request = input as Request;
    sent.push({
      line: `${request.method} ${request.url}`,
      token: request.headers.get("Authorization"),
      key: request.headers.get("Idempotency-Key"),
      type: request.headers.get("Content-Type"),
      body: await request.text(),
      keepalive: request.keepalive,
      cache: request.cache,
    });
    const answer = answers.shift()!;
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { api: createApi("https://gallery.example/stage/", tokens, send), sent };
}

function json(body: unknown, status = 200, headers = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

function refusal(status: number, code: string, headers = {}): Response {
  return json({ type: "urn:x", title: "No", status, code, detail: "Do this." }, status, headers);
}

async function problemOf(call: Promise<unknown>): Promise<Problem> {
  return call.then(
    () => expect.fail("It was answered well."),
    (problem: Problem) => problem,
  );
}

test("every call goes to the API beside the page, with the token", async () => {
  const page = { images: [IMAGE], next: null };
  const { api, sent } = network(
    json({ ...page, cursor: 1, count: 1 }),
    json({ ...page, cursor: 1, count: 1 }),
    json(page),
    json({ changes: [], cursor: 7, upToDate: true }),
    json(IMAGE),
    new Response(null, { status: 204 }),
    json({ cursor: 1, applied: 0, upToDate: true }),
  );
  await api.firstPage();
  await api.firstPage(7);
  await api.olderPage(100, "");
  await api.changes(7, "");
  await api.image(1);
  await api.remove([1], { cursor: 7, mark: "" });
  await api.sync();
  expect(sent.map(({ line }) => line.replace("https://gallery.example/stage/", ""))).toEqual([
    "GET api/images?limit=60",
    "GET api/images?limit=60&at_least=7",
    "GET api/images?limit=200&before=100",
    "GET api/images/changes?limit=200&after=7",
    "GET api/images/1",
    "DELETE api/images?cursors=1",
    "POST api/images/sync",
  ]);
  expect(new Set(sent.map(({ token }) => token))).toEqual(new Set(["Bearer first token"]));
});

test("positions go with their marks, where there are some", async () => {
  const { api, sent } = network(
    json({ images: [], next: null, nextMark: null }),
    json({ changes: [], cursor: 7, mark: "abcdefgh", upToDate: true }),
    new Response(null, { status: 204 }),
  );
  await api.olderPage(100, "hgfedcba");
  await api.changes(7, "abcdefgh");
  await api.remove([5, 3], { cursor: 7, mark: "abcdefgh" });
  expect(sent.map(({ line }) => decodeURIComponent(line.replace(/.*api/, "")))).toEqual([
    "/images?limit=200&before=100&mark=hgfedcba",
    "/images/changes?limit=200&after=7&mark=abcdefgh",
    "/images?cursors=5,3&at=7&mark=abcdefgh",
  ]);
});

test("no answer stays in the browser's cache, where it would outlive the session", async () => {
  const { api, sent } = network(json(IMAGE), json(IMAGE, 201));
  await api.image(1);
  await api.save([NEW], "a key");
  expect(sent.map(({ cache }) => cache)).toEqual(["no-store", "no-store"]);
});

test("one image is saved by itself, several in a batch, both under their key", async () => {
  const { api, sent } = network(json(IMAGE, 201), json({ images: [IMAGE, IMAGE] }, 201));
  expect(await api.save([NEW], "a key")).toEqual([IMAGE]);
  expect(await api.save([NEW, NEW], "another key")).toEqual([IMAGE, IMAGE]);
  expect(sent).toMatchObject([
    {
      line: "POST https://gallery.example/stage/api/images",
      key: "a key",
      type: "application/json",
      body: JSON.stringify(NEW),
    },
    {
      line: "POST https://gallery.example/stage/api/images/batch",
      key: "another key",
      body: JSON.stringify({ images: [NEW, NEW] }),
    },
  ]);
});

test("a deletion outlives the page", async () => {
  const { api, sent } = network(new Response(null, { status: 204 }));
  await api.remove([1], { cursor: 7, mark: "" });
  expect(sent[0]?.keepalive).toBe(true);
});

test("a refused token is renewed, and the call made again as it was", async () => {
  const { api, sent } = network(refusal(401, "unauthenticated"), json(IMAGE, 201));
  expect(await api.save([NEW], "a key")).toEqual([IMAGE]);
  expect(sent.map(({ token, body, key }) => [token, body, key])).toEqual([
    ["Bearer first token", JSON.stringify(NEW), "a key"],
    ["Bearer second token", JSON.stringify(NEW), "a key"],
  ]);
});

test("a token that cannot be renewed is a problem, and so is a new one that is refused", async () => {
  const refused = () => refusal(401, "unauthenticated");
  const { api } = network(refused(), refused(), refused());
  expect((await problemOf(api.image(1))).code).toBe("unauthenticated");
  expect((await problemOf(api.image(1))).code).toBe("unauthenticated");
});

test("a problem tells its code, what to do in people's words, where, and when", async () => {
  const errors = [{ detail: "Begin it with https.", pointer: "#/imageUrl" }];
  const body = { type: "urn:x", title: "No", status: 400, code: "invalid-image", detail: "Mend." };
  const { api } = network(
    json({ ...body, errors }, 400),
    refusal(503, "contended", { "Retry-After": "3" }),
  );
  expect(await problemOf(api.save([NEW], "a key"))).toMatchObject({
    code: "invalid-image",
    detail: expect.stringContaining("Check what you typed"),
    errors,
  });
  expect(await problemOf(api.save([NEW], "a key"))).toMatchObject({
    code: "contended",
    errors: [],
    retryAfter: 3,
  });
});

test.each([
  ["bad-request", "Reload the page."],
  ["unauthenticated", "Sign in again."],
  ["resync-required", "Reload the page."],
  ["internal-error", "Something went wrong on the server."],
  ["unavailable", "The server cannot do this at the moment."],
  ["one-of-a-later-server", "The server gave no proper answer."],
])("what the server says to programmers is said in people's words: %s", async (code, words) => {
  const raw = "Send it again; a save only under the same Idempotency-Key.";
  const answer = json({ type: "urn:x", title: "No", status: 418, code, detail: raw }, 418);
  const problem = await problemOf(network(answer).api.image(1));
  expect(problem).toMatchObject({ code, detail: expect.stringContaining(words) });
});

type Call = (api: Api) => Promise<unknown>;
const CALLS: readonly (readonly [string, Call])[] = [
  ["first page", (api) => api.firstPage()],
  ["older page", (api) => api.olderPage(100, "")],
  ["changes", (api) => api.changes(7, "")],
  ["image", (api) => api.image(1)],
  ["save", (api) => api.save([NEW], "a key")],
  ["batch", (api) => api.save([NEW, NEW], "a key")],
  ["deletion", (api) => api.remove([1], { cursor: 7, mark: "" })],
  ["sync", (api) => api.sync()],
];

test.each(CALLS)("what is no answer of the API is a problem with words: %s", async (_, call) => {
  for (const body of ["{}", "[]", "null", '"x"', "<h1>Welcome</h1>", ""]) {
    const problem = await problemOf(call(network(new Response(body)).api));
    expect([body, problem.code]).toEqual([body, "not-understood"]);
    expect(problem.detail).toContain("no proper answer");
  }
});

test.each([
  ["no network", new TypeError("Failed to fetch"), "offline"],
  ["a proxy's page", new Response("<h1>Bad gateway</h1>", { status: 502 }), "not-understood"],
  ["a portal's page", new Response("<h1>Welcome</h1>"), "not-understood"],
  ["a page that is no first one", json({ images: [], next: null }), "not-understood"],
])("%s is a problem that may pass", async (_, answer, code) => {
  const problem = await problemOf(network(answer).api.firstPage());
  expect(problem.code).toBe(code);
  expect(isTransient(problem)).toBe(true);
});

test("what a user must mend does not pass by itself", () => {
  const codes = ["invalid-image", "body-too-large", "unauthenticated", "not-found"] as const;
  expect(codes.filter((code) => isTransient(new Problem(code, "")))).toEqual([]);
});

test("waits grow, and are never shorter than the server wishes nor longer than a minute", () => {
  const [plain, asking] = [new Problem("offline", ""), new Problem("contended", "", [], 100)];
  const waits = [1, 3, 20].map((failures) => backoff(plain, failures));
  expect(waits[0]).toBeGreaterThanOrEqual(500);
  expect(waits[0]).toBeLessThanOrEqual(1000);
  expect(waits[1]).toBeGreaterThanOrEqual(2000);
  expect(waits[2]).toBeLessThanOrEqual(60_000);
  expect(backoff(asking, 1)).toBe(100_000);
});
