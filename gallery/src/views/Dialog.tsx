import { onCleanup, onMount, type JSX } from "solid-js";
import "./Dialog.css";

interface Props {
  readonly label: string;
  readonly class: string;
  readonly children: JSX.Element;
  /** Escape was pressed, or what is beside the dialog was clicked. */
  readonly onClose: () => void;
  /** A click beside it closes it: not where typing would be lost. */
  readonly closedByClick?: boolean;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

/** A modal dialog, open as long as it is there. */
export function Dialog(props: Props): JSX.Element {
  let dialog!: HTMLDialogElement;
  onMount(() => dialog.showModal());
  onCleanup(() => dialog.close());

  function onCancel(event: Event): void {
    event.preventDefault();
    props.onClose();
  }

  return (
    <dialog
      ref={dialog}
      class={props.class}
      aria-label={props.label}
      on:cancel={onCancel}
      onClick={(event) => event.target === dialog && props.closedByClick && props.onClose()}
      onKeyDown={(event) => props.onKeyDown?.(event)}
    >
      {props.children}
    </dialog>
  );
}
