"""What exists: regions, enterprises, sources, gateways, tags and people, and the one door to the database."""
