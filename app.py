"""Image Storage, composed and declared: routes, authorizer, stream trigger, schedule, operations.

Each is a line, with a second where it loads what reads have no need of: all functions begin here.
"""

import functools
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate

from chalice.app import (
    AuthRequest,
    AuthResponse,
    Chalice,
    CloudWatchEvent,
    DynamoDBEvent,
    Rate,
    Response,
)

from chalicelib.api import public, reads
from chalicelib.api.access_log import logged
from chalicelib.api.answer import Answer
from chalicelib.api.authorizer import decide
from chalicelib.api.call import Call
from chalicelib.api.endpoint import Path, across_origins, in_problem_details, respond
from chalicelib.bootstrap import build, no_dead_letters
from chalicelib.config import (
    cors_origins,
    dead_letter_queue,
    issuer,
    metrics_namespace,
    oidc,
    reader_role,
    sweep_read_units,
    table_names,
)
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.dynamodb.protocol import CALL_SECONDS, Dynamo
from chalicelib.model.entries import UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations import OPERATIONS
from chalicelib.services import Services
from chalicelib.telemetry.metrics import Metrics, print_line

if TYPE_CHECKING:
    from chalicelib.auth.tokens import Authenticator
    from chalicelib.sync.dead_letters import DeadLetters

AUTHORIZER_TTL = 60
"""Seconds for which API Gateway may keep an authorizer's answer for a token."""

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/images/stream/by-template"
"""Stands in for the primary's stream, whose ARN only the deployed stack knows."""

app = Chalice(app_name="image-storage", configure_logs=False)  # Lambda's own make lines of JSON
emit: Callable[[str], None] = print_line  # CloudWatch finds metrics in what a function prints


def route(path: str, *, methods: list[str], **more: Any) -> Callable[..., Any]:
    """Chalice's, with HEAD wherever there is GET (RFC 9110, section 9.3.2). Bodies are judged by
    the handlers, whatever their type."""
    head = ["HEAD"] if "GET" in methods else []
    declared: Callable[..., Any] = app.route(
        path, methods=[*methods, *head], content_types=["*/*"], **more
    )
    return declared


@functools.cache
def dynamo() -> HttpDynamo:
    return HttpDynamo.from_environment(os.environ)


@functools.cache
def services() -> Services:
    """Composed at the first call, so that importing this module needs no environment."""
    return build(
        dynamo(),
        table_names(os.environ),
        emit=emit,
        namespace=metrics_namespace(os.environ),
        issuer=issuer(os.environ),
        dead_letters=dead_letters,
        dynamo_for=dynamo_for(),
        may_retry=dynamo().quota.may_retry,
    )


def dynamo_for() -> Callable[[UserId], Dynamo] | None:
    """With hard isolation: what reaches one user's partition alone."""
    role = reader_role(os.environ)
    if role is None:
        return None
    from chalicelib.dynamodb.reader_role import ReaderRole

    return ReaderRole.from_environment(role, dynamo(), time.time).dynamo


def metrics() -> Metrics:
    """For functions that need no table."""
    return Metrics(emit, time.time, metrics_namespace(os.environ))


def dead_letters() -> "DeadLetters":
    queue = dead_letter_queue(os.environ)
    if queue is None:
        return no_dead_letters()
    from chalicelib.sync.sqs_dead_letters import SqsDeadLetters

    return SqsDeadLetters.from_environment(queue)


@functools.cache
def authenticator() -> "Authenticator":
    from chalicelib.auth.tokens import (
        make_authenticator,  # slow to load, and of use to authorize alone
    )

    return make_authenticator(oidc(os.environ))


@functools.cache
def origins() -> frozenset[str]:
    return cors_origins(os.environ)


def answer(
    handler: Callable[Concatenate[Call, Path], Answer], *args: Path.args, **path: Path.kwargs
) -> Response:
    request: Any = app.current_request
    return respond(services, request, handler, *args, **path)


@app.middleware("http")
def request_line(event: Any, get_response: Callable[[Any], Response]) -> Response:
    return logged(event, get_response, time.monotonic)


@app.middleware("http")
def cross_origin(event: Any, get_response: Callable[[Any], Response]) -> Response:
    return across_origins(event, get_response, origins())


@app.middleware("http")
def problem_details(event: Any, get_response: Callable[[Any], Response]) -> Response:
    return in_problem_details(event, get_response)


@app.authorizer(ttl_seconds=AUTHORIZER_TTL)
def authorize(request: AuthRequest) -> AuthResponse:
    return decide(authenticator().caller, request.token, metrics())


@route("/api/images", methods=["POST"], authorizer=authorize)
def save_image() -> Response:
    from chalicelib.api import writes

    return answer(writes.save_image)


