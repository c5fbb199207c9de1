/** What is kept of a session. */

export interface User {
  /** The issuer's name for the user (`sub`). */
  readonly id: string;
  /** To be shown: what the issuer says people call the user, else `id`. */
  readonly name: string;
}

export interface Grant {
  readonly issuer: string;
  readonly user: User;
  /** The one of the issuer's tokens that the API takes. */
  readonly token: string;
  /** When it expires, by this device's clock: milliseconds since 1970. */
  readonly expires: number;
  readonly refresh?: string;
  /** When its user signed in, however often it was renewed since. */
  readonly since: number;
}

/** A sign-in that has left for the issuer's page. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where to be afterwards: a path of this page. */
  readonly from: string;
}
