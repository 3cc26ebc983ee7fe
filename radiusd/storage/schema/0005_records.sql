-- Calls told after the fact: where their records come from, and which have been taken, so that a record that
-- comes again changes nothing and a file can be taken back.

CREATE TABLE source (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> ''),
    client_id       bigint NOT NULL REFERENCES client,  -- whose calls they are; one of its own when no switch's
    format          text NOT NULL,
    settings        jsonb NOT NULL DEFAULT '{}',
    shares_calls    boolean NOT NULL,               -- the switch tells of the same calls by RADIUS
    tenant          text NOT NULL DEFAULT '',       -- of all records, unless tenant_from finds another
    tenant_from     text NOT NULL DEFAULT '',
    username_from   text NOT NULL DEFAULT '',
    trunk_in_from   text NOT NULL DEFAULT '',
    trunk_out_from  text NOT NULL DEFAULT '',
    calling_rules   text[] NOT NULL DEFAULT '{}',
    called_rules    text[] NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE source IS 'reference: a PBX or switch whose call records are taken';

CREATE TABLE record_file (
    id           uuid PRIMARY KEY,
    source_id    bigint NOT NULL REFERENCES source,
    digest       bytea NOT NULL,                    -- SHA-256 of the file, unpacked
    name         text NOT NULL,                     -- as it was given the first time
    state        text NOT NULL CHECK (state IN ('importing', 'imported', 'rolling back', 'rolled back')),
    received     bigint NOT NULL DEFAULT 0,         -- records and what should be ones
    accepted     bigint NOT NULL DEFAULT 0,         -- new, and in the books
    duplicate    bigint NOT NULL DEFAULT 0,         -- taken before, from this file or another
    set_aside    bigint NOT NULL DEFAULT 0,
    passed_over  bigint NOT NULL DEFAULT 0,
    unmatched    bigint NOT NULL DEFAULT 0,         -- accepted, and in the queue: nobody's
    unrated      bigint NOT NULL DEFAULT 0,         -- accepted, and in the queue: without a price
    begun_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    UNIQUE (source_id, digest)
);
COMMENT ON TABLE record_file IS 'internal: every file of records that was imported, or is being';

-- Led by its source: a record is known before anybody knows whose call it tells of. One source is read by one
-- process at a time, and the books take an event any number of times, so no lock is shared with them.
CREATE TABLE record (
    source_id   bigint NOT NULL,
    record_key  bytea NOT NULL,                     -- the source's own key of the record, or its octets, hashed
    file_id     uuid NOT NULL,
    call_key    bytea NOT NULL,                     -- the call that it tells of
    seq         integer NOT NULL,
    begun_at    timestamptz NOT NULL,
    number      bigint,                             -- the sender's running number
    PRIMARY KEY (source_id, record_key)
);
CREATE INDEX record_of_file ON record (source_id, file_id);
COMMENT ON TABLE record IS 'internal: every record that was taken, so that it is not taken again';

CREATE TABLE record_aside (
    file_id    uuid NOT NULL REFERENCES record_file,
    place      bigint NOT NULL,                     -- its first octet, unpacked
    line       bigint,
    field      text NOT NULL,
    reason     text NOT NULL,
    octets     bytea NOT NULL,                      -- the first of them
    PRIMARY KEY (file_id, place)
);
COMMENT ON TABLE record_aside IS 'internal: what could not be read in a file, with its place and reason';
