import { createRoot, createSignal } from "solid-js";
import { expect, test } from "vitest";
import { createSelection, type Selection } from "./selection";

function selecting(shown: readonly number[], then: (selection: Selection) => void): void {
  createRoot((dispose) => {
    const [order] = createSignal(shown);
    then(createSelection(order));
    dispose();
  });
}

test("the first that is extended to is where a range begins", () => {
  selecting([9, 8, 7, 6, 5], (selection) => {
    selection.extend(8);
    selection.extend(6);
    expect([...selection.cursors()]).toEqual([8, 7, 6]);
    selection.extend(9);
    expect([...selection.cursors()]).toEqual([9, 8]);
  });
});

test("a range goes from what was picked last, and keeps what was picked before", () => {
  selecting([9, 8, 7, 6, 5], (selection) => {
    selection.toggle(9);
    selection.toggle(6);
    selection.extend(5);
    expect([...selection.cursors()]).toEqual([9, 6, 5]);
  });
});
