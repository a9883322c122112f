-- Services, their nodes and actions, and a change log in commit order, so that every server can
-- answer reads from memory and still see each write exactly once, in the order of the commits.
-- Roles junction_app and junction_reader exist before the first migration.

CREATE SCHEMA registry;
COMMENT ON SCHEMA registry IS
	'What services register: services with nodes (addresses) and actions, and the log of changes. Written by the functions of this schema only.';

-- --- tables ------------------------------------------------------------------------------------

CREATE TABLE registry.service (
	namespace text COLLATE "C" NOT NULL,
	key text COLLATE "C" GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
	name text NOT NULL,
	version text NOT NULL DEFAULT '',
	settings json NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	CONSTRAINT service_pkey PRIMARY KEY (namespace, key),
	CONSTRAINT service_namespace_length CHECK (octet_length(namespace) BETWEEN 1 AND 255),
	CONSTRAINT service_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT service_name_characters CHECK (name !~ '^\$|[\x01-\x1f\x7f-\x9f/]'),
	CONSTRAINT service_name_not_reserved CHECK (key NOT IN
		('get', 'service', 'registry', 'auth', 'api_reader', 'event', 'audit', 'notice')),
	CONSTRAINT service_settings_object CHECK (json_typeof(settings) = 'object')
);
COMMENT ON TABLE registry.service IS
	'A registered service; a FATE server is a service with one node. Names differ by more than the case of ASCII letters.';
COMMENT ON COLUMN registry.service.namespace IS 'Names of one namespace are not seen in another.';
COMMENT ON COLUMN registry.service.key IS 'The name in lower case (ASCII letters only): what names are compared by.';
COMMENT ON COLUMN registry.service.name IS 'As first registered.';
COMMENT ON COLUMN registry.service.version IS 'Empty if it has none.';
COMMENT ON COLUMN registry.service.settings IS 'JSON object, byte for byte as given.';
COMMENT ON COLUMN registry.service.created_at IS 'First registration.';
COMMENT ON COLUMN registry.service.updated_at IS 'Last registration.';

-- Without a foreign key: its check costs a third of a registration (53,000 rows a second instead of
-- 36,000). Nodes are written together with their service only, and go with it by a trigger.
CREATE TABLE registry.node (
	namespace text COLLATE "C" NOT NULL,
	service_key text COLLATE "C" NOT NULL,
	name text NOT NULL,
	host text NOT NULL,
	port integer NOT NULL,
	protocol text NOT NULL,
	CONSTRAINT node_pkey PRIMARY KEY (namespace, service_key),
	CONSTRAINT node_name_length CHECK (octet_length(name) BETWEEN 1 AND 300),
	CONSTRAINT node_host_length CHECK (octet_length(host) BETWEEN 1 AND 253),
	CONSTRAINT node_host_characters CHECK (host ~ '^[0-9A-Za-z._:-]+$'),
	CONSTRAINT node_port_range CHECK (port BETWEEN 1 AND 65535),
	CONSTRAINT node_protocol_known CHECK (protocol IN ('http', 'https'))
);
COMMENT ON TABLE registry.node IS 'Where a service is reached: so far one node each, as a FATE server has.';
COMMENT ON COLUMN registry.node.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.node.service_key IS 'Key of the service.';
COMMENT ON COLUMN registry.node.name IS 'Name of the node; that of a FATE server is host:port.';
COMMENT ON COLUMN registry.node.host IS 'Host name or IP address, IPv6 without brackets.';
COMMENT ON COLUMN registry.node.port IS 'TCP port.';
COMMENT ON COLUMN registry.node.protocol IS 'http or https.';

CREATE FUNCTION registry.delete_nodes() RETURNS trigger
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off AS $$
BEGIN
	DELETE FROM registry.node n USING gone g
	WHERE n.namespace = g.namespace AND n.service_key = g.key;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION registry.delete_nodes() IS 'Removes the nodes of deleted services.';

CREATE TRIGGER service_deletes_nodes AFTER DELETE ON registry.service
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry.delete_nodes();
COMMENT ON TRIGGER service_deletes_nodes ON registry.service IS
	'What ON DELETE CASCADE would do if registry.node had a foreign key.';

