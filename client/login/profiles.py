"""Profiles: stores by name, each with the way to log in there. Secrets are in files that a profile names."""

import re
from typing import Final, Self

import msgspec

from client.api import LoginFailed
from client.login.folder import ConfigFolder

DEFAULT: Final = "default"
MAX_PROFILES: Final = 100
_FILE: Final = "profiles.json"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A store. With an issuer its callers log in at that OIDC server, else by the key or the user.

    `device` is true if a person logs in, false if the client does so by its secret.
    """

    url: str
    ca_file: str = ""
    issuer: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    audience: str = ""
    scope: str = ""
    device: bool = False
    api_key_file: str = ""
    user: str = ""
    password_file: str = ""


class Profiles(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """All profiles by name. `current` is the one that commands use, empty without such a profile."""

    current: str = ""
    profiles: dict[str, Profile] = {}

    @classmethod
    def load(cls, folder: ConfigFolder) -> Self:
        """The profiles of the user. LoginFailed if their file is damaged."""
        loaded = folder.read(_FILE, cls) or cls()
        for name in loaded.profiles:
            check_name(name)
        if loaded.current and loaded.current not in loaded.profiles:
            raise LoginFailed(f"{folder.root / _FILE} is damaged: it has no profile {loaded.current!r:.70}")
        return loaded

    def find(self, name: str) -> Profile:
        """The profile with this name. LoginFailed if it does not exist."""
        profile = self.profiles.get(name)
        if profile is None:
            raise LoginFailed(f"there is no profile {name!r:.70}; `tams profile list` shows them")
        return profile


async def store_profile(folder: ConfigFolder, name: str, profile: Profile) -> None:
    """Add or replace a profile. The first one becomes the current one. LoginFailed."""
    check_name(name)
    async with folder.locked(_FILE):
        known = Profiles.load(folder)
        profiles = {**known.profiles, name: profile}
        if len(profiles) > MAX_PROFILES:
            raise LoginFailed(f"there are {MAX_PROFILES} profiles already; remove one")
        folder.write(_FILE, Profiles(current=known.current or name, profiles=profiles))


async def use_profile(folder: ConfigFolder, name: str) -> None:
    """Make a profile the current one. LoginFailed if it does not exist."""
    async with folder.locked(_FILE):
        known = Profiles.load(folder)
        known.find(name)
        folder.write(_FILE, msgspec.structs.replace(known, current=name))


async def remove_profile(folder: ConfigFolder, name: str) -> None:
    """Remove a profile. LoginFailed if it does not exist."""
    async with folder.locked(_FILE):
        known = Profiles.load(folder)
        known.find(name)
        profiles = {other: profile for other, profile in known.profiles.items() if other != name}
        current = "" if known.current == name else known.current
        folder.write(_FILE, Profiles(current=current, profiles=profiles))


def check_name(name: str) -> None:
    """LoginFailed unless the name can be that of a profile, and so of a file."""
    if not _NAME.fullmatch(name):
        raise LoginFailed(
            f"{name!r:.70} cannot be the name of a profile; use letters, digits, '.', '_' and '-'"
        )


def is_same_store(url: str, other: str) -> bool:
    """True if two URLs are the address of the same API."""
    return url.rstrip("/") == other.rstrip("/")
