import { createSignal, onCleanup, onMount, Show, type JSX } from "solid-js";
import { useLibrary, type Unsent } from "../library/library-api";
import { useSession } from "../session/use-session";
import { Dialog } from "./Dialog";
import { images } from "./words";

/** Milliseconds after which one is told that signing out takes time. */
const SLOW = 500;

/** Milliseconds between two looks at what is left. */
const LOOK_AGAIN = 1000;

/**
 * Signs out as soon as all is saved and deleted.
 *
 *   nothing is shown ──SLOW──► "Finishing" ──not all can be sent now──► "all the same?"
 *          └───────────────────────┴──────────────all is sent──────────────────┴──► signed out
 */
export function Leave(props: { readonly onStay: () => void }): JSX.Element {
  const library = useLibrary();
  const session = useSession();
  const [shown, setShown] = createSignal(false);
  const [asking, setAsking] = createSignal(false);
  const [left, setLeft] = createSignal<Unsent>();
  let isOver = false;

  async function look(): Promise<void> {
    setLeft(await library.unsent());
  }

  async function finish(): Promise<void> {
    while (!isOver) {
      const unsent = await session.settle();
      if (isOver) return;
      if (!unsent) return session.signOut();
      setLeft(unsent);
      setAsking(true);
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    }
  }

  onMount(() => {
    const slow = setTimeout(() => void look().then(() => setShown(true)), SLOW);
    const looking = setInterval(() => void look(), LOOK_AGAIN);
    void finish();
    onCleanup(() => {
      isOver = true;
      clearTimeout(slow);
      clearInterval(looking);
    });
  });

  return (
    <Show when={shown() || asking()}>
      <Dialog class="sheet keys" label="Sign out" onClose={props.onStay}>
        <div class="blank failed-part" role="alert">
          <h2>{asking() ? "Sign out all the same?" : "Finishing before you sign out …"}</h2>
          <Show when={left()?.saves}>
            {(count) => <p>Not saved yet, and lost if you sign out now: {images(count())}.</p>}
          </Show>
          <Show when={left()?.deletions}>
            {(count) => <p>Not deleted yet, and kept if you sign out now: {images(count())}.</p>}
          </Show>
          <div class="row">
            <button type="button" class="primary" autofocus onClick={() => props.onStay()}>
              Stay signed in
            </button>
            <button type="button" class="quiet" onClick={() => void session.signOut()}>
              Sign out
            </button>
          </div>
        </div>
      </Dialog>
    </Show>
  );
}
