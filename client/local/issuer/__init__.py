"""The issuer of tokens for a local store: a key in the data directory, for development."""
