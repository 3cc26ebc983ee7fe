"""Which setting of a device changes what of its RADIUS: its kind's own line, where we know one."""

from __future__ import annotations

from collections.abc import Mapping

Settings = Mapping[str, str]
_CLIENT_LIBRARY: Settings = {
    "clock": "let NTP (chrony) run on its host",
    "secret": "the secret in its client library's configuration (radiusclient.conf, or the file `servers`)",
    "timer": "radius_timeout and radius_retries in its client library's configuration: 2 s and 3 or more",
}
DEVICE: Mapping[str, Settings] = {
    "cisco": {
        "clock": "ntp server ADDRESS; clock timezone UTC 0",
        "secret": "server-private ADDRESS auth-port 1812 acct-port 1813 key SECRET",
        "timer": "radius-server timeout 5; radius-server retransmit 3",
        "starts": "aaa accounting connection h323 start-stop group NAME",
        "interims": "aaa accounting update periodic 5",
        "stamp": "radius-server attribute 55 include-in-acct-req",
    },
    "kamailio": {
        **_CLIENT_LIBRARY,
        "starts": 'modparam("acc_radius", "radius_flag", N), and setflag(N) for each INVITE and BYE',
        "interims": "acc_radius accounts requests inside a dialog: set the flag for re-INVITEs",
        "called": 'modparam("acc_radius", "radius_extra", "Called-Station-Id=$rU;Calling-Station-Id=$fU")',
        "calling": 'modparam("acc_radius", "radius_extra", "Called-Station-Id=$rU;Calling-Station-Id=$fU")',
    },
    "opensips": _CLIENT_LIBRARY,
    "asterisk": _CLIENT_LIBRARY,
    "freeswitch": _CLIENT_LIBRARY,
    "freeswitch-xmlradius": _CLIENT_LIBRARY,
    "acme": {"starts": "account-config: generate-start ok"},
}

ANYWHERE: Settings = {
    "clock": "set its clock by NTP",
    "secret": "give the device the secret of this client, and this client that of the device",
    "timer": "raise its RADIUS timeout to 3 to 5 s, with 3 or more tries",
    "starts": "switch on start-stop accounting",
    "interims": "switch on Interim-Updates, every 5 minutes say (Acct-Interim-Interval)",
    "stamp": "let it send Event-Timestamp (attribute 55)",
    "called": "let it send Called-Station-Id, or tell us where the number stands: called_from",
    "calling": "let it send Calling-Station-Id, or tell us where the number stands: calling_from",
}


def device_setting(dialect: str, what: str) -> str:
    """Return what to change on a device that speaks *dialect*."""
    return DEVICE.get(dialect, {}).get(what) or ANYWHERE[what]
