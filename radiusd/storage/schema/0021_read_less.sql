-- Running sums go from the beginning of a month, no longer of 32 days: reports of months read one of them.
-- Those that were kept are of other days, so all are added up anew in the background.
UPDATE traffic_state SET added_until = '2000-01-01Z';
TRUNCATE traffic_sum, traffic_change, trunk_peak;

-- sum(bigint) is a numeric, which takes twice as long where there are many keys. This one fails beyond 64 bits.
CREATE AGGREGATE whole_sum(bigint) (
    SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE
);

-- Not led by the source: where nothing was known of a new one yet, its records were looked up here, each by
-- reading all that there were.
DROP INDEX record_of_file;
CREATE INDEX record_of_file ON record (file_id);
