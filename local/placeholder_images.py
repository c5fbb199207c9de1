"""Draws placeholder images for the demo library from prompt and seed, without the internet.

The API takes images at https addresses only. A demo image has one that leads nowhere, `DRAWN`; the
gallery that this server serves asks the server itself for those.
"""

import random
import re
from math import cos, pi, sin
from urllib.parse import quote

DRAWN = "https://drawn.invalid/"
PATH = "/drawn/"

_NAME = re.compile(r"/drawn/(\d{2,4})x(\d{2,4})/(\d{1,20})\.svg", re.ASCII)

SHAPES = ((768, 768), (768, 512), (512, 768), (896, 512), (640, 800), (1024, 640))
"""Widths and heights that image generators commonly make, in pixels."""

PALETTES = (
    "f7e1d3 f2b5a0 d9827e 8d5b7b 3f3a5c f2c14e",
    "e3f1ef a8d5d3 5fa8ad 2f6f82 163a4f f28f5b",
    "eef0d8 c4d3a0 86a873 4b7454 22423a e8a33d",
    "e9dcf2 bfa2db 8268b5 4b3f8b 221d4d ff8a6b",
    "f6ead9 e2bf99 c88a64 8f5640 4a2c2a 3f8f8c",
    "dbe7f5 9fbfe3 5c8fc9 2e5a95 132a52 f4d35e",
    "fbe5e6 f0b7bf d97d93 9d4b6e 4d2343 5bb0a8",
    "f1efe0 cfcfa0 9a9f62 5f6b3f 2f3a2a d9603f",
    "ececea bfc3c7 868d96 4c555f 1f252b e4572e",
    "fdf3cf f7d774 f0a83a c9652b 6b2d1f 2a7f9e",
    "14162b 232a54 3b4a8c 6b7fc4 b9c6ee ffd479",
    "0d2026 17424c 2a7078 5fa79f bfe0d0 ff9b71",
    "20121f 45233f 7a3a5f b96a82 ecb7b0 f5d76e",
    "1e1413 4a241d 8a3f28 d0753f f3c58b 6fb7c9",
    "0f1a24 1d3b4a 2f6f6a 66b08a c9e4b4 e08ad6",
)
"""Five colours from back to front, and a sixth that stands out."""


def url(prompt: str, seed: int, width: int, height: int) -> str:
    """The address that a demo image is saved with."""
    return f"{DRAWN}{width}x{height}/{seed}.svg?prompt={quote(prompt[:200])}"


