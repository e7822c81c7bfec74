"""Users, API keys, and the check of credentials."""
