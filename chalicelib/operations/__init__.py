"""The operator's functions, by name: from the AWS console, the CLI, schedules, or a laptop.

Each takes a small JSON event (`InvalidEvent` names a wrong field), and answers a JSON summary. It
may be run again at any time. When its time runs short it answers ``{"done": false, "resume": …}``:
invoke it again with `resume` as the event, and the counts go on.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from chalicelib.model.timing import Deadline

if TYPE_CHECKING:
    from chalicelib.services import Services

Operation = Callable[["Services", Any, Deadline], dict[str, Any]]

NAMES = (
    "sync_user",
    "get_images_for_user",
    "rebuild_partition",
    "verify_user",
    "verify_all",
    "migrate",
    "sweep",
    "export_user",
    "erase_user",
    "redrive_dead_letters",
)


def operation(name: str) -> Operation:
    """The function in the module of its name, which is loaded when it is first called."""

    def run(services: "Services", event: Any, deadline: Deadline) -> dict[str, Any]:
        function: Operation = getattr(import_module(f"{__name__}.{name}"), name)
        return function(services, event, deadline)

    return run


OPERATIONS: Mapping[str, Operation] = {name: operation(name) for name in NAMES}
