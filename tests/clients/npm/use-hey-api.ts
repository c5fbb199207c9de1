import { deleteImage, deleteImages, listImages, saveImage, saveImages, showImage, syncImages } from "./hey-api";
import { client } from "./hey-api/client.gen";
import { api, authorization, tell } from "./settings";

client.setConfig({ baseUrl: api, headers: authorization });
const imageUrl = "https://images.example/fox.png";

const one = await saveImage({
  body: { prompt: "first", imageUrl, seed: "18446744073709551615", steps: 30 },
});
const more = await saveImages({
  body: { images: ["second", "third"].map((prompt) => ({ prompt, imageUrl })) },
});
if (one.data === undefined || more.data === undefined) throw new Error("not saved");
await syncImages();

const prompts: string[] = [];
for (let before: number | null | undefined; before !== null; ) {
  const { data, error } = await listImages({ query: { limit: 2, before } });
  if (data === undefined) throw new Error(error.code);
  prompts.push(...data.images.map((image) => image.prompt));
  before = data.next;
}

const path = { cursor: one.data.cursor };
const seed = (await showImage({ path })).data?.seed;
await deleteImage({ path });
const gone = (await showImage({ path })).error;
const cursors = more.data.images.map((image) => image.cursor);
const emptied = (await deleteImages({ query: { cursors } })).response?.status ?? 0;
const refused = (await saveImage({ body: { prompt: "", imageUrl } })).error;
if (gone === undefined || refused === undefined) throw new Error("no problem");
tell({
  saved: [one.data.cursor, ...more.data.images.map((image) => image.cursor)],
  prompts,
  seed,
  emptied,
  gone: { status: gone.status, code: gone.code },
  refused: { code: refused.code, at: refused.errors?.[0]?.pointer },
});
