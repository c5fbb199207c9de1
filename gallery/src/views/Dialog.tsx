import { onCleanup, onMount, type JSX } from "solid-js";
import "./Dialog.css";

export function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}

interface Props {
  readonly label: string;
  readonly class: string;
  readonly children: JSX.Element;
  /** Escape was pressed, or what is beside the dialog was clicked. */
  readonly onClose: () => void;
  /** A click beside it closes it: not where typing would be lost. */
  readonly closedByClick?: boolean;
  /** Told of keys wherever the focus is: a control that was used may be gone, and the focus with it. */
  readonly onKeyDown?: (event: KeyboardEvent) => void;
}

/** A modal dialog, open as long as it is there. */
export function Dialog(props: Props): JSX.Element {
  let dialog!: HTMLDialogElement;
  const onKeyDown = (event: KeyboardEvent) => props.onKeyDown?.(event);
  onMount(() => {
    dialog.showModal();
    document.addEventListener("keydown", onKeyDown);
  });
  onCleanup(() => {
    document.removeEventListener("keydown", onKeyDown);
    dialog.close();
  });

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
    >
      {props.children}
    </dialog>
  );
}
