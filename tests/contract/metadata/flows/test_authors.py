"""The authors of flows and sources, which the store records if it knows its callers."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.metadata.domain.property import PropertyChange
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from tests.support.metadata.flows import Document, a_flow
from tests.support.metadata.rules import Metadata


@contextmanager
def calls_of(name: str) -> Iterator[None]:
    token = caller.principal.set(Principal.of(name, [Scope.WRITE]))
    try:
        yield
    finally:
        caller.principal.reset(token)


def authors(document: Document) -> tuple[str, str]:
    return document["created_by"], document["updated_by"]


async def test_the_creator_and_the_last_editor_are_recorded(metadata: Metadata) -> None:
    document = a_flow(1, created_by="somebody", updated_by="somebody")
    with calls_of("user:alice"):
        assert authors(await metadata.put(document)) == ("user:alice", "user:alice")
    with calls_of("key:ingest"):
        assert authors(await metadata.put(document | {"label": "new"})) == ("user:alice", "key:ingest")
    with calls_of("jwt:bob"):
        await metadata.flows.update(document["id"], [PropertyChange("description", None, b'"newer"')])
        await metadata.sources.update(document["source_id"], [PropertyChange("label", None, b'"newer"')])
    assert authors(await metadata.flow(1)) == ("user:alice", "jwt:bob")
    assert authors(await metadata.source(1)) == ("user:alice", "jwt:bob")


async def test_a_store_that_does_not_know_its_callers_believes_them(metadata: Metadata) -> None:
    document = a_flow(1, created_by="somebody", updated_by="somebody")
    assert authors(await metadata.put(document)) == ("somebody", "somebody")
    assert "created_by" not in await metadata.put(a_flow(2))
