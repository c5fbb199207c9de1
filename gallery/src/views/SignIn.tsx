import { Show, type JSX } from "solid-js";
import { useSession } from "../session/use-session";
import { Mark } from "./Icon";

export default function SignIn(): JSX.Element {
  const session = useSession();
  const isBusy = () => session.state() === "signing-in";
  return (
    <main class="sign-in">
      <Mark />
      <h1>Your images, all in one place</h1>
      <p>Sign in to see what you have made.</p>
      <Show when={session.trouble()}>
        {(trouble) => (
          <p class="trouble" role="alert">
            {trouble()}
          </p>
        )}
      </Show>
      <button
        type="button"
        class="primary"
        disabled={isBusy()}
        onClick={() => void session.signIn()}
      >
        {isBusy() ? "Signing in…" : "Sign in"}
      </button>
    </main>
  );
}
