-- Ported numbers of North America are looked up, and each look-up costs a fee.

ALTER TABLE plan
    ADD COLUMN lrn_dip_micros bigint NOT NULL DEFAULT 0 CHECK (lrn_dip_micros >= 0);  -- a call that has an LRN
