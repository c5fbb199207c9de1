import { createSignal, createUniqueId, Index, onCleanup, Show, type JSX } from "solid-js";
import type { SaveResult } from "../library/library-api";
import { carriedBy, isAddress } from "./addresses";
import { IconButton } from "./Button";
import { Dialog } from "./Dialog";
import {
  changed,
  EMPTY_ROW,
  errorAt,
  imagesIn,
  isEmpty,
  leftOf,
  MOST_ROWS,
  parts,
  rowChanged,
  rowRemoved,
  sharedError,
  unplaced,
  withAddresses,
  type Draft,
  type Refusal,
  type Refused,
  type Row,
} from "./draft";
import { useGallery } from "./use-gallery";
import { Icon } from "./Icon";
import { Picture } from "./Picture";
import { images, number } from "./words";
import "./SaveForm.css";

/** So long one is kept waiting for the answer; then the tile in the grid tells it. Milliseconds. */
const PATIENCE = 2000;

const NO_ADDRESS = "There is no address of an image in what you dropped.";

/** Saves an image, or several of one prompt. */
export function SaveForm(): JSX.Element {
  const { drafting, library, online, notices } = useGallery();
  const { draft } = drafting;
  const [sending, setSending] = createSignal<Draft>();
  const isSaving = () => sending() !== undefined;
  const [trouble, setTrouble] = createSignal<string>();
  let form!: HTMLFormElement;
  const change = (part: Partial<Draft>) => drafting.change((before) => changed(before, part));

  // Forgets the draft that is being saved, however the form is closed: the grid shows it now.
  onCleanup(() => isSaving() && drafting.forget(sending()!));

  /** Leaves what was typed for the next time. */
  function close(): void {
    if (!isSaving() && !isEmpty(draft())) notices.say("What you typed is kept");
    drafting.close();
  }

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const sent = draft();
    setSending(sent);
    const saving = parts(imagesIn(sent)).map((part) => library.save(part));
    if (sent.refusal?.save) library.discard(sent.refusal.save);
    const late = patience(online());
    const results = await Promise.all(saving.map((one) => Promise.race([one, late])));
    setSending();
    if (draft() !== sent) return; // the form was closed: the grid tells what became of it
    const left = leftOf(sent, results.map(refusedIn));
    for (const result of results) if (isRefused(result)) library.discard(result.id);
    if (!left) return drafting.end();
    drafting.change(() => left);
    (
      form.querySelector<HTMLElement>("[aria-invalid=true]") ?? form.querySelector("textarea")
    )?.focus();
  }

  function take(data: DataTransfer | null, atLeast: number, nothing?: string): boolean {
    if (isSaving()) return false;
    const carried = carriedBy(data);
    const { addresses } = carried;
    if (addresses.length < atLeast) {
      setTrouble(addresses.length ? undefined : (carried.trouble ?? nothing));
      return false;
    }
    const filled = draft().rows.filter((row) => row.imageUrl.trim()).length;
    const room = MOST_ROWS - filled;
    setTrouble(addresses.length > room ? tooMany(room, addresses.length) : undefined);
    drafting.change((before) => withAddresses(before, addresses));
    return true;
  }

  function onPaste(event: ClipboardEvent): void {
    if (take(event.clipboardData, 2)) event.preventDefault();
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    event.stopPropagation();
    take(event.dataTransfer, 1, NO_ADDRESS);
  }

  return (
    <Dialog class="sheet" label="Save images" onClose={close}>
      <form
        ref={form}
        class="form"
        onSubmit={(event) => void submit(event)}
        onPaste={onPaste}
        onDrop={onDrop}
        onDragOver={(event) => event.preventDefault()}
      >
        <header class="sheet-header">
          <h2>
            {draft().rows.length > 1 ? `Save ${images(draft().rows.length)}` : "Save an image"}
          </h2>
          <IconButton icon="close" label="Close" onClick={close} />
        </header>
        <div class="fields" inert={isSaving()}>
          <Show when={trouble() ?? unplaced(draft().refusal)}>
            {(text) => (
              <p class="trouble" role="alert">
                {text()}
              </p>
            )}
          </Show>
          <Field label="Prompt" error={sharedError(draft().refusal, "prompt")}>
            {(field) => (
              <textarea
                {...field}
                rows="4"
                dir="auto"
                required
                autofocus
                value={draft().prompt}
                onInput={(event) => change({ prompt: event.target.value })}
              />
            )}
          </Field>
          <div class="rows">
            <Index each={draft().rows}>
              {(row, place) => (
                <ImageRow
                  row={row()}
                  place={place}
                  prompt={draft().prompt}
                  refusal={draft().refusal}
                  change={(part) => drafting.change((before) => rowChanged(before, place, part))}
                  remove={
                    draft().rows.length > 1
                      ? () => drafting.change((before) => rowRemoved(before, place))
                      : undefined
                  }
                />
              )}
            </Index>
            <div class="row hint">
              <button
                type="button"
                class="small"
                disabled={draft().rows.length >= MOST_ROWS}
                onClick={() => change({ rows: [...draft().rows, EMPTY_ROW] })}
              >
                <Icon name="plus" />
                Another image
              </button>
              <span>Paste or drop up to {MOST_ROWS} addresses at once.</span>
            </div>
          </div>
          <div class="pair">
            <Field label="Model" error={sharedError(draft().refusal, "model")}>
              {(field) => (
                <input
                  {...field}
                  autocomplete="on"
                  name="model"
                  value={draft().model}
                  onInput={(event) => change({ model: event.target.value })}
                />
              )}
            </Field>
            <Field label="Steps" error={sharedError(draft().refusal, "steps")}>
              {(field) => (
                <input
                  {...field}
                  inputmode="numeric"
                  autocomplete="off"
                  value={draft().steps}
                  onInput={(event) => change({ steps: event.target.value })}
                />
              )}
            </Field>
          </div>
        </div>
        <footer class="row actions">
          <button type="button" class="quiet" disabled={isSaving()} onClick={drafting.end}>
            {isEmpty(draft()) ? "Cancel" : "Discard"}
          </button>
          <button class="primary" disabled={isSaving()}>
            {isSaving() ? "Saving…" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

interface RowProps {
  readonly row: Row;
  /** Counted from 0. */
  readonly place: number;
  readonly prompt: string;
  readonly refusal: Refusal | undefined;
  readonly change: (part: Partial<Row>) => void;
  /** Undefined for an only row. */
  readonly remove: (() => void) | undefined;
}

function ImageRow(props: RowProps): JSX.Element {
  const [typing, setTyping] = createSignal(false);
  const numbered = (label: string) => (props.place ? `${label} ${props.place + 1}` : label);
  /** The very one that is saved. */
  const address = () => {
    const typed = props.row.imageUrl.trim();
    return !typing() && isAddress(typed) ? typed : undefined;
  };
  return (
    <div class="image-row">
      <span class="preview">
        <Show when={address()} keyed>
          {(imageUrl) => <Picture image={{ imageUrl, prompt: props.prompt }} />}
        </Show>
      </span>
      <Field
        label={numbered("Image address")}
        error={errorAt(props.refusal, props.place, "imageUrl")}
      >
        {(field) => (
          <input
            {...field}
            type="url"
            required
            placeholder="https://"
            autocomplete="off"
            value={props.row.imageUrl}
            onInput={(event) => {
              setTyping(true);
              props.change({ imageUrl: event.target.value });
            }}
            onBlur={() => setTyping(false)}
          />
        )}
      </Field>
      <Field label={numbered("Seed")} error={errorAt(props.refusal, props.place, "seed")}>
        {(field) => (
          <input
            {...field}
            inputmode="numeric"
            autocomplete="off"
            value={props.row.seed}
            onInput={(event) => props.change({ seed: event.target.value })}
          />
        )}
      </Field>
      <Show when={props.remove}>
        {(remove) => (
          <IconButton
            icon="close"
            label={`Remove image ${props.place + 1}`}
            onClick={() => remove()()}
          />
        )}
      </Show>
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly error: string;
  readonly children: (field: {
    readonly id: string;
    readonly "aria-invalid": "true" | undefined;
    readonly "aria-describedby": string | undefined;
  }) => JSX.Element;
}

/** A labelled control, with what is wrong about it beneath. */
function Field(props: FieldProps): JSX.Element {
  const id = createUniqueId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children({
        id,
        get "aria-invalid"() {
          return props.error ? "true" : undefined;
        },
        get "aria-describedby"() {
          return props.error ? `${id}-error` : undefined;
        },
      })}
      <Show when={props.error}>
        <p id={`${id}-error`} class="error">
          {props.error}
        </p>
      </Show>
    </div>
  );
}

function isRefused(
  result: SaveResult | undefined,
): result is Extract<SaveResult, { readonly refused: unknown }> {
  return result !== undefined && "refused" in result;
}

function refusedIn(result: SaveResult | undefined): Refused | undefined {
  return isRefused(result) ? result.refused : undefined;
}

function tooMany(room: number, brought: number): string {
  return `Of these ${number(brought)} addresses, only the first ${number(room)} fit into the form.`;
}

function patience(online: boolean): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, online ? PATIENCE : 0, undefined));
}
