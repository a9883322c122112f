-- Who calls, and what he may do: subjects, roles, keys; every change told to the servers and the audit.

-- --- changes ------------------------------------------------------------------------------------

CREATE TABLE auth.revision (
	value bigint NOT NULL,
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT revision_pkey PRIMARY KEY (single),
	CONSTRAINT revision_single CHECK (single)
);
COMMENT ON TABLE auth.revision IS 'How many changes there have been.';
COMMENT ON COLUMN auth.revision.value IS 'The greatest revision of auth.change. Taken at the commit, so that revisions are in commit order.';
COMMENT ON COLUMN auth.revision.single IS 'There is one row.';
INSERT INTO auth.revision (value) VALUES (0);

CREATE TABLE auth.change (
	revision bigint NOT NULL,
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT change_pkey PRIMARY KEY (revision, kind, name),
	CONSTRAINT change_kind_known CHECK (kind IN
		('access_key', 'application', 'group', 'issuer', 'revocation', 'role', 'token_key', 'user'))
);
COMMENT ON TABLE auth.change IS
	'What has changed lately, for the servers, which keep all of it in memory: auth.follow(). What was changed, and by whom, is in the audit, namespace junction.auth.';
COMMENT ON COLUMN auth.change.revision IS 'Rises with each change in commit order, without gaps.';
COMMENT ON COLUMN auth.change.kind IS 'What has changed: access_key, application, group, issuer, revocation, role, token_key or user.';
COMMENT ON COLUMN auth.change.name IS 'Its name or id.';
COMMENT ON COLUMN auth.change.at IS 'When; rows go after an hour.';
CREATE INDEX change_at ON auth.change (at);
COMMENT ON INDEX auth.change_at IS 'For those that are to be removed.';

CREATE TABLE auth.pending (
	id bigint GENERATED ALWAYS AS IDENTITY,
	operation text NOT NULL,
	relation text NOT NULL,
	kinds text[] NOT NULL,
	names text[] NOT NULL,
	old json,
	new json,
	CONSTRAINT pending_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.pending IS
	'Changes of transactions that are not committed: at the commit they are told to the servers and written into the audit, in this order, and removed from here. So whoever holds a transaction open holds up nobody.';
COMMENT ON COLUMN auth.pending.id IS 'Rises.';
COMMENT ON COLUMN auth.pending.operation IS 'INSERT, UPDATE or DELETE.';
COMMENT ON COLUMN auth.pending.relation IS 'Name of the table, without the schema.';
COMMENT ON COLUMN auth.pending.kinds IS 'Of what has changed, as in auth.change; empty: the servers need not know.';
COMMENT ON COLUMN auth.pending.names IS 'The names that belong to kinds.';
COMMENT ON COLUMN auth.pending.old IS 'The rows as they were, without secrets: a JSON list, or NULL.';
COMMENT ON COLUMN auth.pending.new IS 'The rows as they are, without secrets: a JSON list, or NULL.';
COMMENT ON SEQUENCE auth.pending_id_seq IS 'Of auth.pending.id.';

CREATE FUNCTION auth.act_as(caller text) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT set_config('junction.caller', caller, true)
$$;
COMMENT ON FUNCTION auth.act_as(text) IS
	'Says who changes something in this transaction, for the audit: JSON object of user, application, roles (the text of an array), address, node, trace. Whoever says nothing is audited as the database''s user.';

CREATE FUNCTION auth.tell(operation text, relation text, kind text, name_column text, old jsonb,
	new jsonb) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	WITH told AS (
		SELECT DISTINCT coalesce(nullif(kind, ''), r->>'kind') AS kind, r->>name_column AS name
		FROM jsonb_array_elements(coalesce(old, '[]') || coalesce(new, '[]')) AS r
		WHERE name_column <> '')
	INSERT INTO auth.pending (operation, relation, kinds, names, old, new)
	SELECT operation, relation, coalesce(array_agg(t.kind ORDER BY t.kind, t.name), '{}'),
		coalesce(array_agg(t.name ORDER BY t.kind, t.name), '{}'), old, new
	FROM told t
	HAVING old IS NOT NULL OR new IS NOT NULL
$$;
COMMENT ON FUNCTION auth.tell(text, text, text, text, jsonb, jsonb) IS
	'Notes a change of rows in auth.pending; kind empty: it is a column of theirs. name_column empty: the servers need not know.';

CREATE FUNCTION auth.note_change() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	secrets constant text[] := '{hash,secret_hash,signing_key,private_jwk}';
	old_rows jsonb;
	new_rows jsonb;
BEGIN
	IF TG_OP <> 'INSERT' THEN
		SELECT jsonb_agg(to_jsonb(r) - secrets) INTO old_rows FROM removed r;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		SELECT jsonb_agg(to_jsonb(r) - secrets) INTO new_rows FROM added r;
	END IF;
	PERFORM auth.tell(TG_OP, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], old_rows, new_rows);
	RETURN NULL;
