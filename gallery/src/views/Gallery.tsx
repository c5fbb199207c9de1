import { useNavigate, useParams } from "@solidjs/router";
import {
  createEffect,
  createSignal,
  Match,
  on,
  onCleanup,
  onMount,
  Show,
  Switch,
  type JSX,
} from "solid-js";
import { useLibrary } from "../library/use-library";
import { Detail } from "./Detail";
import { createGallery, GalleryContext } from "./gallery";
import { Grid } from "./Grid";
import { Header } from "./Header";
import { Keys } from "./Keys";
import { Empty, Failed, Found, Notes, NothingFound, Skeleton } from "./Notes";
import { SaveForm } from "./SaveForm";
import { createShortcuts } from "./shortcuts";
import { Toasts } from "./Toasts";
import { brief, number } from "./words";

const HOME = "/dashboard/images";

/** The page `dashboard/images`, and one of its images in front where the address names one. */
export function Gallery(): JSX.Element {
  const library = useLibrary();
  const gallery = createGallery(library);
  const params = useParams<{ cursor?: string }>();
  const navigate = useNavigate();
  const [keysShown, setKeysShown] = createSignal(false);
  const cursor = () => (params.cursor === undefined ? undefined : Number(params.cursor));
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
        else if (now === undefined) gallery.show(String(before));
        before = now;
      },
      { defer: true },
    ),
  );

  onMount(() => {
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
      <Header onKeys={() => setKeysShown(true)} />
      <main class="main">
        <div class="notes">
          <Notes />
          <Show when={gallery.searching() && library.status() === "ready"}>
            <Found />
          </Show>
        </div>
        <Switch fallback={<Grid />}>
          <Match when={library.status() === "loading" && !gallery.tiles().length}>
            <Skeleton />
          </Match>
          <Match when={library.status() === "failed" && !gallery.tiles().length}>
            <Failed />
          </Match>
          <Match when={!gallery.tiles().length && gallery.searching()}>
            <NothingFound />
          </Match>
          <Match when={!gallery.tiles().length && library.complete()}>
            <Empty />
          </Match>
        </Switch>
      </main>
      <Toasts />
      <Show when={cursor() !== undefined}>
        <Detail
          cursor={cursor()!}
          go={(next) => navigate(`${HOME}/${next}`, { replace: true, scroll: false })}
          close={close}
        />
      </Show>
      <Show when={gallery.draft()} keyed>
        {(draft) => <SaveForm draft={draft} />}
      </Show>
      <Show when={keysShown()}>
        <Keys onClose={() => setKeysShown(false)} />
      </Show>
    </GalleryContext.Provider>
  );
}
