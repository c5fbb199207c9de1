import { createSignal, createUniqueId, Index, Show, type JSX } from "solid-js";
import { addressesIn, addressesOf, MOST_AT_ONCE } from "./addresses";
import { IconButton } from "./Button";
import { Dialog } from "./Dialog";
import {
  EMPTY_ROW,
  errorAt,
  imagesIn,
  sharedError,
  type Draft,
  type Refusal,
  type Row,
} from "./draft";
import { useGallery } from "./gallery";
import { Icon } from "./Icon";
import { Picture } from "./Picture";
import { images } from "./words";
import "./SaveForm.css";

/** So long one is kept waiting for the answer; then the tile in the grid tells it. Milliseconds. */
const PATIENCE = 2000;

/** Saves an image, or several of one prompt. `draft` is what it begins with. */
export function SaveForm(props: { readonly draft: Draft }): JSX.Element {
  const gallery = useGallery();
  const [draft, setDraft] = createSignal(props.draft);
  const [isSaving, setSaving] = createSignal(false);
  let form!: HTMLFormElement;
  const close = () => gallery.write(undefined);
  const change = (part: Partial<Draft>) => setDraft((before) => ({ ...before, ...part }));
  const changeRow = (place: number, part: Partial<Row>) =>
    change({ rows: draft().rows.with(place, { ...draft().rows[place]!, ...part }) });

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const earlier = draft().refusal?.save;
    setSaving(true);
    const saving = gallery.library.save(imagesIn(draft()));
    if (earlier) gallery.library.discard(earlier);
    const result = await Promise.race([saving, patience(gallery.online())]);
    setSaving(false);
    if (result && "refused" in result) {
      const { detail, errors } = result.refused;
      gallery.library.discard(result.id);
      change({ refusal: { detail, errors } });
      form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    } else {
      close();
    }
  }

  /** Several addresses at once become several rows, in place of the empty ones. */
  function take(data: DataTransfer | null, atLeast: number): boolean {
    const addresses = addressesOf(data);
    if (addresses.length < atLeast) return false;
    const filled = draft().rows.filter((row) => row.imageUrl.trim());
    const rows = [...filled, ...addresses.map((imageUrl) => ({ imageUrl, seed: "" }))];
    change({ rows: rows.slice(0, MOST_AT_ONCE) });
    return true;
  }

  function onPaste(event: ClipboardEvent): void {
    if (take(event.clipboardData, 2)) event.preventDefault();
  }

  function onDrop(event: DragEvent): void {
    event.preventDefault();
    event.stopPropagation();
    take(event.dataTransfer, 1);
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
        <Show when={unplaced(draft().refusal)}>
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
                change={(part) => changeRow(place, part)}
                remove={
                  draft().rows.length > 1
                    ? () => change({ rows: draft().rows.toSpliced(place, 1) })
                    : undefined
                }
              />
            )}
          </Index>
          <div class="row hint">
            <button
              type="button"
              class="small"
              disabled={draft().rows.length >= MOST_AT_ONCE}
              onClick={() => change({ rows: [...draft().rows, EMPTY_ROW] })}
            >
              <Icon name="plus" />
              Another image
            </button>
            <span>Paste or drop up to {MOST_AT_ONCE} addresses at once.</span>
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
        <footer class="row actions">
          <button type="button" class="quiet" onClick={close}>
            Cancel
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
  const address = () => (!typing() && addressesIn(props.row.imageUrl)[0]) || undefined;
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

/** What is wrong that no field stands for. */
function unplaced(refusal: Refusal | undefined): string | undefined {
  return refusal?.errors.some(({ pointer }) => pointer) ? undefined : refusal?.detail;
}

function patience(online: boolean): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, online ? PATIENCE : 0, undefined));
}
