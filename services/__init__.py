"""The gRPC services. Each folder is one process that can be deployed and scaled on its own.

`shared` is not a service: it is what all of them, and the gateway, stand on.
"""

import os

# gRPC reads this once, when it is first imported. Through the engine it would use otherwise, each message
# wakes one thread more on its way to asyncio: a quarter more CPU for a short call.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
