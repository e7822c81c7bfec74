"""The two S3 requests that the SDK makes."""

from simulators.vast.database import Database
from simulators.vast.http.connection import Reply, Request


def head_bucket(database: Database, request: Request) -> Reply:
    """Succeeds if a bucket exists; else 404."""
    database.bucket(request)
    return Reply()


def list_snapshots(database: Database, request: Request) -> Reply:
    """Lists snapshots of a bucket; there are none."""
    bucket = database.bucket(request)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'
        f"<Name>{bucket}</Name><IsTruncated>false</IsTruncated><Marker></Marker></ListBucketResult>"
    )
    return Reply(headers={"Content-Type": "application/xml"}, body=body.encode())
