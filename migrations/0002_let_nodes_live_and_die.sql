-- Several nodes a service, each with a lease, a weight and a health; the change log in partitions,
-- with the old value beside the new one, so that it can be kept as long as is wanted.

-- --- the log in partitions -----------------------------------------------------------------------

ALTER TABLE registry.change RENAME TO change_before;
ALTER TABLE registry.change_before RENAME CONSTRAINT change_pkey TO change_before_pkey;

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
	old_value json,
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT change_pkey PRIMARY KEY (revision, part, at),
	CONSTRAINT change_kind_known CHECK (kind IN ('service', 'node', 'action')),
	CONSTRAINT change_operation_known CHECK (operation IN ('put', 'delete', 'expire')),
	CONSTRAINT change_value_of_put CHECK ((value IS NOT NULL) = (operation = 'put')),
	CONSTRAINT change_expire_of_node CHECK (operation <> 'expire' OR kind = 'node')
) PARTITION BY RANGE (at);
COMMENT ON TABLE registry.change IS
	'The log of changes: who registered what, when, from where. A revision is one commit, and revisions are committed in ascending order: who has read up to one never misses a row by asking for what is greater. Rows are never changed; a partition holds a month (UTC) and goes as a whole: registry.keep_history().';
COMMENT ON COLUMN registry.change.revision IS 'Position in the log; all changes of one commit bear the same. Numbers may be missing.';
COMMENT ON COLUMN registry.change.part IS 'Order within the revision, from 1; numbers may be missing.';
COMMENT ON COLUMN registry.change.at IS 'When it was written.';
COMMENT ON COLUMN registry.change.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.change.kind IS 'What changed: a service (with the address of a FATE server, its own node), a node, or an action. A deleted service takes its nodes and actions along without rows of their own.';
COMMENT ON COLUMN registry.change.service_key IS 'Key of the service.';
COMMENT ON COLUMN registry.change.name IS 'Key of the service, of the node (empty: the service''s own) or of the action.';
COMMENT ON COLUMN registry.change.operation IS 'put: value is the whole new state; delete: it is gone; expire: the node''s lease has run out.';
COMMENT ON COLUMN registry.change.value IS 'The new state: see registry.service_value(), registry.node_value() and registry.action_value(). NULL unless put.';
COMMENT ON COLUMN registry.change.old_value IS 'The state before, of the same form; NULL if there was none, and for a service that only moved its own node: then the node alone.';
COMMENT ON COLUMN registry.change.caller_address IS 'Address of the caller; empty if unknown. What Junction does by itself (checks, leases) has the name of the server here and no trace.';
COMMENT ON COLUMN registry.change.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN registry.change.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN registry.change.trace IS 'Trace id of the call; empty if unknown.';

CREATE TABLE registry.history (
	only_row boolean NOT NULL DEFAULT true,
	forgotten bigint NOT NULL DEFAULT 0,
	CONSTRAINT history_pkey PRIMARY KEY (only_row),
	CONSTRAINT history_one_row CHECK (only_row)
);
COMMENT ON TABLE registry.history IS 'One row: how far the log has been forgotten.';
COMMENT ON COLUMN registry.history.only_row IS 'Always true.';
COMMENT ON COLUMN registry.history.forgotten IS 'The greatest revision that has been dropped from registry.change; 0 if none. Who stands before it has to read the whole state anew.';
INSERT INTO registry.history DEFAULT VALUES;

