"""Who a message says it is from: exactly one plain address, or nobody at all."""

import re
from collections.abc import Sequence

from helpline_mail.domain.message import Sender
from helpline_mail.wire import address_fields
from helpline_mail.wire.headers import Field

_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def sender_of(fields: Sequence[Field]) -> Sender:
    """The sender by the From field of the outermost header block (RFC 5322 section 3.6.2).

    `malformed` if From is missing, stands twice, was cut, holds controls or anything but one mailbox that every
    reader would understand alike. Sender and Reply-To are never asked (RFC 3834 section 4).
    """
    own = [field for field in fields if field.name == "from"]
    shown = address_fields.shown([field.value for field in own])
    if len(own) != 1 or not own[0].regular or _CONTROL.search(own[0].value):
        return Sender("malformed", None, shown)
    try:
        address = address_fields.mailbox(list(address_fields.tokens_of(own[0].value)))
    except address_fields.Malformed:
        return Sender("malformed", None, shown)
    return Sender("ok", address, shown)
