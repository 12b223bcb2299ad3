"""The site's CSV folder: checked, imported and exported; and the templates that fill its empty cells."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from hazardwatch.commands.options import run, talking, with_settings
from hazardwatch.faults import Fault
from hazardwatch.running import find
from hazardwatch.settings import Settings
from registry.catalogue import template_of, templates
from registry.csvfiles import read_folder
from registry.faults import Fault as SiteFault
from registry.merge import Count, export, merge
from registry.offers import offered_rules, offered_tags
from registry.remarks import presets_taken
from registry.site import Site
from registry.store import Published, current, import_files

site = typer.Typer(help="The site as a folder of CSV files.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the CSV files.")]
Prune = Annotated[bool, typer.Option("--prune", help="Retire rows that the files leave out.")]


@site.command("check")
@with_settings
def site_check(settings: Settings, folder: Folder, prune: Prune = False) -> None:
    """Lists every fault and warning, what an import would change and the presets taken; changes nothing."""
    files = read_folder(folder)
    try:
        find(settings)
    except Fault:
        typer.echo("checked as a site of its own: no platform runs here")
        before = Site()
    else:
        before = run(_current(settings))
        typer.echo(f"checked against version {before.version} of the running platform")
    merged = merge(before, files, prune=prune)
    for line in presets_taken(merged.site):
        typer.echo(f"preset: {line}")
    _say(merged.counts)
    _warn(merged.warnings)
    typer.echo("no faults")


@site.command("import")
@with_settings
def site_import(settings: Settings, folder: Folder, prune: Prune = False) -> None:
    """Merges the files into the site, all or nothing, as one version."""
    files = read_folder(folder)

    async def work() -> Published:
        async with talking(settings) as talk:
            if prune:
                _say(merge(await current(talk.line), files, prune=True).counts)
            return await import_files(talk.line, files, by=getpass.getuser(), now_ms=talk.now_ms, prune=prune)

    done = run(work())
    if not prune:
        _say(done.counts)
    _warn(done.warnings)
    if done.waiting:
        typer.echo(f"version {done.version} is in force; not yet with it: {', '.join(done.waiting)}")
    else:
        typer.echo(f"version {done.version} is in force")


@site.command("export")
@with_settings
def site_export(settings: Settings, folder: Folder) -> None:
    """Writes the site in force as CSV files into a folder."""
    exported = run(_current(settings))
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in export(exported).items():
        (folder / name).write_bytes(data)
    typer.echo(f"version {exported.version} is in {folder}")


@site.command("template")
def site_template(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as T01; without it all are listed.")] = "",
    enterprise: Annotated[str, typer.Option(help="Goes into the rows.")] = "ENTERPRISE",
    source: Annotated[str, typer.Option(help="Goes into the rows and in front of tags and rules.")] = "SOURCE",
) -> None:
    """Prints the rows of tags.csv and rules.csv that fit a template, to copy."""
    template = template_of(name)
    if template is None:
        if name:
            raise Fault(f"there is no template {name}; there are {', '.join(templates())}")
        for one in templates().values():
            typer.echo(f"{one.code}  {one.name}" + (f"; {one.note}" if one.note else ""))
        return
    typer.echo(f"{template.code} {template.name}" + (f"; {template.note}" if template.note else ""))
    for file, offered in (
        ("tags.csv", offered_tags(template, enterprise, source)),
        ("rules.csv", offered_rules(template, enterprise, source)),
    ):
        typer.echo(f"\n{file}")
        typer.echo(offered.csv, nl=False)
        for note in offered.notes:
            typer.echo(f"  {note}")


async def _current(settings: Settings) -> Site:
    async with talking(settings) as talk:
        return await current(talk.line)


def _say(counts: dict[str, Count]) -> None:
    for file, count in counts.items():
        typer.echo(f"{file}: {count.added} added, {count.changed} changed, {count.unchanged} unchanged")
        for key in count.retired:
            typer.echo(f"{file}: {key} is retired")


def _warn(warnings: tuple[SiteFault, ...]) -> None:
    for warning in warnings:
        typer.echo(f"warning: {warning}")
