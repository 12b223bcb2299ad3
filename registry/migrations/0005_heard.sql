-- What the figures of merit of a period ask for: events by the time at which people heard of them, and what stood then.

CREATE INDEX alarm_journal_heard ON hazardwatch.alarm_journal ((coalesce(emitted_at, t)));
CREATE INDEX alarm_occurrence_returned ON hazardwatch.alarm_occurrence (returned_at);
