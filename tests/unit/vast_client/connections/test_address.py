import pytest

from services.shared.errors import StartupError
from services.vast_client.connections.address import VastAddress


def test_an_address_has_endpoints_bucket_and_schema() -> None:
    address = VastAddress.parse("vast://a.example:9090,10.0.0.2:8080/data/tams")
    assert address == VastAddress(("https://a.example:9090", "https://10.0.0.2:8080"), "data", "tams")


@pytest.mark.parametrize(("query", "scheme"), [("", "https"), ("?tls=true", "https"), ("?tls=false", "http")])
def test_tls_is_used_unless_switched_off(query: str, scheme: str) -> None:
    assert VastAddress.parse(f"vast://host/data/tams{query}").endpoints == (f"{scheme}://host",)


def test_endpoints_keep_their_order_without_duplicates() -> None:
    assert VastAddress.parse("vast://b:1,a:1,b:1/data/tams").endpoints == ("https://b:1", "https://a:1")


def test_ipv6_addresses_are_accepted() -> None:
    assert VastAddress.parse("vast://[::1]:8080/data/tams").endpoints == ("https://[::1]:8080",)


def test_a_slash_at_the_end_is_ignored() -> None:
    assert VastAddress.parse("vast://host/data/tams/").schema == "tams"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///tables.db",
        "https://host/data/tams",
        "vast://host",
        "vast://host/data",
        "vast://host/data/tams/more",
        "vast:///data/tams",
        "vast://host,/data/tams",
        "vast://ho st/data/tams",
        "vast://host:port/data/tams",
        "vast://host:1:2/data/tams",
        "vast://host:0/data/tams",
        "vast://host:65536/data/tams",
        "vast://[::1/data/tams",
        "vast://host//data/tams",
        "vast://host/data/tams#part",
        "vast://host/data/tams?tls=true&tls=false",
        "vast://host/da%20ta/tams",
        "vast://host/da.ta/tams",
        f"vast://host/data/{'x' * 64}",
        "vast://host/data/tams?tls=maybe",
        "vast://host/data/tams?tls=",
        "vast://host/data/tams?tls",
        "vast://host/data/tams?tsl=false",
    ],
)
def test_malformed_addresses_are_refused(url: str) -> None:
    with pytest.raises(StartupError, match="TAMS_STORE_URL"):
        VastAddress.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "vast://key:hunter2@host/data/tams",
        "vast://host/data/tams?secret=hunter2",
        "vast://host/data/tams/hunter2",
        "https://key:hunter2@host/data/tams",
    ],
)
def test_a_key_in_a_malformed_address_is_not_in_the_error(url: str) -> None:
    with pytest.raises(StartupError) as raised:
        VastAddress.parse(url)
    assert "hunter2" not in str(raised.value)


def test_tables_in_a_snapshot_are_below_the_bucket() -> None:
    live = VastAddress.parse("vast://host/data/tams")
    kept = live.in_snapshot("nightly-2026-11-30_04:00")
    assert (kept.bucket, kept.schema) == ("data/.snapshot/nightly-2026-11-30_04:00", "tams")
    assert (kept.live_bucket, kept.snapshot) == ("data", "nightly-2026-11-30_04:00")
    assert (live.live_bucket, live.snapshot) == ("data", "")


@pytest.mark.parametrize("name", ["", ".", "../other", "a/b", "a?b", "a b", "x" * 256])
def test_malformed_names_of_snapshots_are_refused(name: str) -> None:
    with pytest.raises(StartupError, match="is not a name of a snapshot"):
        VastAddress.parse("vast://host/data/tams").in_snapshot(name)
