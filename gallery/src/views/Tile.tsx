import { createMemo, Show, type JSX } from "solid-js";
import { saveOf, type Tile as Shown } from "../library/tile";
import { draftOf, placed, why } from "./draft";
import { useGallery } from "./use-gallery";
import { Icon } from "./Icon";
import { isCut, type Box } from "./masonry";
import { Picture } from "./Picture";
import { keyOf } from "./tiles";
import { brief, named } from "./words";

interface Props {
  readonly tile: Shown;
  readonly box: Box;
  /** Counted from 1. */
  readonly position: number;
  /** How many there are; -1 if that is not known. */
  readonly total: number;
  /** The one of the grid's tiles that Tab goes to. */
  readonly reachable: boolean;
}

export function Tile(props: Props): JSX.Element {
  const { selection, sizes } = useGallery();
  const selected = () =>
    props.tile.kind === "saved" && selection.cursors().has(props.tile.image.cursor);
  const isOtherwise = () => {
    sizes.changed();
    return isCut(sizes.ratio(props.tile.image), props.box);
  };

  return (
    <li
      class="tile"
      classList={{ selected: selected(), whole: isOtherwise() }}
      aria-setsize={props.total}
      aria-posinset={props.position}
      data-key={keyOf(props.tile)}
      style={{
        width: `${props.box.width}px`,
        height: `${props.box.height}px`,
        transform: `translate(${props.box.left}px, ${props.box.top}px)`,
      }}
    >
      <Show
        when={props.tile.kind === "saved" && props.tile}
        fallback={<Pending {...props} tile={props.tile as Pending} />}
      >
        {(tile) => <Saved {...props} tile={tile()} selected={selected()} />}
      </Show>
    </li>
  );
}

type Saved = Extract<Shown, { kind: "saved" }>;
type Pending = Extract<Shown, { kind: "pending" }>;

function Saved(props: Props & { tile: Saved; selected: boolean }): JSX.Element {
  const { selection } = useGallery();
  const image = createMemo(() => props.tile.image);

  /** With Shift, all from the one that was picked last. */
  function pick(event: MouseEvent & { currentTarget: HTMLInputElement }): void {
    const box = event.currentTarget;
    if (event.shiftKey) selection.extend(image().cursor);
    else selection.toggle(image().cursor);
    queueMicrotask(() => (box.checked = props.selected));
  }

  return (
    <>
      <Picture
        image={image()}
        counted
        frame={(picture) => (
          <a
            class="target"
            href={`dashboard/images/${image().cursor}`}
            noScroll
            tabindex={props.reachable ? 0 : -1}
            draggable={false}
            aria-label={brief(image().prompt)}
            aria-description={props.selected ? "Selected" : undefined}
          >
            {picture}
            <span class="caption">
              <span dir="auto">{named(image().prompt)}</span>
            </span>
          </a>
        )}
      />
      <label class="pick" title="Select">
        <input
          type="checkbox"
          tabindex="-1"
          aria-label={`Select: ${brief(image().prompt)}`}
          checked={props.selected}
          onClick={pick}
        />
        <Icon name="check" />
      </label>
    </>
  );
}

function Pending(props: Props & { tile: Pending }): JSX.Element {
  const { online } = useGallery();
  const image = createMemo(() => props.tile.image);
  const waitsFor = () => {
    if (!online()) return "Waiting for the network";
    return props.tile.delay?.code === "unauthenticated" ? "Waiting for your sign-in" : "Saving…";
  };
  return (
    <div
      class="target pending"
      role="group"
      tabindex={props.reachable ? 0 : -1}
      aria-label={`Not saved yet: ${brief(image().prompt)}`}
    >
      <Picture image={image()} counted />
      <Show
        when={props.tile.problem}
        fallback={
          <span class="badge">
            <Icon name={online() ? "clock" : "offline"} />
            {waitsFor()}
          </span>
        }
      >
        {(problem) => <Refused tile={props.tile} why={why(problem())} />}
      </Show>
    </div>
  );
}

function Refused(props: { tile: Pending; why: string }): JSX.Element {
  const gallery = useGallery();
  const save = () => saveOf(props.tile.id);

  function edit(): void {
    const images = gallery.library
      .images()
      .flatMap((tile) =>
        tile.kind === "pending" && saveOf(tile.id) === save() ? [tile.image] : [],
      );
    const errors = placed(props.tile.problem?.errors ?? []);
    gallery.write({
      ...draftOf(images.toReversed()),
      refusal: { detail: props.why, errors, save: save() },
    });
  }

  return (
    <div class="refused" role="alert">
      <Icon name="alert" />
      <strong>Not saved</strong>
      <p>{props.why}</p>
      <div class="row">
        <button type="button" class="small" onClick={edit}>
          Edit
        </button>
        <button type="button" class="small" onClick={() => gallery.library.retry(save())}>
          Try again
        </button>
        <button type="button" class="small" onClick={() => gallery.library.discard(save())}>
          Discard
        </button>
      </div>
    </div>
  );
}
