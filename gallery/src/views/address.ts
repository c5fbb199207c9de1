/** What the gallery's addresses are, and what becomes of all the others that people come by. */

export const HOME = "/dashboard/images";

/** The highest cursor that the API knows. */
const HIGHEST = Number.MAX_SAFE_INTEGER;

/** The cursor that is written so in an address; undefined if it is none. */
export function cursorIn(text: string | undefined): number | undefined {
  const cursor = /^[1-9]\d*$/.test(text ?? "") ? Number(text) : undefined;
  return cursor !== undefined && cursor <= HIGHEST ? cursor : undefined;
}

export interface Arrival {
  /** The whole address that shall stand in the browser. */
  readonly address: string;
  /** Whether someone asked for a page that is not there. */
  readonly lost: boolean;
}

/** Where one is who comes by `address`; `base` is the address of the gallery's root. */
export function arrival(address: string, base: string): Arrival {
  const { href, search, hash, pathname } = new URL(address);
  const root = new URL(base).pathname;
  const path = pathname.replace(/^\/+/, "/");
  const own = path.slice(0, root.length) === root ? path.slice(root.length) : "";
  const parts = own.toLowerCase().split("/").filter(Boolean);
  if (parts[0] === "signed-in" && parts.length === 1) {
    return { address: new URL(`signed-in${search}${hash}`, base).href, lost: false };
  }
  const [dashboard, images, cursor, ...others] = parts;
  const isHome = isOneOf(dashboard, "dashboard", "index.html") && isOneOf(images, "images");
  const shown = isHome && !others.length ? cursorIn(cursor) : undefined;
  const lost = !isHome || others.length > 0 || (cursor !== undefined && shown === undefined);
  const page = shown === undefined ? HOME : `${HOME}/${shown}`;
  const canonical = new URL(page.slice(1), base).href;
  return { address: canonical === href.split(/[?#]/)[0] && !hash ? href : canonical, lost };
}

function isOneOf(part: string | undefined, ...names: readonly string[]): boolean {
  return part === undefined || names.includes(part);
}
