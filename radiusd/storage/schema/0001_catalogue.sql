-- What admins provision: lookup data, small, read into every worker as one snapshot.
-- No hot table refers to these by foreign key, so that a distributed PostgreSQL can copy them to every node.

CREATE TABLE catalogue_version (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version     bigint NOT NULL,
    changed_at  timestamptz NOT NULL
);
COMMENT ON TABLE catalogue_version IS 'reference: raised by every provisioning change; workers poll it';
INSERT INTO catalogue_version (version, changed_at) VALUES (1, now());

CREATE TABLE tenant (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL UNIQUE CHECK (name <> '')
);
COMMENT ON TABLE tenant IS 'reference: a PBX tenant or SIP domain; makes an extension unique';

CREATE TABLE client (
    id                             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                           text NOT NULL UNIQUE CHECK (name <> ''),
    secret_sealed                  bytea NOT NULL,
    dialect                        text NOT NULL,
    require_message_authenticator  boolean NOT NULL DEFAULT true,
    limit_proxy_state              boolean NOT NULL DEFAULT true,
    asserts_numbers                boolean NOT NULL DEFAULT false,
    is_proxy                       boolean NOT NULL DEFAULT false,
    call_check                     text NOT NULL DEFAULT 'service-type' CHECK (call_check IN ('service-type', 'any', 'never')),
    digest                         text NOT NULL DEFAULT 'strict' CHECK (digest IN ('strict', 'proxy')),
    grant_mode                     text NOT NULL DEFAULT 'whole' CHECK (grant_mode IN ('whole', 'lease')),
    lease_s                        integer NOT NULL DEFAULT 300 CHECK (lease_s > 0),
    max_call_s                     integer NOT NULL DEFAULT 14400 CHECK (max_call_s > 0),
    setup_ttl_s                    integer NOT NULL DEFAULT 90 CHECK (setup_ttl_s > 0),
    match_order                    text[] NOT NULL DEFAULT '{username,trunk,ip,number}',
    return_codes                   text NOT NULL DEFAULT 'cisco',  -- which table of h323-return-codes it knows
    settings                       jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE client IS 'reference: a switch, SBC or PBX that may send RADIUS';

CREATE TABLE client_network (
    network    cidr PRIMARY KEY,
    client_id  bigint NOT NULL REFERENCES client ON DELETE CASCADE
);
COMMENT ON TABLE client_network IS 'reference: source addresses of a client; the longest network wins';

CREATE TABLE account (
    id                   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code                 text NOT NULL UNIQUE CHECK (code <> ''),
    name                 text NOT NULL,
    currency             text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    timezone             text NOT NULL DEFAULT 'UTC',
    credit_limit_micros  bigint CHECK (credit_limit_micros >= 0),  -- null: no limit (postpaid)
    max_channels         integer CHECK (max_channels >= 0),
    status               text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended'))
);
COMMENT ON TABLE account IS 'reference: who pays';

CREATE TABLE deck (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE CHECK (name <> ''),
    currency  text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
);
COMMENT ON TABLE deck IS 'reference: a versioned set of rates';

CREATE TABLE deck_version (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deck_id      bigint NOT NULL REFERENCES deck,
    number       integer NOT NULL CHECK (number > 0),
    active_from  timestamptz NOT NULL,  -- calls set up from here on use it; the first version holds for all time
    source       text NOT NULL,         -- the file it came from
    sha256       text NOT NULL,
    row_count    integer NOT NULL,
    UNIQUE (deck_id, number)
);
COMMENT ON TABLE deck_version IS 'reference: one import of a deck; never edited';

CREATE TABLE rate (
    deck_version_id     bigint NOT NULL REFERENCES deck_version,
    prefix              text COLLATE "C" NOT NULL CHECK (prefix ~ '^[0-9]*$'),
    description         text NOT NULL,
    price_nano          bigint NOT NULL CHECK (price_nano >= 0),  -- per 60 s, in 10^-9 of the currency
    connect_fee_micros  bigint NOT NULL DEFAULT 0 CHECK (connect_fee_micros >= 0),
    initial_s           integer NOT NULL CHECK (initial_s > 0),
    increment_s         integer NOT NULL CHECK (increment_s > 0),
    effective_at        timestamptz NOT NULL,
    expires_at          timestamptz,
    blocked             boolean NOT NULL DEFAULT false,
    PRIMARY KEY (deck_version_id, prefix, effective_at)
);
COMMENT ON TABLE rate IS 'reference: one price of one prefix from one instant on';

CREATE TABLE destination_set (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text NOT NULL UNIQUE CHECK (name <> ''),
    prefixes  text[] NOT NULL
);
COMMENT ON TABLE destination_set IS 'reference: the destinations that a bucket pays';

CREATE TABLE plan (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code               text NOT NULL UNIQUE CHECK (code <> ''),
    name               text NOT NULL,
    deck_id            bigint NOT NULL REFERENCES deck,
    inbound_deck_id    bigint REFERENCES deck,  -- null: inbound calls are free
    initial_s          integer CHECK (initial_s > 0),      -- null: as the rate says
    increment_s        integer CHECK (increment_s > 0),
    rounding_decimals  integer NOT NULL DEFAULT 4 CHECK (rounding_decimals BETWEEN 0 AND 6),
    rounding_mode      text NOT NULL DEFAULT 'half_up' CHECK (rounding_mode IN ('half_up', 'up', 'down', 'half_even')),
    CHECK ((initial_s IS NULL) = (increment_s IS NULL))
);
COMMENT ON TABLE plan IS 'reference: deck, buckets, increments and rounding';

CREATE TABLE plan_bucket (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id             bigint NOT NULL REFERENCES plan,
    name                text NOT NULL CHECK (name <> ''),
    included_s          integer NOT NULL CHECK (included_s >= 0),  -- per calendar month in the account's zone
    destination_set_id  bigint REFERENCES destination_set,         -- null: every destination
    priority            integer NOT NULL DEFAULT 0,
    clock_initial_s     integer CHECK (clock_initial_s > 0),       -- null: counts by the rate's increments
    clock_increment_s   integer CHECK (clock_increment_s > 0),
    UNIQUE (plan_id, name)
);
COMMENT ON TABLE plan_bucket IS 'reference: included minutes that a plan grants each period';

CREATE TABLE service (
    id                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id              bigint NOT NULL REFERENCES account,
    kind                    text NOT NULL CHECK (kind IN ('did', 'extension', 'trunk', 'ip', 'virtual')),
    name                    text NOT NULL CHECK (name <> ''),  -- number, extension, trunk group or network
    tenant_id               bigint REFERENCES tenant,
    client_id               bigint REFERENCES client,   -- trunk, ip: only where this client sees it; null: any
    plan_id                 bigint REFERENCES plan,
    primary_id              bigint REFERENCES service,  -- virtual: the DID whose plan and minutes it shares
    tech_prefix             text NOT NULL DEFAULT '',
    max_channels            integer CHECK (max_channels >= 0),  -- null: no limit
    username                text NOT NULL DEFAULT '',
    password_sealed         bytea,
    password_realm          text,  -- set: what is sealed is the digest HA1 of this realm, else the password
    mac_address             text NOT NULL DEFAULT '',
    location                text NOT NULL DEFAULT '',
    outpayment_nano         bigint CHECK (outpayment_nano >= 0),          -- per 60 s of inbound calls
    additional_charge_nano  bigint CHECK (additional_charge_nano >= 0),   -- virtual: per 60 s on top
    activated_at            timestamptz NOT NULL,
    ended_at                timestamptz,
    CHECK (ended_at > activated_at),
    CHECK ((kind = 'virtual') = (primary_id IS NOT NULL)),
    CHECK ((kind = 'virtual') = (plan_id IS NULL)),
    CHECK ((kind = 'extension') = (tenant_id IS NOT NULL))
);
COMMENT ON TABLE service IS 'reference: what brings calls to an account';
CREATE INDEX service_account ON service (account_id);

CREATE TABLE claim (
    claim       text COLLATE "C" NOT NULL,
    service_id  bigint NOT NULL REFERENCES service ON DELETE CASCADE,
    active      tstzrange NOT NULL CHECK (NOT isempty(active)),
    PRIMARY KEY (claim, service_id),
    -- Two services may not claim the same identifier at one time. A range over the hash stands for
    -- equality of text, so that no extension is needed.
    CONSTRAINT claim_taken EXCLUDE USING gist (
        int8range(hashtextextended(claim, 0), hashtextextended(claim, 0), '[]') WITH &&,
        active WITH &&
    )
);
COMMENT ON TABLE claim IS
    'reference: identifiers by which calls find a service: number:N, ext:TENANT:N, trunk:CLIENT:NAME, ip:CLIENT:NET[:TECHPREFIX], user:NAME';
CREATE INDEX claim_service ON claim (service_id);

CREATE TABLE audit (
    id      uuid PRIMARY KEY,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,
    action  text NOT NULL,
    detail  jsonb NOT NULL
);
COMMENT ON TABLE audit IS 'internal: every provisioning change, never edited';

CREATE TABLE duty (
    name   text PRIMARY KEY,
    owner  text NOT NULL,
    until  timestamptz NOT NULL
);
COMMENT ON TABLE duty IS 'internal: which node does a periodic duty, until when';
