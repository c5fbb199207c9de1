import { onCleanup } from "solid-js";
import { carriedBy } from "./addresses";
import { isDialogOpen } from "./Dialog";
import type { Gallery } from "./use-gallery";

const TYPED_IN = "input:not([type=checkbox]), textarea";

const NO_ADDRESS = "There is no address of an image in what you dropped.";

/** Keys, pastes and drops that mean the page as a whole, while no dialog is open. */
export function createShortcuts(gallery: Gallery, showKeys: () => void): void {
  function onKeyDown(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || isTypedIn(event)) return;
    const chord = event.ctrlKey || event.metaKey;
    const action = chord ? chords(event) : isDialogOpen() ? undefined : keys(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  }

  function keys(key: string): (() => void) | undefined {
    if (key === "/") return () => document.getElementById("search")?.focus();
    if (key === "n") return () => gallery.write([]);
    if (key === "?") return showKeys;
    if (key === "Escape" && gallery.selection.active()) return gallery.selection.end;
    if (key === "Delete" && gallery.selection.cursors().size)
      return () => gallery.remove([...gallery.selection.cursors()]);
    return undefined;
  }

  /** Undoing goes on while an image is looked at: it may have been deleted there. */
  function chords({ key, shiftKey }: KeyboardEvent): (() => void) | undefined {
    const letter = key.toLowerCase();
    if (letter === "z" && !shiftKey && gallery.library.removals().length) {
      return () => void gallery.library.undoRemoval();
    }
    const selects = letter === "a" && gallery.cursors().length && !isDialogOpen();
    return selects ? () => void gallery.selectAll() : undefined;
  }

  function onPaste(event: ClipboardEvent): void {
    if (!isTypedIn(event) && !isDialogOpen()) take(event.clipboardData);
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    if (!isDialogOpen()) take(event.dataTransfer, NO_ADDRESS);
  }

  function take(data: DataTransfer | null, nothing?: string): void {
    const { addresses, trouble = nothing } = carriedBy(data);
    if (addresses.length) gallery.write(addresses);
    else if (trouble) gallery.notices.warn(trouble);
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

function isTypedIn({ target }: Event): boolean {
  return target instanceof Element && target.matches(TYPED_IN);
}