CREATE FUNCTION registry.make_month(month date) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	partition text := 'change_' || to_char(month, 'YYYY_MM');
BEGIN
	IF to_regclass('registry.' || partition) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE registry.%I PARTITION OF registry.change '
		'FOR VALUES FROM (%L) TO (%L)', partition, month::timestamp AT TIME ZONE 'UTC',
		(month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
	EXECUTE format('COMMENT ON TABLE registry.%I IS %L', partition,
		'Changes of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;
COMMENT ON FUNCTION registry.make_month(date) IS
	'Makes the partition of registry.change for the month that begins on that day, if it is missing.';

CREATE FUNCTION registry.keep_history(days integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	partition record;
	last_revision bigint;
	dropped integer := 0;
BEGIN
	IF days < 1 THEN
		RAISE EXCEPTION 'history is kept for 1 day at least, not %', days;
	END IF;
	-- One at a time; who comes second finds nothing to do.
	PERFORM pg_advisory_xact_lock(6024014);
	FOR i IN 0 .. 2 LOOP
		PERFORM registry.make_month((this_month + i * interval '1 month')::date);
	END LOOP;
	FOR partition IN
		SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'registry.change'::regclass AND c.relname ~ '^change_\d{4}_\d\d$'
			AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
				<= (now() AT TIME ZONE 'UTC') - days * interval '1 day'
		ORDER BY c.relname
	LOOP
		EXECUTE format('SELECT max(revision) FROM registry.%I', partition.relname)
			INTO last_revision;
		EXECUTE format('DROP TABLE registry.%I', partition.relname);
		UPDATE registry.history SET forgotten = greatest(forgotten, last_revision);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $$;
COMMENT ON FUNCTION registry.keep_history(integer) IS
	'Makes the partitions of this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

DO $$
BEGIN
	PERFORM registry.make_month(m::date) FROM generate_series(
		date_trunc('month', coalesce((SELECT min(at) FROM registry.change_before), now())
			AT TIME ZONE 'UTC'),
		date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months',
		interval '1 month') AS m;
END $$;
INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name, operation,
	value, caller_address, caller_application, caller_user, trace)
SELECT revision, part, at, namespace, kind, service_key, name, operation, value, caller_address,
	caller_application, caller_user, trace FROM registry.change_before;

DROP FUNCTION registry.changes_after(bigint, integer);
DROP TABLE registry.change_before;

-- Here and below: a plan that is made once and kept. Planning anew each time takes as long as the
-- statement itself, and the flags leave the planner little to choose.
CREATE FUNCTION registry.changes_after(after bigint, most integer) RETURNS SETOF registry.change
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	RETURN QUERY SELECT * FROM (
		SELECT * FROM registry.change WHERE revision > after ORDER BY revision
		FETCH FIRST (most) ROWS WITH TIES) c
	ORDER BY c.revision, c.part;
END $$;
COMMENT ON FUNCTION registry.changes_after(bigint, integer) IS
	'What was committed after a revision, in order: at least most rows if there are so many, revisions always whole. Only right for a revision that is not forgotten: see registry.history.';

CREATE FUNCTION registry.changes_behind(after bigint, after_part integer, most integer,
	most_bytes bigint) RETURNS SETOF registry.change
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
	SELECT (r.c).* FROM (
		SELECT c, sum(octet_length(c.value::text)) OVER (ORDER BY c.revision, c.part
			ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
		FROM (
			SELECT * FROM registry.change WHERE (revision, part) > (after, after_part)
			ORDER BY revision, part LIMIT most) c) r
	WHERE coalesce(r.bytes_before, 0) < most_bytes
	ORDER BY (r.c).revision, (r.c).part
$$;
COMMENT ON FUNCTION registry.changes_behind(bigint, integer, integer, bigint) IS
	'What follows a part of a revision, in order: at most so many rows, and no more when their values have come to that many bytes. Only right for a revision that is not forgotten: see registry.history.';

-- --- nodes ---------------------------------------------------------------------------------------

ALTER TABLE registry.node
	DROP CONSTRAINT node_pkey,
	ADD COLUMN key text COLLATE "C" NOT NULL DEFAULT '',
	ADD COLUMN weight integer NOT NULL DEFAULT 1,
	ADD COLUMN enabled boolean NOT NULL DEFAULT true,
	ADD COLUMN metadata json NOT NULL DEFAULT '{}',
	ADD COLUMN check_kind text NOT NULL DEFAULT 'tcp',
	ADD COLUMN check_path text NOT NULL DEFAULT '',
	ADD COLUMN health text NOT NULL DEFAULT 'unknown',
	ADD COLUMN health_reason text NOT NULL DEFAULT '',
	ADD COLUMN health_at timestamptz,
	ADD COLUMN flapping boolean NOT NULL DEFAULT false,
	ADD COLUMN lease interval,
	ADD COLUMN expired_at timestamptz,
	ADD CONSTRAINT node_pkey PRIMARY KEY (namespace, service_key, key),
	ADD CONSTRAINT node_key_of_name CHECK (key = '' OR key = lower(name COLLATE "C")),
	ADD CONSTRAINT node_weight_range CHECK (weight BETWEEN 0 AND 10000),
	ADD CONSTRAINT node_metadata_object CHECK (json_typeof(metadata) = 'object'),
	ADD CONSTRAINT node_check_known CHECK (check_kind IN ('none', 'tcp', 'http')),
	ADD CONSTRAINT node_check_path CHECK ((check_kind = 'http') = (check_path ~ '^/')),
	ADD CONSTRAINT node_health_known CHECK (health IN ('unknown', 'passing', 'failing')),
	ADD CONSTRAINT node_lease_range CHECK (lease BETWEEN interval '1 second' AND interval '1 day'),
	ADD CONSTRAINT node_own_has_no_lease CHECK (key <> '' OR lease IS NULL),
	ADD CONSTRAINT node_expires_by_lease CHECK (expired_at IS NULL OR lease IS NOT NULL);
COMMENT ON TABLE registry.node IS 'Where a service is reached. A node with a lease lives by its heartbeats; a FATE server is a service with one node of its own (key empty), without a lease.';
COMMENT ON COLUMN registry.node.key IS 'The name in lower case (ASCII letters only); empty for the service''s own node, of which there is one.';
COMMENT ON COLUMN registry.node.weight IS 'Share of the calls beside the other nodes; 0: none while another node is there.';
COMMENT ON COLUMN registry.node.enabled IS 'False: it stays registered and gets no calls.';
COMMENT ON COLUMN registry.node.metadata IS 'JSON object, byte for byte as given.';
COMMENT ON COLUMN registry.node.check_kind IS 'How it is checked: not at all, by a TCP connection, or by GET of check_path.';
COMMENT ON COLUMN registry.node.check_path IS 'Path of the HTTP check; empty for the others.';
COMMENT ON COLUMN registry.node.health IS 'What the last checks say: unknown (counts as passing) until there was one.';
COMMENT ON COLUMN registry.node.health_reason IS 'Why it is failing; empty if it is not.';
COMMENT ON COLUMN registry.node.health_at IS 'When health changed; NULL if it never did.';
COMMENT ON COLUMN registry.node.flapping IS 'It has changed too often: it counts as failing until it has been passing for long enough.';
COMMENT ON COLUMN registry.node.lease IS 'How long it lives after a heartbeat; NULL: until it is deregistered.';
COMMENT ON COLUMN registry.node.expired_at IS 'When its lease had run out: it is in no list any more, and the row goes later. NULL if it lives.';

CREATE TABLE registry.lease (
	namespace text COLLATE "C" NOT NULL,
	service_key text COLLATE "C" NOT NULL,
	node_key text COLLATE "C" NOT NULL,
	renewed_at timestamptz NOT NULL,
	CONSTRAINT lease_pkey PRIMARY KEY (namespace, service_key, node_key)
) WITH (fillfactor = 50);
COMMENT ON TABLE registry.lease IS
	'The last heartbeat of each node with a lease. Apart from registry.node, since it changes all the time: narrow rows, updated in place. Heartbeats are written every now and then only, without waiting for the disk: a row may be up to a quarter of the lease old.';
COMMENT ON COLUMN registry.lease.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.lease.service_key IS 'Key of the service.';
COMMENT ON COLUMN registry.lease.node_key IS 'Key of the node.';
COMMENT ON COLUMN registry.lease.renewed_at IS 'The last heartbeat that was written.';

CREATE FUNCTION registry.delete_leases() RETURNS trigger
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	DELETE FROM registry.lease l USING gone g
	WHERE g.lease IS NOT NULL AND l.namespace = g.namespace
		AND l.service_key = g.service_key AND l.node_key = g.key;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION registry.delete_leases() IS 'Removes the leases of deleted nodes.';

CREATE TRIGGER node_deletes_leases AFTER DELETE ON registry.node
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry.delete_leases();
COMMENT ON TRIGGER node_deletes_leases ON registry.node IS 'A lease goes with its node.';

ALTER TABLE registry.action
	ADD COLUMN timeout interval,
	ADD CONSTRAINT action_timeout_range CHECK
		(timeout BETWEEN interval '1 millisecond' AND interval '1 hour');
COMMENT ON COLUMN registry.action.timeout IS 'How long a call of it may take in all; NULL: the server''s default.';

-- Which servers live: each renews its row, and nodes are shared out among those that do.
CREATE UNLOGGED TABLE registry.member (
	name text COLLATE "C" NOT NULL,
	renewed_at timestamptz NOT NULL,
	CONSTRAINT member_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE registry.member IS
	'The Junction servers that work on this database. Not logged: after a crash of PostgreSQL they enter themselves again.';
COMMENT ON COLUMN registry.member.name IS 'hostname-starttime of the server.';
COMMENT ON COLUMN registry.member.renewed_at IS 'When it was last seen alive.';

CREATE FUNCTION registry.renew_member(name text, alive interval) RETURNS SETOF text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	INSERT INTO registry.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM registry.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM registry.member m
		WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;
COMMENT ON FUNCTION registry.renew_member(text, interval) IS
	'Says that this server lives, and gives all that have said so within that time.';

CREATE FUNCTION registry.leave_member(name text) RETURNS void
	LANGUAGE sql SECURITY INVOKER
	BEGIN ATOMIC
		DELETE FROM registry.member m WHERE m.name = leave_member.name;
	END;
COMMENT ON FUNCTION registry.leave_member(text) IS 'Says that this server is about to end.';

-- --- the state of an entity as JSON --------------------------------------------------------------

DROP VIEW registry.state;

CREATE FUNCTION registry.interval_milliseconds(span interval) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN round(extract(epoch FROM span) * 1000)::bigint;
COMMENT ON FUNCTION registry.interval_milliseconds(interval) IS 'Whole milliseconds.';

CREATE FUNCTION registry.node_value(n registry.node) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN json_build_object('name', (n).name, 'host', (n).host, 'port', (n).port,
		'protocol', (n).protocol, 'weight', (n).weight, 'enabled', (n).enabled,
		'metadata', (n).metadata, 'check', (n).check_kind, 'check_path', (n).check_path,
		'health', (n).health, 'health_reason', (n).health_reason,
		'health_at', registry.milliseconds((n).health_at), 'flapping', (n).flapping,
		'lease_ms', registry.interval_milliseconds((n).lease));
COMMENT ON FUNCTION registry.node_value(registry.node) IS
	'State of a node as JSON. That of four texts is the short form of a service''s own node that has just been registered: all the rest as it is by default.';

CREATE OR REPLACE FUNCTION registry.action_value(a registry.action) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN json_build_object('name', (a).name, 'uri', (a).uri, 'method', (a).method,
		'protocol', (a).protocol, 'server_host', (a).server_host,
		'server_port', (a).server_port, 'server_protocol', (a).server_protocol,
		'params', (a).params, 'data', (a).data, 'headers', (a).headers,
		'timeout_ms', registry.interval_milliseconds((a).timeout),
		'created', registry.milliseconds((a).created_at),
		'updated', registry.milliseconds((a).updated_at));

-- kind: for nodes, a service's own is part of the service.
CREATE VIEW registry.state AS
	SELECT 'service' AS kind, s.namespace, s.key AS service_key, s.key AS name,
		registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
			CASE WHEN n.key IS NULL THEN '[]'
				ELSE json_build_array(registry.node_value(n)) END) AS value
	FROM registry.service s LEFT JOIN registry.node n
		ON n.namespace = s.namespace AND n.service_key = s.key AND n.key = ''
	UNION ALL
	SELECT 'node', n.namespace, n.service_key, n.key, registry.node_value(n)
	FROM registry.node n WHERE n.key <> '' AND n.expired_at IS NULL
	UNION ALL
	SELECT 'action', a.namespace, a.service_key, a.key, registry.action_value(a)
	FROM registry.action a;
COMMENT ON VIEW registry.state IS
	'Everything that is registered and lives, in the form of registry.change: what the log would put one by one.';

-- --- writing: what 0001 did, with old values and nodes of their own key --------------------------

DROP FUNCTION registry.register_bulk(text, text[], text[], integer[], text[], text[], text[], text[],
	text[], text[], text[], text[], text, text, text, text);
DROP FUNCTION registry.register_services(text[], text[], text[], text[], text[], text[], text[],
	integer[], text[], text[], text[], text[], text[], text[], text[], text[], bigint);

CREATE OR REPLACE FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[],
	ports integer[], protocols text[], caller_addresses text[], caller_applications text[],
	caller_users text[], traces text[], within bigint DEFAULT NULL)
	RETURNS TABLE (r_position bigint, r_revision bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
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
		INSERT INTO registry.node AS n (namespace, service_key, name, host, port, protocol)
		SELECT i.namespace, i.key, i.node, i.host, i.port, i.protocol
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
		WHERE NOT s.made
		ON CONFLICT ON CONSTRAINT node_pkey DO UPDATE
			SET name = excluded.name, host = excluded.host, port = excluded.port,
				protocol = excluded.protocol,
				-- What the checks said of another address says nothing of this one.
				health = CASE WHEN n.name = excluded.name THEN n.health
					ELSE 'unknown' END,
				health_reason = CASE WHEN n.name = excluded.name
					THEN n.health_reason ELSE '' END,
				health_at = CASE WHEN n.name = excluded.name THEN n.health_at END,
				flapping = n.flapping AND n.name = excluded.name
		RETURNING n.namespace, n.service_key, n AS node
	), taken AS MATERIALIZED (
		-- Counting reads what was put to its end: all rows stand before the lock is taken.
		SELECT coalesce(within, registry.next_revision()) AS revision
		WHERE (SELECT count(*) FROM put_first_node) + (SELECT count(*) FROM put_node) >= 0
	), put_change AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT (SELECT revision FROM taken), i.position, moment, i.namespace, 'service', i.key,
			i.key, 'put',
			registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
				CASE WHEN s.made
					THEN ('[' || registry.node_value(i.node, i.host, i.port,
						i.protocol) || ']')::json
					ELSE json_build_array(registry.node_value(p.node)) END),
			-- As it was before this statement. A subquery looks it up by the index.
			CASE WHEN NOT s.made THEN (SELECT registry.node_value(n) FROM registry.node n
				WHERE n.namespace = i.namespace AND n.service_key = i.key
					AND n.key = '') END,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
			LEFT JOIN put_node p ON p.namespace = s.namespace AND p.service_key = s.key
	)
	SELECT i.position, (SELECT revision FROM taken) FROM input i;
