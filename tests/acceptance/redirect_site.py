"""The site of the redirect tests: who asks by SIP, each from a loopback address, and who pays for it."""

from __future__ import annotations

SECRET = b"secret of the session border controller"
REALM, USER, PASSWORD = "sip.example", "alice", "correct horse battery"
SBC, EDGE, PHONES, LOGINS, SILENT, PBX, STRANGER = (f"127.0.0.{last}" for last in (2, 33, 4, 5, 6, 7, 99))
CHANNELS = 3
CONFIGURATION = """
[[listeners]]
kind = "sip"
address = "127.0.0.1"
port = {port}

[[listeners]]
kind = "sip"
transport = "tcp"
address = "127.0.0.1"
port = {port}

[sip]
realm = "sip.example"
"""
SITE = f"""
[[client]]
name = "sbc"
networks = ["{SBC}"]
secret = "{SECRET.decode()}"
sip = "open"
sip_trunk_header = "X-Trunk-Group"
sip_next_hop = "gw1.example.net:5080"

[[client]]
name = "edge"
networks = ["127.0.0.32/28"]
secret = "{SECRET.decode()}"
sip = "open"

[[client]]
name = "phones"
networks = ["{PHONES}"]
secret = "{SECRET.decode()}"
sip = "407"

[[client]]
name = "logins"
networks = ["{LOGINS}"]
secret = "{SECRET.decode()}"
sip = "401"

[[client]]
name = "pbx"
networks = ["{PBX}"]
secret = "{SECRET.decode()}"
sip = "open"
asserts_numbers = true
settings = {{sip_code_of = "unknown_caller=404"}}

[[client]]
name = "silent"
networks = ["{SILENT}"]
secret = "{SECRET.decode()}"
sip = "open"
sip_trunk_header = "X-Trunk-Group"
setup_ttl_s = 1

[[deck]]
name = "world"
currency = "USD"
rates = [{{prefix = "44", description = "United Kingdom", rate = 0.06, initial = 1, increment = 1}}]

[[plan]]
code = "basic"
deck = "world"

[[account]]
code = "acme"
currency = "USD"
opening_balance = 1000000

[[account]]
code = "poor"
currency = "USD"

[[account]]
code = "busy"
currency = "USD"
postpaid = true
max_channels = 0

[[trunk]]
account = "acme"
trunk = "coming"
plan = "basic"
activated = 2100-01-01

[[did]]
account = "busy"
number = "442079468600"
plan = "basic"
activated = 2020-01-01

[[trunk]]
account = "acme"
trunk = "wide"
plan = "basic"
activated = 2020-01-01

[[trunk]]
account = "acme"
trunk = "narrow"
plan = "basic"
max_channels = {CHANNELS}
activated = 2020-01-01

[[trunk]]
account = "acme"
trunk = "cut"
plan = "basic"
max_channels = 1
activated = 2020-01-01

[[trunk]]
account = "acme"
trunk = "reported"
plan = "basic"
max_channels = 1
activated = 2020-01-01

[[trunk]]
account = "acme"
trunk = "unreported"
plan = "basic"
max_channels = 1
activated = 2020-01-01

[[trunk]]
account = "poor"
trunk = "broke"
plan = "basic"
activated = 2020-01-01

[[ip]]
account = "acme"
network = "{EDGE}"
plan = "basic"
activated = 2020-01-01

[[ip]]
account = "poor"
network = "{EDGE}"
tech_prefix = "7701"
plan = "basic"
activated = 2020-01-01

[[did]]
account = "acme"
number = "15550000001"
plan = "basic"
username = "{USER}"
password = "{PASSWORD}"
activated = 2020-01-01
"""
