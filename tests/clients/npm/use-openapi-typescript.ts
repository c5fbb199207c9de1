import createClient from "openapi-fetch";
import type { paths } from "./openapi-typescript/schema";
import { api, authorization, tell } from "./settings";

const client = createClient<paths>({ baseUrl: api, headers: authorization });
const imageUrl = "https://images.example/fox.png";

const one = await client.POST("/images", {
  body: { prompt: "first", imageUrl, seed: "18446744073709551615", steps: 30 },
});
const more = await client.POST("/images/batch", {
  body: { images: ["second", "third"].map((prompt) => ({ prompt, imageUrl })) },
});
if (one.data === undefined || more.data === undefined) throw new Error("not saved");
await client.POST("/images/sync");

const prompts: string[] = [];
for (let before: number | null | undefined; before !== null; ) {
  const { data, error } = await client.GET("/images", { params: { query: { limit: 2, before } } });
  if (error !== undefined) throw new Error(error.code);
  prompts.push(...data.images.map((image) => image.prompt));
  before = data.next;
}

const params = { path: { cursor: one.data.cursor } };
const seed = (await client.GET("/images/{cursor}", { params })).data?.seed;
await client.DELETE("/images/{cursor}", { params });
const gone = (await client.GET("/images/{cursor}", { params })).error;
const cursors = more.data.images.map((image) => image.cursor);
const emptied = (await client.DELETE("/images", { params: { query: { cursors } } })).response.status;
const refused = (await client.POST("/images", { body: { prompt: "", imageUrl } })).error;
if (gone === undefined || refused === undefined) throw new Error("no problem");
tell({
  saved: [one.data.cursor, ...more.data.images.map((image) => image.cursor)],
  prompts,
  seed,
  emptied,
  gone: { status: gone.status, code: gone.code },
  refused: { code: refused.code, at: refused.errors?.[0]?.pointer },
});
