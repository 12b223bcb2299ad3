-- Readings on plain PostgreSQL: one partition a UTC day, made when it is first needed.
-- The key (point, t) is what makes a reading that arrives twice change nothing.

CREATE TABLE hazardwatch.reading_raw (
    point        integer NOT NULL,
    t            timestamptz NOT NULL,
    value        double precision,           -- NULL: bad, or no number
    quality      smallint NOT NULL,          -- 192 good, 64 uncertain, 0 bad
    clock        smallint NOT NULL,          -- whose time t is: 0 the gateway's, 1 the arrival's, 2 shifted
    source_t     timestamptz,                -- the gateway's own time where t was shifted
    received_at  timestamptz NOT NULL,
    PRIMARY KEY (point, t)
) PARTITION BY RANGE (t);

-- Days for which no partition was made: very old or future ones. Nothing is refused for its time.
CREATE TABLE hazardwatch.reading_default PARTITION OF hazardwatch.reading_raw DEFAULT;

-- Makes the partition of a UTC day if it is missing; false where the day is so odd that its readings stay in the
-- default partition (a few wrong clocks must not make thousands of tables). Readings of the day that lie in the
-- default partition already move over.
CREATE FUNCTION hazardwatch.ensure_day(day date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    partition text := 'reading_' || to_char(day, 'YYYY_MM_DD');
    begins timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
BEGIN
    IF day < (now() AT TIME ZONE 'UTC')::date - 400 OR day > (now() AT TIME ZONE 'UTC')::date + 2 THEN
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
    EXECUTE format(
        'ALTER TABLE hazardwatch.reading_raw ATTACH PARTITION hazardwatch.%I FOR VALUES FROM (%L) TO (%L)',
        partition, begins, ends);
    RETURN true;
END $$;

-- Forgets all readings before a UTC day; returns how many partitions went.
CREATE FUNCTION hazardwatch.drop_before(day date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    partition text;
    dropped integer := 0;
BEGIN
    FOR partition IN
        SELECT child.relname FROM pg_inherits
        JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'hazardwatch.reading_raw'::regclass
          AND child.relname ~ '^reading_\d{4}_\d{2}_\d{2}$'
          AND to_date(substr(child.relname, 9), 'YYYY_MM_DD') < day
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE hazardwatch.%I', partition);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM hazardwatch.reading_default WHERE t < day::timestamp AT TIME ZONE 'UTC';
    RETURN dropped;
END $$;
