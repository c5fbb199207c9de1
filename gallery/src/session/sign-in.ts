/**
 * Signing in by OpenID Connect: authorization code with PKCE (RFC 6749, RFC 7636), as a public client.
 * The library that does it is large, so this module is loaded when someone signs in.
 */

import * as oauth from "oauth4webapi";
import type { SignIn } from "../settings";
import type { Attempt, Grant, User } from "./tokens";

/** The server judges the token itself; here the ID token came straight from the issuer's endpoint. */
const ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519".split(" ");

const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

/** The issuer, us, and where we come back to. `base` is the page's. */
export class Issuer {
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;
  readonly #redirect: string;
  readonly #options: oauth.TokenEndpointRequestOptions;

  constructor(
    private readonly settings: SignIn,
    base: string,
    private readonly now: () => number = Date.now,
    send: typeof fetch = fetch,
  ) {
    const tokenEndpoint = new URL(settings.tokenEndpoint, base);
    this.#server = {
      issuer: settings.issuer,
      authorization_endpoint: new URL(settings.authorizationEndpoint, base).href,
      token_endpoint: tokenEndpoint.href,
      id_token_signing_alg_values_supported: ALGORITHMS,
    };
    this.#client = { client_id: settings.clientId };
    this.#redirect = new URL("signed-in", base).href;
    this.#options = {
      [oauth.customFetch]: (url, init) => send(url, init as RequestInit),
      [oauth.allowInsecureRequests]: LOOPBACK.includes(tokenEndpoint.hostname),
    };
  }

  /** A new attempt, and the issuer's page to leave for. */
  async begin(from: string): Promise<{ attempt: Attempt; url: string }> {
    const attempt = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      from,
    };
    const url = new URL(this.#server.authorization_endpoint!);
    const asked = {
      response_type: "code",
      client_id: this.#client.client_id,
      redirect_uri: this.#redirect,
      scope: this.settings.scope,
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value);
    return { attempt, url: url.href };
  }

  /** The grant for the code in the address that the issuer sent us back to. */
  async complete(attempt: Attempt, address: string): Promise<Grant> {
    const [server, client] = [this.#server, this.#client];
    const answer = oauth.validateAuthResponse(server, client, new URL(address), attempt.state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      answer,
      this.#redirect,
      attempt.verifier,
      this.#options,
    );
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
      expectedNonce: attempt.nonce,
      requireIdToken: true,
    });
    const user = userIn(oauth.getValidatedIdTokenClaims(tokens)!);
    return this.#granted(tokens, user, this.now());
  }

  /** The same user's next grant, without asking anyone. */
  async renew(grant: Grant & { readonly refresh: string }): Promise<Grant> {
    const [server, client] = [this.#server, this.#client];
    const response = await oauth.refreshTokenGrantRequest(
      server,
      client,
      oauth.None(),
      grant.refresh,
      this.#options,
    );
    const tokens = await oauth.processRefreshTokenResponse(server, client, response);
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    if (claims && claims.sub !== grant.user.id) throw new Error("The issuer named another user.");
    return { refresh: grant.refresh, ...this.#granted(tokens, grant.user, grant.since) };
  }

  #granted(tokens: oauth.TokenEndpointResponse, user: User, since: number): Grant {
    const id = this.settings.token === "id";
    const token = id ? tokens.id_token : tokens.access_token;
    if (!token) throw new Error("The issuer gave no ID token.");
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    const seconds = id && claims ? claims.exp - claims.iat : (tokens.expires_in ?? 300);
    const expires = this.now() + seconds * 1000;
    const refresh = tokens.refresh_token;
    const { issuer } = this.settings;
    return { issuer, user, token, expires, since, ...(refresh && { refresh }) };
  }
}

function userIn({ sub, name, preferred_username, email }: oauth.IDToken): User {
  const called = [name, preferred_username, email].find((text) => typeof text === "string");
  return { id: sub, name: (called as string | undefined) || sub };
}
