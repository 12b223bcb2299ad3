-- The rows of one registry version, each kind as one JSON array in `rows`. Applying a version twice changes nothing.

-- name: add_version
-- The history of versions; nothing comes back where this one is known already.
INSERT INTO hazardwatch.site_version (version, made_at, made_by, reason, site)
VALUES (%(version)s, %(made_at)s, %(made_by)s, %(reason)s, %(rows)s)
ON CONFLICT DO NOTHING
RETURNING version

-- name: newest_version
SELECT coalesce(max(version), 0) FROM hazardwatch.site_version

-- name: forget_rows
-- What has no id of its own and no history is written anew.
DELETE FROM hazardwatch.region;
DELETE FROM hazardwatch.enterprise;
DELETE FROM hazardwatch.source

-- name: regions
INSERT INTO hazardwatch.region (code, name, parent)
SELECT code, name, nullif(parent, '')
FROM jsonb_to_recordset(%(rows)s) AS r (code text, name text, parent text)

-- name: enterprises
INSERT INTO hazardwatch.enterprise (code, name, region, address, lon, lat, exercise)
SELECT code, name, region, coalesce(address, ''), lon, lat, coalesce(exercise, false)
FROM jsonb_to_recordset(%(rows)s)
    AS r (code text, name text, region text, address text, lon float8, lat float8, exercise boolean)

-- name: sources
INSERT INTO hazardwatch.source (enterprise, code, name, template, grade, lon, lat)
SELECT enterprise, code, name, coalesce(template, ''), coalesce(grade, ''), lon, lat
FROM jsonb_to_recordset(%(rows)s)
    AS r (enterprise text, code text, name text, template text, grade text, lon float8, lat float8)

-- name: gateways
INSERT INTO hazardwatch.gateway (id, enterprise, code, name, offline_after_s, clock)
SELECT id, enterprise, code, coalesce(name, ''), coalesce(offline_after_s, 60), coalesce(clock, 'wall')
FROM jsonb_to_recordset(%(rows)s)
    AS r (id integer, enterprise text, code text, name text, offline_after_s float8, clock text)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, offline_after_s = excluded.offline_after_s, clock = excluded.clock, retired_at = NULL

-- name: tags
INSERT INTO hazardwatch.point (id, enterprise, source, tag, kind, unit, columns)
SELECT (r ->> 'id')::integer, r ->> 'enterprise', r ->> 'source', r ->> 'tag', r ->> 'kind', r ->> 'unit', r
FROM jsonb_array_elements(%(rows)s) AS r
ON CONFLICT (id) DO UPDATE SET
    source = excluded.source, kind = excluded.kind, unit = excluded.unit, columns = excluded.columns, retired_at = NULL
WHERE (point.source, point.columns, point.retired_at)
    IS DISTINCT FROM (excluded.source, excluded.columns, excluded.retired_at)

-- name: rules
INSERT INTO hazardwatch.rule (id, enterprise, source, rule, type, columns)
SELECT (r ->> 'id')::integer, r ->> 'enterprise', r ->> 'source', r ->> 'rule', r ->> 'type', r
FROM jsonb_array_elements(%(rows)s) AS r
ON CONFLICT (id) DO UPDATE SET
    source = excluded.source, type = excluded.type, columns = excluded.columns, retired_at = NULL

-- name: retire_gateways
UPDATE hazardwatch.gateway SET retired_at = %(at)s
WHERE retired_at IS NULL AND NOT id = ANY (%(ids)s)

-- name: retire_tags
UPDATE hazardwatch.point SET retired_at = %(at)s
WHERE retired_at IS NULL AND NOT id = ANY (%(ids)s)

-- name: retire_rules
UPDATE hazardwatch.rule SET retired_at = %(at)s
WHERE retired_at IS NULL AND NOT id = ANY (%(ids)s)
