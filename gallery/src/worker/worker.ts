/**
 * Lets the gallery open without a network: the page itself and the files that it names, never an
 * answer of the API, an image or anything of a user.
 *
 * The page is always asked of the network first, so a new deployment is seen at the next load. What is
 * kept is what that page was last, and it shows only where the network fails.
 */

declare const self: ServiceWorkerGlobalScope;
export type {};

const SCOPE = self.registration.scope;
const KEPT = `image-storage ${SCOPE}`;

/** What only our page has. */
const MARK = '<meta name="image-storage"';

self.addEventListener("install", (event) => {
  event.waitUntil(keep(fetch(SCOPE, { cache: "no-cache" })).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const path = method === "GET" && url.startsWith(SCOPE) ? pathOf(url) : undefined;
  if (path?.startsWith("assets/")) event.respondWith(kept(event.request, () => fetch(url)));
  else if (mode === "navigate" && isPage(path)) event.respondWith(page(event));
});

function pathOf(url: string): string {
  return url.slice(SCOPE.length).split(/[?#]/, 1)[0]!;
}

/** Not the address with a code to sign in by: that needs a network anyway. */
function isPage(path: string | undefined): boolean {
  return path !== undefined && (path === "" || /^dashboard(\/|$)/.test(path));
}

async function page(event: FetchEvent): Promise<Response> {
  try {
    const answer = await fetch(event.request);
    event.waitUntil(keep(Promise.resolve(answer.clone())));
    return answer;
  } catch {
    return kept(SCOPE, () => Promise.resolve(Response.error()));
  }
}

async function kept(request: RequestInfo, otherwise: () => Promise<Response>): Promise<Response> {
  const cache = await caches.open(KEPT);
  return (await cache.match(request)) ?? otherwise();
}

/** Keeps a page with its files in place of the last one; ends where the server is another's now. */
async function keep(answering: Promise<Response>): Promise<void> {
  const answer = await answering;
  const type = answer.headers.get("Content-Type") ?? "";
  if (!answer.ok || answer.redirected || !type.startsWith("text/html")) return;
  const text = await answer.clone().text();
  if (!text.includes(MARK)) return retire();
  const names = [...text.matchAll(/"\.\/(assets\/[^"]+)"/g)].map(([, name]) => SCOPE + name);
  const cache = await caches.open(KEPT);
  const had = (await cache.keys()).map(({ url }) => url);
  await cache.addAll(names.filter((name) => !had.includes(name)));
  await cache.put(SCOPE, answer);
  const old = had.filter((url) => url !== SCOPE && !names.includes(url));
  await Promise.all(old.map((url) => cache.delete(url)));
}

async function retire(): Promise<void> {
  await caches.delete(KEPT);
  await self.registration.unregister();
}
