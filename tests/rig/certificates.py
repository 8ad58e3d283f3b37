"""An own certification authority by the openssl command line, and server certificates signed by it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.rig.daemon import program

REQUEST = "[req]\ndistinguished_name = name\n[name]\n"
AUTHORITY = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
SERVER = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth", "authorityKeyIdentifier=keyid"]


@dataclass(frozen=True)
class Certificate:
    """Two PEM files; the key has no pass phrase."""

    certificate_file: Path
    key_file: Path


@dataclass(frozen=True)
class Certificates:
    """`server` is good for localhost, 127.0.0.1 and 127.0.0.2; `wrong_host` only for elsewhere.example."""

    ca_file: Path
    server: Certificate
    wrong_host: Certificate


def make_certificates(folder: Path) -> Certificates:
    """Make all of them in `folder`. Raises MissingProgramError without openssl.

    They are valid for ten years, because some tests move the clock.
    """
    (folder / "request.cnf").write_text(REQUEST)
    authority = _sign(folder, "ca", AUTHORITY)
    issuer = ["-CA", str(authority.certificate_file), "-CAkey", str(authority.key_file)]
    ours = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.2"
    return Certificates(
        ca_file=authority.certificate_file,
        server=_sign(folder, "server", [*SERVER, ours], issuer),
        wrong_host=_sign(folder, "elsewhere", [*SERVER, "subjectAltName=DNS:elsewhere.example"], issuer),
    )


def _sign(folder: Path, name: str, extensions: list[str], issuer: list[str] | None = None) -> Certificate:
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    command = [program("openssl"), "req", "-x509", "-config", str(folder / "request.cnf"), "-days", "3650"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN=Rig {name}"]
    command += ["-keyout", str(made.key_file), "-out", str(made.certificate_file), *(issuer or [])]
    for extension in [*extensions, "subjectKeyIdentifier=hash"]:
        command += ["-addext", extension]
    subprocess.run(command, check=True, capture_output=True)
    made.key_file.chmod(0o600)
    return made
