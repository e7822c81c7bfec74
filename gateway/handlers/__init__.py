"""One handler for each operation: parses the request, calls a service, builds the response."""
