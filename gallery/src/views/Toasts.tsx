import { createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import type { Removal } from "../library/use-library";
import { IconButton } from "./Button";
import { useGallery } from "./gallery";
import { Icon } from "./Icon";
import { images } from "./words";

/** What was just done, and what can be undone: read out by screen readers as it appears. */
export function Toasts(): JSX.Element {
  const { library, notices } = useGallery();
  return (
    <div class="toasts" role="status">
      <For each={notices.all()}>
        {(notice) => (
          <div class="toast" classList={{ warning: notice.trouble }}>
            <Icon name={notice.trouble ? "alert" : "check"} />
            <span>{notice.text}</span>
            <IconButton icon="close" label="Dismiss" onClick={() => notices.drop(notice)} />
          </div>
        )}
      </For>
      <For each={library.notRemoved()}>
        {(failed) => (
          <div class="toast warning">
            <Icon name="alert" />
            <span>{failed.problem.detail}</span>
            <IconButton icon="close" label="Dismiss" onClick={() => failed.discard()} />
          </div>
        )}
      </For>
      <Show when={library.removals()[0]} keyed>
        {(removal) => <Undo removal={removal} />}
      </Show>
    </div>
  );
}

function Undo(props: { removal: Removal }): JSX.Element {
  const { library } = useGallery();
  const left = () => Math.max(0, props.removal.until - Date.now());
  const [seconds, setSeconds] = createSignal(Math.ceil(left() / 1000));
  const clock = setInterval(() => setSeconds(Math.ceil(left() / 1000)), 250);
  onCleanup(() => clearInterval(clock));

  return (
    <div class="toast">
      <Icon name="trash" />
      <span>{images(props.removal.cursors.length)} deleted</span>
      <button type="button" class="undo" onClick={() => library.undoRemoval(props.removal.id)}>
        Undo
        <span class="seconds" aria-hidden="true">
          {seconds()}
        </span>
      </button>
      <span class="time-left" aria-hidden="true" style={{ "animation-duration": `${left()}ms` }} />
    </div>
  );
}
