"""What did not arrive, and what is wrong with the service itself: who is told, and once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import answers, clocks, events, mediations, messages, notices, outbox, tickets
from helpline_mail.domain.bank_holidays import REMEDY
from helpline_mail.domain.delivery import OutboxState, Settlement
from helpline_mail.domain.intake import SentMail
from helpline_mail.domain.message import Address
from helpline_mail.domain.promise import spoken_duration
from helpline_mail.domain.rations import notice_reason
from helpline_mail.service import clockwork
from helpline_mail.service.letters import Letters, short_of

TO_OUTSIDERS = {
    "acknowledgement": "the enquirer", "answer": "the enquirer", "update": "the enquirer", "partner": "the partner",
}  # fmt: skip
FLOOD = "flood"
"""The cause of the alarm that stands while the breaker is open: the alarm is the breaker's only memory."""

CLOCK = "clock"
"""The cause of the alarm that stands while the clock is in doubt: what time alone would send waits for its end."""


@dataclass(frozen=True, slots=True)
class Trouble(Letters):
    """Mails about mails that did not arrive, and alarms."""

    def tell_bounced(self, connection: Connection, bounced: Iterable[SentMail], now: datetime) -> None:
        """Tells staff, once a mail, that a mail to an outsider came back; a bounce of a mail to staff is an alarm."""
        for mail in bounced:
            if outbox.mark_bounced(connection, mail.outbox_id, now):
                self._restart(connection, mail, now)
                self._not_said(connection, mail.outbox_id, mail.kind, mail.ticket_id, now)
                self._tell_unreached(
                    connection, mail.outbox_id, mail.kind, mail.ticket_id, "it came back to us", now, bounced=True
                )

    def _restart(self, connection: Connection, mail: SentMail, now: datetime) -> None:
        """An answer that came back is none: the clock that it stopped goes on from where it was."""
        if mail.kind != "answer" or mail.ticket_id is None:
            return
        self._reopen(connection, mail.ticket_id, now)
        clock_id = outbox.clock_of(connection, mail.outbox_id) or clocks.last_stopped(connection, mail.ticket_id)
        clock = clocks.find(connection, clock_id) if clock_id else None
        if clock is None or answers.answer_arrived(connection, mail.ticket_id, mail.recipient, clock.started_at):
            return  # another answer to the same person arrived
        due_at = clocks.restart(connection, clock.clock_id, now, self.policy.hours)
        if due_at is not None:
            facts = {"due": due_at.isoformat()}
            text = "the answer came back: an answer is due again"
            events.record(connection, now, "clock_restarted", text, ticket_id=mail.ticket_id, facts=facts)

    def _reopen(self, connection: Connection, ticket_id: int, now: datetime) -> None:
        """A ticket that was closed with words which did not arrive is open again."""
        clockwork.reopen(connection, self.policy, ticket_id, now, "its last answer did not arrive")

    def _not_said(
        self, connection: Connection, outbox_id: int, kind: str, ticket_id: int | None, now: datetime
    ) -> None:
        """What did not arrive was not said: it promised nothing, kept nothing, and no partner knows of it."""
        if kind == "partner":
            for thread in mediations.of_mails(connection, [outbox_id]):
                clocks.drop_awaited(connection, thread.id, outbox.created_at(connection, outbox_id), now)
        elif kind == "answer" and ticket_id is not None:
            clocks.forget_kept(connection, ticket_id, outbox.settled_at(connection, outbox_id))
        elif kind in ("acknowledgement", "update") and ticket_id is not None:
            first = clocks.first(connection, ticket_id)
            clock_id = outbox.clock_of(connection, outbox_id) or (first.clock_id if first else None)
            if clock_id is not None:
                clocks.promise(connection, clock_id, None)

    def tell_undelivered(
        self,
        connection: Connection,
        outbox_id: int,
        kind: str,
        ticket_id: int | None,
        settlement: Settlement,
        now: datetime,
    ) -> None:
        """Tells staff that a mail could not be handed over, or that nobody knows whether it was."""
        code = f" ({settlement.code})" if settlement.code else ""
        in_doubt = settlement.state is OutboxState.UNKNOWN
        if kind == "answer" and ticket_id is not None:
            self._reopen(connection, ticket_id, now)
        if not in_doubt:
            self._not_said(connection, outbox_id, kind, ticket_id, now)
        self._tell_unreached(
            connection,
            outbox_id,
            kind,
            ticket_id,
            f"{settlement.reason.removeprefix('in doubt: ')}{code}",
            now,
            in_doubt=in_doubt,
        )

    def _tell_unreached(
        self, connection: Connection, outbox_id: int, kind: str, ticket_id: int | None, what: str, now: datetime,
        *, bounced: bool = False, in_doubt: bool = False,
    ) -> None:  # fmt: skip
        if kind not in TO_OUTSIDERS or ticket_id is None:
            # A mail about a mail that staff did not get would only fail as well (RFC 5321 section 6.1).
            missed = "may not have arrived" if in_doubt else "did not arrive"
            text = f"one of our mails ({kind}) {missed}: {what}; see: helpline-mail outbox show {outbox_id}"
            cause = unreached_cause(outbox.recipient(connection, outbox_id), bounced=bounced)
            self.raise_alarm(connection, cause, text, now, by_mail=kind != "alarm")
            return
        ticket = tickets.load(connection, ticket_id)
        whom = TO_OUTSIDERS[kind].removeprefix("the ")
        events.record(connection, now, f"{whom}_not_reached", f"the {kind} did not arrive: {what}",
                      ticket_id=ticket_id, outbox_id=outbox_id)  # fmt: skip
        message_id = messages.of_outbox(connection, outbox_id)
        in_all = replace(notices.told(connection, None, now), from_address=0)  # it is nobody's mail but ours
        if notice_reason(self.policy.rations, in_all):
            notices.await_digest(connection, message_id)
            return
        notices.note_told(connection, message_id, now)
        happened = what if bounced or in_doubt else f"our mail server did not take it: {what}"
        rendered = self.templates.render(
            "undelivered", helpline=self.policy.helpline.name, reference=ticket["reference"], kind=kind, what=happened,
            whom=TO_OUTSIDERS[kind], write_above=self._write_above(),
            in_doubt=in_doubt, is_due=clocks.running(connection, ticket_id) is not None,
        )  # fmt: skip
        self._to_staff(
            connection,
            rendered,
            f"undelivered/{outbox_id}/{int(now.timestamp())}",
            "notice",
            self.policy.staff,
            ticket,
            now,
        )

    def raise_alarm(
        self, connection: Connection, cause: str, text: str, now: datetime, *, by_mail: bool = True
    ) -> bool:
        """Opens an alarm and tells its receivers; False if one with that cause is open already."""
        alarm_id = events.raise_alarm(connection, cause, text, now)
        if alarm_id is None:
            return False
        events.record(connection, now, "alarm", text, facts={"cause": cause})
        if by_mail:
            self._mail_alarm(connection, alarm_id, cause, text, now)
        return True

    def end_alarm(self, connection: Connection, cause: str, now: datetime) -> bool:
        """Closes the cause's open alarm and says so; False if there is none."""
        alarm = events.end_alarm(connection, cause, now)
        if alarm is None:
            return False
        events.record(connection, now, "alarm_over", alarm.text, facts={"cause": cause})
        self._mail_alarm(connection, alarm.id, cause, alarm.text, now, over_since=alarm.raised_at)
        return True

    def _mail_alarm(
        self, connection: Connection, alarm_id: int, cause: str, headline: str, now: datetime,
        *, over_since: datetime | None = None,
    ) -> None:  # fmt: skip
        """Tells the configured receivers that something is wrong, or that it is over."""
        name = self.policy.helpline.name
        since = self._moment(over_since or now, now)
        if over_since is None:
            rendered = self.templates.render(
                "alarm", helpline=name, headline=headline, since=since, advice=_advice(cause)
            )
        else:
            lasted = "" if cause == CLOCK else spoken_duration(now - over_since)
            rendered = self.templates.render("alarm_over", helpline=name, headline=headline, since=since, lasted=lasted)
        phase = "over" if over_since else "raised"
        for address in self.policy.alarms_to:
            key = f"alarm/{alarm_id}/{phase}/{short_of(address)}"
            outbox.add(
                connection, self._freeze(rendered, key, "alarm", Address(address), now, None, "auto-generated"), now
            )


