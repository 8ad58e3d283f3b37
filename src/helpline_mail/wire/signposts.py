"""The signposting texts on disk: the operator's replace, add to or withdraw the shipped ones.

No path is ever made of a name that somebody wrote: two folders are listed, and the name is looked up among their files.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import TemplateSyntaxError, meta

from helpline_mail.domain.errors import ConfigurationError
from helpline_mail.domain.signposts import Signpost
from helpline_mail.wire import printable
from helpline_mail.wire.sandbox import sandbox
from helpline_mail.wire.template_samples import SIGNPOST_SAMPLES

SUFFIX = ".txt.j2"
TITLE = "Title: "
WIDTH = 72
VALUES = frozenset(SIGNPOST_SAMPLES[0])
"""The values that a text is given."""
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_IN_A_NUMBER = re.compile(r"(?<=\d) (?=\d)")
_INDENT = re.compile(r"\s*(?:[-*] |\d{1,2}[.)] )?\s*")


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    first: str
    body: str


class Signposts:
    """The texts of the operator's folder, if there is one, over the shipped ones; each is read once."""

    def __init__(self, shipped: Path, own: Path | None = None) -> None:
        self._shipped, self._own = shipped, own
        self._environment = sandbox(self._load)

    def all(self) -> tuple[Signpost, ...]:
        """Every text that can be sent, by name."""
        titles = ((name, source.first.removeprefix(TITLE)) for name, source in sorted(self._sources.items()))
        return tuple(Signpost(name, printable.line(title, 100)) for name, title in titles)

    def text(self, name: str, **values: object) -> str:
        """The text of that name, in lines of 72 characters but for long addresses, without blank lines at its ends.

        ConfigurationError if there is none of that name, or it fails with these values.
        """
        if name not in self._sources:
            there_are = ", ".join(sorted(self._sources)) or "none"
            raise ConfigurationError(f"there is no signposting text {printable.line(name, 40)}; there are {there_are}")
        try:
            text = self._environment.get_template(name).render(values)
        except Exception as error:  # an operator's template can fail in any way
            raise ConfigurationError(f"{self._sources[name].path}: {error}") from error
        return "\n".join(map(_wrapped, printable.lines(text).rstrip().split("\n"))).strip("\n")

    def problems(self) -> Iterator[str]:
        """Everything that is wrong with the texts, one line each."""
        if not self._shipped.is_dir():
            yield f"{self._shipped} is missing; install helpline-mail again"
        for path in _files(self._own):
            if problem := _misplaced(path):
                yield f"{path}: {problem}"
        for name, source in sorted((self._unreadable | self._sources).items()):
            yield from [source] if isinstance(source, str) else self._problems(name, source)

    def _problems(self, name: str, source: _Source) -> Iterator[str]:
        if not source.first.startswith(TITLE) or not source.first.removeprefix(TITLE).strip():
            yield f'{source.path}, line 1: must be "{TITLE}" and a few words that say what the text is about'
        try:
            unknown = meta.find_undeclared_variables(self._environment.parse(source.body)) - VALUES
        except TemplateSyntaxError as error:
            yield f"{source.path}, line {error.lineno}: {error.message}"
            return
        for value in sorted(unknown):
            yield f"{source.path}: there is no value {value}; there are {', '.join(sorted(VALUES))}"
        if not unknown:
            yield from self._failures(name, source.path)

    def _failures(self, name: str, path: Path) -> Iterator[str]:
        """The first sample with which a text cannot be written."""
        for sample in SIGNPOST_SAMPLES:
            try:
                text = self.text(name, **sample)
            except ConfigurationError as error:
                yield str(error)
                return
            if not text:
                yield f"{path}: has no text; to withdraw it, empty the file whole"
                return

    @cached_property
    def _read(self) -> dict[str, _Source | str]:
        """What is in the files by name, or one sentence for each that cannot be read."""
        found: dict[str, _Source | str] = {}
        # The shipped folder is ours, and some installers make links of it.
        paths = [*_files(self._shipped), *(path for path in _files(self._own) if not _misplaced(path))]
        for path in paths:
            name = path.name.removesuffix(SUFFIX)
            try:
                text = path.read_text("utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                found[name] = f"{path}: cannot be read: {error}"
                continue
            first, _, rest = text.partition("\n")
            found[name] = _Source(path, first, "\n" + rest)
            if not text.strip():
                del found[name]  # withdrawn
        return found

    @property
    def _sources(self) -> dict[str, _Source]:
        return {name: source for name, source in self._read.items() if isinstance(source, _Source)}

    @property
    def _unreadable(self) -> dict[str, _Source | str]:
        return {name: source for name, source in self._read.items() if isinstance(source, str)}

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._sources.get(name)
        return (source.body, str(source.path), None) if source else None


def _files(folder: Path | None) -> list[Path]:
    """What the folder holds that looks like a text; nothing of a folder that is a link."""
    if folder is None or folder.is_symlink() or not folder.is_dir():
        return [folder] if folder and (folder.is_symlink() or folder.exists()) else []
    return sorted(path for path in folder.iterdir() if path.name.endswith((".txt", ".j2")))


def _misplaced(path: Path) -> str | None:
    """Why a file of the operator's is no text, if it is none."""
    if path.is_symlink():
        return "is a link, and links are not followed; put what it points to in its place"
    if not path.name.endswith((".txt", ".j2")):
        return "is not a folder; signposting texts are files in it"
    if not path.is_file():
        return "is not a file"
    if not path.name.endswith(SUFFIX) or not _NAME.fullmatch(path.name.removesuffix(SUFFIX)):
        return f"must be called NAME{SUFFIX}, with at most 40 of a-z, 0-9 and - as its name"
    return None


def _wrapped(line: str) -> str:
    """A line in as many as it needs: no address and no telephone number is broken, and a list keeps its margin."""
    if len(line) <= WIDTH:
        return line.rstrip()
    margin = _INDENT.match(line)
    filled = textwrap.fill(
        _IN_A_NUMBER.sub("\u00a0", line),
        WIDTH,
        subsequent_indent=" " * len(margin[0] if margin else ""),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\u00a0", " ")
