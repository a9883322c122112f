-- Services can be configured by files that a server loads: what they bring is kept in the registry.

-- --- who brought what ----------------------------------------------------------------------------

-- A column with a default cannot be added where functions use the table's row type.
ALTER TABLE registry.node ADD COLUMN configured boolean;
UPDATE registry.node SET configured = false;
ALTER TABLE registry.node
	ALTER COLUMN configured SET DEFAULT false,
	ALTER COLUMN configured SET NOT NULL;
COMMENT ON COLUMN registry.node.configured IS 'A service configuration file names it; metadata then says how it is asked: {"configured":true,"kind":"http", "upgrade" or "graphql","base":what is set before a path, of graphql the whole path}.';

ALTER TABLE registry.action
	ADD COLUMN origin text,
	ADD CONSTRAINT action_origin_known CHECK (origin IN ('configuration', 'graphql'));
COMMENT ON COLUMN registry.action.origin IS 'configuration: the service''s configuration file says it; graphql: the schema of its GraphQL endpoint does; NULL: it was registered.';

CREATE OR REPLACE FUNCTION registry.node_value(n registry.node) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN json_build_object('name', (n).name, 'host', (n).host, 'port', (n).port,
		'protocol', (n).protocol, 'weight', (n).weight, 'enabled', (n).enabled,
		'metadata', (n).metadata, 'configured', (n).configured,
		'check', (n).check_kind, 'check_path', (n).check_path,
		'health', (n).health, 'health_reason', (n).health_reason,
		'health_at', registry.milliseconds((n).health_at), 'flapping', (n).flapping,
		'lease_ms', registry.interval_milliseconds((n).lease));

CREATE OR REPLACE FUNCTION registry.action_value(a registry.action) RETURNS json
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN json_build_object('name', (a).name, 'uri', (a).uri, 'method', (a).method,
		'protocol', (a).protocol, 'server_host', (a).server_host,
		'server_port', (a).server_port, 'server_protocol', (a).server_protocol,
		'params', (a).params, 'data', (a).data, 'headers', (a).headers, 'origin', (a).origin,
		'timeout_ms', registry.interval_milliseconds((a).timeout),
		'created', registry.milliseconds((a).created_at),
		'updated', registry.milliseconds((a).updated_at));

-- What a file names may be connected to even on loopback: nobody else puts an address there.
CREATE FUNCTION registry.keep_configured_node() RETURNS trigger
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format(
		'node %s of service %s is brought by a configuration file, which alone changes it',
		OLD.name, OLD.service_key);
END $$;
COMMENT ON FUNCTION registry.keep_configured_node() IS
	'Refuses with JN412 to register a configured node anew, or to change its metadata.';

CREATE TRIGGER node_stays_configured BEFORE UPDATE OF host, metadata ON registry.node FOR EACH ROW
	WHEN (OLD.configured AND (OLD.host, OLD.port, OLD.protocol, OLD.metadata::text, OLD.check_kind,
		OLD.check_path, OLD.lease) IS DISTINCT FROM (NEW.host, NEW.port, NEW.protocol,
		NEW.metadata::text, NEW.check_kind, NEW.check_path, NEW.lease))
	EXECUTE FUNCTION registry.keep_configured_node();
COMMENT ON TRIGGER node_stays_configured ON registry.node IS
	'A configured node is where its file says; others may change its weight, and whether it is enabled.';

CREATE FUNCTION registry.take_over_action() RETURNS trigger
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	NEW.origin := NULL;
	RETURN NEW;
END $$;
COMMENT ON FUNCTION registry.take_over_action() IS 'Makes the action one that was registered.';

-- Configurations never update an action: they write it anew.
CREATE TRIGGER action_is_taken_over BEFORE UPDATE ON registry.action FOR EACH ROW
	WHEN (OLD.origin IS NOT NULL) EXECUTE FUNCTION registry.take_over_action();
COMMENT ON TRIGGER action_is_taken_over ON registry.action IS
	'A configured action that is registered is no configuration''s any more.';

-- --- the files -----------------------------------------------------------------------------------

