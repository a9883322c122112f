-- Extensions of the function, by host, and how they answered each invocation.

-- --- extensions ----------------------------------------------------------------------------------

CREATE TABLE registry.extension (
	host text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	port integer NOT NULL,
	pid integer,
	registered_at timestamptz NOT NULL,
	server_node text NOT NULL,
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT extension_pkey PRIMARY KEY (host, name),
	CONSTRAINT extension_port_unique UNIQUE (host, port),
	CONSTRAINT extension_host_length CHECK (octet_length(host) BETWEEN 1 AND 255),
	CONSTRAINT extension_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT extension_name_characters CHECK (name !~ '[/[:cntrl:]]' AND name NOT IN ('.', '..')),
	CONSTRAINT extension_port_range CHECK (port BETWEEN 1 AND 65535),
	CONSTRAINT extension_pid_positive CHECK (pid > 0)
);
COMMENT ON TABLE registry.extension IS
	'Extensions of the function that are registered: who is told of invocations. The servers of a host share its rows. At most 10 of a host: registry.register_extension().';
COMMENT ON COLUMN registry.extension.host IS 'Host name of the machine that the extension and its servers run on.';
COMMENT ON COLUMN registry.extension.name IS 'File name of the extension.';
COMMENT ON COLUMN registry.extension.port IS 'Port of 127.0.0.1 where it receives invocations.';
COMMENT ON COLUMN registry.extension.pid IS 'Its process, if a server has started it from its folder: the row goes with the process. NULL if nobody knows.';
COMMENT ON COLUMN registry.extension.registered_at IS 'When it registered: first, since it moved, or since its process was started.';
COMMENT ON COLUMN registry.extension.server_node IS 'The Junction server that it registered with then.';
COMMENT ON COLUMN registry.extension.caller_address IS 'Address of the caller who registered it; empty if unknown.';
COMMENT ON COLUMN registry.extension.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN registry.extension.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN registry.extension.trace IS 'Trace id of the call; empty if unknown.';

CREATE FUNCTION registry.register_extension(host text, name text, port integer, pid integer,
	server_node text, caller_address text, caller_application text, caller_user text, trace text)
	RETURNS TABLE (r_refusal text, r_other text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	other text;
BEGIN
	-- Who registers on one host does so one after the other.
	PERFORM pg_advisory_xact_lock(6024016, hashtext(host));
	IF (SELECT count(*) FROM registry.extension e
		WHERE e.host = register_extension.host AND e.name <> register_extension.name) >= 10 THEN
		RETURN QUERY SELECT 'count', ''::text;
		RETURN;
	END IF;
	SELECT e.name INTO other FROM registry.extension e
	WHERE e.host = register_extension.host AND e.port = register_extension.port
		AND e.name <> register_extension.name;
	IF FOUND THEN
		RETURN QUERY SELECT 'port', other;
		RETURN;
	END IF;
	INSERT INTO registry.extension AS e (host, name, port, pid, registered_at, server_node,
		caller_address, caller_application, caller_user, trace)
	VALUES (host, name, port, pid, clock_timestamp(), server_node, caller_address,
		caller_application, caller_user, trace)
	ON CONFLICT ON CONSTRAINT extension_pkey DO UPDATE
	SET port = excluded.port, pid = excluded.pid, registered_at = excluded.registered_at,
		server_node = excluded.server_node, caller_address = excluded.caller_address,
		caller_application = excluded.caller_application, caller_user = excluded.caller_user,
		trace = excluded.trace
	-- The same again changes nothing.
	WHERE (e.port, e.pid) IS DISTINCT FROM (excluded.port, excluded.pid);
	RETURN QUERY SELECT ''::text, ''::text;
END $$;
COMMENT ON FUNCTION registry.register_extension(text, text, integer, integer, text, text, text, text,
	text) IS
	'Registers an extension of a host, or moves it. r_refusal: empty, it is registered; port: another one has that port, r_other is its name; count: the host has 10 others.';

CREATE FUNCTION registry.forget_extensions(host text, names text[], pids integer[]) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forgotten bigint;
BEGIN
	DELETE FROM registry.extension e
	USING unnest(names, pids) AS i (name, pid)
	WHERE e.host = forget_extensions.host AND e.name = i.name AND e.pid = i.pid;
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;
COMMENT ON FUNCTION registry.forget_extensions(text, text[], integer[]) IS
	'Removes extensions whose processes have ended, one array element each; one that has registered again since, from another process, stays. Gives how many.';

-- --- invocations ---------------------------------------------------------------------------------

CREATE TABLE registry.invocation (
	id uuid NOT NULL,
	invoked_at timestamptz NOT NULL,
	trace_id text NOT NULL,
	function_urn text NOT NULL,
	host text COLLATE "C" NOT NULL,
	extension text COLLATE "C" NOT NULL,
	address text NOT NULL,
	outcome text NOT NULL,
	http_status integer,
	duration interval NOT NULL,
	error text NOT NULL,
	server_node text NOT NULL,
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT invocation_pkey PRIMARY KEY (id, invoked_at),
	CONSTRAINT invocation_outcome_known CHECK
		(outcome IN ('ok', 'refused', 'unreached', 'timed_out', 'overloaded')),
	CONSTRAINT invocation_ok_has_no_error CHECK ((outcome = 'ok') = (error = '')),
	CONSTRAINT invocation_duration_positive CHECK (duration >= interval '0')
) PARTITION BY RANGE (invoked_at);
COMMENT ON TABLE registry.invocation IS
	'One row for each extension that was to be told of an invocation of the function, written when the outcome is known. Those of one invocation have the same trace_id.';
COMMENT ON COLUMN registry.invocation.id IS 'UUID, ordered by time.';
COMMENT ON COLUMN registry.invocation.invoked_at IS 'When the extension was told.';
COMMENT ON COLUMN registry.invocation.trace_id IS 'What the extension got as traceId: given by the caller, or the request id of the call.';
COMMENT ON COLUMN registry.invocation.function_urn IS 'What the extension got as invokedFunctionUrn.';
COMMENT ON COLUMN registry.invocation.host IS 'Host of the extension.';
COMMENT ON COLUMN registry.invocation.extension IS 'Name of the extension.';
COMMENT ON COLUMN registry.invocation.address IS 'Where it was told.';
COMMENT ON COLUMN registry.invocation.outcome IS 'ok: HTTP 200; refused: another status; unreached: it was not reached, or broke off; timed_out: no answer in time; overloaded: it had too many invocations waiting and was not told.';
COMMENT ON COLUMN registry.invocation.http_status IS 'HTTP status of its answer; NULL if none came.';
COMMENT ON COLUMN registry.invocation.duration IS 'Time until the outcome was known.';
COMMENT ON COLUMN registry.invocation.error IS 'Why it is not ok; else empty.';
COMMENT ON COLUMN registry.invocation.server_node IS 'The Junction server that told it.';
COMMENT ON COLUMN registry.invocation.caller_address IS 'Address of the caller of the function; empty if unknown.';
COMMENT ON COLUMN registry.invocation.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN registry.invocation.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN registry.invocation.trace IS 'Trace id of the call; empty if unknown.';

CREATE INDEX invocation_trace_id ON registry.invocation (trace_id);
COMMENT ON INDEX registry.invocation_trace_id IS 'What came of one invocation.';

CREATE FUNCTION registry.log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[],
	function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[],
	http_statuses integer[], durations bigint[], errors text[], server_nodes text[],
	caller_addresses text[], caller_applications text[], caller_users text[], traces text[])
	RETURNS TABLE (r_position bigint)
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO registry.invocation (id, invoked_at, trace_id, function_urn, host, extension,
		address, outcome, http_status, duration, error, server_node, caller_address,
		caller_application, caller_user, trace)
	SELECT i.id, to_timestamp(i.invoked_at / 1000.0), i.trace_id, i.function_urn, i.host,
		i.extension, i.address, i.outcome, i.http_status, i.duration * interval '1 microsecond',
		i.error, i.server_node, i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(ids, invoked_ats, trace_ids, function_urns, hosts, extensions, addresses, outcomes,
		http_statuses, durations, errors, server_nodes, caller_addresses, caller_applications,
		caller_users, traces) AS i (id, invoked_at, trace_id, function_urn, host, extension,
		address, outcome, http_status, duration, error, server_node, caller_address,
		caller_application, caller_user, trace)
	ON CONFLICT DO NOTHING;
	SELECT p::bigint FROM generate_subscripts(ids, 1) AS p;
