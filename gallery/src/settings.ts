/** How people sign in at this stage: an OpenID Connect issuer, its endpoints, and us as its client. */
export interface SignIn {
  readonly issuer: string;
  readonly clientId: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  readonly endSessionEndpoint: string | null;
  /** Which of the issuer's tokens the API takes. */
  readonly token: "id" | "access";
  readonly scope: string;
}

/** What the server writes into the page. */
export interface Settings {
  /** Null where the stage was deployed without: then nobody can sign in here. */
  readonly signIn: SignIn | null;
  /** How the URLs of those images begin that the development server draws by itself. */
  readonly drawn: string | null;
  /** The command that fills a library with such images, less the user: where that server runs. */
  readonly demo: string | null;
}

type Written = Partial<SignIn> & { readonly drawn?: string | null; readonly demo?: string | null };

/** `written` is the content of the page's `<meta name="image-storage">`, JSON or empty. */
export function readSettings(written: string): Settings {
  const { drawn = null, demo = null, ...members } = JSON.parse(written || "{}") as Written;
  return { signIn: members.clientId === undefined ? null : (members as SignIn), drawn, demo };
}

const meta = globalThis.document?.querySelector<HTMLMetaElement>("meta[name=image-storage]");

export const settings = readSettings(meta?.content ?? "");
