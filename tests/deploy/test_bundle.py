"""The package that is deployed: what is in it, that it is always the same, that it runs alone."""

import compileall
import json
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.bundle import ENDPOINTS, SERVICES
from deploy.interpreter import interpreter
from deploy.libraries import LOCK
from deploy.package import TEMPLATE, ZIP, Assembled
from deploy.refusal import Refusal
from deploy.stages import CONFIG, PYTHON, ROOT, Stage, read_stage
from tests.deploy.conftest import Template
from tests.web import HOST, Handler, listening

MACHINES = {"x86_64": 62, "arm64": 183}
"""Lambda's architectures, and what a native library's header (ELF's e_machine) calls them."""

HERE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
CONTENTS = {
    *("app", "chalicelib", "chalice", "__pycache__"),
    *("botocore", "dateutil", "httptools", "jmespath", "orjson", "six", "urllib3"),
    *("_cffi_backend", "cryptography", "jwt"),
}
MAX_BYTES = 8_200_000
MAX_FILES = 700

each_architecture = pytest.mark.parametrize("architecture", MACHINES)
needs_lambdas_system = pytest.mark.skipif(
    platform.system() != "Linux" or HERE not in MACHINES, reason="the libraries are for Linux"
)


try:
    interpreter(PYTHON)
except Refusal:
    pytest.skip(f"Python {PYTHON}, which stages run, is not here", allow_module_level=True)

STAGES = {"x86_64": "dev", "arm64": "prod"}
"""The architectures of this project's stages."""


@dataclass(frozen=True)
class Package:
    """The zip, and the template beside it; what the command said of them."""

    zip: Path
    template: Path
    said: str

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        with zipfile.ZipFile(self.zip) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Package]:
    """By architecture, each made by the product's command in a copy of the project."""
    folders = [tmp_path_factory.mktemp(stage) for stage in STAGES.values()]
    with ThreadPoolExecutor() as pool:
        return dict(zip(STAGES, pool.map(packaged, STAGES.values(), folders), strict=True))


def packaged(stage: str, project: Path) -> Package:
    copy_to(project)
    done = subprocess.run(
        [sys.executable, "-m", "deploy", "package", stage],
        cwd=project,
        check=True,
        capture_output=True,
        text=True,
    )
    out = project / "out" / stage
    return Package(out / ZIP, out / TEMPLATE, done.stdout)


def copy_to(project: Path) -> None:
    """The project, with what work leaves in it: bytecode, a desktop's file."""
    for name in ("chalicelib", "deploy"):
        shutil.copytree(ROOT / name, project / name)
    (project / CONFIG).parent.mkdir()
    for file in (Path("app.py"), Path(LOCK.name), CONFIG):
        shutil.copy(ROOT / file, project / file)
    compileall.compile_dir(project / "chalicelib", quiet=2)
    (project / "chalicelib" / "__pycache__" / "log.cpython-310.pyc").touch()
    (project / "chalicelib" / ".DS_Store").touch()


# What is in it


@each_architecture
def test_it_is_small(packages: Mapping[str, Package], architecture: str) -> None:
    """A third of Chalice's. Beyond the bounds, somebody has to decide whether it should grow."""
    package = packages[architecture]
    size, files = package.zip.stat().st_size, len(package.files)
    assert f"deployment.zip: {size:,} bytes, {files} files" in package.said
    assert size < MAX_BYTES
    assert files < MAX_FILES


@each_architecture
def test_it_has_the_product_and_its_libraries_and_nothing_else(
    packages: Mapping[str, Package], architecture: str
) -> None:
    paths = [PurePosixPath(name) for name in packages[architecture].files]
    tops = {path.parts[0] for path in paths}
    assert {top.split(".")[0] for top in tops if not top.endswith(".dist-info")} == CONTENTS
    assert not {".pyi", ".typed"} & {path.suffix for path in paths}
    assert not {"tests", ".DS_Store"} & {part for path in paths for part in path.parts}


