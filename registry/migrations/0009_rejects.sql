-- Rejects that are put right later: the times they would have been stored under, and what became of them.

ALTER TABLE hazardwatch.reject
    ADD COLUMN instant      timestamptz,   -- what stands for the time of its readings that gave none; NULL: `at`
    ADD COLUMN shift_ms     bigint,        -- what was added to its message's own times; NULL: nobody judged its clock
    ADD COLUMN replayed_at  timestamptz,   -- when somebody last tried it again
    ADD COLUMN replayed_by  text,
    ADD COLUMN outcome      text,          -- what became of it then
    ADD COLUMN settled      boolean NOT NULL DEFAULT false;  -- its readings are on the line: a replay passes it over

-- What a replay looks for, the oldest first.
CREATE INDEX reject_open ON hazardwatch.reject (at, id) WHERE NOT settled;
