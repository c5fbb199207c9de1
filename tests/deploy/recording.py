"""The calls of AWS that a Lambda function makes, and from where in our code it makes them."""

import ast
import functools
import inspect
import itertools
import re
import sys
import threading
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from deploy.stages import ROOT
from tests.grants import Grant

OURS = (ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py")))
FILES = frozenset(map(str, OURS))
OTHERS = {"sqs": "DeadLetterQueue", "dynamodbstreams": "PrimaryStream"}
"""botocore's name of a service to the resource that it is asked for."""

INNER = re.compile(r"\.<locals>\.<\w+>")
"""What Python appends to a function's name for a lambda or a comprehension within it."""


class Function(NamedTuple):
    """One of ours, by its file and its qualified name."""

    file: str
    name: str


class Place(NamedTuple):
    """Where in a file a call ends: no two calls end at the same place."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Site:
    """A call in the text: where it stands, and what it calls of which object, by their names."""

    function: Function
    receiver: str
    callee: str
    text: str
    place: Place

    def __str__(self) -> str:
        path = Path(self.place.file).relative_to(ROOT)
        return f"{path}:{self.place.line} in {self.function.name}: {self.text}"


@dataclass(frozen=True)
class Recording:
    """What the calls need, and through which functions and which calls of ours they went."""

    needed: set[Grant] = field(default_factory=set)
    entered: set[Function] = field(default_factory=set)
    generators: set[str] = field(default_factory=set)
    reached: set[Place] = field(default_factory=set)

    def take_down(self, grants: Set[Grant]) -> None:
        """A call that is being made, by what it needs."""
        self.needed.update(grants)
        for code, place in calls_at_work():
            self.entered.add(Function(place.file, INNER.sub("", code.co_qualname)))
            self.reached.add(place)
            if code.co_flags & inspect.CO_GENERATOR:
                self.generators.add(code.co_name)

    def has_reached(self, site: Site) -> bool:
        """A generator runs when its caller's call has long come back: of it, that it ran is all
        that can be told."""
        return site.place in self.reached or site.callee in self.generators


def grant_of(model: Any) -> Grant:
    """What a call of botocore's needs, which is told by its event "provide-client-params"."""
    service = model.service_model
    return Grant(OTHERS[service.service_name], f"{service.signing_name}:{model.name}")


def calls_at_work() -> Iterator[tuple[CodeType, Place]]:
    """The functions of ours on the stack, each with the call in it that has not come back yet.

    Those of a thread were called by who waits for it: the main thread.
    """
    for frame in (*frames_from(sys._getframe(1)), *frames_of_the_main_thread()):
        code = frame.f_code
        if code.co_filename in FILES:
            positions = itertools.islice(code.co_positions(), frame.f_lasti // 2, None)
            _line, line, _column, column = next(positions)
            yield code, Place(code.co_filename, line or 0, column or 0)


def frames_of_the_main_thread() -> Iterator[FrameType]:
    """Seen from another thread."""
    main = threading.main_thread()
    if threading.current_thread() is not main and main.ident is not None:
        yield from frames_from(sys._current_frames()[main.ident])


def frames_from(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


@functools.cache
def sites() -> tuple[Site, ...]:
    """Every call in our code."""
    return tuple(site for path in OURS for site in _Reader(path).read())


class _Reader(ast.NodeVisitor):
    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._text = path.read_text()
        self._scope: list[str] = []
        self._found: list[Site] = []

    def read(self) -> list[Site]:
        self.visit(ast.parse(self._text))
        return self._found

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._within(node, node.name)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within(node, node.name, "<locals>")

    def visit_Call(self, node: ast.Call) -> None:
        function = Function(self._path, ".".join(self._scope).removesuffix(".<locals>"))
        callee = node.func
        receiver = last_name(callee.value).lstrip("_") if isinstance(callee, ast.Attribute) else ""
        place = Place(self._path, node.end_lineno or 0, node.end_col_offset or 0)
        self._found.append(Site(function, receiver, last_name(callee), ast.unparse(node), place))
        self.generic_visit(node)

    def _within(self, node: ast.AST, *names: str) -> None:
        self._scope += names
        self.generic_visit(node)
        del self._scope[-len(names) :]


def last_name(node: ast.expr) -> str:
    """`_log` of ``self._log``, `tail` of ``partition.tail`` and of ``partition.tail()``."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=callee):
            return last_name(callee)
    return ""
