"""A batch of events becomes messages: each with its own segments, signed for together."""

import json
from collections.abc import Sequence

import pytest
from tams.event.v1.event_pb2 import Event, FlowDeleted, SegmentsAdded
from tams.metadata.v1.segment_pb2 import ExternalUrl, Segment

from services.events.adapters.messages import Messages
from services.shared.errors import Unavailable
from services.shared.get_urls import UrlFilter
from services.shared.rpc.segment_urls import SegmentUrls, StorageBackends
from tests.support.signing import Storage, signing

ELSEWHERE = ExternalUrl(url="https://elsewhere.example/b")


@pytest.fixture
async def storage():
    return Storage()


@pytest.fixture
async def messages(storage):
    async with signing(storage) as media:
        yield Messages(SegmentUrls(media, StorageBackends(media, 60)))


def added(number: int, paths: Sequence[str], **members) -> Event:
    """An event of a flow with as many segments, the first half of them on another backend."""
    segments = [
        Segment(
            document=b'{"object_id":"%b"}' % path.encode(),
            storage_id="id-of-cold" if 2 * at < len(paths) else "id-of-hot",
            storage_path=path,
            **members,
        )
        for at, path in enumerate(paths)
    ]
    return Event(id=number, segments_added=SegmentsAdded(flow_id=f"f{number}", segments=segments))


def deleted(number: int) -> Event:
    return Event(id=number, flow_deleted=FlowDeleted(flow_id=f"f{number}"))


def urls(message) -> list[list[str]]:
    segments = json.loads(message.body)["event"]["segments"]
    return [[url["url"] for url in segment["get_urls"]] for segment in segments]


async def test_each_event_gets_its_own_segments_and_one_call_signs_them_all(messages, storage):
    events = [added(1, ["a", "b"]), deleted(2), added(3, []), added(4, ["c"], external_urls=[ELSEWHERE])]
    first, second, third, fourth = await messages.write(events, UrlFilter())
    assert [message.id for message in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert [message.key for message in (first, second, third, fourth)] == ["f1", "f2", "f3", "f4"]
    assert urls(first) == [["https://id-of-cold/a?a"], ["https://id-of-hot/b?b"]]
    assert json.loads(second.body)["event"] == {"flow_id": "f2"}
    assert urls(third) == []
    assert urls(fourth) == [["https://id-of-cold/c?c", ELSEWHERE.url]]
    assert storage.signed == [{"id-of-hot": ["b"], "id-of-cold": ["a", "c"]}]


async def test_no_call_signs_more_than_media_does_at_once(messages, storage):
    paths = [[f"{number}-{at}" for at in range(300)] for number in range(8)]
    written = await messages.write([added(number, some) for number, some in enumerate(paths)], UrlFilter())
    for message, some in zip(written, paths, strict=True):
        assert [found.split("?")[1] for (found,) in urls(message)] == some
    assert [sum(map(len, call.values())) for call in storage.signed] == [1000, 1000, 400]


async def test_nobody_is_asked_to_sign_for_events_without_segments(messages, storage):
    assert len(await messages.write([deleted(1), deleted(2)], UrlFilter())) == 2
    assert (storage.listed, storage.signed) == (0, [])


async def test_nothing_is_written_while_media_is_away(messages, storage):
    storage.away = True
    with pytest.raises(Unavailable):
        await messages.write([added(1, ["a"])], UrlFilter())
