"""Files with secrets: read only if nobody else can, and a credential of systemd's comes first."""

import stat
from pathlib import Path

from helpline_mail.config.sections import Settings
from helpline_mail.domain.errors import CredentialError, MissingFileError


def credential(name: str, credentials: str | None) -> Path | None:
    """The file of that name in systemd's folder of credentials ($CREDENTIALS_DIRECTORY), if there is one."""
    given = Path(credentials) / name if credentials and "/" not in name else None
    return given if given and given.exists() else None


def read_secret(
    settings: Settings, name: str, credentials: str | None, remedy: str = "write the secret there with mode 0600"
) -> str:
    """The one secret in a file, without its line end.

    Raises MissingFileError, or CredentialError for a file that others can read; `remedy` is what they advise where the
    secret is not there.
    """
    given = credential(name, credentials)
    path = given or settings.path(name)
    try:
        mode = path.stat().st_mode
        secret = path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: this secret file is missing; {remedy}") from None
    except UnicodeDecodeError:
        raise CredentialError(f"{path}: this secret file is not text; {remedy}") from None
    except OSError as error:
        raise CredentialError(f"{path}: this secret file cannot be read ({type(error).__name__})") from None
    if path != given and stat.S_IMODE(mode) & 0o077:
        raise CredentialError(f"{path}: others can read this secret file; run: chmod 600 {path}")
    if not secret:
        raise CredentialError(f"{path}: this secret file is empty; {remedy}")
    return secret
