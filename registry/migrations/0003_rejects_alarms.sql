-- What could not be used, what rang, and who was told.

-- The id comes from the content (topic, arrival, payload, reason, tag), so that the same reject twice changes nothing.
CREATE TABLE hazardwatch.reject (
    id          text PRIMARY KEY,
    at          timestamptz NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    topic       text NOT NULL,
    enterprise  text NOT NULL,
    gateway     text NOT NULL,
    tag         text NOT NULL,
    payload     bytea NOT NULL,
    size        bigint NOT NULL,
    sha256      text NOT NULL
);
CREATE INDEX reject_at ON hazardwatch.reject (at DESC, id);

-- A gateway came or went; `ts` is its own time where it gave one.
CREATE TABLE hazardwatch.gateway_status (
    gateway  integer NOT NULL,
    at       timestamptz NOT NULL,
    online   boolean NOT NULL,
    ts       timestamptz,
    PRIMARY KEY (gateway, at, online)
);

-- Every event of every alarm, in the order of the line; (epoch, seq) makes one that comes twice change nothing.
CREATE TABLE hazardwatch.alarm_journal (
    epoch        text NOT NULL,
    seq          bigint NOT NULL,
    t            timestamptz NOT NULL,
    alarm        text NOT NULL,
    ev           text NOT NULL,
    enterprise   text NOT NULL,
    source       text NOT NULL,
    tag          text NOT NULL,
    alarm_id     text,
    priority     smallint,
    state        text,
    since        timestamptz,
    occ          bigint,
    ann          boolean,
    q            text,
    value        double precision,
    v            double precision,
    "limit"      double precision,
    unit         text,
    received_at  timestamptz,
    emitted_at   timestamptz,
    at           timestamptz,
    late         boolean NOT NULL DEFAULT false,
    exercise     boolean NOT NULL DEFAULT false,
    unlogged     boolean NOT NULL DEFAULT false,
    "cascade"    boolean NOT NULL DEFAULT false,
    cmd          text,
    command      text,
    reason       text,
    why          text,
    until        timestamptz,
    permit       text,
    "user"       text,
    comment      text,
    PRIMARY KEY (epoch, seq)
);
CREATE INDEX alarm_journal_alarm ON hazardwatch.alarm_journal (alarm_id, seq) WHERE alarm_id IS NOT NULL;
CREATE INDEX alarm_journal_t ON hazardwatch.alarm_journal (t);

-- One row an occurrence: raised, returned, acknowledged. `state` is the shown state, or SUPERSEDED.
CREATE TABLE hazardwatch.alarm_occurrence (
    alarm_id      text PRIMARY KEY,
    enterprise    text NOT NULL,
    source        text NOT NULL,
    tag           text NOT NULL,
    alarm         text NOT NULL,
    occ           bigint,
    priority      smallint,
    state         text NOT NULL,
    since         timestamptz,
    raised_at     timestamptz NOT NULL,
    returned_at   timestamptz,
    acked_at      timestamptz,
    acked_by      text,
    value         double precision,
    "limit"       double precision,
    unit          text,
    received_at   timestamptz,
    emitted_at    timestamptz,
    annunciated   boolean NOT NULL DEFAULT false,
    late          boolean NOT NULL DEFAULT false,
    exercise      boolean NOT NULL DEFAULT false,
    unlogged      boolean NOT NULL DEFAULT false,
    comment       text,
    epoch         text NOT NULL,
    first_seq     bigint NOT NULL,
    last_seq      bigint NOT NULL
);
CREATE INDEX alarm_occurrence_raised ON hazardwatch.alarm_occurrence (raised_at DESC, alarm_id);
CREATE INDEX alarm_occurrence_point ON hazardwatch.alarm_occurrence (enterprise, tag, alarm, raised_at DESC);

-- Who was told of what, when, through which channel (never its secret), and whether it was accepted.
CREATE TABLE hazardwatch.notification (
    id           text PRIMARY KEY,
    at           timestamptz NOT NULL,
    contact      text NOT NULL,
    channel      text NOT NULL,       -- the scheme and host alone
    kind         text NOT NULL,       -- raise, return, summary, ...
    alarm_id     text,
    enterprise   text,
    source       text,
    tag          text,
    alarm        text,
    priority     smallint,
    attempt      integer NOT NULL,
    outcome      text NOT NULL,       -- sent, failed, ...
    error        text,
    accepted_at  timestamptz,
    accepted_by  text,
    detail       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX notification_at ON hazardwatch.notification (at DESC, id);
CREATE INDEX notification_alarm ON hazardwatch.notification (alarm_id);
