"""The two S3 requests that the SDK makes."""

from simulators.vast.database import SNAPSHOTS, Database
from simulators.vast.http.connection import Reply, Request


def head_bucket(database: Database, request: Request) -> Reply:
    """Succeeds if a bucket exists; else 404."""
    database.bucket(request)
    return Reply()


def list_snapshots(database: Database, request: Request) -> Reply:
    """Lists the snapshots of a bucket whose names have a prefix, up to a number, in order."""
    bucket = database.bucket(request)
    paths = sorted(f"{SNAPSHOTS}/{name}/" for within, name in database.snapshots if within == bucket)
    listed = [path for path in paths if path.startswith(request.params.get("prefix", ""))]
    most = int(request.params.get("max_keys", len(listed)))
    prefixes = "".join(f"<CommonPrefixes><Prefix>{path}</Prefix></CommonPrefixes>" for path in listed[:most])
    truncated = str(len(listed) > most).lower()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'
        f"<Name>{bucket}</Name><IsTruncated>{truncated}</IsTruncated><Marker></Marker>{prefixes}"
        "</ListBucketResult>"
    )
    return Reply(headers={"Content-Type": "application/xml"}, body=body.encode())
