"""Ending an asyncio server without losing connections that are just arriving."""

import asyncio

# A connection is accepted in one turn of the loop, gets its transport in the next and its handler after that.
_TURNS = 4


async def stop_listening(server: asyncio.Server) -> None:
    """Closes the listening sockets once every accepted connection has its handler.

    Python 3.11 forgets a connection accepted in the very turn in which its server closes: it stays open,
    with nobody to close it, until it is collected as garbage.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()
