"""What staff choose from configured lists: one entry of a list, or a label from the lists of labels."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

from helpline_mail.domain.policy import Policy

Label = Literal["category", "sector", "channel"]
"""What `#category` says of an enquiry: what it is about, from where it comes, and how it came."""
SPOKEN: Mapping[Label, str] = {"category": "topic", "sector": "sector", "channel": "channel"}


def chosen(argument: str, allowed: Sequence[str]) -> str | None:
    """The one of a configured list that an argument means: the whole of it, or its beginning if that is no other's."""
    wanted = " ".join(argument.casefold().split())
    whole = [name for name in allowed if name.casefold() == wanted]
    begun = [name for name in allowed if name.casefold().startswith(wanted)]
    return next(iter(whole), begun[0] if len(begun) == 1 else None)


def label(argument: str, policy: Policy) -> tuple[Label, str] | None:
    """The label that an argument means, and of which list; None if it is in none, or begins several."""
    lists = _lists(policy)
    name = chosen(argument, [name for names in lists.values() for name in names])
    return next(((kind, name) for kind, names in lists.items() if name in names), None) if name else None


def no_label(argument: str, policy: Policy) -> str:
    """Sentences for an argument that is no label: what it may have meant, and the lists."""
    near = difflib.get_close_matches(argument.casefold(), [n for names in _lists(policy).values() for n in names], n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f'There is no one topic, sector or channel "{argument[:60]}".{hint} {" ".join(labels(policy))}'


def labels(policy: Policy) -> list[str]:
    """The lists of labels, a sentence each."""
    return [f"{SPOKEN[kind].capitalize()}s: {', '.join(names) or 'none'}." for kind, names in _lists(policy).items()]


def _lists(policy: Policy) -> dict[Label, tuple[str, ...]]:
    return {"category": policy.categories, "sector": policy.sectors, "channel": policy.channels}