END $$;

CREATE FUNCTION registry.register_services(namespaces text[], server_names text[], names text[],
	uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[],
	server_protocols text[], params text[], data text[], headers text[], timeouts integer[],
	caller_addresses text[], caller_applications text[], caller_users text[], traces text[],
	within bigint DEFAULT NULL)
	RETURNS TABLE (r_position bigint, r_revision bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint := within;
	moment timestamptz := clock_timestamp();
	part_before integer;
	old_values json[];
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

	old_values := ARRAY(
		SELECT CASE WHEN a.key IS NOT NULL THEN registry.action_value(a) END
		FROM unnest(namespaces, server_names, names)
			WITH ORDINALITY AS i (namespace, server_name, name, position)
		LEFT JOIN registry.action a ON a.namespace = i.namespace
			AND a.service_key = lower(i.server_name COLLATE "C")
			AND a.key = lower(i.name COLLATE "C")
		ORDER BY i.position);

	INSERT INTO registry.action (namespace, service_key, name, uri, method, protocol,
		server_host, server_port, server_protocol, params, data, headers, timeout,
		created_at, updated_at, revision)
	SELECT s.namespace, s.key, i.name, i.uri, i.method, i.protocol,
		i.server_host, i.server_port, i.server_protocol,
		i.params::json, i.data::json, i.headers::json, i.timeout * interval '1 millisecond',
		moment, moment, this_revision
	FROM unnest(namespaces, server_names, names, uris, methods, protocols, server_hosts,
		server_ports, server_protocols, params, data, headers, timeouts)
		AS i (namespace, server_name, name, uri, method, protocol, server_host, server_port,
			server_protocol, params, data, headers, timeout)
	JOIN registry.service s
		ON s.namespace = i.namespace AND s.key = lower(i.server_name COLLATE "C")
	ON CONFLICT ON CONSTRAINT action_pkey DO UPDATE
		SET uri = excluded.uri, method = excluded.method, protocol = excluded.protocol,
			server_host = excluded.server_host, server_port = excluded.server_port,
			server_protocol = excluded.server_protocol, params = excluded.params,
			data = excluded.data, headers = excluded.headers, timeout = excluded.timeout,
			updated_at = excluded.updated_at, revision = excluded.revision;

	RETURN QUERY
	WITH input AS MATERIALIZED (
		SELECT i.*, a AS state, a.service_key, a.key
		FROM unnest(namespaces, server_names, names, old_values, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, server_name, name, old_value, caller_address,
				caller_application, caller_user, trace, position)
		JOIN registry.action a ON a.namespace = i.namespace
			AND a.service_key = lower(i.server_name COLLATE "C")
			AND a.key = lower(i.name COLLATE "C")
		WHERE a.revision = this_revision
	), logged AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT this_revision, part_before + i.position, moment, i.namespace, 'action',
			i.service_key, i.key, 'put', registry.action_value(i.state), i.old_value,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM input i
	)
	SELECT i.position, this_revision FROM input i;
