"""Addresses behind which nobody reads, known by the part before the `@` (RFC 3834 section 2, RFC 2142 section 5)."""

import re

_DAEMONS = {"mailerdaemon", "mdaemon"}
_MAIL_SYSTEMS = _DAEMONS | {"postmaster"}
# As they stand: with the dots and dashes away, c.ron would be a cron.
_SYSTEM_USERS = {
    "root", "cron", "daemon", "nobody", "www-data", "alerts", "notification", "notifications", "bounce", "bounces",
}  # fmt: skip
# With any dashes, dots and underscores in them.
_ROBOTS = _MAIL_SYSTEMS | {"listserv", "majordomo", "mailman", "autoreply", "autoresponder"}
_NO_ANSWER = re.compile(
    r"(?:noreply|donotreply|noresponse|noanswer|nichtantworten|keineantwort|nepasrepondre|noresponder|naoresponda"
    r"|naoresponder|nonrispondere|nietbeantwoorden|nieodpowiadaj|nieodpowiadac)(?:to)?[0-9]*"
)
_NO_ANSWER_WITHIN = re.compile(r"(?:.+[-_.])?(?:no|do[-_.]?not)[-_.]?reply(?:[-_.].+)?", re.DOTALL)
_LIST_SERVER = re.compile(r"owner-.+|.+-(?:request|bounces?|owner)", re.DOTALL)
# One address for each mail or reader: bounce-123, bounces+heads=school.sch.uk.
_NUMBERED_BOUNCE = re.compile(r"bounces?(?:[0-9].*|[-_.=+].*[0-9=].*)", re.DOTALL)
# An envelope's signature (BATV), which no person's From carries; in a return path the person stands behind it.
_SIGNATURE = re.compile(r"(?:ms)?prvs[0-9]?=(?:[^=]+=)?")
# Microsoft's rewritten return path of a mail that was forwarded (SRS): a person's like any other.
_REWRITTEN = re.compile(r"bounces\+srs=")


def is_robot(local_part: str) -> bool:
    """Whether a local part in From is one behind which nobody reads."""
    if _user(local_part) in _SYSTEM_USERS or _bare(local_part) in _ROBOTS or is_bounce_address(local_part):
        return True
    said = _NO_ANSWER.fullmatch(_bare(local_part)) or _NO_ANSWER_WITHIN.fullmatch(_user(local_part))
    return said is not None or _SIGNATURE.match(local_part.casefold()) is not None


def is_mail_system(local_part: str) -> bool:
    """Whether it is a mail system's, at some places with a person behind it."""
    return _bare(local_part) in _MAIL_SYSTEMS


def is_daemon(local_part: str) -> bool:
    """Whether it is a mail system's, and no person's anywhere."""
    return _bare(local_part) in _DAEMONS


def is_bounce_address(local_part: str) -> bool:
    """Whether it takes bounces for a list or a mass mailing, or sends them."""
    user, whole = _user(local_part), local_part.casefold()
    known = user in {"bounce", "bounces"} or is_daemon(local_part)
    return known or _LIST_SERVER.fullmatch(user) is not None or _NUMBERED_BOUNCE.fullmatch(whole) is not None


def is_odd_return_path(local_part: str) -> bool:
    """Whether RFC 3834 section 2 forbids an answer to a mail with this local part in its return path."""
    whole = local_part.casefold()
    return _REWRITTEN.match(whole) is None and is_bounce_address(_SIGNATURE.sub("", whole, count=1))


def _user(local_part: str) -> str:
    return local_part.casefold().partition("+")[0]


def _bare(local_part: str) -> str:
    return re.sub(r"[-_.]", "", _user(local_part))
