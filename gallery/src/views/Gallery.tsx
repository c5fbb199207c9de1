import { useNavigate, useParams } from "@solidjs/router";
import {
  createEffect,
  createMemo,
  createSignal,
  Match,
  on,
  onCleanup,
  onMount,
  Show,
  Switch,
  type JSX,
} from "solid-js";
import { useLibrary } from "../library/library-api";
import { cursorIn, HOME } from "./address";
import { Detail } from "./Detail";
import { createGallery, GalleryContext, useGallery } from "./use-gallery";
import { Grid } from "./Grid";
import { Header } from "./Header";
import { Keys } from "./Keys";
import { Leave } from "./Leave";
import {
  BrokenOnes,
  Empty,
  Failed,
  Found,
  GoingBack,
  Notes,
  NothingFound,
  Skeleton,
} from "./Notes";
import { Part } from "./Part";
import { SaveForm } from "./SaveForm";
import { createShortcuts } from "./shortcuts";
import { Toasts } from "./Toasts";
import { brief, number } from "./words";

const LOST = "There is no page at this address. Here is your library instead.";

/** The page `dashboard/images`, and one of its images in front where the address names one. */
export function Gallery(props: { readonly lost: boolean }): JSX.Element {
  const library = useLibrary();
  const gallery = createGallery(library);
  const params = useParams<{ cursor?: string }>();
  const navigate = useNavigate();
  const [keysShown, setKeysShown] = createSignal(false);
  const [leaving, setLeaving] = createSignal(false);
  const cursor = () => cursorIn(params.cursor);
  let before = cursor();
  let openedHere = false;

  createShortcuts(gallery, () => setKeysShown(true));
  createEffect(() => {
    document.title = title(cursor());
  });
  createEffect(
    on(
      cursor,
      (now) => {
        if (before === undefined) openedHere = true;
        else if (now === undefined) gallery.show(before);
        before = now;
      },
      { defer: true },
    ),
  );

  /** Whether what the grid shall bring into view has yet to be read. */
  const isReadingOn = () =>
    library.status() === "ready" &&
    !library.complete() &&
    (gallery.cursors().at(-1) ?? Infinity) > (gallery.wanted()?.cursor ?? 0);

  // An image that one came to by its address, from further down than what is loaded.
  const isFar = createMemo(() => {
    const shown = cursor();
    const isShown = shown !== undefined && library.image(shown) !== undefined;
    return isShown && !gallery.searching() && !gallery.cursors().includes(shown);
  });
  createEffect(() => isFar() && gallery.show(cursor()));

  onMount(() => {
    if (props.lost) gallery.notices.warn(LOST);
    history.scrollRestoration = "manual";
    addEventListener("pagehide", gallery.sizes.keep);
    onCleanup(() => removeEventListener("pagehide", gallery.sizes.keep));
  });

  function title(shown: number | undefined): string {
    const image = shown === undefined ? undefined : library.image(shown);
    if (image) return brief(image.prompt);
    const count = library.count();
    return count === undefined ? "Images" : `Images (${number(count)})`;
  }

  function close(): void {
    if (openedHere) navigate(-1);
    else navigate(HOME, { replace: true, scroll: false });
  }

  return (
    <GalleryContext.Provider value={gallery}>
      <Header onKeys={() => setKeysShown(true)} onSignOut={() => setLeaving(true)} />
      <main class="main">
        <div class="notes">
          <Notes />
          <Show when={gallery.wanted() && isReadingOn()}>
            <GoingBack />
          </Show>
          <Show when={gallery.searching() && library.status() === "ready"}>
            <Found />
          </Show>
        </div>
        <Switch fallback={<Images />}>
          <Match when={library.status() === "loading" && !gallery.tiles().length}>
            <Skeleton />
          </Match>
          <Match when={!gallery.tiles().length && gallery.searching()}>
            <NothingFound />
          </Match>
          <Match when={!gallery.tiles().length && library.complete()}>
            <Empty />
          </Match>
          <Match when={!gallery.tiles().length && library.problem()}>
            <Failed />
          </Match>
        </Switch>
      </main>
      <BrokenOnes />
      <Toasts />
      <Show when={cursor() !== undefined}>
        <Part onClose={close}>
          <Detail
            cursor={cursor()!}
            go={(next) => navigate(`${HOME}/${next}`, { replace: true, scroll: false })}
            close={close}
          />
        </Part>
      </Show>
      <Show when={gallery.drafting.isOpen()}>
        <Part onClose={gallery.drafting.close}>
          <SaveForm />
        </Part>
      </Show>
      <Show when={keysShown()}>
        <Keys onClose={() => setKeysShown(false)} />
      </Show>
      <Show when={leaving()}>
        <Leave onStay={() => setLeaving(false)} />
      </Show>
    </GalleryContext.Provider>
  );
}

/** What is loaded, and forms in its place as long as nothing is that could be shown. */
function Images(): JSX.Element {
  const gallery = useGallery();
  return (
    <>
      <Show when={!gallery.tiles().length}>
        <Skeleton />
      </Show>
      <Grid />
    </>
  );
}
