"""The five endpoints that things have in common: list, add, show, change, end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import quote

from provisioning.admin import Change
from provisioning.api.endpoints import PAGED, Answer, Asked, Endpoint, Parameter
from provisioning.api.problems import Changed
from provisioning.api.writing import tag_of
from provisioning.roles import AREAS


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """
    A kind of thing that admins provision.

    *key* are the fields that name a thing, which stand in its path. *inputs* is the dataclass of bodies where
    that is more than *kind*: with a password. Functions take what an endpoint was asked.
    """

    word: str
    plural: str
    what: str  # "an account"
    kind: type[Any]
    key: tuple[str, ...]
    list_: Callable[[Asked], Answer]
    find: Callable[[Asked], Any]
    put: Callable[[Asked, Any, bool], Change]  # the thing, and whether it must be new
    end: Callable[[Asked, Any], Change] | None = None
    inputs: type[Any] | None = None
    helps: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: tuple[Parameter, ...] = ()
    scope: tuple[Parameter, ...] = ()  # of the query, that tells things of one name apart
    fixed: tuple[str, ...] = ()  # fields that never change, besides the key
    end_parameters: tuple[Parameter, ...] = ()
    set_able: bool = True

    @property
    def area(self) -> str:
        """The area of the rights that it asks for."""
        return AREAS[self.word]

    def endpoints(self) -> list[Endpoint]:
        """Return its endpoints."""
        made = [self._list(), self._add(), self._show()]
        if self.set_able:
            made.append(self._set())
        if self.end is not None:
            made.append(self._end(self.end))
        return made

    @property
    def _path(self) -> str:
        return f"/{self.plural}/" + "/".join(f"{{{name}}}" for name in self.key)

    @property
    def _in_path(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(name, f"Which {self.word}.", in_path=True) for name in self.key)

    @property
    def _body(self) -> type[Any]:
        return self.inputs or self.kind

    def _list(self) -> Endpoint:
        return Endpoint(
            method="GET",
            path=f"/{self.plural}",
            tag=self.plural,
            summary=f"List {self.plural}.",
            right=f"{self.area}:read",
            parameters=(*self.filters, *PAGED),
            result=self.kind,
            many=True,
            answer=self.list_,
        )

    def _add(self) -> Endpoint:
        def add(asked: Asked) -> Answer:
            change = self.put(asked, dict(asked.body), True)
            found = self.find(_at(asked, self._located(asked)))
            where = "/".join(quote(str(getattr(found, name)), safe="") for name in self.key)
            headers = {"Location": f"/api/v1/{self.plural}/{where}"}
            return Answer(found, 201, headers, tagged=True, change=change)

        return Endpoint(
            method="POST",
            path=f"/{self.plural}",
            tag=self.plural,
            summary=f"Add {self.what}.",
            right=f"{self.area}:write",
            body=self._body,
            helps=self.helps,
            choices=self.choices,
            result=self.kind,
            status=201,
            tagged=True,
            alone=True,
            writes=True,
            answer=add,
        )

    def _located(self, asked: Asked) -> dict[str, str]:
        """Return the path and scope of the thing that a body describes."""
        names = (*self.key, *(parameter.name for parameter in self.scope))
        return {name: asked.body[name] for name in names if asked.body.get(name) not in (None, "")}

    def _show(self) -> Endpoint:
        return Endpoint(
            method="GET",
            path=self._path,
            tag=self.plural,
            summary=f"Show {self.what}.",
            right=f"{self.area}:read",
            parameters=(*self._in_path, *self.scope),
            result=self.kind,
            tagged=True,
            answer=lambda asked: Answer(self.find(asked), tagged=True),
        )

    def _set(self) -> Endpoint:
        fixed = (*self.key, *self.fixed)

        def set_(asked: Asked) -> Answer:
            current = self.find(asked)
            require_match(asked, current)
            change = self.put(asked, {**_fields(current), **asked.body}, False)
            return Answer(self.find(asked), tagged=True, change=change)

        return Endpoint(
            method="PATCH",
            path=self._path,
            tag=self.plural,
            summary=f"Change {self.what}: the fields that are given.",
            right=f"{self.area}:write",
            parameters=(*self._in_path, *self.scope),
            body=self._body,
            fixed=fixed,
            partial=True,
            helps=self.helps,
            choices=self.choices,
            result=self.kind,
            tagged=True,
            alone=True,
            writes=True,
            answer=set_,
        )

    def _end(self, end: Callable[[Asked, Any], Change]) -> Endpoint:
        def ended(asked: Asked) -> Answer:
            current = self.find(asked)
            require_match(asked, current)
            return Answer(None, 204, change=end(asked, current))

        return Endpoint(
            method="DELETE",
            path=self._path,
            tag=self.plural,
            summary=f"End {self.what}.",
            right=f"{self.area}:write",
            parameters=(*self._in_path, *self.scope, *self.end_parameters),
            status=204,
            tagged=True,
            alone=True,
            writes=True,
            answer=ended,
        )


def require_match(asked: Asked, current: Any) -> None:
    """Return when *current* is as whoever asked has seen it. Raises Changed."""
    if asked.if_match is None or asked.if_match.strip() == "*":
        return
    tags = {tag.strip().removeprefix("W/") for tag in asked.if_match.split(",")}
    if tag_of(current) not in tags:
        raise Changed("If-Match: it has changed since you saw it; look again and decide anew")


def made(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the *kind* with *values*; those of other fields, such as a password's, are left out."""
    known = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in known})


def _fields(thing: Any) -> dict[str, Any]:
    return {field.name: getattr(thing, field.name) for field in fields(thing)}


def _at(asked: Asked, place: Mapping[str, str]) -> Asked:
    return replace(asked, path=place, query={**asked.query, **place})
