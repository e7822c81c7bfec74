import json

import pytest
from tams.access.v1 import api_key_service_pb2
from tams.type.v1 import scope_pb2

from gateway.codecs.accounts import api_key
from gateway.codecs.accounts.api_key import ApiKey
from gateway.codecs.accounts.values import moment_of
from services.shared.errors import InvalidArgument

KEY = api_key_service_pb2.ApiKey(
    id="0123", name="ingest", scopes=[scope_pb2.SCOPE_READ, scope_pb2.SCOPE_ADMIN], created_ms=1
)


def test_the_representation_has_no_text() -> None:
    key = ApiKey(
        id="0", name="n", scopes=[], classes=[], suspended=False, created=moment_of(0), key="planted-key"
    )
    assert "planted-key" not in repr(key)


def test_times_that_are_not_set_are_left_out() -> None:
    assert json.loads(api_key.document(KEY)) == {
        "id": "0123",
        "name": "ingest",
        "scopes": ["read", "admin"],
        "classes": ["*"],
        "suspended": False,
        "created": "1970-01-01T00:00:00.001000Z",
    }


def test_only_a_new_document_has_the_text() -> None:
    new = api_key_service_pb2.NewApiKey(key=KEY, text="tams_text")
    assert json.loads(api_key.new_document(new))["key"] == "tams_text"
    assert b"tams_text" not in api_key.document(new.key)


@pytest.mark.parametrize(
    ("expires", "milliseconds"),
    [
        ("1970-01-01T00:00:01.5Z", 1500),
        ("1970-01-01T01:00:00+01:00", 0),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        # Times before and after those that the calendar has in UTC; the service refuses them.
        ("0001-01-01T00:00:00+01:00", -62_135_600_400_000),
        ("9999-12-31T23:59:59-01:00", 253_402_304_399_000),
    ],
)
def test_times_of_expiry_in_milliseconds(expires: str, milliseconds: int) -> None:
    body = json.dumps({"name": "a", "scopes": ["read"], "expires": expires}).encode()
    assert api_key.create_request(body).expires_ms == milliseconds


def test_a_key_without_a_time_of_expiry_does_not_expire() -> None:
    request = api_key.create_request(b'{"name": "a", "scopes": ["read"], "expires": null}')
    assert not request.HasField("expires_ms")


@pytest.mark.parametrize("expires", ["tomorrow", "2099-01-01T00:00:00", "2099-13-01T00:00:00Z"])
def test_a_text_that_is_no_time_with_an_offset_is_refused(expires: str) -> None:
    body = json.dumps({"name": "a", "scopes": ["read"], "expires": expires}).encode()
    with pytest.raises(InvalidArgument):
        api_key.create_request(body)
