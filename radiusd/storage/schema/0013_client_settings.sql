-- What clients' own packets tell of their health, for "tollwire client doctor": each server writes what it has
-- counted in the hour, over what it wrote before, so that writing it again changes nothing.
CREATE TABLE client_habit (
    client_id  bigint NOT NULL,
    hour       timestamptz NOT NULL,
    server     text NOT NULL,       -- which run of which server has counted
    counts     jsonb NOT NULL,      -- {"word": number}
    PRIMARY KEY (client_id, hour, server)
);
COMMENT ON TABLE client_habit IS 'internal: counts of what each client sends, by hour; kept for a week';
