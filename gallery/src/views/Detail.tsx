import { createEffect, createMemo, on, onMount, Show, untrack, type JSX } from "solid-js";
import type { Image as Shown } from "../library/library";
import { IconButton } from "./Button";
import { copy } from "./copy";
import { Dialog } from "./Dialog";
import { useGallery } from "./use-gallery";
import { Icon } from "./Icon";
import { Picture } from "./Picture";
import { source } from "./source";
import { createSwipe } from "./swipe";
import { Toasts } from "./Toasts";
import { brief, moment, number } from "./words";
import "./Detail.css";

const DELETED = "The image was deleted in another tab or on another device";

/** So few images from the end of what is loaded, more are read. */
const NEAR = 20;

interface Props {
  readonly cursor: number;
  /** Shows another image in this one's stead. */
  readonly go: (cursor: number) => void;
  readonly close: () => void;
}

/** One image, large, with all that is known of it, over the grid. */
export function Detail(props: Props): JSX.Element {
  const gallery = useGallery();
  const { library } = gallery;
  let closeButton!: HTMLButtonElement;
  const image = createMemo(() => library.image(props.cursor));
  const place = createMemo(() => gallery.cursors().indexOf(props.cursor));
  const label = () => (image() ? `Image: ${brief(image()!.prompt)}` : "Image");
  const beside = (way: -1 | 1) => (place() < 0 ? undefined : gallery.cursors()[place() + way]);

  function go(way: -1 | 1): void {
    const cursor = beside(way);
    if (cursor !== undefined) props.go(cursor);
  }

  function remove(): void {
    const gone = props.cursor;
    gallery.remove([gone]);
    leave(gone);
  }

  /** On to the image that comes after one that is gone, else to the one before. */
  function leave(gone: number): void {
    const left = gallery.cursors();
    const next = left.find((cursor) => cursor < gone) ?? left.findLast((cursor) => cursor > gone);
    if (next === undefined) props.close();
    else props.go(next);
  }

  let seen: number | undefined;
  createEffect(() => {
    const { cursor } = props;
    if (image()) seen = cursor;
    else if (seen === cursor && library.deletedElsewhere(cursor)) {
      seen = undefined;
      gallery.notices.say(DELETED);
      untrack(() => leave(cursor));
    }
  });

  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    else if (event.key === "Delete" && image()) remove();
    else return;
    event.preventDefault();
  }

  createEffect(() => {
    for (const cursor of [beside(1), beside(-1)]) if (cursor) preload(library.image(cursor));
  });
  createEffect(() => {
    const isNearEnd = place() >= 0 && place() > gallery.cursors().length - NEAR;
    if (isNearEnd && !gallery.searching()) void library.loadOlder();
  });

  /** What had the focus may be gone with the image that was shown, or lead nowhere now. */
  createEffect(
    on(place, () => document.querySelector("dialog :focus:not(:disabled)") ?? closeButton.focus(), {
      defer: true,
    }),
  );

  return (
    <Dialog class="detail" label={label()} onClose={props.close} onKeyDown={onKeyDown}>
      <Stage image={image()} can={(way) => beside(way) !== undefined} go={go} close={props.close}>
        <Show when={library.missing(props.cursor)}>
          {(problem) => <Missing detail={problem().detail} close={props.close} />}
        </Show>
      </Stage>
      <aside class="about" aria-label="About this image">
        <div class="about-bar">
          <span class="position">
            <Show when={place() >= 0}>
              {number(place() + 1)} of {number(total())}
            </Show>
          </span>
          <IconButton
            ref={closeButton}
            icon="close"
            label="Close"
            autofocus
            onClick={props.close}
          />
        </div>
        <Show when={image()}>{(shown) => <About image={shown()} remove={remove} />}</Show>
      </aside>
      <Toasts />
    </Dialog>
  );

  function total(): number {
    return gallery.searching() ? gallery.cursors().length : (library.count() ?? 0);
  }
}

interface StageProps {
  readonly image: Shown | undefined;
  readonly can: (way: -1 | 1) => boolean;
  readonly go: (way: -1 | 1) => void;
  readonly close: () => void;
  /** Shown if there is no image. */
  readonly children: JSX.Element;
}

function Stage(props: StageProps): JSX.Element {
  const { sizes } = useGallery();
  let swiped!: HTMLDivElement;
  onMount(() =>
    createSwipe({ element: swiped, can: (way) => props.can(way), go: (way) => props.go(way) }),
  );
  const ratio = () => {
    sizes.changed();
    return props.image && sizes.ratio(props.image);
  };

  return (
    <div class="stage" onClick={(event) => event.target === event.currentTarget && props.close()}>
      <div
        ref={swiped}
        class="swiped"
        onClick={(event) => event.target === event.currentTarget && props.close()}
      >
        <Show when={props.image} keyed fallback={props.children}>
          {(image) => (
            <div class="large" style={{ "--ratio": String(ratio() ?? 1) }}>
              <Picture image={image} alt={brief(image.prompt)} again />
            </div>
          )}
        </Show>
      </div>
      <IconButton
        icon="previous"
        label="Previous image"
        class="icon-button beside previous"
        disabled={!props.can(-1)}
        onClick={() => props.go(-1)}
      />
      <IconButton
        icon="next"
        label="Next image"
        class="icon-button beside next"
        disabled={!props.can(1)}
        onClick={() => props.go(1)}
      />
    </div>
  );
}

function Missing(props: { detail: string; close: () => void }): JSX.Element {
  return (
    <div class="blank" role="alert">
      <Icon name="broken" />
      <h2>This image is not here</h2>
      <p>{props.detail}</p>
      <button type="button" class="primary" onClick={props.close}>
        Back to the library
      </button>
    </div>
  );
}

function About(props: { image: Shown; remove: () => void }): JSX.Element {
  const { notices } = useGallery();
  return (
    <>
      <section class="prompt" aria-labelledby="prompt-heading">
        <h2 id="prompt-heading">Prompt</h2>
        <p tabindex="0" dir="auto">
          {props.image.prompt}
        </p>
        <button type="button" class="small" onClick={() => void copy(props.image.prompt, notices)}>
          <Icon name="copy" />
          Copy prompt
        </button>
      </section>
      <dl class="facts">
        <Fact name="Model" value={props.image.model} />
        <Fact name="Seed" value={props.image.seed} copied />
        <Fact name="Steps" value={props.image.steps?.toString()} />
        <Fact name="Saved" value={moment(props.image.createdAt)} />
      </dl>
      <div class="row actions">
        <a
          class="button quiet"
          href={source(props.image.imageUrl)}
          target="_blank"
          rel="noreferrer noopener external"
        >
          <Icon name="open" />
          Open original
        </a>
        <button type="button" class="danger" onClick={props.remove}>
          <Icon name="trash" />
          Delete
        </button>
      </div>
    </>
  );
}

function Fact(props: { name: string; value: string | undefined; copied?: boolean }): JSX.Element {
  const { notices } = useGallery();
  return (
    <Show when={props.value}>
      {(value) => (
        <div>
          <dt>{props.name}</dt>
          <dd>
            {value()}
            <Show when={props.copied}>
              <IconButton
                icon="copy"
                label={`Copy ${props.name.toLowerCase()}`}
                onClick={() => void copy(value(), notices)}
              />
            </Show>
          </dd>
        </div>
      )}
    </Show>
  );
}

/** Has the browser fetch an image that is likely to be looked at next. */
function preload(image: Shown | undefined): void {
  if (!image) return;
  const fetched = new Image();
  fetched.referrerPolicy = "no-referrer";
  fetched.src = source(image.imageUrl);
}
