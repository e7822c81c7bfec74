"""Users and API keys of the store."""
