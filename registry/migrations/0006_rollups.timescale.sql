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
UPDATE hazardwatch.position SET touched_seq = seq;  -- all until now is touched below

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

-- Forgets the readings whose time is over; returns how many chunks went. Nothing is forgotten while its rollups do not
-- know it: false hopes of an empty record are met by asking again once no writer is at work.
CREATE FUNCTION hazardwatch.forget_readings() RETURNS integer LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    old timestamptz := (SELECT raw_from FROM hazardwatch.storage);
    new timestamptz := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                       - (SELECT keep_readings_days FROM hazardwatch.storage) * interval '1 day';
    dropped integer;
BEGIN
    IF new <= old OR EXISTS (SELECT FROM hazardwatch.touched WHERE hour >= old AND hour < new) THEN
        RETURN 0;
    END IF;
    LOCK TABLE ONLY hazardwatch.reading_raw IN EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM hazardwatch.touched WHERE hour >= old AND hour < new) THEN
        RETURN 0;
    END IF;
    SELECT count(*) INTO dropped FROM drop_chunks('hazardwatch.reading_raw', older_than => new);
    UPDATE hazardwatch.storage SET raw_from = new;
    RETURN dropped;
END $$;

-- Forgets the minutes whose time is over, by whole chunks; their hours stay.
CREATE FUNCTION hazardwatch.forget_minutes() RETURNS integer LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    new timestamptz := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                       - (SELECT keep_minutes_days FROM hazardwatch.storage) * interval '1 day';
    dropped integer;
BEGIN
    IF new <= (SELECT minutes_from FROM hazardwatch.storage) THEN
        RETURN 0;
    END IF;
    SELECT count(*) INTO dropped FROM drop_chunks('hazardwatch.minute_kept', older_than => new);
    DELETE FROM hazardwatch.minute_after WHERE t < new;
    UPDATE hazardwatch.storage SET minutes_from = new;
    RETURN dropped;
END $$;

-- Readings that came for an hour whose readings were forgotten: a minute that has none of their tag takes them, one that
-- has some stays as it is, because whether they are there already cannot be known any more.
CREATE PROCEDURE hazardwatch.roll_forgotten(begins timestamptz) LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM hazardwatch.reading_raw r WHERE r.t >= begins AND r.t < begins + interval '1 hour' RETURNING r.*
    ), minute AS (
        SELECT r.point, date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
        FROM gone r
        GROUP BY 1, 2
    ), added AS (
        INSERT INTO hazardwatch.minute_after
        SELECT m.* FROM minute m
        WHERE begins >= (SELECT minutes_from FROM hazardwatch.storage)
          AND NOT EXISTS (SELECT FROM hazardwatch.minute_kept k WHERE k.point = m.point AND k.t = m.t)
        ON CONFLICT DO NOTHING
        RETURNING *
    ), every AS (
        SELECT a.* FROM added a
        UNION ALL
        SELECT k.* FROM hazardwatch.minute_kept k
        WHERE k.t >= begins AND k.t < begins + interval '1 hour' AND k.point IN (SELECT a.point FROM added a)
        UNION ALL
        SELECT k.* FROM hazardwatch.minute_after k
        WHERE k.t >= begins AND k.t < begins + interval '1 hour' AND k.point IN (SELECT a.point FROM added a)
        UNION ALL
        SELECT m.* FROM minute m
        WHERE begins < (SELECT minutes_from FROM hazardwatch.storage)
          AND NOT EXISTS (SELECT FROM hazardwatch.hour_kept k WHERE k.point = m.point AND k.t = begins)
          AND NOT EXISTS (SELECT FROM hazardwatch.hour_after k WHERE k.point = m.point AND k.t = begins)
    )
    INSERT INTO hazardwatch.hour_after
    SELECT e.point, begins, min(e.min), max(e.max), sum(e.sum),
           (array_agg(e.last ORDER BY e.t DESC) FILTER (WHERE e.n > 0))[1], sum(e.n), sum(e.bad), min(e.worst)
    FROM every e GROUP BY 1
    ON CONFLICT (point, t) DO UPDATE
    SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
        bad = excluded.bad, worst = excluded.worst
$$;

