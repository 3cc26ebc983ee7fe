"""Read what a form sent: plain fields, or fields and files in parts."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from radiusd.errors import BadInput

MOST_FIELDS = 500
PARTS = "multipart/form-data"

Body = tuple[dict[str, str], dict[str, bytes], dict[str, str]]
"""Fields, files, and the names of the files."""


def read_body(octets: bytes, media: str) -> Body:
    """
    Return the fields and files of a form.

    Raises:
        BadInput: It is none.
    """
    if media.partition(";")[0].strip().lower() == PARTS:
        return _read_parts(octets, media)
    return read_fields(octets.decode("utf-8", "replace")), {}, {}


def read_fields(text: str) -> dict[str, str]:
    """Return the fields of a form or query; one that comes several times is a list of lines."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadInput(f"the form has more than {MOST_FIELDS} fields") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        _put(found, name, value)
    return found


def _put(found: dict[str, str], name: str, value: str) -> None:
    clean = value.replace("\0", "").replace("\r\n", "\n")
    found[name] = f"{found[name]}\n{clean}" if name in found else clean


def _read_parts(octets: bytes, media: str) -> Body:
    """Read RFC 7578 with the standard library's reader of mail, which has its form."""
    head = b"Content-Type: " + media.encode("latin-1", "replace") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + octets)
    if not message.is_multipart():
        raise BadInput("the form's parts have no boundary; send it anew")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        file_name = part.get_filename()
        if file_name is None:
            _put(fields, name, content.decode("utf-8", "replace"))
        elif content:
            files[name], names[name] = content, file_name
        if len(fields) + len(files) > MOST_FIELDS:
            raise BadInput(f"the form has more than {MOST_FIELDS} fields")
    return fields, files, names
