"""The certificates of authorities that clients of httpx trust, loaded once for all clients of a process."""

import ssl
from functools import cache
from typing import Any

import httpx
import pytest


def load_certificates_once(patch: pytest.MonkeyPatch) -> None:
    """Let clients of httpx without authorities of their own share a context.

    Each client loads all authorities otherwise, for plain HTTP too, which takes longer than most tests.
    """
    patch.setattr("httpx._transports.default.create_ssl_context", _context)


def _context(verify: ssl.SSLContext | str | bool = True, **options: Any) -> ssl.SSLContext:
    return _usual() if verify is True else httpx.create_ssl_context(verify, **options)


@cache
def _usual() -> ssl.SSLContext:
    return httpx.create_ssl_context()
