"""The attribute dictionaries of dialects and of our own client: a file a dialect, in FreeRADIUS's format."""

from pathlib import Path


def path_of(dialect: str) -> Path:
    """Return where the dictionary of *dialect* lies; it includes others that lie beside it."""
    return Path(__file__).with_name(f"dictionary.{dialect}")
