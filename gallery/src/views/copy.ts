import type { Notices } from "./notices";

/** Puts text on the clipboard, and says so. */
export async function copy(text: string, notices: Notices): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notices.say("Copied");
  } catch {
    notices.warn("The browser does not let this page copy. Select the text, and copy it by hand.");
  }
}
