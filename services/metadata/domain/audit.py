"""Entries of the audit log: who did what to which resource, and with which outcome.

Entries never contain values of tags, URLs, passwords or keys.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

import msgspec

# Characters of a text in an entry. Longer ones, which callers invented, are cut.
MAX_TEXT: Final = 256
_ENCODE: Final = msgspec.json.Encoder().encode

Facts: TypeAlias = Mapping[str, str | int | bool | Sequence[str]]
NO_FACTS: Final[Facts] = MappingProxyType({})


class Outcome(StrEnum):
    """The outcome of an action.

    BEGUN precedes a change that cannot share a transaction with its entry. If no further entry with the same
    request id follows, the outcome of the change is unknown.
    """

    DONE = "done"
    REFUSED = "refused"
    BEGUN = "begun"


class Entry(NamedTuple):
    """An entry. `number` is 0 until it is stored; numbers ascend. `time_ns` is nanoseconds since 1970.

    `action` is such as flows.put, `resource` such as flow:<id>; `before` and `after` are the versions of the
    resource, None if it has none. `facts` is a JSON object.
    """

    time_ns: int
    principal: str
    action: str
    resource: str
    request_id: str = ""
    before: str | None = None
    after: str | None = None
    outcome: Outcome = Outcome.DONE
    facts: str = "{}"
    number: int = 0


class EntryFilter(NamedTuple):
    """A filter for entries. Members that are None do not filter. Times are nanoseconds since 1970.

    An action or resource that ends with * selects all that begin with the text before it. `since` is
    inclusive, `until` is exclusive.
    """

    principal: str | None = None
    action: str | None = None
    resource: str | None = None
    since: int | None = None
    until: int | None = None


def encode_facts(facts: Facts) -> str:
    """The facts of an entry as JSON."""
    return _ENCODE(dict(facts)).decode() if facts else "{}"


def clip(text: str) -> str:
    """A text that is short enough for an entry."""
    return text[:MAX_TEXT]
