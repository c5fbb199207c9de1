"""The versions in which images were rendered into partitions, and the upgrade from each to the
next.

A row keeps the version of its form. Readers bring older rows up to date as they read, so a change
here needs no downtime; `chalicelib.sync.migration` does it in the table.
"""

from collections.abc import Callable, Mapping

CURRENT = 2

_ESCAPED = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"})


def html_safe(image: str) -> str:
    """The same JSON without the characters that mean something to HTML or end a line of script.

    They occur in strings alone, where JSON lets them be escaped (RFC 8259, section 7). A prompt
    may hold markup; so escaped, a page may carry the JSON inside a script element.
    """
    return image.translate(_ESCAPED)


UPGRADES: Mapping[int, Callable[[str], str]] = {1: html_safe}
"""From each older version to the one after it."""


def upgraded(image: str, version: int) -> str:
    """The image in today's form. One of a later version, after a roll-back, stays as it is.

    A version that never existed, and was set by hand, counts as the first.
    """
    for older in range(max(version, min(UPGRADES)), CURRENT):
        image = UPGRADES[older](image)
    return image
