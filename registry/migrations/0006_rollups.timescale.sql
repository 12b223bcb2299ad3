-- Minutes and hours rolled up, on TimescaleDB: continuous aggregates, and a record of what they do not know yet.
-- What is read is always the truth: hours that were touched since they were rolled up are made from the readings. The
-- aggregates' own way of adding what is new knows nothing of late readings, so it is off, and the views do it.

CREATE MATERIALIZED VIEW hazardwatch.minute_kept
    WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
    SELECT r.point, time_bucket('1 minute', r.t) AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           last(r.value, r.t) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL) AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    GROUP BY 1, 2
    WITH NO DATA;

-- The hour is made of minutes.
CREATE MATERIALIZED VIEW hazardwatch.hour_kept
    WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
    SELECT m.point, time_bucket('1 hour', m.t) AS t, min(m.min) AS min, max(m.max) AS max, sum(m.sum) AS sum,
           last(m.last, m.t) FILTER (WHERE m.n > 0) AS last, sum(m.n)::bigint AS n, sum(m.bad)::bigint AS bad,
           min(m.worst) AS worst
    FROM hazardwatch.minute_kept m
    GROUP BY 1, 2
    WITH NO DATA;

-- What came after the readings of its day were forgotten: an aggregate refreshed there would forget the others too.
CREATE TABLE hazardwatch.minute_after (
    point  integer NOT NULL,
    t      timestamptz NOT NULL,     -- when the minute begins
    min    double precision,         -- of the usable readings, those with a value and quality >= 64
    max    double precision,
    sum    double precision,
    last   double precision,
    n      bigint NOT NULL,          -- usable readings
    bad    bigint NOT NULL,          -- the others
    worst  smallint NOT NULL,        -- the lowest quality
    PRIMARY KEY (point, t)
);
CREATE TABLE hazardwatch.hour_after (
    point  integer NOT NULL,
    t      timestamptz NOT NULL,     -- when the hour begins
    min    double precision,         -- of the usable readings, those with a value and quality >= 64
    max    double precision,
    sum    double precision,
    last   double precision,
    n      bigint NOT NULL,          -- usable readings
    bad    bigint NOT NULL,          -- the others
    worst  smallint NOT NULL,        -- the lowest quality
    PRIMARY KEY (point, t)
);

-- Which hours hold readings that their rollups do not know yet: written in the transaction that writes the readings,
-- removed after the hour was rolled up again. `point` NULL: any of them. One hour may be named often; only whoever rolls
-- up removes what he saw, so that no writer ever waits.
CREATE TABLE hazardwatch.touched (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour   timestamptz NOT NULL,
    point  integer,
    at     timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000);
CREATE INDEX touched_hour ON hazardwatch.touched (hour, point);

