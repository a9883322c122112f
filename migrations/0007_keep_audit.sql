-- What has happened, who did it and how it ended, is to be written durably at the speed of the disk
-- and read in the order in which it was committed, so that no page of a reader ever skips a row.

CREATE SCHEMA audit;
COMMENT ON SCHEMA audit IS
	'The audit log. Rows are written by audit.append only, and never changed; months are dropped as a whole by audit.keep_records.';

CREATE TYPE audit.severity AS ENUM
	('debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency');
COMMENT ON TYPE audit.severity IS 'Severities of syslog (RFC 5424), the least severe first: severity >= ''error'' works.';

-- --- records -----------------------------------------------------------------------------------

CREATE TABLE audit.record (
	time timestamptz NOT NULL,
	position bigint NOT NULL,
	batch bigint NOT NULL,
	id uuid NOT NULL,
	event_time timestamptz,
	opt_type integer NOT NULL,
	result_type integer NOT NULL,
	severity audit.severity NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	source_node text COLLATE "C" NOT NULL,
	content text COLLATE "C" NOT NULL,
	target text COLLATE "C",
	user_name text COLLATE "C",
	application text COLLATE "C",
	roles text[] COLLATE "C",
	address text COLLATE "C",
	node text COLLATE "C" NOT NULL,
	trace_id text COLLATE "C",
	ext json,
	CONSTRAINT record_pkey PRIMARY KEY (time, position),
	CONSTRAINT record_time_milliseconds CHECK (time = time::timestamptz(3)),
	CONSTRAINT record_batch_before_position CHECK (batch <= position),
	CONSTRAINT record_namespace_length CHECK (octet_length(namespace) BETWEEN 1 AND 255),
	CONSTRAINT record_source_node_length CHECK (octet_length(source_node) BETWEEN 1 AND 255),
	CONSTRAINT record_content_length CHECK (octet_length(content) BETWEEN 1 AND 65536),
	CONSTRAINT record_target_length CHECK (octet_length(target) BETWEEN 1 AND 1024),
	CONSTRAINT record_roles_count CHECK (cardinality(roles) BETWEEN 1 AND 256),
	CONSTRAINT record_ext_length CHECK (octet_length(ext::text) <= 65536)
) PARTITION BY RANGE (time);
COMMENT ON TABLE audit.record IS
	'One row for each thing that happened. (time, position) is the order in which rows were committed: what is read behind a row stays behind it.';
COMMENT ON COLUMN audit.record.time IS 'Receipt, whole milliseconds. Never earlier than that of a row committed before, whatever the clock does.';
COMMENT ON COLUMN audit.record.position IS 'Place in the order of the commits; may leave numbers out.';
COMMENT ON COLUMN audit.record.batch IS 'The position of the first row that was committed together with this one: rows of one batch have one writer (node), and its batches are in this order.';
COMMENT ON COLUMN audit.record.id IS 'UUID, version 7: ordered by the server''s clock.';
COMMENT ON COLUMN audit.record.event_time IS 'When it happened, as the writer says; NULL if it does not.';
COMMENT ON COLUMN audit.record.opt_type IS 'What was done (optType), a number of the writer''s own.';
COMMENT ON COLUMN audit.record.result_type IS 'How it ended (resultType), a number of the writer''s own; the views here take 0 for success.';
COMMENT ON COLUMN audit.record.severity IS 'How severe it is.';
COMMENT ON COLUMN audit.record.namespace IS 'The record''s own namespace, as the writer says. junction.audit: reads of this log.';
COMMENT ON COLUMN audit.record.source_node IS 'Where it happened (sourceNode), as the writer says.';
COMMENT ON COLUMN audit.record.content IS 'What happened, for people.';
COMMENT ON COLUMN audit.record.target IS 'What it was done to; NULL if the writer does not say.';
COMMENT ON COLUMN audit.record.user_name IS 'The user who called (user); NULL if unknown.';
COMMENT ON COLUMN audit.record.application IS 'The application that called; NULL if unknown.';
COMMENT ON COLUMN audit.record.roles IS 'The caller''s roles; NULL if unknown or none.';
COMMENT ON COLUMN audit.record.address IS 'Address of the caller; NULL if unknown.';
COMMENT ON COLUMN audit.record.node IS 'The Junction server that wrote it: hostname-starttime.';
COMMENT ON COLUMN audit.record.trace_id IS 'Trace id of the call; NULL if unknown.';
COMMENT ON COLUMN audit.record.ext IS 'JSON object, byte for byte as given; NULL if none.';

CREATE INDEX record_by_namespace ON audit.record (namespace, time, position);
COMMENT ON INDEX audit.record_by_namespace IS 'A namespace by time.';

