from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.signed_urls import SignedUrls, plain, url_lines, well_formed

paths = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(paths)
def test_paths_in_urls_are_ascii_and_read_back(paths):
    lines = url_lines(paths)
    assert lines.isascii()
    assert [unquote(line) for line in lines.decode().split("\n")[:-1]] == paths
    assert not set(lines.decode()) & set('?#&= "\r')


@pytest.mark.parametrize("path", ["", "a/b", "~0.9_-"])
def test_plain_paths_stay_as_they_are(path):
    lines = path.encode() + b"\n"
    assert url_lines([path]) == lines
    assert plain(lines, 1)
    assert not plain(lines, 2)


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("50%", b"50%25"),
        ("a%2Fb", b"a%252Fb"),
        ("a+b c", b"a%2Bb%20c"),
        ("two\nlines", b"two%0Alines"),
        ("é", b"%C3%A9"),
    ],
)
def test_what_has_a_meaning_in_urls_is_encoded(path, written):
    assert url_lines(["plain", path]) == b"plain\n" + written + b"\n"
    assert not plain(path.encode() + b"\n", 1)


@given(paths)
def test_what_is_written_is_well_formed(paths):
    assert well_formed(url_lines(paths))


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
def test_what_is_not_written_so_is_not(lines):
    assert not well_formed(lines)


def test_each_url_has_its_own_path_and_signature():
    urls = SignedUrls("https://host/bucket/", "?signature=", b"a\nb%20c\n", b"1\n2\n")
    assert urls.whole() == ["https://host/bucket/a?signature=1", "https://host/bucket/b%20c?signature=2"]
