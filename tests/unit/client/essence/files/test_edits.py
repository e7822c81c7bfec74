import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from client.essence.errors import EssenceError
from client.essence.files.edits import Edit, write_edits
from tests.support.client.essence import pictures, remuxed


def test_an_edit_presents_a_part_at_its_time(clip: Callable[[str], Path], tmp_path: Path) -> None:
    path = remuxed(clip("25"), tmp_path / "out.mp4", ["video"])
    # Ticks are milliseconds in the movie and 1/12800 s in the track, where the first picture is at 1024.
    write_edits(path, [Edit(begin=1000, duration=2000, media_time=12_800 * 3 + 1024)])
    presented = pictures(path)
    assert [picture.pixels for picture in presented] == [picture.pixels for picture in pictures(clip("25"))][
        75:125
    ]
    assert presented[0].time == 1


def test_edits_do_not_change_packets(clip: Callable[[str], Path], tmp_path: Path) -> None:
    path = remuxed(clip("25"), tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        before = [bytes(packet) for packet in container.demux()]
    write_edits(path, [Edit(0, 6000, 1024), Edit(0, 6000, 1024)])
    with av.open(str(path)) as container:
        assert [bytes(packet) for packet in container.demux()] == before


@pytest.mark.parametrize(
    "content", [b"", b"short", struct.pack(">I4s", 8, b"ftyp"), struct.pack(">I4s", 0, b"x" * 4)]
)
def test_a_file_without_an_index_at_its_end_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(content)
    with pytest.raises(EssenceError, match="no index"):
        write_edits(path, [Edit(0, 1, 0)])
    assert path.read_bytes() == content
