-- What has left the database: files of calls for others, and whole months that are kept elsewhere.
-- None of it is written by calls.

CREATE TABLE export_drop (
    name          text NOT NULL,
    period_start  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,
    file          text NOT NULL,
    records       bigint NOT NULL,
    octets        bigint NOT NULL,
    sha256        text NOT NULL,
    made_at       timestamptz NOT NULL,
    made_on       text NOT NULL,      -- the machine whose folder it is in
    PRIMARY KEY (name, period_start)
);
COMMENT ON TABLE export_drop IS 'internal: which periods of a scheduled export were written, each once';

CREATE TABLE retained_month (
    relation     text NOT NULL CHECK (relation IN ('cdr', 'posting')),
    month        date NOT NULL,       -- its first day, UTC
    records      bigint NOT NULL,
    file         text NOT NULL,
    sha256       text NOT NULL,
    content      numeric NOT NULL,    -- sum of the rows' hashes: whether the table still is what the file is
    exported_at  timestamptz NOT NULL,
    detached_at  timestamptz,
    dropped_at   timestamptz,
    PRIMARY KEY (relation, month)
);
COMMENT ON TABLE retained_month IS 'internal: months of CDRs and postings that were exported to be kept elsewhere';

CREATE TABLE carried (
    account_id  bigint NOT NULL,
    month       date NOT NULL,
    what        text COLLATE "C" NOT NULL,  -- micros, bucket <id>, recurring <service>
    amount      bigint NOT NULL,
    PRIMARY KEY (account_id, month, what)
);
COMMENT ON TABLE carried IS 'hot: account_id; sums of the postings of months that were detached, so that the books add up';