CREATE TABLE registry.action (
	namespace text COLLATE "C" NOT NULL,
	service_key text COLLATE "C" NOT NULL,
	key text COLLATE "C" GENERATED ALWAYS AS (lower(name COLLATE "C")) STORED,
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
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	revision bigint NOT NULL,
	CONSTRAINT action_pkey PRIMARY KEY (namespace, service_key, key),
	CONSTRAINT action_service_fkey FOREIGN KEY (namespace, service_key)
		REFERENCES registry.service (namespace, key) ON DELETE CASCADE,
	CONSTRAINT action_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT action_name_characters CHECK (name !~ '[\x01-\x1f\x7f-\x9f/]'),
	CONSTRAINT action_uri_length CHECK (octet_length(uri) BETWEEN 1 AND 2048),
	CONSTRAINT action_uri_characters CHECK (uri ~ '^/' AND uri !~ '[\x01-\x20\x7f-\x9f]'),
	CONSTRAINT action_method_known CHECK (method IN
		('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')),
	CONSTRAINT action_protocol_known CHECK (protocol IN ('http', 'https')),
	CONSTRAINT action_server_whole CHECK ((server_host IS NULL) = (server_port IS NULL)
		AND (server_protocol IS NULL OR server_host IS NOT NULL)),
	CONSTRAINT action_server_host_length CHECK (octet_length(server_host) BETWEEN 1 AND 253),
	CONSTRAINT action_server_host_characters CHECK (server_host ~ '^[0-9A-Za-z._:-]+$'),
	CONSTRAINT action_server_port_range CHECK (server_port BETWEEN 1 AND 65535),
	CONSTRAINT action_server_protocol_known CHECK (server_protocol IN ('http', 'https')),
	CONSTRAINT action_params_object CHECK (json_typeof(params) = 'object'),
	CONSTRAINT action_data_object CHECK (json_typeof(data) = 'object'),
	CONSTRAINT action_headers_object CHECK (json_typeof(headers) = 'object')
);
COMMENT ON TABLE registry.action IS 'An action of a service; what FATE calls a service of a server.';
COMMENT ON COLUMN registry.action.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.action.service_key IS 'Key of the service.';
COMMENT ON COLUMN registry.action.key IS 'The name in lower case (ASCII letters only): what names are compared by.';
COMMENT ON COLUMN registry.action.name IS 'Short name, without that of the service; as first registered.';
COMMENT ON COLUMN registry.action.uri IS 'Path on the node.';
COMMENT ON COLUMN registry.action.method IS 'HTTP method.';
COMMENT ON COLUMN registry.action.protocol IS 'Wins over the node''s; NULL if not given.';
COMMENT ON COLUMN registry.action.server_host IS 'An address of its own instead of the service''s (server_info); NULL if not given.';
COMMENT ON COLUMN registry.action.server_port IS 'Port of its own address.';
COMMENT ON COLUMN registry.action.server_protocol IS 'Protocol of its own address; NULL if not given.';
COMMENT ON COLUMN registry.action.params IS 'JSON object, byte for byte as given; shown, not used.';
COMMENT ON COLUMN registry.action.data IS 'JSON object, byte for byte as given; merged into the body of hook calls.';
COMMENT ON COLUMN registry.action.headers IS 'JSON object, byte for byte as given; shown, not used.';
COMMENT ON COLUMN registry.action.created_at IS 'First registration.';
COMMENT ON COLUMN registry.action.updated_at IS 'Last registration.';
COMMENT ON COLUMN registry.action.revision IS 'Revision of the last registration: see registry.change.';

CREATE TABLE registry.change (
	revision bigint NOT NULL,
	part integer NOT NULL,
	at timestamptz NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	kind text NOT NULL,
	service_key text COLLATE "C" NOT NULL,
	name text NOT NULL,
	operation text NOT NULL,
	value json,
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT change_pkey PRIMARY KEY (revision, part),
	CONSTRAINT change_kind_known CHECK (kind IN ('service', 'action')),
	CONSTRAINT change_operation_known CHECK (operation IN ('put', 'delete')),
	CONSTRAINT change_value_of_put CHECK ((value IS NOT NULL) = (operation = 'put'))
);
COMMENT ON TABLE registry.change IS
	'The log of changes. A revision is one commit, and revisions are committed in ascending order: who has read up to one never misses a row by asking for what is greater. Rows are never changed.';
