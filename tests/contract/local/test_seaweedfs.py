"""The ports of local object storage give nothing to programs without its keys or a signed URL."""

import os
import re
import secrets
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import grpc
import httpx
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from client.local.storage.certificate import new_pem
from services.media.domain.credentials import Credentials
from services.media.domain.presign import Presigner
from services.shared.url_paths import url_lines
from tests.support.processes.system import poll
from tests.support.storage.s3_store import READY_SECONDS
from tests.support.storage.seaweedfs import SeaweedFS, running_seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

KEY = "2026/01/02/object"
CONTENT = b"only for those with a signed URL" * 1000
FOLDER = "/buckets"


@dataclass(frozen=True)
class Stored:
    """A stored object, with its signed URL."""

    bucket: str
    url: str
    # The file id of its bytes on the volume server.
    chunk: str

    def is_unchanged(self) -> bool:
        return httpx.get(self.url, trust_env=False).content == CONTENT


def s3(store: SeaweedFS, access_key: str | None = None, secret_key: str | None = None) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=access_key or store.access_key,
        aws_secret_access_key=secret_key or store.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def sign_url(store: SeaweedFS, bucket: str) -> str:
    """The signed URL of the object in a bucket."""
    keys = Credentials(store.access_key, store.secret_key)
    presigner = Presigner(f"{store.endpoint_url}/{bucket}", "us-east-1", keys)
    (url,) = presigner.template("GET", datetime.now(UTC), 3600).sign(url_lines([KEY])).urls()
    return url


@pytest.fixture(scope="module")
def stored(seaweedfs: SeaweedFS) -> Stored:
    poll(lambda: set(ports(seaweedfs)) >= set(seaweedfs.ports.values()), READY_SECONDS)
    bucket = f"closed-{secrets.token_hex(4)}"
    client = s3(seaweedfs)
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=KEY, Body=CONTENT)
    client.close()
    return Stored(bucket, sign_url(seaweedfs, bucket), chunk_of(seaweedfs, bucket))


def chunk_of(store: SeaweedFS, bucket: str) -> str:
    """The file id of the object's bytes, which the filer names to callers with the certificate."""
    pem = (store.secrets / "certificate.pem").read_bytes()
    target = f"127.0.0.1:{store.ports['TAMS_S3_FILER_GRPC_PORT']}"
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(pem, pem, pem)) as channel:
        folder, name = f"{FOLDER}/{bucket}/{KEY}".rsplit("/", 1)
        entry = call_grpc(
            channel, "/filer_pb.SeaweedFiler/LookupDirectoryEntry", text(1, folder) + text(2, name)
        )
    chunk = re.search(rb"\d+,[0-9a-f]{9,}", entry)
    assert chunk is not None
    return chunk[0].decode()


def ports(store: SeaweedFS) -> list[int]:
    """All ports on which the process listens, which may differ by its version."""
    connections = psutil.Process(store.pid).net_connections("inet")
    return sorted(
        {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}
    )


def sockets(store: SeaweedFS) -> list[str]:
    """The Unix sockets that other users reach. Those in the store's own folder are protected by its mode."""
    connections = psutil.Process(store.pid).net_connections("unix")
    addresses = {str(connection.laddr) for connection in connections if connection.laddr}
    return sorted(path for path in addresses if Path(path).is_absolute())


def test_the_examined_ports_include_the_configured_ones(seaweedfs: SeaweedFS, stored: Stored) -> None:
    assert set(ports(seaweedfs)) >= set(seaweedfs.ports.values())
    assert seaweedfs.secrets.parent.stat().st_mode & 0o077 == 0
    assert (seaweedfs.secrets / "certificate.pem").stat().st_mode & 0o777 == 0o600


# Statistics and health, which name no object.
PUBLIC = ("/status", "/healthz", "/health", "/metrics")


