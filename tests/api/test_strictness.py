"""What the API refuses to take for something else, and what it takes as it is."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.support import JSON, assert_problem, library, picture, save, sync, where

# The API's promises, said once more: the app's own constants must not drift.
MAX_PROMPT = 10_000
MAX_URL = 2048
MAX_MODEL = 200
MAX_SEED = 2**64 - 1
MAX_STEPS = 10_000
MAX_LIMIT = 200
MAX_CURSOR = 2**53 - 1


def text(extra: str = "", prompt: str = '"p"') -> bytes:
    """An image's JSON text, with these characters put in as they are."""
    return f'{{"imageUrl":"https://i.example/","prompt":{prompt}{extra}}}'.encode()


NOT_STRICT_JSON = {
    "empty": b"",
    "blank": b" \n",
    "garbage": b"prompt=p",
    "cut": text()[:-1],
    "two values": text() + text(),
    "single quotes": b"{'prompt':'p'}",
    "comment": text() + b"// p",
    "trailing comma": text(",")[:-1] + b"}",
    "NaN": text(',"steps":NaN'),
    "Infinity": text(',"steps":Infinity'),
    "-Infinity": text(',"steps":-Infinity'),
    "duplicate name": text(',"prompt":"q"'),
    "duplicate unknown name": text(',"a":1,"a":1'),
    "duplicate name by escape": text(',"prom\\u0070t":"q"'),
    "nested duplicate name": text(',"model":{"a":[{"b":1,"b":2}]}'),
    "bomb of lists": b"[" * 100_000,
    "closed bomb of lists": b"[" * 100_000 + b"]" * 100_000,
    "bomb of objects": b'{"a":' * 100_000,
    "bomb in a field": text(',"model":' + "[" * 100_000 + "]" * 100_000),
    "high surrogate": text(prompt='"\\ud800"'),
    "low surrogate": text(prompt='"a\\udc00"'),
    "swapped surrogates": text(prompt='"\\udc00\\ud800"'),
    "upper-case surrogate": text(prompt='"\\uD83D"'),
    "surrogate in an unknown name": text(',"\\ud800":1'),
    "surrogate in a nested name": text(',"model":[{"\\udfff":1}]'),
    "invalid UTF-8": b'{"prompt":"\xff"}',
    "overlong UTF-8": b'{"prompt":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"prompt":"\xed\xa0\x80"}',
    "cut UTF-8": b'{"prompt":"\xf0\x9f\xa6',
    "latin-1": '{"prompt":"é"}'.encode("latin-1"),
    "UTF-16": '{"prompt":"p"}'.encode("utf-16"),
    "UTF-8 with BOM": b"\xef\xbb\xbf" + text(),
    "exponent of 20 digits": text(',"seed":1e99999999999999999999'),
    "negative exponent of 20 digits": text(',"seed":1e-99999999999999999999'),
    "5,000 digits": text(',"seed":' + "9" * 5000),
    "raw control character": text(prompt='"a\tb"'),
}


@pytest.mark.parametrize("route", ["/api/images", "/api/images/batch"])
@pytest.mark.parametrize("body", NOT_STRICT_JSON.values(), ids=NOT_STRICT_JSON.keys())
def test_body_must_be_strict_json(alice: httpx.Client, route: str, body: bytes) -> None:
    """A body that is not strict JSON is refused, and nothing is saved."""
    answer = alice.post(route, content=body, headers=JSON)
    assert_problem(answer, 400, "invalid-json")
    assert sync(alice) == 0


