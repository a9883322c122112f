-- Subjects, roles, grants and access keys, as administrators change them. What is refused is raised
-- with the SQLSTATE JN404 (there is none) or JN412 (not as things are); nothing is changed then.

-- --- what they share ----------------------------------------------------------------------------

CREATE FUNCTION auth.begin_change(caller text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	-- One at a time, until the commit: what a change asks of other rows (is there still an
	-- administrator, does no role inherit from itself) must hold when it is committed, too.
	PERFORM pg_advisory_xact_lock(6024021);
END $$;
COMMENT ON FUNCTION auth.begin_change(text) IS
	'Begins a change by an administrator: says who he is (auth.act_as()), and waits for those before.';

CREATE FUNCTION auth.has_administrator() RETURNS boolean
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT FROM auth.role_grant g
		JOIN auth.subject s ON s.kind = g.kind AND s.name = g.name
		WHERE g.role = 'administrator' AND NOT s.disabled
			AND (g.ends_at IS NULL OR g.ends_at > clock_timestamp())
			AND (g.kind <> 'group' OR EXISTS (SELECT FROM auth.member m
				JOIN auth.subject w ON w.kind = m.kind AND w.name = m.name
				WHERE m.group_name = g.name AND NOT w.disabled)))
$$;
COMMENT ON FUNCTION auth.has_administrator() IS
	'Whether somebody who is not disabled is granted the role administrator, himself or by a group.';

CREATE FUNCTION auth.keep_administrator(had_one boolean) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF had_one AND NOT auth.has_administrator() THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412',
			MESSAGE = 'nobody would be left who has the role administrator';
	END IF;
END $$;
COMMENT ON FUNCTION auth.keep_administrator(boolean) IS
	'After a change: refuses it if there was an administrator before, and is none now.';

