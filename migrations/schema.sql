--
-- PostgreSQL database dump
--

--
-- Name: registry; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA registry;

--
-- Name: SCHEMA registry; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA registry IS 'What services register: services with nodes (addresses) and actions, and the log of changes. Written by the functions of this schema only.';

--
-- Name: milliseconds(timestamp with time zone); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.milliseconds(moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (floor((date_part('epoch'::text, moment) * (1000)::double precision)))::bigint;

--
-- Name: FUNCTION milliseconds(moment timestamp with time zone); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.milliseconds(moment timestamp with time zone) IS 'Milliseconds since 1970-01-01 UTC.';

--
-- Name: action; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.action (
    namespace text NOT NULL COLLATE pg_catalog."C",
    service_key text NOT NULL COLLATE pg_catalog."C",
    key text GENERATED ALWAYS AS (lower((name COLLATE "C"))) STORED NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    uri text NOT NULL,
    method text NOT NULL,
    protocol text,
    server_host text,
    server_port integer,
    server_protocol text,
    params json NOT NULL,
    data json NOT NULL,
    headers json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    revision bigint NOT NULL,
    CONSTRAINT action_data_object CHECK ((json_typeof(data) = 'object'::text)),
    CONSTRAINT action_headers_object CHECK ((json_typeof(headers) = 'object'::text)),
    CONSTRAINT action_method_known CHECK ((method = ANY (ARRAY['GET'::text, 'HEAD'::text, 'POST'::text, 'PUT'::text, 'PATCH'::text, 'DELETE'::text, 'OPTIONS'::text]))),
    CONSTRAINT action_name_characters CHECK ((name !~ '[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT action_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT action_params_object CHECK ((json_typeof(params) = 'object'::text)),
    CONSTRAINT action_protocol_known CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT action_server_host_characters CHECK ((server_host ~ '^[0-9A-Za-z._:-]+$'::text)),
    CONSTRAINT action_server_host_length CHECK (((octet_length(server_host) >= 1) AND (octet_length(server_host) <= 253))),
    CONSTRAINT action_server_port_range CHECK (((server_port >= 1) AND (server_port <= 65535))),
    CONSTRAINT action_server_protocol_known CHECK ((server_protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT action_server_whole CHECK ((((server_host IS NULL) = (server_port IS NULL)) AND ((server_protocol IS NULL) OR (server_host IS NOT NULL)))),
    CONSTRAINT action_uri_characters CHECK (((uri ~ '^/'::text) AND (uri !~ '[\x01-\x20\x7f-\x9f]'::text))),
    CONSTRAINT action_uri_length CHECK (((octet_length(uri) >= 1) AND (octet_length(uri) <= 2048)))
);

--
-- Name: TABLE action; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.action IS 'An action of a service; what FATE calls a service of a server.';

--
-- Name: COLUMN action.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN action.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.service_key IS 'Key of the service.';

--
-- Name: COLUMN action.key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.key IS 'The name in lower case (ASCII letters only): what names are compared by.';

--
-- Name: COLUMN action.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.name IS 'Short name, without that of the service; as first registered.';

--
-- Name: COLUMN action.uri; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.uri IS 'Path on the node.';

--
-- Name: COLUMN action.method; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.method IS 'HTTP method.';

--
-- Name: COLUMN action.protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.protocol IS 'Wins over the node''s; NULL if not given.';

--
-- Name: COLUMN action.server_host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_host IS 'An address of its own instead of the service''s (server_info); NULL if not given.';

--
-- Name: COLUMN action.server_port; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_port IS 'Port of its own address.';

--
-- Name: COLUMN action.server_protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_protocol IS 'Protocol of its own address; NULL if not given.';

--
-- Name: COLUMN action.params; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.params IS 'JSON object, byte for byte as given; shown, not used.';

--
-- Name: COLUMN action.data; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.data IS 'JSON object, byte for byte as given; merged into the body of hook calls.';

--
-- Name: COLUMN action.headers; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.headers IS 'JSON object, byte for byte as given; shown, not used.';

--
-- Name: COLUMN action.created_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.created_at IS 'First registration.';

--
-- Name: COLUMN action.updated_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.updated_at IS 'Last registration.';

--
-- Name: COLUMN action.revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.revision IS 'Revision of the last registration: see registry.change.';

--
-- Name: action_value(registry.action); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.action_value(a registry.action) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('name', (a).name, 'uri', (a).uri, 'method', (a).method, 'protocol', (a).protocol, 'server_host', (a).server_host, 'server_port', (a).server_port, 'server_protocol', (a).server_protocol, 'params', (a).params, 'data', (a).data, 'headers', (a).headers, 'created', registry.milliseconds((a).created_at), 'updated', registry.milliseconds((a).updated_at));

--
-- Name: FUNCTION action_value(a registry.action); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.action_value(a registry.action) IS 'State of an action as JSON.';

--
-- Name: begin_change(boolean); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.begin_change(alone boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- First of all locks. Writers that only put may work side by side: they touch rows in the
	-- order of their keys and take the log's lock last, so none waits for another in a circle.
	-- Who deletes, or puts rows that depend on others, works alone.
	IF alone THEN
		PERFORM pg_advisory_xact_lock(6024012);
	ELSE
		PERFORM pg_advisory_xact_lock_shared(6024012);
	END IF;
END $$;

--
-- Name: FUNCTION begin_change(alone boolean); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.begin_change(alone boolean) IS 'Begins a transaction that writes to the registry: side by side with others, or alone.';

--
-- Name: change; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.change (
    revision bigint NOT NULL,
    part integer NOT NULL,
    at timestamp with time zone NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    service_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    operation text NOT NULL,
    value json,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT change_kind_known CHECK ((kind = ANY (ARRAY['service'::text, 'action'::text]))),
    CONSTRAINT change_operation_known CHECK ((operation = ANY (ARRAY['put'::text, 'delete'::text]))),
    CONSTRAINT change_value_of_put CHECK (((value IS NOT NULL) = (operation = 'put'::text)))
);

--
-- Name: TABLE change; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.change IS 'The log of changes. A revision is one commit, and revisions are committed in ascending order: who has read up to one never misses a row by asking for what is greater. Rows are never changed.';

--
-- Name: COLUMN change.revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.revision IS 'Position in the log; all changes of one commit bear the same. Numbers may be missing.';

--
-- Name: COLUMN change.part; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.part IS 'Order within the revision, from 1; numbers may be missing.';

--
-- Name: COLUMN change.at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.at IS 'When it was written.';

--
-- Name: COLUMN change.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN change.kind; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.kind IS 'What changed: a service (with its nodes) or one action. A deleted service takes its actions along without rows of their own.';

--
-- Name: COLUMN change.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.service_key IS 'Key of the service.';

--
-- Name: COLUMN change.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.name IS 'Key of the service or of the action.';

--
-- Name: COLUMN change.operation; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.operation IS 'put: value is the whole new state; delete: it is gone.';

--
-- Name: COLUMN change.value; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.value IS 'The new state: see registry.service_value() and registry.action_value(). NULL after a delete.';

--
-- Name: COLUMN change.caller_address; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_address IS 'Address of the caller; empty if unknown.';

--
-- Name: COLUMN change.caller_application; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN change.caller_user; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN change.trace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: changes_after(bigint, integer); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.changes_after(after bigint, most integer) RETURNS SETOF registry.change
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
	SELECT * FROM (
		SELECT * FROM registry.change WHERE revision > after ORDER BY revision
		FETCH FIRST (most) ROWS WITH TIES) c
	ORDER BY revision, part
$$;

--
-- Name: FUNCTION changes_after(after bigint, most integer); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.changes_after(after bigint, most integer) IS 'What was committed after a revision, in order: at least most rows if there are so many, revisions always whole.';

--
-- Name: delete_nodes(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_nodes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
	DELETE FROM registry.node n USING gone g
	WHERE n.namespace = g.namespace AND n.service_key = g.key;
	RETURN NULL;
END $$;

--
-- Name: FUNCTION delete_nodes(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_nodes() IS 'Removes the nodes of deleted services.';

--
-- Name: delete_server(text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
	this_revision bigint;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	DELETE FROM registry.service s
	WHERE s.namespace = delete_server.namespace AND s.key = lower(server_name COLLATE "C");
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'service',
		lower(server_name COLLATE "C"), lower(server_name COLLATE "C"), 'delete',
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) IS 'Removes a server with its nodes and services. The revision, or NULL if there is none of that name.';

--
-- Name: delete_service(text, text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
	this_revision bigint;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	DELETE FROM registry.action a
	WHERE a.namespace = delete_service.namespace
		AND a.service_key = lower(server_name COLLATE "C")
		AND a.key = lower(service_name COLLATE "C");
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'action',
		lower(server_name COLLATE "C"), lower(service_name COLLATE "C"), 'delete',
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) IS 'Removes one service of a server. The revision, or NULL if there is none of that name.';

--
-- Name: next_revision(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.next_revision() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- One at a time, until its commit is visible: a sequence alone gives numbers in the order of
	-- asking, and a reader would pass over one that commits late. Taken when the rows have been
	-- written, so that the lock is held for the log and the commit only, and that of two who
	-- write the same row the later has the greater revision.
	PERFORM pg_advisory_xact_lock(6024013);
	RETURN nextval('registry.revision');
END $$;

--
-- Name: FUNCTION next_revision(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.next_revision() IS 'Takes the lock of the log until the end of the transaction, and its next revision.';

--
-- Name: node_value(text, text, integer, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.node_value(name text, host text, port integer, protocol text) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((((((((('{"name":'::text || to_json(name)) || ',"host":'::text) || to_json(host)) || ',"port":'::text) || port) || ',"protocol":'::text) || to_json(protocol)) || '}'::text))::json;

--
-- Name: FUNCTION node_value(name text, host text, port integer, protocol text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) IS 'State of a node as JSON.';

--
-- Name: register_bulk(text, text[], text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	this_revision bigint;
	sized integer[] := ARRAY[cardinality(servers)];
	counted integer[] := ARRAY[cardinality(names)];
	absent text[] := array_fill(NULL::text, counted);
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	PERFORM registry.register_servers(array_fill(namespace, sized), servers, hosts, ports,
		protocols, array_fill(caller_address, sized), array_fill(caller_application, sized),
		array_fill(caller_user, sized), array_fill(trace, sized), this_revision);
	PERFORM registry.register_services(array_fill(namespace, counted), server_names, names,
		uris, methods, absent, absent, absent::integer[], absent, params, data, headers,
		array_fill(caller_address, counted), array_fill(caller_application, counted),
		array_fill(caller_user, counted), array_fill(trace, counted), this_revision);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) IS 'Registers servers (servers, hosts, ports, protocols: one array element each) together with services of theirs (server_names and what follows): all or nothing, one revision.';

--
-- Name: register_servers(text[], text[], text[], integer[], text[], text[], text[], text[], text[], bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint DEFAULT NULL::bigint) RETURNS TABLE(r_position bigint, r_revision bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
	moment timestamptz := clock_timestamp();
BEGIN
	IF within IS NULL THEN
		PERFORM registry.begin_change(false);
	END IF;
	RETURN QUERY
	WITH input AS MATERIALIZED (
		SELECT i.*, lower(i.name COLLATE "C") AS key, i.host || ':' || i.port AS node
		FROM unnest(namespaces, names, hosts, ports, protocols, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, name, host, port, protocol, caller_address,
				caller_application, caller_user, trace, position)
	), put_service AS (
		INSERT INTO registry.service AS s
			(namespace, name, created_at, updated_at)
		SELECT i.namespace, i.name, moment, moment FROM input i
		ON CONFLICT ON CONSTRAINT service_pkey DO UPDATE
			SET updated_at = excluded.updated_at
		RETURNING s.*, s.xmax = 0 AS made
	), put_first_node AS (
		-- Cheaper than the other, which has to be ready for a node that is there.
		INSERT INTO registry.node (namespace, service_key, name, host, port, protocol)
		SELECT i.namespace, i.key, i.node, i.host, i.port, i.protocol
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
		WHERE s.made
		RETURNING 1
	), put_node AS (
		INSERT INTO registry.node (namespace, service_key, name, host, port, protocol)
		SELECT i.namespace, i.key, i.node, i.host, i.port, i.protocol
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
		WHERE NOT s.made
		ON CONFLICT ON CONSTRAINT node_pkey DO UPDATE
			SET name = excluded.name, host = excluded.host, port = excluded.port,
				protocol = excluded.protocol
		RETURNING 1
	), taken AS MATERIALIZED (
		-- Counting reads what was put to its end: all rows stand before the lock is taken.
		SELECT coalesce(within, registry.next_revision()) AS revision
		WHERE (SELECT count(*) FROM put_first_node) + (SELECT count(*) FROM put_node) >= 0
	), put_change AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, caller_address, caller_application, caller_user, trace)
		SELECT (SELECT revision FROM taken), i.position, moment, i.namespace, 'service', i.key,
			i.key, 'put',
			registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
				('[' || registry.node_value(i.node, i.host, i.port, i.protocol) || ']')::json),
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
	)
	SELECT i.position, (SELECT revision FROM taken) FROM input i;
END $$;

--
-- Name: FUNCTION register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) IS 'Registers servers (services with one node) or replaces their addresses; one array element each, no name twice. Gives for each its position in the arrays and the revision. within: a revision that this transaction has already taken.';

--
-- Name: register_services(text[], text[], text[], text[], text[], text[], text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint DEFAULT NULL::bigint) RETURNS TABLE(r_position bigint, r_revision bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
	this_revision bigint := within;
	moment timestamptz := clock_timestamp();
	part_before integer;
BEGIN
	IF within IS NULL THEN
		PERFORM registry.begin_change(true);
		this_revision := registry.next_revision();
	END IF;
	part_before := coalesce((SELECT max(c.part) FROM registry.change c
		WHERE c.revision = this_revision), 0);
	-- A server that is not registered is made, without a node, by a service that brings its own
	-- address.
	IF EXISTS (SELECT FROM unnest(server_hosts) AS h (host) WHERE h.host IS NOT NULL) THEN
		WITH made AS (
			INSERT INTO registry.service (namespace, name, created_at, updated_at)
			SELECT i.namespace, i.name, moment, moment
			FROM unnest(namespaces, server_names, server_hosts) AS i (namespace, name, host)
			WHERE i.host IS NOT NULL
			ON CONFLICT ON CONSTRAINT service_pkey DO NOTHING
			RETURNING service AS s
		)
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, caller_address, caller_application, caller_user, trace)
		SELECT this_revision, part_before + row_number() OVER (), moment, (s).namespace,
			'service', (s).key, (s).key, 'put', registry.service_value((s).name, (s).version,
				(s).settings, (s).created_at, (s).updated_at, '[]'),
			coalesce(i.caller_address, ''), coalesce(i.caller_application, ''),
			coalesce(i.caller_user, ''), coalesce(i.trace, '')
		FROM made LEFT JOIN LATERAL (
			SELECT n.* FROM unnest(namespaces, server_names, caller_addresses,
				caller_applications, caller_users, traces) AS n (namespace, name,
				caller_address, caller_application, caller_user, trace)
			WHERE n.namespace = (s).namespace AND lower(n.name COLLATE "C") = (s).key
			LIMIT 1) i ON true;
		part_before := part_before + cardinality(names);
	END IF;

	INSERT INTO registry.action (namespace, service_key, name, uri, method, protocol,
		server_host, server_port, server_protocol, params, data, headers,
		created_at, updated_at, revision)
	SELECT s.namespace, s.key, i.name, i.uri, i.method, i.protocol,
		i.server_host, i.server_port, i.server_protocol,
		i.params::json, i.data::json, i.headers::json, moment, moment, this_revision
	FROM unnest(namespaces, server_names, names, uris, methods, protocols, server_hosts,
		server_ports, server_protocols, params, data, headers)
		AS i (namespace, server_name, name, uri, method, protocol, server_host, server_port,
			server_protocol, params, data, headers)
	JOIN registry.service s
		ON s.namespace = i.namespace AND s.key = lower(i.server_name COLLATE "C")
	ON CONFLICT ON CONSTRAINT action_pkey DO UPDATE
		SET uri = excluded.uri, method = excluded.method, protocol = excluded.protocol,
			server_host = excluded.server_host, server_port = excluded.server_port,
			server_protocol = excluded.server_protocol, params = excluded.params,
			data = excluded.data, headers = excluded.headers,
			updated_at = excluded.updated_at, revision = excluded.revision;

	RETURN QUERY
	WITH input AS MATERIALIZED (
		SELECT i.*, a AS state, a.service_key, a.key
		FROM unnest(namespaces, server_names, names, caller_addresses, caller_applications,
			caller_users, traces)
			WITH ORDINALITY AS i (namespace, server_name, name, caller_address,
				caller_application, caller_user, trace, position)
		JOIN registry.action a ON a.namespace = i.namespace
			AND a.service_key = lower(i.server_name COLLATE "C")
			AND a.key = lower(i.name COLLATE "C")
		WHERE a.revision = this_revision
	), logged AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, caller_address, caller_application, caller_user, trace)
		SELECT this_revision, part_before + i.position, moment, i.namespace, 'action',
			i.service_key, i.key, 'put', registry.action_value(i.state),
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM input i
	)
	SELECT i.position, this_revision FROM input i;
END $$;

--
-- Name: FUNCTION register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) IS 'Registers services (actions) of servers, or replaces all that they said before; one array element each, no service twice. Gives for each its position in the arrays and the revision; nothing for one whose server is not registered, unless it brings an address of its own (server_hosts). within: a revision that this transaction has already taken.';

--
-- Name: service_value(text, text, json, timestamp with time zone, timestamp with time zone, json); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((((((((((((('{"name":'::text || to_json(name)) || ',"version":'::text) || to_json(version)) || ',"settings":'::text) || settings) || ',"created":'::text) || registry.milliseconds(created_at)) || ',"updated":'::text) || registry.milliseconds(updated_at)) || ',"nodes":'::text) || nodes) || '}'::text))::json;

--
-- Name: FUNCTION service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) IS 'State of a service as JSON, its nodes a list made by registry.node_value().';

--
-- Name: node; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.node (
    namespace text NOT NULL COLLATE pg_catalog."C",
    service_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    protocol text NOT NULL,
    CONSTRAINT node_host_characters CHECK ((host ~ '^[0-9A-Za-z._:-]+$'::text)),
    CONSTRAINT node_host_length CHECK (((octet_length(host) >= 1) AND (octet_length(host) <= 253))),
    CONSTRAINT node_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 300))),
    CONSTRAINT node_port_range CHECK (((port >= 1) AND (port <= 65535))),
    CONSTRAINT node_protocol_known CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text])))
);