$$;
COMMENT ON FUNCTION registry.log_invocations(uuid[], bigint[], text[], text[], text[], text[], text[],
	text[], integer[], bigint[], text[], text[], text[], text[], text[], text[]) IS
	'Writes outcomes of invocations, one array element each; what is there already stays. Times in milliseconds since 1970, durations in microseconds.';

CREATE VIEW registry.extension_day AS
	SELECT (invoked_at AT TIME ZONE 'UTC')::date AS day, host, extension,
		count(*) AS invocations,
		count(*) FILTER (WHERE outcome = 'ok') AS ok,
		count(*) FILTER (WHERE outcome = 'refused') AS refused,
		count(*) FILTER (WHERE outcome = 'unreached') AS unreached,
		count(*) FILTER (WHERE outcome = 'timed_out') AS timed_out,
		count(*) FILTER (WHERE outcome = 'overloaded') AS overloaded,
		percentile_disc(0.5) WITHIN GROUP (ORDER BY duration) AS median,
		percentile_disc(0.99) WITHIN GROUP (ORDER BY duration) AS percentile_99,
		max(duration) AS longest,
		(array_agg(error ORDER BY invoked_at DESC) FILTER (WHERE error <> ''))[1] AS last_error,
		max(invoked_at) FILTER (WHERE error <> '') AS last_error_at
	FROM registry.invocation
	GROUP BY 1, host, extension
	ORDER BY 1 DESC, count(*) FILTER (WHERE outcome = 'ok')::numeric / count(*),
		percentile_disc(0.99) WITHIN GROUP (ORDER BY duration) DESC, host, extension;
COMMENT ON VIEW registry.extension_day IS
	'Extensions by day (UTC): how often and how fast they answered, and why not. Of each day those that failed most come first, then the slowest.';

CREATE FUNCTION registry.keep_invocations(days integer) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT upkeep.keep_months('registry.invocation', days) $$;
COMMENT ON FUNCTION registry.keep_invocations(integer) IS
	'Makes the partitions of registry.invocation for this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

SELECT registry.keep_invocations(36500);

-- --- rights --------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION registry.register_extension, registry.forget_extensions,
	registry.log_invocations, registry.keep_invocations FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON registry.extension TO junction_app;
GRANT SELECT, INSERT ON registry.invocation TO junction_app;
GRANT EXECUTE ON FUNCTION registry.register_extension, registry.forget_extensions,
	registry.log_invocations, registry.keep_invocations TO junction_app;
GRANT SELECT ON registry.extension, registry.invocation, registry.extension_day TO junction_reader;
