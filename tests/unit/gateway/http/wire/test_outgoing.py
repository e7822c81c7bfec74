import asyncio

import pytest

from gateway.http.wire.outgoing import Outgoing

MAX = 1000


@pytest.fixture
def outgoing() -> Outgoing:
    return Outgoing(MAX)


def test_answers_share_the_room(outgoing: Outgoing) -> None:
    outgoing.add("a", 600)
    assert outgoing.has_room("b", 400)
    assert not outgoing.has_room("b", 401)


def test_an_answer_alone_always_has_room(outgoing: Outgoing) -> None:
    assert outgoing.has_room("a", MAX + 1)
    outgoing.add("a", MAX + 1)
    assert outgoing.has_room("a", MAX + 2)
    assert not outgoing.has_room("b", 1)


def test_a_new_answer_to_a_client_replaces_its_former_one(outgoing: Outgoing) -> None:
    outgoing.add("a", 600)
    outgoing.add("a", 300)
    assert outgoing.bytes == 300
    outgoing.remove("a")
    outgoing.remove("a")
    assert outgoing.bytes == 0


async def test_an_answer_counts_until_it_is_read_or_its_client_disconnects(outgoing: Outgoing) -> None:
    for client in ("reads", "took", "left"):
        outgoing.add(client, 100)
    outgoing.drop_read(connected={"reads", "took"}, unread={"reads"})
    assert outgoing.bytes == 200  # sending may not have begun yet
    await asyncio.sleep(0.15)
    outgoing.drop_read(connected={"reads", "took"}, unread={"reads"})
    assert outgoing.bytes == 100
