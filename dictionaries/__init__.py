"""The attribute dictionaries that dialects and our own client read: a file a dialect, as FreeRADIUS has it."""

from pathlib import Path


def path_of(dialect: str) -> Path:
    """Return where the dictionary of *dialect* lies; it includes others that lie beside it."""
    return Path(__file__).with_name(f"dictionary.{dialect}")
