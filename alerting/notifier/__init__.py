"""Alarm events to people: whom to tell, when, in which words, over which channel, until somebody answers."""
