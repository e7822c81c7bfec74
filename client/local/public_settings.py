"""Which settings may be shown, and which may be secrets."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from client.local.names import NOT_SECRET

_PREFIXES: Final = ("TAMS_", "OTEL_")


def public(env: Mapping[str, str]) -> dict[str, str]:
    """The settings in an environment whose values are no secrets, by name."""
    return {name: env[name] for name in sorted(env) if name in _public_names()}


def hidden(env: Mapping[str, str]) -> dict[str, str]:
    """All other settings in it: secrets, and names that nothing knows, which may be misspelt secrets."""
    return {
        name: env[name] for name in sorted(env) if name.startswith(_PREFIXES) and name not in _public_names()
    }


@cache
def _public_names() -> frozenset[str]:
    # `make docs` writes the file from the settings of all processes.
    written = files("client.local").joinpath("public_settings.txt").read_text("utf-8").split()
    return frozenset({*written, *NOT_SECRET})