def drawn(path: str, prompt: str) -> str | None:
    """Returns the picture at a path of this server, as SVG; None if there is none."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    width, height, seed = (int(number) for number in found.groups())
    return picture(prompt, seed, width, height)


def picture(prompt: str, seed: int, width: int, height: int) -> str:
    """The same for the same prompt, seed and size."""
    chance = random.Random(f"{prompt}|{seed}")
    colours = [f"#{colour}" for colour in chance.choice(PALETTES).split()]
    style = chance.choice((_hills, _orbits, _tiles, _ribbons, _petals, _skyline))
    body = style(chance, colours, width, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><defs><linearGradient id="g" x2="0.3" y2="1">'
        f'<stop stop-color="{colours[0]}"/><stop offset="1" stop-color="{colours[1]}"/>'
        f'</linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/>{body}</svg>'
    )


def _hills(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """A sun, and ranges of hills that darken towards the front."""
    sun = (
        f'<circle cx="{chance.uniform(0.2, 0.8) * width:.0f}" '
        f'cy="{chance.uniform(0.15, 0.45) * height:.0f}" '
        f'r="{chance.uniform(0.06, 0.16) * height:.0f}" fill="{colours[5]}"/>'
    )
    ranges = [
        _range(chance, colour, width, height, (place + 1.6) / 5.2)
        for place, colour in enumerate(colours[1:5])
    ]
    return sun + "".join(ranges)


def _range(chance: random.Random, colour: str, width: int, height: int, level: float) -> str:
    waves = [(chance.uniform(0.5, 3.5), chance.uniform(0, 2 * pi)) for _ in range(3)]
    points = [
        (
            x * width / 64,
            height * (level + sum(sin(f * x / 64 * 2 * pi + p) for f, p in waves) * 0.035),
        )
        for x in range(65)
    ]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    return f'<polygon points="0,{height} {line} {width},{height}" fill="{colour}"/>'


def _orbits(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """Circles around a middle that is not quite the middle."""
    x, y = chance.uniform(0.3, 0.7) * width, chance.uniform(0.3, 0.7) * height
    size = max(width, height)
    rings = [
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{size * n / 9:.0f}" fill="none" '
        f'stroke="{chance.choice(colours[1:5])}" stroke-width="{chance.uniform(2, size / 22):.0f}" '
        f'opacity="0.75"/>'
        for n in range(1, 8)
    ]
    turns = [(chance.uniform(0, 2 * pi), chance.randint(1, 6)) for _ in range(9)]
    moons = [
        f'<circle cx="{x + cos(turn) * size * n / 9:.0f}" cy="{y + sin(turn) * size * n / 9:.0f}" '
        f'r="{chance.uniform(size / 90, size / 26):.0f}" fill="{chance.choice(colours[2:])}"/>'
        for turn, n in turns
    ]
    return "".join(rings + moons)


def _tiles(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """Quarter circles, squares and triangles on a grid."""
    side = round(width / chance.randint(4, 7))
    forms = (
        f"h{side}a{side} {side} 0 0 1-{side} {side}z",
        f"h{side}v{side}h-{side}z",
        f"l{side} {side}h-{side}z",
        f"m{side} 0v{side}a{side} {side} 0 0 1-{side}-{side}z",
    )
    rows, columns = height // side + 1, width // side + 1
    return "".join(
        f'<path d="M{column * side} {row * side}{chance.choice(forms)}" '
        f'fill="{chance.choice(colours)}"/>'
        for row in range(rows)
        for column in range(columns)
        if chance.random() < 0.85
    )


def _ribbons(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """Broad lines that sway beside each other."""
    sway, phase = chance.uniform(0.06, 0.2) * height, chance.uniform(0, 2 * pi)
    thick = height / 14

    def ribbon(n: int) -> str:
        points = " ".join(
            f"{x * width / 48:.0f},{n * thick * 1.15 + sin(phase + x / 48 * 5 + n / 5) * sway:.1f}"
            for x in range(-1, 50)
        )
        colour = colours[5] if chance.random() < 0.12 else chance.choice(colours[1:5])
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{thick:.0f}" stroke-linejoin="round"/>'
        )

    return "".join(ribbon(n) for n in range(-2, 16))


def _petals(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """A flower that is larger than the picture, ring after ring of leaves."""
    x, y = chance.uniform(0.25, 0.75) * width, chance.uniform(0.3, 0.7) * height
    count, size = chance.randint(7, 13), max(width, height)

    def ring(n: int) -> str:
        long, broad = size * (0.66 - n * 0.14), size * (0.66 - n * 0.14) / count * 1.7
        leaf = (
            f"M0 0Q{broad:.0f} {-long * 0.6:.0f} 0 {-long:.0f}Q{-broad:.0f} {-long * 0.6:.0f} 0 0"
        )
        turns = [(place + n / 2) * 360 / count for place in range(count)]
        return "".join(
            f'<path d="{leaf}" transform="translate({x:.0f} {y:.0f}) rotate({turn:.0f})" '
            f'fill="{colours[n + 1]}" opacity="0.9"/>'
            for turn in turns
        )

    heart = f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{size * 0.055:.0f}" fill="{colours[5]}"/>'
    return "".join(ring(n) for n in range(4)) + heart


def _skyline(chance: random.Random, colours: list[str], width: int, height: int) -> str:
    """A moon above three rows of houses, some windows of the nearest lit."""
    moon = (
        f'<circle cx="{chance.uniform(0.15, 0.85) * width:.0f}" '
        f'cy="{chance.uniform(0.12, 0.3) * height:.0f}" '
        f'r="{chance.uniform(0.05, 0.1) * height:.0f}" fill="{colours[5]}"/>'
    )
    return moon + "".join(_street(chance, colours, width, height, row) for row in range(3))


def _street(chance: random.Random, colours: list[str], width: int, height: int, row: int) -> str:
    houses, left = [], 0.0
    while left < width:
        broad = chance.uniform(0.07, 0.15) * width
        tall = chance.uniform(0.55, 0.75) * height - row * 0.17 * height
        houses.append(
            f'<rect x="{left:.0f}" y="{height - tall:.0f}" width="{broad + 1:.0f}" '
            f'height="{tall:.0f}" fill="{colours[row + 2]}"/>'
        )
        if row == 2:
            houses.append(_windows(chance, colours[5], left, height - tall, broad, tall))
        left += broad
    return "".join(houses)


def _windows(
    chance: random.Random, colour: str, left: float, top: float, broad: float, tall: float
) -> str:
    side = broad / 7
    return "".join(
        f'<rect x="{left + side * (1 + 2 * column):.1f}" '
        f'y="{top + side * (1.5 + 2.5 * floor):.1f}" '
        f'width="{side:.1f}" height="{side * 1.4:.1f}" fill="{colour}"/>'
        for floor in range(int(tall / side / 2.5))
        for column in range(3)
        if chance.random() < 0.3
    )
