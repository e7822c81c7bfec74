"""Ingests files as flows: copies their streams into segments, uploads and registers them."""

from client.ingest.identity import Identity
from client.ingest.ingesting import SEGMENT_DURATION, Ingested, IngestedFlow, ingest
from client.ingest.retrying import RetryPolicy

__all__ = ["SEGMENT_DURATION", "Identity", "Ingested", "IngestedFlow", "RetryPolicy", "ingest"]