END $$;
COMMENT ON FUNCTION registry.register_services(text[], text[], text[], text[], text[], text[],
	text[], integer[], text[], text[], text[], text[], integer[], text[], text[], text[], text[],
	bigint) IS
	'Registers services (actions) of servers, or replaces all that they said before; one array element each, no service twice; timeouts in milliseconds. Gives for each its position in the arrays and the revision; nothing for one whose server is not registered, unless it brings an address of its own (server_hosts). within: a revision that this transaction has already taken.';

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
		absent::integer[],
		array_fill(caller_address, counted), array_fill(caller_application, counted),
		array_fill(caller_user, counted), array_fill(trace, counted), this_revision);
	RETURN this_revision;
END $$;
COMMENT ON FUNCTION registry.register_bulk(text, text[], text[], integer[], text[], text[], text[],
	text[], text[], text[], text[], text[], text, text, text, text) IS
	'Registers servers (servers, hosts, ports, protocols: one array element each) together with services of theirs (server_names and what follows): all or nothing, one revision.';

CREATE OR REPLACE FUNCTION registry.delete_server(namespace text, server_name text,
	caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	wanted text := lower(server_name COLLATE "C");
	old json;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	SELECT registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
		coalesce((SELECT json_agg(registry.node_value(n) ORDER BY n.key) FROM registry.node n
			WHERE n.namespace = s.namespace AND n.service_key = s.key), '[]'))
		INTO old FROM registry.service s
		WHERE s.namespace = delete_server.namespace AND s.key = wanted;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	DELETE FROM registry.service s
	WHERE s.namespace = delete_server.namespace AND s.key = wanted;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'service', wanted, wanted, 'delete',
		old, caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