-- One row: for how long what is kept, and what was forgotten already. Before `raw_from` there are no readings any more
-- (but for some that have just come and are not rolled up yet), before `minutes_from` no minutes; rollups of what is
-- forgotten are never made again.
CREATE TABLE hazardwatch.storage (
    one                 boolean PRIMARY KEY DEFAULT true CHECK (one),
    keep_readings_days  integer NOT NULL DEFAULT 90 CHECK (keep_readings_days >= 30),  -- SAWS Order 40: 30 days
    keep_minutes_days   integer NOT NULL DEFAULT 1096 CHECK (keep_minutes_days >= keep_readings_days),
    raw_from            timestamptz NOT NULL DEFAULT '-infinity',
    minutes_from        timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO hazardwatch.storage DEFAULT VALUES;

-- Up to where the writer also wrote into `touched`: an older release moves `seq` alone, and is found out by that.
ALTER TABLE hazardwatch.position ADD COLUMN touched_seq bigint;

CREATE VIEW hazardwatch.reading_minute AS
SELECT k.point, k.t, k.min, k.max, k.sum, k.last, k.n, k.bad, k.worst
FROM hazardwatch.minute_kept k
WHERE NOT EXISTS (
    SELECT FROM hazardwatch.touched x
    WHERE x.hour = date_bin('1 hour', k.t, '2000-01-01 00:00:00+00') AND x.point IS NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
) AND NOT EXISTS (
    SELECT FROM hazardwatch.touched x
    WHERE x.hour = date_bin('1 hour', k.t, '2000-01-01 00:00:00+00') AND x.point = k.point AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
)
UNION ALL
SELECT a.point, a.t, a.min, a.max, a.sum, a.last, a.n, a.bad, a.worst FROM hazardwatch.minute_after a
UNION ALL
SELECT f.point, f.t, f.min, f.max, f.sum, f.last, f.n, f.bad, f.worst
FROM (
    SELECT DISTINCT x.hour FROM hazardwatch.touched x
    WHERE x.point IS NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
) h
CROSS JOIN LATERAL (
    SELECT r.point, date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.t >= h.hour AND r.t < h.hour + interval '1 hour'
    GROUP BY 1, 2
) f
UNION ALL
SELECT p.point, f.t, f.min, f.max, f.sum, f.last, f.n, f.bad, f.worst
FROM (
    SELECT DISTINCT x.hour, x.point FROM hazardwatch.touched x
    WHERE x.point IS NOT NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
      AND NOT EXISTS (SELECT FROM hazardwatch.touched y WHERE y.hour = x.hour AND y.point IS NULL)
) p
CROSS JOIN LATERAL (
    SELECT date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.point = p.point AND r.t >= p.hour AND r.t < p.hour + interval '1 hour'
    GROUP BY 1
) f;

CREATE VIEW hazardwatch.reading_hour AS
SELECT k.point, k.t, k.min, k.max, k.sum, k.last, k.n, k.bad, k.worst
FROM hazardwatch.hour_kept k
WHERE NOT EXISTS (
    SELECT FROM hazardwatch.touched x
    WHERE x.hour = k.t AND x.point IS NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
) AND NOT EXISTS (
    SELECT FROM hazardwatch.touched x
    WHERE x.hour = k.t AND x.point = k.point AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
)
  AND NOT EXISTS (SELECT FROM hazardwatch.hour_after a WHERE a.point = k.point AND a.t = k.t)
UNION ALL
SELECT a.point, a.t, a.min, a.max, a.sum, a.last, a.n, a.bad, a.worst FROM hazardwatch.hour_after a
UNION ALL
SELECT f.point, f.t, f.min, f.max, f.sum, f.last, f.n, f.bad, f.worst
FROM (
    SELECT DISTINCT x.hour FROM hazardwatch.touched x
    WHERE x.point IS NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
) h
CROSS JOIN LATERAL (
    SELECT r.point, date_bin('1 hour', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.t >= h.hour AND r.t < h.hour + interval '1 hour'
    GROUP BY 1, 2
) f
UNION ALL
SELECT p.point, f.t, f.min, f.max, f.sum, f.last, f.n, f.bad, f.worst
FROM (
    SELECT DISTINCT x.hour, x.point FROM hazardwatch.touched x
    WHERE x.point IS NOT NULL AND x.hour >= (SELECT raw_from FROM hazardwatch.storage)
      AND NOT EXISTS (SELECT FROM hazardwatch.touched y WHERE y.hour = x.hour AND y.point IS NULL)
) p
CROSS JOIN LATERAL (
    SELECT date_bin('1 hour', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.point = p.point AND r.t >= p.hour AND r.t < p.hour + interval '1 hour'
    GROUP BY 1
) f;

-- The stable views, now by what is rolled up.
CREATE OR REPLACE VIEW hazardwatch.reading_1m AS
SELECT m.t, p.enterprise, p.source, p.tag, m.min, m.max, m.sum / nullif(m.n, 0) AS mean, m.last, m.n, m.bad
FROM hazardwatch.reading_minute m
JOIN hazardwatch.point p ON p.id = m.point;

CREATE OR REPLACE VIEW hazardwatch.reading_1h AS
SELECT h.t, p.enterprise, p.source, p.tag, h.min, h.max, h.sum / nullif(h.n, 0) AS mean, h.last, h.n, h.bad
FROM hazardwatch.reading_hour h
JOIN hazardwatch.point p ON p.id = h.point;

-- Every hour that may hold readings is to be rolled up: at the upgrade, and where a writer did not say what it touched.
CREATE FUNCTION hazardwatch.touch_everything() RETURNS void LANGUAGE sql AS $$
    INSERT INTO hazardwatch.touched (hour)
    SELECT DISTINCT hour
    FROM show_chunks('hazardwatch.reading_raw') AS c (chunk)
    JOIN timescaledb_information.chunks i
      ON format('%I.%I', i.chunk_schema, i.chunk_name)::regclass = c.chunk,
    generate_series(i.range_start, i.range_end - interval '1 hour', interval '1 hour') AS hour
$$;
SELECT hazardwatch.touch_everything();
