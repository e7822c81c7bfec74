from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.signed_urls import SignedUrls, in_urls


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_paths_in_urls_are_ascii_and_read_back(paths):
    written = in_urls(paths)
    assert [unquote(path) for path in written] == paths
    assert all(path.isascii() and not set(path) & set('?#&= "') for path in written)


@pytest.mark.parametrize("path", ["", "a/b", "~0.9_-"])
def test_plain_paths_stay_as_they_are(path):
    assert in_urls([path]) == [path]


@pytest.mark.parametrize(
    ("path", "written"), [("50%", "50%25"), ("a%2Fb", "a%252Fb"), ("a+b c", "a%2Bb%20c")]
)
def test_what_has_a_meaning_in_urls_is_encoded(path, written):
    assert in_urls(["plain", path]) == ["plain", written]


def test_each_url_has_its_own_path_and_signature():
    urls = SignedUrls("https://host/bucket/", "?signature=", ["a", "b c"], ["1", "2"])
    assert urls.whole() == ["https://host/bucket/a?signature=1", "https://host/bucket/b%20c?signature=2"]
    assert urls.between("<", "|", ">") == ["<a|1>", "<b%20c|2>"]
