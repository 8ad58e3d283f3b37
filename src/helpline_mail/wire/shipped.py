"""Files that are shipped beside the code."""

from pathlib import Path


def shipped(name: str) -> Path:
    """Where `templates`, `migrations` or `config.example.toml` is: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / name
    return installed if installed.exists() else package.parent.parent / name
