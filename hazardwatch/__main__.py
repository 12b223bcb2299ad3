"""`python -m hazardwatch` is the command `hazardwatch`; a role that `up` starts is spared the rest of the command."""

import importlib
import sys

from hazardwatch.faults import Fault
from hazardwatch.settings import load

ROLES = ("ingest", "engine", "historian", "notifier", "api")


def main() -> None:
    """`ROLE` alone, or `api --fd N`, is what `up` calls; everything else is for the command."""
    match sys.argv[1:]:
        case [role] if role in ROLES and role != "api":
            _become(role)
        case ["api", "--fd", fd]:
            _become("api", int(fd))
        case _:
            importlib.import_module("hazardwatch.cli").main()


def _become(role: str, *more: int) -> None:
    try:
        importlib.import_module(f"hazardwatch.roles.{role}").main(load({}), *more)
    except Fault as fault:
        sys.stderr.write(f"hazardwatch: {fault}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
