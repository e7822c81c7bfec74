import json
from typing import Any

import pytest

from services.media.adapters.storage_events import stored_notices
from services.media.application.notifications import MAX_NOTICES, StoredNotice

# An event in the form of "Event message structure" of S3 of AWS.
RECORD: dict[str, Any] = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "eu-west-2",
    "eventTime": "2026-03-04T12:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
    "s3": {
        "s3SchemaVersion": "1.0",
        "configurationId": "tams",
        "bucket": {"name": "media", "arn": "arn:aws:s3:::media"},
        "object": {
            "key": "tams/2026/03/04/with+space%2B",
            "size": 1024,
            "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}
STORED = StoredNotice("media", "tams/2026/03/04/with space+", 1024)


def test_an_event_of_s3_names_bucket_key_and_size() -> None:
    deleted = RECORD | {"eventName": "ObjectRemoved:Delete"}
    assert stored_notices(json.dumps({"Records": [RECORD, deleted]}).encode()) == [STORED]


def test_an_event_of_minio_names_the_same() -> None:
    event = {"EventName": "s3:ObjectCreated:Put", "Key": "media/x"}
    records = [RECORD | {"eventName": "s3:ObjectCreated:CompleteMultipartUpload"}]
    assert stored_notices(json.dumps(event | {"Records": records}).encode()) == [STORED]


def test_sns_sends_it_as_text() -> None:
    message = {"Type": "Notification", "TopicArn": "arn:x", "Message": json.dumps({"Records": [RECORD]})}
    assert stored_notices(json.dumps(message).encode()) == [STORED]


def filed(kind: str = "create", *, key: str = "/buckets/media/a/b", **entry: Any) -> bytes:
    """An event of the filer of SeaweedFS 4.48, without members that nobody reads."""
    new_entry = {"name": "b", "attributes": {"file_size": 5, "mime": "video/mp2t"}, **entry}
    message = {"new_entry": new_entry, "new_parent_path": "/buckets/media/a", "signatures": [348501719]}
    return json.dumps({"event_type": kind, "key": key, "message": message}).encode()


def test_the_filer_of_seaweedfs_names_files_of_buckets() -> None:
    assert stored_notices(filed()) == [StoredNotice("media", "a/b", 5)]
    others = [filed(is_directory=True), filed("delete"), filed(key="/etc/x"), filed(key="/buckets/media")]
    assert [notice for body in others for notice in stored_notices(body)] == []


def test_a_test_event_names_nothing() -> None:
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "media"}
    assert stored_notices(json.dumps(event).encode()) == []


def test_a_subscription_is_left_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    asked = {
        "Type": "SubscriptionConfirmation",
        "Message": "m",
        "SubscribeURL": "https://sns.example/?Token=t",
    }
    assert stored_notices(json.dumps(asked).encode()) == []
    assert [record.__dict__["url"] for record in caplog.records] == [asked["SubscribeURL"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        b'{"Type": "Notification", "Message": "text"}',
        json.dumps({"Records": [RECORD] * (MAX_NOTICES + 1)}).encode(),
    ],
)
def test_other_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        stored_notices(body)
