"""How the ports are met: the outbox by gRPC, subscribers by HTTP."""
