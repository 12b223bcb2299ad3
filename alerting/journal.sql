-- Alarm events and occurrences in, and back out. Times come as Unix milliseconds.

-- name: add_events
-- The key (epoch, seq) makes an event that comes twice change nothing.
INSERT INTO hazardwatch.alarm_journal (
    epoch, seq, t, alarm, ev, enterprise, source, tag, alarm_id, priority, state, since, occ, ann, q, value, v, "limit",
    unit, received_at, emitted_at, at, late, exercise, unlogged, "cascade", cmd, command, reason, why, until, permit,
    "user", comment)
SELECT
    %(epoch)s, seq, timestamptz 'epoch' + t * interval '1 ms', alarm, ev, coalesce(enterprise, ''),
    coalesce(source, ''), coalesce(tag, ''), alarm_id, priority, state, timestamptz 'epoch' + since * interval '1 ms',
    occ, ann, q, value, v, "limit", unit, timestamptz 'epoch' + received_at * interval '1 ms',
    timestamptz 'epoch' + emitted_at * interval '1 ms', timestamptz 'epoch' + at * interval '1 ms',
    coalesce(late, false), coalesce(exercise, false), coalesce(unlogged, false), coalesce("cascade", false), cmd,
    command, reason, why, timestamptz 'epoch' + until * interval '1 ms', permit, "user", comment
FROM jsonb_to_recordset(%(rows)s) AS r (
    seq bigint, t bigint, alarm text, ev text, enterprise text, source text, tag text, alarm_id text,
    priority smallint, state text, since bigint, occ bigint, ann boolean, q text, value float8, v float8,
    "limit" float8, unit text, received_at bigint, emitted_at bigint, at bigint, late boolean, exercise boolean,
    unlogged boolean, "cascade" boolean, cmd text, command text, reason text, why text, until bigint, permit text,
    "user" text, comment text)
ON CONFLICT DO NOTHING

