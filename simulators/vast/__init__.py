"""A server that speaks the protocol of a VAST Database, with faults on request."""