CREATE TABLE registry.configuration (
	namespace text COLLATE "C" NOT NULL,
	host text COLLATE "C" NOT NULL,
	folder text COLLATE "C" NOT NULL,
	file text COLLATE "C" NOT NULL,
	service text NOT NULL,
	service_key text COLLATE "C" GENERATED ALWAYS AS (lower(service COLLATE "C")) STORED,
	title text NOT NULL DEFAULT '',
	content json,
	loaded_at timestamptz,
	warnings text[] NOT NULL DEFAULT '{}',
	error text,
	error_at timestamptz,
	seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT configuration_pkey PRIMARY KEY (namespace, host, folder, file),
	CONSTRAINT configuration_host_length CHECK (octet_length(host) BETWEEN 1 AND 255),
	CONSTRAINT configuration_file_length CHECK (octet_length(file) BETWEEN 1 AND 1024),
	CONSTRAINT configuration_loaded_with_content CHECK ((content IS NULL) = (loaded_at IS NULL)),
	CONSTRAINT configuration_content_object CHECK (json_typeof(content) = 'object'),
	CONSTRAINT configuration_error_with_time CHECK ((error IS NULL) = (error_at IS NULL))
);
COMMENT ON TABLE registry.configuration IS
	'The service configuration files that servers have found. Of those of one service the one loaded last counts.';
COMMENT ON COLUMN registry.configuration.namespace IS 'Namespace of the service.';
COMMENT ON COLUMN registry.configuration.host IS 'Host of the server that loads it.';
COMMENT ON COLUMN registry.configuration.folder IS 'That server''s configuration folder.';
COMMENT ON COLUMN registry.configuration.file IS 'Path behind the folder.';
COMMENT ON COLUMN registry.configuration.service IS 'Name of the service that it brings; empty if that could never be read.';
COMMENT ON COLUMN registry.configuration.service_key IS 'The name in lower case (ASCII letters only).';
COMMENT ON COLUMN registry.configuration.title IS 'Name of the service for people.';
COMMENT ON COLUMN registry.configuration.content IS 'What it brings, secrets left out: {"settings":object,"nodes":[{"kind","host","port","protocol","base","weight"}],"actions":[{"name","method","uri","params","timeout_ms"}],"events":[as event.put_subscription() takes them, without a secret]}. NULL: it was never good.';
COMMENT ON COLUMN registry.configuration.loaded_at IS 'Since when content is what it brings; NULL: it was never good.';
COMMENT ON COLUMN registry.configuration.warnings IS 'What was taken, but not as it may be meant.';
COMMENT ON COLUMN registry.configuration.error IS 'Why the present file is not what content is; NULL: it is.';
COMMENT ON COLUMN registry.configuration.error_at IS 'When that was found.';
COMMENT ON COLUMN registry.configuration.seen_at IS 'When a server last said that it looks at the folder; a day without that, and it is as if the file had gone.';
CREATE INDEX configuration_by_service ON registry.configuration (namespace, service_key);
COMMENT ON INDEX registry.configuration_by_service IS 'The files that bring a service.';

-- --- making the registry say what the file says -------------------------------------------------
-- These run in a transaction that registry.begin_change(true) has begun, so that the lock of the log
-- may be taken before rows: nobody else writes meanwhile. What is as it should be is not touched.

CREATE FUNCTION registry.note_configured(INOUT within bigint, of_namespace text, of_kind text,
	of_service_key text, of_name text, fresh json, old json, server_name text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	within := coalesce(within, registry.next_revision());
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name, operation,
		value, old_value, caller_address, caller_application, caller_user, trace)
	SELECT within, coalesce(max(c.part), 0) + 1, clock_timestamp(), of_namespace, of_kind,
		of_service_key, of_name, CASE WHEN fresh IS NULL THEN 'delete' ELSE 'put' END,
		fresh, old, server_name, '', '', ''
	FROM registry.change c WHERE c.revision = within;
END $$;
COMMENT ON FUNCTION registry.note_configured(bigint, text, text, text, text, json, json, text) IS
	'Writes one change to the log: fresh is the new state, NULL if it is gone. within: this transaction''s revision, NULL if it has none yet; gives it.';

