import { ErrorBoundary, type JSX } from "solid-js";
import { Dialog } from "./Dialog";

interface Props {
  readonly children: JSX.Element;
  readonly onClose: () => void;
}

/** A dialog that may fail by itself: the page stays as it is, and so does what was typed. */
export function Part(props: Props): JSX.Element {
  return (
    <ErrorBoundary
      fallback={(error, again) => <Failed error={error} again={again} onClose={props.onClose} />}
    >
      {props.children}
    </ErrorBoundary>
  );
}

interface FailedProps {
  readonly error: unknown;
  readonly again: () => void;
  readonly onClose: () => void;
}

function Failed(props: FailedProps): JSX.Element {
  reportError(props.error);
  return (
    <Dialog class="sheet" label="Something went wrong" onClose={props.onClose}>
      <div class="blank failed-part" role="alert">
        <h2>Something went wrong here</h2>
        <p>The rest of the page still works, and what you typed is kept.</p>
        <div class="row">
          <button type="button" class="primary" autofocus onClick={() => props.again()}>
            Try again
          </button>
          <button type="button" class="quiet" onClick={() => props.onClose()}>
            Close
          </button>
        </div>
      </div>
    </Dialog>
  );
}
