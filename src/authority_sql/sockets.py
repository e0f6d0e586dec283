"""Whether somebody has hung up, told from this side of the socket: no byte is sent, nobody is waited for."""

from __future__ import annotations

import select


def has_news(descriptor: int) -> bool:
    """Tell whether there is something to read on the socket *descriptor*: of an idle connection, its end."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))
