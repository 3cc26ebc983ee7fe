-- What calls write. account_id leads every key, so that one account lives on one node of a distributed
-- PostgreSQL; the row of balance is the account's lock. Account 0 is nobody: calls that match no one.

CREATE TABLE balance (
    account_id      bigint PRIMARY KEY,
    balance_micros  bigint NOT NULL DEFAULT 0,  -- sum of the account's postings
    held_micros     bigint NOT NULL DEFAULT 0 CHECK (held_micros >= 0),
    channels        integer NOT NULL DEFAULT 0 CHECK (channels >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE balance IS 'hot: account_id; also the lock that every change of the account takes first';
INSERT INTO balance (account_id) VALUES (0);

CREATE TABLE channel (
    account_id  bigint NOT NULL,
    service_id  bigint NOT NULL,
    used        integer NOT NULL CHECK (used >= 0),
    PRIMARY KEY (account_id, service_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE channel IS 'hot: account_id; channels in use of a trunk, always the count of its sessions';

CREATE TABLE bucket (
    account_id      bigint NOT NULL,
    bucket_id       text COLLATE "C" NOT NULL,  -- service/plan_bucket/first day of the period
    service_id      bigint NOT NULL,
    plan_bucket_id  bigint NOT NULL,
    period_start    timestamptz NOT NULL,
    period_end      timestamptz NOT NULL,
    included_s      integer NOT NULL CHECK (included_s >= 0),
    used_s          integer NOT NULL DEFAULT 0 CHECK (used_s >= 0),
    held_s          integer NOT NULL DEFAULT 0 CHECK (held_s >= 0),
    PRIMARY KEY (account_id, bucket_id),
    CHECK (used_s + held_s <= included_s)
) WITH (fillfactor = 50);
COMMENT ON TABLE bucket IS 'hot: account_id; included seconds of one service and period';
CREATE INDEX bucket_service ON bucket (account_id, service_id, period_end);

CREATE TABLE call (
    call_key   bytea NOT NULL,      -- client and the sender's call id, hashed
    seq        integer NOT NULL,    -- a sender may use one id again after a reboot
    call_id    uuid NOT NULL,
    client_id  bigint NOT NULL,
    state      text NOT NULL CHECK (state IN ('refused', 'authorized', 'started', 'lapsed', 'ended')),
    begun_at   timestamptz NOT NULL,
    ended_at   timestamptz,
    accounts   bigint[] NOT NULL,   -- whose sessions, charges or refusals it has
    -- Both JSON, and text, since only we read them: checking them again costs more than writing the row.
    facts      text NOT NULL,       -- the events that count
    charges    text NOT NULL,       -- what was decided and has been booked for it
    PRIMARY KEY (call_key, seq)
) WITH (fillfactor = 60, toast_tuple_target = 8160);
COMMENT ON TABLE call IS 'hot: call_key; leads from what a switch says to the accounts that pay';

CREATE TABLE session (
    account_id         bigint NOT NULL,
    call_id            uuid NOT NULL,
    role               text NOT NULL CHECK (role IN ('out', 'in', 'none')),
    call_key           bytea NOT NULL,
    seq                integer NOT NULL,
    client_id          bigint NOT NULL,
    service_id         bigint,          -- null: unmatched
    channel_service_id bigint,          -- the trunk or IP service whose channel it holds
    state              text NOT NULL CHECK (state IN ('authorized', 'started')),
    calling            text NOT NULL,
    called             text NOT NULL,
    setup_at           timestamptz NOT NULL,
    connect_at         timestamptz,
    granted_s          integer,                -- seconds from the answer that are allowed; null: not bounded
    held_s_until       integer NOT NULL,       -- seconds from the answer that the hold covers
    expires_at         timestamptz NOT NULL,   -- renewed, lapsed or reaped then
    held_micros        bigint NOT NULL CHECK (held_micros >= 0),
    held_buckets       json NOT NULL,          -- {"bucket": seconds}
    over_limit         boolean NOT NULL DEFAULT false,
    match              json NOT NULL,          -- identity, plan, deck version and the trace
    PRIMARY KEY (account_id, call_id, role)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE session IS 'hot: account_id; an open call as one payer sees it; holds one channel of its trunk';

CREATE TABLE cdr (
    account_id          bigint NOT NULL,
    started_at          timestamptz NOT NULL,
    call_id             uuid NOT NULL,
    role                text NOT NULL CHECK (role IN ('out', 'in', 'none')),
    status              text NOT NULL CHECK (status IN ('answered', 'failed', 'lapsed', 'refused', 'unmatched', 'unrated')),
    reason              text NOT NULL,      -- refusal word, queue reason or how it was closed; else empty
    client_id           bigint NOT NULL,
    service_id          bigint,
    channel_service_id  bigint,
    plan_id             bigint,
    deck_version_id     bigint,
    location            text NOT NULL,
    calling             text NOT NULL,
    called              text NOT NULL,
    remote_ip           text NOT NULL,
    trunk_in            text NOT NULL,
    trunk_out           text NOT NULL,
    connect_at          timestamptz,
    ended_at            timestamptz NOT NULL,
    duration_ms         bigint NOT NULL,
    billed_s            integer NOT NULL,
    included_s          integer NOT NULL,   -- paid by buckets
    total_micros        bigint NOT NULL,    -- what the account was charged; 10^-6 of its currency
    currency            text NOT NULL,
    prefix              text NOT NULL,
    destination         text NOT NULL,
    cause               integer,
    sip_code            integer,
    release_side        text NOT NULL,
    flags               text[] NOT NULL,
    rating              json NOT NULL,      -- slices: the explanation from which the total follows
    match               json NOT NULL,      -- what was tried to find who pays
    PRIMARY KEY (account_id, started_at, call_id, role)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE cdr IS 'hot: account_id; one row a payer and call; replaced when a late event corrects it';
CREATE TABLE cdr_default PARTITION OF cdr DEFAULT;
COMMENT ON TABLE cdr_default IS 'hot: account_id; months for which no partition was made';

CREATE TABLE posting (
    account_id     bigint NOT NULL,
    posted_at      timestamptz NOT NULL,
    id             uuid NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('usage', 'outpayment', 'reversal', 'payment', 'adjustment')),
    amount_micros  bigint NOT NULL,     -- added to the balance: a charge is negative
    bucket_id      text,                -- seconds drawn from this bucket
    seconds        integer NOT NULL DEFAULT 0,
    call_id        uuid,
    role           text,
    started_at     timestamptz,         -- leads to the CDR
    service_id     bigint,
    location       text NOT NULL,
    note           text NOT NULL,
    PRIMARY KEY (account_id, posted_at, id)
) PARTITION BY RANGE (posted_at);
COMMENT ON TABLE posting IS 'hot: account_id; one immutable line of the ledger';
CREATE TABLE posting_default PARTITION OF posting DEFAULT;
COMMENT ON TABLE posting_default IS 'hot: account_id; months for which no partition was made';

CREATE TABLE posting_reference (
    account_id     bigint NOT NULL,
    reference      text COLLATE "C" NOT NULL,
    amount_micros  bigint NOT NULL,
    posted_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, reference)
);
COMMENT ON TABLE posting_reference IS
    'hot: account_id; references of payments and adjustments, unique over all months, so that none is posted twice';

CREATE TABLE queue (
    account_id  bigint NOT NULL,
    call_id     uuid NOT NULL,
    role        text NOT NULL,
    call_key    bytea NOT NULL,
    seq         integer NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    queued_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, call_id, role)
);
COMMENT ON TABLE queue IS 'hot: account_id; ended calls that could not be matched or rated, until an admin mends it';

CREATE TABLE client_boot (
    client_id  bigint NOT NULL,
    nas        text NOT NULL,           -- behind a client that is a proxy; else empty
    booted_at  timestamptz NOT NULL,
    PRIMARY KEY (client_id, nas, booted_at)
);
COMMENT ON TABLE client_boot IS 'internal: every Accounting-On/Off of a client; a session id used again after it is a new call';
