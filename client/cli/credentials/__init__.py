"""Commands for logins, profiles and tokens."""
