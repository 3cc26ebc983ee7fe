"""The dialects there are. A new vendor is a module beside this one, and a line in it."""

from __future__ import annotations

from collections.abc import Mapping

from radiusd.dialects.acme import Acme
from radiusd.dialects.asterisk import Asterisk
from radiusd.dialects.audiocodes import AudioCodes
from radiusd.dialects.broadworks import BroadWorks
from radiusd.dialects.cisco import Cisco
from radiusd.dialects.dialect import Dialect
from radiusd.dialects.eltex_smg import EltexSmg
from radiusd.dialects.freeswitch import FreeSwitch
from radiusd.dialects.freeswitch_xmlradius import FreeSwitchXmlRadius
from radiusd.dialects.generic import Generic
from radiusd.dialects.gnugk import GnuGk
from radiusd.dialects.kamailio import Kamailio
from radiusd.dialects.mvts import Mvts
from radiusd.dialects.nextone import Nextone
from radiusd.dialects.opensips import OpenSips
from radiusd.dialects.portasip import PortaSip
from radiusd.dialects.quintum import Quintum
from radiusd.dialects.rfc2866 import Rfc2866
from radiusd.dialects.ribbon_core import RibbonCore
from radiusd.dialects.ribbon_edge import RibbonEdge
from radiusd.dialects.sippy import Sippy
from radiusd.dialects.telcobridges import TelcoBridges
from radiusd.dialects.yate import Yate
from radiusd.errors import NotFound


class _Registry(dict[str, Dialect]):
    def __missing__(self, name: str) -> Dialect:
        raise NotFound(f"there is no dialect {name!r}; the dialects are {', '.join(sorted(self))}")


DIALECTS: Mapping[str, Dialect] = _Registry(
    {
        "rfc2866": Rfc2866(),
        "cisco": Cisco(),
        "kamailio": Kamailio(),
        "acme": Acme(),
        "asterisk": Asterisk(),
        "audiocodes": AudioCodes(),
        "freeswitch": FreeSwitch(),
        "freeswitch-xmlradius": FreeSwitchXmlRadius(),
        "opensips": OpenSips(),
        "portasip": PortaSip(),
        "ribbon-core": RibbonCore(),
        "ribbon-edge": RibbonEdge(),
        "sippy": Sippy(),
        "broadworks": BroadWorks(),
        "eltex-smg": EltexSmg(),
        "generic": Generic(),
        "gnugk": GnuGk(),
        "mvts": Mvts(),
        "nextone": Nextone(),
        "quintum": Quintum(),
        "telcobridges": TelcoBridges(),
        "yate": Yate(),
    }
)
"""Every dialect by its name in a client's ``dialect`` setting; an unknown name raises NotFound."""


def check_settings(dialect: str, settings: Mapping[str, str]) -> list[str]:
    """
    Return what is wrong with the *settings* of a client that speaks *dialect*, a sentence each.

    Raises:
        NotFound: There is no such dialect.
    """
    return DIALECTS[dialect].check_settings(settings)
