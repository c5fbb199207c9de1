import { afterEach, expect, test, vi } from "vitest";
import { openTabs, type Tabs } from "./tabs";
import type { Grant } from "./tokens";

const GRANT: Grant = {
  issuer: "https://issuer.example",
  user: { id: "alice", name: "Alice" },
  token: "a token",
  expires: 7,
  since: 1,
};

const closing: BroadcastChannel[] = [];

afterEach(() => closing.splice(0).forEach((channel) => channel.close()));

/** A tab with a channel of its own; what it was told. */
function open(
  name: string,
  grant?: Grant,
  finishing?: Promise<void>,
): { tabs: Tabs; told: unknown[] } {
  const told: unknown[] = [];
  const channel = new BroadcastChannel(name);
  closing.push(channel);
  const listener = {
    grant: () => grant,
    given: (given: Grant) => void told.push(given),
    finish: async (user: string) => {
      await finishing;
      told.push(`finished for ${user}`);
    },
    end: async (user: string) => void told.push(user),
  };
  return { tabs: openTabs(name, listener, { channel }), told };
}

const any = () => true;

test("a tab that is alone is not kept waiting", async () => {
  open("another stage", GRANT);
  expect(await open("alone").tabs.ask(any)).toBeUndefined();
});

test("a tab is told the grant of another that has one that will do", async () => {
  const name = crypto.randomUUID();
  open(name);
  open(name, { ...GRANT, token: "" });
  open(name, GRANT);
  const { tabs } = open(name);
  expect(await tabs.ask(({ token }) => token !== "")).toEqual(GRANT);
});

test("when all others have answered that they have none, there is none", async () => {
  const name = crypto.randomUUID();
  const before = performance.now();
  open(name);
  open(name);
  expect(await open(name).tabs.ask(any)).toBeUndefined();
  expect(performance.now() - before).toBeLessThan(900); // it did not wait for silence
});

test("what one tab tells the others hear", async () => {
  const name = crypto.randomUUID();
  const [one, other] = [open(name), open(name)];
  one.tabs.share(GRANT);
  one.tabs.end("alice");
  await vi.waitFor(() => expect(other.told).toEqual([GRANT, "alice"]));
  expect(one.told).toEqual([]);
});

test("who signs out waits for what every other tab has to send", async () => {
  const name = crypto.randomUUID();
  let sent = () => {};
  const quick = open(name);
  const slow = open(name, undefined, new Promise((resolve) => (sent = resolve)));
  const [one, other] = [open(name), open(name)];
  let isOver = false;
  const finishing = one.tabs.finish("alice").then(() => (isOver = true));
  const another = other.tabs.finish("alice"); // its answers are not mistaken for the other's
  await vi.waitFor(() => expect(quick.told).toHaveLength(2));
  expect(isOver).toBe(false);
  sent();
  await Promise.all([finishing, another]);
  expect(slow.told).toContain("finished for alice");
});

test("one tab at a time does what is to be done alone", async () => {
  const name = crypto.randomUUID();
  const [one, other] = [open(name), open(name)];
  const order: string[] = [];
  let go = () => {};
  const going = new Promise<void>((resolve) => (go = resolve));
  const first = one.tabs.alone(async () => {
    order.push("one begins");
    await going;
    order.push("one ends");
  });
  await vi.waitFor(() => expect(order).toEqual(["one begins"]));
  const second = other.tabs.alone(async () => void order.push("other"));
  go();
  await Promise.all([first, second]);
  expect(order).toEqual(["one begins", "one ends", "other"]);
});
