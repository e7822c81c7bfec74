"""Values in flow documents that several parts of the client write."""

from typing import Final

FORMATS: Final = {
    "video": "urn:x-nmos:format:video",
    "audio": "urn:x-nmos:format:audio",
    "image": "urn:x-tam:format:image",
    "data": "urn:x-nmos:format:data",
    "multi": "urn:x-nmos:format:multi",
}
# Players and other clients read this tag.
STATUS: Final = "flow_status"
INGESTING: Final = "ingesting"
COMPLETE: Final = "closed_complete"
