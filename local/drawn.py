"""Pictures for the demo library: each is drawn from its prompt and seed, and needs no internet.

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


def url(prompt: str, seed: int, width: int, height: int) -> str:
    """The address that a demo image is saved with."""
    return f"{DRAWN}{width}x{height}/{seed}.svg?prompt={quote(prompt[:200])}"


def drawn(path: str, prompt: str) -> str | None:
    """The picture at a path of this server, as SVG; None where there is none."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    width, height, seed = (int(number) for number in found.groups())
    return picture(prompt, seed, width, height)


def picture(prompt: str, seed: int, width: int, height: int) -> str:
    """The same for the same prompt, seed and size."""
    chance = random.Random(f"{prompt}|{seed}")
    colours = _palette(chance)
    style = chance.choice((_hills, _orbits, _tiles, _ribbons))
    body = style(chance, colours, width, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><defs><linearGradient id="g" x2="0.3" y2="1">'
        f'<stop stop-color="{colours[0]}"/><stop offset="1" stop-color="{colours[1]}"/>'
        f'</linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/>{body}</svg>'
    )


def _palette(chance: random.Random) -> list[str]:
    """Six colours around one hue, the last a strong one from across the circle."""
    hue, mood = chance.randrange(360), chance.uniform(0.25, 0.7)
    near = [(hue + chance.randint(-35, 35)) % 360 for _ in range(5)]
    lights = [86, 68, 52, 36, 22] if chance.random() < 0.6 else [18, 30, 46, 64, 84]
    colours = [
        f"hsl({h} {round(100 * mood)}% {light}%)" for h, light in zip(near, lights, strict=True)
    ]
    return [*colours, f"hsl({(hue + 160) % 360} 80% 58%)"]


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
            x * width / 32,
            height * (level + sum(sin(f * x / 32 * 2 * pi + p) for f, p in waves) * 0.035),
        )
        for x in range(33)
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
            f"{x * width / 16:.0f},{n * thick * 1.15 + sin(phase + x / 16 * 5 + n / 5) * sway:.0f}"
            for x in range(-1, 18)
        )
        colour = colours[5] if chance.random() < 0.12 else chance.choice(colours[1:5])
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="{thick:.0f}" stroke-linejoin="round"/>'
        )

    return "".join(ribbon(n) for n in range(-2, 16))
