import string
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.media.domain.presign import Credentials, Presigner
from services.shared.signed_urls import url_lines

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
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


def by_boto3(method, key, expires, *, endpoint, region, credentials, content_type=""):
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.session_token or None,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    asked = {"Bucket": "tams", "Key": key} | ({"ContentType": content_type} if content_type else {})
    with mock.patch("botocore.auth.get_current_datetime", return_value=AT.replace(tzinfo=None)):
        return client.generate_presigned_url(f"{method.lower()}_object", asked, expires)


def parted(url):
    """Parameter order is free: the signature is made over the sorted ones."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, sorted(parse_qsl(parts.query, strict_parsing=True))


def url_of(template, key):
    (url,) = template.sign(url_lines([key])).whole()
    return url


@pytest.fixture(scope="module", autouse=True)
def one_botocore_session():
    """Loading its models anew for each client would take most of the time."""
    session = boto3.session.Session()
    with mock.patch("boto3.session.Session", return_value=session):
        yield


@settings(deadline=None, max_examples=150)
@given(KEYS, ENDPOINTS, CREDENTIALS, st.sampled_from(["us-east-1", "eu-west-2"]), st.integers(1, 604800))
@example("a//b/../c/./d", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
@example("/", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
@example("é %2F?&=+#~*'()!\\\n\x00😀", "http://127.0.0.1:8333", Credentials("k", "s"), "us-east-1", 60)
def test_get_is_signed_as_boto3_does(key, endpoint, credentials, region, expires):
    template = Presigner(endpoint, region, "tams", credentials).template("GET", AT, expires)
    theirs = by_boto3("GET", key, expires, endpoint=endpoint, region=region, credentials=credentials)
    assert parted(url_of(template, key)) == parted(theirs)


@settings(deadline=None, max_examples=75)
@given(KEYS, CREDENTIALS, st.sampled_from(["video/mp2t", "video/mp4;  codecs=avc1", "x/y+z"]))
def test_put_signs_the_content_type_as_boto3_does(key, credentials, content_type):
    presigner = Presigner("http://127.0.0.1:8333", "us-east-1", "tams", credentials)
    theirs = by_boto3(
        "PUT",
        key,
        900,
        endpoint="http://127.0.0.1:8333",
        region="us-east-1",
        credentials=credentials,
        content_type=content_type,
    )
    assert parted(url_of(presigner.template("PUT", AT, 900, content_type), key)) == parted(theirs)


def test_the_signing_key_follows_the_day():
    presigner = Presigner("http://127.0.0.1:8333", "us-east-1", "tams", Credentials("k", "s"))
    today = url_of(presigner.template("GET", AT, 60), "x")
    tomorrow = url_of(presigner.template("GET", AT.replace(day=4), 60), "x")
    again = url_of(presigner.template("GET", AT, 60), "x")
    assert today == again != tomorrow


def test_secrets_stay_out_of_repr():
    credentials = Credentials("access", "hidden-one", "hidden-two")
    template = Presigner("http://127.0.0.1:1", "r", "b", credentials).template("GET", AT, 60)
    assert "hidden" not in repr(credentials)
    assert "signing_key" not in repr(template)