CREATE OR REPLACE FUNCTION registry.delete_service(namespace text, server_name text,
	service_name text, caller_address text, caller_application text, caller_user text, trace text)
	RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	old json;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	DELETE FROM registry.action a
	WHERE a.namespace = delete_service.namespace
		AND a.service_key = lower(server_name COLLATE "C")
		AND a.key = lower(service_name COLLATE "C")
	RETURNING registry.action_value(a) INTO old;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'action',
		lower(server_name COLLATE "C"), lower(service_name COLLATE "C"), 'delete', old,
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

-- --- writing: nodes ------------------------------------------------------------------------------

CREATE FUNCTION registry.register_nodes(namespaces text[], service_names text[], names text[],
	hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[],
	metadata text[], check_kinds text[], check_paths text[], leases integer[],
	caller_addresses text[], caller_applications text[], caller_users text[], traces text[])
	RETURNS TABLE (r_position bigint, r_revision bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	made_services registry.service[];
	old_values json[];
	made_count integer;
BEGIN
	PERFORM registry.begin_change(false);
	WITH made AS (
		INSERT INTO registry.service (namespace, name, created_at, updated_at)
		SELECT i.namespace, i.name, moment, moment
		FROM unnest(namespaces, service_names) AS i (namespace, name)
		ON CONFLICT ON CONSTRAINT service_pkey DO NOTHING
		RETURNING service AS s
	)
	SELECT array_agg(s) INTO made_services FROM made;
	made_count := coalesce(cardinality(made_services), 0);

	-- Locked, so that what they were before is what this replaces.
	PERFORM FROM unnest(namespaces, service_names, names)
			WITH ORDINALITY AS i (namespace, service_name, name, position)
		JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
	ORDER BY i.position FOR UPDATE OF n;
	old_values := ARRAY(
		SELECT CASE WHEN n.key IS NOT NULL AND n.expired_at IS NULL
			THEN registry.node_value(n) END
		FROM unnest(namespaces, service_names, names)
			WITH ORDINALITY AS i (namespace, service_name, name, position)
		LEFT JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
		ORDER BY i.position);

	INSERT INTO registry.node AS n (namespace, service_key, key, name, host, port, protocol,
		weight, enabled, metadata, check_kind, check_path, lease)
	SELECT i.namespace, lower(i.service_name COLLATE "C"), lower(i.name COLLATE "C"), i.name,
		i.host, i.port, i.protocol, i.weight, i.enabled, i.metadata::json, i.check_kind,
		i.check_path, i.lease * interval '1 millisecond'
	FROM unnest(namespaces, service_names, names, hosts, ports, protocols, weights, enableds,
		metadata, check_kinds, check_paths, leases)
		AS i (namespace, service_name, name, host, port, protocol, weight, enabled, metadata,
			check_kind, check_path, lease)
	ON CONFLICT ON CONSTRAINT node_pkey DO UPDATE
		SET host = excluded.host, port = excluded.port, protocol = excluded.protocol,
			weight = excluded.weight, enabled = excluded.enabled,
			metadata = excluded.metadata, check_kind = excluded.check_kind,
			check_path = excluded.check_path, lease = excluded.lease, expired_at = NULL,
			-- Of another address, or of one that was gone, the checks have said nothing.
			health = CASE WHEN registry.same_place(n, excluded) THEN n.health
				ELSE 'unknown' END,
			health_reason = CASE WHEN registry.same_place(n, excluded) THEN n.health_reason
				ELSE '' END,
			health_at = CASE WHEN registry.same_place(n, excluded) THEN n.health_at END,
			flapping = n.flapping AND registry.same_place(n, excluded);

	INSERT INTO registry.lease AS l (namespace, service_key, node_key, renewed_at)
	SELECT i.namespace, lower(i.service_name COLLATE "C"), lower(i.name COLLATE "C"), moment
	FROM unnest(namespaces, service_names, names, leases)
		AS i (namespace, service_name, name, lease)
	WHERE i.lease IS NOT NULL
	ON CONFLICT ON CONSTRAINT lease_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM registry.lease l
	USING unnest(namespaces, service_names, names, leases)
		AS i (namespace, service_name, name, lease)
	WHERE i.lease IS NULL AND l.namespace = i.namespace
		AND l.service_key = lower(i.service_name COLLATE "C")
		AND l.node_key = lower(i.name COLLATE "C");

	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, caller_address, caller_application, caller_user, trace)
	SELECT this_revision, s.position, moment, s.namespace, 'service', s.key, s.key, 'put',
		registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at, '[]'),
		i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(made_services) WITH ORDINALITY AS s (namespace, key, name, version, settings,
			created_at, updated_at, position)
		CROSS JOIN LATERAL (
			SELECT n.* FROM unnest(namespaces, service_names, caller_addresses,
				caller_applications, caller_users, traces) AS n (namespace, name,
				caller_address, caller_application, caller_user, trace)
			WHERE n.namespace = s.namespace AND lower(n.name COLLATE "C") = s.key
			LIMIT 1) i;
	RETURN QUERY
	WITH logged AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT this_revision, made_count + i.position, moment, n.namespace, 'node',
			n.service_key, n.key, 'put', registry.node_value(n), i.old_value,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM unnest(namespaces, service_names, names, old_values, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, service_name, name, old_value, caller_address,
				caller_application, caller_user, trace, position)
		JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
	)
	SELECT p.position, this_revision FROM generate_series(1, cardinality(names)::bigint) AS p (position);
