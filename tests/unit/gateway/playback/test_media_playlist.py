from gateway.playback.media_playlist import Kind, media_playlist, rounded_duration, target_duration
from gateway.playback.numbering import numbered
from gateway.playback.segments import InitSection, PlayableSegment
from services.shared.timerange import NS

# 14 June 2025 18:27:36 UTC, which is 37 seconds more in TAI.
BEGIN = 1_749_925_693 * NS


def segment(start: int, end: int, offset: int = 0) -> PlayableSegment:
    return PlayableSegment(BEGIN + start, BEGIN + end, offset, f"https://storage.example/{start}")


def test_a_playlist_has_exact_durations_and_dates_where_time_jumps() -> None:
    frame = 1001 * NS // 30_000
    entries = numbered([segment(0, 60 * frame), segment(60 * frame, 4 * NS), segment(6 * NS, 8 * NS)])
    text = media_playlist(entries, Kind.VOD, target=target_duration(entries), ended=True).decode()
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-06-14T18:27:36.000Z\n"
        "#EXTINF:2.001999960,\n"
        "https://storage.example/0#.ts\n"
        "#EXTINF:1.998000040,\n"
        "https://storage.example/2001999960#.ts\n"
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-06-14T18:27:42.000Z\n"
        "#EXTINF:2.000000000,\n"
        "https://storage.example/6000000000#.ts\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_window_counts_what_came_before_it() -> None:
    entries = numbered(
        [segment(0, NS), segment(2 * NS, 3 * NS), segment(4 * NS, 5 * NS), segment(5 * NS, 6 * NS)]
    )
    window = media_playlist(entries[2:], Kind.LIVE, target=2, ended=False).decode()
    head = ["#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:2", "#EXT-X-DISCONTINUITY-SEQUENCE:1"]
    assert window.splitlines()[2:6] == [*head, "#EXT-X-DISCONTINUITY"]
    assert "ENDLIST" not in window
    later = media_playlist(entries[3:], Kind.LIVE, target=2, ended=False).decode()
    assert later.splitlines()[3:5] == ["#EXT-X-MEDIA-SEQUENCE:3", "#EXT-X-DISCONTINUITY-SEQUENCE:2"]


def test_a_timeline_that_begins_at_zero_has_no_dates() -> None:
    entries = numbered([PlayableSegment(0, NS, 0, "http://storage.example/a")])
    assert b"DATE" not in media_playlist(entries, Kind.VOD, target=1, ended=True)


def test_a_section_is_listed_where_its_bytes_change() -> None:
    """Other bytes with the same parameters, such as those of another date, are no discontinuity."""
    first, dated, other = InitSection(800, 5000, b"1", b"p"), InitSection(9, 10, b"2", b"p"), (b"3", b"q")
    sections = [first, first._replace(object_size=4000), dated, InitSection(810, 5000, *other)]
    entries = numbered(
        segment(index * NS, (index + 1) * NS)._replace(init=init) for index, init in enumerate(sections)
    )
    text = media_playlist(entries, Kind.VOD, target=1, ended=True).decode()
    assert "#EXT-X-VERSION:6\n" in text
    kept = ("#EXT-X-MAP", "#EXT-X-BYTERANGE", "#EXT-X-DISC", "https")
    address = "https://storage.example"
    assert [line for line in text.splitlines() if line.startswith(kept)] == [
        f'#EXT-X-MAP:URI="{address}/0#.mp4",BYTERANGE="800@0"',
        "#EXT-X-BYTERANGE:4200@800",
        f"{address}/0#.mp4",
        "#EXT-X-BYTERANGE:3200@800",
        f"{address}/{NS}#.mp4",
        f'#EXT-X-MAP:URI="{address}/{2 * NS}#.mp4",BYTERANGE="9@0"',
        "#EXT-X-BYTERANGE:1@9",
        f"{address}/{2 * NS}#.mp4",
        "#EXT-X-DISCONTINUITY",
        f'#EXT-X-MAP:URI="{address}/{3 * NS}#.mp4",BYTERANGE="810@0"',
        "#EXT-X-BYTERANGE:4190@810",
        f"{address}/{3 * NS}#.mp4",
    ]


def test_durations_are_rounded_to_the_nearest_second() -> None:
    nanoseconds = (1, NS, 1_499_999_999, 1_500_000_000, 10 * NS)
    assert [rounded_duration(each) for each in nanoseconds] == [1, 1, 1, 2, 10]
