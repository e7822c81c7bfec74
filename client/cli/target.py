"""Finds the store of a command, and the credentials of its caller, in options, variables and profiles."""

import os
import sys
from typing import Final

import click

from client.api import BearerToken, Credentials, Target, UserPassword
from client.cli.access import API_KEY, DEFAULT_URL, PASSWORD, Access
from client.cli.credentials.failing import login_errors
from client.login import ConfigFolder, LoginCredentials, Profile, Profiles
from client.login.profiles import is_same_store
from client.login.secret_files import read_secret

_NO_PROFILE: Final = Profile(url=DEFAULT_URL)


def open_target(access: Access) -> Target:
    """The store of the options. click.UsageError if they contradict each other or cannot be used.

    Credentials of the options go before those of the profile. Failed if the profiles cannot be used.
    """
    with login_errors():
        own = _own_credentials(access)
        name, profile = _profile(access, needed=own is None)
        credentials = own or _credentials_of(name, profile)
        return Target(access.url or profile.url, credentials, access.ca_file or profile.ca_file)


def _own_credentials(access: Access) -> Credentials | None:
    key = os.environ.get(API_KEY)
    given = {
        "a token": access.token,
        "a token file": access.token_file,
        "an API key": key,
        "an API key file": access.api_key_file,
        "a user": access.user,
    }
    if sum(map(bool, given.values())) > 1:
        names = " and ".join(name for name, value in given.items() if value)
        raise click.UsageError(f"{names} are given; a store takes one of them")
    if access.token_file:
        return BearerToken(read_secret(access.token_file, "the token").strip())
    if access.api_key_file:
        return _key(access.api_key_file)
    if access.user:
        return UserPassword(access.user, _password(access.user, access.password_file))
    secret = access.token or key
    return BearerToken(secret) if secret else None


def _profile(access: Access, *, needed: bool) -> tuple[str, Profile]:
    """The profile of the options, else the current one if its store is meant, with its name.

    A profile's credentials belong to its store, so a URL and a profile must not contradict each other.
    """
    if access.url and not access.profile and not needed:
        return "", _NO_PROFILE
    profiles = Profiles.load(ConfigFolder.of(os.environ))
    if not access.profile:
        profile = profiles.profiles.get(profiles.current)
        is_meant = profile is not None and is_same_store(access.url or profile.url, profile.url)
        return (profiles.current, profile) if profile is not None and is_meant else ("", _NO_PROFILE)
    profile = profiles.find(access.profile)
    if access.url and not is_same_store(access.url, profile.url):
        raise click.UsageError(
            f"profile {access.profile} is for {profile.url}, and another URL is given; give one of them"
        )
    return access.profile, profile


def _credentials_of(name: str, profile: Profile) -> Credentials | None:
    if profile.issuer:
        return LoginCredentials(ConfigFolder.of(os.environ), name, profile)
    if profile.api_key_file:
        return _key(profile.api_key_file)
    if profile.user:
        file = profile.password_file
        password = read_secret(file, "the password") if file else _password(profile.user, None)
        return UserPassword(profile.user, password)
    return None


def _key(path: str) -> BearerToken:
    return BearerToken(read_secret(path, "the API key").strip())


def _password(user: str, file: str | None) -> str:
    password = os.environ.get(PASSWORD)
    if password is not None and file:
        raise ValueError(f"{PASSWORD} and a password file are given; a user has one password")
    if file:
        return read_secret(file, "the password")
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise ValueError(f"a user needs a password; set {PASSWORD} or {PASSWORD}_FILE")
    asked: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return asked
