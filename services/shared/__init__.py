"""The library of all services and the gateway: errors, settings, logs, time, JSON, paging, gRPC."""
