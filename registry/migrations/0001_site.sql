-- What exists, as rows: a copy of the registry version in force, and the history of versions.
-- The registry in force lives in the line; these tables are written by the historian when it reads a version.

CREATE TABLE hazardwatch.site_version (
    version  integer PRIMARY KEY,
    made_at  timestamptz NOT NULL,
    made_by  text NOT NULL,
    reason   text NOT NULL,
    site     jsonb NOT NULL
);

CREATE TABLE hazardwatch.region (
    code    text PRIMARY KEY,
    name    text NOT NULL,
    parent  text
);

CREATE TABLE hazardwatch.enterprise (
    code      text PRIMARY KEY,
    name      text NOT NULL,
    region    text NOT NULL,
    address   text NOT NULL,
    lon       double precision,
    lat       double precision,
    exercise  boolean NOT NULL
);

CREATE TABLE hazardwatch.source (
    enterprise  text NOT NULL,
    code        text NOT NULL,
    name        text NOT NULL,
    template    text NOT NULL,
    grade       text NOT NULL,
    lon         double precision,
    lat         double precision,
    PRIMARY KEY (enterprise, code)
);

CREATE TABLE hazardwatch.gateway (
    id               integer PRIMARY KEY,
    enterprise       text NOT NULL,
    code             text NOT NULL,
    name             text NOT NULL,
    offline_after_s  double precision NOT NULL,
    clock            text NOT NULL,
    retired_at       timestamptz
);

-- Every tag that ever was: an id is never used for another, so history keeps its name after the tag is retired.
CREATE TABLE hazardwatch.point (
    id          integer PRIMARY KEY,
    enterprise  text NOT NULL,
    source      text NOT NULL,
    tag         text NOT NULL,
    kind        text NOT NULL,
    unit        text NOT NULL,
    retired_at  timestamptz,
    columns     jsonb NOT NULL  -- the whole row of tags.csv
);
CREATE INDEX point_tag ON hazardwatch.point (enterprise, tag);

CREATE TABLE hazardwatch.rule (
    id          integer PRIMARY KEY,
    enterprise  text NOT NULL,
    source      text NOT NULL,
    rule        text NOT NULL,
    type        text NOT NULL,
    retired_at  timestamptz,
    columns     jsonb NOT NULL  -- the whole row of rules.csv
);

-- How far each writer has come: what it has committed, in the same transaction as the rows themselves.
CREATE TABLE hazardwatch.position (
    role   text PRIMARY KEY,
    epoch  text NOT NULL,
    seq    bigint NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);
