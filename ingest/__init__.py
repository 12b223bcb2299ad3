"""The plant's wires to stored readings, and reading them back."""
