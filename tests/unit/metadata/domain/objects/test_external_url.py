import pytest

from services.metadata.domain.objects.external_url import (
    MAX_URL,
    MAX_URLS,
    WEB,
    ExternalUrl,
    check_urls,
    url_schemes,
)
from services.shared.errors import InvalidArgument, StartupError


def refusal(*urls: ExternalUrl, schemes: frozenset[str] = WEB, reserved: tuple[str, ...] = ()) -> str:
    with pytest.raises(InvalidArgument) as caught:
        check_urls(urls, schemes, reserved)
    return f"{caught.value.reason} {caught.value.metadata['path']}"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/x",
        "http://127.0.0.1/x",
        "http://10.1.2.3:9000",
        "HTTPS://Host.Example./a/b?c=d&e=%20#f",
        "https://[::1]:8443/x",
        "https://[2001:db8::1]/x",
        "https://under_score.example/x",
        "https://host.example/ü/日本",
        "https://host.example:/x",
        "http://169.253.1.1/",
        "http://1.2.3/x",
        f"https://host/{'x' * (MAX_URL - 13)}",
    ],
)
def test_web_addresses_are_accepted(url: str) -> None:
    check_urls([ExternalUrl(url)], WEB, ())


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "\0",
        "x",
        "x/y",
        "/x",
        "//host/x",
        "http:",
        "http:/x",
        "http://",
        "http:///x",
        "http://?x",
        "http://:80/x",
        "http://./x",
        "http://a..b/x",
        "http:host/x",
        "http://host:0/x",
        "http://host:65536/x",
        "http://host:8o/x",
        "http://host:-1/x",
        "http://[::1/x",
        "http://::1/x",
        "http://[::g]/x",
        "http://[1.2.3.4]/x",
        "http://[::1]x/",
        "https://ho st/x",
        "https://host/a b",
        "https://host/\t",
        "https://host/\x7f",
        "https://host/\u00a0",
        "https://host/\u2028",
        "https://host/\u202ex",
        "https://host/\u200bx",
        "\nhttps://host/x",
        "https://host/x\n",
        "https://host\\@other/x",
        "https:\\\\host\\x",
        "https://user@host/x",
        "https://user:password@host/x",
        "https://:@host/x",
        "https://@host/x",
        "https://h%6Fst/x",
        "https://hóst/x",
        "https://①⑥⑨.254.169.254/x",
        "https://169。254。169。254/x",
        "javascript:alert(1)",
        "javascript://host/%0Aalert(1)",
        "JavaScript:alert(1)",
        "file:///etc/passwd",
        "file://host/x",
        "data:text/plain,x",
        "blob:https://host/x",
        "about:blank",
        "ftp://host/x",
        "s3://bucket/key",
        "ws://host/x",
        f"https://host/{'x' * (MAX_URL - 12)}",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    assert refusal(ExternalUrl("https://fine"), ExternalUrl(url)) == "BAD_URL $.get_urls[1].url"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.1:8080",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[fe80::1]",
        "[FE80::1]",
        "[febf::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
    ],
)
def test_addresses_local_to_the_reader_are_refused(host: str) -> None:
    assert refusal(ExternalUrl(f"http://{host}/latest")) == "BAD_URL $.get_urls[0].url"


def test_further_schemes_can_be_allowed() -> None:
    schemes = url_schemes(" s3, GS ,")
    assert schemes == WEB | {"s3", "gs"}
    for url in ("s3://bucket/key", "GS://bucket/key", "https://host"):
        check_urls([ExternalUrl(url)], schemes, ())
    for url in (
        "s3://",
        "s3:",
        "s3:///",
        "s3://user:password@bucket/key",
        "s3://169.254.169.254/x",
        "file:///x",
    ):
        assert refusal(ExternalUrl(url), schemes=schemes) == "BAD_URL $.get_urls[0].url"
    check_urls([ExternalUrl("file:///media/x")], url_schemes("file"), ())
    with pytest.raises(StartupError):
        url_schemes("s3://")


def test_urls_are_bounded_in_number_and_total_length() -> None:
    check_urls([ExternalUrl("https://host")] * MAX_URLS, WEB, ())
    assert refusal(*[ExternalUrl("https://host")] * (MAX_URLS + 1)) == "BAD_SEGMENT $.get_urls"
    assert refusal(*[ExternalUrl(f"https://host/{'x' * 8000}")] * 15) == "BAD_SEGMENT $.get_urls"


def test_labels_are_bounded_and_differ_from_those_of_the_store() -> None:
    labelled = [ExternalUrl("https://host", label) for label in ("x", "x" * 1024, "other")]
    check_urls(labelled, WEB, ("local",))
    for label in ("", "x" * 1025):
        assert refusal(ExternalUrl("https://host", label)) == "BAD_SEGMENT $.get_urls[0].label"
    clash = ExternalUrl("https://host", "local")
    assert refusal(labelled[0], clash, reserved=("local",)) == "RESERVED_LABEL $.get_urls[1].label"
