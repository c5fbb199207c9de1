"""The zip that is deployed: the app and its libraries, without what no function needs, compiled.

The same code, requirements and Python give the same bytes, wherever and whenever this runs.
docs/decisions/0009-the-package.md has the reasons and the measurements.
"""

import json
import subprocess
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

SERVICES = {
    "dynamodbstreams": "streams.dynamodb",
    "sqs": "sqs",
    "sts": "sts",
}
"""What the functions make botocore's clients of: its name for a service, and that in its list of
endpoints. DynamoDB itself is asked without it."""

LAMBDA_ROOT = "/var/task"
"""Where Lambda unpacks the zip. Tracebacks name files below it."""

ENDPOINTS = Path("botocore/data/endpoints.json")

_MODEL = ("service-2.json.gz", "endpoint-rule-set-1.json.gz")
"""What a client is made of. A service's other files are for paginators, waiters and examples."""

_LICENCES = ("LICEN[CS]E*", "NOTICE*", "AUTHORS*")

_LEFT_OUT = (
    "*/.*",  # what editors and desktops leave behind
    ".*",  # uv's lock of the folder
    "bin/*",  # the libraries' commands: their first line names a Python of this machine
    "*/__pycache__/*",  # of work on the code: different each time, and no use in a zip
    "*.pyi",  # for type checkers
    "*.px[di]",  # what native libraries are made of
    "*.pyx",
    "*/py.typed",
    "*.data/*",  # wheels' scripts
    "cffi/*",  # cryptography needs its compiled part alone, which stands beside it
    "pycparser/*",  # cffi needs it to read C
    "pycparser-*",
    "dateutil/zoneinfo/*.tar.gz",  # for systems that have no time zones of their own
)


@dataclass(frozen=True, slots=True)
class Size:
    """Of a zip: its own bytes, and how many files are in it."""

    bytes: int
    files: int


def bundle(folder: Path, python: Path, target: Path) -> Size:
    """Writes the zip of all that is in the folder to `target`, for that Python. What is not needed
    is removed from the folder."""
    _trim(folder)
    _trim_endpoints(folder / ENDPOINTS)
    _compile(folder, python)
    return _pack(folder, target)


def _trim(folder: Path) -> None:
    for name, path in _files(folder).items():
        if not _is_needed(name):
            path.unlink()


def _is_needed(name: str) -> bool:
    path = PurePosixPath(name)
    if any(fnmatchcase(name, pattern) for pattern in _LEFT_OUT):
        return False
    if fnmatchcase(name, "botocore/data/*/*"):
        return path.parts[2] in SERVICES and path.name in _MODEL
    if fnmatchcase(name, "*.dist-info/*"):
        return any(fnmatchcase(path.name, pattern) for pattern in _LICENCES)
    return True


def _trim_endpoints(path: Path) -> None:
    """Removes all services but ours from botocore's list of endpoints (1.2 MB), which each first
    client reads."""
    endpoints = json.loads(path.read_bytes())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {
            name: services[name] for name in services if name in SERVICES.values()
        }
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


def _compile(folder: Path, python: Path) -> None:
    """Compiles to bytecode that Python uses without a look at the source's time or hash.

    In a fresh process, and in the order of names: how strings are written depends on what the
    process has met before (github.com/python/cpython/issues/129724).
    """
    isolated = [str(python), "-I", "-S", "-m", "compileall", "-q"]
    mode = ["--invalidation-mode", "unchecked-hash"]
    paths = ["-s", str(folder), "-p", LAMBDA_ROOT, str(folder)]
    subprocess.run([*isolated, *mode, *paths], check=True)


def _pack(folder: Path, target: Path) -> Size:
    files = _files(folder)
    with zipfile.ZipFile(target, "w") as archive:
        for name in sorted(files):
            archive.writestr(
                _entry(name), files[name].read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9
            )
    return Size(target.stat().st_size, len(files))


def _files(folder: Path) -> dict[str, Path]:
    """Each by its name in the zip."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def _entry(name: str) -> zipfile.ZipInfo:
    """A file that everybody may read, of the earliest time that a zip can name."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix, whose modes follow
    entry.external_attr = 0o100644 << 16
    return entry
