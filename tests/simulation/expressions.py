"""The small languages in DynamoDB's requests: conditions, key conditions and updates.

Only what the product writes is understood; anything else is `Invalid`, which ends a test at once.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from chalicelib.dynamodb.protocol import Item

RESERVED = {"count", "cursor", "first", "key"}
"""Those of our attributes that DynamoDB lets be named by a placeholder alone (its developer guide,
"Reserved words in DynamoDB")."""

_TOKEN = re.compile(r"\s*(<=|>=|<>|[=<>(),]|[#:]?\w+)\s*")


class Invalid(BaseException):
    """DynamoDB would refuse the request as wrong, or this engine does not know it.

    Not an `Exception`, so that no code under test can take it for a passing failure.
    """


@dataclass(frozen=True, slots=True)
class Terms:
    """What the placeholders of a request's expressions stand for."""

    names: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]

    def name(self, token: str) -> str:
        if token.startswith("#"):
            return self.names[token]
        if token in RESERVED:
            raise Invalid(f"{token} is a reserved word")
        return token

    def attribute(self, token: str, item: Item) -> Any:
        return self.values[token] if token.startswith(":") else item.get(self.name(token))


Test = Callable[[Item, Terms], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """`holds` judges an item (empty: nothing is there); `tokens` are all words in the text."""

    holds: Test
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Update:
    sets: tuple[tuple[str, str], ...]
    removes: tuple[str, ...]
    tokens: tuple[str, ...]

    def applied(self, item: Item, terms: Terms) -> dict[str, Any]:
        changed = dict(item)
        for name, value in self.sets:
            changed[terms.name(name)] = dict(terms.values[value])
        for name in self.removes:
            changed.pop(terms.name(name), None)
        return changed


def tokens_of(text: str) -> tuple[str, ...]:
    tokens, end = [], 0
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise Invalid(f"cannot read: {text}")
        tokens.append(match[1])
        end = match.end()
    return tuple(tokens)


@lru_cache
def condition(text: str) -> Condition:
    tokens = tokens_of(text)
    parser = _Parser(tokens)
    test = parser.either()
    parser.end()
    return Condition(test, tokens)


@lru_cache
def update(text: str) -> Update:
    """``SET a = :b, … REMOVE c, …``, each part at most once."""
    tokens = tokens_of(text)
    parser = _Parser(tokens)
    sets = parser.sets() if parser.takes("SET") else ()
    removes = parser.names() if parser.takes("REMOVE") else ()
    parser.end()
    return Update(sets, removes, tokens)


class _Parser:
    """Recursive descent; AND binds more strongly than OR, and NOT more strongly than both."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def takes(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += found
        return found

    def next(self) -> str:
        if self._at == len(self._tokens):
            raise Invalid(f"ends too soon: {self._tokens}")
        self._at += 1
        return self._tokens[self._at - 1]

    def need(self, token: str) -> None:
        if not self.takes(token):
            raise Invalid(f"needs {token}: {self._tokens}")

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise Invalid(f"unknown: {self._tokens}")

    def either(self) -> Test:
        tests = [self.both()]
        while self.takes("OR"):
            tests.append(self.both())
        return lambda item, terms: any(test(item, terms) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.takes("AND"):
            tests.append(self.one())
        return lambda item, terms: all(test(item, terms) for test in tests)

    def one(self) -> Test:
        if self.takes("NOT"):
            test = self.one()
            return lambda item, terms: not test(item, terms)
        if self.takes("("):
            inner = self.either()
            self.need(")")
            return inner
        return self.existence() or self.comparison()

    def existence(self) -> Test | None:
        for function, wanted in (("attribute_exists", True), ("attribute_not_exists", False)):
            if self.takes(function):
                self.need("(")
                name = self.next()
                self.need(")")
                return _exists(name, wanted)
        return None

    def comparison(self) -> Test:
        left, operator, right = self.next(), self.next(), self.next()
        if operator not in _COMPARE:
            raise Invalid(f"unknown: {self._tokens}")
        return _compares(left, _COMPARE[operator], right)

    def sets(self) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        while not found or self.takes(","):
            name = self.next()
            self.need("=")
            found.append((name, self.next()))
        return tuple(found)

    def names(self) -> tuple[str, ...]:
        found = [self.next()]
        while self.takes(","):
            found.append(self.next())
        return tuple(found)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _exists(name: str, wanted: bool) -> Test:
    return lambda item, terms: (terms.name(name) in item) == wanted


def _compares(left: str, operator: Callable[[Any, Any], bool], right: str) -> Test:
    """A comparison with what is missing, or of another type, does not hold."""

    def holds(item: Item, terms: Terms) -> bool:
        one, other = terms.attribute(left, item), terms.attribute(right, item)
        if one is None or other is None or one.keys() != other.keys():
            return False
        return operator(plain(one), plain(other))

    return holds


def plain(attribute: Mapping[str, str]) -> Any:
    """The text or number of an attribute."""
    if "S" in attribute:
        return attribute["S"]
    if "N" not in attribute:
        raise Invalid(f"unknown type: {attribute}")
    value = attribute["N"]
    return int(value) if value.lstrip("-").isdigit() else Decimal(value)


def check_terms(
    terms: Terms, expressions: Sequence[Condition | Update], projection: Sequence[str] = ()
) -> None:
    """DynamoDB refuses placeholders that are used but not given, or given but not used."""
    tokens = [*(token for known in expressions for token in known.tokens), *projection]
    used = {token for token in tokens if token[0] in "#:"}
    given = {*terms.names, *terms.values}
    if used != given:
        raise Invalid(f"placeholders used {sorted(used)}, given {sorted(given)}")