CREATE FUNCTION registry.whole_service_value(s registry.service) RETURNS json
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
		coalesce((SELECT json_build_array(registry.node_value(n)) FROM registry.node n
			WHERE n.namespace = s.namespace AND n.service_key = s.key AND n.key = ''), '[]'))
$$;
COMMENT ON FUNCTION registry.whole_service_value(registry.service) IS
	'State of a service with its own node as JSON, as registry.state has it.';

CREATE FUNCTION registry.put_configured_service(INOUT within bigint, counts registry.configuration,
	of_namespace text, of_key text, server_name text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted text := coalesce((counts.content -> 'settings')::text, '{}');
	moment timestamptz := clock_timestamp();
	service registry.service;
	old json;
BEGIN
	SELECT * INTO service FROM registry.service s
	WHERE s.namespace = of_namespace AND s.key = of_key;
	IF service.settings::text = wanted OR (service.key IS NULL AND counts.content IS NULL) THEN
		RETURN;
	END IF;
	IF service.key IS NULL THEN
		INSERT INTO registry.service AS s (namespace, name, settings, created_at, updated_at)
		VALUES (of_namespace, counts.service, wanted::json, moment, moment)
		RETURNING s.* INTO service;
	ELSE
		old := registry.whole_service_value(service);
		UPDATE registry.service s SET settings = wanted::json, updated_at = moment
		WHERE s.namespace = of_namespace AND s.key = of_key RETURNING s.* INTO service;
	END IF;
	within := registry.note_configured(within, of_namespace, 'service', of_key, of_key,
		registry.whole_service_value(service), old, server_name);
END $$;
COMMENT ON FUNCTION registry.put_configured_service(bigint, registry.configuration, text, text, text) IS
	'Gives a service the settings of the configuration that counts, and makes it if there is none; none counts: {}.';

CREATE FUNCTION registry.name_configured_node(of_namespace text, of_key text, prefix text) RETURNS text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	made text := prefix;
	number integer := 1;
BEGIN
	WHILE EXISTS (SELECT FROM registry.node n WHERE n.namespace = of_namespace
		AND n.service_key = of_key AND n.key = lower(made COLLATE "C")) LOOP
		number := number + 1;
		made := prefix || '-' || number;
	END LOOP;
	RETURN made;
END $$;
COMMENT ON FUNCTION registry.name_configured_node(text, text, text) IS
	'A name that no node of the service has: the prefix, or with -2, -3 ... behind it.';

CREATE FUNCTION registry.wanted_nodes(counts registry.configuration)
	RETURNS TABLE (r_place bigint, r_host text, r_port integer, r_protocol text, r_metadata text,
		r_weight integer)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT min(i.place), i.node ->> 'host', (i.node ->> 'port')::integer, i.node ->> 'protocol',
		'{"configured":true,"kind":' || to_json(i.node ->> 'kind') || ',"base":'
			|| to_json(i.node ->> 'base') || '}', max((i.node ->> 'weight')::integer)
	FROM json_array_elements(counts.content -> 'nodes') WITH ORDINALITY AS i (node, place)
	GROUP BY 2, 3, 4, 5
	ORDER BY 1
$$;
COMMENT ON FUNCTION registry.wanted_nodes(registry.configuration) IS
	'The nodes that a configuration brings, each once, in its order.';

CREATE FUNCTION registry.is_wanted(n registry.node, host text, port integer, protocol text,
	metadata text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ((n).host, (n).port, (n).protocol, (n).metadata::text) = (host, port, protocol, metadata);
COMMENT ON FUNCTION registry.is_wanted(registry.node, text, integer, text, text) IS
	'It is there, and asked in that way.';

CREATE FUNCTION registry.put_configured_nodes(INOUT within bigint, counts registry.configuration,
	of_namespace text, of_key text, server_name text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	prefix text := 'proxy-' || counts.host || '-' || registry.milliseconds(clock_timestamp());
	wanted record;
	node registry.node;
	old json;
BEGIN
	FOR wanted IN SELECT w.* FROM registry.wanted_nodes(counts) w
		WHERE NOT EXISTS (SELECT FROM registry.node n
			WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.configured
				AND registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata))
		ORDER BY w.r_place LOOP
		INSERT INTO registry.node AS n (namespace, service_key, key, name, host, port, protocol,
			weight, metadata, configured, check_kind, check_path)
		SELECT of_namespace, of_key, lower(f.name COLLATE "C"), f.name, wanted.r_host, wanted.r_port,
			wanted.r_protocol, wanted.r_weight, wanted.r_metadata::json, true,
			-- Stock GraphQL servers have no other path.
			CASE wanted.r_metadata::json ->> 'kind' WHEN 'graphql' THEN 'tcp' ELSE 'http' END,
			CASE wanted.r_metadata::json ->> 'kind' WHEN 'graphql' THEN '' ELSE '/mw/server/health' END
		FROM registry.name_configured_node(of_namespace, of_key, prefix) AS f (name)
		RETURNING n.* INTO node;
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			registry.node_value(node), NULL, server_name);
	END LOOP;
	FOR wanted IN SELECT n.key, w.r_weight FROM registry.wanted_nodes(counts) w
			JOIN registry.node n ON n.namespace = of_namespace AND n.service_key = of_key
				AND n.configured
				AND registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata)
		WHERE n.weight <> w.r_weight LOOP
		SELECT * INTO node FROM registry.node n
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.key = wanted.key;
		old := registry.node_value(node);
		UPDATE registry.node n SET weight = wanted.r_weight
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.key = wanted.key
		RETURNING n.* INTO node;
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			registry.node_value(node), old, server_name);
	END LOOP;
	FOR node IN DELETE FROM registry.node n
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.configured
			AND NOT EXISTS (SELECT FROM registry.wanted_nodes(counts) w
				WHERE registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata))
		RETURNING n.* LOOP
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			NULL, registry.node_value(node), server_name);
	END LOOP;
