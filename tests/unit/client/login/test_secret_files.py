from pathlib import Path

import pytest

from client.login.secret_files import MAX_BYTES, read_secret


@pytest.mark.parametrize(
    ("content", "secret"), [("s", "s"), ("s\n", "s"), ("s\r\n", "s"), (" s \n", " s "), ("a\nb\n", "a\nb")]
)
def test_the_end_of_the_last_line_is_not_part_of_a_secret(tmp_path: Path, content: str, secret: str) -> None:
    (tmp_path / "file").write_bytes(content.encode())
    assert read_secret(str(tmp_path / "file"), "the secret") == secret


def test_an_unusable_file_is_an_error_that_names_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(ValueError, match=r"cannot read the secret in .*file: No such file"):
        read_secret(str(path), "the secret")
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="it is not text"):
        read_secret(str(path), "the secret")
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="it has more than 65536 bytes"):
        read_secret(str(path), "the secret")
