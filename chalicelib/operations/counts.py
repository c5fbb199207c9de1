"""Counts that continue from one call of an operation to the next."""

from collections import Counter
from typing import Any

from chalicelib.model.entries import MAX_CURSOR
from chalicelib.operations.event import Event


def counts_of(event: Event, *names: str) -> Counter[str]:
    """What an earlier answer's `resume` had counted; zeros at the first call."""
    part = event.part("counts")
    if part is None:
        return Counter(dict.fromkeys(names, 0))
    counts = Counter({name: part.whole(name, 0, 0, MAX_CURSOR) for name in names})
    part.end()
    return counts


def finished(counts: Counter[str], **more: Any) -> dict[str, Any]:
    """The answer of an operation that is done."""
    return {"done": True, **counts, **more}


def to_be_resumed(resume: dict[str, Any], counts: Counter[str], **more: Any) -> dict[str, Any]:
    """The answer of one that is not: invoke it again with `resume` as its event."""
    return {"done": False, "resume": {**resume, "counts": dict(counts)}, **counts, **more}
