"""Which release of Hazardwatch this is, for those who ask over HTTP or WebSocket."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed package's version; "source" where the tree runs without being installed."""
    try:
        return version("hazardwatch")
    except PackageNotFoundError:
        return "source"
