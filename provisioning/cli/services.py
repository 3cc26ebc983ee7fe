"""
``tollwire did|extension|trunk|ip|virtual``: what brings calls to accounts. One shape, five nouns.

What a verb needs is imported when it runs: all five together are slow to load, and one is typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provisioning.cli.changing import (
    Rows,
    changing,
    chosen_secret,
    document,
    list_things,
    rows_of,
    secret_options,
    show_change,
)
from provisioning.cli.field_options import field_options, given, moment
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document
from provisioning.cli.session import database, now
from provisioning.moments import Moment
from provisioning.service_kinds import (
    HELPS,
    SCOPE_HELPS,
    Did,
    Extension,
    Ip,
    Registered,
    Service,
    Trunk,
    Virtual,
    canonical,
)
from radiusd.errors import NotFound

if TYPE_CHECKING:
    from provisioning.cli.service_batches import Batch

Command = TypeVar("Command", bound=Callable[..., None])

# What tells services of one name apart; it cannot be changed, because it is who the service is.


@dataclass(frozen=True, slots=True)
class Noun:
    """How one kind of service is shown on the command line."""

    kind: type[Service]
    what: str
    name: str  # as an argument
    examples: Mapping[str, str]

    @property
    def word(self) -> str:
        """The noun."""
        return self.kind.kind.value

    @property
    def scope(self) -> tuple[str, ...]:
        """The fields that, with the name, say which service is meant."""
        return tuple(name for name in SCOPE_HELPS if name in self.kind.__dataclass_fields__)

    @property
    def registers(self) -> bool:
        """Whether its device has credentials."""
        return issubclass(self.kind, Registered)

    def helps(self, new: bool) -> dict[str, str]:
        """Return the fields that are options, with what they mean."""
        fixed = () if new else (*self.scope, "account")
        known = self.kind.__dataclass_fields__
        return {name: text for name, text in HELPS.items() if name in known and name not in fixed}

    def scoped(self, command: Command) -> Command:
        """Add the options that narrow a name down."""
        for name in reversed(self.scope):
            command = click.option(
                f"--{name.replace('_', '-')}", name, metavar="TEXT", help=SCOPE_HELPS[name]
            )(command)
        return command

    def secret(self, command: Command) -> Command:
        """Add the options for the device's password, where there is one."""
        return secret_options("password", "its device's password")(command) if self.registers else command

    def prepare(self, rows: Rows, wanted: Sequence[Mapping[str, Any]]) -> None:
        """Read at once what is known of the services of many rows."""
        from provisioning.cli.service_batches import batch_of

        rows.batch = batch_of(rows, self.kind, self.scope, wanted)

    def example(self, verb: str) -> str:
        """Return the example of *verb*."""
        return f"tollwire {self.word} {verb} {self.examples[verb]}".rstrip()


def _noun(noun: Noun) -> Group:
    """Return the group of *noun* with its verbs."""
    group = Group(noun.word, help=f"Add, change and end {noun.what}.")
    for make in (_add, _set, _list, _show, _end):
        make(group, noun)
    return group


def _batch(ctx: click.Context) -> Batch | None:
    rows = rows_of(ctx)
    return None if rows is None else rows.batch


