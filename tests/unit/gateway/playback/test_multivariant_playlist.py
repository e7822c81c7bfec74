import msgspec
import pytest

from gateway.playback.codec_names import codec_name
from gateway.playback.flows import PlayableFlow, playable_flow
from gateway.playback.multivariant_playlist import Programme, multivariant_playlist


def flow(kind: str, **members: object) -> PlayableFlow:
    document = {
        "id": f"{kind}-1",
        "format": f"urn:x-nmos:format:{kind}",
        "container": "video/mp2t",
        **members,
    }
    return playable_flow(msgspec.json.encode(document))


PICTURE = flow(
    "video",
    codec="video/h264",
    max_bit_rate=5000,
    avg_bit_rate=4000,
    essence_parameters={
        "frame_width": 1920,
        "frame_height": 1080,
        "frame_rate": {"numerator": 30_000, "denominator": 1001},
        "avc_parameters": {"profile": 100, "flags": 0, "level": 31},
    },
)
SOUND = flow(
    "audio",
    label='Stage "left"\nmicrophone',
    codec="audio/aac",
    avg_bit_rate=128,
    tags={"language": "en"},
    essence_parameters={"channels": 2, "sample_rate": 48_000, "codec_parameters": {"mp4_oti": 5}},
)


def address(flow: PlayableFlow) -> str:
    return f"../{flow.id}/playlist.m3u8"


def test_pictures_are_variants_and_sounds_their_renditions() -> None:
    text = multivariant_playlist([Programme.of([PICTURE, SOUND])], address).decode()
    assert text == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:4\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio-1",NAME="Stage \'left\' microphone",LANGUAGE="en",'
        'DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="../audio-1/playlist.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=5128000,AVERAGE-BANDWIDTH=4128000,CODECS="avc1.64001f,mp4a.40.5",'
        'RESOLUTION=1920x1080,FRAME-RATE=29.970,AUDIO="audio-1"\n'
        "../video-1/playlist.m3u8\n"
    )


def test_sounds_alone_are_variants() -> None:
    text = multivariant_playlist([Programme.of([SOUND])], address).decode()
    assert "EXT-X-MEDIA:" not in text
    assert 'BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.5"' in text


def test_codecs_are_named_only_if_all_are_known() -> None:
    unknown = flow("audio", codec="audio/mpeg")
    assert "CODECS" not in multivariant_playlist([Programme.of([PICTURE, unknown])], address).decode()


@pytest.mark.parametrize(
    ("codec", "name"),
    [("audio/AAC", "mp4a.40.2"), ("audio/ac3", "ac-3"), ("audio/eac3", "ec-3"), ("video/h264", None)],
)
def test_names_of_codecs(codec: str, name: str | None) -> None:
    assert codec_name(flow("audio", codec=codec)) == name


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"format": "urn:x-nmos:format:data"}, "format urn:x-nmos:format:data"),
        ({"container": "application/mxf"}, "application/mxf"),
        ({"container": ""}, "no segments of its own"),
        ({"container": "video/MP2T"}, ""),
    ],
)
def test_an_obstacle_is_named(members: dict[str, object], words: str) -> None:
    obstacle = flow("video", **members).obstacle
    assert words in obstacle
    assert bool(words) == bool(obstacle)


def test_parameters_of_another_form_are_ignored() -> None:
    """Those of a multi flow may be anything."""
    assert flow("multi", essence_parameters={"frame_width": "wide"}).essence.frame_width is None
    assert flow("multi", segment_duration={"numerator": 0}).usual_duration == 0
    assert flow("multi", segment_duration={"numerator": 3, "denominator": 2}).usual_duration == 2
