"""The demo: the whole service on this machine, with mail servers of its own, and its claims checked at the end."""

from importlib.util import find_spec

from helpline_mail.domain.errors import MissingFileError


def run_demo(serve: bool = False, templates: str = "") -> int:
    """Runs the scripted day, or with `serve` a playground until Ctrl-C. Returns 0 if every claim held, else 70.

    `templates` is a folder of templates in place of the shipped ones, as in the configuration. Raises
    MissingFileError if the demo's mail servers are not installed.
    """
    if not all(find_spec(name) for name in ("pymap", "aiosmtpd")):
        raise MissingFileError(
            "demo: its mail servers are not installed; install the extra: pip install 'helpline-mail[demo]'"
        )
    from helpline_mail.demo import stage

    return stage.playground(templates) if serve else stage.scripted_day(templates)