-- name: known
-- What the events of one transaction may change.
SELECT
    alarm_id, enterprise, source, tag, alarm, state, (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at, epoch,
    first_seq, last_seq, occ, priority, (extract(epoch FROM since) * 1000)::bigint AS since,
    (extract(epoch FROM returned_at) * 1000)::bigint AS returned_at,
    (extract(epoch FROM acked_at) * 1000)::bigint AS acked_at, acked_by, value, "limit", unit,
    (extract(epoch FROM received_at) * 1000)::bigint AS received_at,
    (extract(epoch FROM emitted_at) * 1000)::bigint AS emitted_at, annunciated, late, exercise, unlogged, comment
FROM hazardwatch.alarm_occurrence
WHERE alarm_id = ANY (%(ids)s)
UNION
SELECT
    alarm_id, o.enterprise, source, o.tag, o.alarm, state, (extract(epoch FROM raised_at) * 1000)::bigint, epoch,
    first_seq, last_seq, occ, priority, (extract(epoch FROM since) * 1000)::bigint,
    (extract(epoch FROM returned_at) * 1000)::bigint, (extract(epoch FROM acked_at) * 1000)::bigint, acked_by, value,
    "limit", unit, (extract(epoch FROM received_at) * 1000)::bigint, (extract(epoch FROM emitted_at) * 1000)::bigint,
    annunciated, late, exercise, unlogged, comment
FROM hazardwatch.alarm_occurrence o
JOIN unnest(%(enterprises)s::text[], %(tags)s::text[], %(alarms)s::text[]) AS p (enterprise, tag, alarm)
    ON o.enterprise = p.enterprise AND o.tag = p.tag AND o.alarm = p.alarm
WHERE o.state NOT IN ('NORM', 'SUPERSEDED')

-- name: put_occurrences
INSERT INTO hazardwatch.alarm_occurrence (
    alarm_id, enterprise, source, tag, alarm, occ, priority, state, since, raised_at, returned_at, acked_at, acked_by,
    value, "limit", unit, received_at, emitted_at, annunciated, late, exercise, unlogged, comment, epoch, first_seq,
    last_seq)
SELECT
    alarm_id, enterprise, source, tag, alarm, occ, priority, state, timestamptz 'epoch' + since * interval '1 ms',
    timestamptz 'epoch' + raised_at * interval '1 ms', timestamptz 'epoch' + returned_at * interval '1 ms',
    timestamptz 'epoch' + acked_at * interval '1 ms', acked_by, value, "limit", unit,
    timestamptz 'epoch' + received_at * interval '1 ms', timestamptz 'epoch' + emitted_at * interval '1 ms',
    annunciated, late, exercise, unlogged, comment, epoch, first_seq, last_seq
FROM jsonb_to_recordset(%(rows)s) AS r (
    alarm_id text, enterprise text, source text, tag text, alarm text, occ bigint, priority smallint, state text,
    since bigint, raised_at bigint, returned_at bigint, acked_at bigint, acked_by text, value float8, "limit" float8,
    unit text, received_at bigint, emitted_at bigint, annunciated boolean, late boolean, exercise boolean,
    unlogged boolean, comment text, epoch text, first_seq bigint, last_seq bigint)
ON CONFLICT (alarm_id) DO UPDATE SET
    state = excluded.state, returned_at = excluded.returned_at, acked_at = excluded.acked_at,
    acked_by = excluded.acked_by, annunciated = excluded.annunciated, comment = excluded.comment,
    epoch = excluded.epoch, last_seq = excluded.last_seq

-- name: ack_superseded
-- An occurrence that was raised over takes the acknowledgement of its successor.
UPDATE hazardwatch.alarm_occurrence SET acked_at = timestamptz 'epoch' + %(at)s * interval '1 ms', acked_by = %(by)s
WHERE enterprise = %(enterprise)s AND tag = %(tag)s AND alarm = %(alarm)s AND state = 'SUPERSEDED'
    AND acked_at IS NULL AND (epoch <> %(epoch)s OR first_seq < %(seq)s)

-- name: put_notifications
-- Who was told; an attempt is written when it begins and again when it has ended.
INSERT INTO hazardwatch.notification (
    id, at, contact, channel, kind, alarm_id, enterprise, source, tag, alarm, priority, attempt, outcome, error,
    accepted_at, accepted_by, detail)
SELECT
    id, timestamptz 'epoch' + at * interval '1 ms', contact, channel, kind, alarm_id, enterprise, source, tag, alarm,
    priority, attempt, outcome, error, timestamptz 'epoch' + accepted_at * interval '1 ms', accepted_by,
    coalesce(detail, '{}')
FROM jsonb_to_recordset(%(rows)s) AS r (
    id text, at bigint, contact text, channel text, kind text, alarm_id text, enterprise text, source text, tag text,
    alarm text, priority smallint, attempt integer, outcome text, error text, accepted_at bigint, accepted_by text,
    detail jsonb)
ON CONFLICT (id) DO UPDATE SET
    outcome = excluded.outcome, error = excluded.error, accepted_at = excluded.accepted_at,
    accepted_by = excluded.accepted_by, detail = excluded.detail

-- name: occurrences
-- Newest first; every filter that is NULL admits all.
SELECT
    alarm_id, enterprise, source, tag, alarm, occ, priority, state, since, raised_at, returned_at, acked_at, acked_by,
    value, "limit" AS limit_, unit, received_at, emitted_at, annunciated, late, exercise, unlogged, comment, last_seq
FROM hazardwatch.alarm_occurrence
WHERE (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))
    AND (%(states)s::text[] IS NULL OR state = ANY (%(states)s))
    AND (%(priorities)s::int[] IS NULL OR priority = ANY (%(priorities)s))
    AND (%(source)s::text IS NULL OR enterprise || '/' || source = %(source)s)
    AND (%(begin)s::timestamptz IS NULL OR raised_at >= %(begin)s)
    AND (%(end)s::timestamptz IS NULL OR raised_at < %(end)s)
    AND (%(late)s::boolean IS NULL OR late = %(late)s)
    AND (%(before)s::timestamptz IS NULL OR (raised_at, alarm_id) < (%(before)s, %(before_id)s::text))
