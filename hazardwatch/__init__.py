"""The command, the settings, the embedded servers, and starting and stopping the roles."""

__version__ = "0.1.0"
