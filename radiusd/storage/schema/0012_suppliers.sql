-- Who carries our calls, and what that costs: each call to a supplier's trunk carries its cost and margin.

CREATE TABLE supplier (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code               text NOT NULL UNIQUE CHECK (code <> ''),
    name               text NOT NULL,
    deck_id            bigint NOT NULL REFERENCES deck,  -- what it charges us, in the deck's currency
    timezone           text NOT NULL DEFAULT 'UTC',
    rounding_decimals  integer NOT NULL DEFAULT 4 CHECK (rounding_decimals BETWEEN 0 AND 6),
    rounding_mode      text NOT NULL DEFAULT 'half_up' CHECK (rounding_mode IN ('half_up', 'up', 'down', 'half_even')),
    guard              text NOT NULL DEFAULT 'off' CHECK (guard IN ('off', 'flag', 'refuse'))
);
COMMENT ON TABLE supplier IS 'reference: who carries calls for us';

CREATE TABLE supplier_trunk (
    supplier_id  bigint NOT NULL REFERENCES supplier ON DELETE CASCADE,
    client_id    bigint REFERENCES client,  -- null: on any client
    trunk        text NOT NULL CHECK (trunk <> ''),
    UNIQUE NULLS NOT DISTINCT (client_id, trunk)
);
COMMENT ON TABLE supplier_trunk IS 'reference: egress trunks that lead to a supplier';

CREATE TABLE exchange_rate (
    base          text NOT NULL CHECK (base ~ '^[A-Z]{3}$'),
    quote         text NOT NULL CHECK (quote ~ '^[A-Z]{3}$'),
    effective_at  timestamptz NOT NULL,
    price_nano    bigint NOT NULL CHECK (price_nano > 0),  -- of one unit of base, in 10^-9 of quote
    PRIMARY KEY (base, quote, effective_at),
    CHECK (base <> quote)
);
COMMENT ON TABLE exchange_rate IS 'reference: what one currency costs in another, from one instant on';

ALTER TABLE cdr
    ADD COLUMN supplier_id bigint,
    ADD COLUMN cost_micros bigint,     -- what the supplier charges us, in its currency; null: no supplier
    ADD COLUMN margin_micros bigint,   -- charge less cost, in the account's currency; null: not known
    ADD COLUMN cost json;              -- its explanation, with the exchange rate that was used

ALTER TABLE posting
    ADD COLUMN supplier_id bigint,
    ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0,  -- owed to the supplier, in its currency
    DROP CONSTRAINT posting_kind_check,
    ADD CONSTRAINT posting_kind_check CHECK (
        kind IN ('usage', 'outpayment', 'reversal', 'payment', 'adjustment', 'recurring', 'cost')
    );
