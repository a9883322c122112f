-- What ApiReader has carried is to be read by whoever has to explain it later.

CREATE SCHEMA api_reader;
COMMENT ON SCHEMA api_reader IS 'What ApiReader has carried: uploads to third parties and downloads from them.';

CREATE TABLE api_reader.transfer (
	id uuid NOT NULL,
	started_at timestamptz NOT NULL,
	ended_at timestamptz,
	direction text NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	server_name text NOT NULL,
	job_id text NOT NULL DEFAULT '',
	status text NOT NULL DEFAULT 'running',
	bytes bigint NOT NULL DEFAULT 0,
	http_status integer,
	code bigint,
	error text NOT NULL DEFAULT '',
	server_node text NOT NULL,
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT transfer_pkey PRIMARY KEY (id, started_at),
	CONSTRAINT transfer_direction_known CHECK (direction IN ('upload', 'download')),
	CONSTRAINT transfer_status_known CHECK
		(status IN ('running', 'done', 'failed', 'cancelled', 'abandoned')),
	CONSTRAINT transfer_running_has_no_end CHECK ((status = 'running') = (ended_at IS NULL)),
	CONSTRAINT transfer_bytes_positive CHECK (bytes >= 0)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE api_reader.transfer IS
	'One row for each upload and each download: written when it begins, completed when it ends.';
COMMENT ON COLUMN api_reader.transfer.id IS 'UUID, ordered by time.';
COMMENT ON COLUMN api_reader.transfer.started_at IS 'When it began.';
COMMENT ON COLUMN api_reader.transfer.ended_at IS 'When it ended; NULL while it runs. Of an abandoned one: when that was noticed.';
COMMENT ON COLUMN api_reader.transfer.direction IS 'upload (to the third party) or download (from it).';
COMMENT ON COLUMN api_reader.transfer.namespace IS 'Namespace of the caller.';
COMMENT ON COLUMN api_reader.transfer.server_name IS 'The third party, as the caller named it.';
COMMENT ON COLUMN api_reader.transfer.job_id IS 'The third party''s job: of a download as asked for, of an upload as it answered; empty if it is not known.';
COMMENT ON COLUMN api_reader.transfer.status IS 'running; done; failed: see error; cancelled: the caller has gone; abandoned: how it ended was not written, since its server was killed or could not reach the database.';
COMMENT ON COLUMN api_reader.transfer.bytes IS 'Bytes of content that were carried, so far as is known: of an upload what the third party took, of a download what the caller was sent.';
COMMENT ON COLUMN api_reader.transfer.http_status IS 'The third party''s HTTP status; NULL if none came.';
COMMENT ON COLUMN api_reader.transfer.code IS 'The code that it refused with; NULL if there is none.';
COMMENT ON COLUMN api_reader.transfer.error IS 'Why it failed, as the caller was told; else empty.';
COMMENT ON COLUMN api_reader.transfer.server_node IS 'The Junction server that carried it.';
COMMENT ON COLUMN api_reader.transfer.caller_address IS 'Address of the caller; empty if unknown.';
COMMENT ON COLUMN api_reader.transfer.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN api_reader.transfer.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN api_reader.transfer.trace IS 'Trace id of the call; empty if unknown.';

-- Few rows, whatever the table has: those that may have to be given up.
CREATE INDEX transfer_running ON api_reader.transfer (started_at) WHERE status = 'running';
COMMENT ON INDEX api_reader.transfer_running IS 'Transfers under way.';

CREATE VIEW api_reader.failure AS
	SELECT started_at, ended_at - started_at AS took, direction, status, namespace, server_name,
		job_id, bytes, http_status, code, error, server_node, caller_address,
		caller_application, caller_user, trace, id
	FROM api_reader.transfer
	WHERE status IN ('failed', 'abandoned') AND started_at > now() - interval '7 days'
	ORDER BY started_at DESC, id DESC;
COMMENT ON VIEW api_reader.failure IS
	'Transfers of the last 7 days that failed or were abandoned, newest first. took: how long until then.';

CREATE VIEW api_reader.daily AS
	SELECT (started_at AT TIME ZONE 'UTC')::date AS day, namespace,
		min(server_name) AS server_name, direction, count(*) AS transfers,
		count(*) FILTER (WHERE status = 'done') AS done,
		count(*) FILTER (WHERE status IN ('failed', 'abandoned')) AS failed,
		count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
		sum(bytes) AS bytes,
		round(sum(bytes) FILTER (WHERE status = 'done') / nullif(extract(epoch FROM
			sum(ended_at - started_at) FILTER (WHERE status = 'done')), 0)) AS bytes_per_second
	FROM api_reader.transfer
	GROUP BY 1, namespace, lower(server_name COLLATE "C"), direction
	ORDER BY 1 DESC, namespace, lower(server_name COLLATE "C"), direction;
COMMENT ON VIEW api_reader.daily IS
	'Transfers by day (UTC), third party and direction. bytes_per_second: of those that were done, while they ran.';

CREATE FUNCTION api_reader.begin_transfers(ids uuid[], directions text[], namespaces text[],
	server_names text[], job_ids text[], server_nodes text[], caller_addresses text[],
	caller_applications text[], caller_users text[], traces text[])
	RETURNS TABLE (r_position bigint, r_started_at text)
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO api_reader.transfer (id, started_at, direction, namespace, server_name, job_id,
		server_node, caller_address, caller_application, caller_user, trace)
	SELECT i.id, now(), i.direction, i.namespace, i.server_name, i.job_id, i.server_node,
		i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(ids, directions, namespaces, server_names, job_ids, server_nodes,
		caller_addresses, caller_applications, caller_users, traces) AS i (id, direction,
		namespace, server_name, job_id, server_node, caller_address, caller_application,
		caller_user, trace);
	SELECT p::bigint, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')
	FROM generate_subscripts(ids, 1) AS p;
$$;
COMMENT ON FUNCTION api_reader.begin_transfers(uuid[], text[], text[], text[], text[], text[], text[],
	text[], text[], text[]) IS
	'Writes transfers that begin, one array element each. Gives for each when it began, which is part of its key.';

CREATE FUNCTION api_reader.end_transfers(ids uuid[], started_ats timestamptz[], milliseconds bigint[],
	statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[],
	errors text[])
	RETURNS TABLE (r_position bigint)
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
	UPDATE api_reader.transfer t
	SET ended_at = t.started_at + i.took * interval '1 millisecond', status = i.status,
		bytes = i.bytes, job_id = CASE i.job_id WHEN '' THEN t.job_id ELSE i.job_id END,
		http_status = i.http_status, code = i.code, error = i.error
	FROM unnest(ids, started_ats, milliseconds, statuses, bytes_carried, job_ids, http_statuses,
		codes, errors) WITH ORDINALITY AS i (id, started_at, took, status, bytes, job_id,
		http_status, code, error, position)
	WHERE t.id = i.id AND t.started_at = i.started_at
	RETURNING i.position
$$;
COMMENT ON FUNCTION api_reader.end_transfers(uuid[], timestamptz[], bigint[], text[], bigint[], text[],
	integer[], bigint[], text[]) IS
	'Writes how transfers ended, one array element each, and may be repeated. milliseconds: since they began. An empty job_id leaves what is there.';

CREATE UNLOGGED TABLE api_reader.carrier (
	server_node text COLLATE "C" NOT NULL,
	seen_at timestamptz NOT NULL,
	CONSTRAINT carrier_pkey PRIMARY KEY (server_node)
);
COMMENT ON TABLE api_reader.carrier IS
	'The Junction servers that carry transfers, whether or not they are in registry.member, where only those are that check nodes. Not logged: after a crash of PostgreSQL they enter themselves again.';
COMMENT ON COLUMN api_reader.carrier.server_node IS 'hostname-starttime of the server.';
COMMENT ON COLUMN api_reader.carrier.seen_at IS 'When it was last seen alive.';

CREATE FUNCTION api_reader.keep_carrier(server_node text, running uuid[]) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	gone_before timestamptz := clock_timestamp() - interval '10 seconds';
	abandoned bigint;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	INSERT INTO api_reader.carrier AS c (server_node, seen_at)
	VALUES (keep_carrier.server_node, clock_timestamp())
	ON CONFLICT ON CONSTRAINT carrier_pkey DO UPDATE SET seen_at = excluded.seen_at;
	DELETE FROM api_reader.carrier c WHERE c.seen_at < clock_timestamp() - interval '1 hour';
	-- How a transfer of a living server ended is tried to be written for a minute.
	UPDATE api_reader.transfer t
	SET status = 'abandoned', ended_at = clock_timestamp(),
		error = CASE WHEN t.server_node = keep_carrier.server_node
			THEN 'how it ended could not be written' ELSE 'the server has gone' END
	WHERE t.status = 'running' AND t.started_at < gone_before
		AND t.id <> ALL (keep_carrier.running)
		AND CASE WHEN t.server_node = keep_carrier.server_node
			THEN t.started_at < clock_timestamp() - interval '5 minutes'
			ELSE NOT EXISTS (SELECT FROM api_reader.carrier c
				WHERE c.server_node = t.server_node AND c.seen_at >= gone_before) END;
	GET DIAGNOSTICS abandoned = ROW_COUNT;
	RETURN abandoned;
END $$;
COMMENT ON FUNCTION api_reader.keep_carrier(text, uuid[]) IS
	'Says that this server lives, and gives up the running transfers of servers that have been silent for 10 seconds, and those of this one that it does not know to run. Gives how many. What was wrongly given up is put right when it ends.';

CREATE FUNCTION api_reader.keep_history(days integer) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT upkeep.keep_months('api_reader.transfer', days) $$;
COMMENT ON FUNCTION api_reader.keep_history(integer) IS
	'Makes the partitions of api_reader.transfer for this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

SELECT api_reader.keep_history(36500);

-- --- rights --------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA api_reader FROM PUBLIC;
GRANT USAGE ON SCHEMA api_reader TO junction_app, junction_reader;
GRANT SELECT, INSERT, UPDATE ON api_reader.transfer TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON api_reader.carrier TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api_reader TO junction_app;
GRANT SELECT ON api_reader.transfer, api_reader.carrier, api_reader.failure, api_reader.daily TO junction_reader;
