"""A submission server on loopback that speaks bytes and misbehaves on request: for how mail really fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

DROP = None


@dataclass
class SmtpServer:
    """Each transaction takes the next item of `script`: (stage, reply or DROP); without one it is accepted.

    Stages: MAIL, RCPT, DATA and `.`, the moment when the whole mail has come. A mail dropped at `.` was taken.
    """

    script: list[tuple[str, str | None]] = field(default_factory=list)
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    reply_after: float = 0.0
    """Seconds from the final dot to the reply."""
    connections: int = 0
    port: int = 0

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._session(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        trouble: tuple[str, str | None] = ("", "")
        sender, recipients = "", list[str]()
        while line := (await reader.readline()).decode("ascii").rstrip("\r\n"):
            verb = line.split(":")[0].split(" ")[0].upper()
            if verb == "MAIL":
                trouble = self.script.pop(0) if self.script else ("", "")
                sender, recipients = line.split("<")[1].split(">")[0], []
            if verb == trouble[0]:
                if trouble[1] is DROP:
                    return
                writer.write(f"{trouble[1]}\r\n".encode())
                if trouble[1].startswith("421"):
                    return
                continue
            if verb == "RCPT":
                recipients.append(line.split("<")[1].split(">")[0])
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                octets = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                reply = trouble[1] if trouble[0] == "." else "250 taken"
                await asyncio.sleep(self.reply_after)
                if reply is DROP or reply.startswith("2"):
                    self.taken.append((sender, recipients, octets.replace(b"\r\n..", b"\r\n.")))
                if reply is DROP:
                    return
                writer.write(f"{reply}\r\n".encode())
                continue
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
            if verb == "QUIT":
                return


@asynccontextmanager
async def running(*script: tuple[str, str | None], reply_after: float = 0.0) -> AsyncIterator[SmtpServer]:
    """The server, listening until the block ends."""
    fake = SmtpServer(list(script), reply_after=reply_after)
    server = await asyncio.start_server(fake._converse, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        await server.wait_closed()
