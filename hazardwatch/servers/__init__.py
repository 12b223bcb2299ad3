"""The embedded servers: a broker with its durable log, and a database, as children of ours."""
