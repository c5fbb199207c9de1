import { Show, type JSX } from "solid-js";
import { OUTDATED } from "../api/problem";
import { useSession } from "../session/use-session";
import { Reload } from "./Button";

/** Leaves for the issuer's page, or loads this one anew where what it takes is gone. */
export function SignInButton(props: { readonly class: string }): JSX.Element {
  const session = useSession();
  const isBusy = () => session.state() === "signing-in";
  return (
    <Show when={session.trouble() !== OUTDATED} fallback={<Reload class={props.class} />}>
      <button
        type="button"
        class={props.class}
        disabled={isBusy()}
        onClick={() => void session.signIn()}
      >
        {isBusy() ? "Signing in…" : "Sign in"}
      </button>
    </Show>
  );
}
