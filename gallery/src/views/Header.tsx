import { createSignal, Show, type JSX } from "solid-js";
import { useSession } from "../session/use-session";
import { IconButton } from "./Button";
import { useGallery } from "./use-gallery";
import { Icon, Mark } from "./Icon";
import { createNarrow } from "./narrow";
import { images, number } from "./words";

interface Props {
  readonly onKeys: () => void;
  readonly onSignOut: () => void;
}

export function Header(props: Props): JSX.Element {
  const { selection } = useGallery();
  return (
    <header class="header" classList={{ selecting: selection.active() }}>
      <Show when={selection.active()} fallback={<Toolbar {...props} />}>
        <SelectionBar />
      </Show>
    </header>
  );
}

function Toolbar(props: Props): JSX.Element {
  const gallery = useGallery();
  return (
    <>
      <h1 class="brand">
        <Mark />
        <span class="brand-name">Images</span>
        <Show when={gallery.library.count()}>
          {(count) => <span class="count">{number(count())}</span>}
        </Show>
      </h1>
      <Search />
      <Show when={gallery.cursors().length}>
        <IconButton icon="select" label="Select images" onClick={() => gallery.selection.begin()} />
      </Show>
      <button type="button" class="primary save" onClick={() => gallery.write([])}>
        <Icon name="plus" />
        <span>Save image</span>
      </button>
      <UserMenu {...props} />
    </>
  );
}

function Search(): JSX.Element {
  const gallery = useGallery();
  const isNarrow = createNarrow();
  let input!: HTMLInputElement;

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    if (!gallery.query()) input.blur();
    gallery.search("");
  }

  return (
    <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        id="search"
        aria-label="Search"
        placeholder={isNarrow() ? "Search" : "Words, model:sdxl, seed:42"}
        dir="auto"
        autocomplete="off"
        spellcheck={false}
        enterkeyhint="search"
        value={gallery.query()}
        onInput={(event) => gallery.search(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

function UserMenu(props: Props): JSX.Element {
  const session = useSession();
  const [menu, setMenu] = createSignal<HTMLElement>();
  const name = () => session.user()?.name ?? "";

  function pick(action: () => unknown): void {
    menu()?.hidePopover();
    action();
  }

  return (
    <>
      <button type="button" class="user" popovertarget="menu" aria-label={`Signed in as ${name()}`}>
        {[...name()][0]?.toUpperCase()}
      </button>
      <div ref={setMenu} id="menu" class="menu" popover="auto">
        <p class="menu-name">{name()}</p>
        <button type="button" onClick={() => pick(props.onKeys)}>
          <Icon name="keys" />
          Keyboard shortcuts
        </button>
        <button type="button" onClick={() => pick(props.onSignOut)}>
          <Icon name="out" />
          Sign out
        </button>
      </div>
    </>
  );
}

function SelectionBar(): JSX.Element {
  const gallery = useGallery();
  const { selection } = gallery;
  const { library } = gallery;
  const count = () => selection.cursors().size;
  const told = () =>
    library.complete()
      ? `${images(count())} selected`
      : `${number(count())} of ${images(library.count() ?? 0)} selected`;
  return (
    <>
      <IconButton icon="close" label="Stop selecting" onClick={() => selection.end()} />
      <h1 class="selected-count" aria-live="polite">
        {count() ? told() : "Select images"}
      </h1>
      <Show
        when={gallery.selectingAll()}
        fallback={
          <button type="button" class="quiet" onClick={() => void gallery.selectAll()}>
            Select all
          </button>
        }
      >
        <progress aria-label="Images read" max={library.count() ?? 1} value={library.loaded()} />
        <button type="button" class="quiet" onClick={() => gallery.stopSelectingAll()}>
          Stop
        </button>
      </Show>
      <button
        type="button"
        class="danger"
        disabled={!count() || gallery.selectingAll()}
        onClick={() => gallery.remove([...selection.cursors()])}
      >
        <Icon name="trash" />
        Delete
      </button>
    </>
  );
}