END $$;
COMMENT ON FUNCTION registry.register_nodes(text[], text[], text[], text[], integer[], text[],
	integer[], boolean[], text[], text[], text[], integer[], text[], text[], text[], text[]) IS
	'Registers nodes of services, or replaces all that they said before; one array element each, no node twice; leases in milliseconds, NULL for none. A service that is not there is made. Gives for each its position in the arrays and the revision.';

CREATE FUNCTION registry.same_place(old registry.node, new registry.node) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN (old).expired_at IS NULL AND ((old).host, (old).port, (old).check_kind, (old).check_path)
		= ((new).host, (new).port, (new).check_kind, (new).check_path);
COMMENT ON FUNCTION registry.same_place(registry.node, registry.node) IS
	'What the checks say of the old one is true of the new one: it lives, is where it was, and is checked as it was.';

CREATE FUNCTION registry.update_node(namespace text, service_name text, node_name text,
	weight integer, enabled boolean, metadata text, caller_address text, caller_application text,
	caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	old registry.node;
	fresh registry.node;
BEGIN
	PERFORM registry.begin_change(false);
	SELECT * INTO old FROM registry.node n
	WHERE n.namespace = update_node.namespace AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE registry.node n
	SET weight = coalesce(update_node.weight, n.weight),
		enabled = coalesce(update_node.enabled, n.enabled),
		metadata = coalesce(update_node.metadata::json, n.metadata)
	WHERE n.namespace = old.namespace AND n.service_key = old.service_key AND n.key = old.key
	RETURNING n.* INTO fresh;
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), fresh.namespace, 'node', fresh.service_key,
		fresh.key, 'put', registry.node_value(fresh), registry.node_value(old),
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;
COMMENT ON FUNCTION registry.update_node(text, text, text, integer, boolean, text, text, text, text,
	text) IS
	'Changes what is not NULL of a node. The revision, or NULL if there is no such node.';

