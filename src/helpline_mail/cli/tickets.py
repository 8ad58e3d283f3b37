"""ticket: what was asked, what became of it, and why."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from helpline_mail.cli.common import (
    Context,
    configured,
    json_option,
    local,
    now,
    print_json,
    print_table,
    typed_reference,
)

if TYPE_CHECKING:
    from helpline_mail.config import Settings

NEWEST = 100


@click.group()
@configured
def ticket(_context: Context) -> None:
    """Look at tickets, and record an answer.

    Example: helpline-mail ticket list
    """


@ticket.command("list")
@click.option("--state", type=click.Choice(["open", "resolved"]), help="Only tickets in that state.")
@json_option
@configured
def list_(context: Context, state: str | None, as_json: bool) -> None:
    """List tickets, the oldest first. A ticket is open until it has an outcome.

    Example: helpline-mail ticket list --state open
    """
    from helpline_mail.service.inquire import tickets_listed

    settings = context.settings()
    found = tickets_listed(context.store(), state)
    if as_json:
        print_json(found)
        return
    print_table(
        ("reference", "state", "since", "answer due", "answered", "update due", "from", "subject"),
        (
            (t["reference"], _state(t), local(t["resolved_at"] or t["created_at"], settings),
             local(t["response_due_at"], settings), local(t["responded_at"], settings),
             local(t["update_due_at"], settings), t["requester"], t["subject"])
            for t in found
        ),
        "There is no ticket yet.",
    )  # fmt: skip


def _state(found: dict[str, Any]) -> str:
    return f"{found['state']}: {found['outcome']}" if found["outcome"] else found["state"]


@ticket.command()
@click.argument("reference", type=typed_reference)
@json_option
@configured
def show(context: Context, reference: str, as_json: bool) -> None:
    """Show one ticket whole: its messages, clocks and trail.

    Example: helpline-mail ticket show POSH-7K3M9Q
    """
    from helpline_mail.service.inquire import ticket_shown

    settings = context.settings()
    found = ticket_shown(context.store(), reference)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['reference']}  {found['state']}  {found['subject']}")
    click.echo(f"From {found['requester'] or 'nobody who can be named'}, {local(found['created_at'], settings)}")
    if found["resolved_at"]:
        click.echo(f"Closed {local(found['resolved_at'], settings)}: {found['outcome']}")
    if found["follows"]:
        click.echo(f"It follows {found['follows']}")
    for clock in found["clocks"]:
        click.echo(f"{_DUE[clock['kind']]} due {local(clock['due_at'], settings)}: {_clock_state(clock)}")
    for message in found["messages"]:
        arrow = "<-" if message["direction"] == "in" else "->"
        delivery = message["delivery"] or "delivered"
        state = "" if delivery == "delivered" else f" ({delivery})"
        click.echo(f"\n{arrow} {message['kind']}{state}, {local(message['at'], settings)}, {message['subject']}")
        click.echo(message["text"].rstrip("\n"))


_DUE = {"response": "Answer", "update": "Next word to the enquirer", "partner": "Partner's answer"}
_SINCE = {
    "response": "An answer to the query of", "update": "The next word to the enquirer after that of",
    "partner": "A partner's answer to our words of",
}  # fmt: skip


def _clock_state(clock: dict[str, Any]) -> str:
    if clock["stopped_at"] is None:
        return "running"
    if clock["kept"] is not None:
        return "kept" if clock["kept"] else "not kept"
    return "ended: nothing was due any more" if clock["opening_seconds"] is None else "answered"


def _explain_clock(clock: dict[str, Any], settings: "Settings") -> None:
    from helpline_mail.domain.promise import spoken_duration

    since, due = local(clock["started_at"], settings), local(clock["due_at"], settings)
    click.echo(f"{_SINCE[clock['kind']]} {since} is due {due}:")
    for span in clock["spans"]:
        click.echo(f"  counted  {local(span['from'], settings)} to {local(span['until'], settings)}")
    for day in clock["closed"]:
        click.echo(f"  skipped  {day['date']}: {day['reason']}")
    for change in clock["history"][1:]:
        due = f", due {local(change['due_at'], settings)}" if change["due_at"] else ""
        click.echo(f"  {change['what']:8} {local(change['at'], settings)}{due}")
    if clock["promised_at"] not in (None, clock["due_at"]):
        by_that = {True: "; kept by that", False: "; not kept by that", None: ""}[clock["kept_as_promised"]]
        click.echo(f"  the enquirer was told: by {local(clock['promised_at'], settings)}{by_that}")
    took = clock["opening_seconds"]
    spoken = f" after {spoken_duration(timedelta(seconds=took))} of opening time" if took is not None else ""
    click.echo(f"  {_clock_state(clock)}{spoken}")


@ticket.command()
@click.argument("reference", type=typed_reference, required=False)
@click.option("--all", "everything", is_flag=True, help="Without a REFERENCE: everything, not only the newest.")
@json_option
@configured
def explain(context: Context, reference: str | None, everything: bool, as_json: bool) -> None:
    """Explain a ticket: why each message is where it is, and how each deadline was computed.

    Without a REFERENCE: what became of the messages that belong to no ticket, the newest hundred lines of it.

    Example: helpline-mail ticket explain POSH-7K3M9Q
    """
    from helpline_mail.composition import policy
    from helpline_mail.service.inquire import explained

    settings = context.settings()
    found = explained(context.store(), policy(settings), reference, None if everything else NEWEST)
    if as_json:
        print_json(found)
        return
    for clock in found["clocks"]:
        _explain_clock(clock, settings)
    if not found["clocks"] and not found["events"]:
        click.echo("There is nothing to explain: every message so far belongs to a ticket.")
    for event in found["events"]:
        which = f"message {event['uid']}, {event['disposition']}: " if "uid" in event else ""
        click.echo(f"{local(event['at'], settings)}  {which}{event['code']}: {event['text']}")


@ticket.command()
@click.argument("reference", type=typed_reference)
@click.option(
    "--at", "at", metavar="TIME", help="When the enquirer was answered (ISO 8601 with offset) [default: now]."
)
@json_option
@configured
def answer(context: Context, reference: str, at: str | None, as_json: bool) -> None:
    """Record that the enquirer was answered, which stops the clock.

    Example: helpline-mail ticket answer POSH-7K3M9Q
    """
    from helpline_mail.cli.questions import instant
    from helpline_mail.composition import policy
    from helpline_mail.domain.promise import spoken_duration
    from helpline_mail.service.answer import answer as record

    moment: datetime = now()
    done = record(context.store(), policy(context.settings()), reference, instant(at) if at else moment, moment)
    if as_json:
        print_json({"reference": done.reference, "kept": done.kept, "opening_seconds": int(done.took.total_seconds())})
    elif done.kept is None:
        click.echo(f"{done.reference}: the answer is recorded; none was due.")
    else:
        kept = "the promise was kept" if done.kept else "the promise was not kept"
        click.echo(f"{done.reference}: answered after {spoken_duration(done.took)} of opening time; {kept}.")


@click.command()
@json_option
@configured
def schedule(context: Context, as_json: bool) -> None:
    """Show what will happen next if nobody does anything: reminders and deadlines in order.

    Example: helpline-mail schedule
    """
    from helpline_mail.composition import policy
    from helpline_mail.service.inquire import coming

    settings = context.settings()
    found = coming(context.store(), policy(settings), now())
    if as_json:
        print_json(found)
        return
    rows = ((local(item["at"], settings), item["reference"], item["what"]) for item in found)
    print_table(("when", "reference", "what"), rows, "Nothing is due: no clock is running.")


@click.command()
@json_option
@configured
def status(context: Context, as_json: bool) -> None:
    """Show what an operator looks at first.

    Example: helpline-mail status --json
    """
    from helpline_mail.composition import policy
    from helpline_mail.service.inquire import estimates
    from helpline_mail.service.inquire import status as look

    settings, moment = context.settings(), now()
    found = look(context.store(), settings.imap.folder, settings.imap.poll_every, moment)
    found["estimate"] = estimates(context.store(), policy(settings), moment)
    if as_json:
        print_json(found)
        return
    for section in ("mailbox", "messages", "outbox", "tickets"):
        facts = ", ".join(
            f"{key.replace('_', ' ')} {local(value, settings) if isinstance(value, datetime) else value}"
            for key, value in found[section].items()
            if value is not None
        )
        click.echo(f"{section:9} {facts or 'not read yet'}")
    estimate = found["estimate"]
    said = "said" if estimate["said"] else "not said"
    click.echo(f"{'estimate':9} {said}; {estimate['kept']} of the last {estimate['judged']} came true")
    click.echo(f"{'version':9} {found['version']}, database revision {found['database_revision']}")
    for problem in found["problems"]:
        click.echo(f"PROBLEM   {problem}")
    for notice in found["notices"]:
        click.echo(f"NOTICE    {notice}")
    click.echo("ok" if found["ok"] else "not ok")


@click.command()
@configured
def health(context: Context) -> int:
    """Exit with 0 if all is well, with 1 and one line if not.

    Example: helpline-mail health && echo well
    """
    from helpline_mail.service.inquire import status as look

    settings = context.settings()
    found = look(context.store(), settings.imap.folder, settings.imap.poll_every, now())
    click.echo("ok" if found["ok"] else "; ".join(found["problems"]))
    return 0 if found["ok"] else 1


COMMANDS = (ticket, schedule, status, health)
