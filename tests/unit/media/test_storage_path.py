import re
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.media.domain.key_template import DEFAULT_TEMPLATE
from services.media.domain.storage_path import (
    MAX_KEY_LENGTH,
    check_paths,
    is_storage_path,
    object_id_of,
    storage_path,
)
from services.shared.errors import InvalidArgument
from services.shared.url_paths import url_lines
from tests.support.storage.backends import NOON

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.text(
    "a./~", min_size=1, max_size=420
)


def path_of(object_id: str, prefix: str = "") -> str:
    try:
        return storage_path(DEFAULT_TEMPLATE.folder(prefix, "flow", NOON), object_id)
    except InvalidArgument:
        assume(False)


def test_a_plain_id_is_not_changed() -> None:
    assert (
        storage_path(DEFAULT_TEMPLATE.folder("media/", "flow", NOON), "0194d2a1-7000_x.ts")
        == "media/2026/03/04/0194d2a1-7000_x.ts"
    )


def test_slashes_in_an_id_are_encoded() -> None:
    assert (
        storage_path(DEFAULT_TEMPLATE.folder("", "flow", NOON), "tams-e2b8/846023d3")
        == "2026/03/04/tams-e2b8~2F846023d3"
    )


@given(IDS)
@example(".")
@example("..")
@example("../../x")
@example("a" * 200 + ".")
@example("a" * 200 + "..")
@example(".uploads")
def test_a_path_needs_no_encoding_and_has_no_dot_steps(object_id: str) -> None:
    path = path_of(object_id)
    steps = path.split("/")
    assert quote(path, safe="/~") == path
    assert not any(step == "" or step.startswith(".") for step in steps)
    assert max(map(len, steps)) <= 255
    assert len(path) <= MAX_KEY_LENGTH


@given(IDS)
def test_the_id_can_be_decoded_so_no_two_ids_share_a_path(object_id: str) -> None:
    name = path_of(object_id).removeprefix("2026/03/04/").replace("~/~", "")
    decoded = re.sub(rb"~([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), name.encode())
    assert decoded.decode() == object_id


@given(IDS)
@example("a" * 200 + "~/b")
@example("é" * 300)
def test_a_path_says_its_object(object_id: str) -> None:
    assert object_id_of(path_of(object_id, "media/")) == object_id


@pytest.mark.parametrize("path", ["media/", "~FF", ""])
def test_a_path_of_others_says_none(path: str) -> None:
    assert object_id_of(path) is None


@given(IDS, IDS)
@example("a" * 200, "a" * 201)
@example("a" * 200, "a" * 200 + "~/b")
def test_no_path_is_a_folder_of_another_path(first: str, second: str) -> None:
    assert not path_of(second).startswith(path_of(first) + "/")


@pytest.mark.parametrize("object_id", ["", "a" * 1025, "é" * 400, "a" * 10_000_000])
def test_an_empty_or_too_long_id_is_refused(object_id: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        storage_path(DEFAULT_TEMPLATE.folder("", "flow", NOON), object_id)
    assert raised.value.reason == "BAD_ALLOCATION"


def test_the_limit_of_a_key_includes_the_prefix() -> None:
    longest = "a" * 997
    assert len(storage_path(DEFAULT_TEMPLATE.folder("", "flow", NOON), longest)) == 11 + 997 + 4 * 3
    with pytest.raises(InvalidArgument):
        storage_path(DEFAULT_TEMPLATE.folder("prefix/", "flow", NOON), longest)


@given(IDS)
def test_an_allocated_path_can_be_signed(object_id: str) -> None:
    assert is_storage_path(path_of(object_id, "media/"))


BAD_PATHS = [
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    "a///b",
    ".",
    "..",
    "./x",
    "../x",
    "../../etc/x",
    "a/./b",
    "a/../b",
    "a/..",
    "a/.",
    "\x00",
    "a\x00b",
    "a\nb",
    "a\rb",
    "\x1f",
    "\x7f",
    "x" * (MAX_KEY_LENGTH + 1),
    "x/" * (MAX_KEY_LENGTH // 2) + "xx",
    "é" * (MAX_KEY_LENGTH // 2 + 1),
]


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.parametrize("before", [[], ["good/path"], ["a", "b" * 700]])
@pytest.mark.parametrize("after", [[], ["good/path"], ["c" * 300] * 3])
def test_malformed_paths_are_refused(path: str, before: list[str], after: list[str]) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_paths(url_lines([*before, path, *after]))
    assert raised.value.reason == "BAD_STORAGE_PATH"


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a.b/..c/d..",
        ".hidden",
        "...",
        "a/ /b",
        "~",
        "%",
        "é" * (MAX_KEY_LENGTH // 2),
        "x" * MAX_KEY_LENGTH,
    ],
)
@pytest.mark.parametrize("count", [1, 3, 100])
def test_well_formed_paths_are_accepted(path: str, count: int) -> None:
    check_paths(url_lines([path] * count))


@given(
    st.lists(st.text("a./~", min_size=0, max_size=5) | st.integers(500, 1200).map("x".__mul__), max_size=4)
)
def test_a_malformed_path_among_others_is_refused(paths: list[str]) -> None:
    steps = [step for path in paths for step in path.split("/")]
    well_formed = not {"", ".", ".."} & set(steps) and max(map(len, paths), default=0) <= MAX_KEY_LENGTH
    try:
        check_paths(url_lines(paths))
    except InvalidArgument:
        assert not well_formed
    else:
        assert well_formed
