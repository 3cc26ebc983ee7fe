-- What records are searched for, found by summaries of ranges of pages: which numbers and states are in one, and
-- when its calls ended. A writer makes none of them: the background does, once a range is full.

CREATE INDEX cdr_calling ON cdr USING brin (
    account_id, ltrim(calling, '+') text_bloom_ops (n_distinct_per_range = 700, false_positive_rate = 0.002)
) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX cdr_called ON cdr USING brin (
    account_id, ltrim(called, '+') text_bloom_ops (n_distinct_per_range = 700, false_positive_rate = 0.002)
) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX cdr_ended ON cdr USING brin (
    account_id, ended_at, status text_bloom_ops (n_distinct_per_range = 16, false_positive_rate = 0.001)
) WITH (pages_per_range = 64, autosummarize = on);

-- The search of the console looks for usernames, too.
CREATE INDEX service_username ON service (username) WHERE username <> '';
