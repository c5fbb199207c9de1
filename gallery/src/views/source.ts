import { settings } from "../settings";

/** Where an image is fetched: at its URL, or from the development server, which draws the demo's. */
export function source(imageUrl: string): string {
  const drawn = settings.drawn;
  return drawn && imageUrl.startsWith(drawn) ? `drawn/${imageUrl.slice(drawn.length)}` : imageUrl;
}
