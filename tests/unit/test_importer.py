"""The importer's decisions, without a server: rows, batches, answers, records."""

import csv
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.importer.command import check_url, lines_of_progress, main
from local.importer.progress import Flight, Progress, Store, from_json, to_json
from local.importer.rows import (
    LONGEST_RECORD,
    MAX_IGNORED_NAMES,
    Format,
    Image,
    Mark,
    Reader,
    Reading,
    Rejected,
    Row,
    Unusable,
)
from local.importer.saving import MAX_BYTES, MAX_ROWS, batches, content, find_run, halves, refuse
from local.importer.server import (
    Refused,
    Saved,
    Stopped,
    TooMuch,
    asked_pause,
    body,
    is_passing,
    verdict,
)

URL = "https://images.example/1.png"

WHOLE = {
    "30.0": 30,
    "300e-1": 30,
    "-0.0": 0,
    "9007199254740991.0": 2**53 - 1,
}

ROUNDED = ["3.99557E+09", "1.23457E+14", "3e1", "9007199254740992.0", "1.2345678901234567e+19"]
"""What Excel and pandas write of a seed: its last digits are gone."""


def read(text: str | bytes, kind: Format = "jsonl", **mapping: Mapping[str, str]) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return list(Reader(io.BytesIO(data), Reading(kind, **mapping)).rows())


def images(rows: list[Row]) -> list[dict[str, Any]]:
    return [json.loads(row.json) for row in rows if isinstance(row, Image)]


def reasons(rows: list[Row]) -> dict[int, str]:
    return {row.line: row.reason for row in rows if isinstance(row, Rejected)}


def line(**fields: object) -> str:
    return json.dumps({"prompt": "a cat", "imageUrl": URL} | fields) + "\n"


