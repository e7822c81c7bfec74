"""Bulk loads: JSON to protobuf and back."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from tams.metadata.v1 import load_service_pb2

from gateway.codecs import decoding
from gateway.errors import error_body
from gateway.http.query import Query
from services.shared.rpc.later_values import known
from services.shared.rpc.status import from_failure

_KINDS: Final = {
    "sources": load_service_pb2.LoadKind.LOAD_KIND_SOURCES,
    "flows": load_service_pb2.LoadKind.LOAD_KIND_FLOWS,
    "objects": load_service_pb2.LoadKind.LOAD_KIND_OBJECTS,
    "segments": load_service_pb2.LoadKind.LOAD_KIND_SEGMENTS,
}
_KIND_NAMES: Final = {number: name for name, number in _KINDS.items()}
_STATES: Final = {
    load_service_pb2.LoadState.LOAD_STATE_OPEN: "open",
    load_service_pb2.LoadState.LOAD_STATE_DONE: "done",
    load_service_pb2.LoadState.LOAD_STATE_ROLLED_BACK: "rolled_back",
}


class NewLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A load to begin."""

    id: str
    kind: Literal["sources", "flows", "objects", "segments"]


class LoadEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new state of a load; a caller can only finish it."""

    state: Literal["done"]


_end: Final = msgspec.json.Decoder(LoadEnd)
_new: Final = msgspec.json.Decoder(NewLoad)


def start_request(body: bytes) -> load_service_pb2.StartLoadRequest:
    """The request to begin the load in a body. InvalidArgument for a body that does not fit."""
    load = decoding.decode(_new, body)
    return load_service_pb2.StartLoadRequest(id=load.id, kind=_KINDS[load.kind])


def check_end(body: bytes) -> None:
    """InvalidArgument unless the body is `{"state": "done"}`."""
    decoding.decode(_end, body)


def rows_request(load_id: str, body: bytes, query: Query) -> load_service_pb2.LoadRowsRequest:
    """The request to load a batch of rows, which pass through as JSON. InvalidArgument for a bad query."""
    return load_service_pb2.LoadRowsRequest(
        id=load_id,
        first_row=query.number("first_row") or 0,
        rows=body,
        skip_bad=query.flag("skip_bad") or False,
    )


def document(load: load_service_pb2.Load) -> bytes:
    """The JSON of a load."""
    return msgspec.json.encode(_load(load))


def listing(loads: Iterable[load_service_pb2.Load]) -> bytes:
    """The JSON of a list of loads."""
    return msgspec.json.encode({"loads": [_load(load) for load in loads]})


def batch(reply: load_service_pb2.LoadRowsResponse) -> bytes:
    """The JSON of the result of a batch: the load, and the rows that failed."""
    failures = [
        {"row": failed.row, "error": error_body(from_failure(failed.failure))} for failed in reply.failures
    ]
    return msgspec.json.encode(
        {
            "load": _load(reply.load),
            "committed": reply.committed,
            "repeated": reply.repeated,
            "failed": reply.failed,
            "failures": failures,
        }
    )


def rollback(reply: load_service_pb2.RollBackLoadResponse) -> bytes:
    """The JSON of the progress of a rollback."""
    return msgspec.json.encode(
        {"load": _load(reply.load), "done": reply.done, "removed": reply.removed, "kept": reply.kept}
    )


def _load(load: load_service_pb2.Load) -> dict[str, object]:
    return {
        "id": load.id,
        "kind": known(_KIND_NAMES, load.kind, "the kind of a load"),
        "state": known(_STATES, load.state, "the state of a load"),
        "rows": load.rows,
        "inserted": load.inserted,
        "skipped": load.skipped,
        "changed_ms": load.changed_ms,
    }