END $$;
COMMENT ON FUNCTION auth.note_change() IS
	'Of a trigger after each statement: notes what it changed, without secrets, in auth.pending. Arguments: as kind and name_column of auth.tell().';

CREATE FUNCTION auth.publish_change() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	caller json := nullif(current_setting('junction.caller', true), '')::json;
	shown text := json_build_object('table', NEW.relation, 'old', NEW.old, 'new', NEW.new)::text;
	target text := left(coalesce(NEW.kinds[1] || ':' || NEW.names[1],
		'party:' || (coalesce(NEW.new->0, NEW.old->0)->>'party_id')), 255);
	revision bigint;
BEGIN
	-- Before the lock of audit.append in any case: so transactions that end together wait for each
	-- other in one order.
	PERFORM FROM auth.revision FOR UPDATE;
	IF cardinality(NEW.kinds) > 0 THEN
		UPDATE auth.revision SET value = value + 1 RETURNING value INTO revision;
		INSERT INTO auth.change (revision, kind, name)
		SELECT revision, c.kind, c.name FROM unnest(NEW.kinds, NEW.names) AS c (kind, name);
	END IF;
	IF octet_length(shown) > 60000 THEN
		shown := json_build_object('table', NEW.relation, 'oldRows', json_array_length(NEW.old),
			'newRows', json_array_length(NEW.new))::text;
	END IF;
	PERFORM audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz],
		ARRAY[CASE NEW.operation WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.auth'],
		ARRAY[coalesce(nullif(caller->>'node', ''), 'postgresql')],
		ARRAY[NEW.relation || CASE NEW.operation WHEN 'INSERT' THEN ' added' WHEN 'UPDATE' THEN ' changed'
			ELSE ' removed' END], ARRAY[target],
		ARRAY[CASE WHEN caller IS NULL THEN 'postgresql:' || session_user
			ELSE nullif(caller->>'user', '') END],
		ARRAY[nullif(caller->>'application', '')],
		ARRAY[CASE WHEN caller->>'roles' NOT IN ('', '{}') THEN caller->>'roles' END],
		ARRAY[nullif(caller->>'address', '')], ARRAY[coalesce(nullif(caller->>'node', ''), 'postgresql')],
		ARRAY[nullif(caller->>'trace', '')], ARRAY[shown::json], ARRAY[NULL::text],
		ARRAY[NULL::bytea], ARRAY[NULL::bigint]);
	DELETE FROM auth.pending p WHERE p.id = NEW.id;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION auth.publish_change() IS
	'Of a trigger at the commit: gives a change its revision, which the servers follow, and writes it into the audit (namespace junction.auth; opt_type 1 added, 2 changed, 3 removed; target: the first of what has changed, "user:alice"; ext: the rows before and after).';

CREATE CONSTRAINT TRIGGER pending_publish AFTER INSERT ON auth.pending
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION auth.publish_change();
COMMENT ON TRIGGER pending_publish ON auth.pending IS 'At the commit: auth.publish_change().';

-- --- subjects -----------------------------------------------------------------------------------

CREATE TABLE auth.subject (
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	title text NOT NULL DEFAULT '',
	disabled boolean NOT NULL DEFAULT false,
	services text[] NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT subject_pkey PRIMARY KEY (kind, name),
	CONSTRAINT subject_kind_known CHECK (kind IN ('user', 'application', 'group')),
	CONSTRAINT subject_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'
		OR (kind = 'user' AND name ~ '^[a-z][a-z0-9-]{0,31}:[^[:cntrl:]]+$'
			AND octet_length(name) <= 255)),
	CONSTRAINT subject_title_length CHECK (octet_length(title) <= 255),
	CONSTRAINT subject_services_of_application CHECK (kind = 'application' OR services = '{}'),
	CONSTRAINT subject_services_count CHECK (cardinality(services) <= 100)
);
COMMENT ON TABLE auth.subject IS 'Who may be granted something: users, applications, and groups of both.';
COMMENT ON COLUMN auth.subject.kind IS 'user (a person), application (a program) or group.';
COMMENT ON COLUMN auth.subject.name IS 'In lower case; of the users of an outside issuer "issuer:name".';
COMMENT ON COLUMN auth.subject.title IS 'What people call it.';
COMMENT ON COLUMN auth.subject.disabled IS 'May do nothing; of a group: its grants do not count.';
COMMENT ON COLUMN auth.subject.services IS 'Names of the services of an application.';
COMMENT ON COLUMN auth.subject.created_at IS 'When it was made.';
COMMENT ON COLUMN auth.subject.updated_at IS 'When it was changed last.';

