"""Reads a file's lines as images: JSON Lines, CSV or TSV, streamed.

Every record becomes one `Row`: an `Image`, ready to be sent, or a `Rejected` with the reason. A row
knows where it ends, so that reading can go on there. Reasons never hold what the file says.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO, Literal

from chalicelib.api.request import integer_of, may_be_rounded
from chalicelib.api.validation import MAX_SEED

Format = Literal["jsonl", "csv", "tsv"]

FORMATS: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
FIELDS: Mapping[str, tuple[type, ...]] = {
    "prompt": (str,),
    "imageUrl": (str,),
    "model": (str,),
    "seed": (int, str),
    "steps": (int,),
}
"""The fields of an image, and what JSON Lines may hold for each; anything else is ignored."""

REQUIRED = ("prompt", "imageUrl")
LONGEST_RECORD = 1_000_000
"""Bytes: no longer record can be saved, as the API takes bodies up to 1 MB."""

NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{0,40})?(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
"""A number in a cell; one with a fraction or an exponent is what pandas writes of a column in which
a value is missing."""

MAX_IGNORED_NAMES = 20
"""How many of a JSON Lines file's unknown names are remembered, to be reported."""

_CELL = r'(?:"(?:[^"]++|"")*+"|[^",]*+)'
CSV_RECORD = re.compile(rf"{_CELL}(?:,{_CELL})*+")
"""Quotes stand around a whole cell, or doubled in such a one (RFC 4180, section 2, rule 5 on)."""

LOOK = 65_536
"""Bytes at a file's beginning by which its form is known."""

GZIP = b"\x1f\x8b"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
EMPTY_SHA256 = hashlib.sha256().hexdigest()


class Unusable(Exception):
    """Nothing can be imported as asked; the message says what to change."""


class Unreadable(Exception):
    """One record cannot become an image; the message is the reason, without the content."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file: bytes and lines before it, and the hex SHA-256 of those bytes."""

    offset: int = 0
    lines: int = 0
    sha256: str = EMPTY_SHA256


@dataclass(frozen=True, slots=True)
class Image:
    """A record that can be sent: `json` is the image as the API takes it, UTF-8."""

    line: int
    end: Mark
    json: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be saved, and why. `line` is that of the record's start, from 1."""

    line: int
    end: Mark
    reason: str


Row = Image | Rejected


@dataclass(frozen=True, slots=True)
class Reading:
    """How records become images: field -> its name in the file, field -> text for every line."""

    format: Format
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def name(self, field_: str) -> str:
        """What the field is called in the file."""
        return self.columns.get(field_, field_)

    @property
    def names(self) -> Mapping[str, str]:
        """Field -> its name in the file, of the fields that are read from the file."""
        return {f: self.name(f) for f in FIELDS if f not in self.values}


class Lines:
    """A binary file's lines, counted and hashed as they are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = self._count = 0
        self._sha256 = hashlib.sha256()

    def next(self) -> bytes:
        """The next line with its end, b"" after the last; one that is too long is cut short."""
        line = piece = self._read_piece()
        while len(piece) > LONGEST_RECORD and not piece.endswith(b"\n"):
            piece = self._read_piece()
        self._count += bool(line)
        return line

    def _read_piece(self) -> bytes:
        piece = self._file.readline(LONGEST_RECORD + 1)
        self._offset += len(piece)
        self._sha256.update(piece)
        return piece

    def mark(self) -> Mark:
        return Mark(self._offset, self._count, self._sha256.hexdigest())

    def keep(self) -> "Place":
        return Place(self._offset, self._count, self._sha256.copy())

    def go_back(self, place: "Place") -> None:
        self._file.seek(place.offset)
        self._offset, self._count = place.offset, place.lines
        self._sha256 = place.sha256.copy()

    def skip_to(self, mark: Mark) -> None:
        """Reads on, up to the mark, without looking at lines."""
        while self._offset < mark.offset:
            if not (piece := self._file.read(min(1 << 20, mark.offset - self._offset))):
                break
            self._offset += len(piece)
            self._sha256.update(piece)
        self._count = mark.lines

    def finish_line(self) -> bool:
        """Reads the line's end if the line before stopped without one; False if it goes on."""
        if self._offset == 0 or self._byte_before() == b"\n":
            return True
        return self._read_piece() in (b"", b"\n", b"\r\n")

    def _byte_before(self) -> bytes:
        self._file.seek(-1, os.SEEK_CUR)
        return self._file.read(1)


