"""The gRPC services. Each folder is one process that can be deployed and scaled on its own.

Three folders are libraries: `shared`, which all services and the gateway use, `segment_documents`, with which
the gateway and the events service write segments as JSON, and `vast_client`, for metadata and analytics.
"""
