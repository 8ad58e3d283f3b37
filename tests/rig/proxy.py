"""A TCP proxy on loopback in front of a server, to break connections in every way a network can."""

import select
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self

from tests.rig.daemon import LOOPBACK

TICK = 0.02  # seconds until a changed mode is seen
PATIENCE = 10.0  # seconds a peer may be unable to take what we send
LINGER_NOT = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN


class Mode(Enum):
    PASS = "pass"
    RESET = "reset"  # every connection, old or new, ends with RST
    CLOSE = "close"  # every connection, old or new, ends with FIN
    BLACKHOLE = "blackhole"  # bytes are taken and lost, nothing is answered
    STALL = "stall"  # bytes are held, and go on when the mode changes
    DELAY = "delay"  # each piece waits `seconds`
    TRUNCATE = "truncate"  # `count` more bytes from the server on each connection, then FIN
    CUT = "cut"  # RST instead of the piece from the server in which `marker` stands


@dataclass(frozen=True)
class Fault:
    mode: Mode = Mode.PASS
    seconds: float = 0.0
    count: int = 0
    marker: bytes = b""


@dataclass(frozen=True)
class Encryption:
    """The proxy ends TLS on both sides, so that it sees text: `as_server` faces the client."""

    as_server: ssl.SSLContext
    as_client: ssl.SSLContext


class Broken(Exception):
    """The fault asks for the connection's end."""


class Proxy:
    """Listens on `port` and carries bytes to and from `target_port`; use it in a `with` statement.

    With `encryption`, `CUT` sees the decrypted text: `set(Mode.CUT, marker=b"queued as")` loses exactly the
    reply to an accepted message.
    """

    def __init__(self, target_port: int, encryption: Encryption | None = None) -> None:
        self.target_port, self.encryption = target_port, encryption
        self.fault = Fault()
        self.connections = 0  # accepted so far
        self._end = threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0))
        self._listener.settimeout(TICK)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set(self, mode: Mode, *, seconds: float = 0.0, count: int = 0, marker: bytes = b"") -> None:
        """Change what happens from now on, to open connections as well."""
        self.fault = Fault(mode, seconds, count, marker)

    def close(self) -> None:
        """End every connection and stop listening."""
        self._end.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._end.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _serve(self, client: socket.socket) -> None:
        try:
            self._hold(client)
            client.settimeout(PATIENCE)
            if self.encryption is not None:
                client = self.encryption.as_server.wrap_socket(client, server_side=True)
            with self._connect() as server:
                self._carry(client, server)
        except Broken:
            if self.fault.mode in (Mode.RESET, Mode.CUT):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        except OSError:
            pass  # one side has gone, or does not like our certificate: the other is closed with it
        finally:
            client.close()

    def _hold(self, client: socket.socket) -> None:
        """Return when the fault lets a new connection through; raises Broken if it never will."""
        while True:
            self._break()
            mode = self.fault.mode
            if mode not in (Mode.BLACKHOLE, Mode.STALL):
                return
            if mode is Mode.BLACKHOLE and _readable([client]) and not client.recv(65536):
                raise Broken
            time.sleep(TICK)

    def _break(self) -> None:
        if self._end.is_set() or self.fault.mode in (Mode.RESET, Mode.CLOSE):
            raise Broken

    def _connect(self) -> socket.socket:
        server = socket.create_connection((LOOPBACK, self.target_port), timeout=PATIENCE)
        if self.encryption is None:
            return server
        return self.encryption.as_client.wrap_socket(server, server_hostname=LOOPBACK)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        fault, passed = self.fault, 0
        while True:
            self._break()
            if fault is not self.fault:
                fault, passed = self.fault, 0
            if fault.mode is Mode.STALL:
                time.sleep(TICK)
                continue
            for source in _readable([client, server]):
                piece = _receive(source)
                if piece == b"":
                    return
                if piece is None or fault.mode is Mode.BLACKHOLE:
                    continue
                time.sleep(fault.seconds)
                if source is client:
                    server.sendall(piece)
                    continue
                client.sendall(_damaged(piece, fault, passed))
                passed += len(piece)
                if fault.mode is Mode.TRUNCATE and passed >= fault.count:
                    return


def _damaged(piece: bytes, fault: Fault, passed: int) -> bytes:
    if fault.mode is Mode.CUT and fault.marker in piece:
        raise Broken
    return piece[: fault.count - passed] if fault.mode is Mode.TRUNCATE else piece


def _readable(sources: list[socket.socket]) -> list[socket.socket]:
    # A decrypted rest lies in the TLS layer, where select() does not see it.
    pending = [source for source in sources if isinstance(source, ssl.SSLSocket) and source.pending()]
    return [*pending] or select.select(sources, [], [], TICK)[0]


def _receive(source: socket.socket) -> bytes | None:
    """What has come; b"" at the end; None if it was only the TLS layer talking to itself."""
    source.settimeout(0)
    try:
        return source.recv(65536)
    except (BlockingIOError, ssl.SSLWantReadError):
        return None
    finally:
        source.settimeout(PATIENCE)
