-- Taxes that statements add: of a share of what is charged, or so much for each service or statement.

CREATE TABLE tax (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL UNIQUE CHECK (name <> ''),
    percent_nano  bigint NOT NULL DEFAULT 0 CHECK (percent_nano >= 0),  -- 10^-9 percent
    fixed_micros  bigint NOT NULL DEFAULT 0 CHECK (fixed_micros >= 0),  -- in the account's currency
    fixed_per     text NOT NULL DEFAULT 'statement' CHECK (fixed_per IN ('statement', 'service')),
    kinds         text[] NOT NULL,       -- of postings that it is a share of
    rounding      text NOT NULL DEFAULT 'statement' CHECK (rounding IN ('statement', 'posting')),
    decimals      integer NOT NULL DEFAULT 2 CHECK (decimals BETWEEN 0 AND 6),
    CHECK (percent_nano > 0 OR fixed_micros > 0)
);
COMMENT ON TABLE tax IS 'reference: a tax, and what it is a share of';

CREATE TABLE account_tax (
    account_id  bigint NOT NULL REFERENCES account ON DELETE CASCADE,
    tax_id      bigint NOT NULL REFERENCES tax,
    PRIMARY KEY (account_id, tax_id)
);
COMMENT ON TABLE account_tax IS 'reference: which taxes an account''s statements add';

CREATE TABLE service_exemption (
    service_id  bigint NOT NULL REFERENCES service ON DELETE CASCADE,
    tax_id      bigint NOT NULL REFERENCES tax,
    PRIMARY KEY (service_id, tax_id)
);
COMMENT ON TABLE service_exemption IS 'reference: services whose charges a tax leaves out';