CREATE TABLE auth.password (
	kind text COLLATE "C" NOT NULL DEFAULT 'user',
	name text COLLATE "C" NOT NULL,
	hash text NOT NULL,
	one_time boolean NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT password_pkey PRIMARY KEY (name),
	CONSTRAINT password_of_user CHECK (kind = 'user'),
	CONSTRAINT password_hash_is_argon2id CHECK (hash LIKE '$argon2id$%'),
	CONSTRAINT password_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject (kind, name)
		ON DELETE CASCADE
);
COMMENT ON TABLE auth.password IS 'Passwords of users. Read by the application, and by nobody else.';
COMMENT ON COLUMN auth.password.kind IS 'user.';
COMMENT ON COLUMN auth.password.name IS 'The user.';
COMMENT ON COLUMN auth.password.hash IS 'argon2id, with its parameters and salt. A secret.';
COMMENT ON COLUMN auth.password.one_time IS 'Must be changed before the user can log in.';
COMMENT ON COLUMN auth.password.set_at IS 'When it was set.';

CREATE TABLE auth.member (
	group_name text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	group_kind text COLLATE "C" NOT NULL DEFAULT 'group',
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT member_pkey PRIMARY KEY (kind, name, group_name),
	CONSTRAINT member_group_kind CHECK (group_kind = 'group'),
	CONSTRAINT member_kind_known CHECK (kind IN ('user', 'application')),
	CONSTRAINT member_group_fkey FOREIGN KEY (group_kind, group_name)
		REFERENCES auth.subject (kind, name) ON DELETE CASCADE,
	CONSTRAINT member_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject (kind, name)
		ON DELETE CASCADE
);
COMMENT ON TABLE auth.member IS 'Who is in which group.';
COMMENT ON COLUMN auth.member.group_name IS 'The group.';
COMMENT ON COLUMN auth.member.kind IS 'user or application.';
COMMENT ON COLUMN auth.member.name IS 'Who is in it.';
COMMENT ON COLUMN auth.member.group_kind IS 'group.';
COMMENT ON COLUMN auth.member.created_at IS 'Since when.';
CREATE INDEX member_group ON auth.member (group_name, kind, name);
COMMENT ON INDEX auth.member_group IS 'For who is in a group.';

-- --- roles --------------------------------------------------------------------------------------

CREATE TABLE auth.role (
	name text COLLATE "C" NOT NULL,
	title text NOT NULL DEFAULT '',
	built_in boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT role_pkey PRIMARY KEY (name),
	CONSTRAINT role_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'),
	CONSTRAINT role_title_length CHECK (octet_length(title) <= 255)
);
COMMENT ON TABLE auth.role IS 'Roles: rules under a name. Who has a role may do what its rules allow, and those of the roles that it inherits from.';
COMMENT ON COLUMN auth.role.name IS 'In lower case.';
COMMENT ON COLUMN auth.role.title IS 'What people call it.';
COMMENT ON COLUMN auth.role.built_in IS 'Made by Junction; the API does not change it.';
COMMENT ON COLUMN auth.role.created_at IS 'When it was made.';
COMMENT ON COLUMN auth.role.updated_at IS 'When it was changed last.';

CREATE TABLE auth.role_parent (
	role text COLLATE "C" NOT NULL,
	parent text COLLATE "C" NOT NULL,
	CONSTRAINT role_parent_pkey PRIMARY KEY (role, parent),
	CONSTRAINT role_parent_not_itself CHECK (role <> parent),
	CONSTRAINT role_parent_role_fkey FOREIGN KEY (role) REFERENCES auth.role (name) ON DELETE CASCADE,
	CONSTRAINT role_parent_parent_fkey FOREIGN KEY (parent) REFERENCES auth.role (name) ON DELETE CASCADE
);
COMMENT ON TABLE auth.role_parent IS 'Which role inherits from which.';
COMMENT ON COLUMN auth.role_parent.role IS 'The role that inherits.';
COMMENT ON COLUMN auth.role_parent.parent IS 'The role whose rules it has besides its own.';
CREATE INDEX role_parent_parent ON auth.role_parent (parent);
COMMENT ON INDEX auth.role_parent_parent IS 'For who inherits from a role.';

