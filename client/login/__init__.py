"""Logs in at OIDC servers, and remembers stores as profiles in the user's config folder."""

from client.login.credentials import LoginCredentials
from client.login.folder import ConfigFolder
from client.login.logging_in import log_in, log_out
from client.login.profiles import Profile, Profiles

__all__ = ["ConfigFolder", "LoginCredentials", "Profile", "Profiles", "log_in", "log_out"]
