import { createRoot, createSignal } from "solid-js";
import { afterEach, expect, test, vi } from "vitest";
import { EMPTY, type Draft } from "./draft";
import { createDrafting, type Drafting } from "./drafting";

const [query, setQuery] = createSignal<{ save?: string }>({});

vi.mock("@solidjs/router", () => ({
  useLocation: () => ({
    get query() {
      return query();
    },
  }),
  useNavigate: () => (to: string | number) =>
    setQuery(typeof to === "string" && to.endsWith("?save") ? { save: "" } : {}),
}));

const NOTES: Draft = { ...EMPTY, prompt: "half a thought" };

function refused(save: string, prompt = save): Draft {
  return { ...EMPTY, prompt, refusal: { detail: "No.", errors: [], save } };
}

/** A tab's storage: it has room for so many characters. */
function storage(room = Infinity): Storage {
  const stored = new Map<string, string>();
  return {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, text: string) => {
      if (text.length > room) throw new DOMException("Full.", "QuotaExceededError");
      stored.set(name, text);
    },
    removeItem: (name: string) => void stored.delete(name),
  } as unknown as Storage;
}

const open: (() => void)[] = [];

/** A page's load: `reload` keeps what is stored, as a browser does. */
function load(stored: Storage | undefined): Drafting {
  return createRoot((close) => {
    open.push(close);
    return createDrafting(stored);
  });
}

afterEach(() => {
  for (const close of open.splice(0)) close();
  setQuery({});
});

test("a draft that is too long to be kept is still there, and so is the form", () => {
  const drafting = load(storage(100));
  drafting.write([]);
  drafting.change((before) => ({ ...before, prompt: "a".repeat(1000) }));
  drafting.change((before) => ({ ...before, model: "typed after it" }));
  expect([drafting.isOpen(), drafting.draft().model]).toEqual([true, "typed after it"]);
});

test("where a tab may store nothing, a draft lasts until the page is left", () => {
  const drafting = load(undefined);
  drafting.change(() => NOTES);
  expect(drafting.draft()).toEqual(NOTES);
});

test("mending a refused save puts aside what was typed, which is back when that ends", () => {
  const tab = storage();
  const drafting = load(tab);
  drafting.change(() => NOTES);
  drafting.write(refused("one"));
  drafting.change((before) => ({ ...before, prompt: "" }));
  const reloaded = load(tab);
  expect(reloaded.draft().prompt).toBe("");
  reloaded.end();
  expect(reloaded.draft()).toEqual(NOTES);
  reloaded.end();
  expect(reloaded.draft()).toEqual(EMPTY);
});

test("two refused saves are mended one in front of the other, and neither from anew", () => {
  const drafting = load(storage());
  drafting.change(() => NOTES);
  drafting.write(refused("one"));
  drafting.change((before) => ({ ...before, model: "mended" }));
  drafting.write(refused("one"));
  expect(drafting.draft().model).toBe("mended");
  drafting.write(refused("two"));
  drafting.end();
  expect(drafting.draft().model).toBe("mended");
  drafting.end();
  expect(drafting.draft()).toEqual(NOTES);
});

test("what was sent is forgotten, and what was typed after it is not", () => {
  const drafting = load(storage());
  drafting.change(() => NOTES);
  const sent = drafting.draft();
  drafting.forget(sent);
  expect(drafting.draft()).toEqual(EMPTY);
  drafting.change(() => ({ ...NOTES, prompt: "another" }));
  drafting.forget(sent);
  expect(drafting.draft().prompt).toBe("another");
});
