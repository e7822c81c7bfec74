"""Callers and their permissions: principals, scopes, and the tokens between services."""
