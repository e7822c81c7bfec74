"""Writes docs/conformance.md: which test reaches which operation and status.

Run as `python -m tests.conformance.table`. It reads the tests' decorators, which hold because each test
checks its own while it runs.
"""

import importlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.conformance.reaching import Reached
from tests.support import contract
from tests.support.contract import Operation
from tests.support.repository import ROOT

PAGE = ROOT / "docs" / "conformance.md"

# Statuses that every operation of a kind answers alike, whatever it does.
COMMON = {
    408: "the body did not arrive in time",
    409: "a change by somebody else came first",
    413: "the body is too long",
    414: "the query is too long",
    415: "the body is not JSON by its own account",
    429: "too much at once",
    500: "a fault of the store",
    503: "a part of the store is away",
    504: "a part of the store is too slow",
}

_INTRODUCTION = """\
# Conformance

Every operation of the API and every status it documents is reached by a test over HTTP, against the real
services. Each response on the way, status, headers and body, is held against the gateway's own OpenAPI
document, which must describe every member, and where a copy of the official TAMS 7.0 files lies beside the
checkout, against those too. Every GET is followed by a HEAD that must agree with it.

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
                for one in getattr(test, "reaches", ()):
                    tests[one].append(f"{path.stem}::{name}")
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
        asked: list[Operation] = [one for one in contract.operations() if status in one.statuses]
        names = [name for one in asked for name in tests.get((one, status), ())]
        yield f"| {status} | {when} | {len(asked)} | {_code(names)} |"


def _code(names: Iterable[str]) -> str:
    return "<br>".join(f"`{name}`" for name in dict.fromkeys(names))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
