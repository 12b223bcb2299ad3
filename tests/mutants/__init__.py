"""Faults planted by hand in the alarm engine, and whether a test catches each."""
