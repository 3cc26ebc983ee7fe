"""What is done through each face: as it is typed, and as it is asked for over HTTP."""

from __future__ import annotations

from typing import Any

from tests.provisioning.api.conftest import RATES

NUMBERS = "number,country,currency,monthly_price\n15125550111,US,USD,1.50\n15125550112,US,USD,1.50\n"
STATES = "code,state\n512,TX\n415,CA\n"
DEARER = "prefix,description,rate,initial,increment\n1,North America,0.05,6,6\n"
RECORDS = (
    '"","201","15125550199","pbx.example","201","SIP/1-1","SIP/t-1","Dial","x","2026-11-05 10:00:00",'
    '"2026-11-05 10:00:00","2026-11-05 10:01:00",60,60,"ANSWERED","DOCUMENTATION","1767600001.1",""\n'
)
SITE = """
[[account]]
code = "SITE"
currency = "USD"
[[client]]
name = "sbc9"
networks = ["192.0.2.9"]
secret = "sixteen octets!!"
"""
FILES = {
    "rates.csv": RATES,
    "numbers.csv": NUMBERS,
    "states.csv": STATES,
    "dearer.csv": DEARER,
    "Master.csv": RECORDS,
    "site.toml": SITE,
    "secret": "sixteen octets!!",
}
MEDIA = {"/site": "application/toml", "/record-files": "application/octet-stream"}
SERVICE = {"account": "ACME", "plan": "retail", "activated": "2026-11-01"}
WORDS = "--account ACME --plan retail --activated 2026-11-01"

