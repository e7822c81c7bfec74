"""Finds out whether storage accepts a key, even one that may only use the objects below the prefix."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from services.media.adapters.s3.client import object_parameters
from services.media.domain.storage_backend import StorageBackend

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Keys of objects of the store never have a step that begins with ".".
_NAME: Final = ".tams-access"
_log = logging.getLogger(__name__)


class BucketAccess:
    """The access to the bucket of one backend, with the key of a client.

    A limited key may get, put and delete objects below the prefix, and not look at the bucket. Then an object
    there is looked at instead. It need not exist, except in storage that refuses limited keys the answer that
    an object is missing, such as S3 of AWS: there it is stored, empty, at the first look.
    """

    def __init__(self, backend: StorageBackend, client: "S3Client") -> None:
        self._label, self._bucket = backend.label, backend.bucket
        self._key = f"{backend.prefix}{_NAME}"
        self._parameters = object_parameters(backend)
        self._client = client
        self._is_limited = False

    def check(self) -> None:
        """Raise the error of the client, ClientError or BotoCoreError, if there is no access."""
        if self._is_limited:
            self._look_below_the_prefix()
            return
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if not is_forbidden(error):
                raise
            self._try_as_limited(error)

    def hides_missing(self, error: ClientError) -> bool:
        """True if the refusal to look at an object means that it is missing: the key may look at others."""
        if not self._is_limited or not is_forbidden(error):
            return False
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key)
        except ClientError:
            return False
        return True

    def _try_as_limited(self, refusal: ClientError) -> None:
        try:
            self._look_below_the_prefix()
        except ClientError as error:
            raise (refusal if is_forbidden(error) else error) from None
        self._is_limited = True
        _log.warning(
            "the key may not look at the bucket, only at objects below the prefix",
            extra={"storage": self._label},
        )

    def _look_below_the_prefix(self) -> None:
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._key)
        except ClientError as error:
            if is_forbidden(error):
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=b"", **self._parameters)
            elif _status(error) != HTTPStatus.NOT_FOUND:
                raise


def is_access_object(key: str) -> bool:
    """True for the key of an object that only tests the access."""
    return key.rpartition("/")[2] == _NAME


def is_forbidden(error: ClientError) -> bool:
    """True if the key has no right to the request, or is not accepted at all."""
    return _status(error) == HTTPStatus.FORBIDDEN


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