--
-- Name: TABLE node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.node IS 'Where a service is reached: so far one node each, as a FATE server has.';

--
-- Name: COLUMN node.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN node.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.service_key IS 'Key of the service.';

--
-- Name: COLUMN node.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.name IS 'Name of the node; that of a FATE server is host:port.';

--
-- Name: COLUMN node.host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.host IS 'Host name or IP address, IPv6 without brackets.';

--
-- Name: COLUMN node.port; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.port IS 'TCP port.';

--
-- Name: COLUMN node.protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.protocol IS 'http or https.';

--
-- Name: revision; Type: SEQUENCE; Schema: registry; Owner: -
--

CREATE SEQUENCE registry.revision
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON SEQUENCE registry.revision IS 'Revisions of registry.change. Taken by registry.next_revision() only, which takes the lock that makes their order the order of the commits.';

--
-- Name: service; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.service (
    namespace text NOT NULL COLLATE pg_catalog."C",
    key text GENERATED ALWAYS AS (lower((name COLLATE "C"))) STORED NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    version text DEFAULT ''::text NOT NULL,
    settings json DEFAULT '{}'::json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT service_name_characters CHECK ((name !~ '^\$|[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT service_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT service_name_not_reserved CHECK ((key <> ALL (ARRAY['get'::text, 'service'::text, 'registry'::text, 'auth'::text, 'api_reader'::text, 'event'::text, 'audit'::text, 'notice'::text]))),
    CONSTRAINT service_namespace_length CHECK (((octet_length(namespace) >= 1) AND (octet_length(namespace) <= 255))),
    CONSTRAINT service_settings_object CHECK ((json_typeof(settings) = 'object'::text))
);

--
-- Name: TABLE service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.service IS 'A registered service; a FATE server is a service with one node. Names differ by more than the case of ASCII letters.';

--
-- Name: COLUMN service.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.namespace IS 'Names of one namespace are not seen in another.';

--
-- Name: COLUMN service.key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.key IS 'The name in lower case (ASCII letters only): what names are compared by.';

--
-- Name: COLUMN service.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.name IS 'As first registered.';

--
-- Name: COLUMN service.version; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.version IS 'Empty if it has none.';

--
-- Name: COLUMN service.settings; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.settings IS 'JSON object, byte for byte as given.';

--
-- Name: COLUMN service.created_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.created_at IS 'First registration.';

--
-- Name: COLUMN service.updated_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.updated_at IS 'Last registration.';

--
-- Name: state; Type: VIEW; Schema: registry; Owner: -
--

CREATE VIEW registry.state AS
 SELECT 'service'::text AS kind,
    s.namespace,
    s.key AS service_key,
    s.key AS name,
    registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at, COALESCE(n.nodes, '[]'::json)) AS value
   FROM (registry.service s
     LEFT JOIN ( SELECT node.namespace,
            node.service_key,
            json_agg(registry.node_value(node.name, node.host, node.port, node.protocol) ORDER BY (node.name COLLATE "C")) AS nodes
           FROM registry.node
          GROUP BY node.namespace, node.service_key) n ON (((n.namespace = s.namespace) AND (n.service_key = s.key))))
UNION ALL
 SELECT 'action'::text AS kind,
    a.namespace,
    a.service_key,
    a.key AS name,
    registry.action_value(a.*) AS value
   FROM registry.action a;

--
-- Name: VIEW state; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON VIEW registry.state IS 'Everything that is registered, in the form of registry.change: what the log would put one by one.';

--
-- Name: action action_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.action
    ADD CONSTRAINT action_pkey PRIMARY KEY (namespace, service_key, key);

--
-- Name: change change_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (revision, part);

--
-- Name: node node_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (namespace, service_key);

--
-- Name: service service_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.service
    ADD CONSTRAINT service_pkey PRIMARY KEY (namespace, key);

--
-- Name: service service_deletes_nodes; Type: TRIGGER; Schema: registry; Owner: -
--

CREATE TRIGGER service_deletes_nodes AFTER DELETE ON registry.service REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry.delete_nodes();

--
-- Name: TRIGGER service_deletes_nodes ON service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TRIGGER service_deletes_nodes ON registry.service IS 'What ON DELETE CASCADE would do if registry.node had a foreign key.';

--
-- Name: action action_service_fkey; Type: FK CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.action
    ADD CONSTRAINT action_service_fkey FOREIGN KEY (namespace, service_key) REFERENCES registry.service(namespace, key) ON DELETE CASCADE;

--
-- Name: SCHEMA registry; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA registry TO junction_app;
GRANT USAGE ON SCHEMA registry TO junction_reader;

--
-- Name: FUNCTION milliseconds(moment timestamp with time zone); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) TO junction_reader;

