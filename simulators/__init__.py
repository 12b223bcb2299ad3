"""Foreign equipment: plants, gateways and incidents, which know only the public contract."""