# What is typed, and what is asked for: one after the other.
ACTIONS: tuple[tuple[str, str, str, Any], ...] = (
    (
        "deck import us rates.csv --currency USD",
        "POST",
        "/decks/us/versions?currency=USD&file=rates.csv",
        RATES,
    ),
    ("plan add retail --deck us", "POST", "/plans", {"code": "retail", "deck": "us"}),
    ("plan set retail --rounding-mode up", "PATCH", "/plans/retail", {"rounding_mode": "up"}),
    ("tenant add PBX.example", "POST", "/tenants", {"name": "PBX.example"}),
    (
        "client add sbc1 --networks 192.0.2.1 --dialect cisco --settings duration_unit=ms"
        " --secret-file secret",
        "POST",
        "/clients",
        {
            "name": "sbc1",
            "networks": ["192.0.2.1"],
            "dialect": "cisco",
            "settings": {"duration_unit": "ms"},
            "secret": "sixteen octets!!",
        },
    ),
    ("client set sbc1 --lease-s 60", "PATCH", "/clients/sbc1", {"lease_s": 60}),
    ("destination add us 1 52", "POST", "/destinations", {"name": "us", "prefixes": ["1", "52"]}),
    ("destination set us 1", "PATCH", "/destinations/us", {"prefixes": ["1"]}),
    (
        "policy add careful --barred us --max-price 0.5 --distinct-numbers 20/40",
        "POST",
        "/policies",
        {"name": "careful", "barred": ["us"], "max_price": "0.5", "distinct_numbers": "20/40"},
    ),
    ("policy set careful --max-price none", "PATCH", "/policies/careful", {"max_price": None}),
    (
        "bucket add retail all --minutes 100 --destinations us",
        "POST",
        "/buckets",
        {"plan": "retail", "name": "all", "seconds": 6000, "destinations": "us"},
    ),
    ("bucket set retail all --priority 3", "PATCH", "/buckets/retail/all", {"priority": 3}),
    (
        "account add ACME --currency USD --credit-limit 50 --timezone America/Chicago",
        "POST",
        "/accounts",
        {"code": "ACME", "currency": "USD", "credit_limit": "50", "timezone": "America/Chicago"},
    ),
    (
        "account add SHOP --currency USD --reseller ACME",
        "POST",
        "/accounts",
        {"code": "SHOP", "currency": "USD", "reseller": "ACME"},
    ),
    ("account set SHOP --max-channels 3", "PATCH", "/accounts/SHOP", {"max_channels": 3}),
    ("account set SHOP --max-channels none", "PATCH", "/accounts/SHOP", {"max_channels": None}),
    (
        "balance add ACME 12.50 --reference R1 --note cash",
        "POST",
        "/balances/ACME/postings",
        {"amount": "12.50", "reference": "R1", "note": "cash"},
    ),
    (
        "balance add --kind adjustment ACME -- -1",
        "POST",
        "/balances/ACME/postings",
        {"kind": "adjustment", "amount": -1},
    ),
    (
        f"did add +15125550100 {WORDS} --outpayment 0.002",
        "POST",
        "/dids",
        {"number": "+15125550100", **SERVICE, "outpayment": "0.002"},
    ),
    ("did set 15125550100 --location Austin", "PATCH", "/dids/15125550100", {"location": "Austin"}),
    (
        f"extension add 201 --tenant pbx.example {WORDS}",
        "POST",
        "/extensions",
        {"extension": "201", "tenant": "pbx.example", **SERVICE},
    ),
    (
        f"trunk add TG1 --client sbc1 --max-channels 30 {WORDS}",
        "POST",
        "/trunks",
        {"trunk": "TG1", "client": "sbc1", "max_channels": 30, **SERVICE},
    ),
    (
        f"ip add 203.0.113.0/24 --tech-prefix 99 {WORDS}",
        "POST",
        "/ips",
        {"network": "203.0.113.0/24", "tech_prefix": "99", **SERVICE},
    ),
    (
        "virtual add 442079460100 --primary 15125550100 --account ACME --activated 2026-11-02",
        "POST",
        "/virtuals",
        {"number": "442079460100", "primary": "15125550100", "account": "ACME", "activated": "2026-11-02"},
    ),
    ("virtual end 442079460100 --at 2030-01-01", "DELETE", "/virtuals/442079460100?at=2030-01-01", None),
    ("trunk end TG1 --at 2031-01-01T00:00:00Z", "DELETE", "/trunks/TG1?at=2031-01-01T00:00:00Z", None),
    ("bucket rm retail all", "DELETE", "/buckets/retail/all", None),
    ("number import numbers.csv", "POST", "/numbers/import?file=numbers.csv", NUMBERS),
    (
        "number add 442079460200 --currency GBP --features voice",
        "POST",
        "/numbers",
        {"number": "442079460200", "currency": "GBP", "features": ["voice"]},
    ),
    ("number set 442079460200 --setup-price 3", "PATCH", "/numbers/442079460200", {"setup_price": "3"}),
    (
        "number state blocked 442079460200",
        "POST",
        "/numbers/state",
        {"numbers": ["442079460200"], "state": "blocked"},
    ),
    (
        "number assign 15125550111 15125550112 --account ACME --plan retail --activated 2026-11-03",
        "POST",
        "/numbers/assign",
        {
            "numbers": ["15125550111", "15125550112"],
            "account": "ACME",
            "plan": "retail",
            "activated": "2026-11-03",
        },
    ),
    (
        "number move 15125550111 --to SHOP --at 2026-11-05",
        "POST",
        "/numbers/move",
        {"numbers": ["15125550111"], "to": "SHOP", "at": "2026-11-05"},
    ),
    (
        "number release 15125550112 --at 2032-01-01",
        "POST",
        "/numbers/release",
        {"numbers": ["15125550112"], "at": "2032-01-01"},
    ),
    (
        "user add bob --role customer --account ACME --email bob@example.com",
        "POST",
        "/users",
        {"name": "bob", "role": "customer", "account": "ACME", "email": "bob@example.com"},
    ),
    ("state import states.csv", "POST", "/states?file=states.csv", STATES),
    (
        "template add carrier-x --decimal comma --increments 60/1 --column rate=3 --no-header",
        "POST",
        "/templates",
        {
            "name": "carrier-x",
            "decimal": "comma",
            "increments": "60/1",
            "columns": {"rate": "3"},
            "header": False,
        },
    ),
    ("template add short --per 1", "POST", "/templates", {"name": "short", "per": "1"}),
    ("template remove short", "DELETE", "/templates/short", None),
    (
        "tax add vat --percent 19 --accounts ACME --kinds usage",
        "POST",
        "/taxes",
        {"name": "vat", "percent": "19", "accounts": ["ACME"], "kinds": ["usage"]},
    ),
    ("tax set vat --percent 21", "PATCH", "/taxes/vat", {"percent": "21"}),
    (
        "number quarantine --country US --days 30 --quiet-days 10",
        "POST",
        "/quarantines",
        {"country": "US", "days": 30, "quiet_days": 10},
    ),
    (
        "source add pbx1 --format asterisk-csv --zone UTC --tenant-from dcontext",
        "POST",
        "/sources",
        {"name": "pbx1", "format": "asterisk-csv", "zone": "UTC", "tenant_from": "dcontext"},
    ),
    (
        "record import --source pbx1 Master.csv",
        "POST",
        "/record-files?source=pbx1&file=Master.csv",
        RECORDS,
    ),
    (
        "deck import us dearer.csv --at 2026-11-02 --amend",
        "POST",
        "/decks/us/versions?currency=USD&file=dearer.csv&active_from=2026-11-02&kind=amend",
        DEARER,
    ),
    ("rerate apply --account ACME", "POST", "/reratings", {"account": "ACME"}),
    ("rerate undo {rerating}", "POST", "/reratings/{rerating}/undo", None),
    (
        "record rollback --source pbx1 Master.csv",
        "POST",
        "/record-files/{record_file}/rollback",
        None,
    ),
    ("deck rollback us --at 2030-01-01", "POST", "/decks/us/rollback", {"at": "2030-01-01"}),
    ("period close --until 2026-11-01", "POST", "/periods", {"until": "2026-11-01"}),
    (
        "period close --until 2026-12-01 --account ACME",
        "POST",
        "/periods",
        {"until": "2026-12-01", "account": "ACME"},
    ),
    (
        "period close --until 2026-10-01 --account ACME",
        "POST",
        "/periods",
        {"until": "2026-10-01", "account": "ACME"},
    ),
    (
        "override set 4477 --account ACME --rate 0.011 --effective 2026-11-01",
        "POST",
        "/overrides",
        {"prefix": "4477", "account": "ACME", "rate": "0.011", "effective": "2026-11-01"},
    ),
    (
        "override end 4477 --account ACME --at 2031-01-01",
        "POST",
        "/overrides/end",
        {"prefix": "4477", "account": "ACME", "at": "2031-01-01"},
    ),
    ("override rm 4477 --account ACME", "DELETE", "/overrides?account=ACME&prefix=4477", None),
    ("apply site.toml --yes", "POST", "/site?file=site.toml", SITE),
    ("user no-second-factor bob", "DELETE", "/users/bob/second-factor", None),
    ("user set bob --status suspended", "PATCH", "/users/bob", {"status": "suspended"}),
    (
        "token add t --user bob --scope calls:read",
        "POST",
        "/tokens",
        {"name": "t", "user": "bob", "scopes": ["calls:read"]},
    ),
    ("token revoke bob t", "DELETE", "/tokens/bob/t", None),
    ("client end sbc1", "DELETE", "/clients/sbc1", None),
)

