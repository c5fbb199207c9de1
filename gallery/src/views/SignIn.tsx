import { Show, type JSX } from "solid-js";
import { useSession } from "../session/use-session";
import { Mark } from "./Icon";
import { SignInButton } from "./SignInButton";

export function SignIn(): JSX.Element {
  const session = useSession();
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
      <SignInButton class="primary" />
    </main>
  );
}
