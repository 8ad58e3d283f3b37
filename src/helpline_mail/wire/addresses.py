"""Addresses that people configured: one canonical spelling."""

from email_validator import EmailNotValidError, validate_email


def canonical_address(text: str) -> str | None:
    """The addr-spec with its domain in lower-case A-labels (RFC 5890), or None if it is not one. No look-up is made.

    Only ASCII local parts: an SMTPUTF8 address (RFC 6531) cannot be written to by every server.
    """
    try:
        valid = validate_email(text, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return f"{valid.ascii_local_part}@{valid.ascii_domain}" if valid.ascii_local_part else None
