"""The submission server (RFC 6409), by aiosmtplib on connections that are kept. One recipient a transaction."""

import ssl
from dataclasses import dataclass, field

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from helpline_mail.domain.delivery import Accepted, Envelope, InDoubt, NotSent, Outcome, Refused
from helpline_mail.domain.errors import CredentialError, HelplineError, ServerUnavailableError

DATA_REPLY_SECONDS = 600.0  # RFC 5321 section 4.5.3.2.6: waiting long after the dot prevents duplicates
MAILS_PER_CONNECTION = 100


@dataclass(slots=True)
class SubmissionServer:
    """Takes mails one by one; as many connections are open as sends run at the same time, and are kept for the next."""

    host: str
    port: int
    tls: str
    user: str
    password: str
    timeout: float
    context: ssl.SSLContext
    local_hostname: str
    _idle: list[tuple[SMTP, int]] = field(default_factory=list, repr=False)

    async def connect(self) -> SMTP:
        """A connection with verified TLS and a login. Raises CredentialError or ServerUnavailableError."""
        client = SMTP(
            hostname=self.host, port=self.port, use_tls=self.tls == "implicit", start_tls=False,
            tls_context=self.context, timeout=self.timeout, local_hostname=self.local_hostname,
        )  # fmt: skip
        try:
            await client.connect()
            if self.tls == "starttls":
                await client.starttls(tls_context=self.context)
            if self.user:
                await client.login(self.user, self.password)
        except SMTPAuthenticationError as error:
            client.close()
            if error.code < 500:
                raise ServerUnavailableError(
                    f"smtp: {self.host} puts the login off ({error.code}); it is tried again"
                ) from None
            raise CredentialError(
                "smtp: the server refused the login; check smtp.user and smtp.password_file"
            ) from None
        except Exception as error:  # a server may answer anything, and the library raises whatever that leads to
            client.close()
            raise ServerUnavailableError(_unreachable(self.host, self.port, error)) from None
        return client

    async def check(self) -> None:
        """Connects, logs in and leaves. Raises like `connect`."""
        await _leave(await self.connect())

    async def send(self, envelope: Envelope) -> Outcome:
        """What became of the mail. Before the data everything may be tried again; after it, doubt is doubt."""
        while self._idle:
            client, used = self._idle.pop()
            outcome = await self._transact(client, used, envelope)
            if not isinstance(outcome, NotSent):
                return outcome  # a kept connection that has died meanwhile says nothing about the mail
        try:
            client = await self.connect()
        except HelplineError as error:
            return NotSent(str(error), error.exit_code)
        return await self._transact(client, 0, envelope)

    async def _transact(self, client: SMTP, used: int, envelope: Envelope) -> Outcome:
        stage = "MAIL"
        try:
            await client.mail(envelope.sender, encoding="ascii")
            stage = "RCPT"
            await client.rcpt(envelope.recipient, encoding="ascii")
            stage = "DATA"
            code, _ = await client.data(envelope.octets, timeout=max(self.timeout, DATA_REPLY_SECONDS))
        except SMTPServerDisconnected:
            client.close()
            # Before and after the final dot look alike here: both are doubt.
            return (
                InDoubt("the connection broke during the data") if stage == "DATA" else NotSent("the connection broke")
            )
        except SMTPResponseException as error:
            if error.code == 421:  # RFC 5321 section 4.2.1: the server leaves, and says nothing about the mail
                client.close()
                return NotSent(f"the server closed the connection at {stage} (421)")
            await self._keep(client, used, reset=True)
            return Refused(error.code, stage)
        except (SMTPException, OSError) as error:
            client.close()
            doubt = f"{type(error).__name__} during {stage}"
            return InDoubt(doubt) if stage == "DATA" else NotSent(doubt)
        except UnicodeError:
            await self._keep(client, used, reset=True)
            return Refused(553, "the address, which is not ASCII,")  # RFC 6531 section 3.5
        except BaseException:
            client.close()
            raise
        await self._keep(client, used + 1, reset=False)
        return Accepted(code)

    async def _keep(self, client: SMTP, used: int, *, reset: bool) -> None:
        try:
            if reset:
                await client.rset()
        except (SMTPException, OSError):
            client.close()
            return
        if used >= MAILS_PER_CONNECTION:
            await _leave(client)
        else:
            self._idle.append((client, used))

    async def close(self) -> None:
        """Leaves the server politely."""
        while self._idle:
            client, _ = self._idle.pop()
            await _leave(client)


async def _leave(client: SMTP) -> None:
    try:
        await client.quit(timeout=2)
    except (SMTPException, OSError):
        client.close()


def _unreachable(host: str, port: int, error: Exception) -> str:
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, ssl.SSLCertVerificationError):
        chain = chain.__cause__ or chain.__context__
    if isinstance(chain, ssl.SSLCertVerificationError):
        reason = chain.verify_message
        return f"smtp: the certificate of {host} cannot be trusted ({reason}); check smtp.host and smtp.ca_file"
    what = type(error).__name__
    return f"smtp: cannot reach {host}:{port} ({what}); check the server, smtp.host, smtp.port and smtp.tls"
