"""The name and description of this store."""

from services.metadata.application.ports import ServiceInfo, Store, Tables


class ServiceInfos:
    """Reads and replaces them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self) -> ServiceInfo:
        """As stored."""
        return await self._store.read(lambda tables: tables.service_info.get())

    async def update(self, name: str | None, description: str | None) -> ServiceInfo:
        """Replace what is not None; the result."""

        def change(tables: Tables) -> ServiceInfo:
            before = tables.service_info.get()
            after = ServiceInfo(
                before.name if name is None else name,
                before.description if description is None else description,
            )
            tables.service_info.put(after)
            return after

        return await self._store.write(change)
