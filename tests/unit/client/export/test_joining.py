"""Joints of segments that use only a part of their objects, as in flows of reused objects."""

from collections.abc import Iterable

import pytest

from client.essence.errors import EssenceError
from client.essence.objects.placing import PlacedPacket
from client.export import joining

LIMIT = 1000


def packets(*entries: tuple[int, bool]) -> list[PlacedPacket]:
    """Packets of ten ticks, from (pts, key) in decoding order."""
    return [PlacedPacket(b"", pts, pts, 10, key) for pts, key in entries]


def times(packets: Iterable[PlacedPacket] | None) -> list[int]:
    assert packets is not None
    return [packet.pts for packet in packets]


GROUP = packets((0, True), (30, False), (10, False), (20, False), (40, True), (50, False))


def test_a_part_begins_at_its_own_key_frame() -> None:
    part = joining.part("video", GROUP, 40, 60, LIMIT)
    assert times(joining.after_joint(part)) == [40, 50]


def test_video_that_begins_within_a_group_cannot_follow_other_video() -> None:
    part = joining.part("video", GROUP, 10, 60, LIMIT)
    with pytest.raises(EssenceError, match="without encoding"):
        joining.after_joint(part)


def test_video_that_ends_before_a_picture_it_refers_to_cannot_be_followed() -> None:
    part = joining.part("video", GROUP, 0, 30, LIMIT)
    with pytest.raises(EssenceError, match="without encoding"):
        joining.before_joint(part, list(part.packets))


def test_packets_after_the_last_presented_one_are_removed() -> None:
    part = joining.part("video", GROUP, 0, 40, LIMIT)
    assert times(joining.before_joint(part, list(part.packets))) == [0, 30, 10, 20]


def test_the_last_part_keeps_pictures_that_earlier_ones_refer_to() -> None:
    part = joining.part("video", GROUP, 0, 60, 20)
    assert times(joining.up_to_last(part, list(part.packets))) == [0, 30, 10]


def test_the_lead_begins_at_the_last_key_frame_before_the_first_picture() -> None:
    part = joining.part("video", GROUP, 0, 60, LIMIT)
    later = joining.part("video", GROUP, 50, 60, LIMIT)
    assert times(joining.lead("video", [], part, 0)) == [0, 30, 10, 20, 40, 50]
    assert times(joining.lead("video", [], later, 0)) == [40, 50]


def test_a_lead_without_a_key_frame_needs_earlier_packets() -> None:
    tail = packets((10, False), (20, False))
    part = joining.part("video", tail, 10, 30, LIMIT)
    assert joining.lead("video", [], part, 0) is None
    assert times(joining.lead("video", packets((0, True)), part, 0)) == [0, 10, 20]


def test_the_lead_of_audio_has_packets_before_the_first_sample() -> None:
    sound = packets(*((start, True) for start in range(0, 60, 10)))
    part = joining.part("audio", sound, 25, 60, LIMIT)
    assert times(joining.lead("audio", [], part, 2)) == [0, 10, 20, 30, 40, 50]
    assert joining.lead("audio", [], part, 3) is None