# Likewise, each by itself, after all of the above; it is refused.
MISTAKES: tuple[tuple[str, str, str, Any], ...] = (
    ("account add ACME --currency USD", "POST", "/accounts", {"code": "ACME", "currency": "USD"}),
    ("account add A --currency usd", "POST", "/accounts", {"code": "A", "currency": "usd"}),
    ("account set NONE --name x", "PATCH", "/accounts/NONE", {"name": "x"}),
    ("account set ACME --timezone Mars", "PATCH", "/accounts/ACME", {"timezone": "Mars"}),
    ("account set ACME --reseller SHOP", "PATCH", "/accounts/ACME", {"reseller": "SHOP"}),
    ("account set ACME --credit-limit -1", "PATCH", "/accounts/ACME", {"credit_limit": "-1"}),
    ("plan add gold --deck none", "POST", "/plans", {"code": "gold", "deck": "none"}),
    ("plan set retail --initial-s 60", "PATCH", "/plans/retail", {"initial_s": 60}),
    (
        "client add sbc2 --networks 192.0.2.300 --secret-file secret",
        "POST",
        "/clients",
        {"name": "sbc2", "networks": ["192.0.2.300"], "secret": "sixteen octets!!"},
    ),
    ("destination add uk x", "POST", "/destinations", {"name": "uk", "prefixes": ["x"]}),
    ("policy add bold --barred mars", "POST", "/policies", {"name": "bold", "barred": ["mars"]}),
    (
        "bucket add retail b --minutes 1 --destinations mars",
        "POST",
        "/buckets",
        {"plan": "retail", "name": "b", "seconds": 60, "destinations": "mars"},
    ),
    ("balance add ACME 0", "POST", "/balances/ACME/postings", {"amount": "0"}),
    (
        "balance add ACME 13 --reference R1",
        "POST",
        "/balances/ACME/postings",
        {"amount": "13", "reference": "R1"},
    ),
    (f"did add 15125550100 {WORDS}", "POST", "/dids", {"number": "15125550100", **SERVICE}),
    (f"did add 12 34x {WORDS}".replace("12 34x", "12-34x"), "POST", "/dids", {"number": "12-34x", **SERVICE}),
    (f"did add 442079460200 {WORDS}", "POST", "/dids", {"number": "442079460200", **SERVICE}),
    ("did set 19995550100 --location x", "PATCH", "/dids/19995550100", {"location": "x"}),
    ("did end 15125550100", "DELETE", "/dids/15125550100", None),
    (
        f"extension add 7 --tenant mars {WORDS}",
        "POST",
        "/extensions",
        {"extension": "7", "tenant": "mars", **SERVICE},
    ),
    (f"ip add 0.0.0.0/0 {WORDS}", "POST", "/ips", {"network": "0.0.0.0/0", **SERVICE}),
    (
        "virtual add 442079460111 --primary 19995550100 --account ACME --activated 2026-11-02",
        "POST",
        "/virtuals",
        {"number": "442079460111", "primary": "19995550100", "account": "ACME", "activated": "2026-11-02"},
    ),
    (
        "number state available 15125550112",
        "POST",
        "/numbers/state",
        {"numbers": ["15125550112"], "state": "available"},
    ),
    (
        "number reserve 442079460200 --account ACME",
        "POST",
        "/numbers/442079460200/reserve",
        {"account": "ACME"},
    ),
    (
        "number move 442079460200 --to SHOP",
        "POST",
        "/numbers/move",
        {"numbers": ["442079460200"], "to": "SHOP"},
    ),
    ("user add eve --role customer", "POST", "/users", {"name": "eve", "role": "customer"}),
    ("user show eve", "GET", "/users/eve", None),
    (
        "token add t --user bob --scope everything",
        "POST",
        "/tokens",
        {"name": "t", "user": "bob", "scopes": ["everything"]},
    ),
    ("tax add zero", "POST", "/taxes", {"name": "zero"}),
    ("tax set none --percent 3", "PATCH", "/taxes/none", {"percent": "3"}),
    ("state import numbers.csv", "POST", "/states?file=numbers.csv", NUMBERS),
    ("template add carrier-x", "POST", "/templates", {"name": "carrier-x"}),
    ("template add x --per fortnight", "POST", "/templates", {"name": "x", "per": "fortnight"}),
    ("template remove x", "DELETE", "/templates/x", None),
    (
        "number quarantine --country usa --days 1 --quiet-days 1",
        "POST",
        "/quarantines",
        {"country": "usa", "days": 1, "quiet_days": 1},
    ),
    (
        "period close --until 2026-11-01 --account NONE",
        "POST",
        "/periods",
        {"until": "2026-11-01", "account": "NONE"},
    ),
    (
        "queue assign 019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55 --account ACME --by trunk --plan P",
        "POST",
        "/queue/019ae5d2-7c1e-7b1a-a3a4-2f6c9f0d1e55/assign",
        {"account": "ACME", "by": "trunk", "plan": "P"},
    ),
    ("radius watch nobody", "POST", "/clients/nobody/watch", {}),
    ("report outpayments NOPE --period 2026-11", "GET", "/accounts/NOPE/outpayments?period=2026-11", None),
    ("report outpayments ACME --period soon", "GET", "/accounts/ACME/outpayments?period=soon", None),
    (
        "override end 4478 --account ACME",
        "POST",
        "/overrides/end",
        {"prefix": "4478", "account": "ACME"},
    ),
    ("rerate apply", "POST", "/reratings", {}),
    ("rerate apply --month 2026-13", "POST", "/reratings", {"month": "2026-13"}),
    (
        "rerate preview --account ACME --version 2",
        "POST",
        "/reratings/preview",
        {"account": "ACME", "version": 2},
    ),
    ("rerate undo {rerating}", "POST", "/reratings/{rerating}/undo", None),
    ("deck rollback us --to 9", "POST", "/decks/us/rollback", {"to": 9}),
    ("deck diff us --to 9", "GET", "/decks/us/changes?to=9", None),
    (
        "record import --source none Master.csv",
        "POST",
        "/record-files?source=none&file=Master.csv",
        RECORDS,
    ),
    ("apply numbers.csv --yes", "POST", "/site?file=numbers.csv", NUMBERS),
    ("statement ACME --period 2026", "GET", "/accounts/ACME/statement?period=2026", None),
    (
        "quote --service none --to 1 --at 2026-11-05",
        "GET",
        "/quote/service?service=none&to=1&at=2026-11-05",
        None,
    ),
    ("source report none", "GET", "/sources/none/report", None),
    ("user no-second-factor eve", "DELETE", "/users/eve/second-factor", None),
    ("rate quote --plan retail --to 811234567", "GET", "/quote?plan=retail&to=811234567", None),
)
