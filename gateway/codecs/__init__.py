"""Translate TAMS JSON and query parameters to protobuf messages and back."""
