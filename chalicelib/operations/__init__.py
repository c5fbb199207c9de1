"""The operator's functions, by name: from the AWS console, the CLI, schedules, or a laptop.

Each takes a small JSON event (`InvalidEvent` names a wrong field), and answers a JSON summary. It
may be run again at any time. When its time runs short it answers ``{"done": false, "resume": …}``:
invoke it again with `resume` as the event, and the counts go on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.operations.erase_user import erase_user
from chalicelib.operations.export_user import export_user
from chalicelib.operations.get_images_for_user import get_images_for_user
from chalicelib.operations.migrate import migrate
from chalicelib.operations.rebuild_partition import rebuild_partition
from chalicelib.operations.redrive_dead_letters import redrive_dead_letters
from chalicelib.operations.sweep import sweep
from chalicelib.operations.sync_user import sync_user
from chalicelib.operations.verify_all import verify_all
from chalicelib.operations.verify_user import verify_user
from chalicelib.services import Services
from chalicelib.timing import Deadline

Operation = Callable[[Services, Any, Deadline], dict[str, Any]]

OPERATIONS: Mapping[str, Operation] = {
    operation.__name__: operation
    for operation in (
        sync_user,
        get_images_for_user,
        rebuild_partition,
        verify_user,
        verify_all,
        migrate,
        sweep,
        export_user,
        erase_user,
        redrive_dead_letters,
    )
}
