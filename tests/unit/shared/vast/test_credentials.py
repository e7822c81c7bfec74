import traceback

import pytest

from services.shared.errors import StartupError
from services.shared.vast.credentials import Credentials

SECRET = "hunter2-very-secret"  # not a key of anything


@pytest.fixture
def key_file(tmp_path):
    def write(content: bytes) -> str:
        path = tmp_path / "key"
        path.write_bytes(content)
        return str(path)

    return write


def test_keys_are_taken_as_given():
    keys = Credentials.read("access", "", SECRET, "")
    assert (keys.access_key, keys.secret_key) == ("access", SECRET)


def test_keys_are_read_from_files_without_the_line_s_end(key_file):
    keys = Credentials.read("access", "", "", key_file(f"{SECRET}\r\n".encode()))
    assert keys.secret_key == SECRET


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("", "", SECRET, ""), "TAMS_VAST_ACCESS_KEY"),
        (("access", "/file", SECRET, ""), "TAMS_VAST_ACCESS_KEY"),
        (("access", "", "", ""), "TAMS_VAST_SECRET_KEY"),
        (("access", "", SECRET, "/file"), "TAMS_VAST_SECRET_KEY"),
    ],
)
def test_each_key_is_given_once(given, name):
    with pytest.raises(StartupError, match=f"either {name} or {name}_FILE") as raised:
        Credentials.read(*given)
    assert SECRET not in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StartupError, match=r"cannot read TAMS_VAST_SECRET_KEY_FILE.*absent"):
        Credentials.read("access", "", "", str(tmp_path / "absent"))


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_refused(key_file, content):
    with pytest.raises(StartupError, match="TAMS_VAST_SECRET_KEY_FILE is empty"):
        Credentials.read("access", "", "", key_file(content))


def test_bytes_that_are_no_text_are_refused_and_not_repeated(key_file):
    path = key_file(SECRET.encode() + b"\xff")
    with pytest.raises(StartupError, match="cannot read TAMS_VAST_SECRET_KEY_FILE") as raised:
        Credentials.read("access", "", "", path)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_no_key_shows_in_a_representation():
    keys = Credentials("access-key", SECRET)
    assert SECRET not in f"{keys!r} {keys}"
    assert "access-key" not in f"{keys!r} {keys}"
