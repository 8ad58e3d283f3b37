"""The signposting texts are safe to send as they are, and the operator's folder says which there are."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.config.sections import CATEGORIES
from helpline_mail.domain.errors import ConfigurationError
from helpline_mail.domain.signposts import Signpost, listing
from helpline_mail.wire.shipped import shipped
from helpline_mail.wire.signposts import Signposts
from helpline_mail.wire.template_samples import SIGNPOST_SAMPLES
from helpline_mail.wire.templates import Templates

VALUES = {"helpline": "The Helpline", "telephone": "0300 000 0000", "skype": "thehelpline"}
TOPICS = [
    *("abuse-images", "bullying", "emergency", "gaming", "grooming", "hacked-account"),
    *("hate", "impersonation", "nudes", "privacy", "reputation", "social-networks"),
]
SHIPPED = Templates()
each_text = pytest.mark.parametrize(
    "text", [pytest.param(SHIPPED.signpost(name, **sample), id=name) for name in TOPICS for sample in SIGNPOST_SAMPLES]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The operator's folder of texts, empty."""
    signposts = tmp_path / "own" / "signposts"
    signposts.mkdir(parents=True)
    return signposts


def names(folder: Path) -> list[str]:
    return [signpost.name for signpost in Templates(folder.parent).signposts()]


def problems(folder: Path) -> list[str]:
    return list(Signposts(shipped("templates") / "signposts", folder).problems())


def test_there_is_a_text_for_each_of_the_helplines_topics() -> None:
    assert [signpost.name for signpost in SHIPPED.signposts()] == TOPICS
    assert SHIPPED.check() == []
    assert set(CATEGORIES) == {*TOPICS, "child-protection", "other"} - {"emergency"}


@each_text
def test_a_text_is_short_and_says_first_what_to_do_in_an_emergency(text: str) -> None:
    assert len(text.split()) < 250
    assert "999" in text.partition("\n\n")[0]


@each_text
def test_a_text_tells_where_to_go_and_how_to_reach_us(text: str) -> None:
    assert re.search(r"https://\S+|\b0[38]\d\d? \d{3} ?\d{3,4}\b", text)
    assert not re.search(r"http://|www\.(?<!://www\.)|[({\[]https|https://\S*[.,;:)]( |$)", text)
    assert "Professionals Online Safety Helpline: reply to this e-mail" in " ".join(text.split())


@each_text
def test_a_text_is_plain_and_its_lines_are_short(text: str) -> None:
    assert text == text.strip()
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert [line for line in text.split("\n") if len(line) > 72 and not line.startswith("https://")] == []
    assert [line for line in text.split("\n") if line != line.rstrip()] == []
    assert "\n\n\n" not in text
    assert not re.search(r"\d\n\s*\d", text)


@each_text
def test_nobody_who_keeps_evidence_is_led_to_keep_sexual_images_of_children(text: str) -> None:
    said = " ".join(text.split())
    if re.search("screenshot|keep evidence", said, re.IGNORECASE):
        assert "Do not look at, copy or keep sexual images of under-18s." in said
    if "Keep messages" in said:
        assert "Do not open or copy sexual images." in said


def test_the_texts_about_images_say_not_to_look_and_not_to_send_them_to_us() -> None:
    said = {name: " ".join(SHIPPED.signpost(name, **VALUES).split()) for name in TOPICS}
    assert "Do not look at the image. Do not copy, save, print or forward it" in said["nudes"]
    assert "Please do not send any to us." in said["nudes"]
    assert "Do not look for more, and do not save, copy, print or forward anything" in said["abuse-images"]
    assert "Please do not send images to us." in said["abuse-images"]
    assert "Do not open, copy or forward sexual images of children, and do not send them to us." in said["emergency"]


def test_the_text_for_an_emergency_has_every_number_that_counts() -> None:
    text = SHIPPED.signpost("emergency", **VALUES)
    assert {"999", "101", "0808 800 5000", "0800 1111", "116 123"} <= set(re.findall(r"\d[\d ]*\d", text))


