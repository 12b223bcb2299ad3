-- The stable views for Grafana, spreadsheets and inspectors. Tables behind them may change; these may not.

CREATE VIEW hazardwatch.reading AS
SELECT r.t, p.enterprise, p.source, p.tag, r.value, r.quality, r.received_at
FROM hazardwatch.reading_raw r
JOIN hazardwatch.point p ON p.id = r.point;

-- n counts the readings with a usable value, bad those without.
CREATE VIEW hazardwatch.reading_1m AS
SELECT date_bin('1 minute', r.t, '2000-01-01 00:00:00+00') AS t, p.enterprise, p.source, p.tag,
       min(r.value) AS min, max(r.value) AS max, avg(r.value) AS mean,
       (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.value IS NOT NULL))[1] AS last,
       count(r.value) AS n, count(*) - count(r.value) AS bad
FROM (SELECT point, t, CASE WHEN quality >= 64 THEN value END AS value FROM hazardwatch.reading_raw) r
JOIN hazardwatch.point p ON p.id = r.point
GROUP BY 1, 2, 3, 4;

CREATE VIEW hazardwatch.reading_1h AS
SELECT date_bin('1 hour', r.t, '2000-01-01 00:00:00+00') AS t, p.enterprise, p.source, p.tag,
       min(r.value) AS min, max(r.value) AS max, avg(r.value) AS mean,
       (array_agg(r.value ORDER BY r.t DESC) FILTER (WHERE r.value IS NOT NULL))[1] AS last,
       count(r.value) AS n, count(*) - count(r.value) AS bad
FROM (SELECT point, t, CASE WHEN quality >= 64 THEN value END AS value FROM hazardwatch.reading_raw) r
JOIN hazardwatch.point p ON p.id = r.point
GROUP BY 1, 2, 3, 4;

CREATE VIEW hazardwatch.alarm AS
SELECT alarm_id, enterprise, source, tag, alarm, priority, since, raised_at, returned_at, acked_at, acked_by, state
FROM hazardwatch.alarm_occurrence;

CREATE VIEW hazardwatch.alarm_event AS
SELECT epoch, seq, t, alarm, ev, state, since, occ, ann, q, late, exercise, alarm_id, enterprise, source, tag, priority,
       value, v, "limit", unit, received_at, emitted_at, at, unlogged, "cascade", cmd, command, reason, why, until,
       permit, "user", comment
FROM hazardwatch.alarm_journal;

-- Who may read them. A server that does not let us make roles keeps its own way of granting.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hazardwatch_reader') THEN
        CREATE ROLE hazardwatch_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'hazardwatch_reader') THEN
        GRANT USAGE ON SCHEMA hazardwatch TO hazardwatch_reader;
        GRANT SELECT ON hazardwatch.reading, hazardwatch.reading_1m, hazardwatch.reading_1h, hazardwatch.alarm,
                        hazardwatch.alarm_event TO hazardwatch_reader;
    END IF;
END $$;
