"""
Pictures of every page of the console in light, dark and 390 pixels wide.

    python -m tests.console.screens FOLDER

With ``--docs docs/how-to/images`` those that the documentation shows are put there, made small.

It plays the demo's carrier for some seconds, serves the console on its database, and visits each page that a
role has.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from provisioning.console.table import PAGES
from provisioning.roles import Role
from tests.console.chromium import LONGEST_MS, PASSWORD, chromium, log_in
from tests.console.png import smaller

IN_DOCS = {
    "console-live": "operator-live-light",
    "console-live-narrow": "operator-live-narrow",
    "console-account": "operator-accounts-code-light",
    "console-call": "operator-calls-call-light",
}
LOOKS = {
    "light": ("light", 1280, 800),
    "dark": ("dark", 1280, 800),
    "narrow": ("light", 390, 844),
}
PLAYED_S = 20.0
START_S = 60.0
NUMBERS = """number,country,area,rate_centre,currency,setup_price,monthly_price
15125550140,US,512,AUSTIN,USD,1.00,1.50
15125550141,US,512,AUSTIN,USD,1.00,1.50
13125550142,US,312,CHICAGO,USD,1.00,1.25
442079460143,GB,20,London,USD,2.00,2.00
"""
RECORDS = "no,from,to,at,s\n" + "".join(
    f"{number},{calling},442071838750,2026-11-05 10:{number:02}:00,{duration}\n"
    for number, calling, duration in ((1, "15125550100", 61), (2, "999", 5), (5, "15125550100", "1m05"))
)
SOURCE = (
    *("--format", "mapped", "--zone", "UTC", "--settings", "calling=from", "--settings", "called=to"),
    *("--settings", "answer=at", "--settings", "duration=s", "--settings", "sequence=no"),
)
PEOPLE = {role.value: account for role, account in (
    (Role.OPERATOR, None), (Role.BILLING, None), (Role.SUPPORT, None),
    (Role.RESELLER, "CORNER"), (Role.CUSTOMER, "ACME"),
)}


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--roles", nargs="*", default=["operator", "customer"], choices=list(PEOPLE))
    parser.add_argument("--url", help="a console that runs already, with users called as their roles")
    parser.add_argument("--docs", type=Path, help="the folder of the documentation's pictures")
    wanted = parser.parse_args()
    _shoot(wanted)
    if wanted.docs:
        wanted.docs.mkdir(parents=True, exist_ok=True)
        for name, picture in IN_DOCS.items():
            made = (wanted.folder / f"{picture}.png").read_bytes()
            (wanted.docs / f"{name}.png").write_bytes(smaller(made))


def _shoot(wanted: argparse.Namespace) -> None:
    with chromium() as browser:
        if wanted.url:
            shoot(browser, wanted.url, wanted.folder, wanted.roles)
            return
        with tempfile.TemporaryDirectory(prefix="tw-", dir="/tmp") as home, _carrier(Path(home)) as url:
            shoot(browser, url, wanted.folder, wanted.roles)


def shoot(browser: Browser, url: str, folder: Path, roles: list[str]) -> None:
    """Save a picture of each page that each of *roles* has, in each look; tell what overflows or fails."""
    for role in roles:
        page = browser.new_page()
        page.set_default_timeout(LONGEST_MS)
        log_in(page, url, role)
        state = page.context.storage_state()
        paths = [(_name(kind), path) for kind, path in reached(page)]
        page.close()
        for look, (scheme, width, height) in LOOKS.items():
            context = browser.new_context(
                storage_state=state, color_scheme=scheme, viewport={"width": width, "height": height}
            )
            page = context.new_page()
            for name, path in paths:
                _picture(page, url + path, folder / f"{role}-{name}-{look}.png")
            context.close()


def _picture(page: Page, where: str, file: Path) -> None:
    answer = page.goto(where)
    if answer is None or not answer.ok:
        print(f"{file.stem}: {where} answers {answer and answer.status}", file=sys.stderr)
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if over > 0:
        print(f"{file.stem}: {over} pixels wider than the screen", file=sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, full_page=True)


def _name(kind: str) -> str:
    return re.sub(r"[^a-z]+", "-", kind.lower()).strip("-")


def reached(page: Page) -> Iterator[tuple[str, str]]:
    """Yield the pages that whoever is logged in reaches by links from *page*: of each kind the first."""
    url = page.url.partition("/")[0] + "//" + urlsplit(page.url).netloc
    patterns = [(re.sub(r"\{[^}]+\}", "[^/]+", each.path), each.path) for each in PAGES]
    waiting = ["/", *(link for link in _links(page, url))]
    seen: set[str] = set()
    while waiting:
        where = waiting.pop(0)
        path = where.partition("?")[0]
        kind = next((name for pattern, name in patterns if re.fullmatch(pattern, path)), None)
        if kind is None or kind in seen or "save=" in where:
            continue
        seen.add(kind)
        page.goto(url + where)
        waiting += _links(page, url)
        if path != "/":
            yield kind, where


def _links(page: Page, url: str) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map(each => each.href)")
    host = urlsplit(url).netloc
    parts = [urlsplit(each) for each in found]
    return [
        part.path + (f"?{part.query}" if part.query else "") for part in parts if part.netloc == host
    ]


@contextmanager
def _carrier(home: Path) -> Iterator[str]:
    """Yield the URL of a console on the database of a demo that plays calls."""
    port = 18490
    config = home / "console.toml"
    config.write_text(
        f'key_file = "{home}/demo/database/secret.key"\n[database]\ndirectory = "{home}/demo/database"\n'
        f'[console]\nport = {port}\nsign_up = true\nsign_up_plans = ["business", "as-you-go"]\n'
    )
    home.chmod(0o755)
    with _running("demo", "--home", str(home / "demo"), home=home):
        time.sleep(PLAYED_S)
        (home / "password").write_text(PASSWORD)
        for name, account in PEOPLE.items():
            role = ["--role", name, *(["--account", account] if account else [])]
            _run("user", "add", name, *role, "--password-file", f"{home}/password", config=config)
        (home / "numbers.csv").write_text(NUMBERS)
        _run("number", "import", str(home / "numbers.csv"), config=config)
        (home / "records.csv").write_text(RECORDS)
        _run("source", "add", "pbx1", *SOURCE, config=config)
        _run("record", "import", "--source", "pbx1", str(home / "records.csv"), config=config)
        _run("radius", "watch", "demo", "--count", "20", config=config)
        with _running("console", "--config", str(config), home=home):
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"


def _wait_for(port: int) -> None:
    """Return when somebody listens there."""
    deadline_s = time.monotonic() + START_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline_s, "the console does not answer; its log tells why"
        time.sleep(0.1)


def _run(*words: str, config: Path) -> None:
    command = [sys.executable, "-m", "provisioning.cli", *words, "--config", str(config)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _running(*words: str, home: Path) -> Iterator[None]:
    with (home / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "provisioning.cli", *words], stdout=log, stderr=log, env={**os.environ}
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


if __name__ == "__main__":
    main()
