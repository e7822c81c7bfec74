"""One handler for each operation: parse, call, answer."""
