"""A client's settings: what they may say, and what an admin is told when they are wrong."""

import pytest

from radiusd.dialects.client_settings import DEFAULTS, read_settings
from radiusd.dialects.dictionary import definitions
from radiusd.dialects.registry import DIALECTS, check_settings
from radiusd.dialects.sources import pairs
from tests.radiusd.dialects.vectors import a_client


@pytest.mark.parametrize("dialect", DIALECTS)
def test_good_settings_are_no_problem(dialect: str) -> None:
    """
    Every dialect understands the same settings, and its own attribute names.
    """
    settings = {
        "duration_unit": "ms",
        "cause_base": "10",
        "timezone": "Europe/Berlin",
        "force_timezone": "Asia/Kolkata",
        "zone_names": "IST=Asia/Kolkata, cst=+0800",
        "vendor_id": "4923",
        "calling_from": "Calling-Station-Id",
        "called_from": "calling-station-id",
        "username_from": "Cisco-AVPair:user",
        "tenant_from": "26.9.1",
        "remote_ip_from": "NAS-IP-Address",
        "trunk_in_from": "#26.9.2",
        "trunk_out_from": "#211",
        "call_id_from": "Acct-Multi-Session-Id",
    }

    assert [] == check_settings(dialect, settings)


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("duration_unit", "minutes", "'minutes' is not one of s, ds, cs, ms"),
        ("cause_base", "8", "'8' is not one of 10, 16"),
        ("timezone", "Berlin", "'Berlin' is not an IANA time zone"),
        ("timezone", "../../etc/passwd", "is not an IANA time zone"),
        ("timezone", "Europe", "'Europe' is not an IANA time zone"),
        ("force_timezone", "", "'' is not an IANA time zone"),
        ("vendor_id", "0", "'0' is not a vendor's number from 1 to 16777215"),
        ("vendor_id", "16777216", "is not a vendor's number"),
        ("vendor_id", "AudioCodes", "'AudioCodes' is not a vendor's number"),
        ("call_group", "a b", "'a b' is not a name of letters, digits, '.', '_' and '-', as core-1 is"),
        ("call_group", "", "'' is not a name"),
        ("zone_names", "IST", "'IST' is not NAME=ZONE"),
        ("zone_names", "IST=India", "'India' is not an IANA time zone"),
        ("zone_names", "IST=+9999", "'+9999' is not an IANA time zone"),
        ("zone_names", " ", "name at least one zone"),
        ("remote_ip_from", "Sip-Src-IPP", "no attribute is named 'Sip-Src-IPP'"),
        ("remote_ip_from", "#0", "attribute numbers go from 1 to 255"),
        ("remote_ip_from", "#256", "attribute numbers go from 1 to 255"),
        ("remote_ip_from", "26.9.999", "attribute numbers go from 1 to 255"),
        ("remote_ip_from", "", "no attribute is named ''"),
        ("trunk_in_from", "Cisco-AVPair:", "names no pair"),
        ("trunk_in_from", "NAS-Port:x", "names no pair"),
        ("colour", "red", "there is no such setting; a client may have duration_unit"),
    ],
)
def test_a_bad_setting_is_named_with_what_would_be_right(setting: str, value: str, words: str) -> None:
    """
    Each problem is one sentence that begins with the setting.
    """
    [problem] = check_settings("kamailio", {setting: value})

    assert problem.startswith(f"setting {setting}: ")
    assert words in problem


def test_one_dialects_names_are_not_anothers() -> None:
    """
    The same number has other names elsewhere, so a name is looked up in the client's own dictionary.
    """
    settings = {"remote_ip_from": "Sip-Src-IP"}

    assert [] == check_settings("kamailio", settings)
    assert 1 == len(check_settings("cisco", settings))


@pytest.mark.parametrize(
    ("dialect", "name", "place"),
    [
        ("acme", "Acme-FlowID-FS1-F", (9148, 1)),
        ("acme", "acme-flowid_fs1_f", (9148, 1)),
        ("kamailio", "Sip-Source-IP-Address", (0, 108)),
        ("freeswitch", "Freeswitch-Signalbond", (27880, 24)),
    ],
)
def test_names_of_other_dictionaries_in_circulation_are_known(
    dialect: str, name: str, place: tuple[int, int]
) -> None:
    """
    Two spellings of Acme's names are about, and other words for the same numbers.
    """
    found = read_settings({"tenant_from": name}, definitions(dialect))[0].sources["tenant_from"]

    assert place == (found.vendor, found.type)


def test_what_is_wrong_counts_as_not_set() -> None:
    """
    A bad row in the database costs that setting, never a record.
    """
    client = a_client("cisco", {"timezone": "Nowhere", "remote_ip_from": "Nothing"})

    assert DEFAULTS == DIALECTS["cisco"].settings_of(client)


def test_pairs_are_split_at_the_first_sign() -> None:
    """
    Names are found in any case, the first of a name wins, and what a script added counts too.
    """
    found = pairs([b"A=1=2", b"a=3", b"no sign", b"h323-ivr-out=key:v:w", b"h323-ivr-in=alone", b"=x"])

    assert {
        b"a": b"1=2",
        b"h323-ivr-out": b"key:v:w",
        b"key": b"v:w",
        b"h323-ivr-in": b"alone",
        b"": b"x",
    } == found