class TestJsonLines:
    def test_all_fields_are_read(self) -> None:
        """Every field of an image is read as it stands."""
        fields = {"model": "sdxl", "seed": 2**64 - 1, "steps": 30}
        assert images(read(line(**fields))) == [{"prompt": "a cat", "imageUrl": URL} | fields]

    @pytest.mark.parametrize(
        "prompt", ['"quoted"', "  spaces  ", "two\nlines", "tab\t", "猫 🐈", "e\u0301", "\u2028"]
    )
    def test_prompts_are_verbatim(self, prompt: str) -> None:
        """A prompt's text is not changed in any way, whether escaped or not."""
        for ascii_only in (True, False):
            text = json.dumps({"prompt": prompt, "imageUrl": URL}, ensure_ascii=ascii_only)
            assert images(read(text))[0]["prompt"] == prompt

    @pytest.mark.parametrize(("literal", "number"), WHOLE.items())
    def test_whole_numbers_may_be_written_as_floats(self, literal: str, number: int) -> None:
        """As pandas writes them where a value is missing elsewhere; exact in every digit."""
        text = f'{{"prompt": "p", "imageUrl": "{URL}", "seed": {literal}}}'
        (row,) = read(text)
        assert isinstance(row, Image)
        assert row.json.decode().endswith(f'"seed":{number}}}')

    @pytest.mark.parametrize("literal", ROUNDED)
    def test_a_seed_that_was_rounded_is_rejected(self, literal: str) -> None:
        """In JSON and in a table: an image with another seed is worse than none."""
        rows = read(f'{{"prompt": "p", "imageUrl": "{URL}", "seed": {literal}}}')
        rows += read(f"prompt,imageUrl,seed\na cat,{URL},{literal}\n", "csv")
        assert len(rows) == 2
        assert all("digits were lost" in row.reason for row in rows if isinstance(row, Rejected))
        assert images(rows) == []

    def test_null_is_absent(self) -> None:
        """A null is as if the name were not there."""
        assert images(read(line(model=None))) == [{"prompt": "a cat", "imageUrl": URL}]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ('{"prompt": "private"', "is not JSON"),
            ('["private"]', "is not a JSON object"),
            ('{"prompt": NaN, "imageUrl": "private"}', "NaN"),
            ('{"prompt": "private", "prompt": "b", "imageUrl": "c"}', "twice"),
            ('{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}", "is not JSON"),
            ('{"seed": ' + "9" * 5000 + "}", "is not JSON"),
            (line(prompt=None), "prompt: there is none"),
            ("{}", "prompt: there is none"),
            (line(imageUrl=None), "imageUrl: there is none"),
            (line(prompt=["private"]), "prompt: must be text"),
            (line(steps="30"), "steps: must be a whole number"),
            (line(steps=True), "steps: must be a whole number"),
            (line(steps=30.5), "steps: must be a whole number"),
            (line(seed=-1.0), "seed: must be a whole number or text"),
            ('{"prompt": "p", "imageUrl": "u", "seed": 1e400}', "seed: its last digits were lost"),
            ('{"seed": 1e99999999999999999999}', "is not JSON"),
            (line(seed=1.5), "seed: must be a whole number or text"),
            (line(prompt="\ud800 private"), "surrogate"),
        ],
    )
    def test_bad_lines_are_rejected(self, text: str, reason: str) -> None:
        """A line that is no image is rejected with a reason that holds none of it; others stay."""
        rows = read(line() + text.strip() + "\n" + line())
        assert list(reasons(rows)) == [2]
        assert reason in reasons(rows)[2]
        assert "private" not in reasons(rows)[2]
        assert [row.line for row in rows if isinstance(row, Image)] == [1, 3]

    def test_bytes_that_are_no_text_are_rejected(self) -> None:
        """A line that is not UTF-8 is rejected, and the byte is named."""
        rows = read(b"\xff\n" + line().encode())
        assert reasons(rows) == {1: "is not UTF-8 (at byte 1 of the line)"}
        assert len(images(rows)) == 1

    def test_an_endless_line_is_rejected(self) -> None:
        """A line longer than any image is rejected whole, and the next one keeps its number."""
        rows = read(line(prompt="x" * 2 * LONGEST_RECORD) + line())
        assert [row.line for row in rows] == [1, 2]
        assert "longer" in reasons(rows)[1]

    def test_mark_and_blank_lines_are_passed_over(self) -> None:
        """A byte order mark, blank lines and Windows line ends are no content."""
        rows = read(b"\xef\xbb\xbf" + line().encode() + b"\r\n\n  \n" + line().encode())
        assert [row.line for row in rows] == [1, 5]
        assert len(images(rows)) == 2

    def test_unknown_names_are_told(self) -> None:
        """Names that are no fields are ignored and remembered, but not without a bound."""
        many = {f"x{i}": i for i in range(MAX_IGNORED_NAMES + 5)}
        reader = Reader(io.BytesIO(line(**many).encode()), Reading("jsonl"))
        assert len(list(reader.rows())) == 1
        assert len(reader.ignored) == MAX_IGNORED_NAMES


class TestMapping:
    def test_columns_and_values(self) -> None:
        """Columns rename, values are the same for all lines but for the line's number."""
        columns = {"prompt": "Prompt"}
        values = {"imageUrl": "https://images.example/{line}-{x}.png", "steps": "30"}
        rows = read("Prompt,steps\na cat,1\na dog,2\n", "csv", columns=columns, values=values)
        assert images(rows) == [
            {"prompt": text, "imageUrl": f"https://images.example/{n}-{{x}}.png", "steps": 30}
            for n, text in [(2, "a cat"), (3, "a dog")]
        ]

    def test_values_alone(self) -> None:
        """Where all is given by values every line that is not blank is an image."""
        values = {"prompt": "a cat", "imageUrl": URL}
        assert len(images(read("{}\n\n{}\n", values=values))) == 2
        assert len(images(read('id,x\n1,\n\n"",\n', "csv", values=values))) == 2

    def test_mapping_of_json_names(self) -> None:
        """A mapping names JSON members, too; the field's own name is then another's."""
        text = json.dumps({"text": "a cat", "prompt": "b", "imageUrl": URL})
        assert images(read(text, columns={"prompt": "text"}))[0]["prompt"] == "a cat"


