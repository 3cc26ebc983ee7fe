"""
The console's part of the site: find the page, know the visitor, show it or do what its form says.

What a page does runs in a thread, in one transaction, and so does its rendering; cookies, headers and the
slow hash of a password stay out of it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

import psycopg2
from psycopg2.extensions import cursor as Cursor
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request

from provisioning.accounts import find_account
from provisioning.admin import Secret, begin
from provisioning.api.downloads import Downloads
from provisioning.api.endpoints import Asked
from provisioning.console.bodies import read_body, read_fields
from provisioning.console.pages import File, Form, Go, Outcome, Page, Shown, Stream, Visit
from provisioning.console.rendering import MEDIA, STATIC, render, static_path
from provisioning.console.table import MENU, PAGES
from provisioning.logins import (
    Session,
    Throttled,
    begin_login,
    find_session,
    finish_login,
    is_right,
)
from provisioning.roles import Actor
from radiusd.errors import BadInput, Forbidden, NotDurable, NotFound, TollwireError

if TYPE_CHECKING:
    from provisioning.web import Root, Web

SESSION = "tollwire_session"
TOLD = "tollwire_told"
LOGIN = "/login"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
YEAR_S = 31_536_000
HTML = "text/html; charset=utf-8"
METHODS = ("GET", "HEAD", "POST")
AWAY = "The database does not answer just now. Nothing was changed; try again in a moment."


class _NoSuchMethod(TollwireError):
    """A request that asks for something else than pages do. HTTP status 405."""


def add_console(web: Web, root: Root) -> None:
    """Put the console's pages below *root*: they answer all paths that nobody else does."""
    root.putChild(b"static", _Static())
    root.other = _Pages(web)


class _Static(Resource):
    """Files that never change under their path."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        name = (request.postpath or [b""])[-1].decode("ascii", "replace")
        path = STATIC / name
        known = path.suffix in MEDIA and path.parent == STATIC and path.is_file()
        if not known or request.path.decode("ascii", "replace") != static_path(name):
            request.setResponseCode(404)
            return b""
        request.setHeader("content-type", MEDIA[path.suffix])
        request.setHeader("x-content-type-options", "nosniff")
        request.setHeader("cache-control", f"public, max-age={YEAR_S}, immutable")
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class _Asking:
    """A request, read."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Form
    files: Mapping[str, bytes]
    file_names: Mapping[str, str]
    token: str
    told: str
    address: str
    is_part: bool


