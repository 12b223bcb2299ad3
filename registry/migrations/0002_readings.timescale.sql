-- Readings on TimescaleDB: the same columns as on plain PostgreSQL, as a hypertable with one chunk a day.
-- The key (point, t) is what makes a reading that arrives twice change nothing.

CREATE TABLE hazardwatch.reading_raw (
    point        integer NOT NULL,
    t            timestamptz NOT NULL,
    value        double precision,           -- NULL: bad, or no number
    quality      smallint NOT NULL,          -- 192 good, 64 uncertain, 0 bad
    clock        smallint NOT NULL,          -- whose time t is: 0 the gateway's, 1 the arrival's, 2 shifted
    source_t     timestamptz,                -- the gateway's own time where t was shifted
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (point, t)
);
SELECT create_hypertable('hazardwatch.reading_raw', 't', chunk_time_interval => interval '1 day',
                         create_default_indexes => false);

-- Chunks make themselves; the function is here so that whoever writes readings need not know which database it is.
CREATE FUNCTION hazardwatch.ensure_day(day date) RETURNS boolean LANGUAGE sql AS 'SELECT true';

-- Forgets all readings before a UTC day; returns how many chunks went.
CREATE FUNCTION hazardwatch.drop_before(day date) RETURNS integer LANGUAGE sql AS $$
    SELECT count(*)::integer
    FROM drop_chunks('hazardwatch.reading_raw', older_than => (day::timestamp AT TIME ZONE 'UTC'))
$$;