CREATE TABLE auth.rule (
	role text COLLATE "C" NOT NULL,
	effect text COLLATE "C" NOT NULL,
	service text COLLATE "C" NOT NULL,
	action text COLLATE "C" NOT NULL,
	method text COLLATE "C" NOT NULL,
	CONSTRAINT rule_pkey PRIMARY KEY (role, service, action, method, effect),
	CONSTRAINT rule_role_fkey FOREIGN KEY (role) REFERENCES auth.role (name) ON DELETE CASCADE,
	CONSTRAINT rule_effect_known CHECK (effect IN ('allow', 'deny')),
	CONSTRAINT rule_service_length CHECK (octet_length(service) BETWEEN 1 AND 64),
	CONSTRAINT rule_service_lower_case CHECK (service = lower(service)),
	CONSTRAINT rule_action_length CHECK (octet_length(action) BETWEEN 1 AND 255),
	CONSTRAINT rule_action_characters CHECK (action !~ '[\x01-\x1f\x7f]'),
	CONSTRAINT rule_action_lower_case CHECK (left(action, 1) = '/' OR action = lower(action)),
	CONSTRAINT rule_method_form CHECK (method = '*' OR method ~ '^[A-Z]{1,32}$')
);
COMMENT ON TABLE auth.rule IS
	'What roles allow and deny. What any rule of a subject''s roles denies is denied, and so is what none allows: auth.check().';
COMMENT ON COLUMN auth.rule.role IS 'The role that has it.';
COMMENT ON COLUMN auth.rule.effect IS 'allow or deny.';
COMMENT ON COLUMN auth.rule.service IS 'Name of the service, or * for any.';
COMMENT ON COLUMN auth.rule.action IS 'Pattern of actions, in lower case, or of paths if it begins with /: * is any characters but /, ** any characters, all else is itself.';
COMMENT ON COLUMN auth.rule.method IS 'HTTP method, or READ, WRITE, CALL, ADMIN or AUDIT of an RPC of Junction''s own, or * for any.';

CREATE TABLE auth.role_grant (
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	role text COLLATE "C" NOT NULL,
	ends_at timestamptz,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT role_grant_pkey PRIMARY KEY (kind, name, role),
	CONSTRAINT role_grant_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject (kind, name)
		ON DELETE CASCADE,
	CONSTRAINT role_grant_role_fkey FOREIGN KEY (role) REFERENCES auth.role (name) ON DELETE CASCADE
);
COMMENT ON TABLE auth.role_grant IS 'Which subject has which role.';
COMMENT ON COLUMN auth.role_grant.kind IS 'user, application or group.';
COMMENT ON COLUMN auth.role_grant.name IS 'The subject; what a group is granted all have who are in it.';
COMMENT ON COLUMN auth.role_grant.role IS 'The role.';
COMMENT ON COLUMN auth.role_grant.ends_at IS 'Until then it counts; NULL: for ever.';
COMMENT ON COLUMN auth.role_grant.created_at IS 'When it was granted.';
CREATE INDEX role_grant_role ON auth.role_grant (role, kind, name);
COMMENT ON INDEX auth.role_grant_role IS 'For who has a role.';

-- --- keys, tokens, sessions ---------------------------------------------------------------------

CREATE TABLE auth.access_key (
	id text COLLATE "C" NOT NULL,
	application text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL DEFAULT 'application',
	title text NOT NULL DEFAULT '',
	secret_hash bytea NOT NULL,
	signing_key bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	ends_at timestamptz,
	CONSTRAINT access_key_pkey PRIMARY KEY (id),
	CONSTRAINT access_key_id_form CHECK (id ~ '^ak-[a-z0-9]{20}$'),
	CONSTRAINT access_key_of_application CHECK (kind = 'application'),
	CONSTRAINT access_key_title_length CHECK (octet_length(title) <= 255),
	CONSTRAINT access_key_secret_hash_is_sha256 CHECK (octet_length(secret_hash) = 32),
	CONSTRAINT access_key_signing_key_is_sha1 CHECK (octet_length(signing_key) = 20),
	CONSTRAINT access_key_subject_fkey FOREIGN KEY (kind, application)
		REFERENCES auth.subject (kind, name) ON DELETE CASCADE
);
COMMENT ON TABLE auth.access_key IS 'Access keys of applications. A key''s secret is known to nobody but who was shown it.';
COMMENT ON COLUMN auth.access_key.id IS 'What the application calls it by.';
COMMENT ON COLUMN auth.access_key.application IS 'Whose it is.';
COMMENT ON COLUMN auth.access_key.kind IS 'application.';
COMMENT ON COLUMN auth.access_key.title IS 'What it is for.';
COMMENT ON COLUMN auth.access_key.secret_hash IS 'SHA-256 of the secret, which has 432 random bits: what exchanges the key for a token and basic authentication are compared with. A secret.';
COMMENT ON COLUMN auth.access_key.signing_key IS 'SHA-1 of the secret. The secret is longer than a block of SHA-1, so this is what HMAC-SHA1 (RFC 2104) takes for it: FATE Flow''s signatures are checked with it, and could be made with it; nothing else. A secret.';
COMMENT ON COLUMN auth.access_key.created_at IS 'When it was made.';
COMMENT ON COLUMN auth.access_key.ends_at IS 'Until then it is good; NULL: for ever.';
CREATE INDEX access_key_application ON auth.access_key (application);
COMMENT ON INDEX auth.access_key_application IS 'For the keys of an application.';

