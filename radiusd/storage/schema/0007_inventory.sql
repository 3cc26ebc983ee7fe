-- The inventory of numbers: what we have to sell, in which state each is, and how it came there. No call waits
-- for it, so the database itself may hold the law of its states.

CREATE INDEX service_name ON service (name);  -- who has, and who had, this number

CREATE TABLE number (
    number                text COLLATE "C" PRIMARY KEY CHECK (number ~ '^[0-9]{2,15}$'),
    country               text COLLATE "C" NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),
    area                  text COLLATE "C" NOT NULL,
    rate_centre           text COLLATE "C" NOT NULL,
    supplier              text NOT NULL,
    currency              text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    setup_price_micros    bigint NOT NULL CHECK (setup_price_micros >= 0),
    monthly_price_micros  bigint NOT NULL CHECK (monthly_price_micros >= 0),
    cost_currency         text NOT NULL CHECK (cost_currency ~ '^[A-Z]{3}$'),
    setup_cost_micros     bigint NOT NULL CHECK (setup_cost_micros >= 0),
    monthly_cost_micros   bigint NOT NULL CHECK (monthly_cost_micros >= 0),
    features              text[] NOT NULL,
    state                 text COLLATE "C" NOT NULL,
    account_id            bigint REFERENCES account,  -- whose it is, or was last while it ages
    reserved_for          text COLLATE "C",           -- an account's code, or a sign-up's token
    until                 timestamptz,                -- reserved: then it is free again; aging: the same
    release_at            timestamptz,                -- assigned: its last service ends then
    quiet_since           timestamptz,                -- aging: no call is known from then on
    changed_at            timestamptz NOT NULL,
    changed_by            text NOT NULL,
    CHECK (state IN ('available', 'reserved', 'assigned', 'aging', 'porting_in', 'porting_out', 'blocked', 'retired')),
    CHECK ((state = 'reserved') = (reserved_for IS NOT NULL)),
    CHECK ((state IN ('reserved', 'aging')) = (until IS NOT NULL)),
    CHECK ((state = 'aging') = (quiet_since IS NOT NULL)),
    CHECK (release_at IS NULL OR state = 'assigned'),
    CHECK (state NOT IN ('assigned', 'porting_out') OR account_id IS NOT NULL),
    CHECK (state NOT IN ('available', 'reserved') OR account_id IS NULL)
);
COMMENT ON TABLE number IS 'reference: the inventory; one row a number that is or was ours';

-- Three digits at a time, so that letters in the middle of a number are found without reading all of them.
CREATE FUNCTION trigrams(number text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN ARRAY(SELECT substr(number, at, 3) FROM generate_series(1, length(number) - 2) AS at);

-- Only what is for sale is searched by these: an index that leads with what was asked for, and goes on in order.
CREATE INDEX number_country ON number (country, number) WHERE state = 'available';
CREATE INDEX number_area ON number (area, number) WHERE state = 'available';
CREATE INDEX number_rate_centre ON number (rate_centre, number) WHERE state = 'available';
CREATE INDEX number_available ON number (number) WHERE state = 'available';
CREATE INDEX number_ending ON number (reverse(number) COLLATE "C" text_pattern_ops) WHERE state = 'available';
CREATE INDEX number_trigrams ON number USING gin (trigrams(number)) WHERE state = 'available';
CREATE INDEX number_state_order ON number (state, number) WHERE state <> 'available';
CREATE INDEX number_account ON number (account_id, number) WHERE account_id IS NOT NULL;
CREATE INDEX number_until ON number (until) WHERE until IS NOT NULL;
CREATE INDEX number_release ON number (release_at) WHERE release_at IS NOT NULL;

CREATE TABLE number_step (
    before  text NOT NULL,
    after   text NOT NULL,
    PRIMARY KEY (before, after)
);
COMMENT ON TABLE number_step IS 'reference: the law of states; a step that is not here is impossible';
INSERT INTO number_step VALUES
    ('available', 'reserved'), ('available', 'assigned'), ('available', 'blocked'), ('available', 'retired'),
    ('reserved', 'available'), ('reserved', 'assigned'), ('reserved', 'blocked'),
    ('assigned', 'aging'), ('assigned', 'porting_out'),
    ('aging', 'available'), ('aging', 'assigned'), ('aging', 'blocked'), ('aging', 'retired'),
    ('porting_in', 'available'), ('porting_in', 'assigned'), ('porting_in', 'retired'),
    ('porting_out', 'assigned'), ('porting_out', 'retired'),
    ('blocked', 'available'), ('blocked', 'retired'),
    ('retired', 'available'), ('retired', 'porting_in');

CREATE TABLE number_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number      text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    by          text NOT NULL,
    before      text NOT NULL,          -- empty: it came into the inventory
    after       text NOT NULL,
    account_id  bigint,
    until       timestamptz
);
COMMENT ON TABLE number_history IS 'internal: every step of every number, written by the database itself';
CREATE INDEX number_history_number ON number_history (number, id);

CREATE FUNCTION keep_number_law() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM number_step WHERE before = OLD.state AND after = NEW.state) THEN
        RAISE EXCEPTION 'number % cannot become % from %', OLD.number, NEW.state, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'number_law';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER law BEFORE UPDATE OF state ON number FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION keep_number_law();

CREATE FUNCTION refuse_number_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'numbers are retired, never deleted' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER keep BEFORE DELETE ON number FOR EACH STATEMENT EXECUTE FUNCTION refuse_number_delete();

CREATE FUNCTION write_number_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO number_history (number, at, by, before, after, account_id, until)
        SELECT number, changed_at, changed_by, '', state, account_id, until FROM fresh;
    ELSE
        INSERT INTO number_history (number, at, by, before, after, account_id, until)
        SELECT fresh.number, fresh.changed_at, fresh.changed_by, stale.state, fresh.state, fresh.account_id,
            fresh.until
        FROM fresh JOIN stale ON stale.number = fresh.number
        WHERE (stale.state, stale.account_id, stale.until)
            IS DISTINCT FROM (fresh.state, fresh.account_id, fresh.until);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER history_insert AFTER INSERT ON number REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION write_number_history();
CREATE TRIGGER history_update AFTER UPDATE ON number REFERENCING NEW TABLE AS fresh OLD TABLE AS stale
    FOR EACH STATEMENT EXECUTE FUNCTION write_number_history();

CREATE TABLE quarantine (
    country     text COLLATE "C" PRIMARY KEY CHECK (country ~ '^([A-Z]{2})?$'),
    days        integer NOT NULL CHECK (days BETWEEN 0 AND 3650),
    quiet_days  integer NOT NULL CHECK (quiet_days BETWEEN 0 AND 3650)
);
COMMENT ON TABLE quarantine IS 'reference: how long a number of a country ages, and how long it must have been silent';
INSERT INTO quarantine VALUES ('', 90, 30);
