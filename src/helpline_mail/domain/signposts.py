"""Approved texts on a topic, which staff send with one line of a mail."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signpost:
    """A text by the name that staff write, and what it is about in a few words."""

    name: str
    title: str


def listing(signposts: Sequence[Signpost]) -> str:
    """The texts, one a line, as staff read them; empty if there are none."""
    width = max((len(signpost.name) for signpost in signposts), default=0)
    return "\n".join(f"{signpost.name:<{width}}  {signpost.title}" for signpost in signposts)
