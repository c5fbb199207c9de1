import { createSignal, onCleanup, type Accessor } from "solid-js";

/** Whether the page is as narrow as on a phone: as in the style sheets. */
export function createNarrow(): Accessor<boolean> {
  const query = matchMedia("(max-width: 640px)");
  const [narrow, setNarrow] = createSignal(query.matches);
  const look = () => setNarrow(query.matches);
  query.addEventListener("change", look);
  onCleanup(() => query.removeEventListener("change", look));
  return narrow;
}
