"""The durable log: streams, buckets, message codec; the one door to NATS."""
