"""What systemd is told: datagrams to its socket (sd_notify(3)). Without systemd nothing happens."""

import os
import socket


def notify(state: str) -> None:
    """Sends `READY=1`, `STATUS=...`, `STOPPING=1` and the like. A socket that does not take it is no reason to stop."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect(path)
            channel.sendall(state.encode())
        except OSError:
            return
