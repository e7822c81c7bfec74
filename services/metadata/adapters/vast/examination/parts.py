"""The parts of an examination: tables, the keys of their rows, and the functions that check and mend them."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from services.metadata.adapters.vast.examination import keyless_rows, objects, whole_tables
from services.metadata.adapters.vast.examination.flows import flows, ownerless, sources
from services.metadata.adapters.vast.examination.key_pages import Key
from services.metadata.adapters.vast.examination.segments import timelines
from services.metadata.adapters.vast.examination.work import accounts, single_rows, work
from services.metadata.adapters.vast.tables import VastTables
from services.metadata.application.ports.examination import Inconsistency
from services.vast_client.cluster import Cluster

Check = Callable[[VastTables, str], list[Inconsistency]]
Mend = Callable[[VastTables, str, set[str]], None]


class Part(NamedTuple):
    """The rows of a table with one value in a column, such as an id, are checked and mended together.

    `first` is the lowest possible value.
    """

    table: str
    column: str
    first: Key
    check: Check
    mend: Mend


def _work(table: str, first: Key = "") -> Part:
    kind = work.WORK[table]
    return Part(table, "id", first, partial(work.check, kind), partial(work.mend, kind))


def _owned(table: str, column: str, owners: str) -> Part:
    check, mend = work.check_owned(owners, table, column), work.mend_owned(table, column)
    return Part(table, column, "", check, mend)


def _account(table: str, column: str) -> Part:
    check, mend = partial(accounts.check, table, column), partial(accounts.mend, table, column)
    return Part(table, column, "", check, mend)


SEGMENTS: Final = "segments"
PARTS: Final = {
    "flows": Part("flows", "id", "", flows.check, flows.mend),
    "sources": Part("sources", "id", "", sources.check, sources.mend),
    "objects": Part("objects", "id", "", objects.check, objects.mend),
    "object_accesses": _owned("object_accesses", "object_id", "objects"),
    "object_copies": _owned("object_copies", "object_id", "objects"),
    "tags": Part("tags", "id", "", ownerless.check_tags, ownerless.mend_tags),
    "collections": Part("collections", "flow_id", "", ownerless.check_collection, ownerless.mend_collection),
    "timelines": Part("timelines", "timeline", 0, timelines.check, timelines.mend),
    SEGMENTS: Part("segments", "flow", 0, timelines.check, timelines.mend),
    "webhooks": _work("webhooks"),
    "events": _work("events", 0),
    "deletion_requests": _work("deletion_requests"),
    "trash": _work("trash"),
    "trash_places": _owned("trash_places", "entry", "trash"),
    "loads": _work("loads"),
    "load_keys": _owned("load_keys", "load", "loads"),
    "dead_letters": _owned("dead_letters", "webhook_id", "webhooks"),
    "storage_backends": Part(
        "storage_backends", "id", "", single_rows.check_backend, single_rows.mend_backend
    ),
    "users": _account("users", "name"),
    "api_keys": _account("api_keys", "id"),
}
# Tables that are checked with one call, even if they have no rows.
SINGLE: Final = {
    "counters": Part("counters", "name", "", work.check_counter, work.mend_counter),
    "service_info": Part("service_info", "name", "", single_rows.check_info, single_rows.mend_info),
}
# Parts that need the whole table, and come before the others.
WHOLE: Final[dict[str, Callable[[Cluster], list[Inconsistency]]]] = {
    "keys": keyless_rows.keyless_rows,
    "columns": whole_tables.columns,
    "locks": whole_tables.locks,
}
