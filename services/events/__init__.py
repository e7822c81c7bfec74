"""The events service: delivers the outbox's events to webhooks.

The only part that opens connections to addresses that clients chose.
"""
