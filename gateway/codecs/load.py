"""Bulk loads: JSON <-> protobuf."""

from typing import Any, Final, Literal

import msgspec
from tams.metadata.v1.load_service_pb2 import (
    Load,
    LoadKind,
    LoadRowsRequest,
    LoadRowsResponse,
    LoadState,
    RollBackLoadResponse,
    StartLoadRequest,
)

from gateway.codecs import decoding
from gateway.errors import error_body
from gateway.http.query import Query
from services.shared.rpc.status import from_failure

_KINDS: Final = {
    "sources": LoadKind.LOAD_KIND_SOURCES,
    "flows": LoadKind.LOAD_KIND_FLOWS,
    "objects": LoadKind.LOAD_KIND_OBJECTS,
    "segments": LoadKind.LOAD_KIND_SEGMENTS,
}
_KIND_NAMES: Final = {number: name for name, number in _KINDS.items()}
_STATES: Final = {
    LoadState.LOAD_STATE_OPEN: "open",
    LoadState.LOAD_STATE_DONE: "done",
    LoadState.LOAD_STATE_ROLLED_BACK: "rolled_back",
}


class NewLoad(msgspec.Struct, frozen=True):
    """A load to begin."""

    id: str
    kind: Literal["sources", "flows", "objects", "segments"]


class LoadEnd(msgspec.Struct, frozen=True):
    """What a caller may make of a load."""

    state: Literal["done"]


_end: Final = msgspec.json.Decoder(LoadEnd)
_new: Final = msgspec.json.Decoder(NewLoad)


def start_request(body: bytes) -> StartLoadRequest:
    """The load in a body."""
    new = decoding.decode(_new, body)
    return StartLoadRequest(id=new.id, kind=_KINDS[new.kind])


def check_end(body: bytes) -> None:
    """InvalidArgument unless the body ends a load."""
    decoding.decode(_end, body)


def rows_request(load_id: str, body: bytes, query: Query) -> LoadRowsRequest:
    """A batch: its rows pass as they are."""
    return LoadRowsRequest(
        id=load_id,
        first_row=query.number("first_row") or 0,
        rows=body,
        skip_bad=query.flag("skip_bad") or False,
    )


def document(load: Load) -> bytes:
    """The JSON of a load."""
    return msgspec.json.encode(_load(load))


def batch(reply: LoadRowsResponse) -> bytes:
    """The JSON of what became of a batch."""
    failures = [{"row": one.row, "error": error_body(from_failure(one.failure))} for one in reply.failures]
    return msgspec.json.encode(
        {
            "load": _load(reply.load),
            "committed": reply.committed,
            "repeated": reply.repeated,
            "failed": reply.failed,
            "failures": failures,
        }
    )


def rollback(reply: RollBackLoadResponse) -> bytes:
    """The JSON of how far a rollback is."""
    return msgspec.json.encode(
        {"load": _load(reply.load), "done": reply.done, "removed": reply.removed, "kept": reply.kept}
    )


def _load(load: Load) -> dict[str, Any]:
    return {
        "id": load.id,
        "kind": _KIND_NAMES[load.kind],
        "state": _STATES[load.state],
        "rows": load.rows,
        "inserted": load.inserted,
        "skipped": load.skipped,
    }
