-- Admission beyond channels: calls per second, where an account may call and when, what it may spend, and
-- guards against bursts. What has none of it has nulls, which cost its calls nothing.

CREATE TABLE policy (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text NOT NULL UNIQUE CHECK (name <> ''),
    barred           text[] NOT NULL DEFAULT '{}',  -- rules as admins write them: PLACE [DAYS] [HOURS]
    allowed          text[] NOT NULL DEFAULT '{}',  -- when there are any, nothing else may be called
    max_price_nano   bigint CHECK (max_price_nano >= 0),    -- per 60 s
    max_call_micros  bigint CHECK (max_call_micros >= 0),   -- what one call may cost
    distinct_warn    integer CHECK (distinct_warn > 0),     -- different called numbers within the window
    distinct_block   integer CHECK (distinct_block > 0),
    sequential_warn  integer CHECK (sequential_warn > 1),   -- called numbers that follow each other
    sequential_block integer CHECK (sequential_block > 1),
    dear_warn        integer CHECK (dear_warn > 0),         -- calls to dear destinations
    dear_block       integer CHECK (dear_block > 0),
    dear             text[] NOT NULL DEFAULT '{}',
    window_s         integer NOT NULL DEFAULT 60 CHECK (window_s BETWEEN 1 AND 3600),
    block_s          integer NOT NULL DEFAULT 300 CHECK (block_s BETWEEN 1 AND 86400),
    emergency        text[] NOT NULL DEFAULT '{}'           -- numbers that nothing of this bars
);
COMMENT ON TABLE policy IS 'reference: where accounts and services may call, at what price, and how fast';

ALTER TABLE account
    ADD COLUMN policy_id bigint REFERENCES policy,
    ADD COLUMN max_cps_milli integer CHECK (max_cps_milli > 0),   -- thousandths of a call per second
    ADD COLUMN daily_limit_micros bigint CHECK (daily_limit_micros >= 0),
    ADD COLUMN monthly_limit_micros bigint CHECK (monthly_limit_micros >= 0);

ALTER TABLE service
    ADD COLUMN policy_id bigint REFERENCES policy,
    ADD COLUMN max_cps_milli integer CHECK (max_cps_milli > 0);

ALTER TABLE balance
    ADD COLUMN paced_until timestamptz,  -- the bucket of calls per second, as the moment when it is full again
    ADD COLUMN gauges json;              -- spent today and this month, calls of the last minute; null: not watched

ALTER TABLE channel
    ADD COLUMN paced_until timestamptz;
