import { createSignal, Match, onCleanup, Show, Switch, type JSX } from "solid-js";
import { asksToReload } from "../api/problem";
import { settings } from "../settings";
import { useSession } from "../session/use-session";
import { IconButton, Reload } from "./Button";
import { copy } from "./copy";
import { useGallery } from "./use-gallery";
import { Icon } from "./Icon";
import { SignInButton } from "./SignInButton";
import { images, number } from "./words";

const EXPIRED =
  "Your sign-in has expired. This is what was here last; what you save now is sent once you have " +
  "signed in.";

/** What one should know about what is shown below. */
export function Notes(): JSX.Element {
  const gallery = useGallery();
  const session = useSession();
  const { library } = gallery;
  return (
    <Switch>
      <Match when={!gallery.tiles().length && !gallery.searching() && !library.complete()}>
        {null}
      </Match>
      <Match when={!gallery.online()}>
        <p class="note" role="status">
          <Icon name="offline" />
          You are offline. This is what was here last; what you save now is sent later.
        </p>
      </Match>
      <Match when={session.state() === "expired"}>
        <p class="note" role="status">
          <Icon name="alert" />
          {session.trouble() ?? EXPIRED}
          <SignInButton class="small" />
        </p>
      </Match>
      <Match when={library.problem()}>
        {(problem) => (
          <p class="note" role="status">
            <Icon name="alert" />
            {problem().detail}
            <TryAgain class="small" />
          </p>
        )}
      </Match>
    </Switch>
  );
}

/** Asks the server again, or loads the page anew where only that would help. */
function TryAgain(props: { readonly class: string }): JSX.Element {
  const { library } = useGallery();
  return (
    <Show
      when={library.problem() && asksToReload(library.problem()!)}
      fallback={
        <button type="button" class={props.class} onClick={() => void library.refresh()}>
          Try again
        </button>
      }
    >
      <Reload class={props.class} />
    </Show>
  );
}

/** How much was found, and in how much of the library. */
export function Found(): JSX.Element {
  const gallery = useGallery();
  const { library } = gallery;
  const [loading, setLoading] = createSignal<AbortController>();

  function stop(): void {
    loading()?.abort();
    setLoading(undefined);
  }

  async function loadAll(): Promise<void> {
    const here = setLoading(new AbortController());
    await library.loadAll(here.signal);
    if (loading() === here) setLoading(undefined);
  }

  onCleanup(stop);

  return (
    <div class="note found">
      <p role="status">
        <strong>{number(gallery.tiles().length)} found</strong>
        <Show when={!library.complete()} fallback={` in all ${images(library.loaded())}`}>
          {` in the newest ${number(library.loaded())} of ${images(library.count() ?? 0)}`}
        </Show>
      </p>
      <Show when={!library.complete()}>
        <Show
          when={loading()}
          fallback={
            <button type="button" class="small" onClick={() => void loadAll()}>
              Search all
            </button>
          }
        >
          <progress
            aria-label="Images searched"
            max={library.count() ?? 1}
            value={library.loaded()}
          />
          <button type="button" class="small" onClick={stop}>
            Stop
          </button>
        </Show>
      </Show>
    </div>
  );
}

/** The grid reads on to the place that one was at. */
export function GoingBack(): JSX.Element {
  const { library, show } = useGallery();
  return (
    <div class="note">
      <p role="status">Going back to where you were …</p>
      <progress aria-label="Images read" max={library.count() ?? 1} value={library.loaded()} />
      <button type="button" class="small" onClick={() => show(undefined)}>
        Stay here
      </button>
    </div>
  );
}

/** Images that did not come, and one button for all of them. */
export function BrokenOnes(): JSX.Element {
  const { broken, online, selection } = useGallery();
  return (
    <Show when={broken.count() && !selection.active()}>
      <div class="broken-ones">
        <span role="status">
          {images(broken.count())} {online() ? "did not load" : "wait for the network"}
        </span>
        <button type="button" class="small" onClick={() => broken.retry()}>
          Try again
        </button>
      </div>
    </Show>
  );
}

/** Nothing was saved yet: an invitation. */
export function Empty(): JSX.Element {
  const gallery = useGallery();
  return (
    <section class="blank">
      <div class="frames" aria-hidden="true">
        <span />
        <span />
        <span />
      </div>
      <h2>Your library is empty</h2>
      <p>Save the first image, or drop image addresses anywhere on this page.</p>
      <button type="button" class="primary" onClick={() => gallery.write([])}>
        <Icon name="plus" />
        Save image
      </button>
      <Show when={settings.demo}>{(command) => <Demo command={command()} />}</Show>
    </section>
  );
}

/** Only where the development server runs, which has a demo library. */
function Demo(props: { command: string }): JSX.Element {
  const { notices } = useGallery();
  const session = useSession();
  const command = () => `${props.command} USER=${quoted(session.user()?.id ?? "")}`;
  return (
    <p class="demo">
      Or fill it with some thousand drawn images:
      <span class="command">
        <code>{command()}</code>
        <IconButton icon="copy" label="Copy the command" onClick={() => copy(command(), notices)} />
      </span>
    </p>
  );
}

/** As one word for a shell. */
function quoted(word: string): string {
  return /^[\w.@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function NothingFound(): JSX.Element {
  const gallery = useGallery();
  return (
    <section class="blank">
      <h2>Nothing found</h2>
      <p>
        All words must be in the prompt. <code>model:</code> and <code>seed:</code> look there.
      </p>
      <button type="button" class="quiet" onClick={() => gallery.search("")}>
        Show all images
      </button>
    </section>
  );
}

export function Failed(): JSX.Element {
  const { library } = useGallery();
  const session = useSession();
  return (
    <section class="blank" role="alert">
      <Icon name="alert" />
      <h2>The library cannot be shown</h2>
      <p>{session.trouble() ?? library.problem()?.detail}</p>
      <Show when={session.state() !== "expired"} fallback={<SignInButton class="primary" />}>
        <TryAgain class="primary" />
      </Show>
    </section>
  );
}

/** The forms of images that are to come. */
export function Skeleton(): JSX.Element {
  return (
    <div class="skeleton" role="status" aria-label="Loading images">
      {Array.from({ length: 24 }, () => (
        <span />
      ))}
    </div>
  );
}
