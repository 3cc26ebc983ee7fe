-- Decks as a business uses them: how carriers write their files, and what each version was made of.

CREATE TABLE deck_template (
    name    text PRIMARY KEY CHECK (name <> ''),
    layout  json NOT NULL
);
COMMENT ON TABLE deck_template IS 'reference: how one carrier writes its rate files, by a name to import with';

ALTER TABLE deck_version
    -- whole: the file is all there is; replace: prices hold until the file's begin; amend: the file changes
    -- some; rollback: an older version again
    ADD COLUMN kind text NOT NULL DEFAULT 'whole' CHECK (kind IN ('whole', 'replace', 'amend', 'rollback')),
    ADD COLUMN base integer;  -- number of the version that it was made from, or that is back
