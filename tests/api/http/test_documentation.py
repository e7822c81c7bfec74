"""`/openapi.json`, and the page at `/docs` as browsers get it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.support.http import browser
from tests.support.services.gateway import running_gateway

FILES = {
    "": "text/html; charset=utf-8",
    "/start.js": "text/javascript; charset=utf-8",
    "/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/swagger-ui.css": "text/css; charset=utf-8",
    "/favicon-32x32.png": "image/png",
}


async def test_the_document_is_the_same_for_simultaneous_first_requests(services: dict[str, str]) -> None:
    async with running_gateway(**services) as tams:
        answers = await asyncio.gather(*(tams.get("/openapi.json") for _ in range(5)))
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["openapi"] == "3.1.0"


@pytest.mark.parametrize("name", FILES)
async def test_the_page_and_its_files_have_their_content_types(tams: httpx.AsyncClient, name: str) -> None:
    answer = await tams.get(f"/docs{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == FILES[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.content) > 0


async def test_the_page_refers_to_its_own_files_only_below_any_path_prefix(
    tams: httpx.AsyncClient,
) -> None:
    page = (await tams.get("/docs")).text
    references = re.findall(r'(?:href|src)="([^"]*)"', page)
    base = "https://store.example/some/prefix"
    files = {f"{base}/docs{name}" for name in FILES} - {f"{base}/docs"}
    assert {urljoin(f"{base}/docs", reference) for reference in references} == files | {
        f"{base}/openapi.json"
    }


async def test_the_content_policy_allows_only_what_the_gateway_serves(tams: httpx.AsyncClient) -> None:
    page = await tams.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[f"{kind}-src"] for kind in ("script", "style", "connect")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert "<script>" not in page.text
    assert "style=" not in page.text


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
async def test_a_file_is_not_sent_again_to_a_client_that_has_it(tams: httpx.AsyncClient, known: str) -> None:
    sent = await tams.get("/docs/swagger-ui.css")
    assert sent.headers["cache-control"] == "no-cache"
    etag = sent.headers["etag"]
    again = await tams.get("/docs/swagger-ui.css", headers={"if-none-match": known.format(etag)})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    assert "content-length" not in again.headers
    other = await tams.get("/docs/swagger-ui.css", headers={"if-none-match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize("name", ["index.html", "swagger-ui-bundle.js.map", "../document.yaml", "%2e%2e"])
async def test_other_files_are_not_found(tams: httpx.AsyncClient, name: str) -> None:
    assert (await tams.get(f"/docs/{name}")).status_code == 404


@asynccontextmanager
async def running_proxy(upstream: str, prefix: str) -> AsyncIterator[str]:
    """The base URL of a proxy that serves `upstream` below a path prefix, one request per connection."""
    host, port = urlsplit(upstream).hostname, urlsplit(upstream).port

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        method, path, version = first.split(b" ")
        if path.startswith(prefix.encode() + b"/"):
            length = re.search(rb"(?i)content-length: *(\d+)", rest)
            body = await reader.readexactly(int(length[1])) if length else b""
            rest = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
            head = b" ".join([method, path.removeprefix(prefix.encode()), version])
            up_reader, up_writer = await asyncio.open_connection(host, port)
            up_writer.write(head + b"\r\nconnection: close\r\nx-forwarded-prefix: ")
            up_writer.write(prefix.encode() + b"\r\n" + rest + body)
            writer.write(await up_reader.read())
            up_writer.close()
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{prefix}"


# The clicks by which a person tries out an operation. The result is the status that the page shows.
TRY = """(async () => {
  const found = async (selector) => {
    for (;;) {
      const element = document.querySelector(selector);
      if (element) return element;
      await new Promise((again) => setTimeout(again, 20));
    }
  };
  const block = "#operations-TAG-ID ";
  (await found(block + ".opblock-control-arrow, " + block + ".opblock-summary-control")).click();
  (await found(block + ".try-out__btn")).click();
  (await found(block + ".execute")).click();
  window.shown_ID = (await found(block + ".live-responses-table .response .response-col_status")).innerText;
})()"""


@browser.needed
@pytest.mark.slow
async def test_the_page_works_in_a_browser_behind_a_path_prefix(
    services: dict[str, str], tmp_path: Path
) -> None:
    def visit(base: str) -> tuple[int, list[str], list[str], list[str]]:
        with browser.running_browser(tmp_path) as page:
            page.open(f"{base}/docs")
            page.until("document.querySelectorAll('.opblock').length")
            shown = page.evaluate("document.querySelectorAll('.opblock').length")
            statuses = []
            for tag, name in (("Service", "getService"), ("Extensions", "batchChangeSources")):
                page.evaluate(TRY.replace("TAG", tag).replace("ID", name))
                statuses.append(page.until(f"window.shown_{name}"))
        return shown, statuses, page.log, page.requested

    async with (
        running_gateway(**services, trust_forwarded=True, public_url="https://elsewhere.example") as tams,
        running_proxy(str(tams.base_url), "/store") as base,
    ):
        shown, statuses, log, requested = await asyncio.to_thread(visit, base)
        document = (await tams.get("/openapi.json")).json()
    operations = [
        method
        for item in document["paths"].values()
        for method in item
        if method not in ("head", "parameters")
    ]
    assert shown == len(operations) + len(document["webhooks"])
    assert statuses == ["200", "200"]
    assert log == []
    assert [url for url in requested if not url.startswith((f"{base}/", "data:"))] == []