CREATE FUNCTION auth.need_subject(kind text, name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	-- Nobody opens a session of a subject that is locked so: auth.session refers to it.
	PERFORM FROM auth.subject s WHERE s.kind = kind AND s.name = name FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no %s %s', kind, name);
	END IF;
END $$;
COMMENT ON FUNCTION auth.need_subject(text, text) IS
	'Locks a subject until the commit; refuses if there is none of that name.';

CREATE FUNCTION auth.need_role(name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF NOT EXISTS (SELECT FROM auth.role r WHERE r.name = name) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no role %s', name);
	END IF;
END $$;
COMMENT ON FUNCTION auth.need_role(text) IS 'Refuses if there is no role of that name.';

CREATE FUNCTION auth.end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint)
	RETURNS integer
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	ended integer;
BEGIN
	WITH gone AS (DELETE FROM auth.session s WHERE (of_kind IS NULL OR s.kind = of_kind)
			AND (of_name IS NULL OR s.name = of_name) AND (of_key IS NULL OR s.access_key = of_key)
		RETURNING s.id)
	INSERT INTO auth.revocation (id, expires_at)
	SELECT g.id::text, clock_timestamp() + token_seconds * interval '1 second' + interval '5 minutes'
	FROM gone g;
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END $$;
COMMENT ON FUNCTION auth.end_sessions(text, text, text, bigint) IS
	'Ends the sessions of subjects of a kind, of a name, opened with an access key; NULL: of any. token_seconds: how long a token that was issued now would be good; so long, and five minutes by which clocks may differ, their tokens are refused by name. Gives how many were ended.';

-- --- subjects -----------------------------------------------------------------------------------

CREATE FUNCTION auth.put_subject(caller text, kind text, name text, title text, disabled boolean,
	services text[], token_seconds bigint) RETURNS SETOF auth.subject
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	INSERT INTO auth.subject AS s (kind, name, title, disabled, services)
	VALUES (kind, name, title, disabled, services)
	ON CONFLICT ON CONSTRAINT subject_pkey DO UPDATE
	SET title = excluded.title, disabled = excluded.disabled, services = excluded.services,
		updated_at = clock_timestamp()
	WHERE (s.title, s.disabled, s.services)
		IS DISTINCT FROM (excluded.title, excluded.disabled, excluded.services);
	IF disabled THEN
		PERFORM auth.need_subject(kind, name);
		PERFORM auth.end_sessions(kind, name, NULL, token_seconds);
		PERFORM auth.keep_administrator(had_one);
	END IF;
	RETURN QUERY SELECT * FROM auth.subject s WHERE s.kind = kind AND s.name = name;
END $$;
COMMENT ON FUNCTION auth.put_subject(text, text, text, text, boolean, text[], bigint) IS
	'Makes a subject, or changes it as a whole; disabled, its sessions are ended (token_seconds as of auth.end_sessions()). Gives its row. Refuses to disable the last administrator.';

CREATE FUNCTION auth.delete_subject(caller text, kind text, name text, token_seconds bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	-- Before the subject itself, as who logs in does.
	PERFORM FROM auth.password p WHERE p.kind = kind AND p.name = name FOR UPDATE;
	PERFORM FROM auth.access_key k WHERE k.kind = kind AND k.application = name FOR UPDATE;
	PERFORM auth.need_subject(kind, name);
	PERFORM auth.end_sessions(kind, name, NULL, token_seconds);
	DELETE FROM auth.subject s WHERE s.kind = kind AND s.name = name;
	PERFORM auth.keep_administrator(had_one);
END $$;
COMMENT ON FUNCTION auth.delete_subject(text, text, text, bigint) IS
	'Removes a subject with its grants, memberships, keys and sessions (token_seconds as of auth.end_sessions()). Refuses if there is none, or if it is the last administrator.';

CREATE FUNCTION auth.put_member(caller text, group_name text, kind text, name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject('group', group_name);
	PERFORM auth.need_subject(kind, name);
	INSERT INTO auth.member (group_name, kind, name) VALUES (group_name, kind, name)
	ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING;
END $$;
COMMENT ON FUNCTION auth.put_member(text, text, text, text) IS
	'Adds a user or an application to a group, unless it is in it. Refuses if one of the two is not there.';

CREATE FUNCTION auth.delete_member(caller text, group_name text, kind text, name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	DELETE FROM auth.member m WHERE m.group_name = group_name AND m.kind = kind AND m.name = name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404',
			MESSAGE = format('%s %s is not in group %s', kind, name, group_name);
	END IF;
	PERFORM auth.keep_administrator(had_one);
END $$;
COMMENT ON FUNCTION auth.delete_member(text, text, text, text) IS
	'Takes a user or an application out of a group. Refuses if it is not in it, or if it is the last administrator.';

-- --- roles --------------------------------------------------------------------------------------

CREATE FUNCTION auth.show_role(wanted text)
	RETURNS TABLE (r_name text, r_title text, r_built_in boolean, r_created_at bigint,
		r_updated_at bigint, r_parents text, r_rules text)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT r.name, r.title, r.built_in, auth.milliseconds(r.created_at),
		auth.milliseconds(r.updated_at),
		(SELECT coalesce(json_agg(p.parent ORDER BY p.parent), '[]')
			FROM auth.role_parent p WHERE p.role = r.name)::text,
		(SELECT coalesce(json_agg(json_build_array(u.effect, u.service, u.action, u.method)
				ORDER BY u.service, u.action, u.method, u.effect), '[]')
			FROM auth.rule u WHERE u.role = r.name)::text
	FROM auth.role r WHERE r.name = wanted
$$;
COMMENT ON FUNCTION auth.show_role(text) IS
	'A role with the JSON list of its parents and that of its rules, each a list of effect, service, action and method. No row: there is none of that name.';

CREATE FUNCTION auth.need_own_role(name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF EXISTS (SELECT FROM auth.role r WHERE r.name = name AND r.built_in) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format('role %s is built in', name);
	END IF;
END $$;
COMMENT ON FUNCTION auth.need_own_role(text) IS 'Refuses if the role is one that Junction has made.';

CREATE FUNCTION auth.need_parents(name text, parents text[]) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	parent text;
BEGIN
	FOREACH parent IN ARRAY parents LOOP
		IF parent = name OR EXISTS (
			WITH RECURSIVE above (role) AS (SELECT p.parent FROM auth.role_parent p WHERE p.role = parent
				UNION SELECT p.parent FROM above a JOIN auth.role_parent p ON p.role = a.role)
			SELECT FROM above a WHERE a.role = name) THEN
			RAISE EXCEPTION USING ERRCODE = 'JN412',
				MESSAGE = format('role %s would inherit from itself by role %s', name, parent);
		END IF;
		PERFORM auth.need_role(parent);
	END LOOP;
END $$;
COMMENT ON FUNCTION auth.need_parents(text, text[]) IS
	'Refuses parents that a role cannot have: those that are not there, and those that inherit from it.';

CREATE FUNCTION auth.put_role(caller text, name text, title text, parents text[], effects text[],
	services text[], actions text[], methods text[])
	RETURNS TABLE (r_name text, r_title text, r_built_in boolean, r_created_at bigint,
		r_updated_at bigint, r_parents text, r_rules text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	was record;
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_own_role(name);
	PERFORM auth.need_parents(name, parents);
	SELECT * INTO was FROM auth.show_role(name);
	INSERT INTO auth.role (name, title) VALUES (name, title)
	ON CONFLICT ON CONSTRAINT role_pkey DO NOTHING;
	DELETE FROM auth.role_parent p WHERE p.role = name AND p.parent <> ALL (parents);
	INSERT INTO auth.role_parent (role, parent) SELECT name, g.parent FROM unnest(parents) AS g (parent)
	ON CONFLICT ON CONSTRAINT role_parent_pkey DO NOTHING;
	DELETE FROM auth.rule u WHERE u.role = name AND (u.effect, u.service, u.action, u.method) NOT IN (
		SELECT g.effect, g.service, g.action, g.method
		FROM unnest(effects, services, actions, methods) AS g (effect, service, action, method));
	INSERT INTO auth.rule (role, effect, service, action, method)
	SELECT name, g.effect, g.service, g.action, g.method
	FROM unnest(effects, services, actions, methods) AS g (effect, service, action, method)
	ON CONFLICT ON CONSTRAINT rule_pkey DO NOTHING;
	UPDATE auth.role r SET title = title, updated_at = clock_timestamp() FROM auth.show_role(name) AS n
	WHERE r.name = was.r_name AND (title, n.r_parents, n.r_rules)
		IS DISTINCT FROM (was.r_title, was.r_parents, was.r_rules);
	RETURN QUERY SELECT * FROM auth.show_role(name);
END $$;
COMMENT ON FUNCTION auth.put_role(text, text, text, text[], text[], text[], text[], text[]) IS
	'Makes a role, or changes it as a whole; effects, services, actions and methods: one element for each rule. Touches only what differs. Gives it as auth.show_role() does. Refuses if it is built in, if a parent is not there, or if it would inherit from itself.';

CREATE FUNCTION auth.delete_role(caller text, name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_role(name);
	PERFORM auth.need_own_role(name);
	DELETE FROM auth.role r WHERE r.name = name;
END $$;
COMMENT ON FUNCTION auth.delete_role(text, text) IS
	'Removes a role with its grants. Refuses if there is none, or if it is built in.';

CREATE FUNCTION auth.put_grant(caller text, kind text, name text, role text, ends_at bigint)
	RETURNS SETOF auth.role_grant
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject(kind, name);
	PERFORM auth.need_role(role);
	INSERT INTO auth.role_grant AS g (kind, name, role, ends_at)
	VALUES (kind, name, role, timestamptz 'epoch' + ends_at * interval '1 millisecond')
	ON CONFLICT ON CONSTRAINT role_grant_pkey DO UPDATE SET ends_at = excluded.ends_at
	WHERE g.ends_at IS DISTINCT FROM excluded.ends_at;
	RETURN QUERY SELECT * FROM auth.role_grant g WHERE g.kind = kind AND g.name = name AND g.role = role;
END $$;
COMMENT ON FUNCTION auth.put_grant(text, text, text, text, bigint) IS
	'Grants a subject a role until then (milliseconds since 1970; NULL: for ever). Gives the grant''s row. Refuses if one of the two is not there.';

CREATE FUNCTION auth.delete_grant(caller text, kind text, name text, role text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	DELETE FROM auth.role_grant g WHERE g.kind = kind AND g.name = name AND g.role = role;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404',
			MESSAGE = format('role %s is not granted to %s %s', role, kind, name);
	END IF;
	PERFORM auth.keep_administrator(had_one);
END $$;
COMMENT ON FUNCTION auth.delete_grant(text, text, text, text) IS
	'Takes a role back. Refuses if it is not granted, or if it is the last administrator''s.';

-- --- access keys --------------------------------------------------------------------------------

CREATE FUNCTION auth.create_access_key(caller text, id text, application text, title text,
	secret_hash bytea, signing_key bytea, ends_at bigint)
	RETURNS TABLE (r_id text, r_application text, r_title text, r_created_at bigint, r_ends_at bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject('application', application);
	IF (SELECT count(*) FROM auth.access_key k WHERE k.application = application) >= 20 THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format(
			'application %s has 20 access keys, and may not have more: delete one first', application);
	END IF;
	RETURN QUERY INSERT INTO auth.access_key AS k (id, application, title, secret_hash, signing_key, ends_at)
	VALUES (id, application, title, secret_hash, signing_key,
		timestamptz 'epoch' + ends_at * interval '1 millisecond')
	RETURNING k.id, k.application, k.title, auth.milliseconds(k.created_at), auth.milliseconds(k.ends_at);
END $$;
COMMENT ON FUNCTION auth.create_access_key(text, text, text, text, bytea, bytea, bigint) IS
	'Adds an access key of an application, good until then (milliseconds since 1970; NULL: for ever). Gives what may be shown of it. Refuses if there is no such application, or if it has 20.';

CREATE FUNCTION auth.delete_access_key(caller text, id text, token_seconds bigint) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	DELETE FROM auth.access_key k WHERE k.id = id;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no access key %s', id);
	END IF;
	PERFORM auth.end_sessions('application', NULL, id, token_seconds);
END $$;
COMMENT ON FUNCTION auth.delete_access_key(text, text, bigint) IS
	'Removes an access key, and ends the sessions that were opened with it (token_seconds as of auth.end_sessions()). Refuses if there is none.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION auth.begin_change, auth.has_administrator, auth.keep_administrator,
	auth.need_subject, auth.need_role, auth.end_sessions, auth.put_subject, auth.delete_subject,
	auth.put_member, auth.delete_member, auth.show_role, auth.need_own_role, auth.need_parents,
	auth.put_role, auth.delete_role, auth.put_grant, auth.delete_grant, auth.create_access_key,
	auth.delete_access_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.begin_change, auth.has_administrator, auth.keep_administrator,
	auth.need_subject, auth.need_role, auth.end_sessions, auth.put_subject, auth.delete_subject,
	auth.put_member, auth.delete_member, auth.show_role, auth.need_own_role, auth.need_parents,
	auth.put_role, auth.delete_role, auth.put_grant, auth.delete_grant, auth.create_access_key,
	auth.delete_access_key TO junction_app;