@route("/api/images", methods=["GET"], authorizer=authorize)
def list_images() -> Response:
    return answer(reads.list_images)


@route("/api/images", methods=["DELETE"], authorizer=authorize)
def delete_images() -> Response:
    from chalicelib.api import writes

    return answer(writes.delete_images)


@route("/api/images/batch", methods=["POST"], authorizer=authorize)
def save_images() -> Response:
    from chalicelib.api import writes

    return answer(writes.save_images)


@route("/api/images/changes", methods=["GET"], authorizer=authorize)
def list_changes() -> Response:
    return answer(reads.list_changes)


@route("/api/images/sync", methods=["POST"], authorizer=authorize)
def sync_images() -> Response:
    from chalicelib.api import writes

    return answer(writes.sync_images)


@route("/api/images/{cursor}", methods=["GET"], authorizer=authorize)
def show_image(cursor: str) -> Response:
    return answer(reads.show_image, cursor=cursor)


@route("/api/images/{cursor}", methods=["DELETE"], authorizer=authorize)
def delete_image(cursor: str) -> Response:
    from chalicelib.api import writes

    return answer(writes.delete_image, cursor=cursor)


@route("/api/health", methods=["GET"])
def health() -> Response:
    return public.health()


@route("/api/openapi.json", methods=["GET"])
def openapi() -> Response:
    return public.openapi()


@route("/", methods=["GET"], name="gallery")
@route("/signed-in", methods=["GET"], name="gallery_signed_in")
@route("/dashboard", methods=["GET"], name="gallery_dashboard")
@route("/dashboard/images", methods=["GET"], name="gallery_images")
@route("/dashboard/images/{cursor}", methods=["GET"], name="gallery_image")
def gallery_page(**_path: str) -> Response:
    request: Any = app.current_request
    return public.gallery_page(request, os.environ)


@route(public.ELSEWHERE, methods=["GET"])
def elsewhere() -> Response:
    request: Any = app.current_request
    return public.elsewhere(request, os.environ)


@route("/assets/{name}", methods=["GET"])
def gallery_asset(name: str) -> Response:
    return public.gallery_asset(name)


@route("/worker.js", methods=["GET"])
def gallery_worker() -> Response:
    return public.gallery_worker()


@app.lambda_function()
def read_api(event: Any, context: Any) -> Any:
    """The reading routes again, as a function of its own: its role may do nothing but read."""
    return app(event, context)


@app.on_dynamodb_record(STREAM_ARN, batch_size=100, starting_position="TRIM_HORIZON")
def on_images(event: DynamoDBEvent) -> dict[str, Any]:
    from chalicelib.sync import stream_handler

    deadline = deadline_of(event.context)
    return stream_handler.handle(event.to_dict(), services().syncer, services().metrics, deadline)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def scheduled_sweep(event: CloudWatchEvent) -> dict[str, Any]:
    from chalicelib.operations.sweep import scheduled

    return scheduled(services(), deadline_of(event.context), sweep_read_units(os.environ))


# The operator's functions. `chalicelib.operations` tells what each takes and answers.


@app.lambda_function()
def sync_user(event: Any, context: Any) -> dict[str, Any]:
    return operate("sync_user", event, context)


@app.lambda_function()
def get_images_for_user(event: Any, context: Any) -> dict[str, Any]:
    return operate("get_images_for_user", event, context)


@app.lambda_function()
def rebuild_partition(event: Any, context: Any) -> dict[str, Any]:
    return operate("rebuild_partition", event, context)


@app.lambda_function()
def verify_user(event: Any, context: Any) -> dict[str, Any]:
    return operate("verify_user", event, context)


@app.lambda_function()
def verify_all(event: Any, context: Any) -> dict[str, Any]:
    return operate("verify_all", event, context)


@app.lambda_function()
def migrate(event: Any, context: Any) -> dict[str, Any]:
    return operate("migrate", event, context)


@app.lambda_function()
def sweep(event: Any, context: Any) -> dict[str, Any]:
    return operate("sweep", event, context)


@app.lambda_function()
def export_user(event: Any, context: Any) -> dict[str, Any]:
    return operate("export_user", event, context)


@app.lambda_function()
def erase_user(event: Any, context: Any) -> dict[str, Any]:
    return operate("erase_user", event, context)


@app.lambda_function()
def redrive_dead_letters(event: Any, context: Any) -> dict[str, Any]:
    return operate("redrive_dead_letters", event, context)


def operate(name: str, event: Any, context: Any) -> dict[str, Any]:
    return OPERATIONS[name](services(), event, deadline_of(context))


def deadline_of(context: Any) -> Deadline:
    """After it no further call is begun, since one may take CALL_SECONDS."""
    seconds = context.get_remaining_time_in_millis() / 1000 - CALL_SECONDS
    return services().clock.deadline(seconds)
