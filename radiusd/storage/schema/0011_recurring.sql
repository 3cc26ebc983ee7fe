-- Fees that come round: of plans and of single services, and those that are due once.

ALTER TABLE plan
    ADD COLUMN monthly_fee_micros bigint NOT NULL DEFAULT 0 CHECK (monthly_fee_micros >= 0),  -- each service
    ADD COLUMN setup_fee_micros bigint NOT NULL DEFAULT 0 CHECK (setup_fee_micros >= 0),
    ADD COLUMN fee_cycle text NOT NULL DEFAULT 'calendar' CHECK (fee_cycle IN ('calendar', 'anniversary')),
    ADD COLUMN prorate_fees boolean NOT NULL DEFAULT true,
    ADD COLUMN fees_from timestamptz;  -- periods that ended before cost nothing; null: no such moment

ALTER TABLE service
    ADD COLUMN monthly_fee_micros bigint NOT NULL DEFAULT 0 CHECK (monthly_fee_micros >= 0),  -- beside the plan's
    ADD COLUMN setup_fee_micros bigint NOT NULL DEFAULT 0 CHECK (setup_fee_micros >= 0),
    ADD COLUMN fees_from timestamptz;

CREATE TABLE recurring_charge (
    account_id      bigint NOT NULL,
    service_id      bigint NOT NULL,
    item            text NOT NULL CHECK (item IN ('plan', 'service', 'plan_setup', 'service_setup')),
    period_start    timestamptz NOT NULL,  -- of what is due once: the activation
    period_end      timestamptz NOT NULL,
    plan_id         bigint,
    fee_micros      bigint NOT NULL CHECK (fee_micros >= 0),      -- of the whole period
    charged_micros  bigint NOT NULL CHECK (charged_micros >= 0),  -- for the days on which the service held
    PRIMARY KEY (account_id, service_id, item, period_start)
);
COMMENT ON TABLE recurring_charge IS 'hot: account_id; each fee of each period once; the sum of its postings';

ALTER TABLE posting
    DROP CONSTRAINT posting_kind_check,
    ADD CONSTRAINT posting_kind_check CHECK (
        kind IN ('usage', 'outpayment', 'reversal', 'payment', 'adjustment', 'recurring')
    );