def _advice(cause: str) -> str:
    """What to do about an alarm of that cause."""
    match cause.partition("/")[0]:
        case "mailbox":
            return "run helpline-mail check. No mail is lost meanwhile, but new mail is not read."
        case "sent_folder":
            return (
                "run helpline-mail check. Enquiries are read all the same, but answers that were sent from the shared "
                "mailbox stop no clock meanwhile."
            )
        case "refused":
            return (
                "see to the address. The alarm ends when a mail to it is accepted; what it refused is not sent again."
            )
        case "bounced":
            return f"see to the address, then run helpline-mail alarm end {cause}. Nothing else ends this alarm."
        case "holidays":
            return f"{REMEDY}. Everything is well until then, and the alarm ends by itself."
        case "holidays_unknown":
            return (
                f"{REMEDY}. Until then, enter the coming bank holidays as opening_hours.extra_bank_holidays. The alarm "
                "ends by itself after the upgrade."
            )
        case "flood":
            return (
                "run helpline-mail status. If you did not expect so much mail, ask whoever looks after the mail server."
            )
        case "clock":
            return (
                "compare the clock of this machine with another, and set it if it is wrong. The alarm ends by itself "
                "when the clock is back, or when a new mail shows that the mail server's clock agrees with it. If it "
                "is right, you can also run helpline-mail alarm end clock."
            )
    return "run helpline-mail status, then helpline-mail check."


def unreached_cause(address: str, *, bounced: bool) -> str:
    """The cause of an alarm about one recipient: what is refused may work again, what comes back wants a person."""
    return f"{'bounced' if bounced else 'refused'}/{short_of(address)}"
