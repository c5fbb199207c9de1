import type { JSX } from "solid-js";
import { Reload } from "./Button";
import { Icon } from "./Icon";

/** Stands for a page that failed. */
export function Broken(props: { readonly error: unknown }): JSX.Element {
  reportError(props.error);
  return (
    <div class="toasts broken" role="alert">
      <div class="toast warning">
        <Icon name="alert" />
        <span>Something went wrong here. Reload the page.</span>
        <Reload class="undo" />
      </div>
    </div>
  );
}
