import httpx
import pytest

from client.top import scraping
from client.top.scraping import NotMetrics, metrics_url, parse, scrape_all
from tests.support.http.scripted_server import ScriptedServer, scripted_server
from tests.support.processes.ports import free_ports


@pytest.mark.parametrize(
    ("url", "complete"),
    [
        ("http://a:9464", "http://a:9464/metrics"),
        ("https://a/", "https://a/metrics"),
        ("http://a/x/metrics", "http://a/x/metrics"),
    ],
)
def test_the_path_of_metrics_is_added(url: str, complete: str) -> None:
    assert metrics_url(url) == complete


@pytest.mark.parametrize("url", ["a:9464", "ftp://a", "http://", "", "http://user:pl4nted@a"])
def test_other_addresses_are_refused_and_no_password_is_repeated(url: str) -> None:
    with pytest.raises(NotMetrics) as caught:
        metrics_url(url)
    assert "pl4nted" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "<html></html>", "a{b} 1", '{"a": 1}', "# HELP a b\n", "a 1 x\n"])
def test_a_text_of_another_form_has_no_metrics(text: str) -> None:
    with pytest.raises(NotMetrics):
        parse(text)


async def faults(server: ScriptedServer) -> list[str]:
    (port,) = free_ports(1)
    urls = {"a": f"{server.url}/metrics", "gone": f"http://127.0.0.1:{port}/metrics"}
    async with httpx.AsyncClient(trust_env=False) as http:
        return [scrape.fault for scrape in await scrape_all(http, urls)]


async def test_a_process_that_does_not_answer_has_a_fault_and_the_others_have_samples() -> None:
    with scripted_server() as server:
        server.then(body=b"x 1\n")
        first, second = await faults(server)
    assert first == ""
    assert "connect" in second.lower()


async def test_an_answer_that_is_too_long_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "MAX_BYTES", 1000)
    with scripted_server() as server:
        server.then(body=b"x 1\n" * 1000)
        assert (await faults(server))[0] == "its metrics are longer than 1000 bytes"
