"""Everything that time alone makes due, in the order in which a sweep looks at it."""

from helpline_mail.service.digest import digest
from helpline_mail.service.remind import remind
from helpline_mail.service.updates import keep_in_touch

SWEEP = (keep_in_touch, remind, digest)