class TestCells:
    def test_kinds_of_cells(self) -> None:
        """In CSV a seed stays text, steps become a number, an empty cell is absent."""
        rows = read(f"prompt,imageUrl,model,seed,steps\na cat,{URL},,007,30\n", "csv")
        assert images(rows) == [{"prompt": "a cat", "imageUrl": URL, "seed": "007", "steps": 30}]

    @pytest.mark.parametrize(("literal", "number"), WHOLE.items())
    def test_whole_numbers_may_be_written_as_floats(self, literal: str, number: int) -> None:
        """A seed and steps lose no digit by it."""
        rows = read(f"prompt,imageUrl,seed,steps\na cat,{URL},{literal},{literal}\n", "csv")
        (image,) = images(rows)
        assert (image["seed"], image["steps"]) == (str(number), number)

    @pytest.mark.parametrize("seed", ["0.5", "-1.0", "NaN", "1_0.0"])
    def test_other_seeds_are_left_as_they_are(self, seed: str) -> None:
        """The API refuses these seeds, and the importer tells its reason."""
        assert images(read(f"prompt,imageUrl,seed\na,{URL},{seed}\n", "csv"))[0]["seed"] == seed

    @pytest.mark.parametrize("prompt", ['say "hi"', "a, b", "two\nlines", "two\r\nlines", " x "])
    def test_csv_is_read_as_others_write_it(self, prompt: str) -> None:
        """What a CSV writer quotes is read back verbatim, and lines are counted as in an editor."""
        text = io.StringIO(newline="")
        csv.writer(text).writerows([["prompt", "imageUrl"], [prompt, URL], ["end", URL]])
        rows = read(text.getvalue(), "csv")
        assert [image["prompt"] for image in images(rows)] == [prompt, "end"]
        assert [row.line for row in rows] == [2, 3 + prompt.count("\n")]

    @pytest.mark.parametrize("prompt", ['"S T O P" on a wall', '"all"', 'a 5" nail'])
    def test_tsv_has_no_quotes(self, prompt: str) -> None:
        """In TSV quotes are part of the text, also at a cell's start."""
        rows = read(f"prompt\timageUrl\n{prompt}\t{URL}\nend\t{URL}\n", "tsv")
        assert [image["prompt"] for image in images(rows)] == [prompt, "end"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (f"a cat,{URL}", "has 2 cells, but the header has 3"),
            (f"a, cat,{URL},30", "has 4 cells"),
            (f"a cat,{URL},many", "steps: is not a whole number"),
            (f"a cat,{URL},３０", "steps: is not a whole number"),
            (f"a cat,{URL},-1", "steps: is not a whole number"),
            (f"a cat,{URL},30.5", "steps: is not a whole number"),
            (f"a cat,{URL},1e400", "steps: is not a whole number"),
            (f"a cat,{URL},30.0.0", "steps: is not a whole number"),
            (f"a cat,{URL},nan", "steps: is not a whole number"),
            (",x,30", "prompt: there is none"),
            (",,", "prompt: there is none"),
            (f'"private" cat,{URL},30', "cannot be read"),
            (f'"a cat,{URL},30', "cannot be read"),
        ],
    )
    def test_bad_records_are_rejected(self, text: str, reason: str) -> None:
        """A record that does not fit is rejected alone, even one whose quote is never closed."""
        good = f"a cat,{URL},30\n"
        rows = read(f"prompt,imageUrl,steps\n{good}{text}\n{good}{good}", "csv")
        assert list(reasons(rows)) == [3]
        assert reason in reasons(rows)[3]
        assert "private" not in reasons(rows)[3]
        assert [row.line for row in rows if isinstance(row, Image)] == [2, 4, 5]

    def test_the_tail_of_a_torn_csv_record_is_no_image(self) -> None:
        """A writer that puts backslashes before quotes, as no CSV reader takes them."""
        text = f'prompt,imageUrl\n"he said \\"hi\\"\nand left",{URL}\na cat,{URL}\n'
        rows = read(text, "csv")
        assert list(reasons(rows)) == [2, 3]
        assert (
            "a quote stands inside a cell; double it and quote the whole cell" in reasons(rows)[3]
        )
        assert [row.line for row in rows if isinstance(row, Image)] == [4]

    @pytest.mark.parametrize("cell", ['a 5" nail', ' "a cat"', 'a "cat"', 'cat"'])
    def test_a_quote_in_a_csv_cell_without_quotes_is_rejected(self, cell: str) -> None:
        rows = read(f"prompt,imageUrl\n{cell},{URL}\n", "csv")
        assert "a quote stands inside a cell" in reasons(rows)[2]

    @pytest.mark.parametrize("cell", ['"', '"he said', 'and left"', '"a" b "', '"""'])
    def test_an_unpaired_quote_at_a_tsv_cells_edge_is_rejected(self, cell: str) -> None:
        """It is half of a cell that was quoted, as in CSV, and spread over lines."""
        rows = read(f"prompt\timageUrl\n{cell}\t{URL}\n", "tsv")
        assert "in TSV quotes are text" in reasons(rows)[2]

    @pytest.mark.parametrize("prompt", ['says "OPEN", neon', '"all"', "a fox, snow"])
    def test_what_spreadsheets_put_quotes_around_in_tsv_is_rejected(self, prompt: str) -> None:
        """Read as text, the quotes would become a part of the prompt."""
        cell = '"' + prompt.replace('"', '""') + '"'
        rows = read(f"prompt\timageUrl\n{cell}\t{URL}\n", "tsv")
        assert "a cell stands in quotes" in reasons(rows)[2]

    @pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
    @pytest.mark.parametrize(
        ("file", "message"),
        [
            ("prompt,imageUrl\na,b\n".encode("utf-16"), "UTF-16"),
            ("prompt,imageUrl\na,b\n".encode("utf-16-le"), "UTF-16"),
            ("prompt,imageUrl\na,b\n".encode("utf-16-be"), "UTF-16"),
            (gzip.compress(b"prompt,imageUrl\na,b\n", mtime=0), "gzip"),
            (b"prompt,imageUrl\ra,b\r", "carriage returns"),
        ],
    )
    def test_a_file_in_another_form_is_named(self, kind: Format, file: bytes, message: str) -> None:
        with pytest.raises(Unusable, match=message):
            Reader(io.BytesIO(file), Reading(kind))

    @pytest.mark.parametrize("kind", ["csv", "tsv"])
    def test_an_empty_file_is_called_empty(self, kind: Format) -> None:
        with pytest.raises(Unusable, match="The file is empty"):
            Reader(io.BytesIO(b""), Reading(kind))

    def test_an_open_quote_swallows_nothing(self) -> None:
        """The lines behind an open quote are read on their own, however many follow."""
        many = f"a cat,{URL}\n" * 60_000
        rows = read(f'prompt,imageUrl\n"open,{URL}\n{many}', "csv")
        assert len(rows) == 60_001
        assert list(reasons(rows)) == [2]

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("text,imageUrl", "no column 'prompt'"),
            ("", "its columns are none"),
            ("prompt,prompt,imageUrl", "several columns 'prompt'"),
        ],
    )
    def test_headers_that_do_not_fit(self, header: str, message: str) -> None:
        """A header without a needed column, or with one twice, ends the import before it begins."""
        with pytest.raises(Unusable, match=message):
            read(f"{header}\na,b,c\n", "csv")

    def test_a_column_that_was_asked_for_must_be_there(self) -> None:
        """A mapped column that the header lacks is a mistake, even for an optional field."""
        with pytest.raises(Unusable, match="no column 'Model' for model"):
            read("prompt,imageUrl\n", "csv", columns={"model": "Model"})


