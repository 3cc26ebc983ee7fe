-- Calls that a switch must be asked to hang up (RFC 5176). The row is written in the transaction that finds the
-- call must end, so that no kill forgets it, and says later what the switch answered.
CREATE TABLE disconnect (
    account_id   bigint NOT NULL,
    call_id      uuid NOT NULL,
    call_key     bytea NOT NULL,
    seq          integer NOT NULL,
    client_id    bigint NOT NULL,
    begun_at     timestamptz NOT NULL,  -- when the call began
    reason       text NOT NULL,         -- why it must end
    asked_at     timestamptz NOT NULL,
    phase        text NOT NULL DEFAULT 'ask' CHECK (phase IN ('ask', 'close', 'done')),
    due_at       timestamptz NOT NULL,  -- when the phase is due; a server at work on it has moved this ahead
    tries        integer NOT NULL DEFAULT 0,
    again_at     timestamptz,           -- from when it may be asked again if the reason still stands; null: never
    outcome      text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'ack', 'nak', 'gone', 'no_answer', 'over', 'impossible')),
    error_cause  integer,
    detail       text NOT NULL DEFAULT '',
    answered_at  timestamptz,
    PRIMARY KEY (account_id, call_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE disconnect IS 'hot: account_id; calls that a switch was or is to be asked to hang up, and its answer';
CREATE INDEX disconnect_due ON disconnect (account_id, due_at) WHERE phase <> 'done';

-- Of the client: whether it takes such requests, for what, and where they go.
ALTER TABLE client
    ADD COLUMN cut_off text NOT NULL DEFAULT 'none' CHECK (cut_off IN ('none', 'disconnect')),
    ADD COLUMN cut_off_for text[] NOT NULL
        DEFAULT '{no_credit,grant_over,suspended,over_limit,fraud}',
    ADD COLUMN coa_address text NOT NULL DEFAULT '',  -- empty: where the call's own packets came from
    ADD COLUMN coa_transport text NOT NULL DEFAULT 'udp' CHECK (coa_transport IN ('udp', 'tls')),
    ADD COLUMN coa_port integer CHECK (coa_port BETWEEN 1 AND 65535),  -- null: 3799, with TLS 2083
    ADD COLUMN coa_secret_sealed bytea;               -- null: the shared secret of its requests
