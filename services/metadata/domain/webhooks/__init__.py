"""Webhooks, their events, and the rules of delivery."""