-- Under the lock of audit.append both are what was last given out. Sequences, since a row that
-- counts would be dead once a batch and could not be cleaned up while an old transaction lives.
CREATE SEQUENCE audit.last_position MINVALUE 0 START 0;
COMMENT ON SEQUENCE audit.last_position IS 'The highest position that has been given out.';
CREATE SEQUENCE audit.last_time MINVALUE 0 START 0;
COMMENT ON SEQUENCE audit.last_time IS 'The latest time that has been given out, milliseconds since 1970.';

-- Not partitioned: a unique key of a partitioned table would have to contain the time.
CREATE TABLE audit.idempotency (
	application text COLLATE "C" NOT NULL,
	key text COLLATE "C" NOT NULL,
	request_hash bytea NOT NULL,
	id uuid NOT NULL,
	time timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT idempotency_pkey PRIMARY KEY (application, key),
	CONSTRAINT idempotency_key_length CHECK (octet_length(key) BETWEEN 1 AND 255)
);
COMMENT ON TABLE audit.idempotency IS 'Writes that came with an Idempotency-Key, so that a repetition gets the first one''s row.';
COMMENT ON COLUMN audit.idempotency.application IS 'The application that called, empty if unknown: keys of one are not those of another.';
COMMENT ON COLUMN audit.idempotency.key IS 'Idempotency-Key of the call.';
COMMENT ON COLUMN audit.idempotency.request_hash IS 'SHA-256 of what was to be written.';
COMMENT ON COLUMN audit.idempotency.id IS 'Id of the record.';
COMMENT ON COLUMN audit.idempotency.time IS 'Time of the record.';
COMMENT ON COLUMN audit.idempotency.expires_at IS 'From then on the key is as good as new.';
CREATE INDEX idempotency_expires ON audit.idempotency (expires_at);
COMMENT ON INDEX audit.idempotency_expires IS 'Keys that may be forgotten.';

-- --- writing -----------------------------------------------------------------------------------

CREATE FUNCTION audit.milliseconds(t timestamptz) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (date_part('epoch', t - timestamptz 'epoch') * 1000)::bigint;
COMMENT ON FUNCTION audit.milliseconds(timestamptz) IS 'Milliseconds since 1970, as the API gives times.';

