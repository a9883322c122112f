-- How channels, recipients and groups are changed.

-- --- channels -----------------------------------------------------------------------------------

CREATE FUNCTION notice.shown_channel(c notice.channel) RETURNS json
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT json_build_object('namespace', c.namespace, 'name', c.name, 'kind', c.kind,
		'settings', (SELECT coalesce(json_agg(k.name ORDER BY k.name), '[]')
			FROM json_object_keys(c.settings) AS k (name)),
		'secrets', c.secret_names, 'enabled', c.enabled, 'concurrency', c.concurrency,
		'quota', c.quota, 'quota_ms', c.quota_ms, 'schedule_ms', c.schedule_ms,
		'timeout_ms', c.timeout_ms)
	WHERE c.id IS NOT NULL
$$;
COMMENT ON FUNCTION notice.shown_channel(notice.channel) IS
	'A channel as the audit has it: of settings and secrets the names alone. NULL: there is none.';

CREATE FUNCTION notice.audit_channel() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	caller json := nullif(current_setting('junction.caller', true), '')::json;
	node text := coalesce(nullif(caller ->> 'node', ''), 'postgresql');
	channel notice.channel := coalesce(NEW, OLD);
	changed text[] := ARRAY(SELECT n.key FROM jsonb_each(to_jsonb(NEW)) AS n
		WHERE n.value IS DISTINCT FROM to_jsonb(OLD) -> n.key
			AND n.key NOT IN ('updated_at', 'secrets_key_id', 'secret_names')
			AND n.key NOT LIKE 'author_%' ORDER BY n.key);
BEGIN
	PERFORM audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz],
		ARRAY[CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.notice'], ARRAY[node],
		ARRAY['channel ' || CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed'
			ELSE 'removed' END], ARRAY['channel:' || channel.name],
		ARRAY[CASE WHEN caller IS NULL THEN 'postgresql:' || session_user
			ELSE nullif(caller ->> 'user', '') END],
		ARRAY[nullif(caller ->> 'application', '')],
		ARRAY[CASE WHEN caller ->> 'roles' NOT IN ('', '{}') THEN caller ->> 'roles' END],
		ARRAY[nullif(caller ->> 'address', '')], ARRAY[node],
		ARRAY[nullif(caller ->> 'trace', '')],
		ARRAY[json_build_object('changed', CASE TG_OP WHEN 'UPDATE' THEN changed END,
			'old', notice.shown_channel(OLD), 'new', notice.shown_channel(NEW))],
		ARRAY[NULL::text], ARRAY[NULL::bytea], ARRAY[NULL::bigint]);
	RETURN NULL;
END $$;
COMMENT ON FUNCTION notice.audit_channel() IS
	'Of a trigger: writes a change of a channel into the audit (namespace junction.notice; opt_type 1 added, 2 changed, 3 removed; target "channel:NAME"; ext: the channel before and after, and which columns have changed, without what settings and secrets hold). Who: as auth.act_as() says, else the database''s user.';
CREATE TRIGGER audit_channel AFTER INSERT OR UPDATE OR DELETE ON notice.channel
	FOR EACH ROW EXECUTE FUNCTION notice.audit_channel();
COMMENT ON TRIGGER audit_channel ON notice.channel IS 'Each change of a channel is in the audit.';

CREATE FUNCTION notice.put_channel(caller text, spec json, merged_with bytea) RETURNS SETOF notice.channel
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted notice.channel := json_populate_record(NULL::notice.channel, spec);
	before notice.channel;
	said notice.channel;