-- Rolls up what was touched and is quiet; a job of TimescaleDB, or whoever calls it. Entries are read first and removed
-- last: whatever is written meanwhile is either in the rollup or has an entry that stays.
CREATE PROCEDURE hazardwatch.roll_up(job_id integer DEFAULT 0, config jsonb DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    begun timestamptz := clock_timestamp();
    quiet interval := coalesce((config->>'quiet_s')::integer, 20) * interval '1 second';
    floor timestamptz;
    first timestamptz;
    last timestamptz;
    seen bigint[];
BEGIN
    IF NOT pg_try_advisory_lock(1383228788) THEN
        RETURN;
    END IF;
    LOOP
        SELECT raw_from INTO floor FROM hazardwatch.storage;
        -- The first and the last entry of an hour say all.
        DELETE FROM hazardwatch.touched x
        USING (SELECT hour, point, min(id) AS oldest, max(id) AS newest FROM hazardwatch.touched
               GROUP BY 1, 2 HAVING count(*) > 2) y
        WHERE x.hour = y.hour AND x.point IS NOT DISTINCT FROM y.point AND x.id > y.oldest AND x.id < y.newest;
        WITH due AS (
            SELECT hour, min(at) AS since, array_agg(id) AS ids FROM hazardwatch.touched
            WHERE hour + interval '1 hour 2 minutes' <= clock_timestamp()
            GROUP BY hour
            HAVING max(at) <= clock_timestamp() - quiet OR min(at) <= clock_timestamp() - interval '10 minutes'
        ), chosen AS (
            SELECT hour FROM due ORDER BY since, hour DESC LIMIT 1
        ), day AS (  -- with all that are due of its day
            SELECT due.hour, due.ids FROM due, chosen
            WHERE (due.hour >= floor) = (chosen.hour >= floor)
              AND CASE WHEN chosen.hour >= floor
                  THEN date_bin('1 day', due.hour, '2000-01-01 00:00:00+00') = date_bin('1 day', chosen.hour, '2000-01-01 00:00:00+00')
                  ELSE due.hour = chosen.hour END
        )
        SELECT min(hour), max(hour), array_agg(id) INTO first, last, seen
        FROM day, unnest(ids) AS id;
        COMMIT;
        EXIT WHEN first IS NULL OR clock_timestamp() > begun + interval '50 seconds';
        IF first >= floor THEN
            CALL refresh_continuous_aggregate('hazardwatch.minute_kept', first, last + interval '1 hour', force => true);
            CALL refresh_continuous_aggregate('hazardwatch.hour_kept', first, last + interval '1 hour', force => true);
        ELSE
            CALL hazardwatch.roll_forgotten(first);
        END IF;
        DELETE FROM hazardwatch.touched WHERE id = ANY (seen);
        COMMIT;
    END LOOP;
    PERFORM pg_advisory_unlock(1383228788);
END $$;

CREATE PROCEDURE hazardwatch.keep(job_id integer DEFAULT 0, config jsonb DEFAULT NULL) LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_xact_lock(1383228788) THEN  -- not while somebody rolls up
        PERFORM hazardwatch.forget_readings();
        PERFORM hazardwatch.forget_minutes();
    END IF;
END $$;

SELECT add_job('hazardwatch.roll_up', interval '1 minute');
SELECT add_job('hazardwatch.keep', interval '10 minutes');

-- An hour of all tags is found by time. On a database that holds readings already whoever starts first makes this, chunk
-- by chunk, so that nobody waits.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM show_chunks('hazardwatch.reading_raw')) THEN
        CREATE INDEX reading_raw_t ON hazardwatch.reading_raw USING brin (t) WITH (autosummarize = on);
    END IF;
END $$;

-- Compressed by tag, so that one tag's past is read alone; late readings go into compressed chunks too.
ALTER TABLE hazardwatch.reading_raw
    SET (timescaledb.compress, timescaledb.compress_segmentby = 'point', timescaledb.compress_orderby = 't');
SELECT add_compression_policy('hazardwatch.reading_raw', interval '2 days');
ALTER MATERIALIZED VIEW hazardwatch.minute_kept
    SET (timescaledb.compress, timescaledb.compress_segmentby = 'point', timescaledb.compress_orderby = 't');
SELECT add_compression_policy('hazardwatch.minute_kept', interval '7 days');
ALTER MATERIALIZED VIEW hazardwatch.hour_kept
    SET (timescaledb.compress, timescaledb.compress_segmentby = 'point', timescaledb.compress_orderby = 't');
SELECT add_compression_policy('hazardwatch.hour_kept', interval '60 days');
