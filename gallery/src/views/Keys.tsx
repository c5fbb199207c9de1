import { For, type JSX } from "solid-js";
import { IconButton } from "./Button";
import { Dialog } from "./Dialog";

const KEYS: readonly (readonly [string, string])[] = [
  ["← ↑ → ↓", "Go from image to image"],
  ["Home End", "Go to the newest, the oldest that is loaded"],
  ["Enter", "Look closer"],
  ["Space", "Select"],
  ["Shift ← ↑ → ↓", "Select as you go"],
  ["Ctrl A", "Select all"],
  ["Delete", "Delete the image, or those selected"],
  ["Ctrl Z", "Undo a deletion"],
  ["/", "Search"],
  ["n", "Save an image"],
  ["Esc", "Close, or stop selecting"],
  ["?", "Show these keys"],
];

export function Keys(props: { readonly onClose: () => void }): JSX.Element {
  return (
    <Dialog class="sheet keys" label="Keyboard shortcuts" onClose={props.onClose} closedByClick>
      <header class="sheet-header">
        <h2>Keyboard shortcuts</h2>
        <IconButton icon="close" label="Close" onClick={props.onClose} />
      </header>
      <dl>
        <For each={KEYS}>
          {([keys, what]) => (
            <div>
              <dt>
                <For each={keys.split(" ")}>{(key) => <kbd>{key}</kbd>}</For>
              </dt>
              <dd>{what}</dd>
            </div>
          )}
        </For>
      </dl>
      <p class="version">Image Storage {import.meta.env["VERSION"]}</p>
    </Dialog>
  );
}
