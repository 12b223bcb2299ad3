"""One file a role: open, wire, loop; each is a process of its own."""