COMMENT ON COLUMN registry.change.revision IS 'Position in the log; all changes of one commit bear the same. Numbers may be missing.';
COMMENT ON COLUMN registry.change.part IS 'Order within the revision, from 1; numbers may be missing.';
COMMENT ON COLUMN registry.change.at IS 'When it was written.';
COMMENT ON COLUMN registry.change.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.change.kind IS 'What changed: a service (with its nodes) or one action. A deleted service takes its actions along without rows of their own.';
COMMENT ON COLUMN registry.change.service_key IS 'Key of the service.';
COMMENT ON COLUMN registry.change.name IS 'Key of the service or of the action.';
COMMENT ON COLUMN registry.change.operation IS 'put: value is the whole new state; delete: it is gone.';
COMMENT ON COLUMN registry.change.value IS 'The new state: see registry.service_value() and registry.action_value(). NULL after a delete.';
COMMENT ON COLUMN registry.change.caller_address IS 'Address of the caller; empty if unknown.';
COMMENT ON COLUMN registry.change.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN registry.change.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN registry.change.trace IS 'Trace id of the call; empty if unknown.';

CREATE SEQUENCE registry.revision CACHE 1;
COMMENT ON SEQUENCE registry.revision IS
	'Revisions of registry.change. Taken by registry.next_revision() only, which takes the lock that makes their order the order of the commits.';

-- --- the state of an entity as JSON --------------------------------------------------------------
-- Standard bodies bind their names when created, so that no search_path can change their meaning,
-- and still are inlined where they are called. What every registration makes is put together as
-- text, which takes half the time that json_build_object() takes.

CREATE FUNCTION registry.milliseconds(moment timestamptz) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN floor(date_part('epoch', moment) * 1000)::bigint;
COMMENT ON FUNCTION registry.milliseconds(timestamptz) IS 'Milliseconds since 1970-01-01 UTC.';

CREATE FUNCTION registry.node_value(name text, host text, port integer, protocol text)
	RETURNS json LANGUAGE sql STABLE PARALLEL SAFE
	RETURN ('{"name":' || to_json(name) || ',"host":' || to_json(host) || ',"port":' || port ||
		',"protocol":' || to_json(protocol) || '}')::json;
COMMENT ON FUNCTION registry.node_value(text, text, integer, text) IS 'State of a node as JSON.';

CREATE FUNCTION registry.service_value(name text, version text, settings json,
	created_at timestamptz, updated_at timestamptz, nodes json) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN ('{"name":' || to_json(name) || ',"version":' || to_json(version) ||
		',"settings":' || settings || ',"created":' || registry.milliseconds(created_at) ||
		',"updated":' || registry.milliseconds(updated_at) || ',"nodes":' || nodes ||
		'}')::json;
COMMENT ON FUNCTION registry.service_value(text, text, json, timestamptz, timestamptz, json) IS
	'State of a service as JSON, its nodes a list made by registry.node_value().';

CREATE FUNCTION registry.action_value(a registry.action) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN json_build_object('name', (a).name, 'uri', (a).uri, 'method', (a).method,
		'protocol', (a).protocol, 'server_host', (a).server_host,
		'server_port', (a).server_port, 'server_protocol', (a).server_protocol,
		'params', (a).params, 'data', (a).data, 'headers', (a).headers,
		'created', registry.milliseconds((a).created_at),
		'updated', registry.milliseconds((a).updated_at));
COMMENT ON FUNCTION registry.action_value(registry.action) IS 'State of an action as JSON.';

CREATE VIEW registry.state AS
	SELECT 'service' AS kind, s.namespace, s.key AS service_key, s.key AS name,
		registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
			coalesce(n.nodes, '[]')) AS value
	FROM registry.service s LEFT JOIN (
		SELECT namespace, service_key, json_agg(registry.node_value(name, host, port, protocol)
			ORDER BY name COLLATE "C") AS nodes
		FROM registry.node GROUP BY namespace, service_key) n
		ON n.namespace = s.namespace AND n.service_key = s.key
	UNION ALL
	SELECT 'action', a.namespace, a.service_key, a.key, registry.action_value(a)
	FROM registry.action a;
COMMENT ON VIEW registry.state IS
	'Everything that is registered, in the form of registry.change: what the log would put one by one.';

-- --- writing -------------------------------------------------------------------------------------

CREATE FUNCTION registry.begin_change(alone boolean) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION registry.begin_change(boolean) IS
	'Begins a transaction that writes to the registry: side by side with others, or alone.';

