import type { Plugin } from "vite";
import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";
import manifest from "./package.json" with { type: "json" };

/** `npm run dev` serves these sources beside a `make run` on this port, which has the rest. */
const SERVER = `http://127.0.0.1:${process.env["PORT"] ?? "8000"}`;

const BASE = /<base href="[^"]*" \/>/;
const SETTINGS = /<meta name="image-storage" content="[^"]*" \/>/;

/** Writes into the page what the server would write: the base, and the settings that it has. */
function asServed(): Plugin {
  return {
    name: "as-served",
    apply: "serve",
    async transformIndexHtml(html) {
      const served = await fetch(`${SERVER}/`).then((answer) => answer.text());
      const settings = SETTINGS.exec(served)?.[0] ?? "";
      return html.replace(BASE, '<base href="/" />').replace(SETTINGS, () => settings);
    },
  };
}

export default defineConfig({
  base: "./",
  define: { "import.meta.env.VERSION": JSON.stringify(manifest.version) },
  plugins: [solid(), asServed()],
  server: {
    host: "127.0.0.1",
    proxy: { "/api": SERVER, "/development": SERVER, "/drawn": SERVER },
  },
  build: {
    outDir: "../chalicelib/gallery",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      checks: { pluginTimings: false }, // a slow machine is no news to its user
      input: { index: "index.html", worker: "src/worker/worker.ts" },
      output: {
        // Browsers look for a new worker under its one name, beside the page.
        entryFileNames: ({ name }) => (name === "worker" ? "worker.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/testing/setup.ts"],
    testTimeout: 20_000, // hundreds of random orders, on a machine that does other things too
  },
});
