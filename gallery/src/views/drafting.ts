/** The save form's draft, and whether the form is open: which the address tells, so Back closes it. */

import { useLocation, useNavigate } from "@solidjs/router";
import { createEffect, createSignal, on, onCleanup, type Accessor } from "solid-js";
import { Slot } from "../slot";
import { HOME } from "./address";
import { EMPTY, inFrontOf, isEmpty, withAddresses, type Draft } from "./draft";

export interface Drafting {
  readonly draft: Accessor<Draft>;
  readonly isOpen: Accessor<boolean>;
  change(how: (draft: Draft) => Draft): void;
  /** Forgets what was typed if it is still this. What was put aside for it is back. */
  forget(what: Draft): void;
  /** Opens the form: with this draft, in front of what was typed before, or with what was typed before and these addresses. */
  write(what: Draft | readonly string[]): void;
  /** Closes the form; what was typed stays for the next time. */
  close(): void;
  /** Closes the form and forgets what was typed. */
  end(): void;
}

const NAME = "draft";
const OPEN = "save";

/** Kept in this tab, also when the page is loaded anew; forgotten with the one who typed it. */
export function createDrafting(storage: Storage | undefined): Drafting {
  const kept = new Slot<Draft>(storage, NAME);
  const location = useLocation();
  const navigate = useNavigate();
  const [draft, setDraft] = createSignal(kept.get() ?? EMPTY);
  const isOpen = () => location.query[OPEN] !== undefined;
  let openedHere = false;

  createEffect(() => {
    if (isEmpty(draft()) && !draft().before) kept.clear();
    else kept.put(draft());
  });
  onCleanup(() => kept.clear());
  createEffect(on(isOpen, (open) => (openedHere = open), { defer: true }));

  function close(): void {
    if (openedHere) navigate(-1);
    else navigate(HOME, { replace: true, scroll: false });
  }

  function forget(what: Draft): void {
    setDraft((now) => (now === what ? (now.before ?? EMPTY) : now));
  }

  return {
    draft,
    isOpen,
    change: setDraft,
    forget,
    close,
    write(what) {
      setDraft((before) =>
        "rows" in what ? inFrontOf(before, what) : withAddresses(before, what),
      );
      if (!isOpen()) navigate(`${HOME}?${OPEN}`, { scroll: false });
    },
    end() {
      forget(draft());
      close();
    },
  };
}