WRONG_FIELDS = {
    "no prompt": ({"prompt": ...}, "#/prompt"),
    "empty prompt": ({"prompt": ""}, "#/prompt"),
    "null prompt": ({"prompt": None}, "#/prompt"),
    "number as prompt": ({"prompt": 1}, "#/prompt"),
    "list as prompt": ({"prompt": ["p"]}, "#/prompt"),
    "long prompt": ({"prompt": "p" * (MAX_PROMPT + 1)}, "#/prompt"),
    "long prompt of emoji": ({"prompt": "🦊" * (MAX_PROMPT + 1)}, "#/prompt"),
    "no URL": ({"imageUrl": ...}, "#/imageUrl"),
    "null URL": ({"imageUrl": None}, "#/imageUrl"),
    "unknown field": ({"user": "bob"}, "#/user"),
    "unknown field in other case": ({"imageURL": "https://i.example/"}, "#/imageURL"),
    "unknown field to be escaped": ({"a/b~c é": 1}, "#/a~1b~0c%20%C3%A9"),
    "cursor": ({"cursor": 1}, "#/cursor"),
    "empty model": ({"model": ""}, "#/model"),
    "null model": ({"model": None}, "#/model"),
    "object as model": ({"model": {}}, "#/model"),
    "long model": ({"model": "m" * (MAX_MODEL + 1)}, "#/model"),
    "null seed": ({"seed": None}, "#/seed"),
    "true as seed": ({"seed": True}, "#/seed"),
    "negative seed": ({"seed": -1}, "#/seed"),
    "seed of 2^64": ({"seed": MAX_SEED + 1}, "#/seed"),
    "seed of a half": ({"seed": 0.5}, "#/seed"),
    "seed 2^64 as text": ({"seed": str(MAX_SEED + 1)}, "#/seed"),
    "seed -1 as text": ({"seed": "-1"}, "#/seed"),
    "seed -0 as text": ({"seed": "-0"}, "#/seed"),
    "seed 007": ({"seed": "007"}, "#/seed"),
    "seed +1": ({"seed": "+1"}, "#/seed"),
    "full-width seed": ({"seed": "１２"}, "#/seed"),
    "Arabic-Indic seed": ({"seed": "٣"}, "#/seed"),
    "seed after a space": ({"seed": " 7"}, "#/seed"),
    "seed before a line end": ({"seed": "7\n"}, "#/seed"),
    "seed with underscore": ({"seed": "1_0"}, "#/seed"),
    "seed with exponent": ({"seed": "1e3"}, "#/seed"),
    "empty seed": ({"seed": ""}, "#/seed"),
    "null steps": ({"steps": None}, "#/steps"),
    "true as steps": ({"steps": True}, "#/steps"),
    "steps as text": ({"steps": "30"}, "#/steps"),
    "no steps": ({"steps": 0}, "#/steps"),
    "negative steps": ({"steps": -1}, "#/steps"),
    "too many steps": ({"steps": MAX_STEPS + 1}, "#/steps"),
    "steps of half": ({"steps": 30.5}, "#/steps"),
}


def changed(members: dict[str, Any]) -> dict[str, Any]:
    """An image with these members instead; ``...`` leaves one out."""
    return {key: value for key, value in picture(**members).items() if value is not ...}


