"""Files to flows: streams are copied into segments that are uploaded and registered, and resumed."""

from client.ingest.identity import Identity
from client.ingest.ingesting import SEGMENT_DURATION, Ingested, IngestedFlow, ingest
from client.ingest.patience import Patience

__all__ = ["SEGMENT_DURATION", "Identity", "Ingested", "IngestedFlow", "Patience", "ingest"]
