-- What each table that grows by time needs: partitions by month, made ahead and dropped after a
-- while. registry.change, which has to know what it forgets, has functions of its own.

CREATE SCHEMA upkeep;
COMMENT ON SCHEMA upkeep IS
	'Partitions by month (UTC) of tables that grow by time. Its functions run with the rights of who calls them: each such table has a function of its own that calls them with the rights of its owner.';

CREATE FUNCTION upkeep.make_month(parent regclass, month date) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	parent_schema text;
	parent_name text;
	partition text;
BEGIN
	SELECT n.nspname, c.relname INTO parent_schema, parent_name
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
	partition := parent_name || '_' || to_char(month, 'YYYY_MM');
	IF to_regclass(format('%I.%I', parent_schema, partition)) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
		parent_schema, partition, parent, month::timestamp AT TIME ZONE 'UTC',
		(month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
	EXECUTE format('COMMENT ON TABLE %I.%I IS %L', parent_schema, partition,
		'Rows of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;
COMMENT ON FUNCTION upkeep.make_month(regclass, date) IS
	'Makes the partition of a table for the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

CREATE FUNCTION upkeep.keep_months(parent regclass, days integer) RETURNS integer
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	partition regclass;
	dropped integer := 0;
BEGIN
	IF days < 1 THEN
		RAISE EXCEPTION 'rows are kept for 1 day at least, not %', days;
	END IF;
	-- One at a time; who comes second finds nothing to do.
	PERFORM pg_advisory_xact_lock(6024015, parent::oid::integer);
	FOR i IN 0 .. 2 LOOP
		PERFORM upkeep.make_month(parent, (this_month + i * interval '1 month')::date);
	END LOOP;
	FOR partition IN
		SELECT c.oid FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = parent AND c.relname ~ '_\d{4}_\d\d$'
			AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
				<= (now() AT TIME ZONE 'UTC') - days * interval '1 day'
		ORDER BY c.relname
	LOOP
		EXECUTE format('DROP TABLE %s', partition);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $$;
COMMENT ON FUNCTION upkeep.keep_months(regclass, integer) IS
	'Makes the partitions of this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA upkeep FROM PUBLIC;
