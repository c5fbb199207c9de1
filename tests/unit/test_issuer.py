"""The development issuer: tokens for any name, one key for each folder, and never when deployed."""

import ast
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.auth.oidc import Oidc
from chalicelib.auth.tokens import Authenticator, Caller, JwksKeys
from chalicelib.model.errors import ConfigError, Unauthenticated
from chalicelib.model.user_keys import user_id
from local.issuer import AUDIENCE, ISSUER, Issuer

NOW = 1_800_000_000.75
ROOT = Path(__file__).parents[2]
JWKS_URL = "http://127.0.0.1:8001/keys"


def authenticator(issuer: Issuer, now: float = NOW) -> Authenticator:
    oidc = Oidc(ISSUER, AUDIENCE, JWKS_URL, deployed=False)
    keys = JwksKeys(JWKS_URL, lambda _: issuer.jwks(), lambda: now)
    return Authenticator(oidc, keys, lambda: now)


def key_file(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


@pytest.mark.parametrize("name", ["alice", "a", "x" * 64, "Ada Lovelace", "Zoë", "a|b", "愛"])
def test_a_token_is_accepted_for_any_name(tmp_path: Path, name: str) -> None:
    """The app accepts the token as the user of that name, for twelve hours."""
    issuer = Issuer(tmp_path)
    caller = authenticator(issuer).caller("Bearer " + issuer.token(name, NOW))
    assert caller == Caller(user_id(ISSUER, name), int(NOW) + 12 * 3600)


def test_a_token_ends_when_asked_to(tmp_path: Path) -> None:
    """A lifetime can be given, and the token is refused once it is over."""
    issuer = Issuer(tmp_path)
    bearer = "Bearer " + issuer.token("alice", NOW, timedelta(minutes=1))
    assert authenticator(issuer, NOW + 59).caller(bearer).expires_at == int(NOW) + 60
    with pytest.raises(Unauthenticated, match="expired"):
        authenticator(issuer, NOW + 60).caller(bearer)


@pytest.mark.parametrize(
    "name", ["", " ", " alice", "alice ", "x" * 65, "a\nb", "a\tb", "\x00", "a\u00a0b", "\ud800"]
)
def test_a_name_that_cannot_be_seen_is_refused(tmp_path: Path, name: str) -> None:
    """Empty, long and unprintable names, and spaces at the ends, are errors that say what to do."""
    with pytest.raises(ValueError, match=r"1 to 64 printable characters .* USER=alice"):
        Issuer(tmp_path).token(name, NOW)


def test_the_key_stays_with_its_folder(tmp_path: Path) -> None:
    """After a restart the issuer has the same key, so that tokens given out go on working."""
    token = Issuer(tmp_path).token("alice", NOW)
    assert authenticator(Issuer(tmp_path)).caller("Bearer " + token).expires_at > NOW


def test_each_folder_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Another workspace's token is refused: its key is another, under another id."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    token = Issuer(tmp_path / "one").token("alice", NOW)
    with pytest.raises(Unauthenticated, match="not signed with a key that its issuer publishes"):
        authenticator(Issuer(tmp_path / "two")).caller("Bearer " + token)


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    """The folder holds the key's file alone, mode 0600."""
    Issuer(tmp_path)
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_the_key_set_is_public(tmp_path: Path) -> None:
    """What the issuer publishes is the public half of one key, and nothing besides."""
    [key] = json.loads(Issuer(tmp_path).jwks())["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def another_curve() -> bytes:
    key = generate_private_key(SECP384R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "content",
    [b"", b"not a key", b"\xff" * 100, another_curve()],
    ids=["empty", "text", "bytes", "another curve"],
)
def test_a_damaged_key_is_an_error_that_names_its_file(tmp_path: Path, content: bytes) -> None:
    """A file that holds no key is never replaced in silence; the error says to delete it."""
    Issuer(tmp_path)
    key_file(tmp_path).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(str(key_file(tmp_path))) + ".* Delete it"):
        Issuer(tmp_path)


START_TOGETHER = """
import sys
from pathlib import Path
from local.issuer import Issuer
print("ready", flush=True)
for folder in sys.stdin.readline().split():
    print(Issuer(Path(folder)).jwks().decode())
"""


def test_processes_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    """However many processes come first to a folder, all of them end up with the same key."""
    folders = [tmp_path / str(number) for number in range(50)]
    for folder in folders:
        folder.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START_TOGETHER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(" ".join(map(str, folders)) + "\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0].splitlines() for process in processes]
    assert len(answers[0]) == len(set(answers[0])) == 50
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize("jwks_url", [JWKS_URL, "https://issuer.example/keys"])
def test_no_deployed_stage_can_be_configured_for_it(jwks_url: str) -> None:
    """Wherever its keys are said to be, the development issuer is refused where we are deployed."""
    with pytest.raises(ConfigError, match="OIDC_ISSUER"):
        Oidc(ISSUER, AUDIENCE, jwks_url)


def test_its_keys_come_from_this_machine_or_not_at_all() -> None:
    """Even on a developer's machine nobody else can serve the development issuer's keys."""
    with pytest.raises(ConfigError, match="OIDC_ISSUER"):
        Oidc(ISSUER, AUDIENCE, "https://issuer.example/keys", deployed=False)


def modules_imported_by(source: Path) -> set[str]:
    """The top-level packages that a file imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


def test_what_is_deployed_never_imports_it() -> None:
    """Neither the app nor any module of chalicelib imports what is for a developer's machine."""
    deployed = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    assert ROOT / "chalicelib" / "auth" / "tokens.py" in deployed
    assert [path for path in deployed if "local" in modules_imported_by(path)] == []