def distributions(task: Path) -> list[str]:
    """The libraries that were taken in, by the folders that tell of them: ``six-1.17.0``."""
    return sorted(folder.name.removesuffix(".dist-info") for folder in task.glob("*.dist-info"))


@each_architecture
def test_all_that_it_is_made_of_is_pinned(
    assembled: Callable[[str], Assembled], architecture: str
) -> None:
    """And all that is pinned is there."""
    lines = LOCK.read_text().splitlines()
    pins = [Requirement(line.strip(" \\")) for line in lines if line[:1].isalpha()]
    taken = [d.split("-") for d in distributions(assembled(STAGES[architecture]).task)]
    assert {f"{canonicalize_name(pin.name)}{pin.specifier}" for pin in pins} == {
        f"{canonicalize_name(name)}=={version}" for name, version in taken
    }


def test_each_library_brings_its_licence(
    packages: Mapping[str, Package], assembled: Callable[[str], Assembled]
) -> None:
    """All but pycparser, which is not in it."""
    licensed = {name.split("-")[0] for name in packages["x86_64"].files if "LICENSE" in name}
    taken = {each.split("-")[0] for each in distributions(assembled(STAGES["x86_64"]).task)}
    assert taken - licensed == {"pycparser"}


def test_botocore_knows_the_services_that_the_code_makes_clients_of(
    packages: Mapping[str, Package],
) -> None:
    sources = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    code = "".join(source.read_text() for source in sources)
    used = set(re.findall(r"\bclient\((\S+?)[,)]", code))
    assert used - {"service"} == {f'"{service}"' for service in SERVICES}
    for model in ("service-2.json.gz", "endpoint-rule-set-1.json.gz"):
        files = [name for name in packages["x86_64"].files if name.endswith(f"/{model}")]
        assert {file.split("/")[2] for file in files} == set(SERVICES)


def test_the_list_of_endpoints_is_of_those_services(packages: Mapping[str, Package]) -> None:
    """Whoever makes a first client reads all of it."""
    endpoints = json.loads(packages["x86_64"].files[ENDPOINTS.as_posix()])
    for partition in endpoints["partitions"]:
        assert set(partition["services"]) <= set(SERVICES.values())
    assert set(endpoints["partitions"][0]["services"]) == set(SERVICES.values())


@each_architecture
def test_its_native_libraries_are_the_architectures(
    packages: Mapping[str, Package], architecture: str
) -> None:
    libraries = {
        name.split("/")[-1].split(".")[0]: content
        for name, content in packages[architecture].files.items()
        if name.endswith(".so")
    }
    assert set(libraries) == {"_cffi_backend", "_rust", "orjson", "parser", "url_parser"}
    for content in libraries.values():
        assert content.startswith(b"\x7fELF")
        assert int.from_bytes(content[18:20], "little") == MACHINES[architecture]


