-- Reports of months of traffic in a moment: calls added up by what reports are asked for, and kept true.
--
-- The background adds up hours that are over (storage/traffic_sums.py). A record that changes later leaves two
-- lines in traffic_change, what it was and what it is, in the transaction that changes it: sums and changes
-- together are what the records say, at any moment.

CREATE TABLE traffic_sum (
    begins         timestamptz NOT NULL,
    key_id         bigint NOT NULL,       -- of the account, trunk, ...; 0: none
    total_micros   bigint NOT NULL,
    earned_micros  bigint NOT NULL,       -- out-payments
    margin_micros  bigint NOT NULL,
    duration_ms    bigint NOT NULL,
    billed_s       bigint NOT NULL,
    included_s     bigint NOT NULL,
    calls          integer NOT NULL,
    answered       integer NOT NULL,
    margins        integer NOT NULL,      -- calls whose margin is known
    minutes        integer NOT NULL,      -- how long a time from begins on is added up; 0: days until then, running
    what           text COLLATE "C" NOT NULL,  -- account, trunk, ..., all
    key_text       text NOT NULL,
    currency       text NOT NULL
);
COMMENT ON TABLE traffic_sum IS 'internal: calls added up; lines of one key add up, so a correction is one line more';
CREATE INDEX traffic_sum_key ON traffic_sum (what, minutes, begins, key_id);

CREATE TABLE traffic_change (
    sign                integer NOT NULL CHECK (sign IN (-1, 1)),
    account_id          bigint NOT NULL,
    started_at          timestamptz NOT NULL,
    status              text NOT NULL,
    client_id           bigint NOT NULL,
    service_id          bigint,
    channel_service_id  bigint,
    plan_id             bigint,
    deck_version_id     bigint,
    supplier_id         bigint,
    location            text NOT NULL,
    prefix              text NOT NULL,
    destination         text NOT NULL,
    ended_at            timestamptz NOT NULL,
    duration_ms         bigint NOT NULL,
    billed_s            bigint NOT NULL,
    included_s          bigint NOT NULL,
    total_micros        bigint NOT NULL,
    margin_micros       bigint,
    currency            text NOT NULL,
    earned_micros       bigint NOT NULL
);
COMMENT ON TABLE traffic_change IS
    'internal: records that changed more than an hour after their calls began, and are not in traffic_sum yet';

CREATE TABLE traffic_state (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    added_until  timestamptz NOT NULL,  -- calls that began before are in traffic_sum
    mark_xid     xid8 NOT NULL,         -- transactions before this one ...
    mark_at      timestamptz NOT NULL   -- ... are all that changed records until that moment of the server's clock
);
COMMENT ON TABLE traffic_state IS 'internal: how far calls are added up; also the lock of who adds them up';
INSERT INTO traffic_state VALUES (true, '2000-01-01Z', '0', '2000-01-01Z');

CREATE FUNCTION note_old_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO traffic_change VALUES (
            -1, OLD.account_id, OLD.started_at, OLD.status, OLD.client_id, OLD.service_id, OLD.channel_service_id,
            OLD.plan_id, OLD.deck_version_id, OLD.supplier_id, OLD.location, OLD.prefix, OLD.destination,
            OLD.ended_at, OLD.duration_ms, OLD.billed_s, OLD.included_s, OLD.total_micros, OLD.margin_micros,
            OLD.currency, coalesce((OLD.rating #>> '{outpayment,total}')::numeric * 1000000, 0)
        );
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO traffic_change VALUES (
            1, NEW.account_id, NEW.started_at, NEW.status, NEW.client_id, NEW.service_id, NEW.channel_service_id,
            NEW.plan_id, NEW.deck_version_id, NEW.supplier_id, NEW.location, NEW.prefix, NEW.destination,
            NEW.ended_at, NEW.duration_ms, NEW.billed_s, NEW.included_s, NEW.total_micros, NEW.margin_micros,
            NEW.currency, coalesce((NEW.rating #>> '{outpayment,total}')::numeric * 1000000, 0)
        );
    END IF;
    RETURN NULL;
END
$$;

-- Calls of the last hour are not in the sums yet, so their records cost a comparison and nothing else. The clock
-- is the server's, not the statement's begin: the transaction has its number when it is read.
CREATE TRIGGER old_call_added AFTER INSERT ON cdr FOR EACH ROW
    WHEN (NEW.started_at < clock_timestamp() - interval '1 hour') EXECUTE FUNCTION note_old_call();
CREATE TRIGGER old_call_changed AFTER UPDATE ON cdr FOR EACH ROW
    WHEN (OLD.started_at < clock_timestamp() - interval '1 hour') EXECUTE FUNCTION note_old_call();
CREATE TRIGGER old_call_removed AFTER DELETE ON cdr FOR EACH ROW
    WHEN (OLD.started_at < clock_timestamp() - interval '1 hour') EXECUTE FUNCTION note_old_call();

CREATE TABLE trunk_peak (
    begins    timestamptz NOT NULL,  -- of an hour that is added up
    trunk_id  bigint NOT NULL,
    channels  integer NOT NULL CHECK (channels > 0),
    at        timestamptz NOT NULL,  -- the first moment with that many calls
    PRIMARY KEY (begins, trunk_id)
);
COMMENT ON TABLE trunk_peak IS 'internal: how many calls a trunk carried at once at most, by hour';
