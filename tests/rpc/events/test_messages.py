"""Messages of a batch of events: each has its own segments, and one call signs the URLs of all."""

import json
from collections.abc import AsyncIterator, Sequence

import pytest
from tams.event.v1.event_pb2 import Event, FlowDeleted, SegmentsAdded
from tams.metadata.v1.segment_pb2 import ExternalUrl

from services.events.adapters.messages import Messages
from services.events.domain.subscriber import Message
from services.segment_documents.segment_urls import SegmentUrls
from services.segment_documents.storage_backends import StorageBackends
from services.segment_documents.url_filter import UrlFilter
from services.shared.errors import Unavailable
from tests.support.rpc.segment_lines import Listed, segment_lines
from tests.support.rpc.signing import Storage, signing

ELSEWHERE = ExternalUrl(url="https://elsewhere.example/b")


@pytest.fixture
async def storage() -> Storage:
    return Storage()


@pytest.fixture
async def messages(storage: Storage) -> AsyncIterator[Messages]:
    async with signing(storage) as media:
        yield Messages(SegmentUrls(media, StorageBackends(media, 60)))


def segments_added(number: int, paths: Sequence[str], external_urls: Sequence[ExternalUrl] = ()) -> Event:
    """An event with a segment for each path, the first half on the backend `cold`, the others on `hot`."""
    segments = [
        Listed(
            b'{"object_id":"%b"}' % path.encode(),
            "id-of-cold" if 2 * index < len(paths) else "id-of-hot",
            path,
            external_urls,
        )
        for index, path in enumerate(paths)
    ]
    change = SegmentsAdded(flow_id=f"f{number}", segments=segment_lines(segments))
    return Event(id=number, key=f"f{number}", segments_added=change)


def flow_deleted(number: int) -> Event:
    return Event(id=number, key=f"f{number}", flow_deleted=FlowDeleted(flow_id=f"f{number}"))


def urls_by_segment(message: Message) -> list[list[str]]:
    """The URLs of each segment in a message."""
    segments = json.loads(message.body)["event"]["segments"]
    return [[url["url"] for url in segment["get_urls"]] for segment in segments]


async def test_each_message_has_its_own_segments_and_one_call_signs_for_all(
    messages: Messages, storage: Storage
) -> None:
    events = [
        segments_added(1, ["a", "b"]),
        flow_deleted(2),
        segments_added(3, []),
        segments_added(4, ["c"], external_urls=[ELSEWHERE]),
    ]
    first, second, third, fourth = await messages.write(events, UrlFilter())
    assert [message.id for message in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert [message.key for message in (first, second, third, fourth)] == ["f1", "f2", "f3", "f4"]
    assert urls_by_segment(first) == [["https://id-of-cold/a?a"], ["https://id-of-hot/b?b"]]
    assert json.loads(second.body)["event"] == {"flow_id": "f2"}
    assert urls_by_segment(third) == []
    assert urls_by_segment(fourth) == [["https://id-of-cold/c?c", ELSEWHERE.url]]
    assert storage.signed == [{"id-of-hot": ["b"], "id-of-cold": ["a", "c"]}]


async def test_a_call_signs_no_more_paths_than_media_accepts(messages: Messages, storage: Storage) -> None:
    paths = [[f"{number}-{index}" for index in range(300)] for number in range(8)]
    written = await messages.write(
        [segments_added(number, own_paths) for number, own_paths in enumerate(paths)], UrlFilter()
    )
    for message, own_paths in zip(written, paths, strict=True):
        assert [url.split("?")[1] for (url,) in urls_by_segment(message)] == own_paths
    assert [sum(map(len, call.values())) for call in storage.signed] == [900, 900, 600]


async def test_media_is_not_called_for_events_without_segments(messages: Messages, storage: Storage) -> None:
    assert len(await messages.write([flow_deleted(1), flow_deleted(2)], UrlFilter())) == 2
    assert (storage.listed, storage.signed) == (0, [])


async def test_no_message_is_written_while_media_is_unreachable(messages: Messages, storage: Storage) -> None:
    storage.unavailable = True
    with pytest.raises(Unavailable):
        await messages.write([segments_added(1, ["a"])], UrlFilter())


async def test_an_event_of_a_later_kind_waits_for_the_upgrade(messages: Messages) -> None:
    with pytest.raises(Unavailable, match="later version") as caught:
        await messages.write([flow_deleted(1), Event(id=2, key="f2")], UrlFilter())
    assert caught.value.reason == "PARTS_DISAGREE"
