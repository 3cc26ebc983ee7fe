-- People, what they may do, how they prove who they are, and what they did. No call waits for any of it.

-- Operator, reseller, account: an account below a reseller's is seen and provisioned by that reseller.
ALTER TABLE account ADD reseller_id bigint REFERENCES account CHECK (reseller_id <> id);
CREATE INDEX account_reseller ON account (reseller_id);

CREATE TABLE person (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text NOT NULL UNIQUE CHECK (name <> ''),
    full_name        text NOT NULL,
    email            text NOT NULL,
    role             text NOT NULL CHECK (role IN ('operator', 'billing', 'support', 'reseller', 'customer')),
    account_id       bigint REFERENCES account,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    password_hash    text,          -- argon2id; null: nobody can log in by password
    totp_sealed      bytea,         -- null: no second factor
    totp_confirmed   boolean NOT NULL DEFAULT false,  -- a code of it was shown once: from then on it is asked for
    totp_last_step   bigint NOT NULL DEFAULT 0,       -- a code is taken once
    CHECK ((role IN ('reseller', 'customer')) = (account_id IS NOT NULL))
);
COMMENT ON TABLE person IS 'reference: who may log in, and as what';

CREATE TABLE login_session (
    token_sha256  bytea PRIMARY KEY,
    person_id     bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    begun_at      timestamptz NOT NULL,  -- of the login; a changed token keeps it
    seen_at       timestamptz NOT NULL,
    address       text NOT NULL,
    browser       text NOT NULL
);
COMMENT ON TABLE login_session IS 'internal: who is logged in; only hashes of what browsers hold';
CREATE INDEX login_session_person ON login_session (person_id);

CREATE TABLE login_failure (
    subject        text COLLATE "C" PRIMARY KEY,  -- name:NAME or address:ADDRESS
    failures       integer NOT NULL,
    last_at        timestamptz NOT NULL,
    blocked_until  timestamptz NOT NULL
);
COMMENT ON TABLE login_failure IS 'internal: guesses at passwords, and how long the next one has to wait';

CREATE TABLE api_token (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL CHECK (name <> ''),
    person_id       bigint NOT NULL REFERENCES person,
    token_sha256    bytea NOT NULL UNIQUE,
    scopes          text[] NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,        -- null: until it is revoked
    revoked_at      timestamptz,
    last_used_at    timestamptz,
    last_used_from  text NOT NULL DEFAULT '',
    UNIQUE (person_id, name)
);
COMMENT ON TABLE api_token IS 'reference: keys of the HTTP API; only hashes of them';

CREATE TABLE api_reply (
    token_id      bigint NOT NULL REFERENCES api_token ON DELETE CASCADE,
    key           text COLLATE "C" NOT NULL,
    request       bytea NOT NULL,       -- hash of method, path and body
    status        integer NOT NULL,
    headers       jsonb NOT NULL,
    body          bytea NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (token_id, key)
);
COMMENT ON TABLE api_reply IS 'internal: answers by Idempotency-Key, given again for a day';
CREATE INDEX api_reply_at ON api_reply (at);

ALTER TABLE audit ADD role text NOT NULL DEFAULT '';
ALTER TABLE audit ADD address text NOT NULL DEFAULT '';  -- where the change was asked for
ALTER TABLE audit ADD key text NOT NULL DEFAULT '';      -- what was changed, among its kind
UPDATE audit SET key = coalesce(detail ->> 'key', '');
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_key ON audit (key, at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Postings and records of all accounts are found by their time, for invoices and for pages of the newest. It
-- costs a writer next to nothing: a summary of each range of pages, not a line for each row.
CREATE INDEX posting_time ON posting USING brin (account_id, posted_at)
    WITH (pages_per_range = 256, autosummarize = on);
CREATE INDEX cdr_time ON cdr USING brin (account_id, started_at)
    WITH (pages_per_range = 256, autosummarize = on);
CREATE INDEX call_time ON call USING brin (call_key, begun_at)
    WITH (pages_per_range = 256, autosummarize = on);

CREATE TABLE usage_feed (
    seq         bigint PRIMARY KEY,
    account_id  bigint NOT NULL,
    posted_at   timestamptz NOT NULL,
    posting_id  uuid NOT NULL,
    UNIQUE (posted_at, account_id, posting_id)
);
CREATE INDEX usage_feed_account ON usage_feed (account_id, seq);
COMMENT ON TABLE usage_feed IS 'internal: postings in the order in which the usage feed tells them, each once';

CREATE TABLE usage_feed_state (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_seq   bigint NOT NULL,
    complete_until  timestamptz NOT NULL,  -- every posting of an earlier moment is in the feed
    mark_xid   xid8 NOT NULL,              -- what was under way then ...
    mark_at    timestamptz NOT NULL        -- ... when the feed was last extended
);
COMMENT ON TABLE usage_feed_state IS 'internal: how far the usage feed has come; also the lock of who extends it';
INSERT INTO usage_feed_state VALUES (true, 0, '1970-01-01Z', '0', '1970-01-01Z');