CREATE FUNCTION audit.append(ids uuid[], event_times timestamptz[], opt_types integer[],
	result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[],
	contents text[], targets text[], user_names text[], applications text[], roles text[],
	addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[],
	request_hashes bytea[], idempotency_ms bigint[])
	RETURNS TABLE (r_place integer, r_id uuid, r_time bigint, r_outcome text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before bigint;
	receipt timestamptz;
	receipt_ms bigint;
	repeated integer[] := '{}';
BEGIN
	PERFORM pg_advisory_xact_lock(6024018);
	SELECT last_value INTO before FROM audit.last_position;
	SELECT greatest(date_trunc('milliseconds', clock_timestamp(), 'UTC'),
		timestamptz 'epoch' + last_value * interval '1 millisecond') INTO receipt FROM audit.last_time;
	receipt_ms := audit.milliseconds(receipt);
	PERFORM setval('audit.last_position', before + cardinality(ids));
	IF EXISTS (SELECT FROM unnest(idempotency_keys) AS k WHERE k IS NOT NULL) THEN
		FOR r_place, r_id, r_time, r_outcome IN
			SELECT i.place, coalesce(k.id, i.first_id),
				audit.milliseconds(coalesce(k.time, receipt)),
				CASE WHEN i.request_hash = coalesce(k.request_hash, i.first_hash)
					THEN 'repeated' ELSE 'conflict' END
			FROM (SELECT coalesce(g.application, '') AS application, g.key, g.request_hash, g.place,
					first_value(g.id) OVER same AS first_id,
					first_value(g.request_hash) OVER same AS first_hash,
					first_value(g.place) OVER same AS first_place
				FROM unnest(applications, idempotency_keys, request_hashes, ids) WITH ORDINALITY
					AS g (application, key, request_hash, id, place)
				WHERE g.key IS NOT NULL
				WINDOW same AS (PARTITION BY coalesce(g.application, ''), g.key ORDER BY g.place)
				) AS i
			LEFT JOIN audit.idempotency k
				ON k.application = i.application AND k.key = i.key AND k.expires_at > receipt
			WHERE k.id IS NOT NULL OR i.place > i.first_place
		LOOP
			repeated := repeated || r_place;
			RETURN NEXT;
		END LOOP;
		INSERT INTO audit.idempotency AS k (application, key, request_hash, id, time, expires_at)
		SELECT coalesce(i.application, ''), i.key, i.request_hash, i.id, receipt,
			receipt + i.ms * interval '1 millisecond'
		FROM unnest(applications, idempotency_keys, request_hashes, ids, idempotency_ms)
			WITH ORDINALITY AS i (application, key, request_hash, id, ms, place)
		WHERE i.key IS NOT NULL AND i.place <> ALL (repeated)
		ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE
		SET request_hash = excluded.request_hash, id = excluded.id, time = excluded.time,
			expires_at = excluded.expires_at;
	END IF;
	RETURN QUERY INSERT INTO audit.record AS r (time, position, batch, id, event_time, opt_type, result_type, severity,
		namespace, source_node, content, target, user_name, application, roles, address, node,
		trace_id, ext)
	SELECT receipt, before + i.place, before + 1, i.id, i.event_time, i.opt_type, i.result_type,
		i.severity, i.namespace, i.source_node, i.content, i.target, i.user_name, i.application,
		i.roles::text[], i.address, i.node, i.trace_id, i.ext
	FROM unnest(ids, event_times, opt_types, result_types, severities, namespaces, source_nodes,
		contents, targets, user_names, applications, roles, addresses, nodes, trace_ids, exts)
		WITH ORDINALITY AS i (id, event_time, opt_type, result_type, severity, namespace,
		source_node, content, target, user_name, application, roles, address, node, trace_id, ext,
		place)
	WHERE i.place <> ALL (repeated)
	RETURNING (r.position - before)::integer, r.id, receipt_ms, 'written';
	-- Only now, since it is not undone: a time without a partition must not be what all others follow.
	PERFORM setval('audit.last_time', receipt_ms);
END $$;
COMMENT ON FUNCTION audit.append(uuid[], timestamptz[], integer[], integer[], audit.severity[], text[],
	text[], text[], text[], text[], text[], text[], text[], text[], text[], json[], text[], bytea[],
	bigint[]) IS
	'Writes a batch of records, one array element each, in the order of the elements; roles: the text of an array. Gives for each its place from 1, its id, its time, and what came of it: written; repeated: that Idempotency-Key has written the same before, id and time are that record''s; conflict: it has written something else. One batch at a time: the lock is held until the commit, so that positions are in commit order.';

CREATE FUNCTION audit.forget_keys(most integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forgotten integer;
BEGIN
	-- A key that is just being written again is locked, and is left to its writer.
	DELETE FROM audit.idempotency WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM audit.idempotency WHERE expires_at <= clock_timestamp()
		ORDER BY expires_at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;
COMMENT ON FUNCTION audit.forget_keys(integer) IS
	'Removes so many Idempotency-Keys at most that have expired. Gives how many. The servers call it all the time.';

-- --- for database administrators ---------------------------------------------------------------

CREATE VIEW audit.last_hour AS
	SELECT time, severity, namespace, source_node, user_name, application, address, opt_type,
		result_type, target, content, trace_id, ext, id
	FROM audit.record
	WHERE time > now() - interval '1 hour'
	ORDER BY time DESC, position DESC;
COMMENT ON VIEW audit.last_hour IS 'What happened within the last hour, newest first.';

CREATE VIEW audit.failure AS
	SELECT time, severity, namespace, source_node, user_name, application, address, opt_type,
		result_type, target, content, trace_id, ext, id
	FROM audit.record
	WHERE result_type <> 0 AND time > now() - interval '7 days'
	ORDER BY time DESC, position DESC;
COMMENT ON VIEW audit.failure IS
	'Records of the last 7 days whose result_type is not 0, newest first. What result_type means is up to the writer; most take 0 for success.';

CREATE VIEW audit.daily AS
	SELECT time::date AS day, namespace, severity, count(*) AS records,
		count(*) FILTER (WHERE result_type <> 0) AS failures,
		count(DISTINCT user_name) AS users, count(DISTINCT source_node) AS source_nodes
	FROM audit.record
	WHERE time >= current_date - 30
	GROUP BY 1, namespace, severity
	ORDER BY 1 DESC, namespace, severity DESC;
COMMENT ON VIEW audit.daily IS
	'Records of today and the 30 days before by day (of the session''s time zone), namespace and severity.';

CREATE VIEW audit.actor AS
	SELECT user_name, application, count(*) AS records,
		count(*) FILTER (WHERE result_type <> 0) AS failures,
		max(severity) AS worst, count(DISTINCT address) AS addresses, min(time) AS first_time,
		max(time) AS last_time
	FROM audit.record
	WHERE time > now() - interval '30 days'
	GROUP BY user_name, application
	ORDER BY records DESC;
COMMENT ON VIEW audit.actor IS
	'Who did how much within the last 30 days, by user and application (NULL: unknown), the busiest first.';

-- --- secrets -----------------------------------------------------------------------------------

CREATE TABLE audit.page_key (
	secret bytea NOT NULL,
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT page_key_pkey PRIMARY KEY (single),
	CONSTRAINT page_key_single CHECK (single)
);
COMMENT ON TABLE audit.page_key IS
	'What the servers sign continuation points with, made once. Without it the points given out before are refused.';
COMMENT ON COLUMN audit.page_key.secret IS '32 bytes.';
COMMENT ON COLUMN audit.page_key.single IS 'There is one row.';
INSERT INTO audit.page_key (secret)
SELECT sha256(string_agg(uuid_send(gen_random_uuid()), '')) FROM generate_series(1, 4);