CREATE TABLE auth.token_key (
	id text COLLATE "C" NOT NULL,
	algorithm text COLLATE "C" NOT NULL,
	public_jwk text NOT NULL,
	private_jwk text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	signs_from timestamptz NOT NULL,
	verifies_until timestamptz,
	CONSTRAINT token_key_pkey PRIMARY KEY (id),
	CONSTRAINT token_key_id_length CHECK (octet_length(id) BETWEEN 1 AND 64),
	CONSTRAINT token_key_algorithm_known CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256'))
);
COMMENT ON TABLE auth.token_key IS
	'Keys that access tokens are signed with: by the one whose signs_from has come last. Read by the application, and by nobody else.';
COMMENT ON COLUMN auth.token_key.id IS 'The kid of tokens.';
COMMENT ON COLUMN auth.token_key.algorithm IS 'EdDSA, ES256 or RS256: the only one that it is used with.';
COMMENT ON COLUMN auth.token_key.public_jwk IS 'Public key as JWK.';
COMMENT ON COLUMN auth.token_key.private_jwk IS 'Private key as JWK, not encrypted. A secret.';
COMMENT ON COLUMN auth.token_key.created_at IS 'When it was made.';
COMMENT ON COLUMN auth.token_key.signs_from IS 'From when on it signs: when every server knows it.';
COMMENT ON COLUMN auth.token_key.verifies_until IS 'Until when its tokens are good; NULL: no newer one has taken its place.';

CREATE TABLE auth.issuer (
	name text COLLATE "C" NOT NULL,
	url text NOT NULL,
	audience text NOT NULL,
	jwks text NOT NULL DEFAULT '',
	jwks_url text NOT NULL DEFAULT '',
	algorithms text[] NOT NULL,
	user_claim text NOT NULL,
	roles_claim text NOT NULL DEFAULT '',
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT issuer_pkey PRIMARY KEY (name),
	CONSTRAINT issuer_url_unique UNIQUE (url, audience),
	CONSTRAINT issuer_name_form CHECK (name ~ '^[a-z][a-z0-9-]{0,31}$'),
	CONSTRAINT issuer_url_length CHECK (octet_length(url) BETWEEN 1 AND 1024),
	CONSTRAINT issuer_audience_length CHECK (octet_length(audience) BETWEEN 1 AND 255),
	CONSTRAINT issuer_keys_of_one_kind CHECK ((jwks = '') <> (jwks_url = '')),
	CONSTRAINT issuer_jwks_length CHECK (octet_length(jwks) <= 65536),
	CONSTRAINT issuer_algorithms_given CHECK (cardinality(algorithms) > 0)
);
COMMENT ON TABLE auth.issuer IS 'Outside issuers whose tokens are taken.';
COMMENT ON COLUMN auth.issuer.name IS 'What Junction calls it: its users are called "name:" and what user_claim says.';
COMMENT ON COLUMN auth.issuer.url IS 'The claim iss of its tokens.';
COMMENT ON COLUMN auth.issuer.audience IS 'What the claim aud must be or hold.';
COMMENT ON COLUMN auth.issuer.jwks IS 'Its public keys, a JWK set; empty: they are fetched.';
COMMENT ON COLUMN auth.issuer.jwks_url IS 'Where its public keys are fetched; empty: they are given.';
COMMENT ON COLUMN auth.issuer.algorithms IS 'Algorithms that its tokens may use.';
COMMENT ON COLUMN auth.issuer.user_claim IS 'Claim that names the user.';
COMMENT ON COLUMN auth.issuer.roles_claim IS 'Claim that names roles; empty: none.';
COMMENT ON COLUMN auth.issuer.updated_at IS 'When it was changed last.';