def _password(chosen: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the field ``password`` when an option gives it, and what is to be shown of it."""
    secret, shown = chosen_secret(chosen.pop("secret_file", None), chosen.pop("generate", False))
    return ({} if secret is None else {"password": secret}), shown


def _split(chosen: dict[str, Any], noun: Noun) -> dict[str, str | None]:
    """Take the options that narrow the name down out of *chosen*."""
    return {name: chosen.pop(name) for name in noun.scope}


def _add(group: Group, noun: Noun) -> None:
    @group.command(
        "add",
        example=noun.example("add"),
        help=f"Assign one of {noun.what} to an account.",
        prepare=noun.prepare,
    )
    @click.argument("name", metavar=noun.name)
    @field_options(noun.kind, noun.helps(new=True), new=True)
    @noun.secret
    @click.pass_context
    def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
        from provisioning.services import add_service

        password, shown = _password(chosen)
        fields: dict[str, Any] = {noun.kind.name_field: name, **given(chosen), **password}
        service = noun.kind(**fields)
        with changing(ctx) as (txn, admin):
            batch = _batch(ctx)
            change = add_service(txn, service, admin) if batch is None else batch.put(service, new=True)
        show_change(ctx, change, **shown)


def _set(group: Group, noun: Noun) -> None:
    @group.command(
        "set",
        example=noun.example("set"),
        help="Change it. Calls that are up keep what they have.",
        prepare=noun.prepare,
    )
    @click.argument("name", metavar=noun.name)
    @noun.scoped
    @field_options(noun.kind, noun.helps(new=False), new=False)
    @noun.secret
    @click.pass_context
    def set_(ctx: click.Context, /, name: str, **chosen: Any) -> None:
        from provisioning.services import find_service, set_service

        scope = _split(chosen, noun)
        password, shown = _password(chosen)
        with changing(ctx) as (txn, admin):
            batch = _batch(ctx)
            if batch is None:
                current = find_service(txn, noun.kind.kind, name, admin.now, scope)
                change = set_service(txn, replace(current, **given(chosen), **password), admin)
            else:
                current = batch.current(noun.kind, name, scope)
                change = batch.put(replace(current, **given(chosen), **password), new=False)
        show_change(ctx, change, **shown)


def _list(group: Group, noun: Noun) -> None:
    @group.command("list", example=noun.example("list"), help=f"Show {noun.what}.")
    @click.option("--account", metavar="CODE", help="Only this account's.")
    @click.option("--all", "ended", is_flag=True, help="Those that have ended, too.")
    @click.pass_context
    def list_(ctx: click.Context, account: str | None, ended: bool) -> None:
        from provisioning.accounts import read_account
        from provisioning.service_rows import list_services

        with database(ctx) as connection, connection.cursor() as txn:
            if account is not None:
                read_account(txn, account)
            found = list_services(txn, noun.kind.kind, account)
        at = now()
        kept = [each for each in found if ended or each.period[1] is None or each.period[1] > at]
        list_things(ctx, noun.kind, kept)


def _show(group: Group, noun: Noun) -> None:
    @group.command("show", example=noun.example("show"), help="Show who has it and had it, earliest first.")
    @click.argument("name", metavar=noun.name)
    @click.pass_context
    def show(ctx: click.Context, name: str) -> None:
        from provisioning.service_rows import list_services

        with database(ctx) as connection, connection.cursor() as txn:
            found = list_services(txn, noun.kind.kind, name=canonical(noun.kind.kind, name))
        if not found:
            raise NotFound(f"{noun.word} {name} does not exist")
        if len(found) == 1:
            print_document(ctx, document(found[0]))
        else:
            list_things(ctx, noun.kind, sorted(found, key=lambda service: service.period[0]))


def _end(group: Group, noun: Noun) -> None:
    @group.command(
        "end",
        example=noun.example("end"),
        help="End it; calls that are up go on. Before its activation, it is removed.",
        asks=f"End {noun.word} {{name}}?",
    )
    @click.argument("name", metavar=noun.name)
    @noun.scoped
    @click.option(
        "--at", type=moment, metavar="DATE", help="When; a day begins where the account is. [default: now]"
    )
    @click.pass_context
    def end(ctx: click.Context, /, name: str, at: Moment | None, **scope: str | None) -> None:
        from provisioning.services import end_service, find_service

        with changing(ctx) as (txn, admin):
            service = find_service(txn, noun.kind.kind, name, admin.now, scope)
            change = end_service(txn, service, at or admin.now, admin)
        show_change(ctx, change)


def _examples(name: str, add: str, change: str, scope: str = "") -> dict[str, str]:
    return {
        "add": f"{name} --account ACME --activated 2026-11-01 {add}",
        "set": f"{name} {scope}{change}",
        "list": "--account ACME",
        "show": name,
        "end": f"{name} {scope}--at 2026-12-31",
    }


NOUNS = {
    "did": Noun(
        Did,
        "telephone numbers (DIDs)",
        "NUMBER",
        _examples("15125550100", "--plan retail --location Austin", "--plan business --outpayment 0.002"),
    ),
    "extension": Noun(
        Extension,
        "extensions of PBX tenants",
        "EXTENSION",
        _examples("201", "--plan retail --tenant acme.pbx.example.net", "--plan business"),
    ),
    "trunk": Noun(
        Trunk,
        "trunk groups",
        "TRUNK",
        _examples(
            "ACME-TG1",
            "--plan retail --client sbc1 --max-channels 30",
            "--max-channels none",
            scope="--client sbc1 ",
        ),
    ),
    "ip": Noun(
        Ip,
        "addresses that calls come from",
        "NETWORK",
        _examples("203.0.113.8", "--plan retail --max-channels 10", "--max-channels 20"),
    ),
    "virtual": Noun(
        Virtual,
        "virtual numbers, which share a DID's plan and minutes",
        "NUMBER",
        _examples("442079460100", "--primary 15125550100", "--additional-charge 0.005"),
    ),
}


@cache
def __getattr__(name: str) -> Group:
    """Return the group of a noun, which is made when it is asked for: five at once take time."""
    if name not in NOUNS:
        raise AttributeError(name)
    return _noun(NOUNS[name])
