"""Round trips counted on the wire, whatever the driver: a go-between that sees who speaks and when the turn passes."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Counted:
    """The port to connect to, and how often clients have spoken since `reset`, each time after the server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.turns = 0

    def reset(self) -> None:
        """Count from zero again."""
        self.turns = 0


@contextmanager
def counting(port: int) -> Iterator[Counted]:
    """Yield a port on which the server at *port* answers, with every round trip counted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        counted = Counted(listener.getsockname()[1])
        threading.Thread(target=_serve, args=(listener, port, counted), daemon=True).start()
        try:
            yield counted
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, port: int, counted: Counted) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=_pass_on, args=(client, server, counted), daemon=True).start()


def _pass_on(client: socket.socket, server: socket.socket, counted: Counted) -> None:
    """Carry bytes both ways until one side hangs up; a round trip begins where the client speaks after the server."""
    spoke = server
    with selectors.DefaultSelector() as ready, client, server:
        for one, other in ((client, server), (server, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(one, selectors.EVENT_READ, other)
        while True:
            for key, _ in ready.select():
                speaker: socket.socket = key.fileobj  # type: ignore[assignment]  # what was registered
                try:
                    data = speaker.recv(65536)
                    if speaker is client and spoke is server and data:
                        counted.turns += 1
                    spoke = speaker
                    key.data.sendall(data)
                except OSError:
                    return
                if not data:
                    return
