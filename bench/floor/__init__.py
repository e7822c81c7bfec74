"""The floor: the gateway's HTTP server whose handler makes one bare gRPC call, and nothing else."""

METHOD = "/bench.Floor/Call"
