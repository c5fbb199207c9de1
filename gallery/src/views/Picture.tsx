import {
  createEffect,
  createMemo,
  createSignal,
  on,
  onCleanup,
  onMount,
  Show,
  type JSX,
} from "solid-js";
import { useGallery } from "./use-gallery";
import { hue } from "./hash";
import { Icon } from "./Icon";
import { source } from "./source";

interface Props {
  readonly image: { readonly imageUrl: string; readonly prompt: string };
  /** For who does not see it; empty where its surroundings tell. */
  readonly alt?: string;
  /** What the image itself stands in, such as a link. */
  readonly frame?: (image: JSX.Element) => JSX.Element;
  /** If it is broken, it is one of those that the page tells of and tries again. */
  readonly counted?: boolean;
  /** If it is broken, it has its own button to try again. */
  readonly again?: boolean;
}

type State = "loading" | "slow" | "here" | "broken";

/** After so many milliseconds one is told that it takes long. */
const SLOW = 8000;

/** Browsers know an image's size long before its last line: looked for this often, in milliseconds. */
const LOOK = 100;

/** An image, or what there is to show instead of it: a tint, and after a while its prompt. */
export function Picture(props: Props): JSX.Element {
  const { online, broken } = useGallery();
  const [attempt, setAttempt] = createSignal(1);
  const [state, setState] = createSignal<State>("loading");

  function retry(): void {
    setState("loading");
    setAttempt((n) => n + 1);
  }

  const isBroken = createMemo(() => state() === "broken");
  const retryBroken = () => isBroken() && retry();
  createEffect(on(online, (isOnline) => isOnline && retryBroken()));
  createEffect(on(broken.retried, retryBroken, { defer: true }));
  createEffect(() => {
    if (props.counted && isBroken()) onCleanup(broken.add());
  });

  const image = () => (
    <Show when={attempt()} keyed>
      <Loaded {...props} state={state()} become={setState} />
    </Show>
  );

  return (
    <div class="picture" data-state={state()} style={{ "--hue": String(hue(props.image.prompt)) }}>
      {props.frame ? props.frame(image()) : image()}
      <Show when={state() === "slow" || isBroken()}>
        <span class="stand-in">
          <span class="stand-in-why">
            <Icon name={isBroken() ? "broken" : "clock"} />
            {isBroken() ? (online() ? "Unavailable" : "Offline") : "Slow"}
          </span>
          <span class="stand-in-text" dir="auto">
            {props.image.prompt}
          </span>
          <Show when={props.again && isBroken()}>
            <button type="button" class="small" onClick={retry}>
              Try again
            </button>
          </Show>
        </span>
      </Show>
    </div>
  );
}

function Loaded(props: Props & { state: State; become: (state: State) => void }): JSX.Element {
  const { sizes } = useGallery();
  const known = sizes.ratio(props.image) !== undefined;
  let image!: HTMLImageElement;

  const look = setInterval(measure, LOOK);
  const slow = setTimeout(() => props.state === "loading" && props.become("slow"), SLOW);

  function measure(): void {
    if (!image.naturalWidth) return;
    clearInterval(look);
    sizes.saw(props.image, image.naturalWidth, image.naturalHeight);
  }

  function end(state: State): void {
    measure();
    clearInterval(look);
    clearTimeout(slow);
    props.become(state);
  }

  onMount(() => image.complete && image.naturalWidth && end("here"));
  onCleanup(() => {
    clearInterval(look);
    clearTimeout(slow);
    if (!image.complete) image.removeAttribute("src");
  });

  return (
    <img
      ref={image}
      referrerpolicy="no-referrer"
      draggable={false}
      alt={props.alt ?? ""}
      classList={{ fresh: !known }}
      decoding={known ? "auto" : "async"}
      src={source(props.image.imageUrl)}
      onLoad={() => end("here")}
      onError={() => end("broken")}
    />
  );
}