CREATE TABLE auth.session (
	id uuid NOT NULL,
	kind text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	access_key text COLLATE "C",
	refresh_hash bytea NOT NULL,
	used_hashes bytea[] NOT NULL DEFAULT '{}',
	address text NOT NULL DEFAULT '',
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at timestamptz NOT NULL,
	CONSTRAINT session_pkey PRIMARY KEY (id),
	CONSTRAINT session_kind_known CHECK (kind IN ('user', 'application')),
	CONSTRAINT session_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject (kind, name)
		ON DELETE CASCADE
);
COMMENT ON TABLE auth.session IS 'Who has logged in and can refresh his tokens.';
COMMENT ON COLUMN auth.session.id IS 'Its tokens bear it as sid.';
COMMENT ON COLUMN auth.session.kind IS 'user or application.';
COMMENT ON COLUMN auth.session.name IS 'Who.';
COMMENT ON COLUMN auth.session.access_key IS 'The access key that it was opened with; NULL: a password.';
COMMENT ON COLUMN auth.session.refresh_hash IS 'SHA-256 of the refresh token that is good now. A secret.';
COMMENT ON COLUMN auth.session.used_hashes IS 'SHA-256 of the last refresh tokens before it, at most 10: who shows one of them has stolen it, or was robbed.';
COMMENT ON COLUMN auth.session.address IS 'Where it was opened from.';
COMMENT ON COLUMN auth.session.created_at IS 'When it was opened.';
COMMENT ON COLUMN auth.session.refreshed_at IS 'When its tokens were refreshed last.';
COMMENT ON COLUMN auth.session.expires_at IS 'When it ends.';
CREATE INDEX session_subject ON auth.session (kind, name);
COMMENT ON INDEX auth.session_subject IS 'For the sessions of a subject.';
CREATE INDEX session_access_key ON auth.session (access_key) WHERE access_key IS NOT NULL;
COMMENT ON INDEX auth.session_access_key IS 'For the sessions of an access key.';
CREATE INDEX session_expires_at ON auth.session (expires_at);
COMMENT ON INDEX auth.session_expires_at IS 'For those that are to be removed.';

CREATE TABLE auth.revocation (
	id text COLLATE "C" NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT revocation_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.revocation IS 'Sessions that were ended while tokens of theirs may still be good: those are refused.';
COMMENT ON COLUMN auth.revocation.id IS 'The session (sid) or token (jti).';
COMMENT ON COLUMN auth.revocation.expires_at IS 'When its last token has ended; the row is removed.';
CREATE INDEX revocation_expires_at ON auth.revocation (expires_at);
COMMENT ON INDEX auth.revocation_expires_at IS 'For those that are to be removed.';

-- --- what is there from the start ---------------------------------------------------------------

INSERT INTO auth.role (name, title, built_in) VALUES
	('administrator', 'May do everything', true),
	('reader', 'May read what is registered', true),
	('auditor', 'May read the audit log', true),
	('service', 'May register services and nodes and write logs', true),
	('fate', 'May use the registration center as FATE Flow does', true);
INSERT INTO auth.rule (role, effect, service, action, method) VALUES
	('administrator', 'allow', '*', '**', '*'),
	('reader', 'allow', '*', '**', 'READ'),
	('auditor', 'allow', 'audit', '**', 'AUDIT'),
	('service', 'allow', '*', '**', 'READ'),
	('service', 'allow', 'registry', '**', 'WRITE'),
	('service', 'allow', 'audit', '**', 'WRITE'),
	('service', 'allow', 'event', '**', 'WRITE'),
	('service', 'allow', 'notice', '**', 'WRITE'),
	('fate', 'allow', 'registry', '**', 'READ'),
	('fate', 'allow', 'registry', '**', 'WRITE');
INSERT INTO auth.subject (kind, name, title) VALUES
	('application', 'fate', 'Whom the hook client_authentication lets in');
INSERT INTO auth.role_grant (kind, name, role) VALUES ('application', 'fate', 'fate');

-- --- each change is told ------------------------------------------------------------------------

CREATE FUNCTION auth.refuse_truncate() RETURNS trigger
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE EXCEPTION 'auth.% must not be truncated: nobody would be told; use DELETE', TG_TABLE_NAME;
END $$;
COMMENT ON FUNCTION auth.refuse_truncate() IS 'Of a trigger: there are no rows to tell of when a table is truncated.';

DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT * FROM (VALUES ('subject', '', 'name'), ('password', '', 'name'),
		('member', '', 'name'), ('role', 'role', 'name'), ('role_parent', 'role', 'role'),
		('rule', 'role', 'role'), ('role_grant', '', 'name'), ('access_key', 'access_key', 'id'),
		('token_key', 'token_key', 'id'), ('issuer', 'issuer', 'name'),
		('revocation', 'revocation', 'id'), ('party_key', '', ''), ('party_grant', '', ''))
		AS v (name, kind, name_column)
	LOOP
		EXECUTE format('CREATE TRIGGER %I AFTER INSERT ON auth.%I REFERENCING NEW TABLE AS added
			FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change(%L, %L)',
			t.name || '_added', t.name, t.kind, t.name_column);
		EXECUTE format('CREATE TRIGGER %I AFTER UPDATE ON auth.%I
			REFERENCING OLD TABLE AS removed NEW TABLE AS added
			FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change(%L, %L)',
			t.name || '_changed', t.name, t.kind, t.name_column);
		EXECUTE format('CREATE TRIGGER %I AFTER DELETE ON auth.%I REFERENCING OLD TABLE AS removed
			FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change(%L, %L)',
			t.name || '_removed', t.name, t.kind, t.name_column);
		EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON auth.%I
			FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate()',
			t.name || '_truncated', t.name);
		EXECUTE format('COMMENT ON TRIGGER %I ON auth.%I IS ''Notes what was added.''',
			t.name || '_added', t.name);
		EXECUTE format('COMMENT ON TRIGGER %I ON auth.%I IS ''Notes what was changed.''',
			t.name || '_changed', t.name);
		EXECUTE format('COMMENT ON TRIGGER %I ON auth.%I IS ''Notes what was removed.''',
			t.name || '_removed', t.name);
		EXECUTE format('COMMENT ON TRIGGER %I ON auth.%I IS ''Refuses it.''',
			t.name || '_truncated', t.name);
	END LOOP;
