"""Subscribers, and the service that sends to them."""
