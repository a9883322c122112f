-- What applications note of what happens to them (document 003's log) is a log of its own: found by
-- the id and the time that they say, kept and dropped by when it came.

CREATE TABLE event.log (
	namespace text COLLATE "C" NOT NULL,
	event_id text COLLATE "C" NOT NULL,
	time timestamptz NOT NULL,
	number bigint GENERATED ALWAYS AS IDENTITY,
	received_at timestamptz NOT NULL,
	message text COLLATE "C" NOT NULL,
	user_name text COLLATE "C",
	application text COLLATE "C",
	roles text[] COLLATE "C",
	address text COLLATE "C",
	node text COLLATE "C" NOT NULL,
	trace_id text COLLATE "C",
	CONSTRAINT log_pkey PRIMARY KEY (namespace, event_id, time, number, received_at),
	CONSTRAINT log_event_id_length CHECK (octet_length(event_id) BETWEEN 1 AND 255),
	CONSTRAINT log_time_milliseconds CHECK (time = time::timestamptz(3)),
	CONSTRAINT log_message_length CHECK (octet_length(message) BETWEEN 2 AND 1048576),
	CONSTRAINT log_roles_count CHECK (cardinality(roles) BETWEEN 1 AND 256)
) PARTITION BY RANGE (received_at);
COMMENT ON TABLE event.log IS
	'The log of applications (WriteLog, FindLog), in months of the receipt: it takes entries of any time. Its key is how an entry is found.';
COMMENT ON COLUMN event.log.namespace IS 'The writer''s.';
COMMENT ON COLUMN event.log.event_id IS 'eventId of the message, or one that was made. Any number of entries may have it.';
COMMENT ON COLUMN event.log.time IS 'When it happened, as the message says, else its receipt; whole milliseconds.';
COMMENT ON COLUMN event.log.number IS 'Tells apart, and orders, entries of one time.';
COMMENT ON COLUMN event.log.received_at IS 'When the server wrote it, whole milliseconds.';
COMMENT ON COLUMN event.log.message IS 'A JSON object, byte for byte as given: message::json reads it.';
COMMENT ON COLUMN event.log.user_name IS 'User who called; NULL if unknown.';
COMMENT ON COLUMN event.log.application IS 'Application that called; NULL if unknown.';
COMMENT ON COLUMN event.log.roles IS 'The caller''s roles; NULL if unknown or none.';
COMMENT ON COLUMN event.log.address IS 'Address of the caller; NULL if unknown.';
COMMENT ON COLUMN event.log.node IS 'The Junction server that wrote it: hostname-starttime.';
COMMENT ON COLUMN event.log.trace_id IS 'Trace id of the call; NULL if unknown.';
COMMENT ON SEQUENCE event.log_number_seq IS 'Of event.log.number.';

CREATE FUNCTION event.write_log(namespaces text[], event_ids text[], times timestamptz[],
	messages text[], user_names text[], applications text[], roles text[], addresses text[],
	nodes text[], trace_ids text[])
	RETURNS TABLE (r_place integer, r_time bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	receipt timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
	RETURN QUERY
	WITH given AS MATERIALIZED (
		SELECT i.*, coalesce(i.time, receipt) AS happened
		FROM unnest(namespaces, event_ids, times, messages, user_names, applications,
			write_log.roles, addresses, nodes, trace_ids) WITH ORDINALITY
			AS i (namespace, event_id, time, message, user_name, application, roles, address, node,
			trace_id, place)),
	written AS (
		INSERT INTO event.log AS l (namespace, event_id, time, received_at, message, user_name,
			application, roles, address, node, trace_id)
		SELECT g.namespace, g.event_id, g.happened, receipt, g.message, g.user_name, g.application,
			g.roles::text[], g.address, g.node, g.trace_id
		FROM given g ORDER BY g.place)
	SELECT g.place::integer, event.milliseconds(g.happened) FROM given g ORDER BY g.place;
END $$;
COMMENT ON FUNCTION event.write_log(text[], text[], timestamptz[], text[], text[], text[], text[],
	text[], text[], text[]) IS
	'Writes a batch of entries, one array element each; times: NULL for the receipt; roles: the text of an array. Gives for each its place from 1 and its time, milliseconds since 1970.';

CREATE FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamptz,
	end_time timestamptz, most integer, most_bytes bigint)
	RETURNS TABLE (r_message text, r_more boolean)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT f.message, f.found > most OR f.bytes > most_bytes
	FROM (SELECT l.message, count(*) OVER () AS found, sum(octet_length(l.message)) OVER () AS bytes,
			row_number() OVER up_to AS place, sum(octet_length(l.message)) OVER up_to AS bytes_up_to
		FROM (SELECT x.message, x.time, x.number FROM event.log x
			WHERE x.namespace = of_namespace AND x.event_id = of_event_id
				AND x.time BETWEEN begin_time AND end_time
			ORDER BY x.time, x.number LIMIT most + 1) AS l
		WINDOW up_to AS (ORDER BY l.time, l.number)) AS f
	WHERE f.place <= most AND f.bytes_up_to <= most_bytes
	ORDER BY f.place
$$;
COMMENT ON FUNCTION event.find_log(text, text, timestamptz, timestamptz, integer, bigint) IS
	'Messages of an event id, the oldest first, so many and so many bytes at most; r_more: there are more of them.';

CREATE FUNCTION event.keep_log(days integer) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	BEGIN ATOMIC
		SELECT upkeep.keep_months('event.log', CASE days WHEN 0 THEN 1000000 ELSE days END);
	END;
COMMENT ON FUNCTION event.keep_log(integer) IS
	'Makes the partitions of event.log for this month and the next two, and drops those whose last day is longer ago than so many days (0: none). Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

SELECT event.keep_log(0);

REVOKE ALL ON FUNCTION event.write_log, event.find_log, event.keep_log FROM PUBLIC;
GRANT SELECT ON event.log TO junction_app, junction_reader;
GRANT EXECUTE ON FUNCTION event.write_log, event.find_log, event.keep_log TO junction_app;
GRANT EXECUTE ON FUNCTION event.find_log TO junction_reader;
