"""Runs the operators' commands of services, which work on the tables and on object storage, in processes."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.names import STORAGE_CONFIG, STORE_URL
from client.local.output.part_log import parse
from client.local.parts import inherited, sdk_credentials
from client.local.settings import LocalSettings

Service = Literal["metadata", "media"]
_LONGEST_LINE: Final = 16 * 1024 * 1024


def run(service: Service, arguments: tuple[str, ...], env: Mapping[str, str]) -> str:
    """The output of a command of a service, with the settings of a local store. CannotRun if it fails."""
    result = subprocess.run(
        _command(service, arguments), env=_env(service, env), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise CannotRun(_reason(service, result.stderr))
    return result.stdout


@contextmanager
def lines(service: Service, arguments: tuple[str, ...], env: Mapping[str, str]) -> Iterator[Iterator[bytes]]:
    """The lines of a command, as it writes them. CannotRun at the last one if the command failed.

    The command ends with the block.
    """
    process = subprocess.Popen(
        _command(service, arguments),
        env=_env(service, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield _lines(service, process)
    finally:
        process.kill()
        process.communicate()


def _lines(service: Service, process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stderr is not None  # noqa: S101
    while line := process.stdout.readline(_LONGEST_LINE):
        yield line
    # Few lines, written just before the end.
    error = process.stderr.read().decode(errors="replace")
    if process.wait():
        raise CannotRun(_reason(service, error))


def _command(service: Service, arguments: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", f"services.{service}", *arguments)


def _env(service: Service, env: Mapping[str, str]) -> dict[str, str]:
    settings = LocalSettings.from_env(env)
    if service == "metadata":
        own = {STORE_URL: settings.store_url}
    else:
        own = {STORAGE_CONFIG: str(DataDir(settings.data_dir, -1).storage_config)}
    return {**inherited(env), **sdk_credentials(service, settings, env), **own, **settings.extra[service]}


def _reason(service: Service, output: str) -> str:
    """The last line that a failed command wrote."""
    line = output.strip().rpartition("\n")[2]
    return parse(line)[1].removeprefix(f"tams {service}: ") or f"the command of {service} failed"