--
-- Name: TABLE action; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.action TO junction_app;
GRANT SELECT ON TABLE registry.action TO junction_reader;

--
-- Name: FUNCTION action_value(a registry.action); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.action_value(a registry.action) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.action_value(a registry.action) TO junction_app;
GRANT ALL ON FUNCTION registry.action_value(a registry.action) TO junction_reader;

--
-- Name: FUNCTION begin_change(alone boolean); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.begin_change(alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.begin_change(alone boolean) TO junction_app;

--
-- Name: TABLE change; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT ON TABLE registry.change TO junction_app;
GRANT SELECT ON TABLE registry.change TO junction_reader;

--
-- Name: FUNCTION changes_after(after bigint, most integer); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.changes_after(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.changes_after(after bigint, most integer) TO junction_app;
GRANT ALL ON FUNCTION registry.changes_after(after bigint, most integer) TO junction_reader;

--
-- Name: FUNCTION delete_nodes(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_nodes() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_nodes() TO junction_app;

--
-- Name: FUNCTION delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION next_revision(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.next_revision() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.next_revision() TO junction_app;

--
-- Name: FUNCTION node_value(name text, host text, port integer, protocol text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) TO junction_app;
GRANT ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) TO junction_reader;

--
-- Name: FUNCTION register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) TO junction_app;

--
-- Name: FUNCTION register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) TO junction_app;

--
-- Name: FUNCTION service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) TO junction_app;
GRANT ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) TO junction_reader;

--
-- Name: TABLE node; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.node TO junction_app;
GRANT SELECT ON TABLE registry.node TO junction_reader;

--
-- Name: SEQUENCE revision; Type: ACL; Schema: registry; Owner: -
--

GRANT USAGE ON SEQUENCE registry.revision TO junction_app;

--
-- Name: TABLE service; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.service TO junction_app;
GRANT SELECT ON TABLE registry.service TO junction_reader;

--
-- Name: TABLE state; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT ON TABLE registry.state TO junction_app;
GRANT SELECT ON TABLE registry.state TO junction_reader;

--
-- PostgreSQL database dump complete
--
