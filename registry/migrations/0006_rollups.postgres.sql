-- Minutes and hours rolled up, on plain PostgreSQL: tables of our own, and a record of what they do not know yet.
-- What is read is always the truth: hours that were touched since they were rolled up are made from the readings.

CREATE TABLE hazardwatch.minute_kept (
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
) PARTITION BY RANGE (t);
CREATE TABLE hazardwatch.minute_default PARTITION OF hazardwatch.minute_kept DEFAULT;
CREATE INDEX minute_kept_t ON hazardwatch.minute_kept USING brin (t) WITH (autosummarize = on);

CREATE TABLE hazardwatch.hour_kept (
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
) PARTITION BY RANGE (t);
CREATE TABLE hazardwatch.hour_default PARTITION OF hazardwatch.hour_kept DEFAULT;
CREATE INDEX hour_kept_t ON hazardwatch.hour_kept USING brin (t) WITH (autosummarize = on);

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

-- Makes the month of minutes and the year of hours in which an hour lies; very old or future ones stay in the default
-- partitions. Nobody but who rolls up writes there, and he asks here first: nothing has to be moved.
CREATE FUNCTION hazardwatch.ensure_rollups(hour timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', hour AT TIME ZONE 'UTC')::date;
    year date := date_trunc('year', hour AT TIME ZONE 'UTC')::date;
    today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    IF year < today - 3700 OR month > today + 31 THEN
        RETURN;
    END IF;
    IF to_regclass('hazardwatch.minute_' || to_char(month, 'YYYY_MM')) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE hazardwatch.%I PARTITION OF hazardwatch.minute_kept FOR VALUES FROM (%L) TO (%L)',
            'minute_' || to_char(month, 'YYYY_MM'), month::timestamp AT TIME ZONE 'UTC',
            (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END IF;
    IF to_regclass('hazardwatch.hour_' || to_char(year, 'YYYY')) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE hazardwatch.%I PARTITION OF hazardwatch.hour_kept FOR VALUES FROM (%L) TO (%L)',
            'hour_' || to_char(year, 'YYYY'), year::timestamp AT TIME ZONE 'UTC',
            (year + interval '1 year')::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;

-- As before, and: a day whose readings were forgotten is not made again, and each day has an index by which an hour of
-- all tags is found; days made before get theirs from who rolls up, without a lock.
CREATE OR REPLACE FUNCTION hazardwatch.ensure_day(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'reading_' || to_char(day, 'YYYY_MM_DD');
    begins timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF day < (now() AT TIME ZONE 'UTC')::date - 400 OR day > (now() AT TIME ZONE 'UTC')::date + 2
       OR begins < (SELECT raw_from FROM hazardwatch.storage) THEN
        RETURN false;
    END IF;
    IF to_regclass('hazardwatch.' || partition) IS NOT NULL THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('hazardwatch.ensure_day', 0));
    -- Asked of the table itself: the cache behind to_regclass may not yet know what another writer just made.
    IF EXISTS (SELECT FROM pg_class WHERE relname = partition AND relnamespace = 'hazardwatch'::regnamespace) THEN
        RETURN true;
    END IF;
    EXECUTE format('CREATE TABLE hazardwatch.%I (LIKE hazardwatch.reading_raw INCLUDING DEFAULTS)', partition);
    EXECUTE format(
        'WITH moved AS (DELETE FROM hazardwatch.reading_default WHERE t >= %L AND t < %L RETURNING *) '
        'INSERT INTO hazardwatch.%I SELECT * FROM moved', begins, ends, partition);
    EXECUTE format('ALTER TABLE hazardwatch.%I ADD CHECK (t >= %L AND t < %L)', partition, begins, ends);
    EXECUTE format('CREATE INDEX %I ON hazardwatch.%I USING brin (t) WITH (autosummarize = on)',
                   partition || '_t', partition);
    EXECUTE format(
        'ALTER TABLE hazardwatch.reading_raw ATTACH PARTITION hazardwatch.%I FOR VALUES FROM (%L) TO (%L)',
        partition, begins, ends);
    RETURN true;
END $$;

-- Every hour that holds readings is to be rolled up: at the upgrade, and where a writer did not say what it touched.
CREATE FUNCTION hazardwatch.touch_everything() RETURNS void LANGUAGE sql AS $$
    INSERT INTO hazardwatch.touched (hour)
    SELECT d.day::timestamp AT TIME ZONE 'UTC' + h.n * interval '1 hour'
    FROM (
        SELECT to_date(substr(child.relname, 9), 'YYYY_MM_DD') AS day FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'hazardwatch.reading_raw'::regclass AND child.relname ~ '^reading_\d{4}_\d{2}_\d{2}$'
    ) d, generate_series(0, 23) AS h (n)
    UNION
    SELECT date_bin('1 hour', t, '2000-01-01 00:00:00+00') FROM hazardwatch.reading_default
$$;
SELECT hazardwatch.touch_everything();

-- Forgets the readings whose time is over; returns how many days went. Nothing is forgotten while its rollups do not
-- know it: false hopes of an empty record are met by asking again once no writer is at work.
CREATE FUNCTION hazardwatch.forget_readings() RETURNS integer LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    old timestamptz := (SELECT raw_from FROM hazardwatch.storage);
    new timestamptz := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                       - (SELECT keep_readings_days FROM hazardwatch.storage) * interval '1 day';
    partition text;
    dropped integer := 0;
BEGIN
    IF new <= old OR EXISTS (SELECT FROM hazardwatch.touched WHERE hour >= old AND hour < new) THEN
        RETURN 0;
    END IF;
    LOCK TABLE ONLY hazardwatch.reading_raw IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM hazardwatch.touched WHERE hour >= old AND hour < new) THEN
        RETURN 0;
    END IF;
    FOR partition IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'hazardwatch.reading_raw'::regclass
          AND child.relname ~ '^reading_\d{4}_\d{2}_\d{2}$'
          AND to_date(substr(child.relname, 9), 'YYYY_MM_DD') < (new AT TIME ZONE 'UTC')::date
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE hazardwatch.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM hazardwatch.reading_default WHERE t >= old AND t < new;
    UPDATE hazardwatch.storage SET raw_from = new;
    RETURN dropped;
END $$;

-- Forgets the minutes whose time is over, by whole months; their hours stay.
CREATE FUNCTION hazardwatch.forget_minutes() RETURNS integer LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    new timestamptz := date_trunc('month', now() AT TIME ZONE 'UTC'
                       - (SELECT keep_minutes_days FROM hazardwatch.storage) * interval '1 day') AT TIME ZONE 'UTC';
    partition text;
    dropped integer := 0;
BEGIN
    IF new <= (SELECT minutes_from FROM hazardwatch.storage) THEN
        RETURN 0;
    END IF;
    FOR partition IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'hazardwatch.minute_kept'::regclass
          AND child.relname ~ '^minute_\d{4}_\d{2}$'
          AND to_date(substr(child.relname, 8), 'YYYY_MM') < (new AT TIME ZONE 'UTC')::date
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE hazardwatch.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM hazardwatch.minute_default WHERE t < new;
    UPDATE hazardwatch.storage SET minutes_from = new;
    RETURN dropped;
END $$;