@each_architecture
def test_each_source_has_bytecode_that_is_used_unchecked(
    packages: Mapping[str, Package], architecture: str
) -> None:
    """PEP 552: flags 1 are a hash of the source, which nobody compares."""
    files = packages[architecture].files
    told = json.loads(output(["-c", HASHES, str(packages[architecture].zip)]))
    magic = bytes.fromhex(told["magic"])
    sources = [name for name in files if name.endswith(".py")]
    assert len(sources) == sum(name.endswith(".pyc") for name in files)
    for name in sources:
        path = PurePosixPath(name)
        tag = f"cpython-{PYTHON.replace('.', '')}"
        bytecode = files[str(path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc")]
        assert bytecode[:4] == magic
        assert int.from_bytes(bytecode[4:8], "little") == 1
        assert bytecode[8:16].hex() == told["hashes"][name]
        assert f"/var/task/{name}".encode() in bytecode


HASHES = """
import importlib.util, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    sources = [name for name in archive.namelist() if name.endswith(".py")]
    hashes = {name: importlib.util.source_hash(archive.read(name)).hex() for name in sources}
print(json.dumps({"magic": importlib.util.MAGIC_NUMBER.hex(), "hashes": hashes}))
"""
"""A Python's own: each hashes a source in its way."""


def output(arguments: list[str]) -> str:
    """What the stage's Python prints."""
    done = subprocess.run(
        [interpreter(PYTHON), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# The template beside it


@each_architecture
def test_the_template_is_the_one_that_is_judged_in_these_tests(
    packages: Mapping[str, Package],
    template_of: Callable[[Stage], Template],
    architecture: str,
) -> None:
    made = json.loads(packages[architecture].template.read_text())
    assert made == template_of(read_stage(STAGES[architecture]))
    functions = [r for r in made["Resources"].values() if r["Type"].endswith("::Function")]
    assert {tuple(f["Properties"]["Architectures"]) for f in functions} == {(architecture,)}


# That it is always the same


BUNDLE = """
import string, sys
from pathlib import Path
from deploy.bundle import bundle
interned = [sys.intern(character) for character in string.printable]
bundle(*map(Path, sys.argv[1:]))
"""


@each_architecture
def test_the_same_code_makes_the_same_bytes_anywhere(
    packages: Mapping[str, Package],
    assembled: Callable[[str], Assembled],
    tmp_path: Path,
    architecture: str,
) -> None:
    """Here from the project's own folder, by a process in which more is interned, as other
    modules may do: bytecode that were made in it would be another."""
    own, task = tmp_path / "own.zip", tmp_path / "task"
    shutil.copytree(assembled(STAGES[architecture]).task, task)
    paths = [task, interpreter(PYTHON), own]
    subprocess.run([sys.executable, "-c", BUNDLE, *paths], cwd=ROOT, check=True)
    assert own.read_bytes() == packages[architecture].zip.read_bytes()


@each_architecture
def test_its_files_are_in_order_and_for_all_to_read(
    packages: Mapping[str, Package], architecture: str
) -> None:
    """Whoever packages: Lambda runs the code as another user than the one who unpacks it."""
    with zipfile.ZipFile(packages[architecture].zip) as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


# That it runs alone


LAMBDAS_ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
}

WATCHED = """
import sys
folder = sys.argv[1]
compiled = []
def hook(event, args):
    if event == "compile" and str(args[1]).startswith((folder, "/var/task")):
        compiled.append(args[1])
sys.addaudithook(hook)
sys.path.insert(0, folder)
"""
"""Only the package and Python's own library are on the path, and no file of it is compiled."""


@pytest.fixture(scope="session")
def unpacked(
    packages: Mapping[str, Package], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """As Lambda has it: in a folder that nobody can write to."""
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(packages[HERE].zip) as archive:
        archive.extractall(folder)
    set_modes(folder, 0o555)
    yield folder
    set_modes(folder, 0o755)


def set_modes(folder: Path, mode: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(mode)


def alone(unpacked: Path, code: str, *arguments: str, **environ: str) -> Any:
    """What the code prints, as JSON."""
    done = subprocess.run(
        [interpreter(PYTHON), "-I", "-S", "-B", "-c", WATCHED + code, str(unpacked), *arguments],
        env=LAMBDAS_ENVIRONMENT | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


HANDLERS = """
import json
import app
handlers = {name: callable(getattr(app, name)) for name in sys.argv[2:]}
import chalicelib.auth.tokens
files = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
strangers = [file for file in files if "site-packages" in file]
print(json.dumps([handlers, compiled, strangers]))
"""


@needs_lambdas_system
def test_each_functions_handler_is_there_and_nothing_is_compiled_for_it(
    unpacked: Path, packages: Mapping[str, Package]
) -> None:
    resources = json.loads(packages[HERE].template.read_text())["Resources"].values()
    named = [resource["Properties"].get("Handler", "") for resource in resources]
    functions = [handler.removeprefix("app.") for handler in named if handler]
    handlers, compiled, strangers = alone(unpacked, HANDLERS, *functions)
    assert handlers == dict.fromkeys(functions, True)
    assert {"app", "read_api", "authorize", "on_images", "erase_user"} <= set(handlers)
    assert compiled == []
    assert strangers == []


ADDRESSES = """
import json, ssl
import botocore.session
from botocore.httpsession import where
ssl.create_default_context(cafile=where())
session = botocore.session.get_session()
print(json.dumps({
    region: [session.create_client(service, region).meta.endpoint_url for service in sys.argv[2:]]
    for region in ("eu-west-1", "us-gov-west-1", "cn-north-1", "xx-unheard-of-1")
}))
"""


@needs_lambdas_system
def test_clients_find_their_services_in_all_of_awss_partitions(unpacked: Path) -> None:
    """Also in a region that botocore does not know yet."""
    found = alone(unpacked, ADDRESSES, *sorted(SERVICES))
    hosts = ("streams.dynamodb.{}", "sqs.{}", "sts.{}")
    assert found == {
        region: [f"https://{host.format(region)}.{suffix}" for host in hosts]
        for region, suffix in {
            "eu-west-1": "amazonaws.com",
            "us-gov-west-1": "amazonaws.com",
            "cn-north-1": "amazonaws.com.cn",
            "xx-unheard-of-1": "amazonaws.com",
        }.items()
    }


CALLS = """
import json, time
import app
from chalicelib.sync.sqs_dead_letters import SqsDeadLetters
from chalicelib.sync.dead_letters import Batch
from chalicelib.dynamodb.reader_role import ReaderRole
letters = SqsDeadLetters.from_environment("https://sqs.eu-west-1.amazonaws.com/1/letters")
stream = "arn:aws:dynamodb:eu-west-1:123456789012:table/images/stream/2026"
arn = "arn:aws:iam::123456789012:role/reader"
role = ReaderRole.from_environment(arn, app.dynamo(), time.time)
print(json.dumps([
    app.dynamo().query(TableName="images")["Items"],
    role.dynamo("alice").query(TableName="images")["Items"],
    letters.receive(),
    letters.records(Batch(stream, "shard".ljust(28, "-"), "1".zfill(21), "2".zfill(21))),
]))
"""

ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>reader</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
NOTHING = json.dumps({"Items": [], "Messages": [], "Records": [], "ShardIterator": "i"}).encode()
BUSY = json.dumps({"__type": "com.amazonaws#ThrottlingException"}).encode()


@pytest.fixture
def aws() -> Iterator[tuple[str, list[str]]]:
    """An address that answers an error once, then nothing; and who asked there for what."""
    asked: list[str] = []

    class Service(Handler):
        def do_POST(self) -> None:
            body = self.asked()
            key = self.headers["Authorization"].split("=")[1].split("/")[0]
            asked.append(f"{key}: {self.headers.get('X-Amz-Target', 'AssumeRole')}")
            if len(asked) == 1:
                self.answer(400, BUSY)
            else:
                self.answer(200, ASSUMED if b"Action=AssumeRole" in body else NOTHING)

    with listening(Service) as port:
        yield f"http://{HOST}:{port}", asked


@needs_lambdas_system
def test_its_clients_make_the_calls_of_all_functions(
    unpacked: Path, aws: tuple[str, list[str]]
) -> None:
    """They repeat one that failed in passing, and assume the reader's role."""
    address, asked = aws
    assert alone(unpacked, CALLS, AWS_ENDPOINT_URL=address) == [[], [], [], []]
    assert asked == [
        "test: DynamoDB_20120810.Query",
        "test: DynamoDB_20120810.Query",
        "test: AssumeRole",
        "reader: DynamoDB_20120810.Query",
        "test: AmazonSQS.ReceiveMessage",
        "test: DynamoDBStreams_20120810.GetShardIterator",
        "test: DynamoDBStreams_20120810.GetRecords",
    ]


TOKEN = """
import json
from chalicelib.auth.tokens import parse_jwks, verified_claims
(key,) = parse_jwks(sys.argv[2].encode())
print(json.dumps(verified_claims(sys.argv[3], key)))
"""


@needs_lambdas_system
def test_it_verifies_tokens(unpacked: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    token = jwt.encode({"sub": "alice"}, key, "RS256")
    assert alone(unpacked, TOKEN, json.dumps({"keys": [public]}), token) == {"sub": "alice"}