def paths(stored: Stored) -> list[str]:
    path = f"{FOLDER}/{stored.bucket}/{KEY}"
    return [
        "/",
        f"/{stored.bucket}/{KEY}",
        f"/{stored.bucket}?list-type=2",
        *(
            f"{path}{query}"
            for query in ("", "?metadata=true", "?recursive=true", "?cp.from=/etc", "?tagging")
        ),
        f"{FOLDER}/?recursive=true&ignoreRecursiveError=true",
        f"/?proxyChunkId={stored.chunk}",
        "/etc/iam/identity.json",
        f"/.tus{path}",
        f"/{stored.chunk}",
        f"/{stored.chunk}?type=replicate",
        f"/{stored.chunk.replace(',', '/')}",
        "/dir/assign",
        f"/dir/lookup?fileId={stored.chunk}",
        f"/dir/lookup?fileId={stored.chunk}&read=yes",
        "/dir/status",
        "/vol/status",
        "/vol/grow?count=1",
        "/vol/vacuum?garbageThreshold=0",
        f"/col/delete?collection={stored.bucket}",
        "/submit",
        "/cluster/status",
        "/ui/index.html",
        "/stats/counter",
        "/stats/disk",
        "/debug/pprof/",
        "/debug/vars",
        "/login",
        "/api/files/list",
        "/api/object-store/users",
        *PUBLIC,
    ]


STRANGER = {
    "Authorization": "Bearer e30.e30.e30",
    "Origin": "https://page.example",
    "X-Forwarded-For": "127.0.0.1",
    "Tus-Resumable": "1.0.0",
    "Upload-Length": "4",
}


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("headers", [{}, STRANGER], ids=["plain", "stranger"])
def test_http_requests_without_keys_read_and_change_nothing(
    seaweedfs: SeaweedFS, stored: Stored, method: str, headers: dict[str, str]
) -> None:
    with httpx.Client(trust_env=False, timeout=10) as http:
        for port in ports(seaweedfs):
            for path in paths(stored):
                answer = send(http, method, f"http://127.0.0.1:{port}{path}", headers)
                if answer is None or answer.is_error:
                    continue
                # The public paths answer all methods in the same way, and change nothing.
                assert path in PUBLIC, (port, path, answer.text[:200])
                # Metrics name the buckets and chunks of requests, which are no secret.
                for word in (KEY, seaweedfs.access_key):
                    assert word not in answer.text, (port, path, word)
    assert stored.is_unchanged()


def send(http: httpx.Client, method: str, url: str, headers: Mapping[str, str]) -> httpx.Response | None:
    """The answer, or None if the connection was closed instead."""
    content = b"evil" if method in {"PUT", "POST", "PATCH"} else None
    try:
        return http.request(method, url, content=content, headers=headers)
    except httpx.RequestError:
        return None


def text(number: int, value: str | bytes) -> bytes:
    """A protobuf field."""
    data = value.encode() if isinstance(value, str) else value
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


EVIL = ("EVILKEYEVILKEY", "evilsecretevilsecret")


def grpc_calls(stored: Stored) -> dict[str, bytes]:
    folder, name = f"{FOLDER}/{stored.bucket}/{KEY}".rsplit("/", 1)
    entry = text(1, folder) + text(2, name)
    credential = text(1, EVIL[0]) + text(2, EVIL[1])
    identity = text(1, "evil") + text(2, credential) + text(3, "Admin")
    iam = "/iam_pb.SeaweedIdentityAccessManagement"
    return {
        "/filer_pb.SeaweedFiler/LookupDirectoryEntry": entry,
        "/filer_pb.SeaweedFiler/ListEntries": text(1, folder),
        "/filer_pb.SeaweedFiler/DeleteEntry": entry,
        "/filer_pb.SeaweedFiler/GetFilerConfiguration": b"",
        "/filer_pb.SeaweedFiler/KvGet": text(1, "x"),
        f"{iam}/CreateUser": text(1, identity),
        f"{iam}/PutConfiguration": text(1, text(1, identity)),
        f"{iam}/GetConfiguration": b"",
        "/messaging_pb.SeaweedS3IamCache/PutIdentity": text(1, identity),
        "/master_pb.Seaweed/Assign": b"\x08\x01",
        "/master_pb.Seaweed/LookupVolume": text(1, stored.chunk.split(",")[0]),
        "/master_pb.Seaweed/CollectionDelete": text(1, stored.bucket),
        "/volume_server_pb.VolumeServer/BatchDelete": text(1, stored.chunk),
        "/worker_pb.WorkerService/WorkerStream": b"",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": text(7, ""),
    }


