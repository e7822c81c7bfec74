"""Segments that show only a part of their object, as flows made from other flows' objects have."""

import pytest

from client.essence.errors import EssenceError
from client.essence.placing import Placed
from client.export import joining

LIMIT = 1000


def packets(*entries):
    """Packets ten ticks long: (pts, key) in decoding order."""
    return [Placed(b"", pts, pts, 10, key) for pts, key in entries]


def times(found):
    return [packet.pts for packet in found]


GROUP = packets((0, True), (30, False), (10, False), (20, False), (40, True), (50, False))


def test_a_part_begins_at_its_own_key_frame():
    part = joining.part("video", GROUP, 40, 60, LIMIT)
    assert times(joining.after_joint(part)) == [40, 50]


def test_video_that_begins_within_a_group_cannot_follow_other_video():
    part = joining.part("video", GROUP, 10, 60, LIMIT)
    with pytest.raises(EssenceError, match="without encoding"):
        joining.after_joint(part)


def test_video_that_ends_before_a_picture_it_refers_to_cannot_be_followed():
    part = joining.part("video", GROUP, 0, 30, LIMIT)
    with pytest.raises(EssenceError, match="without encoding"):
        joining.before_joint(part, list(part.packets))


def test_packets_behind_the_last_one_shown_go():
    part = joining.part("video", GROUP, 0, 40, LIMIT)
    assert times(joining.before_joint(part, list(part.packets))) == [0, 30, 10, 20]


def test_at_the_end_pictures_stay_that_earlier_ones_refer_to():
    part = joining.part("video", GROUP, 0, 60, 20)
    assert times(joining.up_to_last(part, list(part.packets))) == [0, 30, 10]


def test_the_lead_begins_at_the_last_key_frame_before_the_first_picture():
    part = joining.part("video", GROUP, 0, 60, LIMIT)
    later = joining.part("video", GROUP, 50, 60, LIMIT)
    assert times(joining.lead("video", [], part, 0)) == [0, 30, 10, 20, 40, 50]
    assert times(joining.lead("video", [], later, 0)) == [40, 50]


def test_a_lead_without_a_key_frame_asks_for_more():
    tail = packets((10, False), (20, False))
    part = joining.part("video", tail, 10, 30, LIMIT)
    assert joining.lead("video", [], part, 0) is None
    assert times(joining.lead("video", packets((0, True)), part, 0)) == [0, 10, 20]


def test_audio_runs_in_before_its_first_sample():
    sound = packets(*((at, True) for at in range(0, 60, 10)))
    part = joining.part("audio", sound, 25, 60, LIMIT)
    assert times(joining.lead("audio", [], part, 2)) == [0, 10, 20, 30, 40, 50]
    assert joining.lead("audio", [], part, 3) is None
