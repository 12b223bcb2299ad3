"""What the api knows now, in memory: the alarms that stand, the newest values, and who is watching."""
