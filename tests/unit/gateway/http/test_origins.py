"""The web pages that may write, by their origins."""

import pytest

from gateway.http.forwarded import Forwarded
from gateway.http.links import Links
from gateway.http.origins import Origins
from gateway.http.routing import Route
from services.shared.errors import StartupError
from tests.support.requests import bodiless, scope_of


def may_write(
    origin: str | None,
    *,
    host: str = "127.0.0.1:8000",
    listed: str = "",
    public_url: str = "",
    **headers: str,
) -> bool:
    all_headers = {"host": host, **headers} | ({} if origin is None else {"origin": origin})
    request = bodiless(scope_of(all_headers), Route("/"))
    return Origins(listed, Links(public_url, fallback_host="x", forwarded=Forwarded())).may_write(request)


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost",
        "https://localhost:3000",
        "http://LOCALHOST:1",
        "http://127.0.0.1",
        "http://127.9.9.9:5173",
        "https://[::1]:8443",
    ],
)
def test_programs_and_pages_of_this_machine_may_write(origin: str | None) -> None:
    assert may_write(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example#localhost",
        "http://localhost@evil.example",
        "http://evil.example/localhost",
        "http://[::2]",
        "http://128.0.0.1",
        "http://0.0.0.0",
        "file://",
        "chrome-extension://abc",
        "localhost",
        "//localhost",
        "http://localhost http://evil.example",
        "http://loc\xe4lhost",
    ],
)
def test_other_pages_may_not_write(origin: str) -> None:
    assert not may_write(origin)


def test_cross_site_requests_may_not_write_even_without_an_origin() -> None:
    assert not may_write(None, sec_fetch_site="cross-site")
    assert may_write(None, sec_fetch_site="same-origin")
    assert may_write(None, sec_fetch_site="cross-site", listed="*")


@pytest.mark.parametrize(
    ("listed", "allowed"),
    [
        ("*", True),
        ("https://a.example, https://player.example/", True),
        ("HTTPS://PLAYER.EXAMPLE:443", True),
        ("https://player.example:443", True),
        ("https://player.example:444", False),
        ("http://player.example", False),
        ("https://example", False),
    ],
)
def test_listed_origins_may_write(listed: str, allowed: bool) -> None:
    assert may_write("https://player.example", listed=listed) == allowed


def test_null_and_extensions_of_browsers_can_be_listed() -> None:
    assert may_write("null", listed="null")
    assert may_write("chrome-extension://abc", listed="chrome-extension://abc")
    with pytest.raises(StartupError, match=r"TAMS_GATEWAY_WRITE_ORIGINS: 'player\.example'"):
        may_write(None, listed="player.example")


@pytest.mark.parametrize(
    "listed", ["https://a.b/path", "https://*.example.com", "HTTP://a.b?c", "https://a.b:99999", "https://"]
)
def test_a_malformed_origin_in_the_list_is_refused(listed: str) -> None:
    with pytest.raises(StartupError, match="is not an origin"):
        may_write(None, listed=listed)


@pytest.mark.parametrize(
    ("origin", "options", "allowed"),
    [
        ("https://tams.example", {"host": "tams.example"}, True),
        ("https://tams.example", {"host": "tams.example:443"}, True),
        ("https://tams.example:8443", {"host": "tams.example"}, False),
        # A page of evil.example, whose name resolves to this machine.
        ("http://evil.example:8000", {"host": "evil.example:8000"}, False),
        ("http://10.0.0.1:8000", {"host": "10.0.0.1:8000"}, True),
        ("http://tams.example", {"public_url": "http://tams.example/tams"}, True),
        ("http://evil.example", {"host": "evil.example", "public_url": "http://tams.example/tams"}, False),
        ("https://tams.example", {"host": "inner", "x_forwarded_host": "tams.example"}, True),
    ],
)
def test_pages_of_the_origin_of_the_api_may_write(
    origin: str, options: dict[str, str], allowed: bool
) -> None:
    assert may_write(origin, **options) == allowed
