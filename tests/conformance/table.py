"""Writes docs/conformance.md: the tests that reach each operation and status.

Run as `python -m tests.conformance.table`. It reads the decorators of the tests. They are true, as each test
checks its own while it runs.
"""

import importlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.conformance.reaching import Reached, documenting
from tests.support.openapi import contract
from tests.support.openapi.contract import Operation
from tests.support.project.repository import ROOT

PAGE = ROOT / "docs" / "conformance.md"

# Statuses whose cause is the same for every operation.
COMMON = {
    401: "the request has no valid credentials",
    408: "the body did not arrive in time",
    409: "another change came first",
    413: "the body is too long",
    414: "the query is too long",
    415: "the body is not JSON, by its Content-Type",
    429: "too much at once",
    500: "a fault of the store",
    503: "a part of the store is unavailable",
    504: "a part of the store is too slow",
}

_INTRODUCTION = """\
# Conformance

Every operation of the API and every status it documents is reached by a test over HTTP, against the real
services. The status, headers and body of each response are checked against the gateway's own OpenAPI
document, which must describe every member. Where a copy of the official TAMS 7.0 files lies beside the
checkout, they are checked against those too. Every GET is followed by a HEAD that must agree with it.

The tables are written by `python -m tests.conformance.table` from what the tests in `tests/conformance`
announce; a test that announces more than it reaches fails, and so does a documented status that no test
announces. `/x/` marks extensions of this implementation.
"""


def reached() -> Mapping[Reached, Sequence[str]]:
    """The tests that reach each operation and status."""
    tests: dict[Reached, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests" / "conformance").glob("test_*.py")):
        module = importlib.import_module(f"tests.conformance.{path.stem}")
        for name, test in vars(module).items():
            if name.startswith("test_"):
                for reached_status in getattr(test, "reaches", ()):
                    tests[reached_status].append(f"{path.stem}::{name}")
    return tests


def page() -> str:
    """The whole page."""
    tests = reached()
    return "\n".join(
        [
            _INTRODUCTION,
            "## By operation\n",
            "| operation | statuses reached | tests |",
            "|---|---|---|",
            *_by_operation(tests),
            "\n## Statuses that operations answer alike\n",
            "| status | when | operations | tests |",
            "|---|---|---:|---|",
            *_common(tests),
            "",
        ]
    )


def _by_operation(tests: Mapping[Reached, Sequence[str]]) -> Iterator[str]:
    for operation in contract.operations():
        statuses = sorted(operation.statuses - COMMON.keys())
        names = [name for status in statuses for name in tests.get((operation, status), ())]
        yield f"| `{operation}` | {', '.join(map(str, statuses))} | {_code(names)} |"


def _common(tests: Mapping[Reached, Sequence[str]]) -> Iterator[str]:
    for status, when in COMMON.items():
        operations: list[Operation] = documenting(status)
        names = [name for operation in operations for name in tests.get((operation, status), ())]
        yield f"| {status} | {when} | {len(operations)} | {_code(names)} |"


def _code(names: Iterable[str]) -> str:
    return "<br>".join(f"`{name}`" for name in dict.fromkeys(names))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
