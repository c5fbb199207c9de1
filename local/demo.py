"""A demo library: some thousand images with prompts, models and seeds, drawn by this server."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from local.placeholder_images import SHAPES, url

COUNT = 2000

_SUBJECTS = (
    "a lighthouse",
    "an old harbour",
    "a red fox",
    "a glass greenhouse",
    "a mountain railway",
    "two herons",
    "a night market",
    "a paper boat",
    "an observatory",
    "a field of poppies",
    "a sleeping cat",
    "a tram in the rain",
    "an abandoned swimming pool",
    "a tea house",
    "a wooden robot",
    "a whale above the city",
    "a library without walls",
    "three bicycles",
    "a desert road",
    "a winter garden",
)
_MOODS = (
    "at dawn",
    "in heavy fog",
    "under two moons",
    "after the storm",
    "in late autumn light",
    "seen from far above",
    "in the first snow",
    "at the blue hour",
    "during an eclipse",
    "on a windless day",
)
_STYLES = (
    "linocut",
    "gouache on rough paper",
    "35 mm photograph, shallow depth of field",
    "isometric illustration",
    "risograph in two colours",
    "charcoal sketch",
    "wide-angle film still",
    "botanical plate",
    "low-poly render",
    "woodblock print",
)
_MODELS = ("sdxl", "flux-dev", "sd-3.5-large", "kandinsky-3", "pixart-sigma")


def write_demo(path: Path, count: int = COUNT) -> None:
    """A JSON Lines file for the import: always the same images in the same order."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(image) + "\n" for image in images(count))


def images(count: int) -> Iterator[dict[str, object]]:
    chance = random.Random("demo")
    for _ in range(count):
        prompt = ", ".join(chance.choice(words) for words in (_SUBJECTS, _MOODS, _STYLES))
        seed = chance.randrange(2**32)
        yield {
            "prompt": prompt,
            "imageUrl": url(prompt, seed, *chance.choice(SHAPES)),
            "model": chance.choice(_MODELS),
            "seed": seed,
            "steps": chance.choice((20, 28, 30, 40, 50)),
        }
