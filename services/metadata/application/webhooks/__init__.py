"""Webhooks, the outbox with their events, and the leases of the processes that deliver."""
