"""Readings to alarm events, events to the journal and to people."""