END $$;

-- --- what the servers keep ----------------------------------------------------------------------

CREATE FUNCTION auth.milliseconds(t timestamptz) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (extract(epoch FROM t) * 1000)::bigint $$;
COMMENT ON FUNCTION auth.milliseconds(timestamptz) IS 'Milliseconds since 1970, as the servers keep times.';

CREATE FUNCTION auth.states(wanted_kind text, names text[]) RETURNS TABLE (r_name text, r_state text)
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF wanted_kind IN ('user', 'application', 'group') THEN
		RETURN QUERY SELECT n.name, json_build_object('disabled', s.disabled,
			'roles', (SELECT coalesce(json_agg(json_build_array(g.role, auth.milliseconds(g.ends_at))
					ORDER BY g.role), '[]')
				FROM auth.role_grant g WHERE g.kind = s.kind AND g.name = s.name),
			'groups', (SELECT coalesce(json_agg(m.group_name ORDER BY m.group_name), '[]')
				FROM auth.member m WHERE m.kind = s.kind AND m.name = s.name))::text
		FROM unnest(names) AS n (name)
		JOIN auth.subject s ON s.kind = wanted_kind AND s.name = n.name;
	ELSIF wanted_kind = 'role' THEN
		RETURN QUERY SELECT n.name, json_build_object(
			'parents', (SELECT coalesce(json_agg(p.parent ORDER BY p.parent), '[]')
				FROM auth.role_parent p WHERE p.role = r.name),
			'rules', (SELECT coalesce(json_agg(json_build_array(u.effect, u.service, u.action, u.method)
					ORDER BY u.service, u.action, u.method, u.effect), '[]')
				FROM auth.rule u WHERE u.role = r.name))::text
		FROM unnest(names) AS n (name) JOIN auth.role r ON r.name = n.name;
	ELSIF wanted_kind = 'access_key' THEN
		RETURN QUERY SELECT k.id, json_build_object('application', k.application,
			'secretHash', encode(k.secret_hash, 'hex'), 'signingKey', encode(k.signing_key, 'hex'),
			'endsAt', auth.milliseconds(k.ends_at))::text
		FROM auth.access_key k WHERE k.id = ANY (names);
	ELSIF wanted_kind = 'token_key' THEN
		RETURN QUERY SELECT k.id, json_build_object('algorithm', k.algorithm,
			'publicJwk', k.public_jwk::json, 'privateJwk', k.private_jwk::json,
			'createdAt', auth.milliseconds(k.created_at),
			'signsFrom', auth.milliseconds(k.signs_from),
			'verifiesUntil', auth.milliseconds(k.verifies_until))::text
		FROM auth.token_key k WHERE k.id = ANY (names);
	ELSIF wanted_kind = 'issuer' THEN
		RETURN QUERY SELECT i.name, json_build_object('url', i.url, 'audience', i.audience,
			'jwks', nullif(i.jwks, '')::json, 'jwksUrl', i.jwks_url, 'algorithms', i.algorithms,
			'userClaim', i.user_claim, 'rolesClaim', i.roles_claim)::text
		FROM auth.issuer i WHERE i.name = ANY (names);
	ELSIF wanted_kind = 'revocation' THEN
		RETURN QUERY SELECT v.id, json_build_object('expiresAt', auth.milliseconds(v.expires_at))::text
		FROM auth.revocation v WHERE v.id = ANY (names);
	END IF;
END $$;
COMMENT ON FUNCTION auth.states(text, text[]) IS
	'What the servers keep of things of a kind: JSON objects with milliseconds since 1970 for times. No row: there is none of that name. Holds secrets.';

