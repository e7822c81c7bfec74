import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from client.essence.errors import EssenceError
from client.upload import Labels, Plan, plan
from tests.support.client.essence import remuxed

LABELS = Labels(prefix="shoot 1: ", tags={"programme": "news"})


def planned(path: Path, labels: Labels = LABELS, *, any_file: bool = False) -> Plan:
    return plan(path, labels, any_file=any_file)


def test_a_file_becomes_a_flow_with_one_segment(clip: Callable[[str], Path], tmp_path: Path) -> None:
    made = planned(remuxed(clip("25"), tmp_path / "camera.ts", ["video"]))

    document = made.document
    assert document["format"] == "urn:x-nmos:format:video"
    assert (document["codec"], document["container"]) == ("video/h264", "video/mp2t")
    assert document["essence_parameters"]["frame_width"] == 320
    assert document["label"] == "shoot 1: camera"
    assert document["tags"]["programme"] == "news"
    assert document["tags"]["file_name"] == "camera.ts"
    assert str(made.timerange) == "[0:0_6:0)"
    # The first picture of a transport stream is not at its zero.
    assert made.ts_offset is not None
    assert made.ts_offset.to_nanosec() < 0


def test_ids_derive_from_the_content(clip: Callable[[str], Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.bin"
    shutil.copy(clip("25"), copy)

    first, second = planned(clip("25")), planned(copy)

    assert first.flow_id == second.flow_id
    assert first.document["source_id"] == second.document["source_id"]
    assert planned(clip("29.97")).flow_id != first.flow_id
    assert second.document["container"] == "video/mp4"


def test_a_source_label_joins_files_of_a_format(clip: Callable[[str], Path], tmp_path: Path) -> None:
    labels = Labels(source="Camera 1")
    sound = remuxed(clip("25"), tmp_path / "sound.mp4", ["audio"])
    sources = [planned(path, labels).document["source_id"] for path in (clip("25"), clip("29.97"), sound)]
    assert sources[0] == sources[1] != sources[2]
    assert planned(sound, labels).source_label == "Camera 1"


def test_other_files_are_data_only_if_asked(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("take 3 is good\n" * 100)

    with pytest.raises(EssenceError, match="not recognised as media"):
        planned(notes)

    made = planned(notes, any_file=True)
    assert made.document["format"] == "urn:x-nmos:format:data"
    assert made.document["codec"] == made.document["container"] == "text/plain"
    assert str(made.timerange) == "[0:0_0:1)"


def test_a_file_that_changed_since_is_an_error(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("one")
    made = planned(notes, any_file=True)
    made.check_unchanged()
    notes.write_text("another")
    with pytest.raises(OSError, match="changed"):
        made.check_unchanged()
