"""Whom the local server answers: requests by an address of its own, changes from its own pages."""

import pytest

from local.doors import Asked, Doors, split

PORT = 8000
DOORS = Doors.of(PORT, "My.example, codespace.example:9000", ["https://app.example"])


def refused(
    method: str = "GET",
    target: str = "/",
    hosts: tuple[str, ...] = ("127.0.0.1:8000",),
    origins: tuple[str, ...] = (),
) -> int | None:
    answer = DOORS.refusal(Asked(method, target, hosts, origins))
    return None if answer is None else answer.status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8000",
        "localhost:8000",
        "LocalHost:8000",
        "[::1]:8000",
        "my.example",
        "MY.EXAMPLE",
        "codespace.example:9000",
    ],
)
def test_its_own_addresses_are_answered(host: str) -> None:
    assert refused(hosts=(host,)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1",
        "127.0.0.1:8001",
        "127.0.0.1:08000",
        "127.0.0.1:8000.evil.example",
        "localhost.:8000",
        "localhost.evil.example:8000",
        "user@localhost:8000",
        "127.0.0.2:8000",
        "127.1:8000",
        "::1:8000",
        "[::ffff:127.0.0.1]:8000",
        "my.example:8000",
        "codespace.example",
        "",
    ],
)
def test_any_other_address_is_refused(host: str) -> None:
    """A name that someone lets point to this machine is not one of its own."""
    assert refused(hosts=(host,)) == 421


@pytest.mark.parametrize("hosts", [(), ("127.0.0.1:8000", "127.0.0.1:8000"), ("a", "b")])
def test_a_request_names_one_host(hosts: tuple[str, ...]) -> None:
    assert refused(hosts=hosts) == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://127.0.0.1:8000/api/health", None),
        ("HTTP://LOCALHOST:8000", None),
        ("http://evil.example/api/health", 421),
        ("http://localhost:8000@evil.example/", 421),
        ("ftp://evil.example/api/health", 421),
        ("ftp://127.0.0.1:8000/api/health", 421),
        ("view-source+x.1://localhost:8000", 421),
    ],
)
def test_a_whole_url_as_target_must_be_its_own_too(target: str, status: int | None) -> None:
    """It counts before Host (RFC 9112, 3.2.2)."""
    assert refused(target=target) == status


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("/a?b", (None, "/a?b")),
        ("http://h:1/a?b", ("h:1", "/a?b")),
        ("http://h", ("h", "/")),
        ("http://h?q", ("h", "/?q")),
        ("*", (None, "*")),
    ],
)
def test_a_target_is_authority_and_path(target: str, parts: tuple[str | None, str]) -> None:
    assert split(target) == parts


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", None),
        ("http://localhost:8000", None),
        ("https://my.example", None),
        ("https://app.example", None),
        ("http://127.0.0.1:8001", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "FROBNICATE"])
def test_changes_come_from_its_own_pages(method: str, origin: str, status: int | None) -> None:
    """Or from those that CORS_ORIGINS names; who is no browser says nothing of an origin."""
    assert refused(method, origins=(origin,)) == status
    assert refused("GET", origins=(origin,)) is None
    assert refused(method) is None


def test_without_a_port_only_where_browsers_leave_it_out() -> None:
    assert "localhost" in Doors.of(80, "", ()).hosts
    assert "localhost" not in DOORS.hosts


@pytest.mark.parametrize("named", ["http://my.example", "a b", "*", "a:b", "a/b", "a\r\nb"])
def test_what_is_no_host_cannot_be_named(named: str) -> None:
    with pytest.raises(ValueError, match="HOSTS"):
        Doors.of(PORT, named, ())
