"""The service and its storage backends."""

from typing import Final

from gateway.codecs.service import MAX_CHARACTERS
from gateway.openapi.parts import Part, array, boolean, enum, record, ref, text

# Facts of a backend that also appear in the get_urls of segments.
BACKEND_FACTS: Final[Part] = {
    "store_type": enum("How clients read and write.", "http_object_store"),
    "provider": text("Who runs the storage."),
    "store_product": text("Product name of the storage."),
    "region": text("Region of the storage."),
    "availability_zone": text("Availability zone of the storage."),
}

_STREAM: Final[Part] = record(
    "A way to be told of changes.",
    {"name": text("Its name.")},
    required=("name",),
)

SCHEMAS: Final[Part] = {
    "Resources": array({"type": "string"}, "Names of the top-level resources."),
    "Service": record(
        "This store.",
        {
            "type": text("Always begins with `urn:x-tams:service`."),
            "api_version": text("Version of the TAMS API.", pattern=r"^(0|[1-9]\d*)\.(0|[1-9]\d*)$"),
            "name": text("Name of this instance."),
            "description": text("What this instance is for."),
            "service_version": text("Name and version of the software."),
            "event_stream_mechanisms": array(_STREAM, "Ways to be told of changes."),
        },
        required=("type", "api_version"),
    ),
    "ServiceChange": record(
        "What to call this store; what is not given stays as it is.",
        {
            "name": text("Name of this instance.", maxLength=MAX_CHARACTERS),
            "description": text("What this instance is for.", maxLength=MAX_CHARACTERS),
        },
    ),
    "StorageBackend": record(
        "A place that keeps media objects.",
        {
            "id": ref("Id"),
            **BACKEND_FACTS,
            "label": text("Name for people, and the label of this backend's URLs."),
            "default_storage": boolean("Whether it is used when a request names none.", default=False),
        },
        required=("id", "store_type", "provider", "store_product"),
    ),
    "StorageBackends": array(ref("StorageBackend"), "All storage backends."),
    "Health": record(
        "Whether every part answers.",
        {
            "status": enum("The whole.", "SERVING", "NOT_SERVING"),
            "services": record(
                "Each service by name: SERVING, NOT_SERVING or UNAVAILABLE.",
                {},
                additionalProperties={"type": "string"},
            ),
        },
        required=("status", "services"),
    ),
}
