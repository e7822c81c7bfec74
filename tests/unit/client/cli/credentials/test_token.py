from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from tests.unit.client.cli.conftest import Result

Tams = Callable[..., Result]


@pytest.fixture(autouse=True)
def _data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAMS_DATA_DIR", str(tmp_path / "data"))


def claims(result: Result) -> dict[str, object]:
    assert (result.code, result.out.count("\n")) == (0, 1), result.err
    decoded: dict[str, object] = jwt.decode(result.out.strip(), options={"verify_signature": False})
    return decoded


def test_a_token_alone_is_printed(tams: Tams) -> None:
    printed = claims(tams("token"))
    assert (printed["sub"], printed["scope"], printed["classes"]) == ("local", "tams-api/read", ["*"])


def test_classes_are_chosen(tams: Tams) -> None:
    printed = claims(tams("token", "--class", "news", "--class", "sport/live"))
    assert printed["classes"] == ["news", "sport/live"]


def test_scope_subject_and_life_are_chosen(tams: Tams) -> None:
    printed = claims(tams("token", "--scope", "read,write", "--subject", "ann", "--minutes", "5"))
    assert (printed["sub"], printed["scope"]) == ("ann", "tams-api/read tams-api/write")
    assert int(str(printed["exp"])) - int(str(printed["iat"])) == 300


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        (("--scope", "read,fly"), "'fly' is not one of read, write, delete, admin"),
        (("--scope", ""), "'' is not one of"),
        (("--minutes", "0"), "0 is not in the range"),
        (("--subject", ""), "a subject has 1 to 200 characters"),
        (("--data-dir", "/proc/none"), "cannot use data directory /proc/none: No such file or directory"),
    ],
)
def test_an_unusable_option_is_an_error_of_one_line(
    tams: Tams, arguments: tuple[str, ...], summary: str
) -> None:
    result = tams("token", *arguments)
    assert (result.out, result.err.count("\n")) == ("", 1)
    assert result.code in (1, 2)
    assert summary in result.err
