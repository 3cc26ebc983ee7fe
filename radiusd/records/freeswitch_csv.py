"""FreeSWITCH's mod_cdr_csv, with its stock templates and others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import BinaryIO
from zoneinfo import ZoneInfo

from radiusd.records.freeswitch import timing_of
from radiusd.records.lines import Row, passed_over, plain_rows, read_each, read_encoding, split_either_way
from radiusd.records.record import Entry, Outcomes, PassedOver, Record, RecordError
from radiusd.records.stamps import read_zone
from radiusd.records.values import number, setting_columns, text

NAME = "freeswitch-csv"
SETTINGS = {
    "zone": "time zone of the server's clock",
    "template": "example, asterisk, snom, linksys or opencdrrate (else told by the count of columns); or the "
    "columns, separated by commas; or the template itself",
    "encoding": "auto (UTF-8, else Latin-1), utf-8, iso-8859-1 or windows-1252",
}
EXAMPLE = (
    "caller_id_name", "caller_id_number", "destination_number", "context", "start_stamp", "answer_stamp",
    "end_stamp", "duration", "billsec", "hangup_cause", "uuid", "bleg_uuid", "accountcode", "read_codec",
    "write_codec",
)  # fmt: skip
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "example": EXAMPLE,
    "asterisk": (
        "accountcode", "caller_id_number", "destination_number", "context", "caller_id", "channel_name",
        "bridge_channel", "last_app", "last_arg", "start_stamp", "answer_stamp", "end_stamp", "duration",
        "billsec", "hangup_cause", "amaflags", "uuid", "userfield",
    ),
    "snom": (
        *EXAMPLE, "sip_user_agent", "call_clientcode", "sip_rtp_rxstat", "sip_rtp_txstat",
        "sofia_record_file",
    ),
    "linksys": (*EXAMPLE, "sip_user_agent", "sip_p_rtp_stat"),
    "opencdrrate": (
        "uuid", "signal_bond", "direction", "ani", "destination_number", "answer_stamp", "end_stamp",
        "billsec", "accountcode", "userfield", "network_addr", "caller_id_initial", "sip_gateway_name",
    ),
}  # fmt: skip
_BY_COUNT = {len(columns): columns for columns in TEMPLATES.values()}
_FREE_TEXT = ("caller_id_name", "effective_caller_id_name", "caller_id")
_VARIABLE = re.compile(r"\$\{(?:regex\()?(\w+)[^}]*\}")


def read(file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
    """Return what a file of mod_cdr_csv tells. Raises BadInput for settings."""
    reader = _Reader(_template(settings), read_zone(settings))
    rows = plain_rows(file, split, read_encoding(settings))
    return read_each(rows, reader.read)


def split(line: str) -> list[str]:
    """Return the values of a line: FreeSWITCH puts quotes around values and leaves those inside alone."""
    line = line.strip()
    if line.startswith('"'):
        return line[1:-1].split('","') if line.endswith('"') and len(line) > 1 else []  # it is cut off
    return split_either_way(line)


def _template(settings: Mapping[str, str]) -> tuple[str, ...]:
    written = settings.get("template", "").strip()
    if written in TEMPLATES:
        return TEMPLATES[written]
    if "${" in written:
        return tuple(_VARIABLE.findall(written))
    return setting_columns(settings, "template", ())


class _Reader:
    def __init__(self, columns: tuple[str, ...], zone: ZoneInfo) -> None:
        self._columns = columns
        self._zone = zone

    def read(self, row: Row) -> Entry | PassedOver:
        """Return the record in *row*. Raises RecordError."""
        if "destination_number" in row.cells:
            self._columns = tuple(row.cells)
            return passed_over(row, "column names")
        columns = self._columns or _BY_COUNT.get(len(row.cells), EXAMPLE)
        if len(row.cells) < len(columns):
            raise RecordError(f"{len(row.cells)} fields, where {len(columns)} are needed; it is cut off")
        fields = dict(zip(columns, _fitted(row.cells, columns), strict=False))
        get = fields.get
        times = timing_of(fields, self._zone)
        return Entry(
            record=Record(
                source=NAME,
                calling=number(get("caller_id_number") or get("ani", "")),
                called=number(get("destination_number", "")),
                direction=None,
                setup=times.setup,
                answer=times.answer,
                release=times.release,
                duration_seconds=times.seconds,
                answered=times.answered,
                call_id=text(get("uuid", "")),
                account=text(get("accountcode", "")),
                hangup_cause=text(get("hangup_cause", "")),
            ),
            line=row.line,
            offset=row.offset,
            raw=row.octets,
            key=get("uuid", ""),
            duration_ms=times.ms,
            fields=fields,
        )


def _fitted(cells: list[str], columns: tuple[str, ...]) -> list[str]:
    """Return as many cells as *columns*: a caller's name may hold what ends a cell."""
    surplus = len(cells) - len(columns)
    at = next((at for at, column in enumerate(columns) if column in _FREE_TEXT), None)
    if surplus <= 0 or at is None:
        return cells
    return [*cells[:at], '","'.join(cells[at : at + surplus + 1]), *cells[at + surplus + 1 :]]