ORDER BY raised_at DESC, alarm_id DESC
LIMIT %(limit)s

-- name: occurrence
SELECT
    alarm_id, enterprise, source, tag, alarm, occ, priority, state, since, raised_at, returned_at, acked_at, acked_by,
    value, "limit" AS limit_, unit, received_at, emitted_at, annunciated, late, exercise, unlogged, comment, last_seq
FROM hazardwatch.alarm_occurrence
WHERE alarm_id = %(alarm_id)s

-- name: events
-- The journal of one occurrence, in the order in which it happened.
SELECT
    seq, t, alarm, ev, enterprise, source, tag, alarm_id, priority, state, since, occ, ann, q, value, v, "limit",
    unit, received_at, emitted_at, at, late, exercise, unlogged, "cascade", cmd, command, reason, why, until, permit,
    "user", comment
FROM hazardwatch.alarm_journal
WHERE alarm_id = %(alarm_id)s
ORDER BY coalesce(emitted_at, t), seq
LIMIT %(limit)s

-- name: patience
-- Figures of a period that take longer are not worth the disk they keep busy. Events are grouped by hash: to sort them
-- by four texts takes longer than all the rest.
SELECT set_config('statement_timeout', '20s', true), set_config('work_mem', '64MB', true),
    set_config('enable_sort', 'off', true)

-- name: journalled
-- The last message of ALARM whose events are all here.
SELECT seq FROM hazardwatch.position WHERE role = 'journal' AND epoch = %(epoch)s

-- name: record
-- Events that the figures of merit know (alerting/record.py says which), an alarm a row, each column as one string of
-- 8-byte numbers: those heard of from `begin` until before `end`, and of what was active then what led to it. Of the
-- line that is in use (`epoch`) only what lies below `below`: the rest is in memory.
WITH chosen AS (
    SELECT * FROM hazardwatch.alarm_journal
    WHERE coalesce(emitted_at, t) >= %(begin)s AND coalesce(emitted_at, t) < %(end)s
    UNION ALL
    SELECT * FROM hazardwatch.alarm_journal
    WHERE coalesce(emitted_at, t) < %(begin)s AND ev NOT IN ('REALARM', 'ACK')
        AND alarm_id = ANY (ARRAY(  -- an array: these are few, whatever the planner thinks of a join
            SELECT alarm_id FROM hazardwatch.alarm_occurrence
            WHERE raised_at < %(begin)s
                AND (returned_at > %(begin)s
                    OR returned_at IS NULL AND state IN ('UNACK', 'ACKED', 'SHLVD', 'DSUPR', 'OOSRV'))))
), counted AS (
    SELECT * FROM chosen
    WHERE NOT exercise AND alarm <> 'POINT' AND ev NOT IN ('REJECT', 'COMMENT', 'LATE_VIOLATION')
        AND state IS NOT NULL AND NOT coalesce(late AND occ = 0, false)
        AND (%(enterprises)s::text[] IS NULL OR enterprise = ANY (%(enterprises)s))
        AND (%(source)s::text IS NULL OR enterprise || '/' || source = %(source)s)
        AND (epoch <> %(epoch)s OR seq < %(below)s)
    LIMIT %(most)s
)
SELECT
    epoch, enterprise, source, tag, alarm, string_agg(int8send(seq), '') AS seq,
    string_agg(timestamptz_send(coalesce(emitted_at, t)), '') AS heard, string_agg(timestamptz_send(t), '') AS t,
    string_agg(int2send((
        CASE ev WHEN 'ACTIVE' THEN 1 WHEN 'RTN' THEN 2 WHEN 'ACK' THEN 3 ELSE 0 END
        + CASE WHEN ann THEN 4 ELSE 0 END + CASE WHEN state IN ('UNACK', 'ACKED') THEN 8 ELSE 0 END
        + coalesce(priority, 0) * 16)::smallint), '') AS code
FROM counted
GROUP BY epoch, enterprise, source, tag, alarm