@pytest.mark.parametrize(("members", "at"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_fields_are_checked(alice: httpx.Client, members: dict[str, Any], at: str) -> None:
    """A wrong field is refused and named, and nothing is saved."""
    answer = alice.post("/api/images", json=changed(members))
    assert where(assert_problem(answer, 400, "invalid-image")) == [at]
    assert sync(alice) == 0


WHOLE = {
    "30.0": 30,
    "3e1": 30,
    "3E+1": 30,
    "300e-1": 30,
    "1e2": 100,
    "1.000e4": MAX_STEPS,
    "30." + "0" * 5000: 30,
}


@pytest.mark.parametrize(("number", "steps"), WHOLE.items(), ids=range(len(WHOLE)))
def test_steps_may_be_written_as_floats(alice: httpx.Client, number: str, steps: int) -> None:
    """30.0 and 3e1 are 30 to JSON Schema, and what pandas writes."""
    answer = alice.post("/api/images", content=text(f',"steps":{number}'), headers=JSON)
    assert answer.raise_for_status().json()["steps"] == steps


@pytest.mark.parametrize(
    ("number", "seed"),
    [
        ("30.0", "30"),
        ("1e2", "100"),
        ("-0.0", "0"),
        ("0e400", "0"),
        ("9007199254740991.0", "9007199254740991"),
    ],
)
def test_seeds_written_as_floats_are_exact(alice: httpx.Client, number: str, seed: str) -> None:
    """Below 2^53 a float has every digit."""
    answer = alice.post("/api/images", content=text(f',"seed":{number}'), headers=JSON)
    assert answer.raise_for_status().json()["seed"] == seed


@pytest.mark.parametrize(
    "number", ["9007199254740992.0", "9007199254740993.0", "1.2345678901234567e+19", "1e18"]
)
def test_seeds_that_a_float_has_rounded_are_refused(alice: httpx.Client, number: str) -> None:
    """From 2^53 on floats skip integers: what pandas writes there is another seed."""
    answer = alice.post("/api/images", content=text(f',"seed":{number}'), headers=JSON)
    assert where(assert_problem(answer, 400, "invalid-image")) == ["#/seed"]


@pytest.mark.parametrize("field", ["seed", "steps"])
@pytest.mark.parametrize(
    "number",
    [
        "30.5",
        "1e-400",
        "1e400",
        "1e999999",
        "-1.0",
        "18446744073709551616.0",
        "18446744073709551615.5",
        "30.00000000000000000000000000001",
        "30." + "0" * 5000 + "1",
    ],
    ids=range(9),
)
def test_what_is_not_whole_is_not_rounded(alice: httpx.Client, field: str, number: str) -> None:
    """Nor is what is too large by one."""
    answer = alice.post("/api/images", content=text(f',"{field}":{number}'), headers=JSON)
    assert where(assert_problem(answer, 400, "invalid-image")) == [f"#/{field}"]


@pytest.mark.parametrize("body", [[], [picture()], "p", 1, True, None])
def test_an_image_is_an_object(alice: httpx.Client, body: Any) -> None:
    """Any other JSON value is no image."""
    answer = alice.post("/api/images", content=json.dumps(body), headers=JSON)
    assert where(assert_problem(answer, 400, "invalid-image")) == ["#"]


def test_every_wrong_field_is_named(alice: httpx.Client) -> None:
    """An answer names all that is wrong in a batch, by its place."""
    images = [picture(), picture(steps=0, seed=-1), picture(), {"prompt": "p"}]
    answer = alice.post("/api/images/batch", json={"images": images})
    named = where(assert_problem(answer, 400, "invalid-image"))
    assert named == ["#/images/1/seed", "#/images/1/steps", "#/images/3/imageUrl"]


BAD_URLS = {
    "empty": "",
    "http": "http://i.example/",
    "javascript": "javascript:alert(1)",
    "data": "data:image/png;base64,AAAA",
    "no scheme": "//i.example/a.png",
    "no slashes": "https:i.example",
    "one slash": "https:/i.example",
    "no host": "https:///a.png",
    "port without host": "https://:443/",
    "query without host": "https://?a",
    "user": "https://user@i.example/",
    "user and password": "https://user:secret@i.example/",
    "empty user": "https://@i.example/",
    "backslash": "https://i.example\\@evil.example/",
    "backslashes for slashes": "https:\\\\i.example\\",
    "backslash in path": "https://i.example/a\\b",
    "port too high": "https://i.example:99999/",
    "port 65536": "https://i.example:65536/",
    "port no number": "https://i.example:https/",
    "space in host": "https://i .example/",
    "space in path": "https://i.example/a b",
    "space before": " https://i.example/",
    "space after": "https://i.example/ ",
    "tab": "https://i.example/a\tb",
    "line end": "https://i.example/a\nb",
    "line end after": "https://i.example/\n",
    "tab in scheme": "ht\ttps://i.example/",
    "NUL": "https://i.example/\x00",
    "escape": "https://i.example/\x1b[2J",
    "delete": "https://i.example/\x7f",
    "C1 control": "https://i.example/\x85",
    "no-break space": "https://i.example/\xa0",
    "line separator": "https://i.example/\u2028",
    "direction override": "https://i.example/\u202egpj.exe",
    "direction isolate": "https://i.example/\u2066a",
    "direction mark": "https://i.example/\u200fa",
    "zero-width space": "https://i.example/\u200ba",
    "BOM": "https://i.example/\ufeff",
    "ideographic space": "https://i.example/\u3000",
    "international host": "https://bücher.example/",
    "full-width host": "https://ｉ.example/",
    "percent in host": "https://i%2eexample/",
    "one too long": "https://i.example/" + "a" * (MAX_URL - 17),
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_unsafe_urls_are_refused(alice: httpx.Client, url: str) -> None:
    """What is not plainly an https URL is no image URL."""
    answer = alice.post("/api/images", json=picture(imageUrl=url))
    assert where(assert_problem(answer, 400, "invalid-image")) == ["#/imageUrl"]


GOOD = {
    "plain": {"imageUrl": "https://i.example"},
    "port": {"imageUrl": "https://i.example:65535/a.png"},
    "address": {"imageUrl": "https://192.0.2.1/a.png?b=c#d"},
    "IPv6": {"imageUrl": "https://[2001:db8::1]:8443/a.png"},
    "punycode": {"imageUrl": "https://xn--bcher-kva.example/"},
    "non-ASCII path": {"imageUrl": "https://i.example/füchse/狐.png?q=é"},
    "escapes": {"imageUrl": "https://i.example/%00%2e%2E/@:a"},
    "longest URL": {"imageUrl": "https://i.example/" + "a" * (MAX_URL - 18)},
    "one character": {"prompt": "p"},
    "longest prompt": {"prompt": "p" * MAX_PROMPT},
    "longest prompt of emoji": {"prompt": "🦊" * MAX_PROMPT},
    "emoji of several code points": {"prompt": "👩🏽‍🚀🏳️‍🌈"},
    "NUL": {"prompt": "a\x00b"},
    "control characters": {"prompt": "".join(map(chr, [*range(32), *range(127, 160)]))},
    "blank prompt": {"prompt": " \t\n"},
    "directions": {"prompt": "\u202eabc\u2066\u200f"},
    "separators": {"prompt": "\u2028\u2029\ufeff\uffff\ufffd"},
    "not composed": {"prompt": "e\u0301 é"},
    "markup": {"prompt": "</script><!-- \"'\\ {{}} %s -->"},
    "all": {"model": "m" * MAX_MODEL, "seed": str(MAX_SEED), "steps": MAX_STEPS},
    "least": {"model": " ", "seed": "0", "steps": 1},
}


@pytest.mark.parametrize("members", GOOD.values(), ids=GOOD.keys())
def test_images_come_back_verbatim(alice: httpx.Client, members: dict[str, Any]) -> None:
    """What was saved is answered and read back without a change."""
    sent = picture(**members)
    saved = alice.post("/api/images", json=sent).raise_for_status().json()
    sync(alice)
    (read,) = library(alice)
    assert saved == read == {**sent, "cursor": 1, "createdAt": saved["createdAt"]}


def test_surrogate_pairs_are_characters(alice: httpx.Client) -> None:
    """An escaped pair is the one character that it stands for."""
    answer = alice.post("/api/images", content=text(prompt='"\\ud83e\\udd8a"'), headers=JSON)
    assert answer.raise_for_status().json()["prompt"] == "🦊"


@pytest.mark.parametrize("seed", [0, 7, 2**53 + 1, MAX_SEED])
def test_seeds_are_answered_as_text(alice: httpx.Client, seed: int) -> None:
    """A seed given as a number comes back as the string of its digits."""
    saved = alice.post("/api/images", json=picture(seed=seed)).raise_for_status().json()
    assert saved["seed"] == str(seed)


@pytest.mark.parametrize("many", [1, 25])
def test_batches_are_saved_in_order(alice: httpx.Client, many: int) -> None:
    """A batch of 1 to 25 images gets consecutive cursors in its order."""
    images = [picture(str(n)) for n in range(1, many + 1)]
    saved = alice.post("/api/images/batch", json={"images": images}).raise_for_status().json()
    assert [(i["cursor"], i["prompt"]) for i in saved["images"]] == [
        (n, str(n)) for n in range(1, many + 1)
    ]


BAD_BATCHES = {
    "none": ({"images": []}, "#/images"),
    "26": ({"images": [picture()] * 26}, "#/images"),
    "no list": ({"images": picture()}, "#/images"),
    "no member": ({}, "#/images"),
    "bare list": ([picture()], "#"),
    "unknown member": ({"images": [picture()], "user": "bob"}, "#/user"),
    "one wrong": ({"images": [*[picture()] * 24, picture(steps=0)]}, "#/images/24/steps"),
    "one no object": ({"images": [picture(), None]}, "#/images/1"),
}


@pytest.mark.parametrize(("body", "at"), BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_wrong_batches_save_nothing(alice: httpx.Client, body: Any, at: str) -> None:
    """A batch with anything wrong in it is refused, and none of its images is saved."""
    answer = alice.post("/api/images/batch", json=body)
    assert at in where(assert_problem(answer, 400, "invalid-image"))
    assert sync(alice) == 0


@pytest.mark.parametrize("body", ["[]", "null", "0", '""', '{"user":"bob"}', "{", '{"a":NaN}'])
def test_a_sync_takes_no_arguments(alice: httpx.Client, body: str) -> None:
    """A sync's body is none or an empty object."""
    answer = alice.post("/api/images/sync", content=body, headers=JSON)
    assert_problem(answer, 400, "invalid-json")


@pytest.mark.parametrize("body", ["", " ", "{}", " { } "])
def test_a_sync_needs_no_body(alice: httpx.Client, body: str) -> None:
    """A sync is done with or without an empty object as its body."""
    answer = alice.post("/api/images/sync", content=body, headers=JSON)
    assert answer.raise_for_status().json() == {"cursor": 0, "applied": 0, "upToDate": True}


NOT_CURSORS = {
    "exponent": "1e3",
    "full-width": "１２",
    "Arabic-Indic": "٣",
    "superscript": "²",
    "space before": " 7",
    "space after": "7 ",
    "underscore": "1_0",
    "leading zero": "007",
    "2^53": str(MAX_CURSOR + 1),
    "negative": "-1",
    "minus zero": "-0",
    "plus": "+1",
    "fraction": "1.0",
    "hexadecimal": "0x1",
    "line end": "7\n",
    "NUL": "7\x00",
    "word": "null",
    "long": "9" * 5000,
}
PARAMETERS = [
    ("/api/images", "before"),
    ("/api/images", "at_least"),
    ("/api/images", "limit"),
    ("/api/images/changes", "after"),
    ("/api/images/changes", "limit"),
]


@pytest.mark.parametrize(("route", "name"), PARAMETERS)
@pytest.mark.parametrize("value", [*NOT_CURSORS.values(), ""], ids=[*NOT_CURSORS.keys(), "empty"])
def test_numbers_in_queries_are_plain_digits(
    alice: httpx.Client, route: str, name: str, value: str
) -> None:
    """A number in a query is plain ASCII digits within its limits, whatever else int() takes."""
    answer = alice.get(f"{route}?{name}={quote(value)}")
    assert where(assert_problem(answer, 400, "invalid-parameter")) == [name]


@pytest.mark.parametrize(
    ("route", "query", "name"),
    [
        ("/api/images", "before=0", "before"),
        ("/api/images", "at_least=0", "at_least"),
        ("/api/images", "limit=0", "limit"),
        ("/api/images", f"limit={MAX_LIMIT + 1}", "limit"),
        ("/api/images/changes", f"limit={MAX_LIMIT + 1}", "limit"),
        ("/api/images", "limit=5&limit=5", "limit"),
        ("/api/images", "before=1&before=2", "before"),
        ("/api/images", "at_least=1&at_least=", "at_least"),
        ("/api/images/changes", "after=0&limit=1&after=0", "after"),
        ("/api/images", "user=bob", "user"),
        ("/api/images", "Limit=5", "Limit"),
        ("/api/images", "after=1", "after"),
        ("/api/images/changes", "before=1", "before"),
        ("/api/images/changes", "user=bob", "user"),
        ("/api/images/1", "user=bob", "user"),
        ("/api/images/1", "limit=1", "limit"),
        ("/api/images", "user", "user"),
        ("/api/images", "=1", ""),
    ],
)
def test_parameters_are_known_and_given_once(
    alice: httpx.Client, route: str, query: str, name: str
) -> None:
    """A parameter that is out of bounds, repeated or unknown is refused and named."""
    answer = alice.get(f"{route}?{query}")
    assert where(assert_problem(answer, 400, "invalid-parameter")) == [name]


@pytest.mark.parametrize("route", ["/api/images", "/api/images/batch", "/api/images/sync"])
def test_writes_take_no_parameters(alice: httpx.Client, route: str) -> None:
    """A query is refused where there is none to give."""
    answer = alice.post(f"{route}?user=bob", json={})
    assert where(assert_problem(answer, 400, "invalid-parameter")) == ["user"]


@pytest.mark.parametrize(
    "value", [*NOT_CURSORS.values(), "0", "7/", "/"], ids=[*NOT_CURSORS.keys(), "0", "7/", "/"]
)
def test_cursors_in_paths_are_plain_digits(alice: httpx.Client, value: str) -> None:
    """A cursor in a path is plain ASCII digits from 1 on, whatever is behind its escapes."""
    answer = alice.get(f"/api/images/{quote(value, safe='')}")
    assert where(assert_problem(answer, 400, "invalid-parameter")) == ["cursor"]


@pytest.mark.parametrize("key", ["", "a b", "é", "a\tb", "k" * 256])
def test_idempotency_keys_are_visible_ascii(alice: httpx.Client, key: str) -> None:
    """A key is 1 to 255 visible ASCII characters."""
    headers = {b"Idempotency-Key": key.encode()}
    answer = alice.post("/api/images", json=picture(), headers=headers)
    assert where(assert_problem(answer, 400, "invalid-parameter")) == ["Idempotency-Key"]


def test_largest_numbers_are_taken(alice: httpx.Client) -> None:
    """The limits themselves are within."""
    save(alice)
    answer = alice.get("/api/images", params={"limit": MAX_LIMIT, "at_least": 1, "before": 2})
    assert [image["cursor"] for image in answer.raise_for_status().json()["images"]] == [1]
    beyond = alice.get("/api/images", params={"before": MAX_CURSOR})
    assert_problem(beyond, 410, "resync-required")
