"""The only gRPC plumbing: servers, channels, interceptors, error status."""