CREATE FUNCTION auth.follow(after bigint, most integer)
	RETURNS TABLE (r_revision bigint, r_kind text, r_name text, r_state text)
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	last bigint;
BEGIN
	-- A reader who stands before what is kept gets one row without kind: it has to load anew.
	IF after > (SELECT value FROM auth.revision) OR (after < (SELECT value FROM auth.revision)
		AND NOT EXISTS (SELECT FROM auth.change c WHERE c.revision = after + 1)) THEN
		RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::text, NULL::text;
		RETURN;
	END IF;
	-- Whole revisions: one is never cut in two.
	SELECT max(c.revision) INTO last FROM (SELECT d.revision FROM auth.change d
		WHERE d.revision > after ORDER BY d.revision LIMIT most) AS c;
	RETURN QUERY
	WITH changed AS (SELECT c.kind, c.name, max(c.revision) AS revision FROM auth.change c
		WHERE c.revision > after AND c.revision <= last GROUP BY c.kind, c.name),
	known AS (SELECT k.kind, s.r_name, s.r_state
		FROM (SELECT c.kind, array_agg(c.name) AS names FROM changed c GROUP BY c.kind) AS k,
			auth.states(k.kind, k.names) AS s)
	SELECT c.revision, c.kind, c.name, k.r_state
	FROM changed c LEFT JOIN known k ON k.kind = c.kind AND k.r_name = c.name
	ORDER BY c.revision, c.kind, c.name;
END $$;
COMMENT ON FUNCTION auth.follow(bigint, integer) IS
	'What has changed after a revision, as it is now, in the order of the revisions; state NULL: it is gone. Of so many changes at most, but of whole revisions. One row of NULLs: there is no telling, since the changes have been removed; load all.';

CREATE FUNCTION auth.load(after_kind text, after_name text, most integer)
	RETURNS TABLE (r_revision bigint, r_kind text, r_name text, r_state text)
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	now_at bigint := (SELECT value FROM auth.revision);
	page_kind text;
	names text[];
BEGIN
	FOREACH page_kind IN ARRAY '{access_key,application,group,issuer,revocation,role,token_key,user}'::text[]
	LOOP
		CONTINUE WHEN page_kind COLLATE "C" < after_kind;
		IF page_kind > after_kind COLLATE "C" THEN
			after_name := '';
		END IF;
		names := CASE page_kind
			WHEN 'access_key' THEN ARRAY(SELECT k.id FROM auth.access_key k
				WHERE k.id > after_name ORDER BY k.id LIMIT most)
			WHEN 'issuer' THEN ARRAY(SELECT i.name FROM auth.issuer i
				WHERE i.name > after_name ORDER BY i.name LIMIT most)
			WHEN 'revocation' THEN ARRAY(SELECT v.id FROM auth.revocation v
				WHERE v.id > after_name ORDER BY v.id LIMIT most)
			WHEN 'role' THEN ARRAY(SELECT r.name FROM auth.role r
				WHERE r.name > after_name ORDER BY r.name LIMIT most)
			WHEN 'token_key' THEN ARRAY(SELECT k.id FROM auth.token_key k
				WHERE k.id > after_name ORDER BY k.id LIMIT most)
			ELSE ARRAY(SELECT s.name FROM auth.subject s
				WHERE s.kind = page_kind AND s.name > after_name ORDER BY s.name LIMIT most)
			END;
		IF cardinality(names) > 0 THEN
			RETURN QUERY SELECT now_at, page_kind, s.r_name, s.r_state FROM auth.states(page_kind, names) AS s
				ORDER BY s.r_name COLLATE "C";
			RETURN;
		END IF;
	END LOOP;
	RETURN QUERY SELECT now_at, NULL::text, NULL::text, NULL::text;
END $$;
COMMENT ON FUNCTION auth.load(text, text, integer) IS
	'All that the servers keep, page after page by kind and name, so many of one kind at most; a row without kind: that was all. The pages need not be of one moment: who follows from the revision of the first page comes to the same.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.subject, auth.password, auth.member, auth.role,
	auth.role_parent, auth.rule, auth.role_grant, auth.access_key, auth.token_key, auth.issuer,
	auth.session, auth.revocation TO junction_app;
GRANT SELECT ON auth.revision, auth.change TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth TO junction_app;
-- Not auth.password and auth.token_key, and not the secrets of access keys and sessions.
GRANT SELECT ON auth.revision, auth.change, auth.subject, auth.member, auth.role, auth.role_parent,
	auth.rule, auth.role_grant, auth.issuer, auth.revocation TO junction_reader;
GRANT SELECT (id, application, title, created_at, ends_at) ON auth.access_key TO junction_reader;
GRANT SELECT (id, kind, name, access_key, address, created_at, refreshed_at, expires_at)
	ON auth.session TO junction_reader;
GRANT EXECUTE ON FUNCTION auth.check_party, auth.lacking_own_keys, auth.milliseconds TO junction_reader;
