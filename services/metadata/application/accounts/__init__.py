"""Users and API keys: their administration, and the checks of passwords and keys."""