CREATE FUNCTION registry.deregister_node(namespace text, service_name text, node_name text,
	caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	old registry.node;
BEGIN
	PERFORM registry.begin_change(false);
	DELETE FROM registry.node n
	WHERE n.namespace = deregister_node.namespace
		AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	RETURNING n.* INTO old;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), old.namespace, 'node', old.service_key, old.key,
		'delete', registry.node_value(old), caller_address, caller_application, caller_user,
		trace);
	RETURN this_revision;
END $$;
COMMENT ON FUNCTION registry.deregister_node(text, text, text, text, text, text, text) IS
	'Removes a node. The revision, or NULL if there is no such node.';

CREATE FUNCTION registry.renew_leases(namespaces text[], service_keys text[], node_keys text[],
	ages integer[]) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	moment timestamptz := clock_timestamp();
BEGIN
	-- A heartbeat that is lost with the machine is repeated before the lease runs out.
	PERFORM set_config('synchronous_commit', 'off', true);
	UPDATE registry.lease l
	SET renewed_at = greatest(l.renewed_at, moment - i.age * interval '1 millisecond')
	FROM unnest(namespaces, service_keys, node_keys, ages)
		AS i (namespace, service_key, node_key, age)
	WHERE l.namespace = i.namespace AND l.service_key = i.service_key
		AND l.node_key = i.node_key;
END $$;
COMMENT ON FUNCTION registry.renew_leases(text[], text[], text[], integer[]) IS
	'Writes heartbeats that came so many milliseconds ago; one array element each. Not waited for until it is on disk.';

CREATE FUNCTION registry.renew_lease(namespace text, service_name text, node_name text)
	RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	living registry.node;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	-- Locked: it does not expire meanwhile.
	SELECT * INTO living FROM registry.node n
	WHERE n.namespace = renew_lease.namespace
		AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE registry.lease l SET renewed_at = clock_timestamp()
	WHERE l.namespace = living.namespace AND l.service_key = living.service_key
		AND l.node_key = living.key;
	RETURN coalesce(registry.interval_milliseconds(living.lease), 0);
END $$;
COMMENT ON FUNCTION registry.renew_lease(text, text, text) IS
	'Renews the lease of one node now. Its length in milliseconds, 0 if it lives without one, or NULL if there is no such node.';

CREATE FUNCTION registry.expire_nodes(namespaces text[], service_keys text[], node_keys text[],
	server_name text, expected bigint DEFAULT registry.milliseconds(clock_timestamp()))
	RETURNS TABLE (r_position bigint, r_left bigint, r_revision bigint, r_now bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	late bigint[];
BEGIN
	PERFORM registry.begin_change(false);
	-- Locked, then looked at: a heartbeat that is being written now is not overlooked.
	late := ARRAY(
		SELECT i.position
		FROM unnest(namespaces, service_keys, node_keys)
			WITH ORDINALITY AS i (namespace, service_key, node_key, position)
		JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
			AND n.key = i.node_key
		JOIN registry.lease l ON l.namespace = n.namespace AND l.service_key = n.service_key
			AND l.node_key = n.key
		WHERE n.expired_at IS NULL AND l.renewed_at + n.lease * 1.25 <= moment
			-- If this was held up, heartbeats may have been, too.
			AND registry.milliseconds(moment) - expected
				<= registry.interval_milliseconds(n.lease) / 2
		ORDER BY i.position
		FOR UPDATE OF n, l);
	IF cardinality(late) > 0 THEN
		UPDATE registry.node n SET expired_at = moment
		FROM unnest(late) AS p (position)
		WHERE n.namespace = namespaces[p.position]
			AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
		this_revision := registry.next_revision();
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, old_value, caller_address, caller_application, caller_user, trace)
		SELECT this_revision, p.position, moment, n.namespace, 'node', n.service_key, n.key,
			'expire', registry.node_value(n), server_name, '', '', ''
		FROM unnest(late) AS p (position)
		JOIN registry.node n ON n.namespace = namespaces[p.position]
			AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
	END IF;
	RETURN QUERY
	SELECT i.position,
		CASE WHEN n.expired_at IS NULL
			THEN ceil(extract(epoch FROM l.renewed_at + n.lease * 1.25 - moment)
				* 1000)::bigint END,
		this_revision, registry.milliseconds(moment)
	FROM unnest(namespaces, service_keys, node_keys)
		WITH ORDINALITY AS i (namespace, service_key, node_key, position)
	LEFT JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
		AND n.key = i.node_key
	LEFT JOIN registry.lease l ON l.namespace = n.namespace AND l.service_key = n.service_key
		AND l.node_key = n.key;
