"""What runs the daemon: the systemd unit is one that systemd takes, and it gives up where trying again is no use."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpline_mail.domain.errors import ConfigurationError, CredentialError, MissingFileError, UsageError

ROOT = Path(__file__).parent.parent.parent
UNIT = (ROOT / "packaging" / "helpline-mail.service").read_text("utf-8")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "helpline-mail.service"
    # systemd-analyze looks for the program, which need not be installed here.
    unit.write_text(UNIT.replace("ExecStart=helpline-mail ", f"ExecStart={shutil.which('true')} "), "utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    # Other units of this machine may be complained about as well.
    assert [line for line in verified.stderr.splitlines() if unit.name in line] == []


def test_it_is_not_started_again_where_a_person_must_act_first() -> None:
    prevented = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT, re.MULTILINE)
    assert prevented
    for_good = {
        ConfigurationError.exit_code,
        CredentialError.exit_code,
        UsageError.exit_code,
        MissingFileError.exit_code,
    }
    assert set(map(int, prevented[1].split())) == for_good


def test_unit_and_container_run_the_same_command() -> None:
    container = (ROOT / "Dockerfile").read_text("utf-8")
    in_container = re.search(r'^CMD \["(.*)"\]$', container, re.MULTILINE)
    in_unit = re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert in_container
    assert in_unit
    assert in_container[1].split('", "') == in_unit[1].split()
