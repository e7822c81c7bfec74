"""HTTP independent of TAMS resources: messages, routing, queries, bodies, links, paging, CORS."""