def call_grpc(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    call: Callable[..., bytes] = channel.unary_unary(method)
    return call(request, timeout=10)


def channels(target: str) -> Iterator[grpc.Channel]:
    """A channel in the clear, one without a certificate, and one with a certificate of the caller's own."""
    stranger = new_pem().encode()
    yield grpc.insecure_channel(target)
    yield grpc.secure_channel(target, grpc.ssl_channel_credentials())
    yield grpc.secure_channel(target, grpc.ssl_channel_credentials(stranger, stranger, stranger))


def without_key(target: str, store: SeaweedFS) -> grpc.Channel:
    """A channel that trusts the certificate of the store but does not have its key."""
    pem = (store.secrets / "certificate.pem").read_bytes()
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(pem))


def test_grpc_calls_without_the_certificate_are_refused(seaweedfs: SeaweedFS, stored: Stored) -> None:
    targets = [f"127.0.0.1:{port}" for port in ports(seaweedfs)]
    targets += [f"unix:{path}" for path in sockets(seaweedfs)]
    for target in targets:
        for channel in (*channels(target), without_key(target, seaweedfs)):
            with channel:
                for method, request in grpc_calls(stored).items():
                    with pytest.raises(grpc.RpcError) as refused:
                        call_grpc(channel, method, request)
                    # Any other code means that the call was handled.
                    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE, (target, method)
    assert stored.is_unchanged()


def test_no_call_has_created_a_key(seaweedfs: SeaweedFS, stored: Stored) -> None:
    client = s3(seaweedfs, *EVIL)
    with pytest.raises(ClientError, match=r"InvalidAccessKeyId|AccessDenied"):
        client.list_objects_v2(Bucket=stored.bucket)
    client.close()


def test_s3_requests_with_the_keys_succeed(seaweedfs: SeaweedFS, stored: Stored) -> None:
    client = s3(seaweedfs)
    part = client.get_object(Bucket=stored.bucket, Key=KEY, Range="bytes=5-12")
    assert part["Body"].read() == CONTENT[5:13]
    (listed,) = client.list_objects_v2(Bucket=stored.bucket, Prefix="2026/")["Contents"]
    assert (listed["Key"], listed["Size"]) == (KEY, len(CONTENT))
    upload = client.create_multipart_upload(Bucket=stored.bucket, Key="parts")["UploadId"]
    upload_of: dict[str, Any] = {"Bucket": stored.bucket, "Key": "parts", "UploadId": upload}
    sent = [secrets.token_bytes(5 * 1024 * 1024), b"the end"]
    parts: list[CompletedPartTypeDef] = [
        {"PartNumber": number, "ETag": client.upload_part(**upload_of, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(sent, 1)
    ]
    client.complete_multipart_upload(**upload_of, MultipartUpload={"Parts": parts})
    assert client.get_object(Bucket=stored.bucket, Key="parts")["Body"].read() == b"".join(sent)
    client.delete_object(Bucket=stored.bucket, Key="parts")
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket=stored.bucket, Key="parts")
    client.close()


def kill(store: SeaweedFS) -> None:
    """End it at once, because an orderly end takes seconds."""
    remaining = sockets(store)
    os.kill(store.pid, signal.SIGKILL)
    for path in remaining:
        Path(path).unlink(missing_ok=True)


def test_a_folder_of_storage_without_a_certificate_is_read_and_protected(tmp_path: Path) -> None:
    """The storage that wrote the folder ran without a certificate and without tokens."""
    with running_seaweedfs(tmp_path, guarded=False) as before:
        client = s3(before)
        client.create_bucket(Bucket="old")
        client.put_object(Bucket="old", Key=KEY, Body=CONTENT)
        client.close()
        kill(before)
    with running_seaweedfs(tmp_path) as after:
        assert httpx.get(sign_url(after, "old"), trust_env=False).content == CONTENT
        filer = f"http://127.0.0.1:{after.ports['TAMS_S3_FILER_PORT']}"
        assert httpx.get(f"{filer}{FOLDER}/old/{KEY}", trust_env=False).is_error
        kill(after)