def numbered(count: int) -> bytes:
    return "".join(line(prompt=str(n)) for n in range(1, count + 1)).encode()


class TestResuming:
    def resume(self, before: bytes, after: bytes, settled: int) -> list[Row]:
        """The rows of `after` behind the first `settled` rows of `before`."""
        done = list(Reader(io.BytesIO(before), Reading("jsonl")).rows())[settled - 1].end
        reader = Reader(io.BytesIO(after), Reading("jsonl"))
        reader.resume(done, done)
        return list(reader.rows())

    def test_goes_on_at_the_mark(self) -> None:
        """The rows behind a mark are the same as when the file is read from its start."""
        assert self.resume(numbered(9), numbered(9), 4) == read(numbered(9))[4:]

    def test_header_is_not_a_row(self) -> None:
        """A CSV file is resumed with the names of its header, from behind it, too."""
        text = f"prompt,imageUrl\na cat,{URL}\n".encode()
        reader = Reader(io.BytesIO(text), Reading("csv"))
        start = reader.here()
        again = Reader(io.BytesIO(text), Reading("csv"))
        again.resume(start, start)
        assert list(again.rows()) == list(reader.rows())

    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
    def test_a_file_may_grow(self, end: bytes) -> None:
        """Lines that were added are read, also where the last line had no end yet."""
        before = numbered(3).rstrip(b"\n") + (end and b"\n")
        after = before + (end or b"\n") + line(prompt="new").encode()
        (row,) = self.resume(before, after, 3)
        assert isinstance(row, Image)
        assert json.loads(row.json)["prompt"] == "new"
        assert row.line == (5 if end else 4)

    @pytest.mark.parametrize(
        "after",
        [
            numbered(9).replace(b'"2"', b'"x"'),
            numbered(2),
            b"",
            numbered(3).rstrip(b"\n") + b" more\n",
        ],
    )
    def test_a_changed_file_is_refused(self, after: bytes) -> None:
        """A file that changed in what was settled is not gone on with."""
        with pytest.raises(Unusable, match="--restart"):
            self.resume(numbered(3).rstrip(b"\n"), after, 3)

    def test_a_batch_under_way_must_not_change(self) -> None:
        """A file that changed within the batch under way is refused as well."""
        marks = [row.end for row in read(numbered(5))]
        reader = Reader(io.BytesIO(numbered(5).replace(b'"4"', b'"x"')), Reading("jsonl"))
        reader.resume(marks[2], marks[2])
        with pytest.raises(Unusable):
            reader.resume(marks[2], marks[4])