class _Pages(Resource):
    isLeaf = True

    def __init__(self, web: Web) -> None:
        super().__init__()
        self._web = web
        self._pages = [(page.path.strip("/").split("/"), page) for page in PAGES]
        self._downloads = Downloads(web)

    def render(self, request: Request) -> int:
        """Answer any method."""
        from provisioning.web import respond

        return respond(request, self._handle(request), self._web.log)

    async def _handle(self, request: Request) -> None:
        for name, value in SECURITY.items():
            request.setHeader(name, value)
        asking: _Asking | None = None
        try:
            asking = self._read(request)
            if asking.path == LOGIN:
                outcome, session = await self._log_in(asking, request), None
            else:
                outcome, session = await self._answer(asking)
            if isinstance(outcome, Stream) and request.method != b"HEAD":
                await self._downloads.send(request, _saved_as(outcome), outcome.write)
                return
        except Exception as error:
            outcome, session = await self._failure(error, asking, request), None
        self._write(request, outcome, session, asking)
        request.finish()

    def _read(self, request: Request) -> _Asking:
        method = request.method.decode("ascii", "replace")
        path, _, query = request.uri.decode("ascii", "replace").partition("?")
        if method not in METHODS:
            raise _NoSuchMethod(f"a page takes {', '.join(METHODS)}, not {method[:10]}")
        form: Form = {}
        files: dict[str, bytes] = {}
        names: dict[str, str] = {}
        if method == "POST":
            self._require_same_site(request)
            assert request.content is not None
            form, files, names = read_body(request.content.read(), request.getHeader("content-type") or "")
        cookies = _cookies(request)
        return _Asking(
            method="GET" if method == "HEAD" else method,
            path=path,
            query=read_fields(query),
            form=form,
            files=files,
            file_names=names,
            token=cookies.get(SESSION, ""),
            told=_untold(cookies.get(TOLD, "")),
            address=self._web.address_of(request),
            is_part=request.getHeader("x-part") is not None,
        )

    def _require_same_site(self, request: Request) -> None:
        """Refuse a form that another site has sent; browsers say where it comes from."""
        if (request.getHeader("sec-fetch-site") or "same-origin") not in ("same-origin", "none"):
            raise Forbidden("the form was sent by another site")

    async def _answer(self, asking: _Asking) -> tuple[Outcome, Session | None]:
        page, place = self._find(asking.path)
        web = self._web

        def work(txn: Cursor) -> tuple[Outcome, Session | None]:
            session = find_session(txn, asking.token, asking.address, web.now()) if asking.token else None
            if session is None and not page.open:
                after = asking.path + ("?" + urlencode(asking.query) if asking.query else "")
                return Go(f"{LOGIN}?{urlencode({'after': after})}"), None
            if session is not None and page.right is not None:
                session.actor.require(page.right)
            if asking.method == "POST":
                if page.act is None:
                    raise NotFound("this page has no form")
                if session is not None:
                    _check_csrf(session, asking.form)
                begin(txn)
            actor = session.actor if session else Actor("visitor", address=asking.address, scopes=frozenset())
            asked = Asked(txn, web.admin(actor), web, place, asking.query, asking.form)
            visit = Visit(
                asked, session, asking.form, _zone(txn, session, page, place), asking.files, asking.file_names
            )
            outcome = page.act(visit) if asking.method == "POST" and page.act else page.show(visit)
            if isinstance(outcome, Shown):
                outcome = self._whole(outcome, page, visit, asking)
            return outcome, session

        outcome, session = await web.database.run(work)
        if isinstance(outcome, Go) and outcome.after is not None:
            told = web.long_work.run(outcome.after) if outcome.long else deferToThread(outcome.after)
            outcome = Go(outcome.where, await told)
        return outcome, session

    def _whole(self, outcome: Shown, page: Page, visit: Visit, asking: _Asking) -> Shown:
        """Return what is shown with what all pages need, rendered."""
        values = {
            **_frame(page, asking, visit.session),
            "query": _Query(asking.query),
            "visit": visit,
            "zone": visit.zone,
            "now": visit.asked.now,
            "part": asking.is_part,
            "cli": page.cli.format(**visit.asked.path) if page.cli else "",
            "json_path": page.json.format(**visit.asked.path) if page.json else "",
            **outcome.values,
        }
        return Shown("", {"html": render(outcome.template, values)}, outcome.status)

    def _find(self, path: str) -> tuple[Page, dict[str, str]]:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        for segments, page in self._pages:
            place = _match(segments, parts)
            if place is not None:
                return page, place
        raise NotFound("there is no such page")

    async def _log_in(self, asking: _Asking, request: Request) -> Outcome:
        """Show the login, or log in: two transactions with the slow hash, in a thread, between them."""
        values: dict[str, Any] = {"name": asking.form.get("name", ""), "error": ""}
        web = self._web
        if asking.method == "POST":
            name, password = asking.form.get("name", ""), asking.form.get("password", "")
            browser = request.getHeader("user-agent") or ""
            try:
                candidate = await web.database.run(
                    lambda txn: begin_login(txn, name, asking.address, web.now())
                )
                right = await deferToThread(is_right, candidate, Secret(password.encode()))
                session = await web.database.run(
                    lambda txn: finish_login(
                        txn, candidate, right, asking.form.get("code", ""), web.now(), web.sealer, browser
                    )
                )
            except (Forbidden, Throttled) as error:
                values["error"] = str(error)
            else:
                return Go(_inside(asking.query.get("after", "/")), session=session)
        status = 200 if not values["error"] else 403
        page = Page(path=LOGIN, title="Log in", show=lambda visit: Shown(""))
        values |= _frame(page, asking, None)
        return Shown("", {"html": render("login.html", values)}, status)

    async def _failure(self, error: Exception, asking: _Asking | None, request: Request) -> Outcome:
        """Return the page that tells of *error*, with the menu of whoever is logged in."""
        title, text, status = self._told(error)
        if status == 405:
            request.setHeader("allow", ", ".join(METHODS))
        session = None
        if asking is not None and asking.token and not isinstance(error, psycopg2.Error):
            with suppress(psycopg2.Error, NotDurable):
                session = await self._web.database.run(
                    lambda txn: find_session(txn, asking.token, asking.address, self._web.now())
                )
        page = Page(path="", title=title, show=lambda visit: Shown(""))
        values = {**_frame(page, asking, session), "title": title, "text": text}
        return Shown("", {"html": render("failure.html", values)}, status)

    def _told(self, error: Exception) -> tuple[str, str, int]:
        """Return what is told of *error*: a title, a text and an HTTP status."""
        kinds: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], int, str]] = (
            (NotFound, 404, "Not found"),
            (Forbidden, 403, "Not allowed"),
            (BadInput, 400, "That cannot be done"),
            (_NoSuchMethod, 405, "No page takes that"),
            (NotDurable, 503, "Try again in a moment"),
        )
        for kind, status, title in kinds:
            if isinstance(error, kind):
                return title, str(error), status
        self._web.log.error("page failed", error=repr(error), exc_info=error)
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
            return "The database is away", AWAY, 503
        return "Something went wrong", "The fault is ours, and was logged. Nothing was changed.", 500

    def _write(
        self, request: Request, outcome: Outcome, session: Session | None, asking: _Asking | None
    ) -> None:
        if isinstance(outcome, Go):
            self._write_cookies(request, outcome)
            request.setResponseCode(303)
            request.setHeader("location", quote(outcome.where, safe="/?&=%#+:,.-_~"))
            return
        if isinstance(outcome, File | Stream):
            for name, value in _saved_as(outcome).items():
                request.setHeader(name, value)
            request.write(outcome.octets if isinstance(outcome, File) else b"")
            return
        if asking is not None and asking.told:
            self._cookie(request, TOLD, "", 0)
        body = str(outcome.values["html"]).encode()
        request.setResponseCode(outcome.status)
        request.setHeader("content-type", HTML)
        request.setHeader("content-length", str(len(body)))
        request.write(body)  # to a HEAD, Twisted sends the headers alone

    def _write_cookies(self, request: Request, outcome: Go) -> None:
        if outcome.told:
            text = base64.urlsafe_b64encode(outcome.told.encode()[:2000]).decode().rstrip("=")
            self._cookie(request, TOLD, text, 60)
        if outcome.session is not None:
            self._cookie(request, SESSION, outcome.session.token, None)
        elif outcome.ends:
            self._cookie(request, SESSION, "", 0)

    def _cookie(self, request: Request, name: str, value: str, max_age_s: int | None) -> None:
        secure = request.getHeader("x-forwarded-proto") == "https" and bool(self._web.settings.console.proxy)
        request.addCookie(
            name,
            value,
            path="/",
            max_age=None if max_age_s is None else str(max_age_s),
            httpOnly=True,
            secure=secure,
            sameSite="lax",
        )


