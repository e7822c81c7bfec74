"""Sources, flows, segments, objects and webhooks, with their rules. Pure: no transport, no table engine."""
