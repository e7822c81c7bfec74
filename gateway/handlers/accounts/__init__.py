"""Users, API keys, and tokens for URLs."""
