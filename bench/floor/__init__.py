"""The floor: the gateway's HTTP server whose handler makes one bare gRPC call, and nothing else."""

import services  # noqa: F401 - gRPC waits as in the services, so that ratios do not profit from it

METHOD = "/bench.Floor/Call"
