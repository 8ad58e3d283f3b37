"""How much of one message is read before the rest is left to a person."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budgets:
    """Upper limits for reading one message. Octets unless the name says otherwise. `[budgets]` configures them.

    Spending a budget never loses a mail: what was not read stands in `Message.defects`, the raw bytes are kept.
    """

    message: int = 50_000_000
    header: int = 262_144
    field: int = 65_536
    fields: int = 1_000
    depth: int = 20
    parts: int = 1_000
    addresses: int = 500
    message_ids: int = 100
    text: int = 250_000
    html_tags: int = 7_500
    attachments: int = 100
    cpu_seconds: float = 1.0
