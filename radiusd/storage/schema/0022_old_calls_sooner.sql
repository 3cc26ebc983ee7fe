-- A record that is written more than an hour after its call began leaves a line in traffic_change: all that an
-- import writes do. A CHECK is read and planned anew for each line, and JSON takes long to be searched for an
-- out-payment that most calls have not: together a third of what a line cost.
ALTER TABLE traffic_change DROP CONSTRAINT traffic_change_sign_check;

CREATE OR REPLACE FUNCTION note_old_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO traffic_change VALUES (
            -1, OLD.account_id, OLD.started_at, OLD.status, OLD.client_id, OLD.service_id, OLD.channel_service_id,
            OLD.plan_id, OLD.deck_version_id, OLD.supplier_id, OLD.location, OLD.prefix, OLD.destination,
            OLD.ended_at, OLD.duration_ms, OLD.billed_s, OLD.included_s, OLD.total_micros, OLD.margin_micros,
            OLD.currency,
            CASE strpos(OLD.rating::text, 'outpayment') WHEN 0 THEN 0
                ELSE coalesce((OLD.rating #>> '{outpayment,total}')::numeric * 1000000, 0)
            END
        );
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO traffic_change VALUES (
            1, NEW.account_id, NEW.started_at, NEW.status, NEW.client_id, NEW.service_id, NEW.channel_service_id,
            NEW.plan_id, NEW.deck_version_id, NEW.supplier_id, NEW.location, NEW.prefix, NEW.destination,
            NEW.ended_at, NEW.duration_ms, NEW.billed_s, NEW.included_s, NEW.total_micros, NEW.margin_micros,
            NEW.currency,
            CASE strpos(NEW.rating::text, 'outpayment') WHEN 0 THEN 0
                ELSE coalesce((NEW.rating #>> '{outpayment,total}')::numeric * 1000000, 0)
            END
        );
    END IF;
    RETURN NULL;
END
$$;
