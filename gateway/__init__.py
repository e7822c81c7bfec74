"""The TAMS 7.0 HTTP surface: routes, JSON, queries, paging, CORS. Holds no data and no business rules."""

import services  # noqa: F401 - sets how gRPC waits, before anything here imports gRPC
