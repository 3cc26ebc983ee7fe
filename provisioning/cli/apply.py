"""``tollwire apply`` and ``diff``: make the database be as a site file says, or see what that would do."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from provisioning.admin import Change
from provisioning.cli.changing import changing, say_warnings, show_changes
from provisioning.cli.errors import Exit
from provisioning.cli.framework import YES_HELP, Command, ask, watched
from provisioning.cli.options import Format, options_of
from provisioning.site import apply_site
from provisioning.site_file import Site, read_site


@click.command(
    "apply",
    cls=Command,
    example="tollwire apply site.toml --dry-run\ntollwire apply site.toml --prune --yes",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only show what would change; exit 1 when something would.")
@click.option("--prune", is_flag=True, help="End services that the file does not name.")
@click.option("--yes", is_flag=True, help=YES_HELP)
@click.pass_context
def apply(ctx: click.Context, file: Path, dry_run: bool, prune: bool, yes: bool) -> None:
    """
    Create and change what a site file names: all of it, or nothing.

    Shows what changes, and on a terminal asks before. Applying the same file again changes nothing.
    `docs/reference/site-file.md` describes the file.
    """
    site = _read(file)
    if dry_run or watched(yes):
        changes = _apply(ctx, site, prune, keep=False)
        _show(ctx, changes)
        if dry_run:
            _exit(ctx, changes)
        if not any(changes):
            return
        ask("Apply these changes?", yes)
        _apply(ctx, site, prune, keep=True)
    else:
        _show(ctx, _apply(ctx, site, prune, keep=True))


@click.command("diff", cls=Command, example="tollwire diff site.toml")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--prune", is_flag=True, help="Also services that the file does not name.")
@click.pass_context
def diff(ctx: click.Context, file: Path, prune: bool) -> None:
    """
    Show what `apply` would change, and change nothing; exit 1 when something would.

    `tollwire export` writes the file that differs in nothing.
    """
    changes = _apply(ctx, _read(file), prune, keep=False)
    _show(ctx, changes)
    _exit(ctx, changes)


def _read(file: Path) -> Site:
    site = read_site(file)
    say_warnings(site.findings.warnings)
    return site


def _exit(ctx: click.Context, changes: list[Change]) -> NoReturn:
    ctx.exit(Exit.DIFFERS if any(changes) else Exit.OK)


def _apply(ctx: click.Context, site: Site, prune: bool, keep: bool) -> list[Change]:
    """Apply *site* and return what changed; without *keep* it is all taken back."""
    with changing(ctx) as (txn, admin):
        changes = apply_site(txn, site, admin, prune)
        if not keep:
            txn.connection.rollback()
    return changes


def _show(ctx: click.Context, changes: list[Change]) -> None:
    show_changes(ctx, changes)
    if not any(changes):
        click.echo("no changes", err=options_of(ctx).format is not Format.TEXT)
