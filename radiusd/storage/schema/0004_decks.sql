-- Decks as a business uses them: how carriers write their files, and what each version was made of.

CREATE TABLE deck_template (
    name    text PRIMARY KEY CHECK (name <> ''),
    layout  json NOT NULL
);
COMMENT ON TABLE deck_template IS 'reference: how one carrier writes its rate files, by a name to import with';

ALTER TABLE deck_version
    -- whole: the file is all there is; replace: prices hold until the file's begin; amend: the file changes
    -- some; rollback: an older version again
    ADD COLUMN kind text NOT NULL DEFAULT 'whole' CHECK (kind IN ('whole', 'replace', 'amend', 'rollback')),
    ADD COLUMN base integer;  -- number of the version that it was made from, or that is back

CREATE TABLE rerating (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    actor      text NOT NULL,
    scope      json NOT NULL,       -- which calls were asked for
    undone_at  timestamptz,
    undone_by  text
);
COMMENT ON TABLE rerating IS 'internal: every time that calls were rated again';

CREATE TABLE rerated (
    account_id   bigint NOT NULL,
    rerating_id  uuid NOT NULL,
    call_id      uuid NOT NULL,
    role         text NOT NULL,
    call_key     bytea NOT NULL,
    seq          integer NOT NULL,
    client_id    bigint NOT NULL,
    started_at   timestamptz NOT NULL,
    -- Charges as JSON, as in call.charges; text, since only we read them.
    before       text NOT NULL,
    after        text NOT NULL,
    cdr          json NOT NULL,     -- the record that was replaced
    undone       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, rerating_id, call_id, role)
);
COMMENT ON TABLE rerated IS 'hot: account_id; calls that were rated again, and what was booked before';

CREATE TABLE closed_period (
    account_id    bigint PRIMARY KEY,  -- 0: every account
    closed_until  timestamptz NOT NULL
);
COMMENT ON TABLE closed_period IS 'hot: account_id; calls set up before are invoiced, and not rated again unless somebody insists';
