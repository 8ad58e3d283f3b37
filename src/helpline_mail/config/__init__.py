"""The configuration: TOML read into frozen settings, every mistake reported at once with its key."""

from helpline_mail.config.loading import default_path, load
from helpline_mail.config.secret import credential, read_secret
from helpline_mail.config.sections import Settings, opening_hours

__all__ = ["Settings", "credential", "default_path", "load", "opening_hours", "read_secret"]
