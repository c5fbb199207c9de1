import { Show, type JSX } from "solid-js";
import type { Unsent } from "../library/use-library";
import { Dialog } from "./Dialog";
import { images } from "./words";

interface Props {
  readonly unsent: Unsent;
  readonly stay: () => void;
  readonly leave: () => void;
}

/** Asks whether to sign out although something would be lost with it. */
export function Leave(props: Props): JSX.Element {
  return (
    <Dialog class="sheet keys" label="Sign out" onClose={props.stay}>
      <div class="blank failed-part" role="alert">
        <h2>Sign out all the same?</h2>
        <Show when={props.unsent.saves}>
          {(count) => <p>Not saved yet, and lost if you sign out now: {images(count())}.</p>}
        </Show>
        <Show when={props.unsent.deletions}>
          {(count) => <p>Not deleted yet, and kept if you sign out now: {images(count())}.</p>}
        </Show>
        <div class="row">
          <button type="button" class="primary" autofocus onClick={() => props.stay()}>
            Stay signed in
          </button>
          <button type="button" class="quiet" onClick={() => props.leave()}>
            Sign out
          </button>
        </div>
      </div>
    </Dialog>
  );
}
