"""One command a figure, each beside its limit and what it is measured against."""