END $$;
COMMENT ON FUNCTION registry.put_configured_nodes(bigint, registry.configuration, text, text, text) IS
	'Makes the configured nodes of a service those of the configuration that counts. One that stays where it is, and is asked as before, keeps its name and what the checks say; its weight is the configuration''s.';

CREATE FUNCTION registry.put_configured_actions(INOUT within bigint, of_namespace text, of_key text,
	of_origin text, actions json, server_name text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	given json;
	before registry.action;
	wanted registry.action;
BEGIN
	FOR before IN DELETE FROM registry.action a
		WHERE a.namespace = of_namespace AND a.service_key = of_key AND a.origin = of_origin
			AND NOT EXISTS (SELECT FROM json_array_elements(actions) i
				WHERE lower((i ->> 'name') COLLATE "C") = a.key)
		RETURNING a.* LOOP
		within := registry.note_configured(within, of_namespace, 'action', of_key, before.key, NULL,
			registry.action_value(before), server_name);
	END LOOP;
	FOR given IN SELECT i FROM json_array_elements(actions) i LOOP
		SELECT * INTO before FROM registry.action a WHERE a.namespace = of_namespace
			AND a.service_key = of_key AND a.key = lower((given ->> 'name') COLLATE "C");
		-- What a schema says gives way to what people have said.
		CONTINUE WHEN (before.origin = of_origin AND (before.name, before.uri, before.method,
				before.params::text, before.data::text, before.timeout)
				IS NOT DISTINCT FROM (given ->> 'name', given ->> 'uri', given ->> 'method',
				(given -> 'params')::text, coalesce((given -> 'data')::text, '{}'),
				nullif((given ->> 'timeout_ms')::bigint, 0) * interval '1 millisecond'))
			OR (of_origin = 'graphql' AND before.key IS NOT NULL
				AND before.origin IS DISTINCT FROM 'graphql');
		within := coalesce(within, registry.next_revision());
		DELETE FROM registry.action a WHERE a.namespace = of_namespace AND a.service_key = of_key
			AND a.key = before.key;
		INSERT INTO registry.action AS a (namespace, service_key, name, uri, method, params, data,
			headers, timeout, created_at, updated_at, revision, origin)
		VALUES (of_namespace, of_key, given ->> 'name', given ->> 'uri', given ->> 'method',
			given -> 'params', coalesce(given -> 'data', '{}'), '{}',
			nullif((given ->> 'timeout_ms')::bigint, 0) * interval '1 millisecond',
			coalesce(before.created_at, clock_timestamp()), clock_timestamp(), within, of_origin)
		RETURNING a.* INTO wanted;
		within := registry.note_configured(within, of_namespace, 'action', of_key, wanted.key,
			registry.action_value(wanted),
			CASE WHEN before.key IS NOT NULL THEN registry.action_value(before) END, server_name);
	END LOOP;
END $$;
COMMENT ON FUNCTION registry.put_configured_actions(bigint, text, text, text, json, text) IS
	'Makes the actions of that origin these: objects with name, method, uri, params, data (default {}) and timeout_ms (0 or null: the default). One of a file takes the place of what was registered by that name; one of a GraphQL schema does not.';

CREATE FUNCTION registry.configured_events(counts registry.configuration) RETURNS json
	LANGUAGE sql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	-- 244 random bits each.
	SELECT coalesce(json_agg((e::jsonb || jsonb_build_object('fresh_secret', '\x'
		|| replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')))::json), '[]')
	FROM json_array_elements(counts.content -> 'events') AS e
$$;
COMMENT ON FUNCTION registry.configured_events(registry.configuration) IS
	'The subscriptions that a configuration brings, each with a fresh secret.';

CREATE FUNCTION registry.has_events(counts registry.configuration) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(json_array_length((counts).content -> 'events') > 0, false);
COMMENT ON FUNCTION registry.has_events(registry.configuration) IS 'Whether it brings subscriptions.';

CREATE FUNCTION registry.drop_empty_service(INOUT within bigint, of_namespace text, of_key text,
	server_name text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	service registry.service;
BEGIN
	SELECT * INTO service FROM registry.service s
	WHERE s.namespace = of_namespace AND s.key = of_key;
	IF service.key IS NULL
		OR EXISTS (SELECT FROM registry.action a
			WHERE a.namespace = of_namespace AND a.service_key = of_key)
		OR EXISTS (SELECT FROM registry.node n WHERE n.namespace = of_namespace
			AND n.service_key = of_key AND n.expired_at IS NULL) THEN
		RETURN;
	END IF;
	DELETE FROM registry.service s WHERE s.namespace = of_namespace AND s.key = of_key;
	within := registry.note_configured(within, of_namespace, 'service', of_key, of_key, NULL,
		registry.whole_service_value(service), server_name);
END $$;
COMMENT ON FUNCTION registry.drop_empty_service(bigint, text, text, text) IS
	'Removes a service that has neither nodes nor actions.';

CREATE FUNCTION registry.apply_configuration(of_namespace text, of_key text, had_events boolean,
	server_name text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	counts registry.configuration;
	revision bigint;
BEGIN
	SELECT * INTO counts FROM registry.configuration c
	WHERE c.namespace = of_namespace AND c.service_key = of_key AND c.content IS NOT NULL
	ORDER BY c.loaded_at DESC, c.host, c.folder, c.file LIMIT 1;
	revision := registry.put_configured_service(NULL, counts, of_namespace, of_key, server_name);
	revision := registry.put_configured_nodes(revision, counts, of_namespace, of_key, server_name);
	revision := registry.put_configured_actions(revision, of_namespace, of_key, 'configuration',
		coalesce(counts.content -> 'actions', '[]'), server_name);
	IF NOT EXISTS (SELECT FROM registry.wanted_nodes(counts) w
		WHERE w.r_metadata::json ->> 'kind' = 'graphql') THEN
		revision := registry.put_configured_actions(revision, of_namespace, of_key, 'graphql', '[]',
			server_name);
	END IF;
	IF counts.content IS NULL THEN
		revision := registry.drop_empty_service(revision, of_namespace, of_key, server_name);
	END IF;
	IF had_events OR registry.has_events(counts) THEN
		PERFORM event.configure_service(of_namespace, coalesce(counts.service, of_key),
			registry.configured_events(counts));
	END IF;
	RETURN revision;
END $$;
COMMENT ON FUNCTION registry.apply_configuration(text, text, boolean, text) IS
	'Makes a service what the configuration that counts says; if there is none, takes away what one brought, and the service if nothing else is left of it. had_events: one has brought subscriptions. The revision, or NULL if all was so already. JN409: somebody else has a subscription of such a name.';

-- --- what servers say ----------------------------------------------------------------------------

CREATE FUNCTION registry.configure(namespace text, host text, folder text, file text, service text,
	title text, content text, warnings text[], server_name text)
	RETURNS TABLE (r_revision bigint, r_other text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_key text := lower(service COLLATE "C");
	before registry.configuration;
BEGIN
	PERFORM registry.begin_change(true);
	SELECT * INTO before FROM registry.configuration c WHERE c.namespace = configure.namespace
		AND c.host = configure.host AND c.folder = configure.folder AND c.file = configure.file;
	SELECT c.host INTO r_other FROM registry.configuration c
	WHERE c.namespace = configure.namespace AND c.service_key = of_key
		AND (c.host, c.folder) <> (configure.host, configure.folder)
		AND c.content::text <> configure.content
	ORDER BY c.loaded_at DESC LIMIT 1;
	IF r_other IS NOT NULL THEN
		warnings := warnings || format('a server on host %s has another configuration of service %s:'
			' the one that was loaded last counts', r_other, service);
	END IF;
	IF (before.service, before.title, before.content::text, before.warnings, before.error)
		IS DISTINCT FROM (service, title, content, warnings, NULL) THEN
		INSERT INTO registry.configuration AS c
			(namespace, host, folder, file, service, title, content, loaded_at, warnings)
		VALUES (namespace, host, folder, file, service, title, content::json, clock_timestamp(),
			warnings)
		ON CONFLICT ON CONSTRAINT configuration_pkey DO UPDATE SET service = excluded.service,
			title = excluded.title, content = excluded.content, warnings = excluded.warnings,
			loaded_at = CASE WHEN c.content::text = configure.content
				AND c.service = excluded.service THEN c.loaded_at ELSE excluded.loaded_at END,
			error = NULL, error_at = NULL;
	END IF;
	r_revision := registry.apply_configuration(namespace, of_key,
		before.service_key = of_key AND registry.has_events(before), server_name);
	IF before.content IS NOT NULL AND before.service_key <> of_key THEN
		r_revision := coalesce(registry.apply_configuration(namespace, before.service_key,
			registry.has_events(before), server_name), r_revision);
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION registry.configure(text, text, text, text, text, text, text, text[], text) IS
	'Publishes what a configuration file says (content as in registry.configuration). Gives the revision, NULL if the registry says so already, and a host that has another configuration of the service, which is one of the warnings then. JN409: somebody else has a subscription of such a name; then nothing is changed.';

CREATE FUNCTION registry.forget_configuration(of_namespace text, of_host text, of_folder text,
	of_file text, server_name text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before registry.configuration;
BEGIN
	DELETE FROM registry.configuration c WHERE c.namespace = of_namespace AND c.host = of_host
		AND c.folder = of_folder AND c.file = of_file
	RETURNING c.* INTO before;
	RETURN CASE WHEN before.content IS NOT NULL THEN registry.apply_configuration(of_namespace,
		before.service_key, registry.has_events(before), server_name) END;
END $$;
COMMENT ON FUNCTION registry.forget_configuration(text, text, text, text, text) IS
	'What registry.unconfigure() does, in a transaction that registry.begin_change(true) has begun.';

CREATE FUNCTION registry.unconfigure(namespace text, host text, folder text, file text,
	server_name text) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM registry.begin_change(true);
	RETURN registry.forget_configuration(namespace, host, folder, file, server_name);
END $$;
COMMENT ON FUNCTION registry.unconfigure(text, text, text, text, text) IS
	'A configuration file has gone: what it brought goes too, unless another file brings the service. The revision, or NULL if nothing has changed.';

CREATE FUNCTION registry.refuse_configuration(namespace text, host text, folder text, file text,
	service text, error text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO registry.configuration AS c (namespace, host, folder, file, service, error, error_at)
	VALUES (namespace, host, folder, file, service, error, clock_timestamp())
	ON CONFLICT ON CONSTRAINT configuration_pkey DO UPDATE SET error = excluded.error,
		error_at = excluded.error_at,
		service = CASE WHEN c.content IS NULL THEN excluded.service ELSE c.service END
	WHERE c.error IS DISTINCT FROM excluded.error;
END $$;
COMMENT ON FUNCTION registry.refuse_configuration(text, text, text, text, text, text) IS
	'Notes why a configuration file was not taken; what it brought before stays.';

CREATE FUNCTION registry.see_configurations(namespace text, host text, folder text)
	RETURNS TABLE (r_file text, r_service text)
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	UPDATE registry.configuration c SET seen_at = clock_timestamp()
	WHERE c.namespace = see_configurations.namespace AND c.host = see_configurations.host
		AND c.folder = see_configurations.folder
	RETURNING c.file, CASE WHEN c.content IS NOT NULL THEN c.service END
$$;
COMMENT ON FUNCTION registry.see_configurations(text, text, text) IS
	'Says that a server looks at this folder, and gives the files that are known of it, each with the service that it brings or has brought, NULL if it never has.';

CREATE FUNCTION registry.forget_configurations(server_name text) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	old registry.configuration;
	forgotten integer := 0;
BEGIN
	IF NOT EXISTS (SELECT FROM registry.configuration c
		WHERE c.seen_at < clock_timestamp() - interval '1 day') THEN
		RETURN 0;
	END IF;
	PERFORM registry.begin_change(true);
	FOR old IN SELECT * FROM registry.configuration c
		WHERE c.seen_at < clock_timestamp() - interval '1 day' LOOP
		PERFORM registry.forget_configuration(old.namespace, old.host, old.folder, old.file,
			server_name);
		forgotten := forgotten + 1;
	END LOOP;
	RETURN forgotten;
END $$;
COMMENT ON FUNCTION registry.forget_configurations(text) IS
	'Forgets the files at whose folder no server has looked for a day, as if they had gone. Gives how many.';

CREATE FUNCTION registry.configure_graphql(namespace text, service text, actions text,
	server_name text) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_key text := lower(service COLLATE "C");
BEGIN
	PERFORM registry.begin_change(true);
	IF NOT EXISTS (SELECT FROM registry.node n WHERE n.namespace = configure_graphql.namespace
		AND n.service_key = of_key AND n.configured AND n.metadata ->> 'kind' = 'graphql') THEN
		RETURN NULL;
	END IF;
	RETURN registry.put_configured_actions(NULL, namespace, of_key, 'graphql', actions::json,
		server_name);
END $$;
COMMENT ON FUNCTION registry.configure_graphql(text, text, text, text) IS
	'Makes what the GraphQL endpoint of a configured service can be asked its actions (see registry.put_configured_actions()). The revision, or NULL if nothing has changed, or the service has no such endpoint any more.';

-- --- rights --------------------------------------------------------------------------------------

GRANT SELECT ON registry.configuration TO junction_app, junction_reader;
REVOKE ALL ON FUNCTION registry.keep_configured_node, registry.take_over_action,
	registry.note_configured, registry.whole_service_value, registry.put_configured_service,
	registry.name_configured_node, registry.wanted_nodes, registry.is_wanted,
	registry.put_configured_nodes, registry.put_configured_actions, registry.configured_events, registry.has_events,
	registry.drop_empty_service, registry.apply_configuration, registry.configure,
	registry.forget_configuration, registry.unconfigure, registry.refuse_configuration,
	registry.see_configurations, registry.forget_configurations, registry.configure_graphql
	FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry.configure, registry.unconfigure, registry.refuse_configuration,
	registry.see_configurations, registry.forget_configurations, registry.configure_graphql
	TO junction_app;
