/** The save form's draft, and whether the form is open: which the address tells, so Back closes it. */

import { useLocation, useNavigate } from "@solidjs/router";
import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { HOME } from "./address";
import { EMPTY, isEmpty, withAddresses, type Draft } from "./draft";

export interface Drafting {
  readonly draft: Accessor<Draft>;
  readonly isOpen: Accessor<boolean>;
  change(how: (draft: Draft) => Draft): void;
  /** Opens the form: with this draft, or with what was typed before and these addresses. */
  write(what: Draft | readonly string[]): void;
  /** Closes the form; what was typed stays for the next time. */
  close(): void;
  /** Closes the form and forgets what was typed. */
  end(): void;
}

const NAME = "draft";
const OPEN = "save";

/** Kept in this tab, also when the page is loaded anew; forgotten with the one who typed it. */
export function createDrafting(storage: Storage): Drafting {
  const location = useLocation();
  const navigate = useNavigate();
  const [draft, setDraft] = createSignal(read(storage));
  const isOpen = () => location.query[OPEN] !== undefined;
  let openedHere = false;

  createEffect(() => write(storage, draft()));
  onCleanup(() => storage.removeItem(NAME));
  createEffect(on(isOpen, (open) => (openedHere = open), { defer: true }));

  function close(): void {
    if (openedHere) navigate(-1);
    else navigate(HOME, { replace: true, scroll: false });
  }

  return {
    draft,
    isOpen,
    change: setDraft,
    close,
    write(what) {
      setDraft((before) => ("rows" in what ? what : withAddresses(before, what)));
      if (!isOpen()) navigate(`${HOME}?${OPEN}`, { scroll: false });
    },
    end() {
      setDraft(EMPTY);
      close();
    },
  };
}

function read(storage: Storage): Draft {
  const written = storage.getItem(NAME);
  return written === null ? EMPTY : (JSON.parse(written) as Draft);
}

function write(storage: Storage, draft: Draft): void {
  if (isEmpty(draft)) storage.removeItem(NAME);
  else storage.setItem(NAME, JSON.stringify(draft));
}
