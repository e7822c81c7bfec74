"""JSON documents: decoding, numbers, sizes."""
