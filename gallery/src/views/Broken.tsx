import { Show, type JSX } from "solid-js";
import { OUTDATED, Problem } from "../api/problem";
import { IconButton, Reload } from "./Button";
import { Icon } from "./Icon";
import { createOnline } from "./online";

interface Props {
  /** A Problem: it could not be fetched. */
  readonly error: unknown;
  /** Undefined where nothing else is left to see. */
  readonly close?: () => void;
}

/** Stands for what could not be fetched, or what failed. */
export function Broken(props: Props): JSX.Element {
  const online = createOnline();
  const isFetching = props.error instanceof Problem;
  if (!isFetching) reportError(props.error);
  const text = () => {
    if (!isFetching) return "Something went wrong here. Reload the page.";
    return online() ? OUTDATED : "You are offline, and this part of the gallery is not here yet.";
  };
  return (
    <div class="toasts broken" role="alert">
      <div class="toast warning">
        <Icon name="alert" />
        <span>{text()}</span>
        <Show when={online()}>
          <Reload class="undo" />
        </Show>
        <Show when={props.close}>
          {(close) => <IconButton icon="close" label="Close" onClick={() => close()()} />}
        </Show>
      </div>
    </div>
  );
}
