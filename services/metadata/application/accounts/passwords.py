"""Hashes of passwords. argon2id is slow by design, so it runs in threads, and few passwords wait for them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.metadata.domain.accounts.user import fits, normalise_password
from services.shared.errors import Exhausted

T = TypeVar("T")

# Each takes 64 MiB while it computes a hash.
THREADS: Final = 2
# About the hashes of one or two seconds.
MAX_WAITING: Final = 32


class Passwords:
    """Computes and verifies hashes with the parameters that argon2-cffi recommends (RFC 9106, section 4)."""

    def __init__(self, threads: ThreadPoolExecutor, hasher: PasswordHasher | None = None) -> None:
        self._threads = threads
        self._hasher = hasher or PasswordHasher()
        self._waiting = 0

    def require_room(self) -> None:
        """Exhausted PASSWORDS_WAITING if too many passwords wait."""
        if self._waiting >= MAX_WAITING:
            raise Exhausted("too many passwords are being checked", reason="PASSWORDS_WAITING")

    async def hash(self, password: str) -> str:
        """The hash of a password, with its parameters and a new salt. Exhausted PASSWORDS_WAITING."""
        return await self._in_thread(lambda: self._hasher.hash(normalise_password(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """True if a stored hash is that of the password. Exhausted PASSWORDS_WAITING.

        Without a hash it is False after the same time, so that nobody learns which users exist.
        """
        return await self._in_thread(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """True if a stored hash has other parameters than new ones."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        if stored is None or not fits(text := normalise_password(password)):
            self._hasher.hash("")
            return False
        try:
            return self._hasher.verify(stored, text)
        except VerificationError:
            return False
        except InvalidHashError:
            return self._verify(None, password)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        self.require_room()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


@contextmanager
def open_passwords() -> Iterator[Passwords]:
    """The hashes of passwords, with threads of their own until the block ends."""
    threads = ThreadPoolExecutor(THREADS, "passwords")
    try:
        yield Passwords(threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
