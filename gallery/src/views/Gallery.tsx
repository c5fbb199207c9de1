import { useNavigate, useParams } from "@solidjs/router";
import {
  createEffect,
  createSignal,
  ErrorBoundary,
  lazy,
  Match,
  on,
  onCleanup,
  onMount,
  Show,
  Suspense,
  Switch,
  type JSX,
} from "solid-js";
import { notFetched } from "../api/problem";
import { useLibrary } from "../library/use-library";
import { Broken } from "./Broken";
import { createGallery, GalleryContext } from "./gallery";
import { Grid } from "./Grid";
import { Header } from "./Header";
import { Empty, Failed, Found, Notes, NothingFound, Skeleton } from "./Notes";
import { createShortcuts } from "./shortcuts";
import { Toasts } from "./Toasts";
import { brief, number } from "./words";

const PARTS = {
  detail: part(() => import("./Detail")),
  form: part(() => import("./SaveForm")),
  keys: part(() => import("./Keys")),
};
const Detail = lazy(PARTS.detail);
const SaveForm = lazy(PARTS.form);
const Keys = lazy(PARTS.keys);

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
    on(library.notRemoved, (failed) => failed && gallery.notices.warn(failed.problem.detail)),
  );
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

  /** Once the library is there: what is wanted without a network must have been fetched before. */
  createEffect(() => {
    if (library.status() !== "ready") return;
    for (const fetched of Object.values(PARTS)) void fetched().catch(() => {});
  });

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
        <Part close={close}>
          <Detail
            cursor={cursor()!}
            go={(next) => navigate(`${HOME}/${next}`, { replace: true, scroll: false })}
            close={close}
          />
        </Part>
      </Show>
      <Show when={gallery.draft()} keyed>
        {(draft) => (
          <Part close={() => gallery.write(undefined)}>
            <SaveForm draft={draft} />
          </Part>
        )}
      </Show>
      <Show when={keysShown()}>
        <Part close={() => setKeysShown(false)}>
          <Keys onClose={() => setKeysShown(false)} />
        </Part>
      </Show>
    </GalleryContext.Provider>
  );
}

interface PartProps {
  readonly close: () => void;
  readonly children: JSX.Element;
}

/** A view over the page that is there once it is fetched; what is wrong with it leaves the page be. */
function Part(props: PartProps): JSX.Element {
  return (
    <ErrorBoundary fallback={(error) => <Broken error={error} close={props.close} />}>
      <Suspense>{props.children}</Suspense>
    </ErrorBoundary>
  );
}

/**
 * Fetched once. What failed stays failed until the page is loaded anew: so do browsers have it with
 * scripts, and styles that failed would be missing at a second try.
 */
function part<T>(fetch: () => Promise<T>): () => Promise<T> {
  let fetched: Promise<T> | undefined;
  return () => (fetched ??= fetch().catch(notFetched));
}
