import { onCleanup } from "solid-js";
import { addressesOf } from "./addresses";
import { draftFor } from "./draft";
import type { Gallery } from "./gallery";

const TYPED_IN = "input:not([type=checkbox]), textarea";

/** Keys, pastes and drops that mean the page as a whole, while no dialog is open. */
export function createShortcuts(gallery: Gallery, showKeys: () => void): void {
  function onKeyDown(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || isTaken(event)) return;
    const chord = event.ctrlKey || event.metaKey;
    const action = chord ? chords(event.key.toLowerCase()) : keys(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  }

  function keys(key: string): (() => void) | undefined {
    if (key === "/") return () => document.getElementById("search")?.focus();
    if (key === "n") return () => gallery.write(draftFor([]));
    if (key === "?") return showKeys;
    if (key === "Escape" && gallery.selection.active()) return gallery.selection.end;
    if (key === "Delete" && gallery.selection.cursors().size)
      return () => gallery.remove([...gallery.selection.cursors()]);
    return undefined;
  }

  function chords(key: string): (() => void) | undefined {
    if (key === "a" && gallery.cursors().length) return gallery.selection.all;
    const undoable = key === "z" && gallery.library.removals().length;
    return undoable ? () => gallery.library.undoRemoval() : undefined;
  }

  function onPaste(event: ClipboardEvent): void {
    if (!isTaken(event)) begin(addressesOf(event.clipboardData));
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    begin(addressesOf(event.dataTransfer));
  }

  function begin(addresses: readonly string[]): void {
    if (addresses.length) gallery.write(draftFor(addresses));
  }

  const listeners = {
    keydown: onKeyDown,
    paste: onPaste,
    drop: onDrop,
    dragover: (event: Event) => event.preventDefault(),
  };
  for (const [name, listener] of Object.entries(listeners)) {
    document.addEventListener(name, listener as (event: Event) => void);
    onCleanup(() => document.removeEventListener(name, listener as (event: Event) => void));
  }
}

/** Whether someone is typing, or a dialog has the word. */
function isTaken(event: Event): boolean {
  const { target } = event;
  const isTyped = target instanceof Element && target.matches(TYPED_IN);
  return isTyped || !!document.querySelector("dialog[open]");
}
