import "./styles.css";
import { render } from "solid-js/web";
import { App } from "./app";
import { settings } from "./settings";

render(() => <App settings={settings} base={document.baseURI} />, document.getElementById("app")!);
