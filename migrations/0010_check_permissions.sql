-- What a subject may do, in SQL, with the answers that the servers give from memory. What is asked row
-- by row is written so that the planner takes it into the statement around it: without a search_path
-- of its own, and bound to what it names when it is made.

-- --- patterns -----------------------------------------------------------------------------------

CREATE FUNCTION auth.pattern_covers(pattern text, action text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	-- As LIKE pattern a star also takes "/": what that refuses is refused. Only a path that it
	-- takes needs a regular expression, whose compilation costs most.
	RETURN action COLLATE "C" LIKE
			replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
		AND (pattern = '**' OR strpos(pattern, '*') = 0 OR strpos(action, '/') = 0
			OR action COLLATE "C" ~ ('^' || replace(
				regexp_replace(regexp_replace(pattern, '([][\\.^$|?+(){}])', '\\\1', 'g'),
					'\*{2,}', '.{0,}', 'g'), '*', '[^/]*') || '$'));
COMMENT ON FUNCTION auth.pattern_covers(text, text) IS
	'Whether a pattern means an action, case considered: * is any characters but /, ** any characters, all else is itself.';

CREATE FUNCTION auth.action_matches(pattern text, action text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN CASE WHEN left(action, 1) = '/' THEN auth.pattern_covers(pattern, action)
		ELSE auth.pattern_covers(lower(pattern COLLATE "C"), lower(action COLLATE "C")) END;
COMMENT ON FUNCTION auth.action_matches(text, text) IS
	'Whether the action of a rule (auth.rule.action) means an action, or a path, which begins with /. Only of paths the case of letters counts.';

-- --- who has what -------------------------------------------------------------------------------

CREATE FUNCTION auth.folded_name(name text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN lower(split_part(name, ':', 1) COLLATE "C") || substr(name, strpos(name || ':', ':'));
COMMENT ON FUNCTION auth.folded_name(text) IS
	'A subject''s name as it is kept: in lower case, but for what an outside issuer calls its user.';

CREATE FUNCTION auth.held_roles(subject_kind text, subject_name text)
	RETURNS TABLE (holder_kind text, holder text, granted text, role text)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH RECURSIVE holder (kind, name) AS (
		SELECT s.kind, s.name FROM auth.subject s
		WHERE s.kind = subject_kind AND s.name = auth.folded_name(subject_name) AND NOT s.disabled
		UNION ALL
		SELECT g.kind, g.name FROM auth.subject s
			JOIN auth.member m ON m.kind = s.kind AND m.name = s.name
			JOIN auth.subject g ON g.kind = m.group_kind AND g.name = m.group_name AND NOT g.disabled
		WHERE s.kind = subject_kind AND s.name = auth.folded_name(subject_name) AND NOT s.disabled
	), held (holder_kind, holder, granted, role) AS (
		SELECT h.kind, h.name, r.role, r.role FROM holder h
			JOIN auth.role_grant r ON r.kind = h.kind AND r.name = h.name
		WHERE r.ends_at IS NULL OR r.ends_at > statement_timestamp()
		UNION
		SELECT h.holder_kind, h.holder, h.granted, p.parent FROM held h
			JOIN auth.role_parent p ON p.role = h.role
	)
	SELECT h.holder_kind, h.holder, h.granted, h.role FROM held h;
END;
COMMENT ON FUNCTION auth.held_roles(text, text) IS
	'The roles that a subject (user, application or group) has now. holder_kind and holder: who was granted it, the subject or a group of its; granted: the role that was granted, which is role or inherits from it. None of one that is disabled or unknown.';

CREATE VIEW auth.effective_rule AS
	SELECT s.kind, s.name, h.holder_kind, h.holder, h.granted, u.role, u.effect, u.service, u.action,
		u.method
	FROM auth.subject s
		CROSS JOIN LATERAL auth.held_roles(s.kind, s.name) AS h
		JOIN auth.rule u ON u.role = h.role;
COMMENT ON VIEW auth.effective_rule IS
	'Which rules count for whom now, and why. Quick for one kind and name.';
COMMENT ON COLUMN auth.effective_rule.kind IS 'user, application or group.';
COMMENT ON COLUMN auth.effective_rule.name IS 'For whom it counts.';
COMMENT ON COLUMN auth.effective_rule.holder_kind IS 'user, application or group.';
COMMENT ON COLUMN auth.effective_rule.holder IS 'Who was granted the role: the subject itself, or a group that it is in.';
COMMENT ON COLUMN auth.effective_rule.granted IS 'The role that was granted.';
COMMENT ON COLUMN auth.effective_rule.role IS 'The role that has the rule: the one that was granted, or one that it inherits from.';
COMMENT ON COLUMN auth.effective_rule.effect IS 'allow or deny.';
COMMENT ON COLUMN auth.effective_rule.service IS 'Name of the service, or * for any.';
COMMENT ON COLUMN auth.effective_rule.action IS 'Pattern of actions or paths.';
COMMENT ON COLUMN auth.effective_rule.method IS 'Method, or * for any.';

-- --- questions ----------------------------------------------------------------------------------

CREATE FUNCTION auth.check(subject_kind text, subject_name text, service_name text, action_name text,
	method_name text) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT coalesce(bool_and(u.effect = 'allow'), false)
	FROM auth.held_roles(subject_kind, subject_name) AS h JOIN auth.rule u ON u.role = h.role
	WHERE subject_kind IN ('user', 'application')
		AND num_nulls(service_name, action_name, method_name) = 0
		AND u.service IN ('*', lower(service_name COLLATE "C"))
		AND u.method IN ('*', upper(method_name COLLATE "C"))
		AND auth.action_matches(u.action, action_name);
END;
COMMENT ON FUNCTION auth.check(text, text, text, text, text) IS
	'Whether a user or an application may do something now, as the RPC Check answers it: what any rule of its roles denies is denied, and so is what none allows. Kind, name, service, action or path, method.';

CREATE INDEX rule_service ON auth.rule (service);
COMMENT ON INDEX auth.rule_service IS 'For who can do something.';

CREATE FUNCTION auth.who_can(service_name text, action_name text, method_name text)
	RETURNS TABLE (kind text, name text)
	LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	WITH RECURSIVE judging (role, effect) AS (
		SELECT u.role, u.effect FROM auth.rule u
		WHERE num_nulls(service_name, action_name, method_name) = 0
			AND u.service IN ('*', lower(service_name COLLATE "C"))
			AND u.method IN ('*', upper(method_name COLLATE "C"))
			AND auth.action_matches(u.action, action_name)
		UNION
		SELECT p.role, j.effect FROM judging j JOIN auth.role_parent p ON p.parent = j.role
	), holder (kind, name, effect) AS (
		SELECT s.kind, s.name, j.effect FROM judging j
			JOIN auth.role_grant r ON r.role = j.role
			JOIN auth.subject s ON s.kind = r.kind AND s.name = r.name AND NOT s.disabled
		WHERE r.ends_at IS NULL OR r.ends_at > statement_timestamp()
	), judged (kind, name, effect) AS (
		SELECT h.kind, h.name, h.effect FROM holder h WHERE h.kind <> 'group'
		UNION ALL
		SELECT m.kind, m.name, h.effect FROM holder h
			JOIN auth.member m ON m.group_kind = h.kind AND m.group_name = h.name
			JOIN auth.subject s ON s.kind = m.kind AND s.name = m.name AND NOT s.disabled
	)
	SELECT j.kind, j.name FROM judged j GROUP BY j.kind, j.name
	HAVING bool_and(j.effect = 'allow') ORDER BY j.kind, j.name;
END;
COMMENT ON FUNCTION auth.who_can(text, text, text) IS
	'The users and applications for which auth.check() of that service, action or path, and method is true, by kind and name.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION auth.pattern_covers, auth.action_matches, auth.folded_name, auth.held_roles,
	auth.check, auth.who_can FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.pattern_covers, auth.action_matches, auth.folded_name, auth.held_roles,
	auth.check, auth.who_can TO junction_app, junction_reader;
GRANT SELECT ON auth.effective_rule TO junction_app, junction_reader;
