"""What the command `hazardwatch` can be asked, one file a subject."""
