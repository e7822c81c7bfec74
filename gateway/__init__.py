"""The TAMS 7.0 HTTP surface: routes, JSON, queries, paging, CORS. Holds no data and no business rules."""
