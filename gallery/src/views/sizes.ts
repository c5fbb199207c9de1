import { createSignal, type Accessor } from "solid-js";
import { Slot } from "../slot";
import { hash } from "./hash";

/** How high images are by their width, as far as they were seen in this tab. */
export interface Sizes {
  /** Height by width, within bounds that a grid can show; undefined if never seen. */
  ratio(image: Addressed): number | undefined;
  saw(image: Addressed, width: number, height: number): void;
  /** Counts up when something new was seen, once for all that comes within a moment. */
  readonly changed: Accessor<number>;
  /** Writes down what was seen, for the page's next load in this tab. */
  keep(): void;
}

interface Addressed {
  readonly imageUrl: string;
}

const NAME = "sizes";
const MOST = 5000;
const FLATTEST = 0.4;
const TALLEST = 2.5;
const MOMENT = 80;

/** Addresses are kept as hashes, which are shorter and tell nothing. The oldest are forgotten first. */
export function createSizes(storage: Storage | undefined): Sizes {
  const kept = new Slot<readonly (readonly [string, number])[]>(storage, NAME);
  const ratios = new Map<string, number>(kept.get());
  const names = new WeakMap<Addressed, string>();
  const [changed, setChanged] = createSignal(0);
  let telling = false;

  function name(image: Addressed): string {
    const known = names.get(image);
    if (known !== undefined) return known;
    const made = hash(image.imageUrl).toString(36);
    names.set(image, made);
    return made;
  }

  function tell(): void {
    telling = false;
    setChanged((n) => n + 1);
  }

  return {
    changed,
    keep: () => kept.put([...ratios].map(([name, ratio]) => [name, Number(ratio.toFixed(3))])),
    ratio: (image) => ratios.get(name(image)),
    saw(image, width, height) {
      if (!width || !height || ratios.has(name(image))) return;
      ratios.set(name(image), Math.min(Math.max(height / width, FLATTEST), TALLEST));
      if (ratios.size > MOST) ratios.delete(ratios.keys().next().value!);
      if (!telling) setTimeout(tell, MOMENT);
      telling = true;
    },
  };
}
