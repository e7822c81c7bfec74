"""HTTP without TAMS: messages, routing, queries, bodies, links, paging, CORS."""
