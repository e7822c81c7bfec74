"""Subscribers, their messages, and the status of deliveries."""