END $$;
COMMENT ON FUNCTION registry.expire_nodes(text[], text[], text[], text, bigint) IS
	'Expires those of the nodes whose lease has run out by this database''s clock and what has been written to it, and a quarter more, since heartbeats are written that late. expected: what the clock should say, in milliseconds since 1970; if it is later by more than half of a lease, or that is NULL, the node stays. Gives for each the milliseconds that are left (0 or less: it might have expired, but for that; NULL: it has expired, or is gone or without a lease), the revision, if any has expired now, and what the clock says.';

CREATE FUNCTION registry.forget_nodes(kept interval) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forgotten bigint;
BEGIN
	-- Their end is in the log already. One that is just coming back is locked, and stays.
	WITH old AS MATERIALIZED (
		SELECT n.namespace, n.service_key, n.key FROM registry.node n
		WHERE n.expired_at < clock_timestamp() - kept
		FOR UPDATE SKIP LOCKED
	)
	DELETE FROM registry.node n USING old o
	WHERE n.namespace = o.namespace AND n.service_key = o.service_key AND n.key = o.key;
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;
COMMENT ON FUNCTION registry.forget_nodes(interval) IS
	'Removes nodes that expired longer ago than that. Gives how many.';

CREATE FUNCTION registry.set_health(namespaces text[], service_keys text[], node_keys text[],
	hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[],
	server_name text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	changed bigint[];
	old_values json[];
BEGIN
	PERFORM registry.begin_change(false);
	-- Only what is still where it was checked, and not known already.
	SELECT array_agg(c.position ORDER BY c.position), array_agg(c.old ORDER BY c.position)
	INTO changed, old_values
	FROM (
		SELECT i.position, registry.node_value(n) AS old
		FROM unnest(namespaces, service_keys, node_keys, hosts, ports, healths, flappings)
			WITH ORDINALITY AS i (namespace, service_key, node_key, host, port, health,
				flapping, position)
		JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
			AND n.key = i.node_key
		WHERE n.expired_at IS NULL AND n.host = i.host AND n.port = i.port
			AND (n.health, n.flapping) IS DISTINCT FROM (i.health, i.flapping)
		ORDER BY i.position
		FOR UPDATE OF n) c;
	IF changed IS NULL THEN
		RETURN NULL;
	END IF;
	UPDATE registry.node n
	SET health = healths[p.position], flapping = flappings[p.position],
		health_reason = CASE healths[p.position] WHEN 'failing' THEN reasons[p.position]
			ELSE '' END,
		health_at = CASE WHEN n.health = healths[p.position] THEN n.health_at ELSE moment END
	FROM unnest(changed) AS p (position)
	WHERE n.namespace = namespaces[p.position] AND n.service_key = service_keys[p.position]
		AND n.key = node_keys[p.position];
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, old_value, caller_address, caller_application, caller_user, trace)
	SELECT this_revision, p.position, moment, n.namespace, 'node', n.service_key, n.key, 'put',
		registry.node_value(n), p.old_value, server_name, '', '', ''
	FROM unnest(changed, old_values) AS p (position, old_value)
	JOIN registry.node n ON n.namespace = namespaces[p.position]
		AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
	RETURN this_revision;
END $$;
COMMENT ON FUNCTION registry.set_health(text[], text[], text[], text[], integer[], text[], text[],
	boolean[], text) IS
	'Writes what the checks of that server say; one array element each, no node twice. Nodes that have gone or moved meanwhile, and those of which it is known already, are left as they are. The revision, or NULL if nothing has changed.';

-- --- rights --------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA registry FROM PUBLIC;
GRANT SELECT, INSERT ON registry.change TO junction_app;
GRANT SELECT ON registry.history, registry.state TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON registry.lease, registry.member TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA registry TO junction_app;
REVOKE ALL ON FUNCTION registry.make_month FROM junction_app;
GRANT SELECT ON registry.change, registry.history, registry.state, registry.lease, registry.member
	TO junction_reader;
GRANT EXECUTE ON FUNCTION registry.milliseconds, registry.interval_milliseconds,
	registry.node_value(text, text, integer, text), registry.node_value(registry.node),
	registry.service_value, registry.action_value, registry.changes_after, registry.changes_behind
	TO junction_reader;