def test_ways_to_reach_us_that_do_not_exist_are_not_named() -> None:
    text = " ".join(SHIPPED.signpost("privacy", **VALUES | {"telephone": "", "skype": ""}).split())
    assert text.endswith("You can talk this over with the The Helpline: reply to this e-mail.")


def test_the_list_reads_as_staff_need_it() -> None:
    assert listing([Signpost("hate", "Online hate"), Signpost("gaming", "Online gaming")]) == (
        "hate    Online hate\ngaming  Online gaming"
    )
    assert listing([]) == ""


def test_the_operator_replaces_adds_and_withdraws_texts(folder: Path) -> None:
    (folder / "gaming.txt.j2").write_text("Title: Games\n\n\nAsk {{ helpline }}.\n\n\n")
    (folder / "ai-images-2.txt.j2").write_text("Title:   Made by\ta machine \nHello")
    (folder / "hate.txt.j2").write_text("")
    (folder / "privacy.txt.j2").write_text(" \n\n")
    (folder / "never-shipped.txt.j2").write_text("")
    assert problems(folder) == []
    assert names(folder) == sorted({*TOPICS, "ai-images-2"} - {"hate", "privacy"})
    templates = Templates(folder.parent)
    assert templates.signpost("gaming", **VALUES) == "Ask The Helpline."
    assert templates.signposts()[1] == Signpost("ai-images-2", "Made by a machine")
    assert templates.signpost("nudes", **VALUES) == SHIPPED.signpost("nudes", **VALUES)
    with pytest.raises(ConfigurationError, match="no signposting text hate; there are abuse-images, ai-images-2"):
        templates.signpost("hate", **VALUES)


def test_a_text_written_in_notepad_is_read(folder: Path) -> None:
    (folder / "gaming.txt.j2").write_bytes("Title: Spiele\r\n\r\nHallo\r\nUte Ängström\r\n".encode("utf-8-sig"))
    assert problems(folder) == []
    assert Templates(folder.parent).signpost("gaming", **VALUES) == "Hallo\nUte Ängström"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("Hello\n\nText", ', line 1: must be "Title: " and a few words'),
        ("Title: \n\nText", ', line 1: must be "Title: " and a few words'),
        ("Title: x\n\n{% if skype %}\n", ", line 3: Unexpected end of template"),
        ("Title: x\n\n{{ reference }}", ": there is no value reference; there are helpline, skype, telephone"),
        ("Title: x\n\nText{% if not skype %}{{ telephone + 1 }}{% endif %}", ": can only concatenate str"),
        ("Title: x\n\n{{ helpline.__class__.__mro__ }}", ": access to attribute '__class__'"),
        ("Title: x\n\n{% include 'notice' %}", ": notice"),
        ("Title: x\n\n", ": has no text; to withdraw it, empty the file whole"),
        ("Title: x\n\n{{ skype }}", ": has no text"),
        (b"Title: \xff\n\nText", ": cannot be read: 'utf-8' codec can't decode"),
    ],
)
def test_a_broken_text_is_named_once_with_its_place(folder: Path, content: str | bytes, problem: str) -> None:
    path = folder / "gaming.txt.j2"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (found,) = problems(folder)
    assert found.startswith(f"{path}{problem}")


def test_a_broken_text_is_among_what_is_wrong_with_the_templates(folder: Path) -> None:
    (folder / "gaming.txt.j2").write_text("Hello\nText")
    (folder.parent / "alarm.txt.j2").write_text("Hello")
    assert [line.partition(", line 1: ")[0] for line in Templates(folder.parent).check()] == [
        f"{folder.parent / 'alarm.txt.j2'}",
        f"{folder / 'gaming.txt.j2'}",
    ]


@pytest.mark.parametrize(
    "name", ["Gaming.txt.j2", "on line.txt.j2", ".txt.j2", f"{'a' * 41}.txt.j2", "gämes.txt.j2", "gaming.txt", "a.j2"]
)
def test_a_file_that_is_called_otherwise_is_no_text_and_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("Title: x\n\nText")
    (found,) = problems(folder)
    assert found == f"{folder / name}: must be called NAME.txt.j2, with at most 40 of a-z, 0-9 and - as its name"
    assert names(folder) == TOPICS


