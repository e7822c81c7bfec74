"""A typed async client of the TAMS HTTP API.

async with TamsClient("http://127.0.0.1:8000") as tams:
    async for flow in tams.flows(format="urn:x-nmos:format:video"):
        ...
"""

from client.api.analytics import (
    BackendUsage,
    Coverage,
    DuplicateReport,
    ObjectAccess,
    ObjectAccesses,
    StorageUsage,
)
from client.api.client import TamsClient
from client.api.codec import builtins
from client.api.credentials import BearerToken, Credentials, UserPassword
from client.api.errors import (
    ApiError,
    BadAnswer,
    Busy,
    Forbidden,
    InvalidRequest,
    LoginFailed,
    NotFound,
    ObjectExists,
    Rejected,
    ServerFault,
    Unreachable,
)
from client.api.models import (
    Allocation,
    CollectionItem,
    DeletionRequest,
    Document,
    FailedSegment,
    Flow,
    GetUrl,
    HttpRequest,
    MediaObject,
    NewSegment,
    Problem,
    Segment,
    Service,
    Source,
    StorageBackend,
    UncontrolledUrl,
)
from client.api.target import Target
from client.api.tracing import RequestTrace
from client.api.uploads.multipart_uploads import (
    NewUpload,
    OpenUpload,
    PartUrl,
    StoredPart,
    UploadedPart,
)
from client.api.uploads.rules import UploadRules

__all__ = [
    "Allocation",
    "ApiError",
    "BackendUsage",
    "BadAnswer",
    "BearerToken",
    "Busy",
    "CollectionItem",
    "Coverage",
    "Credentials",
    "DeletionRequest",
    "Document",
    "DuplicateReport",
    "FailedSegment",
    "Flow",
    "Forbidden",
    "GetUrl",
    "HttpRequest",
    "InvalidRequest",
    "LoginFailed",
    "MediaObject",
    "NewSegment",
    "NewUpload",
    "NotFound",
    "ObjectAccess",
    "ObjectAccesses",
    "ObjectExists",
    "OpenUpload",
    "PartUrl",
    "Problem",
    "Rejected",
    "RequestTrace",
    "Segment",
    "ServerFault",
    "Service",
    "Source",
    "StorageBackend",
    "StorageUsage",
    "StoredPart",
    "TamsClient",
    "Target",
    "UncontrolledUrl",
    "Unreachable",
    "UploadRules",
    "UploadedPart",
    "UserPassword",
    "builtins",
]
