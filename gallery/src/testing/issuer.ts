/** An issuer of tokens as a model: it checks what a browser's app must send, and answers as asked. */

import type { SignIn } from "../settings";

export const SETTINGS: SignIn = {
  issuer: "urn:image-storage:development",
  clientId: "gallery",
  authorizationEndpoint: "development/authorize",
  tokenEndpoint: "development/token",
  endSessionEndpoint: null,
  token: "id",
  scope: "openid",
};

export interface Says {
  readonly sub?: string;
  readonly nonce?: string;
  readonly issuer?: string;
  readonly name?: string;
  readonly refresh?: string;
  readonly withoutIdToken?: boolean;
}

export class ModelIssuer {
  readonly asked: Record<string, string>[] = [];
  says: Says = {};
  refusal: string | undefined;
  offline = false;
  #challenge = "";
  #nonce = "";

  constructor(private readonly now: () => number) {}

  /** Someone signs in at its page; answers where the browser is sent. */
  authorize(url: string): string {
    const asked = Object.fromEntries(new URL(url).searchParams);
    this.#challenge = asked["code_challenge"]!;
    this.#nonce = asked["nonce"]!;
    return `${asked["redirect_uri"]}?code=a-code&state=${asked["state"]}`;
  }

  /** The token endpoint, for `fetch`. */
  readonly token = async (_: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    if (this.offline) throw new TypeError("Failed to fetch");
    const asked = Object.fromEntries(new URLSearchParams(String(init?.body)));
    this.asked.push(asked);
    if (this.refusal) return answer({ error: this.refusal }, 400);
    const fromCode = asked["grant_type"] === "authorization_code";
    if (fromCode && (await digest(asked["code_verifier"]!)) !== this.#challenge) {
      return answer({ error: "invalid_grant" }, 400);
    }
    return answer(this.#tokens(fromCode), 200);
  };

  #tokens(fromCode: boolean): object {
    const { sub = "alice", nonce = this.#nonce, issuer = SETTINGS.issuer, name } = this.says;
    const iat = Math.floor(this.now() / 1000);
    const times = { iat, exp: iat + 3600 };
    const claims = { iss: issuer, aud: SETTINGS.clientId, sub, ...times, name };
    return {
      access_token: `access token ${this.asked.length}`,
      token_type: "Bearer",
      expires_in: 600,
      ...(!this.says.withoutIdToken && { id_token: jwt(fromCode ? { ...claims, nonce } : claims) }),
      ...(this.says.refresh && { refresh_token: this.says.refresh }),
    };
  }
}

function answer(body: object, status: number): Response {
  const headers = { "Content-Type": "application/json" };
  return new Response(JSON.stringify(body), { status, headers });
}

/** It comes straight from the issuer, so nobody looks at its signature. */
function jwt(claims: object): string {
  const parts = [{ alg: "ES256", typ: "JWT" }, claims].map((part) => base64(JSON.stringify(part)));
  return `${parts.join(".")}.${base64("a signature")}`;
}

async function digest(verifier: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64(String.fromCharCode(...new Uint8Array(bytes)));
}

function base64(text: string): string {
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
