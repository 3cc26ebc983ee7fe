-- An admin may look on while a client's packets come in: which clients are watched until when, and the newest
-- of their packets, for some minutes. Whole packets are sealed, since passwords and digests may be in them.

CREATE TABLE client_watch (
    client_id  bigint PRIMARY KEY REFERENCES client ON DELETE CASCADE,
    begun_at   timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    asked_by   text NOT NULL,
    left_out   bigint NOT NULL DEFAULT 0    -- packets that came faster than they are kept
);
COMMENT ON TABLE client_watch IS 'internal: clients whose packets somebody watches, until when';

CREATE TABLE watched_packet (
    client_id  bigint NOT NULL,
    id         uuid NOT NULL,               -- UUIDv7 of its arrival
    at         timestamptz NOT NULL,
    port_kind  text NOT NULL,               -- auth, acct or both
    host       text NOT NULL,
    port       integer NOT NULL,
    outcome    text NOT NULL,
    reason     text NOT NULL,               -- why it was dropped; else empty
    took_us    bigint,                      -- from its arrival to its answer
    request    bytea NOT NULL,              -- sealed
    reply      bytea NOT NULL,              -- sealed; empty: none
    PRIMARY KEY (client_id, id)
);
COMMENT ON TABLE watched_packet IS 'internal: the newest packets of watched clients, for some minutes';
