"""The floor: the HTTP server of the gateway, with a handler that only makes a gRPC call."""

METHOD = "/bench.Floor/Call"
