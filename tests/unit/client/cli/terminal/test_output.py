import pytest

from client.cli.terminal.output import printable, seconds, short_format, shown, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_999, "999.9 kB"),
        (1_234_567, "1.2 MB"),
        (5 * 10**18, "5000.0 PB"),
    ],
)
def test_sizes_have_a_decimal_unit(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0.000 s"), (1_500_000_000, "1.500 s"), (999_999, "0.000 s"), (-2_000_000_000, "-2.000 s")],
)
def test_durations_are_seconds_with_milliseconds(nanoseconds: int, text: str) -> None:
    assert seconds(nanoseconds) == text


def test_formats_have_short_names() -> None:
    assert short_format("urn:x-nmos:format:video") == "video"
    assert short_format("urn:x-tam:format:image") == "image"


def test_nested_values_are_shown_as_text() -> None:
    assert shown(None) == ""
    assert shown({"a": {"b": 1, "c": True}, "d": [1]}) == "a: b 1, c yes\nd: [1]"
    assert shown(["x", {"id": "y"}]) == "x\nid y"


def test_control_characters_become_visible() -> None:
    assert printable("a\x1b[0m\tb") == "a\ufffd[0m\ufffdb"
