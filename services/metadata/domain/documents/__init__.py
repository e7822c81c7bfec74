"""JSON documents: decoding and limits, tags, digests of texts, versions."""
