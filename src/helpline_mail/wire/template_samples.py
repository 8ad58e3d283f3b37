"""What each template is given: a few sets of values for each, among them every situation that a text depends on.

They name the values that an operator's own template may use, and `Templates.check` writes every mail with each set, so
that a template which fails only late on some evening fails at the start instead.
"""

from collections.abc import Mapping
from itertools import product

from helpline_mail.domain.acknowledgement import Acknowledgement
from helpline_mail.domain.message import Attachment

_HELPLINE = {"helpline": "Professionals Online Safety Helpline"}
_TICKET = _HELPLINE | {"reference": "POSH-7K3M9Q"}
_ABOVE = "Please write your answer above this line"
_TAKE = "mailto:helpline+s-x@example.org.uk?body=%23take"
_WAITING = _TICKET | {"waiting": "2 hours of opening time", "write_above": _ABOVE, "take": _TAKE}
_BY = "by 13:00 today, Tuesday 24 November"
_FACTS = (
    Acknowledgement("in_hours", _BY, True, "16:00 today", None, "", ""),
    Acknowledgement("in_hours", _BY, True, None, None, "", ""),
    Acknowledgement("out_of_hours", _BY, False, None, "10:00 today", "", ""),
    Acknowledgement("weekend", _BY, False, None, "10:00 on Monday 30 November", "at the weekend", ""),
    Acknowledgement("closure", _BY, False, None, "10:00 on Monday 4 January 2027", "on Friday 1 January", "Christmas"),
    Acknowledgement("bank_holiday", _BY, False, None, "10:00 on Tuesday 7 April", "on Monday 6 April", "Easter Monday"),
    Acknowledgement("in_hours", _BY, True, "16:00 today", None, "", "", "11:20 today", "an hour"),
    Acknowledgement("late", _BY, True, "16:00 today", None, "", ""),
)
_NOTICE = _TICKET | {
    "occasion": "new_ticket", "partner": "", "partner_title": "", "can_answer": True,
    "minimal": False, "taken_by": "", "earlier": (),
    "sender": "Alice <alice@school.sch.uk>", "subject": "A worry", "received": "09:55 today",
    "due": "13:00 today", "is_late": False, "text": "Dear helpline", "attachments": (), "hints": (),
    "write_above": _ABOVE, "links": (("Take it", _TAKE),),
}  # fmt: skip
_EARLIER = tuple(
    {"who": "Alice", "kind": kind, "at": "09:55 today", "text": text}
    for kind, text in (("enquiry", "Hello"), ("answer", ""), ("partner_out", "Hello"), ("partner_in", "Hello"))
)
_FILES = (Attachment("screen.png", "image/png", 48_213, ""), Attachment("", "image/png", 1, ""))
_LINE = {
    "reference": "POSH-7K3M9Q",
    "due": "13:00 today",
    "is_late": False,
    "taken_by": "",
    "received": "20:10 on Monday 23 November",
    "waiting": "1 hour",
    "take": "mailto:helpline@example.org.uk",
    "since": "10:20 on Monday 23 November",
}
_LIST = _HELPLINE | {"lines": (_LINE,), "count": 1, "write_above": _ABOVE, "can_answer": True}
_LAPSED = _LINE | {"promised": "16:00 on Thursday 26 November", "why_not": ""}
_MOVED = _LINE | {"kind": "response", "partner": "", "was": "12:00 today", "promised": "12:00 today"}
_UNTOLD = {"reference": "POSH-7K3M9Q", "kind": "enquiry", "received": "09:55 today", "by": _BY}
_TO_WRITER = _TICKET | {"write_above": _ABOVE}
_ASKED_FOR = _TO_WRITER | {
    "lines": ("enquiry, 09:55 today",), "state": "open", "taken_by": "Amy", "outcome": "", "due": _BY,
    "topic": "nudes", "sector": "school", "channel": "email", "update": "16:00 on Thursday 26 November",
}  # fmt: skip
_ALARM = _HELPLINE | {"headline": "the mailbox cannot be read", "since": "09:54 today"}