@dataclass(frozen=True, slots=True)
class Place:
    """A place that `Lines` can go back to."""

    offset: int
    lines: int
    sha256: Any  # hashlib's own type has no public name


class Reader:
    """The rows of one file, from its start or from a mark on.

    Raises `Unusable` when the file is not in UTF-8 lines, or when a CSV or TSV header lacks a
    column that is needed.
    """

    def __init__(self, file: BinaryIO, reading: Reading) -> None:
        check_form(file.read(LOOK))
        file.seek(0)
        self._lines = Lines(file)
        self._reading = reading
        self._ignored: dict[str, None] = {}
        self._header = [] if reading.format == "jsonl" else self._read_header()

    def here(self) -> Mark:
        """How far has been read; at first, behind the header."""
        return self._lines.mark()

    @property
    def ignored(self) -> Collection[str]:
        """Names met in the file that are not read, in the order in which they were met."""
        return self._ignored.keys()

    def resume(self, done: Mark, furthest: Mark) -> None:
        """Goes on at `done`; Unusable if the file changed before `furthest` (which is not earlier).

        Lines that were added at the end are no change.
        """
        self._lines.go_back(Place(0, 0, hashlib.sha256()))
        self._lines.skip_to(done)
        place = self._lines.keep()
        self._lines.skip_to(furthest)
        if self._lines.mark() != furthest or not self._lines.finish_line():
            raise Unusable(
                f"The file was changed before line {furthest.lines + 1}, which is how far the "
                "import has got. To import lines that you mended, put them alone into a new file. "
                "Else put the file back as it was, or begin anew with --restart, which saves the "
                "saved lines a second time."
            )
        self._lines.go_back(place)
        self._lines.finish_line()

    def rows(self) -> Iterator[Row]:
        """The rows from here on; blank lines are passed over."""
        while True:
            before = self.here()
            line = before.lines + 1
            try:
                found = self._next_record()
                if (end := self.here()) == before:
                    return
                if found is not None:
                    yield Image(line, end, self._image(found, line))
            except Unreadable as error:
                yield Rejected(line, self.here(), str(error))

    def _image(self, found: Mapping[str, object], line: int) -> bytes:
        text = {f: v.replace("{line}", str(line)) for f, v in self._reading.values.items()}
        return image_json({**found, **from_text(text)}, self._reading)

    def _next_record(self) -> dict[str, object] | None:
        """The next record's fields; None for a blank line, and when there is no more."""
        return self._next_object() if self._reading.format == "jsonl" else self._next_cells()

    def _next_object(self) -> dict[str, object] | None:
        line = self._lines.next()
        if not (text := decode(line, is_first=self.here().lines == 1).strip()):
            return None
        found = parse_object(text)
        names = self._reading.names
        self._ignore(name for name in found if name not in names.values())
        return {f: found.get(name) for f, name in names.items()}

    def _next_cells(self) -> dict[str, object] | None:
        if not (cells := self._read_cells()):
            return None
        if len(cells) != len(self._header):  # RFC 4180, section 2, rule 4
            raise Unreadable(
                f"has {len(cells)} cells, but the header has {len(self._header)}; "
                "check its separators and quotes"
            )
        row = dict(zip(self._header, cells, strict=True))
        return from_text({f: row[n] for f, n in self._reading.names.items() if n in row})

    def _read_header(self) -> list[str]:
        try:
            header = self._read_cells()
        except Unreadable as error:
            raise Unusable(f"The file's first line, the header, {error}.") from error
        if not header and not self.here().offset:
            raise Unusable("The file is empty.")
        check_header(header, self._reading)
        self._ignore(name for name in header if name not in self._reading.names.values())
        return header

    def _read_cells(self) -> list[str]:
        """One CSV or TSV record; empty for a blank line, and when there is no more.

        A quote that is never closed would swallow the rest of the file; so a record that fails
        costs its first line alone, and reading goes on with the second.
        """
        taken: list[Place] = []
        lines: list[str] = []
        reader = csv.reader(
            self._record_lines(taken, lines),
            delimiter="\t" if self._reading.format == "tsv" else ",",
            # IANA's text/tab-separated-values knows no quotes: they are part of the text.
            quoting=csv.QUOTE_NONE if self._reading.format == "tsv" else csv.QUOTE_MINIMAL,
            strict=True,
        )
        try:
            cells = next(reader, [])
            check_quotes(self._reading.format, "".join(lines), cells)
            return cells
        except (csv.Error, Unreadable) as error:
            self._lines.go_back(taken[0])
            hint = "; check its quotes" if isinstance(error, csv.Error) else ""
            raise Unreadable(f"cannot be read: {error}{hint}") from error

    def _record_lines(self, taken: list[Place], lines: list[str]) -> Iterator[str]:
        """The next lines, which it also adds to `lines`; `taken` gets the first one's end."""
        size = 0
        while size <= LONGEST_RECORD and (line := self._lines.next()):
            if not taken:
                taken.append(self._lines.keep())
            size += len(line)
            lines.append(decode(line, is_first=self.here().lines == 1))
            yield lines[-1]

    def _ignore(self, names: Iterable[str]) -> None:
        for name in names:
            if len(self._ignored) < MAX_IGNORED_NAMES:
                self._ignored[name] = None


