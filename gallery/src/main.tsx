import "./styles.css";
import { render } from "solid-js/web";
import { App } from "./app";
import { settings } from "./settings";
import { arrival } from "./views/address";

const base = document.baseURI;
const { address, lost } = arrival(location.href, base);
if (address !== location.href) history.replaceState(history.state, "", address);

render(() => <App settings={settings} base={base} lost={lost} />, document.getElementById("app")!);

// Once the page is there: what it takes to open without a network is fetched last.
if (import.meta.env.PROD) {
  addEventListener("load", () => {
    void navigator.serviceWorker?.register("worker.js").catch(() => {});
  });
}
