from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.url_paths import is_plain, is_well_formed, url_lines

paths = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(paths)
def test_encoded_paths_are_ascii_and_decode_to_the_same(paths: list[str]) -> None:
    lines = url_lines(paths)
    assert lines.isascii()
    assert [unquote(line) for line in lines.decode().split("\n")[:-1]] == paths
    assert not set(lines.decode()) & set('?#&= "\r')


@pytest.mark.parametrize("path", ["", "a/b", "~0.9_-"])
def test_plain_paths_are_not_changed(path: str) -> None:
    lines = path.encode() + b"\n"
    assert url_lines([path]) == lines
    assert is_plain(lines, 1)
    assert not is_plain(lines, 2)


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("50%", b"50%25"),
        ("a%2Fb", b"a%252Fb"),
        ("a+b c", b"a%2Bb%20c"),
        ("two\nlines", b"two%0Alines"),
        ("é", b"%C3%A9"),
    ],
)
def test_characters_with_a_meaning_in_urls_are_encoded(path: str, encoded: bytes) -> None:
    assert url_lines(["plain", path]) == b"plain\n" + encoded + b"\n"
    assert not is_plain(path.encode() + b"\n", 1)


@given(paths)
def test_encoded_paths_are_well_formed(paths: list[str]) -> None:
    assert is_well_formed(url_lines(paths))


@pytest.mark.parametrize(
    "lines",
    [
        b"a",
        b"a\nb",
        b"a b\n",
        b"a?b\n",
        b"%\n",
        b"%4\n",
        b"%zz\n",
        b"%41\n",
        b"%c3%a9\n",
        b"%FF\n",
        b"\xc3\xa9\n",
    ],
)
def test_other_lines_are_not_well_formed(lines: bytes) -> None:
    assert not is_well_formed(lines)
