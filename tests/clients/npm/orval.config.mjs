export default {
  api: {
    input: "api.json",
    output: { mode: "single", client: "fetch", target: "orval/client.ts", baseUrl: process.env.API },
  },
};
