"""The texts of our mails: templates on disk, the operator's before the shipped ones. Values are data only."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateSyntaxError, meta

from helpline_mail.domain.errors import ConfigurationError
from helpline_mail.domain.signposts import Signpost
from helpline_mail.wire import printable
from helpline_mail.wire.sandbox import sandbox
from helpline_mail.wire.shipped import shipped
from helpline_mail.wire.signposts import SUFFIX, Signposts
from helpline_mail.wire.template_samples import SAMPLES

_SUBJECT, _TEXT = "#subject", "#text"

VALUES = {name: frozenset(samples[0]) for name, samples in SAMPLES.items()}
"""Each template's name and the values that it is given."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template's first line without `Subject: `, and what follows it."""

    subject: str
    text: str


class Templates:
    """The templates of the operator's folder, if there is one, over the shipped ones; each is read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = [*([folder] if folder else []), shipped("templates")]
        self._environment = sandbox(self._load)
        self._signposts = Signposts(shipped("templates") / "signposts", folder / "signposts" if folder else None)

    def render(self, name: str, **values: object) -> Rendered:
        """The mail of that template. ConfigurationError if it is missing, or fails with these values."""
        try:
            subject = self._environment.get_template(name + _SUBJECT).render(values)
            text = self._environment.get_template(name + _TEXT).render(values)
        except Exception as error:  # an operator's template can fail in any way
            raise ConfigurationError(f"template {name}{SUFFIX}: {error}") from error
        return Rendered(printable.line(subject), text.strip("\n") + "\n")

    def signposts(self) -> tuple[Signpost, ...]:
        """The signposting texts that can be sent, by name."""
        return self._signposts.all()

    def signpost(self, name: str, **values: object) -> str:
        """The signposting text of that name, given `helpline`, `telephone` and `skype`; no blank line at its ends.

        ConfigurationError if there is none of that name, or it fails with these values.
        """
        return self._signposts.text(name, **values)

    def check(self) -> list[str]:
        """Everything that is wrong with the templates, one line each. Every text is written with every sample."""
        unknown = [
            f"{path}: no mail is called {path.name.removesuffix(SUFFIX)}; there are {', '.join(VALUES)}"
            for path in sorted(self._folders[0].glob(f"*{SUFFIX}"))
            if path.name.removesuffix(SUFFIX) not in VALUES
        ]
        mails = [problem for name in VALUES for problem in self._problems(name)]
        return [*mails, *unknown, *self._signposts.problems()]

    def _problems(self, name: str) -> Iterator[str]:
        path = self._path(name)
        if path is None:
            yield f"template {name}{SUFFIX} is missing"
            return
        try:
            source = path.read_text("utf-8")
            unknown = meta.find_undeclared_variables(self._environment.parse(source)) - VALUES[name]
        except (OSError, UnicodeDecodeError) as error:
            yield f"{path}: cannot be read: {error}"
        except TemplateSyntaxError as error:
            yield f"{path}, line {error.lineno}: {error.message}"
        else:
            if not source.startswith("Subject: "):
                yield f'{path}, line 1: must be "Subject: " and the subject'
            for value in sorted(unknown):
                yield f"{path}: there is no value {value}; there are {', '.join(sorted(VALUES[name]))}"
            if not unknown:
                yield from self._failures(name)

    def _failures(self, name: str) -> Iterator[str]:
        """The first sample with which a template cannot be written."""
        for sample in SAMPLES[name]:
            try:
                self.render(name, **sample)
            except ConfigurationError as error:
                yield str(error)
                return

    def _path(self, name: str) -> Path | None:
        paths = (folder / (name + SUFFIX) for folder in self._folders)
        return next((path for path in paths if path.is_file()), None)

    def _load(self, part: str) -> tuple[str, str, None] | None:
        """Subject and text are templates of their own, so that no value can move the line between them."""
        name = part.partition("#")[0]
        path = self._path(name)
        if path is None:
            return None
        first, _, rest = path.read_text("utf-8").partition("\n")
        source = first.removeprefix("Subject: ") if part.endswith(_SUBJECT) else "\n" + rest
        return source, str(path), None
