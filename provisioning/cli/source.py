"""``tollwire source``: the PBXs and switches whose call records are taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from provisioning import source_report, sources
from provisioning.cli.changing import changing, document, list_things, show_change
from provisioning.cli.field_options import field_options, given
from provisioning.cli.framework import Group
from provisioning.cli.output import print_document, print_rows
from provisioning.cli.session import database


@click.group(cls=Group)
def source() -> None:
    """Add, change and show sources of call records: PBXs and switches."""


@source.command(
    "add",
    example="tollwire source add pbx1 --format asterisk-csv --zone Europe/Berlin --tenant pbx1.example.com\n"
    "tollwire source add sbc1-files --format acme-csv --client sbc1",
)
@click.argument("name")
@field_options(sources.Source, sources.HELPS, new=True)
@click.pass_context
def add(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Take the call records of a PBX or switch."""
    with changing(ctx) as (txn, admin):
        change = sources.add_source(txn, sources.Source(name=name, **_fields(chosen)), admin)
    show_change(ctx, change)


@source.command("set", example="tollwire source set pbx1 --called-rules 00: --called-rules 0:49")
@click.argument("name")
@field_options(sources.Source, sources.HELPS, new=False)
@click.pass_context
def set_(ctx: click.Context, /, name: str, **chosen: Any) -> None:
    """Change a source. Options that take several values replace all of them."""
    with changing(ctx) as (txn, admin):
        current = sources.read_source(txn, name)
        change = sources.set_source(txn, replace(current, **_fields(chosen)), admin)
    show_change(ctx, change)


@source.command("list", example="tollwire source list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Show all sources."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = sources.list_sources(txn)
    list_things(ctx, sources.Source, found)


@source.command("show", example="tollwire source show pbx1")
@click.argument("name")
@click.pass_context
def show(ctx: click.Context, name: str) -> None:
    """Show one source."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = sources.read_source(txn, name)
    print_document(ctx, document(found))


def _fields(chosen: Mapping[str, Any]) -> dict[str, Any]:
    fields = given(chosen)
    if "settings" in fields:
        fields["settings"] = dict(fields["settings"])
    return fields


@source.command("report", example="tollwire source report pbx1")
@click.argument("name")
@click.pass_context
def report(ctx: click.Context, name: str) -> None:
    """Show how many records came, and what came of them; gaps in running numbers tell of lost ones."""
    with database(ctx) as connection, connection.cursor() as txn:
        found = source_report.report(txn, name)
    print_document(ctx, found)


@source.command("differences", example="tollwire source differences sbc1-files --csv")
@click.argument("name")
@click.pass_context
def differences(ctx: click.Context, name: str) -> None:
    """Show the calls of which a record and RADIUS tell different durations; the longer one is billed."""
    with database(ctx) as connection:
        print_rows(ctx, source_report.Difference._fields, source_report.differences(connection, name))
