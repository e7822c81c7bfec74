import struct

import av
import pytest

from client.essence.edits import Edit, write_edits
from client.essence.errors import EssenceError
from tests.support.media import pictures, remuxed


def test_an_edit_shows_a_part_at_its_time(clip, tmp_path):
    path = remuxed(clip("25"), tmp_path / "out.mp4", ["video"])
    # Ticks of the movie are milliseconds, those of the track 1/12800 s; the first picture is two pictures in.
    write_edits(path, [Edit(begin=1000, duration=2000, media_time=12_800 * 3 + 1024)])
    shown = pictures(path)
    assert [picture.pixels for picture in shown] == [p.pixels for p in pictures(clip("25"))][75:125]
    assert shown[0].time == 1


def test_packets_stay_where_they_are(clip, tmp_path):
    path = remuxed(clip("25"), tmp_path / "out.mp4")
    with av.open(str(path)) as container:
        before = [bytes(packet) for packet in container.demux()]
    write_edits(path, [Edit(0, 6000, 1024), Edit(0, 6000, 1024)])
    with av.open(str(path)) as container:
        assert [bytes(packet) for packet in container.demux()] == before


@pytest.mark.parametrize(
    "content", [b"", b"short", struct.pack(">I4s", 8, b"ftyp"), struct.pack(">I4s", 0, b"x" * 4)]
)
def test_a_file_without_an_index_at_its_end_is_refused(tmp_path, content):
    path = tmp_path / "out.mp4"
    path.write_bytes(content)
    with pytest.raises(EssenceError, match="no index"):
        write_edits(path, [Edit(0, 1, 0)])
    assert path.read_bytes() == content
