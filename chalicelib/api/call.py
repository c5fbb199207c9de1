"""One request, the services that it may use, and its deadline."""

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.api.answer import Answer, json_answer, revalidated
from chalicelib.api.request import Request
from chalicelib.model.timing import Deadline
from chalicelib.store.partition import Partition

if TYPE_CHECKING:
    from chalicelib.services import Services


class Call(NamedTuple):
    """The user is the caller's alone."""

    services: "Services"
    request: Request
    deadline: Deadline

    @property
    def partition(self) -> Partition:
        return self.services.open_partition(self.request.user)

    def revalidated(self, body: str) -> Answer:
        return revalidated(json_answer(body), self.request.headers.get("if-none-match"))
