"""A TCP proxy before a server, which cuts connections when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Proxy:
    """Forwards what comes to a port of its own to ``port`` of ``host``.

    Attributes:
        port: its own. cut: asked with each message of a client; "before" cuts the connection in place of
            sending it on, "after" once the server has it and has answered, None lets it pass.
    """

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._to = host, port
        self.cut: Callable[[bytes], str | None] = lambda message: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for pair in self._pairs:
            _end(pair)
        self._pairs.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                try:
                    pair = client, socket.create_connection(self._to)
                except OSError:  # the server is away: so is what stands before it
                    client.close()
                    continue
                self._pairs.append(pair)
                threading.Thread(target=self._up, args=(pair,), daemon=True).start()
                threading.Thread(target=self._down, args=(pair,), daemon=True).start()

    def _up(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        with contextlib.suppress(OSError):
            while message := client.recv(1 << 16):
                where = self.cut(message)
                if where == "before":
                    break
                if where == "after":
                    client.shutdown(socket.SHUT_WR)  # what the server answers gets no further
                    server.sendall(message)
                    server.settimeout(1)
                    server.recv(1)
                    break
                server.sendall(message)
        _end(pair)

    def _down(self, pair: tuple[socket.socket, socket.socket]) -> None:
        client, server = pair
        with contextlib.suppress(OSError):
            while answer := server.recv(1 << 16):
                client.sendall(answer)
        _end(pair)


def _end(pair: tuple[socket.socket, socket.socket]) -> None:
    for each in pair:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