def test_notes_and_copies_of_an_editor_beside_the_texts_do_no_harm(folder: Path) -> None:
    for name in ("README.md", "gaming.txt.j2~", ".gaming.txt.j2.swp"):
        (folder / name).write_text("x")
    assert problems(folder) == []
    assert names(folder) == TOPICS


def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Title: x\n\ncorrect horse")
    (folder / "gaming.txt.j2").symlink_to(secret)
    (folder / "dangling.txt.j2").symlink_to(tmp_path / "nothing")
    (folder / "inside.txt.j2").mkdir()
    assert [line.removeprefix(f"{folder}/").partition(",")[0] for line in problems(folder)] == [
        "dangling.txt.j2: is a link",
        "gaming.txt.j2: is a link",
        "inside.txt.j2: is not a file",
    ]
    assert names(folder) == TOPICS
    assert "horse" not in Templates(folder.parent).signpost("gaming", **VALUES)


def test_a_folder_of_texts_that_is_a_link_or_a_file_is_named(tmp_path: Path) -> None:
    elsewhere, own = tmp_path / "elsewhere", tmp_path / "own"
    elsewhere.mkdir()
    (elsewhere / "gaming.txt.j2").write_text("Title: x\n\ncorrect horse")
    own.mkdir()
    (own / "signposts").symlink_to(elsewhere)
    assert [line.partition(",")[0] for line in problems(own / "signposts")] == [f"{own}/signposts: is a link"]
    assert "horse" not in Templates(own).signpost("gaming", **VALUES)
    (own / "signposts").unlink()
    (own / "signposts").write_text("x")
    assert problems(own / "signposts") == [f"{own}/signposts: is not a folder; signposting texts are files in it"]


@pytest.mark.parametrize("name", ["", "../notice", "signposts/gaming", "gaming.txt.j2", "GAMING", "gaming\n", "/etc/x"])
def test_a_name_that_somebody_wrote_reaches_no_other_file(name: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no signposting text") as caught:
        SHIPPED.signpost(name, **VALUES)
    assert "\n" not in str(caught.value)


def test_p45_a_template_in_a_value_of_a_text_is_only_text() -> None:
    assert "{{ 7*7 }}" in SHIPPED.signpost("gaming", **VALUES | {"helpline": "{{ 7*7 }}"})


def test_an_installation_without_the_shipped_texts_is_named(tmp_path: Path) -> None:
    assert list(Signposts(tmp_path / "nothing").problems()) == [
        f"{tmp_path}/nothing is missing; install helpline-mail again"
    ]
    assert list(Signposts(shipped("templates") / "signposts").problems()) == []


words = st.lists(st.from_regex(r"[a-z]{5,12}-?[a-z]{1,12}|https://[a-z]{70,80}", fullmatch=True), min_size=8)


@given(words, st.sampled_from(["", "- ", "  ", "12. "]))
def test_a_long_line_is_broken_between_words_only_and_keeps_its_margin(words: list[str], mark: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "x.txt.j2").write_text(f"Title: x\n.\n{mark}{' '.join(words)}\n")
        lines = Signposts(Path(folder)).text("x").split("\n")[1:]
    assert " ".join(lines).split() == [*mark.split(), *words]
    assert all(len(line) <= 72 or line.removeprefix(mark).count(" ") <= len(mark) for line in lines)
    assert all(line.startswith(" " * len(mark)) for line in lines[1:])


def test_what_nobody_can_see_is_not_sent(folder: Path) -> None:
    (folder / "x.txt.j2").write_text("Title: x\n \nOne  \nt\x07wo\t\n \n")
    assert Templates(folder.parent).signpost("x", **VALUES) == "One\ntwo"


def test_a_telephone_number_is_not_broken(folder: Path) -> None:
    for length in range(40, 80):
        (folder / "x.txt.j2").write_text(f"Title: x\n\n{'x' * length} 0808 800 5000 call\n")
        assert "0808 800 5000" in Templates(folder.parent).signpost("x", **VALUES)
