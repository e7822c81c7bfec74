import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from services.shared.errors import StartupError
from services.vast_client.connections.credentials import Credentials

SECRET = "hunter2-very-secret"  # no real key


@pytest.fixture
def key_file(tmp_path: Path) -> Callable[[bytes], str]:
    def write(content: bytes) -> str:
        path = tmp_path / "key"
        path.write_bytes(content)
        return str(path)

    return write


def test_keys_are_kept_as_given() -> None:
    keys = Credentials.read("access", "", SECRET, "")
    assert (keys.access_key, keys.secret_key) == ("access", SECRET)


def test_keys_are_read_from_files_without_the_end_of_line(key_file: Callable[[bytes], str]) -> None:
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
def test_each_key_is_given_either_itself_or_in_a_file(given: tuple[str, ...], name: str) -> None:
    with pytest.raises(StartupError, match=f"either {name} or {name}_FILE") as raised:
        Credentials.read(*given)
    assert SECRET not in str(raised.value)


def test_a_missing_file_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"cannot read TAMS_VAST_SECRET_KEY_FILE.*absent"):
        Credentials.read("access", "", "", str(tmp_path / "absent"))


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_key_file_is_refused(key_file: Callable[[bytes], str], content: bytes) -> None:
    with pytest.raises(StartupError, match="TAMS_VAST_SECRET_KEY_FILE is empty"):
        Credentials.read("access", "", "", key_file(content))


def test_a_malformed_key_is_refused_and_not_in_the_error(key_file: Callable[[bytes], str]) -> None:
    path = key_file(SECRET.encode() + b"\xff")
    with pytest.raises(StartupError, match="cannot read TAMS_VAST_SECRET_KEY_FILE") as raised:
        Credentials.read("access", "", "", path)
    assert SECRET not in "".join(traceback.format_exception(raised.value))


def test_keys_are_not_in_repr_or_str() -> None:
    keys = Credentials("access-key", SECRET)
    assert SECRET not in f"{keys!r} {keys}"
    assert "access-key" not in f"{keys!r} {keys}"
