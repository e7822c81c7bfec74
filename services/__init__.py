"""The gRPC services. Each folder is one process that can be deployed and scaled on its own.

`shared` is not a service: it is what all of them, and the gateway, stand on.
"""