def image_row(number: int, size: int = 100) -> Image:
    return Image(number, Mark(number * 10, number), b"x" * size)


def rejected_row(number: int) -> Rejected:
    return Rejected(number, Mark(number * 10, number), "no")


class TestBatches:
    def sizes(self, rows: list[Row], first_end: int = 0) -> list[int]:
        grouped = list(batches(rows, first_end))
        assert [row for batch in grouped for row in batch] == rows
        return [len(batch) for batch in grouped]

    def test_images_are_bounded(self) -> None:
        """A batch has 25 images at most; rejected rows do not count."""
        rows: list[Row] = [image_row(n) if n % 2 else rejected_row(n) for n in range(1, 101)]
        assert self.sizes(rows) == [50, 50]

    def test_bytes_are_bounded(self) -> None:
        """A batch's body stays below the API's 1 MB; one huge image goes alone."""
        sizes = [MAX_BYTES // 3, MAX_BYTES // 3, MAX_BYTES // 2, 2 * MAX_BYTES, 10]
        assert self.sizes([image_row(n, size) for n, size in enumerate(sizes, 1)]) == [2, 1, 1, 1]
        assert len(body([b"x" * (MAX_BYTES // 25 - 1)] * 25)) < 1_000_000

    def test_rejected_rows_are_bounded(self) -> None:
        """Many rejected rows in a row are put on record as they come."""
        rows: list[Row] = [rejected_row(n) for n in range(1, MAX_ROWS + 2)]
        assert self.sizes(rows) == [MAX_ROWS, 1]

    def test_first_batch_ends_where_it_did(self) -> None:
        """The batch of an earlier run is formed again, whatever bounds hold today."""
        rows: list[Row] = [image_row(n) for n in range(1, 71)]
        assert self.sizes(rows, first_end=7 * 10) == [7, 25, 25, 13]
        assert self.sizes(rows, first_end=40 * 10) == [40, 25, 5]

    def test_nothing(self) -> None:
        """Without rows there is no batch."""
        assert self.sizes([]) == []

    def test_halves(self) -> None:
        """Halves share the images evenly and keep every row, in order."""
        batch: list[Row] = [rejected_row(1), *(image_row(n) for n in (2, 3)), rejected_row(4)]
        first, second = halves(batch)
        assert [*first, *second] == batch
        assert [row.line for row in first] == [1, 2]

    def test_refuse(self) -> None:
        """Refused lines become rejected rows at their place."""
        assert refuse([image_row(1), image_row(2)], {2: "no"}) == [image_row(1), rejected_row(2)]


class TestVerdicts:
    def test_saved(self) -> None:
        """A 201 with as many images as were sent says that they are saved."""
        answer = {"images": [{"cursor": 7}, {"cursor": 8}]}
        assert verdict(httpx.Response(201, json=answer), 2) == Saved(8)

    @pytest.mark.parametrize("answer", [{"images": [{"cursor": 7}]}, {}, [], "x"])
    def test_not_surely_saved(self, answer: object) -> None:
        """A 201 that does not show all images is not taken for an answer."""
        with pytest.raises(Stopped):
            verdict(httpx.Response(201, json=answer), 2)

    def test_refused(self) -> None:
        """The images that a 400 points at are refused, each with all of its reasons."""
        errors = [
            {"pointer": "#/images/1/prompt", "detail": "is too long"},
            {"pointer": "/images/1/seed", "detail": "is no number"},
            {"pointer": "#/images/0", "detail": "is odd"},
            {"pointer": "#/images/9/prompt", "detail": "is not ours"},
            {"pointer": "#/images/1x/prompt", "detail": "is not ours"},
        ]
        response = httpx.Response(400, json={"code": "invalid-image", "errors": errors})
        assert verdict(response, 2) == Refused(
            {1: "prompt: is too long; seed: is no number", 0: "is odd"}
        )

    def test_refused_without_a_culprit(self) -> None:
        """A 400 that points at no image, and a 413, mean: fewer at once."""
        assert verdict(httpx.Response(400, json={"detail": "Odd."}), 2) == TooMuch("Odd.")
        assert isinstance(verdict(httpx.Response(413, text="too large"), 2), TooMuch)

    @pytest.mark.parametrize(
        ("status", "advice"),
        [(401, "IMAGE_STORAGE_TOKEN"), (403, "--server"), (404, "--server"), (422, "--restart")],
    )
    def test_answers_that_end_the_import(self, status: int, advice: str) -> None:
        """An answer that no repetition changes ends the import and says what to do."""
        with pytest.raises(Stopped, match=advice):
            verdict(httpx.Response(status, json={"detail": "No."}), 2)

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_answers_to_ask_again_after(self, status: int) -> None:
        """Answers of a busy or failing server are asked for again."""
        assert is_passing(httpx.Response(status))

    @pytest.mark.parametrize("status", [201, 400, 401, 413, 422])
    def test_answers_that_stand(self, status: int) -> None:
        """Answers to what was sent are not asked for again."""
        assert not is_passing(httpx.Response(status))

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("7", 7),
            ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("soon", 0),
            ("-3", 0),
            ("", 0),
        ],
    )
    def test_retry_after(self, value: str, seconds: float) -> None:
        """Retry-After is understood in seconds and as a date; anything else asks for nothing."""
        response = httpx.Response(503, headers={"Retry-After": value})
        assert asked_pause(response, now=10) == seconds
        assert asked_pause(httpx.ConnectError("refused"), now=10) == 0


def saved(cursor: int, prompt: str) -> dict[str, Any]:
    image = {"cursor": cursor, "prompt": prompt, "imageUrl": URL, "createdAt": "…"}
    return {"cursor": cursor, "image": image}


def deleted(cursor: int, of: int) -> dict[str, Any]:
    return {"cursor": cursor, "deleted": of}


class TestFindRun:
    ab = tuple(content({"prompt": prompt, "imageUrl": URL}) for prompt in "ab")

    @pytest.mark.parametrize(
        ("changes", "last"),
        [
            ([saved(4, "a"), saved(5, "b")], 5),
            ([saved(4, "x"), saved(5, "a"), saved(6, "a"), saved(7, "b")], 7),
            ([saved(4, "a"), deleted(6, of=5)], 5),
            ([saved(5, "b"), deleted(6, of=4)], 5),
            ([], None),
            ([saved(4, "a")], None),
            ([saved(4, "b"), saved(5, "a")], None),
            ([saved(4, "a"), saved(5, "x"), saved(6, "b")], None),
            ([deleted(6, of=4), deleted(7, of=5)], None),
        ],
    )
    def test_find(self, changes: list[dict[str, Any]], last: int | None) -> None:
        """A batch is found as a consecutive run of its images, some of which may be deleted."""
        assert find_run(self.ab, changes) == last

    def test_same_image_twice(self) -> None:
        """A batch that holds one image twice is found where both stand."""
        twice = [self.ab[0]] * 2
        assert find_run(twice, [saved(4, "a")]) is None
        assert find_run(twice, [saved(4, "a"), saved(5, "a")]) == 5

    @pytest.mark.parametrize(("sent", "answered"), [(7, "7"), ("007", "7"), (0, "0")])
    def test_seeds(self, sent: int | str, answered: str) -> None:
        """A seed is recognised in the text that the API answers."""
        image = {"prompt": "a", "imageUrl": URL}
        assert content(image | {"seed": sent}) == content(image | {"seed": answered})
        assert content(image | {"seed": sent}) != content(image)

    def test_every_field_counts(self) -> None:
        """Images that differ in one field are different images."""
        image = {"prompt": "a", "imageUrl": URL, "model": "m", "seed": "1", "steps": 2}
        for name in image:
            assert content(image | {name: "9"}) != content(image)


class TestRecord:
    progress = Progress(
        Reading("csv", {"prompt": "Prompt"}, {"model": "sdxl"}),
        Mark(10, 2, "ab"),
        saved=1,
        cursor=0,
        flight=Flight("key", Mark(20, 3, "cd"), 1.5, ((3, "no"),)),
    )

    def test_round_trip(self) -> None:
        """A record reads back as it was written, with a batch under way and without."""
        for progress in (self.progress, replace(self.progress, flight=None)):
            assert from_json(to_json(progress)) == progress

    @pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b'{"flight": 1}', b"\xff"])
    def test_unreadable_record(self, text: bytes) -> None:
        """A record that cannot be read is refused with what to do."""
        with pytest.raises(Unusable, match="--restart"):
            from_json(text)

    def test_store_names(self, tmp_path: Path) -> None:
        """Each server, user and file has a record of its own."""
        file, other = tmp_path / "a.csv", tmp_path / "b.csv"
        Store(tmp_path, "s", "u", file).save(self.progress)
        assert Store(tmp_path, "s", "u", file).load() == self.progress
        for server, user, path in [("x", "u", file), ("s", "x", file), ("s", "u", other)]:
            assert Store(tmp_path, server, user, path).load() is None

    def test_rejections_beyond_the_record_are_overwritten(self, tmp_path: Path) -> None:
        """What a killed run had appended without putting it on record is written over."""
        store = Store(tmp_path, "s", "u", tmp_path / "a.csv")
        length = store.append_rejected(0, [rejected_row(1)])
        store.append_rejected(length, [rejected_row(2), rejected_row(3)])
        store.append_rejected(length, [rejected_row(4)])
        assert [json.loads(text)["line"] for text in store.rejections()] == [1, 4]

    def test_lock(self, tmp_path: Path) -> None:
        """The same import does not run twice at once; another file's does."""
        store = Store(tmp_path, "s", "u", tmp_path / "a.csv")
        other = Store(tmp_path, "s", "u", tmp_path / "b.csv")
        with (
            store.locked(),
            other.locked(),
            pytest.raises(Unusable, match="already"),
            store.locked(),
        ):
            pass
        with store.locked():
            pass


class TestCommandLine:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "required"),
            (["none.csv", "--user", "alice"], "no file"),
            (["a.txt", "--user", "alice"], "--format"),
            (["a.csv"], "--user"),
            (["a.csv", "--user", " alice"], "printable"),
            (["a.csv", "--user", "alice", "--column", "size=x"], "FIELD"),
            (["a.csv", "--user", "alice", "--value", "model"], "FIELD"),
            (["a.csv", "--user", "alice", "--value", "steps=few"], "whole number"),
            (["a.csv", "--user", "alice", "--value", "model=a", "--column", "model=b"], "one of"),
            (["a.csv", "--user", "alice", "--server", "http://images.example"], "https"),
            (["a.csv", "--user", "alice", "--patience", "0"], "patience"),
            (["a.csv", "--user", "alice", "--patience", "1e9"], "patience"),
            (["a.csv", "--user", "alice", "--report", "a.csv"], "--report"),
            (["a.csv", "--user", "alice", "--report", "none/x"], "--report"),
            (["a.csv", "--user", "alice", "--column", "prompt=Prompt"], "no column 'Prompt'"),
        ],
    )
    def test_usage_errors(
        self,
        arguments: list[str],
        message: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """What cannot be done as asked ends with exit code 2 and a message that says why."""
        monkeypatch.chdir(tmp_path)
        Path("a.csv").write_text("prompt,imageUrl\n")
        Path("a.txt").touch()
        assert main(arguments, {}) == 2
        assert message in capsys.readouterr().err

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        """--help tells the fields, the exit codes and the environment."""
        assert main(["--help"], {}) == 0
        shown = capsys.readouterr().out
        assert all(word in shown for word in ("imageUrl", "exit codes", "IMAGE_STORAGE_TOKEN"))

    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1", "https://x.example/api/"],
    )
    def test_addresses(self, url: str) -> None:
        """https everywhere and http on this machine are addresses, with a path or without."""
        assert check_url(url) == url.rstrip("/")

    @pytest.mark.parametrize(
        "url",
        [
            "http://images.example",
            "http://127.0.0.1.example",
            "ftp://127.0.0.1",
            "images.example",
            "https://a:b@images.example",
            "https://images.example?x=1",
            "https://",
            "http://127.0.0.1:many",
            "http://127.0.0.1:99999",
        ],
    )
    def test_addresses_that_are_refused(self, url: str) -> None:
        """An address that would show the token, or is none, is refused."""
        with pytest.raises(Unusable):
            check_url(url)

    def test_lines_of_progress(self) -> None:
        """Without a terminal a line is printed now and then, not for every batch."""
        stream, times = io.StringIO(), iter([0.0, 1.0, 5.0, 5.0, 6.0])
        show = lines_of_progress(200, stream, lambda: next(times))
        for offset in (10, 100, 150):
            show(Progress(Reading("csv"), Mark(offset), saved=offset))
        assert stream.getvalue() == "50%: 100 saved, 0 rejected\n"
