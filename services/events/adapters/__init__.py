"""Implementations of the ports: the outbox over gRPC, the sender over HTTP."""
