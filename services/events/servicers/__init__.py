"""The gRPC services: translate requests, call the application, translate results."""
