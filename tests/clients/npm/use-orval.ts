import { deleteImage, deleteImages, listImages, saveImage, saveImages, showImage, syncImages } from "./orval/client";
import { authorization, tell } from "./settings";

const signedIn = { headers: authorization };
// The generated functions set the type of a body, unless a caller's own headers take its place.
const saving = { headers: { ...authorization, "Content-Type": "application/json" } };
const imageUrl = "https://images.example/fox.png";

const one = await saveImage(
  { prompt: "first", imageUrl, seed: "18446744073709551615", steps: 30 },
  saving,
);
const more = await saveImages(
  { images: ["second", "third"].map((prompt) => ({ prompt, imageUrl })) },
  saving,
);
if (one.status !== 201 || more.status !== 201) throw new Error("not saved");
await syncImages({}, saving);

const prompts: string[] = [];
for (let before: number | null | undefined; before !== null; ) {
  const page = await listImages({ limit: 2, before }, signedIn);
  if (page.status !== 200) throw new Error(String(page.status));
  prompts.push(...page.data.images.map((image) => image.prompt));
  before = page.data.next;
}

const shown = await showImage(one.data.cursor, signedIn);
await deleteImage(one.data.cursor, {}, signedIn);
const gone = await showImage(one.data.cursor, signedIn);
const cursors = more.data.images.map((image) => image.cursor);
const emptied = (await deleteImages({ cursors }, signedIn)).status;
const refused = await saveImage({ prompt: "", imageUrl }, saving);
if (shown.status !== 200 || gone.status !== 404 || refused.status !== 400) throw new Error("no problem");
tell({
  saved: [one.data.cursor, ...more.data.images.map((image) => image.cursor)],
  prompts,
  seed: shown.data.seed,
  emptied,
  gone: { status: gone.data.status, code: gone.data.code },
  refused: { code: refused.data.code, at: refused.data.errors?.[0]?.pointer },
});
