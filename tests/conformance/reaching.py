"""Which operations and statuses a test reaches: said by its decorators, checked while it runs."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.support import contract
from tests.support.contract import Operation

Test = TypeVar("Test", bound=Callable[..., Any])
Reached = tuple[Operation, int]

# What the running test has reached so far.
RECORD: set[Reached] = set()


def reaches(operation: str, *statuses: int) -> Callable[[Test], Test]:
    """The test gets these statuses from an operation such as "GET /flows"; HEAD is asked with each GET."""
    method, _, path = operation.partition(" ")
    methods = ("GET", "HEAD") if method == "GET" else (method,)
    return _marked({(Operation(one, path), status) for one in methods for status in statuses})


def reaches_everywhere(*statuses: int) -> Callable[[Test], Test]:
    """The test gets these statuses from every operation that documents them."""
    return _marked({(one, status) for status in statuses for one in documenting(status)})


def documenting(status: int) -> list[Operation]:
    """The operations that document a status."""
    return [one for one in contract.operations() if status in one.statuses]


def _marked(reached: set[Reached]) -> Callable[[Test], Test]:
    def mark(test: Test) -> Test:
        test.reaches = reached | getattr(test, "reaches", set())  # type: ignore[attr-defined]
        return test

    return mark


def note(response: httpx.Response) -> bool:
    """Check a response and remember what it reached; False when it belongs to no documented path."""
    reached = contract.check(response)
    if reached is not None:
        RECORD.add(reached)
    return reached is not None


class Client(httpx.AsyncClient):
    """Holds every response against the documents, and sends HEAD beside each GET."""

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
    """Its headers, without those that differ from one moment to the next."""
    passing = {"date", "x-request-id"} | ({"content-length"} if response.is_error else set())
    return {name: value for name, value in response.headers.items() if name not in passing}
