-- Rolling up where no continuous aggregate does it: entries are read first and removed last, so that whatever is
-- written meanwhile is either in the rollup or has an entry that stays.

-- name: kind
-- Whether continuous aggregates keep the minutes, and their server's own jobs roll up.
SELECT EXISTS (
    SELECT FROM pg_class WHERE oid = to_regclass('hazardwatch.minute_kept') AND relkind = 'v'
)

-- name: lock
-- One at a time; goes with the session.
SELECT pg_try_advisory_lock(1383228788)

-- name: settle
-- The first and the last entry of an hour say all.
DELETE FROM hazardwatch.touched x
USING (SELECT hour, point, min(id) AS oldest, max(id) AS newest FROM hazardwatch.touched
       GROUP BY 1, 2 HAVING count(*) > 2) y
WHERE x.hour = y.hour AND x.point IS NOT DISTINCT FROM y.point AND x.id > y.oldest AND x.id < y.newest

-- name: due
-- An hour that is over and in which nothing has changed for a while, or that has waited long enough.
SELECT hour, array_agg(id) AS seen,
       CASE WHEN bool_or(point IS NULL) THEN NULL ELSE array_agg(DISTINCT point) END AS points,
       hour < (SELECT raw_from FROM hazardwatch.storage) AS forgotten
FROM hazardwatch.touched
WHERE hour + interval '1 hour 2 minutes' <= clock_timestamp()
GROUP BY hour
HAVING max(at) <= clock_timestamp() - %(quiet_s)s * interval '1 second'
    OR min(at) <= clock_timestamp() - interval '10 minutes'
ORDER BY min(at), hour DESC
LIMIT 1

-- name: ensure
SELECT hazardwatch.ensure_rollups(%(hour)s)

-- name: roll
-- One hour of every tag: its minutes, and of these the hour.
WITH minute AS MATERIALIZED (
    SELECT r.point, date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.t >= %(hour)s AND r.t < %(hour)s + interval '1 hour'
    GROUP BY 1, 2
), kept AS (
    INSERT INTO hazardwatch.minute_kept AS k SELECT * FROM minute ORDER BY point, t
    ON CONFLICT (point, t) DO UPDATE
    SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
        bad = excluded.bad, worst = excluded.worst
    WHERE (k.n, k.bad) <> (excluded.n, excluded.bad)  -- readings are only ever added
)
INSERT INTO hazardwatch.hour_kept AS k
SELECT point, %(hour)s, min(min), max(max), sum(sum),
       (array_agg(last ORDER BY t DESC) FILTER (WHERE n > 0))[1], sum(n), sum(bad), min(worst)
FROM minute GROUP BY 1
ON CONFLICT (point, t) DO UPDATE
SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
    bad = excluded.bad, worst = excluded.worst
WHERE (k.n, k.bad) <> (excluded.n, excluded.bad)

-- name: roll_points
-- The same of a few tags, by their key.
WITH minute AS MATERIALIZED (
    SELECT r.point, date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t,
           min(r.value) FILTER (WHERE r.quality >= 64) AS min,
           max(r.value) FILTER (WHERE r.quality >= 64) AS max,
           sum(r.value) FILTER (WHERE r.quality >= 64) AS sum,
           (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.quality >= 64 AND r.value IS NOT NULL))[1] AS last,
           count(r.value) FILTER (WHERE r.quality >= 64) AS n,
           count(*) - count(r.value) FILTER (WHERE r.quality >= 64) AS bad,
           min(r.quality) AS worst
    FROM hazardwatch.reading_raw r
    WHERE r.point = ANY (%(points)s) AND r.t >= %(hour)s AND r.t < %(hour)s + interval '1 hour'
    GROUP BY 1, 2
), kept AS (
    INSERT INTO hazardwatch.minute_kept AS k SELECT * FROM minute ORDER BY point, t
    ON CONFLICT (point, t) DO UPDATE
    SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
        bad = excluded.bad, worst = excluded.worst
    WHERE (k.n, k.bad) <> (excluded.n, excluded.bad)
)
INSERT INTO hazardwatch.hour_kept AS k
SELECT point, %(hour)s, min(min), max(max), sum(sum),
       (array_agg(last ORDER BY t DESC) FILTER (WHERE n > 0))[1], sum(n), sum(bad), min(worst)