SAMPLES: Mapping[str, tuple[Mapping[str, object], ...]] = {
    "acknowledgement": tuple(
        _TICKET | {"telephone": telephone, "skype": skype, "facts": facts, "channel": channel}
        for facts, telephone, skype, channel in product(
            _FACTS, ("0844 381 4772", ""), ("professionalshelpline", ""), ("email", "telephone", "skype", "in-person")
        )
    ),
    "notice": (
        _NOTICE,
        _NOTICE | {"occasion": "follow_up", "due": "", "subject": "", "text": "", "write_above": "", "links": ()},
        _NOTICE
        | {
            "occasion": "partner",
            "partner": "examplebook",
            "partner_title": "Examplebook safety team",
            "earlier": _EARLIER,
            "taken_by": "Amy",
        },
        _NOTICE | {"occasion": "call", "can_answer": False, "minimal": True, "attachments": _FILES},
        _NOTICE | {"occasion": "split"},
        _NOTICE | {"is_late": True, "attachments": _FILES, "hints": ("Possibly related to POSH-2B4C6D.",)},
    ),
    "reminder": tuple(
        _WAITING | {"by": _BY, "left": "30 minutes", "taken_by": taken_by} for taken_by in ("", "First Adviser")
    ),
    "overdue": tuple(
        _WAITING | {"was_due": "13:00 today", "overdue": "1 hour", "taken_by": taken_by} for taken_by in ("", "Amy")
    ),
    "reminder_list": (
        _LIST | {"late": 0, "at_opening": True},
        _LIST | {"late": 0, "at_opening": False, "can_answer": False, "write_above": ""},
        _LIST
        | {
            "lines": (_LINE, _LINE | {"is_late": True, "taken_by": "Amy", "take": ""}),
            "count": 300,
            "late": 1,
            "at_opening": False,
        },
    ),
    "updates": (
        _LIST,
        _LIST | {"lines": (_LINE, _LINE | {"is_late": True, "taken_by": "Amy"}), "count": 300, "write_above": ""},
    ),
    "lapsed": (
        _LIST | {"lines": (_LAPSED,)},
        _LIST
        | {
            "lines": (_LAPSED | {"promised": "", "why_not": "3 in a row have gone already"},),
            "count": 300,
            "can_answer": False,
        },
    ),
    "moved": (
        _LIST | {"lines": (_MOVED,)},
        _LIST
        | {
            "lines": (
                _MOVED | {"kind": "update", "promised": ""},
                _MOVED | {"kind": "partner", "partner": "Examplebook"},
            ),
            "count": 300,
        },
    ),
    "update": tuple(
        _TICKET | {"by": "by 16:00 on Thursday 26 November", "was_due": was_due, "with_partner": with_partner}
        for was_due, with_partner in product(("", "by 13:00 on Tuesday 24 November"), (True, False))
    ),
    "digest": (
        _HELPLINE | {"lines": (_UNTOLD,), "count": 1},
        _HELPLINE | {"lines": (_UNTOLD, _UNTOLD | {"kind": "acknowledgement", "by": ""}), "count": 300},
    ),
    "refusal": tuple(
        _TICKET
        | {
            "is_due": is_due,
            "is_theirs": theirs,
            "can_answer": is_due,
            "who": "Amy",
            "why": "nothing proves it",
            "reference": about,
            "write_above": _ABOVE,
        }
        for is_due, theirs, about in product((True, False), (True, False), ("POSH-7K3M9Q", ""))
    ),
    "assigned": (
        _TICKET | {"who": "Lena", "due": "by 13:00 today", "write_above": _ABOVE},
        _TICKET | {"who": "Lena", "due": "", "write_above": ""},
    ),
    "answer": tuple(
        _TICKET | {"subject": subject, "text": "Dear Alice", "closing": closing, "signature": signature}
        for subject, closing, signature in product(("A worry", ""), (False, True), ("", "The helpline"))
    ),
    "partner": (_TICKET | {"text": "Dear colleagues"},),
    "partner_silent": tuple(
        _TICKET
        | {
            "partner": "Examplebook safety team",
            "partner_name": "examplebook",
            "since": "10:20 on Monday 23 November",
            "write_above": _ABOVE,
            "taken_by": taken_by,
            "take": take,
        }
        for taken_by, take in (("Amy", ""), ("", "mailto:helpline@example.org.uk"))
    ),
    "away": (_TICKET | {"who": "Amy", "write_above": _ABOVE},),
    "confirmation": tuple(
        _TO_WRITER | {"done": ("Amy has the ticket now.",), "held": held, "reference": reference}
        for held, reference in product(("", "Dear Alice"), ("POSH-7K3M9Q", ""))
    ),
    "refused": tuple(
        _TO_WRITER
        | {"why": ("There is no command #tak.",), "colleagues_words": words, "due": due, "reference": reference}
        for words, due, reference in product(("", "Dear Alice"), ("", _BY, f"was due {_BY}"), ("POSH-7K3M9Q", ""))
    ),
    "help": (_ASKED_FOR, _ASKED_FOR | {"reference": ""}),
    "signposts": (_ASKED_FOR, _ASKED_FOR | {"reference": ""}),
    "status": (
        _ASKED_FOR,
        _ASKED_FOR | {"state": "resolved", "outcome": "advice given", "due": "", "taken_by": "", "update": ""},
    ),
    "undelivered": tuple(
        _TICKET
        | {
            "kind": "acknowledgement",
            "whom": "the enquirer",
            "write_above": _ABOVE,
            "what": "refused at RCPT (550)",
            "in_doubt": in_doubt,
            "is_due": is_due,
        }
        for in_doubt, is_due in product((True, False), repeat=2)
    ),
    "alarm": tuple(_ALARM | {"advice": advice} for advice in ("run helpline-mail check.", "")),
    "alarm_over": tuple(_ALARM | {"lasted": lasted} for lasted in ("11 minutes", "")),
}

SIGNPOST_SAMPLES: tuple[Mapping[str, object], ...] = tuple(
    _HELPLINE | {"telephone": telephone, "skype": skype}
    for telephone, skype in product(("0844 381 4772", ""), ("professionalshelpline", ""))
)
"""What every signposting text is given."""