CREATE FUNCTION registry.next_revision() RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- One at a time, until its commit is visible: a sequence alone gives numbers in the order of
	-- asking, and a reader would pass over one that commits late. Taken when the rows have been
	-- written, so that the lock is held for the log and the commit only, and that of two who
	-- write the same row the later has the greater revision.
	PERFORM pg_advisory_xact_lock(6024013);
	RETURN nextval('registry.revision');
END $$;
COMMENT ON FUNCTION registry.next_revision() IS
	'Takes the lock of the log until the end of the transaction, and its next revision.';

-- The statements below join a few array elements with each other or with tables of any size. What
-- the planner knows of a table may be a minute old, in which it can grow from nothing to 100,000
-- rows; a plan that was right for nothing then reads all of them for every batch. Hence each
-- function says which kind of plan is right: tables by index, elements by hash.

CREATE FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[],
	ports integer[], protocols text[], caller_addresses text[], caller_applications text[],
	caller_users text[], traces text[], within bigint DEFAULT NULL)
	RETURNS TABLE (r_position bigint, r_revision bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off AS $$
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
COMMENT ON FUNCTION registry.register_servers(text[], text[], text[], integer[], text[], text[],
	text[], text[], text[], bigint) IS
	'Registers servers (services with one node) or replaces their addresses; one array element each, no name twice. Gives for each its position in the arrays and the revision. within: a revision that this transaction has already taken.';

CREATE FUNCTION registry.register_services(namespaces text[], server_names text[], names text[],
	uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[],
	server_protocols text[], params text[], data text[], headers text[],
	caller_addresses text[], caller_applications text[], caller_users text[], traces text[],
	within bigint DEFAULT NULL)
	RETURNS TABLE (r_position bigint, r_revision bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
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
COMMENT ON FUNCTION registry.register_services(text[], text[], text[], text[], text[], text[],
	text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], bigint) IS
	'Registers services (actions) of servers, or replaces all that they said before; one array element each, no service twice. Gives for each its position in the arrays and the revision; nothing for one whose server is not registered, unless it brings an address of its own (server_hosts). within: a revision that this transaction has already taken.';

CREATE FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[],
	ports integer[], protocols text[], server_names text[], names text[], uris text[],
	methods text[], params text[], data text[], headers text[],
	caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION registry.register_bulk(text, text[], text[], integer[], text[], text[], text[],
	text[], text[], text[], text[], text[], text, text, text, text) IS
	'Registers servers (servers, hosts, ports, protocols: one array element each) together with services of theirs (server_names and what follows): all or nothing, one revision.';

CREATE FUNCTION registry.delete_server(namespace text, server_name text, caller_address text,
	caller_application text, caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off AS $$
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
COMMENT ON FUNCTION registry.delete_server(text, text, text, text, text, text) IS
	'Removes a server with its nodes and services. The revision, or NULL if there is none of that name.';

CREATE FUNCTION registry.delete_service(namespace text, server_name text, service_name text,
	caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off AS $$
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
COMMENT ON FUNCTION registry.delete_service(text, text, text, text, text, text, text) IS
	'Removes one service of a server. The revision, or NULL if there is none of that name.';

-- --- reading -------------------------------------------------------------------------------------

CREATE FUNCTION registry.changes_after(after bigint, most integer) RETURNS SETOF registry.change
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off AS $$
	SELECT * FROM (
		SELECT * FROM registry.change WHERE revision > after ORDER BY revision
		FETCH FIRST (most) ROWS WITH TIES) c
	ORDER BY revision, part
$$;
COMMENT ON FUNCTION registry.changes_after(bigint, integer) IS
	'What was committed after a revision, in order: at least most rows if there are so many, revisions always whole.';

-- --- rights --------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA registry FROM PUBLIC;
GRANT USAGE ON SCHEMA registry TO junction_app, junction_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON registry.service, registry.node, registry.action
	TO junction_app;
GRANT SELECT, INSERT ON registry.change TO junction_app;
GRANT SELECT ON registry.state TO junction_app;
GRANT USAGE ON SEQUENCE registry.revision TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA registry TO junction_app;
GRANT SELECT ON registry.service, registry.node, registry.action, registry.change, registry.state
	TO junction_reader;
-- The functions of a view run with the rights of whoever reads it.
GRANT EXECUTE ON FUNCTION registry.milliseconds, registry.node_value, registry.service_value,
	registry.action_value, registry.changes_after TO junction_reader;
