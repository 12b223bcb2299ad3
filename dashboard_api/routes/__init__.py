"""The calls of the contract: each parses, asks one room, and answers."""