def decode(line: bytes, is_first: bool) -> str:
    if len(line) > LONGEST_RECORD:
        raise Unreadable(f"is longer than {LONGEST_RECORD:,} bytes")
    try:
        return line.removeprefix(BYTE_ORDER_MARK if is_first else b"").decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 (at byte {error.start + 1} of the line)") from error


def check_form(beginning: bytes) -> None:
    """Unusable if a file that begins so is not UTF-8 text in lines, where the cause is known."""
    if beginning.startswith(GZIP):
        raise Unusable("The file is compressed with gzip. Unpack it, and import what comes out.")
    if beginning.startswith(UTF_16) or b"\0" in beginning[:2]:
        raise Unusable("The file is UTF-16. Save it as UTF-8.")
    if b"\r" in beginning.strip() and b"\n" not in beginning:
        raise Unusable("The file's lines end with carriage returns alone. Save it with LF or CRLF.")


def check_quotes(format_: Format, record: str, cells: Iterable[str]) -> None:
    """Raises Unreadable where a quote shows that this may be a part of a record only. Some writers
    quote in other ways, and then a line in the middle of a cell looks like a record."""
    if '"' not in record:
        return
    if format_ == "csv" and not CSV_RECORD.fullmatch(record.rstrip("\r\n")):
        raise Unreadable("a quote stands inside a cell; double it and quote the whole cell")
    if format_ == "tsv" and any(map(has_lone_quote, cells)):
        raise Unreadable(
            "a cell begins or ends with a quote that has no other; in TSV quotes are text, so "
            "remove it, or save the file as CSV"
        )
    if format_ == "tsv" and any(map(is_quoted, cells)):
        raise Unreadable(
            "a cell stands in quotes, as spreadsheets write it; in TSV quotes are text, so remove "
            "them, or save the file as CSV"
        )


def has_lone_quote(cell: str) -> bool:
    return cell.count('"') % 2 == 1 and (cell.startswith('"') or cell.endswith('"'))


def is_quoted(cell: str) -> bool:
    """Whether it looks as Excel or Python's csv writes a cell with a comma or a quote in it."""
    inner = cell[1:-1]
    is_whole = len(cell) > 2 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return is_whole and ("," in inner or '""' in inner)


