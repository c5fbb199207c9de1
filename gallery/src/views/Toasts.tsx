import { createEffect, createSignal, Match, on, onCleanup, Show, Switch, type JSX } from "solid-js";
import type { Image } from "../library/library";
import type { NotRemoved, Progress, Removal } from "../library/library-api";
import { HELD, MOST } from "../library/removal";
import { IconButton } from "./Button";
import { useGallery } from "./use-gallery";
import { Icon } from "./Icon";
import type { Notice } from "./notices";
import { images, notYet, number } from "./words";

/**
 * What was just done, what can be undone and what went wrong, one at a time: read out by screen
 * readers as it appears. The newest is shown; what it covers comes back after it.
 */
export function Toasts(): JSX.Element {
  const gallery = useGallery();
  const { library, notices } = gallery;
  const removal = () => library.removals()[0];
  const notice = () => {
    const said = notices.newest();
    const held = removal();
    return said && (!held || said.at >= held.until - HELD) ? said : undefined;
  };
  const progress = () => {
    const now = library.removing();
    return now && (now.total > MOST || now.delay) ? now : undefined;
  };

  createEffect(on(library.confirmed, (saved) => saved && sayThatSaved(saved), { defer: true }));

  function sayThatSaved(saved: readonly Image[]): void {
    const shown = new Set(gallery.cursors());
    const isHidden = saved.some(({ cursor }) => !shown.has(cursor));
    const which = saved.length === 1 ? "it" : "some of them";
    notices.say(`${images(saved.length)} saved${isHidden ? `. Your search hides ${which}.` : ""}`);
  }

  return (
    <div class="toasts" role="status">
      <Switch>
        <Match when={notice()} keyed>
          {(said) => <Said notice={said} />}
        </Match>
        <Match when={removal()} keyed>
          {(held) => <Undo removal={held} />}
        </Match>
        <Match when={library.notRemoved()[0]} keyed>
          {(failed) => <Failed failed={failed} />}
        </Match>
        <Match when={progress()}>{(now) => <Deleting progress={now()} />}</Match>
      </Switch>
    </div>
  );
}

function Said(props: { readonly notice: Notice }): JSX.Element {
  const { notices } = useGallery();
  return (
    <div class="toast" classList={{ warning: props.notice.trouble }}>
      <Icon name={props.notice.trouble ? "alert" : "check"} />
      <span>{props.notice.text}</span>
      <IconButton icon="close" label="Dismiss" onClick={() => notices.drop(props.notice)} />
    </div>
  );
}

function Undo(props: { readonly removal: Removal }): JSX.Element {
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

function Failed(props: { readonly failed: NotRemoved }): JSX.Element {
  return (
    <div class="toast warning">
      <Icon name="alert" />
      <span>
        {images(props.failed.cursors.length)} not deleted. {props.failed.problem.detail}
      </span>
      <Show when={props.failed.again}>
        {(again) => (
          <button type="button" class="undo" onClick={() => again()()}>
            Try again
          </button>
        )}
      </Show>
      <IconButton icon="close" label="Dismiss" onClick={() => props.failed.discard()} />
    </div>
  );
}

function Deleting(props: { readonly progress: Progress }): JSX.Element {
  return (
    <div class="toast">
      <Icon name="trash" />
      <Show
        when={props.progress.delay}
        fallback={
          <span>
            Deleting: {number(props.progress.done)} of {images(props.progress.total)}
          </span>
        }
      >
        {(delay) => (
          <span>
            {images(props.progress.total - props.progress.done)} still to be deleted.{" "}
            {notYet(delay())}
          </span>
        )}
      </Show>
      <progress
        aria-label="Images deleted"
        max={props.progress.total}
        value={props.progress.done}
      />
    </div>
  );
}
