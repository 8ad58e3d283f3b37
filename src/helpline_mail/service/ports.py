"""The strangers that services talk to, each as the smallest interface that names its duty."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from helpline_mail.domain.delivery import Envelope, Outcome
from helpline_mail.domain.mailbox import Listed, MailboxStatus

Clock = Callable[[], datetime]
"""The time now, aware."""


class MailboxReader(Protocol):
    """An account whose folders are read, one at a time, and never changed.

    Every call may raise ServerUnavailableError or CredentialError.
    """

    def examine(self, folder: str) -> MailboxStatus:
        """Opens that folder read-only, connecting first if there is no connection. Raises MissingFolderError too."""

    def uids_after(self, uid: int) -> list[int]:
        """The UIDs above that one, ascending."""

    def listed(self, uids: Iterable[int]) -> list[Listed]:
        """Sizes and dates of those that are still there, by UID ascending."""

    def fetch(self, uids: Iterable[int]) -> dict[int, bytes]:
        """The whole messages that are still there, by UID."""

    def fetch_beginning(self, uid: int, octets: int) -> bytes | None:
        """The first octets of a message, or None if it is gone."""


class Submitter(Protocol):
    """Hands one mail to the submission server. Failure is a value; it raises nothing but cancellation."""

    async def send(self, envelope: Envelope) -> Outcome:
        """What became of it."""

    async def close(self) -> None:
        """Leaves the server."""
