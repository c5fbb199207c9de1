/** The providers around the views, and the addresses that they have. */

import { Navigate, Route, Router, useParams } from "@solidjs/router";
import { QueryClient, QueryClientProvider } from "@tanstack/solid-query";
import { ErrorBoundary, Show, type JSX } from "solid-js";
import { createApi } from "./api/client";
import { createLibrary } from "./library/create-library";
import { Device } from "./library/device";
import { LibraryContext, type LibraryHook } from "./library/library-api";
import { SessionContext, startSession, useSession, type User } from "./session/use-session";
import type { Settings } from "./settings";
import { cursorIn, HOME } from "./views/address";
import { Broken } from "./views/Broken";
import { Gallery } from "./views/Gallery";
import { SignIn } from "./views/SignIn";

interface Props {
  readonly settings: Settings;
  /** The page's: all other addresses are relative to it. */
  readonly base: string;
  /** Whether the page was asked for by an address that it does not have. */
  readonly lost: boolean;
}

export function App({ settings, base, lost }: Props): JSX.Element {
  const { signIn } = settings;
  const device = new Device(`image-storage ${new URL(base).pathname} ${signIn?.issuer}`);
  void device.sweep();
  const client = new QueryClient();
  let shown: LibraryHook | undefined;
  const session = startSession(signIn, base, {
    finish: async () => shown?.finish(),
    unsent: async () => shown?.unsent(),
    forget: async (user) => {
      client.clear();
      await device.forget(user);
    },
  });
  const api = createApi(base, session.tokens);

  /** One user's: with another user, all of it is made anew. */
  function Library(props: { user: User }): JSX.Element {
    const signedIn = () => session.state() === "signed-in";
    const params = useParams<{ cursor?: string }>();
    const looked = () => cursorIn(params.cursor);
    const library = createLibrary({ user: props.user.id, api, device, signedIn, looked });
    shown = library;
    return (
      <LibraryContext.Provider value={library}>
        <Gallery lost={lost} />
      </LibraryContext.Provider>
    );
  }

  function Page(): JSX.Element {
    return (
      <Show when={useSession().user()} keyed fallback={<SignIn />}>
        {(user) => <Library user={user} />}
      </Show>
    );
  }

  return (
    <QueryClientProvider client={client}>
      <SessionContext.Provider value={session}>
        <ErrorBoundary fallback={(error) => <Broken error={error} />}>
          <Router base={new URL(base).pathname.replace(/\/$/, "")}>
            <Route path={`${HOME}/:cursor?`} component={Page} />
            <Route path="*" component={() => <Navigate href={HOME} />} />
          </Router>
        </ErrorBoundary>
      </SessionContext.Provider>
    </QueryClientProvider>
  );
}
