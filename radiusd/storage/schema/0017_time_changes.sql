-- A switch may take CoA-Requests (RFC 5176): one that ends a call, or a new time for a call that is up, when
-- what its account can pay has changed. The row is written in the transaction that finds so, as for disconnects.
ALTER TABLE client
    DROP CONSTRAINT client_cut_off_check,
    ADD CONSTRAINT client_cut_off_check CHECK (cut_off IN ('none', 'disconnect', 'coa')),
    ADD COLUMN tell_time text NOT NULL DEFAULT 'none' CHECK (tell_time IN ('none', 'coa'));

CREATE TABLE time_change (
    account_id   bigint NOT NULL,
    call_id      uuid NOT NULL,
    call_key     bytea NOT NULL,
    seq          integer NOT NULL,
    client_id    bigint NOT NULL,
    begun_at     timestamptz NOT NULL,  -- when the call began
    reason       text NOT NULL,         -- why it changes
    timeout_s    integer NOT NULL,      -- from its answer
    asked_at     timestamptz NOT NULL,
    phase        text NOT NULL DEFAULT 'ask' CHECK (phase IN ('ask', 'close', 'done')),
    due_at       timestamptz NOT NULL,  -- when the phase is due; a server at work on it has moved this ahead
    tries        integer NOT NULL DEFAULT 0,
    outcome      text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'ack', 'nak', 'gone', 'no_answer', 'over', 'impossible')),
    error_cause  integer,
    detail       text NOT NULL DEFAULT '',
    answered_at  timestamptz,
    PRIMARY KEY (account_id, call_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE time_change IS 'hot: account_id; calls whose switch was or is to be told another time, and its answer';
CREATE INDEX time_change_due ON time_change (account_id, due_at) WHERE phase <> 'done';

-- What an account could pay, and its limits, when the times of its calls were last gone through.
CREATE TABLE credit_seen (
    account_id   bigint PRIMARY KEY,
    free_micros  bigint,        -- null: money sets no limit
    limits       text NOT NULL,
    seen_at      timestamptz NOT NULL
);
COMMENT ON TABLE credit_seen IS 'hot: account_id; what the times of its open calls were last reckoned from';
