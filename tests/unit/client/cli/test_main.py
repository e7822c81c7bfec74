import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from click import Context

from client.cli import exits
from client.cli.main import COMMANDS
from client.cli.main import tams as command
from tests.unit.client.cli.conftest import Result


def test_help_lists_each_command_and_exit_code(tams: Callable[..., Result]) -> None:
    result = tams("--help")

    assert result.code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in result.out
        assert line in result.out
    codes = (exits.OK, exits.FAILED, exits.USAGE, exits.NOT_FOUND, exits.UNREACHABLE, exits.INTERRUPTED)
    for code in codes:
        assert re.search(rf"\b{code}\s", result.out.split("Exit codes:")[1])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_its_own_name(tams: Callable[..., Result], name: str) -> None:
    result = tams(name, "--help")

    assert result.code == 0
    assert result.out.startswith(f"Usage: tams {name}")
    loaded = command.get_command(Context(command), name)
    assert loaded is not None
    assert loaded.name == name


def test_a_call_without_a_command_shows_help(tams: Callable[..., Result]) -> None:
    result = tams()

    assert result.code == 2
    assert "Commands:" in result.out + result.err


@pytest.mark.parametrize(
    ("arguments", "path"),
    [(("stats", "--accessed"), "tams stats"), (("--url",), "tams"), (("replicate",), "tams replicate")],
)
def test_an_error_of_use_says_which_help_to_read(
    tams: Callable[..., Result], arguments: tuple[str, ...], path: str
) -> None:
    result = tams(*arguments)

    assert result.code == exits.USAGE
    assert f"(see {path} --help)" in result.err


def test_help_loads_no_media_http_or_table_library() -> None:
    """Loading these libraries takes time that help and completion should not need."""
    program = "import sys, client.cli; print(*sorted(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"av", "httpx", "rich", "grpc", "mediatimestamp", "msgspec", "jwt", "cryptography"} & set(
        finished.stdout.split()
    )


def test_up_loads_no_media_http_or_rpc_library() -> None:
    program = "import sys, client.cli.up; print(*sorted(sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"av", "httpx", "rich", "grpc", "services", "gateway", "jwt", "cryptography"} & set(
        finished.stdout.split()
    )


def test_a_closed_pipe_is_not_a_crash() -> None:
    program = f"{sys.executable} -m client.cli --help | true"
    finished = subprocess.run(["sh", "-c", program], capture_output=True, text=True, check=False)

    assert "Traceback" not in finished.stderr


def test_an_interruption_has_its_own_exit_code(
    tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "invoke", interrupt)

    result = tams("flows")

    assert (result.code, result.err.strip()) == (130, "tams: interrupted")