def check_header(header: list[str], reading: Reading) -> None:
    """Unusable unless each column that is needed or was asked for stands in the header once."""
    for field_, name in reading.names.items():
        needed = field_ in REQUIRED or field_ in reading.columns
        if header.count(name) > 1:
            raise Unusable(f"The file has several columns {name!r}; rename all but one.")
        if needed and name not in header:
            raise Unusable(
                f"The file has no column {name!r} for {field_}; its columns are "
                f"{', '.join(map(repr, header)) or 'none'}. Name it with --column {field_}=NAME, "
                f"or give a value for every line with --value {field_}=TEXT."
            )


def parse_object(text: str) -> dict[str, object]:
    """A line of JSON Lines, strictly read: no NaN, no name twice."""
    try:
        found = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_each_name_once
        )
    except json.JSONDecodeError as error:
        raise Unreadable(f"is not JSON ({error.msg} at character {error.pos + 1})") from error
    except (RecursionError, ValueError, ArithmeticError) as error:
        raise Unreadable("is not JSON (nested too deeply, or a number is too long)") from error
    if not isinstance(found, dict):
        raise Unreadable("is not a JSON object")
    return found


def _refuse(constant: str) -> object:
    raise Unreadable(f"is not JSON ({constant} is no number in JSON)")


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(found := dict(pairs)) < len(pairs):
        raise Unreadable("has a name twice in one object; keep one of them")
    return found


def from_text(texts: Mapping[str, str]) -> dict[str, object]:
    """Values of fields that come as text: an empty one is absent, `steps` is a number, and a seed
    that is written as a float is its digits. Any other seed is left for the API to judge."""
    found: dict[str, object] = {f: text for f, text in texts.items() if text}
    if steps := texts.get("steps"):
        found["steps"] = whole_number(steps)
        if found["steps"] is None:
            raise Unreadable("steps: is not a whole number in the digits 0-9")
    seed = texts.get("seed", "")
    if not seed.isdecimal() and NUMBER.fullmatch(seed):
        check_digits(Decimal(seed))
        number = whole_number(seed)
        found["seed"] = seed if number is None else str(number)
    return found


def check_digits(seed: Decimal) -> None:
    """Unreadable where a spreadsheet or a float has put zeros for a seed's last digits."""
    exponent = seed.as_tuple().exponent
    if may_be_rounded(seed) or (isinstance(exponent, int) and exponent > 0):
        raise Unreadable(
            "seed: its last digits were lost when the file was written (a spreadsheet or a float "
            "rounded it); export the column as text, from where the whole number still is"
        )


def whole_number(text: str) -> int | None:
    """Exactly the number that the text is, or None: 9007199254740993.0 is not rounded."""
    return integer_of(Decimal(text), 0, MAX_SEED) if NUMBER.fullmatch(text) else None


def as_integer(value: object) -> object:
    """A whole number that JSON has with a fraction or an exponent, without them."""
    number = integer_of(value, 0, MAX_SEED) if isinstance(value, Decimal) else None
    return value if number is None else number


def image_json(found: Mapping[str, object], reading: Reading) -> bytes:
    """The image as the API takes it; None stands for an absent field."""
    if isinstance(seed := found.get("seed"), Decimal):
        check_digits(seed)
    image = {f: as_integer(found[f]) for f in FIELDS if found.get(f) is not None}
    for name in REQUIRED:
        if name not in image:
            raise Unreadable(f"{name}: there is none under the name {reading.name(name)!r}")
    for name, value in image.items():
        if not isinstance(value, FIELDS[name]) or isinstance(value, bool):
            raise Unreadable(f"{name}: must be {_kinds(FIELDS[name])}")
    try:
        return json.dumps(image, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise Unreadable("holds half of a surrogate pair, which is no character") from error


def _kinds(types: tuple[type, ...]) -> str:
    return " or ".join({str: "text", int: "a whole number"}[kind] for kind in types)
