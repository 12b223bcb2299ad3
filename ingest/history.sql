-- What is read back: trends and files.

-- name: patience
-- A question that takes longer is not worth the disk it keeps busy.
SET LOCAL statement_timeout = '20s'

-- name: raw
-- The readings of a tag as they are, one more than asked for to show that they do not fit.
SELECT t, value, quality FROM hazardwatch.reading_raw
WHERE point = %(point)s AND t >= %(begin)s AND t < %(end)s
ORDER BY t
LIMIT %(limit)s

-- name: bins
-- Extremes, mean and last of the usable readings of each bin, and the worst quality in it.
WITH bin AS (
    SELECT date_bin(%(width)s, t, %(origin)s) AS t,
           min(value) FILTER (WHERE quality >= 64) AS min,
           max(value) FILTER (WHERE quality >= 64) AS max,
           avg(value) FILTER (WHERE quality >= 64) AS mean,
           max(t) FILTER (WHERE quality >= 64 AND value IS NOT NULL) AS last_t,
           count(value) FILTER (WHERE quality >= 64) AS n,
           min(quality) AS quality
    FROM hazardwatch.reading_raw
    WHERE point = %(point)s AND t >= %(begin)s AND t < %(end)s
    GROUP BY 1
)
SELECT greatest(bin.t, %(begin)s) AS t, bin.min, bin.max, bin.mean, last.value AS last, bin.n, bin.quality
FROM bin
LEFT JOIN LATERAL (  -- by the key, one at a time: a join would read everything once more
    SELECT value FROM hazardwatch.reading_raw WHERE point = %(point)s AND t = bin.last_t LIMIT 1
) last ON true
ORDER BY 1

-- name: latest
-- The newest reading of each tag, wherever it lies.
SELECT asked.point, found.*
FROM unnest(%(points)s::integer[]) AS asked (point)
CROSS JOIN LATERAL (
    SELECT t, value, quality, received_at FROM hazardwatch.reading_raw
    WHERE point = asked.point
    ORDER BY t DESC LIMIT 1
) found

-- name: stored
-- The readings of some points in a stretch of time, as one row of columns: a row for each takes four times as long.
SELECT array_send(array_agg(t)), array_send(array_agg(point)),
       array_send(array_agg(coalesce(value, 'NaN'::float8))), array_send(array_agg(quality))
FROM (
    SELECT t, point, value, quality FROM hazardwatch.reading_raw
    WHERE t >= %(begin)s AND t < %(end)s AND point = ANY (%(points)s)
    LIMIT %(most)s  -- so that a stretch that holds too many is noticed without reading them all
) found

-- name: guess
-- About how many those are, from what the planner knows.
EXPLAIN (FORMAT JSON)
SELECT FROM hazardwatch.reading_raw WHERE t >= %(begin)s AND t < %(end)s AND point = ANY (%(points)s)

-- name: points
-- Every tag that was ever in force; one that was retired and came back has two ids. Not the platform's own.
SELECT id, enterprise, tag FROM hazardwatch.point WHERE source <> 'platform'

-- name: export
-- One day of an enterprise's readings in the order of their times; not what the platform says of itself.
COPY (
    SELECT (extract(epoch FROM r.t) * 1000)::bigint, p.enterprise, p.tag, r.value, r.quality
    FROM hazardwatch.reading_raw r
    JOIN hazardwatch.point p ON p.id = r.point
    WHERE r.t >= %(begin)s AND r.t < %(end)s
      AND (%(enterprise)s::text IS NULL OR p.enterprise = %(enterprise)s) AND p.source <> 'platform'
    ORDER BY r.t, r.received_at, r.point
) TO STDOUT (FORMAT csv)
