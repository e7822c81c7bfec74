"""The name and description of this store."""

from typing import Final

from services.metadata.application.audit.recording import record
from services.metadata.application.clock import Clock, authored_moment, utc_now
from services.metadata.application.ports import ServiceInfo, Store, Tables
from services.shared.json.reading import refuse

MAX_CHARACTERS: Final = 10_000


class ServiceInfos:
    """Reads and changes the name and description."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock

    async def get(self) -> ServiceInfo:
        """The stored name and description."""
        return await self._store.read(lambda tables: tables.service_info.get())

    async def update(self, name: str | None, description: str | None) -> ServiceInfo:
        """Replace the texts that are not None; returns both.

        InvalidArgument TEXT_TOO_LONG above MAX_CHARACTERS.
        """
        for member, text in (("name", name), ("description", description)):
            if text is not None and len(text) > MAX_CHARACTERS:
                raise refuse(f"more than {MAX_CHARACTERS} characters", f"$.{member}", "TEXT_TOO_LONG")
        now = authored_moment(self._clock)
        members = [
            member for member, text in (("name", name), ("description", description)) if text is not None
        ]

        def change(tables: Tables) -> ServiceInfo:
            before = tables.service_info.get()
            after = ServiceInfo(
                before.name if name is None else name,
                before.description if description is None else description,
            )
            tables.service_info.put(after)
            record(tables, now, "service.update", "service", {"members": members})
            return after

        return await self._store.write(change)