def _saved_as(outcome: File | Stream) -> dict[str, str]:
    """Return the headers of what is saved under a name."""
    name = "".join(c for c in outcome.name if c.isalnum() or c in "-_.")
    return {"content-type": outcome.media, "content-disposition": f'attachment; filename="{name}"'}


def _frame(page: Page, asking: _Asking | None, session: Session | None) -> dict[str, Any]:
    """Return what stands around every page."""
    return {
        "page": page,
        "path": asking.path if asking else "",
        "session": session,
        "csrf": session.csrf_token if session else "",
        "told": asking.told if asking else "",
        "menu": [
            entry
            for entry in MENU
            if session is not None and (entry.right is None or session.actor.may(entry.right))
        ],
        "zone": ZoneInfo("UTC"),
        "cli": "",
        "json_path": "",
    }


class _Query(dict[str, str]):
    """What stands behind the question mark; what does not is empty."""

    def __missing__(self, name: str) -> str:
        return ""


def _match(segments: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    if len(segments) != len(parts):
        return None
    place = {}
    for segment, part in zip(segments, parts, strict=True):
        if segment.startswith("{"):
            place[segment[1:-1]] = part
        elif segment != part:
            return None
    return place


def _cookies(request: Request) -> dict[str, str]:
    jar = SimpleCookie()
    try:
        jar.load(request.getHeader("cookie") or "")
    except Exception:  # what a browser sends may be anything
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _untold(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""


def _check_csrf(session: Session, form: Form) -> None:
    """Raises Forbidden when the form does not come from a page that this session was shown."""
    if not hmac.compare_digest(form.get("csrf", "").encode(), session.csrf_token.encode()):
        raise Forbidden("the form is of another session; open the page again and send it anew")


def _inside(where: str) -> str:
    """Return a path of ours, whatever a link said."""
    return where if where.startswith("/") and not where.startswith(("//", "/\\")) else "/"


def _zone(txn: Cursor, session: Session | None, page: Page, place: Mapping[str, str]) -> ZoneInfo:
    """Return the zone of the account that a page is about, else of the visitor's own, else UTC."""
    own = session.user.account if session else None
    code = place["code"] if session and page.path.startswith("/accounts/{code}") else own
    found = find_account(txn, code) if code else None
    return ZoneInfo(found[1].timezone if found else "UTC")
