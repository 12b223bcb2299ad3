"""What keeps the platform from starting, said in one line that names the setting."""

from __future__ import annotations


class Fault(Exception):  # noqa: N818  read as a sentence: raise Fault("http_port: ...")
    """The platform cannot start as it is set; the message begins with the setting's name."""
