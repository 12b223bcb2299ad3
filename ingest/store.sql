-- What the historian writes. Each transaction moves its position, so that rows and position are one.

-- name: position
-- How far this role has come, in which epoch of the line.
SELECT epoch, seq FROM hazardwatch.position WHERE role = %(role)s

-- name: begin_position
-- The first time on this database.
INSERT INTO hazardwatch.position AS p (role, epoch, seq, touched_seq) VALUES (%(role)s, %(epoch)s, %(seq)s, %(seq)s)
ON CONFLICT (role) DO UPDATE
SET epoch = excluded.epoch, seq = excluded.seq, at = now(),
    touched_seq = CASE WHEN p.touched_seq = p.seq THEN excluded.seq END

-- name: move_position
-- Nothing is updated where another process has written meanwhile. Where an older release wrote, touched_seq lags until
-- all is touched.
UPDATE hazardwatch.position
SET seq = %(seq)s, touched_seq = CASE WHEN touched_seq = seq THEN %(seq)s ELSE touched_seq END, at = now()
WHERE role = %(role)s AND epoch = %(epoch)s AND seq = %(expected)s

-- name: ensure_day
SELECT hazardwatch.ensure_day(date '1970-01-01' + %(day)s::integer)

-- name: touch
-- Hours since 1970, each with the tag whose rollup it is, or NULL for those of all tags.
INSERT INTO hazardwatch.touched (hour, point)
SELECT timestamptz '1970-01-01 00:00:00+00' + hour * interval '1 hour', point
FROM unnest(%(hours)s::bigint[], %(points)s::integer[]) AS said (hour, point)

-- name: copy
-- The fast way: straight into the table; refused as a whole where one key is there already.
COPY hazardwatch.reading_raw (point, t, value, quality, clock, source_t, received_at) FROM STDIN (FORMAT binary)

-- name: stage
-- The way for readings of which some are there already.
CREATE TEMPORARY TABLE staged (
    point integer, t timestamptz, value double precision, quality smallint, clock smallint, source_t timestamptz,
    received_at timestamptz
) ON COMMIT DROP

-- name: copy_staged
COPY pg_temp.staged (point, t, value, quality, clock, source_t, received_at) FROM STDIN (FORMAT binary)

-- name: add_staged
INSERT INTO hazardwatch.reading_raw (point, t, value, quality, clock, source_t, received_at)
SELECT point, t, value, quality, clock, source_t, received_at FROM pg_temp.staged
ON CONFLICT DO NOTHING

-- name: conflicts
-- Staged readings whose key is there with another value, as point, Unix milliseconds and
-- what is stored.
SELECT s.point, (extract(epoch FROM s.t) * 1000)::bigint, r.value, r.quality
FROM pg_temp.staged s
JOIN hazardwatch.reading_raw r ON r.point = s.point AND r.t = s.t
WHERE r.t BETWEEN (SELECT min(t) FROM pg_temp.staged) AND (SELECT max(t) FROM pg_temp.staged)
  AND (r.value, r.quality) IS DISTINCT FROM (s.value, s.quality)

-- name: add_reject
INSERT INTO hazardwatch.reject
    (id, at, reason, detail, topic, enterprise, gateway, tag, payload, size, sha256, instant, shift_ms)
VALUES (%(id)s, %(at)s, %(reason)s, %(detail)s, %(topic)s, %(enterprise)s, %(gateway)s, %(tag)s, %(payload)s,
        %(size)s, %(sha256)s, %(instant)s, %(shift_ms)s)
ON CONFLICT DO NOTHING

-- name: add_status
INSERT INTO hazardwatch.gateway_status (gateway, at, online, ts)
VALUES (%(gateway)s, %(at)s, %(online)s, %(ts)s)
ON CONFLICT DO NOTHING

-- name: is_timescale
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
