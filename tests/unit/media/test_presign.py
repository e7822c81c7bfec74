import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.media.domain.credentials import Credentials
from services.media.domain.presign import Presigner, UrlTemplate
from services.media.domain.storage_backend import (
    AddressingStyle,
    ConditionalWrites,
    ServerSideEncryption,
    StorageBackend,
)
from services.shared.url_paths import url_lines
from tests.support.storage.backends import a_backend

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
        "https://objects.example.com/s3",
        "http://127.0.0.1:8333/a-b/_c.d/",
    ]
)
ADDRESSES = st.one_of(
    st.tuples(ENDPOINTS, st.just("path")),
    st.tuples(ENDPOINTS.filter(lambda url: "example" in url), st.just("virtual")),
)
SECRETS = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=40)
CREDENTIALS = st.builds(Credentials, SECRETS, SECRETS, st.one_of(st.just(""), SECRETS))


Style = Literal["path", "virtual"]
# The parameter of boto3 for each header.
PARAMETERS = {
    "Content-Type": "ContentType",
    "If-None-Match": "IfNoneMatch",
    "Content-MD5": "ContentMD5",
    "x-amz-storage-class": "StorageClass",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
}


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
    style: Style = "path",
    **more: object,
) -> str:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    request: dict[str, object] = {PARAMETERS[name]: value for name, value in (headers or {}).items()}
    request |= {"Bucket": "tams", "Key": key, **more}
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        return client.generate_presigned_url(operation or f"{method.lower()}_object", request, expires)


def parts_of(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Parts of a URL, with sorted parameters: their order is free, as the signature sorts them."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, sorted(parse_qsl(parts.query, strict_parsing=True))


def presigner(
    endpoint: str, credentials: Credentials, region: str = "us-east-1", style: Style = "path"
) -> Presigner:
    backend = a_backend(public_endpoint_url=endpoint, addressing_style=AddressingStyle(style))
    return Presigner(backend.public_bucket_url, region, credentials)


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
@given(KEYS, ADDRESSES, CREDENTIALS, st.sampled_from(["us-east-1", "eu-west-2"]), st.integers(1, 604800))
@example("a//b/../c/./d", ("https://a.example/s3", "path"), Credentials("k", "s"), "us-east-1", 60)
@example("a//b/../c/./d", ("https://a.example/s3", "virtual"), Credentials("k", "s"), "us-east-1", 60)
@example("/", ("http://127.0.0.1:8333", "path"), Credentials("k", "s"), "us-east-1", 60)
@example("é %2F?&=+#~*'()!\\\n\x00😀", ("http://a.example", "path"), Credentials("k", "s"), "us-east-1", 60)
def test_get_urls_have_the_signature_of_boto3(
    key: str, address: tuple[str, Style], credentials: Credentials, region: str, expires: int
) -> None:
    endpoint, style = address
    template = presigner(endpoint, credentials, region, style).template("GET", NOW, expires)
    expected = sign_with_boto3(
        "GET", key, expires, endpoint=endpoint, region=region, credentials=credentials, style=style
    )
    assert parts_of(url_of(template, key)) == parts_of(expected)


@settings(deadline=None, max_examples=75)
@given(
    KEYS,
    CREDENTIALS,
    st.sampled_from(["video/mp2t", "video/mp4;  codecs=avc1", "x/y+z"]),
    st.sampled_from([{}, {"If-None-Match": "*"}, {"If-None-Match": "*", "Content-MD5": "a  b"}]),
    st.builds(
        a_backend,
        storage_class=st.sampled_from([None, "STANDARD_IA"]),
        server_side_encryption=st.sampled_from([None, *ServerSideEncryption]),
        kms_key_id=st.sampled_from([None, "arn:aws:kms:eu-west-2:1:key/a-b"]),
        conditional_writes=st.just(ConditionalWrites.OFF),
    ),
)
def test_put_urls_have_the_signature_and_headers_of_boto3(
    key: str, credentials: Credentials, content_type: str, more: dict[str, str], backend: StorageBackend
) -> None:
    headers = {"Content-Type": content_type, **more, **backend.signed_put_headers}
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
        signing = presigner("http://127.0.0.1:8333", credentials)
        template = signing.template("PUT", NOW, 900, ordered)
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
    template = presigner(endpoint, credentials).template(
        "PUT", NOW, 900, parameters={"uploadId": upload_id, "partNumber": str(number)}
    )
    assert parts_of(url_of(template, key)) == parts_of(expected)


def test_the_signing_key_depends_on_the_day() -> None:
    signing = presigner("http://127.0.0.1:8333", Credentials("k", "s"))
    today = url_of(signing.template("GET", NOW, 60), "x")
    tomorrow = url_of(signing.template("GET", NOW.replace(day=4), 60), "x")
    repeated = url_of(signing.template("GET", NOW, 60), "x")
    assert today == repeated != tomorrow


def test_secrets_are_not_in_repr() -> None:
    credentials = Credentials("access", "hidden-one", "hidden-two")
    template = presigner("http://127.0.0.1:1", credentials).template("GET", NOW, 60)
    assert "hidden" not in repr(credentials)
    assert "signing_key" not in repr(template)