FROM minute GROUP BY 1
ON CONFLICT (point, t) DO UPDATE
SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
    bad = excluded.bad, worst = excluded.worst
WHERE (k.n, k.bad) <> (excluded.n, excluded.bad)

-- name: roll_forgotten
-- Readings that came for an hour whose readings were forgotten: a minute that has none of their tag takes them, one that
-- has some stays as it is, because whether they are there already cannot be known any more.
WITH gone AS (
    DELETE FROM hazardwatch.reading_raw r WHERE r.t >= %(hour)s AND r.t < %(hour)s + interval '1 hour' RETURNING r.*
), minute AS MATERIALIZED (
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
    INSERT INTO hazardwatch.minute_kept
    SELECT * FROM minute WHERE %(hour)s >= (SELECT minutes_from FROM hazardwatch.storage)
    ON CONFLICT DO NOTHING
    RETURNING *
), every AS (
    SELECT * FROM added
    UNION ALL
    SELECT k.* FROM hazardwatch.minute_kept k  -- as it was before this statement
    WHERE k.t >= %(hour)s AND k.t < %(hour)s + interval '1 hour' AND k.point IN (SELECT point FROM added)
    UNION ALL
    SELECT m.* FROM minute m
    WHERE %(hour)s < (SELECT minutes_from FROM hazardwatch.storage)
      AND NOT EXISTS (SELECT FROM hazardwatch.hour_kept k WHERE k.point = m.point AND k.t = %(hour)s)
)
INSERT INTO hazardwatch.hour_kept
SELECT point, %(hour)s, min(min), max(max), sum(sum),
       (array_agg(last ORDER BY t DESC) FILTER (WHERE n > 0))[1], sum(n), sum(bad), min(worst)
FROM every GROUP BY 1
ON CONFLICT (point, t) DO UPDATE
SET min = excluded.min, max = excluded.max, sum = excluded.sum, last = excluded.last, n = excluded.n,
    bad = excluded.bad, worst = excluded.worst

-- name: rolled
DELETE FROM hazardwatch.touched WHERE id = ANY (%(seen)s)

-- name: forget_readings
SELECT hazardwatch.forget_readings()

-- name: forget_minutes
SELECT hazardwatch.forget_minutes()

-- name: keep
-- How long what is kept, as the settings say.
UPDATE hazardwatch.storage
SET keep_readings_days = %(readings_days)s, keep_minutes_days = %(minutes_days)s
WHERE (keep_readings_days, keep_minutes_days) <> (%(readings_days)s, %(minutes_days)s)

-- name: without_index
-- Days made by a release that gave them no index by time.
SELECT child.relname FROM pg_inherits
JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = 'hazardwatch.reading_raw'::regclass
  AND NOT EXISTS (
      SELECT FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_am am ON am.oid = ic.relam
      WHERE i.indrelid = child.oid AND am.amname = 'brin' AND i.indisvalid
  )
ORDER BY child.relname DESC

-- name: indexed
-- Whether an hour of all tags is found by time, in chunks that are not compressed.
SELECT EXISTS (
    SELECT FROM pg_index WHERE indexrelid = to_regclass('hazardwatch.reading_raw_t') AND indisvalid
)

-- name: drop_index
DROP INDEX IF EXISTS hazardwatch.reading_raw_t

-- name: index_chunks
CREATE INDEX reading_raw_t ON hazardwatch.reading_raw USING brin (t)
WITH (autosummarize = on, timescaledb.transaction_per_chunk)

-- name: lag
-- Hours that wait to be rolled up, and for how many seconds the oldest has waited.
SELECT count(DISTINCT hour), coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8
FROM hazardwatch.touched
WHERE hour + interval '1 hour 2 minutes' <= clock_timestamp()

-- name: untold
-- Whether an older release wrote after us, without saying what it touched.
SELECT EXISTS (
    SELECT FROM hazardwatch.position
    WHERE role = 'historian' AND seq > 0 AND touched_seq IS DISTINCT FROM seq
)

-- name: told
-- First: an older release that is still at work waits here, and what it commits after us is found out the next time.
UPDATE hazardwatch.position SET touched_seq = seq WHERE role = 'historian'

-- name: touch_everything
SELECT hazardwatch.touch_everything()
