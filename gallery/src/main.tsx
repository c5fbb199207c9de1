import "./styles.css";
import { render } from "solid-js/web";
import { App } from "./app";
import { settings } from "./settings";

render(() => <App settings={settings} base={document.baseURI} />, document.getElementById("app")!);

// Once the page is there: what it takes to open without a network is fetched last.
if (import.meta.env.PROD) {
  addEventListener("load", () => {
    void navigator.serviceWorker?.register("worker.js").catch(() => {});
  });
}
