-- RADIUS inside TLS knows a client by its certificate, and SIP needs to know how a client speaks it.

CREATE TABLE client_certificate (
    identity   text PRIMARY KEY CHECK (identity ~ '^(sha256|dns|ip|uri|issuer):.'),  -- in the form compared
    client_id  bigint NOT NULL REFERENCES client ON DELETE CASCADE
);
CREATE INDEX ON client_certificate (client_id);
COMMENT ON TABLE client_certificate IS 'reference: what certificates of a client say; one identity is one client''s';

ALTER TABLE client
    ADD COLUMN sip               text NOT NULL DEFAULT 'off' CHECK (sip IN ('off', 'open', '401', '407')),
    ADD COLUMN sip_trunk_header  text NOT NULL DEFAULT '',  -- which header names the trunk group; empty: none
    ADD COLUMN sip_next_hop      text NOT NULL DEFAULT '';  -- host, or host:port; empty: where the call was going
