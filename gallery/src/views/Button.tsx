import { splitProps, type JSX } from "solid-js";
import { Icon, type IconName } from "./Icon";

interface Props extends JSX.ButtonHTMLAttributes<HTMLButtonElement> {
  readonly icon: IconName;
  /** What it does: its name, and what is shown over it. */
  readonly label: string;
}

/** A button that shows an icon only. */
export function IconButton(props: Props): JSX.Element {
  const [own, rest] = splitProps(props, ["icon", "label"]);
  return (
    <button type="button" class="icon-button" aria-label={own.label} title={own.label} {...rest}>
      <Icon name={own.icon} />
    </button>
  );
}

/** Loads the page anew: where one is, who is signed in and what is being saved stays. */
export function Reload(props: { readonly class: string }): JSX.Element {
  return (
    <button type="button" class={props.class} onClick={() => location.reload()}>
      Reload
    </button>
  );
}
