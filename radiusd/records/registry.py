"""The formats there are. A new one is a module beside this one, and a line in it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import BinaryIO, Protocol

import msgspec

from radiusd.errors import BadInput, NotFound
from radiusd.records import (
    acc_tables,
    acme,
    asterisk,
    avaya,
    broadworks,
    cucm,
    freeswitch_csv,
    freeswitch_documents,
    ims_file,
    mapped,
    panasonic,
    tap_file,
    threecx,
)
from radiusd.records.record import Outcomes


class Reader(Protocol):
    """
    How a format is read.

    It yields as it reads, in memory that does not grow with the file; a bad record is an outcome. It raises
    :class:`radiusd.errors.BadInput` for a setting's value when it is called, and nothing afterwards.
    """

    def __call__(self, file: BinaryIO, settings: Mapping[str, str]) -> Outcomes:
        """Return what *file*, unpacked and read from where it stands, tells."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """
    A format: its name, its reader and its settings (name to what it does).

    *local_time*: its records tell local time without an offset, so a source has to say the zone.
    """

    name: str
    title: str
    read: Reader
    settings: Mapping[str, str] = {}
    local_time: bool = False


class _Registry(dict[str, Format]):
    def __missing__(self, name: str) -> Format:
        raise NotFound(f"there is no format {name!r}; the formats are {', '.join(sorted(self))}")


ALL: tuple[Format, ...] = (
    Format(
        name=acc_tables.KAMAILIO,
        title="Kamailio: tables acc, missed_calls and acc_cdrs as CSV",
        read=acc_tables.read_kamailio,
        settings=acc_tables.SETTINGS,
    ),
    Format(
        name=acc_tables.OPENSIPS,
        title="OpenSIPS: tables acc and missed_calls as CSV",
        read=acc_tables.read_opensips,
        settings=acc_tables.SETTINGS,
    ),
    Format(
        name=acme.NAME,
        title="Oracle (Acme Packet) SBC: local CSV files",
        read=acme.read,
        settings=acme.SETTINGS,
    ),
    Format(
        name=asterisk.NAME,
        title="Asterisk: Master.csv and files of cdr_custom",
        read=asterisk.read,
        settings=asterisk.SETTINGS,
        local_time=True,
    ),
    Format(
        name=avaya.NAME,
        title="Avaya IP Office: SMDR",
        read=avaya.read,
        settings=avaya.SETTINGS,
        local_time=True,
    ),
    Format(
        name=broadworks.NAME,
        title="BroadWorks: accounting CSV",
        read=broadworks.read,
        settings=broadworks.SETTINGS,
    ),
    Format(name=cucm.NAME, title="Cisco CUCM: CDR files", read=cucm.read, settings=cucm.SETTINGS),
    Format(
        name=freeswitch_csv.NAME,
        title="FreeSWITCH: mod_cdr_csv",
        read=freeswitch_csv.read,
        settings=freeswitch_csv.SETTINGS,
        local_time=True,
    ),
    Format(
        name=freeswitch_documents.JSON_NAME,
        title="FreeSWITCH: mod_json_cdr",
        read=freeswitch_documents.read_json,
        settings=freeswitch_documents.SETTINGS,
    ),
    Format(
        name=freeswitch_documents.XML_NAME,
        title="FreeSWITCH: mod_xml_cdr",
        read=freeswitch_documents.read_xml,
        settings=freeswitch_documents.SETTINGS,
    ),
    Format(
        name=ims_file.NAME,
        title="3GPP TS 32.298: IMS charging records, with the frame of TS 32.297 or without",
        read=ims_file.read,
        settings=ims_file.SETTINGS,
    ),
    Format(
        name=mapped.NAME,
        title="Any CSV or fixed columns, described in settings",
        read=mapped.read,
        settings=mapped.SETTINGS,
        local_time=True,
    ),
    Format(
        name=panasonic.NAME,
        title="Panasonic KX-TDA, KX-TDE, KX-NS: SMDR pattern A",
        read=panasonic.read,
        settings=panasonic.SETTINGS,
        local_time=True,
    ),
    Format(
        name=tap_file.NAME,
        title="GSMA TAP 3: call events of a transfer batch",
        read=tap_file.read,
        settings=tap_file.SETTINGS,
    ),
    Format(
        name=threecx.NAME,
        title="3CX: call records",
        read=threecx.read,
        settings=threecx.SETTINGS,
        local_time=True,
    ),
)

FORMATS: Mapping[str, Format] = _Registry({each.name: each for each in ALL})
"""Every format by its name; an unknown name raises NotFound."""


def check_settings(name: str, settings: Mapping[str, str]) -> list[str]:
    """
    Return what is wrong with *settings* of the format *name*, a sentence each.

    Raises:
        NotFound: There is no such format.
    """
    known = FORMATS[name].settings
    names = ", ".join(sorted(known)) or "none"
    unknown = [setting for setting in settings if setting not in known]
    if unknown:
        return [f"setting {each}: the format {name} has no such setting; it has {names}" for each in unknown]
    try:
        FORMATS[name].read(BytesIO(), settings)
    except BadInput as error:
        return [str(error)]
    return []
