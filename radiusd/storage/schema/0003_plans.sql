-- The whole tariff: what few rates have, callers' groups, holidays, states, prices of single prefixes that a
-- plan or an account has of its own, and included minutes that are shared, prorated and rolled over.

CREATE TABLE origin_group (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text COLLATE "C" NOT NULL UNIQUE CHECK (name <> ''),
    prefixes  text[] NOT NULL,
    invalid   boolean NOT NULL DEFAULT false,  -- also callers whose number is missing or is none
    CHECK (invalid OR prefixes <> '{}')
);
COMMENT ON TABLE origin_group IS 'reference: callers for whom rates may differ';

CREATE TABLE holiday_calendar (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL UNIQUE CHECK (name <> ''),
    days  date[] NOT NULL
);
COMMENT ON TABLE holiday_calendar IS 'reference: dates on which only bands with H hold; in the zone of the account';

CREATE TABLE number_state (
    code   text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[0-9]{3}([0-9]{3})?$'),
    state  text NOT NULL CHECK (state <> '')
);
COMMENT ON TABLE number_state IS 'reference: the state of an NPA or NPA-NXX; decides the jurisdiction of a call';

ALTER TABLE rate
    ADD COLUMN origin text COLLATE "C" NOT NULL DEFAULT '',  -- a group of callers; empty: every caller
    ADD COLUMN rules json,   -- what few rates have, as a rating case writes it: bands, steps, minimum ...
    DROP CONSTRAINT rate_pkey,
    ADD PRIMARY KEY (deck_version_id, prefix, effective_at, origin);

CREATE TABLE rate_override (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id             bigint REFERENCES plan,
    account_id          bigint REFERENCES account,
    prefix              text COLLATE "C" NOT NULL CHECK (prefix ~ '^[0-9]*$'),
    description         text NOT NULL,
    price_nano          bigint NOT NULL CHECK (price_nano >= 0),
    connect_fee_micros  bigint NOT NULL DEFAULT 0 CHECK (connect_fee_micros >= 0),
    initial_s           integer NOT NULL CHECK (initial_s > 0),
    increment_s         integer NOT NULL CHECK (increment_s > 0),
    effective_at        timestamptz NOT NULL,
    expires_at          timestamptz,
    blocked             boolean NOT NULL DEFAULT false,
    origin              text COLLATE "C" NOT NULL DEFAULT '',
    rules               json,
    CHECK ((plan_id IS NULL) <> (account_id IS NULL)),
    UNIQUE NULLS NOT DISTINCT (plan_id, account_id, prefix, effective_at, origin)
);
COMMENT ON TABLE rate_override IS
    'reference: the price of one prefix for one plan or account; stands in the place of the deck''s';

ALTER TABLE account
    ADD COLUMN holidays_id bigint REFERENCES holiday_calendar;

ALTER TABLE plan
    ADD COLUMN outpayment_deck_id bigint REFERENCES deck,  -- what inbound calls earn the customer
    ADD COLUMN on_net text NOT NULL DEFAULT 'rated' CHECK (on_net IN ('rated', 'account', 'site')),
    ADD COLUMN free_set_id bigint REFERENCES destination_set,  -- destinations that cost nothing
    ADD COLUMN indeterminate_as text NOT NULL DEFAULT 'indeterminate'
        CHECK (indeterminate_as IN ('interstate', 'intrastate', 'indeterminate')),
    ADD COLUMN duration_rounding text NOT NULL DEFAULT 'up' CHECK (duration_rounding IN ('up', 'down', 'half_up'));

ALTER TABLE service
    ADD COLUMN outpayment_initial_s integer CHECK (outpayment_initial_s > 0),
    ADD COLUMN outpayment_increment_s integer CHECK (outpayment_increment_s > 0),
    ADD COLUMN outpayment_max_micros bigint CHECK (outpayment_max_micros >= 0),  -- per call
    ADD CHECK ((outpayment_initial_s IS NULL) = (outpayment_increment_s IS NULL));

ALTER TABLE plan_bucket
    ADD COLUMN shared text NOT NULL DEFAULT 'service' CHECK (shared IN ('service', 'account')),
    ADD COLUMN cycle text NOT NULL DEFAULT 'calendar' CHECK (cycle IN ('calendar', 'anniversary')),
    ADD COLUMN prorate boolean NOT NULL DEFAULT false,
    ADD COLUMN rollover_cap_s integer CHECK (rollover_cap_s >= 0),            -- null: no cap
    ADD COLUMN rollover_periods integer NOT NULL DEFAULT 0 CHECK (rollover_periods BETWEEN 0 AND 12),
    ADD COLUMN direction text NOT NULL DEFAULT 'out' CHECK (direction IN ('out', 'in', 'any')),
    ADD COLUMN partial text NOT NULL DEFAULT 'split' CHECK (partial IN ('split', 'skip')),
    ADD COLUMN exhausted text NOT NULL DEFAULT 'pay' CHECK (exhausted IN ('pay', 'block'));

-- Minutes of one account, beside those of its plans: bought once or new each period, for some of its services.
CREATE TABLE account_bucket (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id          bigint NOT NULL REFERENCES account,
    name                text NOT NULL CHECK (name <> ''),
    included_s          integer NOT NULL CHECK (included_s >= 0),
    destination_set_id  bigint REFERENCES destination_set,
    services            bigint[],                          -- null: all of the account's
    priority            integer NOT NULL DEFAULT 0,
    clock_initial_s     integer CHECK (clock_initial_s > 0),
    clock_increment_s   integer CHECK (clock_increment_s > 0),
    cycle               text NOT NULL DEFAULT 'once' CHECK (cycle IN ('once', 'calendar', 'anniversary')),
    prorate             boolean NOT NULL DEFAULT false,
    rollover_cap_s      integer CHECK (rollover_cap_s >= 0),
    rollover_periods    integer NOT NULL DEFAULT 0 CHECK (rollover_periods BETWEEN 0 AND 12),
    direction           text NOT NULL DEFAULT 'out' CHECK (direction IN ('out', 'in', 'any')),
    partial             text NOT NULL DEFAULT 'split' CHECK (partial IN ('split', 'skip')),
    exhausted           text NOT NULL DEFAULT 'pay' CHECK (exhausted IN ('pay', 'block')),
    valid_from          timestamptz NOT NULL,
    valid_to            timestamptz,
    UNIQUE (account_id, name),
    CHECK (valid_to > valid_from),
    CHECK (cycle <> 'once' OR rollover_periods = 0)
);
COMMENT ON TABLE account_bucket IS 'reference: included minutes of one account, a pool of several services or a pack';

ALTER TABLE bucket
    ADD COLUMN rolled_s integer NOT NULL DEFAULT 0 CHECK (rolled_s >= 0),  -- moved to a bucket of the next period
    DROP CONSTRAINT bucket_check,
    ADD CONSTRAINT bucket_not_overdrawn CHECK (used_s + held_s + rolled_s <= included_s);
