import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.media.domain.credentials import Credentials
from services.media.domain.presign import Presigner, UrlTemplate
from services.shared.url_paths import url_lines

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
ENDPOINTS = st.sampled_from(
    [
        "http://127.0.0.1:8333",
        "https://objects.example.com",
        "http://objects.example.com:80",
        "https://objects.example.com:443/",
        "https://Objects.Example.com:9443",
        "http://[::1]:8333",
    ]
)
SECRETS = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=40)
CREDENTIALS = st.builds(Credentials, SECRETS, SECRETS, st.one_of(st.just(""), SECRETS))


def sign_with_boto3(
    method: str,
    key: str,
    expires: int,
    *,
    endpoint: str,
    region: str,
    credentials: Credentials,
    headers: Mapping[str, str] | None = None,
    operation: str = "",
    **more: object,
) -> str:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    parameters = {"Content-Type": "ContentType", "If-None-Match": "IfNoneMatch", "Content-MD5": "ContentMD5"}
    request: dict[str, object] = {parameters[name]: value for name, value in (headers or {}).items()}
    request |= {"Bucket": "tams", "Key": key, **more}
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        return client.generate_presigned_url(operation or f"{method.lower()}_object", request, expires)


def parts_of(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Parts of a URL, with sorted parameters: their order is free, as the signature sorts them."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, sorted(parse_qsl(parts.query, strict_parsing=True))


def url_of(template: UrlTemplate, key: str) -> str:
    (url,) = template.sign(url_lines([key])).urls()
    return url


@pytest.fixture(scope="module", autouse=True)
def shared_botocore_session() -> Iterator[None]:
    """One session for all clients, as loading its models for each would take most of the time."""
    session = boto3.session.Session()
    with mock.patch("boto3.session.Session", return_value=session):
        yield


@settings(deadline=None, max_examples=150)
@given(KEYS, ENDPOINTS, CREDENTIALS, st.sampled_from(["us-east-1", "eu-west-2"]), st.integers(1, 604800))
@example("a//b/../c/./d", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
@example("/", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
@example("é %2F?&=+#~*'()!\\\n\x00😀", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
def test_get_urls_have_the_signature_of_boto3(
    key: str, endpoint: str, credentials: Credentials, region: str, expires: int
) -> None:
    template = Presigner(endpoint, region, "tams", credentials).template("GET", NOW, expires)
    expected = sign_with_boto3("GET", key, expires, endpoint=endpoint, region=region, credentials=credentials)
    assert parts_of(url_of(template, key)) == parts_of(expected)


@settings(deadline=None, max_examples=75)
@given(
    KEYS,
    CREDENTIALS,
    st.sampled_from(["video/mp2t", "video/mp4;  codecs=avc1", "x/y+z"]),
    st.sampled_from([{}, {"If-None-Match": "*"}, {"If-None-Match": "*", "Content-MD5": "a  b"}]),
)
def test_put_urls_have_the_signature_and_headers_of_boto3(
    key: str, credentials: Credentials, content_type: str, more: dict[str, str]
) -> None:
    headers = {"Content-Type": content_type, **more}
    presigner = Presigner("http://127.0.0.1:8333", "us-east-1", "tams", credentials)
    expected = sign_with_boto3(
        "PUT",
        key,
        900,
        endpoint="http://127.0.0.1:8333",
        region="us-east-1",
        credentials=credentials,
        headers=headers,
    )
    for ordered in (headers, dict(reversed(headers.items()))):
        template = presigner.template("PUT", NOW, 900, ordered)
        assert parts_of(url_of(template, key)) == parts_of(expected)


@settings(deadline=None, max_examples=50)
@given(KEYS, CREDENTIALS, st.text("abcXYZ019._~+/=-", min_size=1, max_size=60), st.integers(1, 10_000))
def test_urls_of_parts_have_the_signature_of_boto3(
    key: str, credentials: Credentials, upload_id: str, number: int
) -> None:
    endpoint = "http://127.0.0.1:8333"
    expected = sign_with_boto3(
        "PUT",
        key,
        900,
        endpoint=endpoint,
        region="us-east-1",
        credentials=credentials,
        operation="upload_part",
        UploadId=upload_id,
        PartNumber=number,
    )
    template = Presigner(endpoint, "us-east-1", "tams", credentials).template(
        "PUT", NOW, 900, parameters={"uploadId": upload_id, "partNumber": str(number)}
    )
    assert parts_of(url_of(template, key)) == parts_of(expected)


def test_the_signing_key_depends_on_the_day() -> None:
    presigner = Presigner("http://127.0.0.1:8333", "us-east-1", "tams", Credentials("k", "s"))
    today = url_of(presigner.template("GET", NOW, 60), "x")
    tomorrow = url_of(presigner.template("GET", NOW.replace(day=4), 60), "x")
    repeated = url_of(presigner.template("GET", NOW, 60), "x")
    assert today == repeated != tomorrow


def test_secrets_are_not_in_repr() -> None:
    credentials = Credentials("access", "hidden-one", "hidden-two")
    template = Presigner("http://127.0.0.1:1", "r", "b", credentials).template("GET", NOW, 60)
    assert "hidden" not in repr(credentials)
    assert "signing_key" not in repr(template)
