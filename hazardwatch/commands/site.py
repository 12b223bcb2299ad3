"""The site's CSV folder: checked, imported and exported."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from hazardwatch.commands.options import run, talking, with_settings
from hazardwatch.faults import Fault
from hazardwatch.running import find
from hazardwatch.settings import Settings
from registry.csvfiles import read_folder
from registry.merge import Count, export, merge
from registry.site import Site
from registry.store import current, import_files

site = typer.Typer(help="The site as a folder of CSV files.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the CSV files.")]
Prune = Annotated[bool, typer.Option("--prune", help="Retire rows that the files leave out.")]


@site.command("check")
@with_settings
def site_check(settings: Settings, folder: Folder, prune: Prune = False) -> None:
    """Lists every fault and what an import would change; changes nothing."""
    files = read_folder(folder)
    try:
        find(settings)
    except Fault:
        typer.echo("checked as a site of its own: no platform runs here")
        before = Site()
    else:
        before = run(_current(settings))
        typer.echo(f"checked against version {before.version} of the running platform")
    _say(merge(before, files, prune=prune).counts)
    typer.echo("no faults")


@site.command("import")
@with_settings
def site_import(settings: Settings, folder: Folder, prune: Prune = False) -> None:
    """Merges the files into the site, all or nothing, as one version."""
    files = read_folder(folder)

    async def work() -> tuple[int, dict[str, Count], tuple[str, ...]]:
        async with talking(settings) as talk:
            if prune:
                _say(merge(await current(talk.line), files, prune=True).counts)
            done = await import_files(talk.line, files, by=getpass.getuser(), now_ms=talk.now_ms, prune=prune)
            return done.version, done.counts, done.waiting

    version, counts, waiting = run(work())
    if not prune:
        _say(counts)
    if waiting:
        typer.echo(f"version {version} is in force; not yet with it: {', '.join(waiting)}")
    else:
        typer.echo(f"version {version} is in force")


@site.command("export")
@with_settings
def site_export(settings: Settings, folder: Folder) -> None:
    """Writes the site in force as CSV files into a folder."""
    exported = run(_current(settings))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in export(exported).items():
        (folder / name).write_bytes(data)
    typer.echo(f"version {exported.version} is in {folder}")


async def _current(settings: Settings) -> Site:
    async with talking(settings) as talk:
        return await current(talk.line)


def _say(counts: dict[str, Count]) -> None:
    for file, count in counts.items():
        typer.echo(f"{file}: {count.added} added, {count.changed} changed, {count.unchanged} unchanged")
        for key in count.retired:
            typer.echo(f"{file}: {key} is retired")
