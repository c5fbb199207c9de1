import { expect, test } from "vitest";
import { Clock, settled } from "../testing/time";
import { Pause } from "./pause";

/** A pause, and what has come of what waits for it. */
function world() {
  const clock = new Clock();
  const pause = new Pause(clock.later);
  const told: string[] = [];
  const tell = (what: string, when: Promise<void>) => void when.then(() => told.push(what));
  return { clock, pause, told, tell };
}

test("a pause lasts so many milliseconds", async () => {
  const { clock, pause, told, tell } = world();
  tell("over", pause.begin(100));
  expect(pause.isOn).toBe(true);
  clock.pass(99);
  await settled();
  expect(told).toEqual([]);
  clock.pass(1);
  await settled();
  expect([told, pause.isOn]).toEqual([["over"], false]);
});

test("a pause without a time lasts until it is ended, and an ended one leaves no timer", async () => {
  const { clock, pause, told, tell } = world();
  tell("without", pause.begin(undefined));
  clock.pass(24 * 3600_000);
  await settled();
  expect(told).toEqual([]);
  pause.end();
  await settled();
  tell("with", pause.begin(100));
  pause.end();
  await settled();
  tell("next", pause.begin(1000));
  clock.pass(100);
  await settled();
  expect(told).toEqual(["without", "with"]);
});

test("to end what has not begun does nothing", async () => {
  const { pause, told, tell } = world();
  pause.end();
  tell("over", pause.begin(100));
  await settled();
  expect(told).toEqual([]);
});

test("who waits for the work waits no longer than until a pause begins, however many wait", async () => {
  const { pause, told, tell } = world();
  const work = new Promise<void>(() => {});
  tell("one", pause.orDone(work));
  tell("other", pause.orDone(work));
  await settled();
  expect(told).toEqual([]);
  void pause.begin(100);
  await settled();
  expect(told).toEqual(["one", "other"]);
});

test("who waits for the work is told when it is done", async () => {
  const { pause, told, tell } = world();
  tell("done", pause.orDone(Promise.resolve()));
  await settled();
  expect(told).toEqual(["done"]);
});

test("once closed, no pause lasts, the one that is on neither", async () => {
  const { pause, told, tell } = world();
  tell("on", pause.begin(undefined));
  pause.close();
  tell("later", pause.begin(undefined));
  await settled();
  expect([told.sort(), pause.isOn]).toEqual([["later", "on"], false]);
});
