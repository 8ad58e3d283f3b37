"""Errors for people: one line that says what is wrong, where, and what to do; each with its sysexits code."""


class HelplineError(Exception):
    """A mistake or outage that a person can mend. `str(error)` is the one line that person reads."""

    exit_code = 70


class UsageError(HelplineError):
    """The command was called in a way that it does not know."""

    exit_code = 64


class BadInputError(HelplineError):
    """What was given to read cannot be read."""

    exit_code = 65


class MissingFileError(HelplineError):
    """A file that was named is not there."""

    exit_code = 66


class ServerUnavailableError(HelplineError):
    """A server cannot be reached or does not behave as a server of its kind."""

    exit_code = 69


class MissingFolderError(HelplineError):
    """A folder that the configuration names is not on the mail server, which works otherwise."""

    exit_code = 78


class InputOutputError(HelplineError):
    """Reading or writing a file or the database failed."""

    exit_code = 74


class TryLaterError(HelplineError):
    """Not now: the same call may succeed later."""

    exit_code = 75


class CredentialError(HelplineError):
    """A credential was refused, or a file's permissions do not allow what is asked."""

    exit_code = 77


class ConfigurationError(HelplineError):
    """The configuration cannot work. May hold several lines, one for each mistake."""

    exit_code = 78
