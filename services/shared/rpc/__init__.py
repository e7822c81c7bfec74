"""gRPC for all services: servers, channels, interceptors, error status."""
