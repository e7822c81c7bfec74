import re
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from services.media.domain.storage_path import MAX_KEY_LENGTH, storage_path
from services.shared.errors import InvalidArgument
from tests.support.storage import NOON

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60) | st.text(
    "a./~", min_size=1, max_size=420
)


def path_of(object_id, prefix=""):
    try:
        return storage_path(prefix, NOON, object_id)
    except InvalidArgument:
        assume(False)


def test_a_plain_id_stays_readable():
    assert storage_path("media/", NOON, "0194d2a1-7000_x.ts") == "media/2026/03/04/0194d2a1-7000_x.ts"


def test_an_id_with_slashes_is_one_step():
    assert storage_path("", NOON, "tams-e2b8/846023d3") == "2026/03/04/tams-e2b8~2F846023d3"


@given(IDS)
@example(".")
@example("..")
@example("../../x")
@example("a" * 200 + ".")
@example("a" * 200 + "..")
@example(".uploads")
def test_a_path_is_url_safe_and_never_climbs(object_id):
    path = path_of(object_id)
    steps = path.split("/")
    assert quote(path, safe="/~") == path
    assert not any(step == "" or step.startswith(".") for step in steps)
    assert max(map(len, steps)) <= 255
    assert len(path) <= MAX_KEY_LENGTH


@given(IDS)
def test_the_id_can_be_read_back_so_two_ids_never_share_a_path(object_id):
    name = path_of(object_id).removeprefix("2026/03/04/").replace("~/~", "")
    raw = re.sub(rb"~([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    assert raw.decode() == object_id


@given(IDS, IDS)
@example("a" * 200, "a" * 201)
@example("a" * 200, "a" * 200 + "~/b")
def test_no_path_is_a_folder_of_another(one, other):
    assert not path_of(other).startswith(path_of(one) + "/")


@pytest.mark.parametrize("object_id", ["", "a" * 1025, "é" * 400, "a" * 10_000_000])
def test_an_id_that_makes_no_key_is_refused(object_id):
    with pytest.raises(InvalidArgument) as raised:
        storage_path("", NOON, object_id)
    assert raised.value.reason == "BAD_ALLOCATION"


def test_the_longest_key_counts_the_prefix():
    longest = "a" * 997
    assert len(storage_path("", NOON, longest)) == 11 + 997 + 4 * 3
    with pytest.raises(InvalidArgument):
        storage_path("prefix/", NOON, longest)
