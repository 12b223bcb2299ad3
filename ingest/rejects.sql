-- What could not be used: browsed, counted, tried again, and forgotten in the end.

-- name: page
-- Newest first; `enterprises` NULL: of all, also of those that nobody knows.
SELECT id, at, reason, detail, topic, enterprise, gateway, tag, payload, size, sha256, instant, shift_ms, replayed_at,
       replayed_by, outcome, settled
FROM hazardwatch.reject
WHERE (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))
  AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
  AND (%(tag)s::text IS NULL OR tag = %(tag)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(settled)s::boolean IS NULL OR settled = %(settled)s)
  AND (%(begin)s::timestamptz IS NULL OR at >= %(begin)s)
  AND (%(end)s::timestamptz IS NULL OR at < %(end)s)
  AND (%(at)s::timestamptz IS NULL OR (at, id) < (%(at)s, %(id)s))
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: one
SELECT id, at, reason, detail, topic, enterprise, gateway, tag, payload, size, sha256, instant, shift_ms, replayed_at,
       replayed_by, outcome, settled
FROM hazardwatch.reject
WHERE id = %(id)s AND (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))

-- name: counts
-- How many in each hour or day (UTC), by reason and gateway; newest first, then the most.
SELECT date_trunc(%(period)s, at, 'UTC') AS t, reason, enterprise, gateway, count(*) AS n,
       count(*) FILTER (WHERE settled) AS settled, max(at) AS newest
FROM hazardwatch.reject
WHERE at >= %(begin)s AND at < %(end)s
  AND (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))
  AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
  AND (%(tag)s::text IS NULL OR tag = %(tag)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
GROUP BY 1, 2, 3, 4
ORDER BY t DESC, n DESC, reason, enterprise, gateway
LIMIT %(limit)s

-- name: open
-- What a replay has not put right yet, the oldest first, as readings happened.
SELECT id, at, reason, detail, topic, enterprise, gateway, tag, payload, size, sha256, instant, shift_ms, replayed_at,
       replayed_by, outcome, settled
FROM hazardwatch.reject
WHERE NOT settled
  AND (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))
  AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
  AND (%(tag)s::text IS NULL OR tag = %(tag)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(begin)s::timestamptz IS NULL OR at >= %(begin)s)
  AND (%(end)s::timestamptz IS NULL OR at < %(end)s)
  AND (%(at)s::timestamptz IS NULL OR (at, id) > (%(at)s, %(id)s))
ORDER BY at, id
LIMIT %(limit)s

-- name: mark
UPDATE hazardwatch.reject
SET replayed_at = %(at)s, replayed_by = %(by)s, outcome = %(outcome)s, settled = settled OR %(settled)s
WHERE id = %(id)s

-- name: claim
-- One replay at a time, until the connection ends.
SELECT pg_try_advisory_lock(%(key)s)

-- name: prune
-- Forgets a slice of what is older than rejects are kept.
DELETE FROM hazardwatch.reject
WHERE id IN (SELECT id FROM hazardwatch.reject WHERE at < %(before)s ORDER BY at LIMIT %(limit)s)
