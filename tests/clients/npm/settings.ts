/** Where the API is, whose token is sent, and how a client tells what it found. */
declare const process: { env: Record<string, string> };

export const api = process.env.API as string;
export const authorization = { Authorization: `Bearer ${process.env.TOKEN as string}` };

export interface Found {
  /** The cursors of the images that were saved. */
  saved: number[];
  /** All pages' prompts, newest first. */
  prompts: string[];
  seed: string | undefined;
  /** The status by which the other images were deleted, all at once. */
  emptied: number;
  /** The problem that a deleted image is answered with. */
  gone: { status: number; code: string };
  /** What an image without a prompt is refused for. */
  refused: { code: string; at: string | undefined };
}

export function tell(found: Found): void {
  console.log(JSON.stringify(found));
}
