"""Decorators that announce the operations and statuses of a test, and a client that records them."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import httpx

from tests.support.openapi import contract
from tests.support.openapi.contract import Operation

Test = TypeVar("Test", bound=Callable[..., Any])
Reached = tuple[Operation, int]

# The operations and statuses that the running test has reached so far.
RECORD: set[Reached] = set()


def reaches(operation: str, *statuses: int) -> Callable[[Test], Test]:
    """Announce statuses of an operation such as "GET /flows". GET also stands for HEAD."""
    method, _, path = operation.partition(" ")
    methods = ("GET", "HEAD") if method == "GET" else (method,)
    return _marked({(Operation(name, path), status) for name in methods for status in statuses})


def reaches_everywhere(*statuses: int) -> Callable[[Test], Test]:
    """Announce statuses of every operation that documents them."""
    return _marked({(operation, status) for status in statuses for operation in documenting(status)})


def reaches_among(operations: Iterable[Operation], status: int) -> Callable[[Test], Test]:
    """Announce a status of some operations."""
    return _marked({(operation, status) for operation in operations})


def documenting(status: int) -> list[Operation]:
    """The operations that document a status."""
    return [operation for operation in contract.operations() if status in operation.statuses]


def _marked(reached: set[Reached]) -> Callable[[Test], Test]:
    def mark(test: Test) -> Test:
        test.reaches = reached | getattr(test, "reaches", set())  # type: ignore[attr-defined]
        return test

    return mark


def note(response: httpx.Response) -> bool:
    """Check a response, and record its operation and status. False if no documented path matches."""
    reached = contract.check(response)
    if reached is not None:
        RECORD.add(reached)
    return reached is not None


# Paths whose responses have latencies and sizes, which change all the time.
_MEASURED = frozenset({"/x/admin/tables", "/x/admin/cache", "/health/details"})


class Client(httpx.AsyncClient):
    """Checks every response against the documents, and sends HEAD after each GET."""

    async def request(self, method: str, *args: Any, **more: Any) -> httpx.Response:
        response = await super().request(method, *args, **more)
        if note(response) and method == "GET":
            await self._compare_head(response, *args, **more)
        return response

    async def _compare_head(self, get: httpx.Response, *args: Any, **more: Any) -> None:
        head = await super().request("HEAD", *args, **more)
        note(head)
        assert head.status_code == get.status_code
        assert _comparable(head) == _comparable(get)


def _comparable(response: httpx.Response) -> dict[str, str]:
    """The headers of a response, without those that change all the time."""
    size_varies = response.is_error or response.url.path in _MEASURED
    passing = {"date", "x-request-id", "retry-after"} | ({"content-length"} if size_varies else set())
    return {name: value for name, value in response.headers.items() if name not in passing}
