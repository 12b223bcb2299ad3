"""Tries a broker as gateways and ingest use it, and says what it would lose."""