BEGIN
	PERFORM auth.act_as(caller);
	-- One puts at a time, so that two that make the same channel do not miss each other.
	PERFORM FROM notice.revision FOR UPDATE;
	SELECT * INTO before FROM notice.channel c
	WHERE c.namespace = wanted.namespace AND c.name = wanted.name FOR UPDATE;
	IF before.secrets IS DISTINCT FROM merged_with THEN
		RETURN;
	END IF;
	wanted.settings := spec ->> 'settings';
	wanted.id := before.id;
	wanted.receipt_token := coalesce(before.receipt_token, wanted.receipt_token);
	wanted.created_at := coalesce(before.created_at, clock_timestamp());
	wanted.updated_at := before.updated_at;
	-- Who puts it does not count. As text, since json cannot be compared.
	said := before;
	said.author_user := wanted.author_user;
	said.author_application := wanted.author_application;
	said.author_address := wanted.author_address;
	IF before.id IS NOT NULL AND said::text = wanted::text THEN
		RETURN NEXT before;
		RETURN;
	END IF;
	wanted.updated_at := clock_timestamp();
	RETURN QUERY INSERT INTO notice.channel AS c (namespace, name, kind, settings, secrets,
		secrets_key_id, secret_names, enabled, concurrency, quota, quota_ms, schedule_ms,
		timeout_ms, receipt_token, created_at, updated_at, author_user, author_application,
		author_address)
	VALUES (wanted.namespace, wanted.name, wanted.kind, wanted.settings, wanted.secrets,
		wanted.secrets_key_id, wanted.secret_names, wanted.enabled, wanted.concurrency,
		wanted.quota, wanted.quota_ms, wanted.schedule_ms, wanted.timeout_ms,
		wanted.receipt_token, wanted.created_at, wanted.updated_at, wanted.author_user,
		wanted.author_application, wanted.author_address)
	ON CONFLICT ON CONSTRAINT channel_namespace_name_key DO UPDATE SET kind = excluded.kind,
		settings = excluded.settings, secrets = excluded.secrets,
		secrets_key_id = excluded.secrets_key_id, secret_names = excluded.secret_names,
		enabled = excluded.enabled, concurrency = excluded.concurrency, quota = excluded.quota,
		quota_ms = excluded.quota_ms, schedule_ms = excluded.schedule_ms,
		timeout_ms = excluded.timeout_ms, updated_at = excluded.updated_at,
		author_user = excluded.author_user, author_application = excluded.author_application,
		author_address = excluded.author_address
	RETURNING c.*;
END $$;
COMMENT ON FUNCTION notice.put_channel(text, json, bytea) IS
	'Makes a channel, or replaces what is said of it, and gives it; its receipt_token stays. spec has the columns that are not made here, bytes as texts of bytea, settings as a text that is JSON. merged_with: the secrets that those of spec were merged with; if they are others now, nothing is changed, and no row is given. What says nothing new changes nothing. caller: as auth.act_as() takes it.';

