"""The events service: delivers the events of the outbox to webhooks.

It is the only part that connects to addresses that clients chose.
"""
