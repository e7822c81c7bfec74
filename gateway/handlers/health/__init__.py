"""Handlers of the health of the gateway and of the services behind it."""