CREATE FUNCTION notice.delete_channel(caller text, of_namespace text, of_name text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	PERFORM FROM notice.revision FOR UPDATE;
	DELETE FROM notice.channel c WHERE c.namespace = of_namespace AND c.name = of_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no channel %s', of_name);
	END IF;
END $$;
COMMENT ON FUNCTION notice.delete_channel(text, text, text) IS
	'Removes a channel; the servers end what waits for it (notice.close_deleted). JN404 if there is none. caller: as auth.act_as() takes it.';

CREATE FUNCTION notice.count_waiting(of_channel integer) RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FROM (SELECT FROM notice.delivery d
		WHERE d.channel_id = of_channel AND d.due IS NOT NULL AND d.state = 'waiting' LIMIT 10000) AS d
$$;
COMMENT ON FUNCTION notice.count_waiting(integer) IS 'Deliveries that wait for a channel, counted up to 10,000.';

-- --- recipients ---------------------------------------------------------------------------------

CREATE FUNCTION notice.put_recipient(of_namespace text, of_user text, addresses jsonb, language text)
	RETURNS notice.recipient
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO notice.recipient AS r (namespace, user_name, addresses, language)
	VALUES (of_namespace, of_user, put_recipient.addresses, put_recipient.language)
	ON CONFLICT ON CONSTRAINT recipient_pkey DO UPDATE SET addresses = excluded.addresses,
		language = excluded.language, updated_at = clock_timestamp()
	RETURNING r.*
$$;
COMMENT ON FUNCTION notice.put_recipient(text, text, jsonb, text) IS
	'Says where a user is reached, in place of what was said before.';

CREATE FUNCTION notice.delete_recipient(of_namespace text, of_user text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM notice.recipient r WHERE r.namespace = of_namespace AND r.user_name = of_user;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no recipient %s', of_user);
	END IF;
END $$;
COMMENT ON FUNCTION notice.delete_recipient(text, text) IS 'Forgets where a user is reached. JN404 if nothing was said.';

-- --- groups -------------------------------------------------------------------------------------

CREATE FUNCTION notice.count_members(of_namespace text, of_group text) RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT count(*) FROM notice.group_member m WHERE m.namespace = of_namespace AND m.group_name = of_group
$$;
COMMENT ON FUNCTION notice.count_members(text, text) IS 'How many members a group has.';

CREATE FUNCTION notice.add_members(of_namespace text, of_group text, users text[]) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO notice.group_member (namespace, group_name, user_name)
	SELECT of_namespace, of_group, u FROM unnest(users) AS u ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION notice.add_members(text, text, text[]) IS 'Adds those that are not in the group yet.';

CREATE FUNCTION notice.put_group(of_namespace text, of_group text, users text[]) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off AS $$
BEGIN
	-- Who changes the members holds the group's row. Nobody knows how many there are when a plan is made.
	INSERT INTO notice.group_name AS g (namespace, name) VALUES (of_namespace, of_group)
	ON CONFLICT ON CONSTRAINT group_name_pkey DO UPDATE SET name = g.name;
	DELETE FROM notice.group_member m WHERE m.namespace = of_namespace AND m.group_name = of_group
		AND NOT EXISTS (SELECT FROM unnest(users) AS u WHERE u = m.user_name);
	PERFORM notice.add_members(of_namespace, of_group, users);
	RETURN notice.count_members(of_namespace, of_group);
END $$;
COMMENT ON FUNCTION notice.put_group(text, text, text[]) IS
	'Makes a group of these, or makes them its members. Gives how many it has.';

CREATE FUNCTION notice.change_group(of_namespace text, of_group text, added text[], removed text[])
	RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off AS $$
BEGIN
	PERFORM FROM notice.group_name g WHERE g.namespace = of_namespace AND g.name = of_group FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no group %s', of_group);
	END IF;
	PERFORM notice.add_members(of_namespace, of_group, added);
	DELETE FROM notice.group_member m USING unnest(removed) AS u
	WHERE m.namespace = of_namespace AND m.group_name = of_group AND m.user_name = u;
	RETURN notice.count_members(of_namespace, of_group);
END $$;
COMMENT ON FUNCTION notice.change_group(text, text, text[], text[]) IS
	'Adds members to a group, then removes some. Gives how many it has. JN404 if there is no such group.';

CREATE FUNCTION notice.delete_group(of_namespace text, of_group text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM notice.group_name g WHERE g.namespace = of_namespace AND g.name = of_group;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no group %s', of_group);
	END IF;
END $$;
COMMENT ON FUNCTION notice.delete_group(text, text) IS 'Removes a group with its members. JN404 if there is none.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION notice.shown_channel, notice.audit_channel, notice.put_channel,
	notice.delete_channel, notice.count_waiting, notice.put_recipient,
	notice.delete_recipient, notice.count_members, notice.add_members, notice.put_group,
	notice.change_group, notice.delete_group FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.put_channel, notice.delete_channel,
	notice.count_waiting, notice.put_recipient, notice.delete_recipient, notice.count_members,
	notice.put_group, notice.change_group, notice.delete_group TO junction_app;
GRANT EXECUTE ON FUNCTION notice.count_waiting, notice.count_members TO junction_reader;
