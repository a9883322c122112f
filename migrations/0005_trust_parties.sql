-- The built-in provider of FATE Flow's hooks: who the other parties are, and what they may do.

CREATE SCHEMA auth;
COMMENT ON SCHEMA auth IS 'Whom Junction trusts, and with what.';

-- --- keys ----------------------------------------------------------------------------------------

CREATE TABLE auth.party_key (
	party_id text COLLATE "C" NOT NULL,
	key_id text COLLATE "C" NOT NULL,
	ordinal bigint GENERATED ALWAYS AS IDENTITY,
	algorithm text NOT NULL,
	public_key text NOT NULL,
	own boolean NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	caller_address text NOT NULL,
	caller_application text NOT NULL,
	caller_user text NOT NULL,
	trace text NOT NULL,
	CONSTRAINT party_key_pkey PRIMARY KEY (party_id, key_id),
	CONSTRAINT party_key_party_id_length CHECK (octet_length(party_id) BETWEEN 1 AND 64),
	CONSTRAINT party_key_party_id_characters CHECK (party_id !~ '[\x01-\x1f\x7f-\x9f/]'),
	CONSTRAINT party_key_party_id_of_one CHECK (party_id NOT IN ('*', '0')),
	CONSTRAINT party_key_key_id_is_sha256 CHECK (key_id ~ '^[0-9a-f]{64}$'),
	CONSTRAINT party_key_algorithm_known CHECK (algorithm IN ('rsa-sha256', 'ed25519')),
	CONSTRAINT party_key_public_key_is_public CHECK (public_key ~ '^-----BEGIN PUBLIC KEY-----\n')
);
COMMENT ON TABLE auth.party_key IS
	'Public keys of parties: what one of them has signed is believed to be the party''s. Keys of other parties were registered, own ones were made together with the private key in auth.own_key.';
COMMENT ON COLUMN auth.party_key.party_id IS 'The party.';
COMMENT ON COLUMN auth.party_key.key_id IS 'SHA-256 of the DER encoding (SubjectPublicKeyInfo), in hexadecimal.';
COMMENT ON COLUMN auth.party_key.ordinal IS 'Rises with each key of a party: the greatest is the newest. Numbers may be missing.';
COMMENT ON COLUMN auth.party_key.algorithm IS 'rsa-sha256 (PKCS #1 v1.5) or ed25519.';
COMMENT ON COLUMN auth.party_key.public_key IS 'PEM, BEGIN PUBLIC KEY.';
COMMENT ON COLUMN auth.party_key.own IS 'Its private key is in auth.own_key.';
COMMENT ON COLUMN auth.party_key.created_at IS 'When it was registered or made.';
COMMENT ON COLUMN auth.party_key.caller_address IS 'Address of who registered it; empty if unknown, or if a server made it by itself.';
COMMENT ON COLUMN auth.party_key.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN auth.party_key.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN auth.party_key.trace IS 'Trace id of the call; empty if unknown.';
COMMENT ON SEQUENCE auth.party_key_ordinal_seq IS 'Of auth.party_key.ordinal.';

CREATE TABLE auth.own_key (
	party_id text COLLATE "C" NOT NULL,
	key_id text COLLATE "C" NOT NULL,
	private_key text NOT NULL,
	CONSTRAINT own_key_pkey PRIMARY KEY (party_id, key_id),
	CONSTRAINT own_key_party_key_fkey FOREIGN KEY (party_id, key_id)
		REFERENCES auth.party_key (party_id, key_id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.own_key IS
	'Private keys of the own parties. Read by the application, which signs with them, and by nobody else.';
COMMENT ON COLUMN auth.own_key.party_id IS 'An own party.';
COMMENT ON COLUMN auth.own_key.key_id IS 'Its key in auth.party_key.';
COMMENT ON COLUMN auth.own_key.private_key IS 'PEM, BEGIN PRIVATE KEY (PKCS #8), not encrypted. A secret.';

CREATE FUNCTION auth.keys_of(party text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- Until the end of the transaction: of several servers that find a key missing one makes it, and
	-- the newest key is still the newest when another is removed.
	PERFORM pg_advisory_xact_lock(6024017);
	RETURN (SELECT count(*) FROM auth.party_key k WHERE k.party_id = party);
END $$;
COMMENT ON FUNCTION auth.keys_of(text) IS
	'Begins a transaction that changes keys, one at a time. Gives how many the party has.';

CREATE FUNCTION auth.put_party_key(party text, id text, algorithm text, public_key text,
	caller_address text, caller_application text, caller_user text, trace text)
	RETURNS SETOF auth.party_key
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF auth.keys_of(party) < 100 THEN
		INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
			caller_address, caller_application, caller_user, trace)
		VALUES (party, id, algorithm, public_key, false, caller_address, caller_application,
			caller_user, trace)
		ON CONFLICT ON CONSTRAINT party_key_pkey DO NOTHING;
	END IF;
	RETURN QUERY SELECT k.* FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
END $$;
COMMENT ON FUNCTION auth.put_party_key(text, text, text, text, text, text, text, text) IS
	'Registers a public key, unless it is registered; gives its row. No row: the party has 100 keys, all of which a signature might have to be tried with.';

CREATE FUNCTION auth.lacking_own_keys(parties text[], algorithms text[])
	RETURNS TABLE (r_position bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT i.position FROM unnest(parties, algorithms) WITH ORDINALITY AS i (party, algorithm, position)
	WHERE i.algorithm IS DISTINCT FROM (SELECT k.algorithm FROM auth.party_key k
		WHERE k.party_id = i.party AND k.own ORDER BY k.ordinal DESC LIMIT 1)
	ORDER BY i.position
$$;
COMMENT ON FUNCTION auth.lacking_own_keys(text[], text[]) IS
	'Which of the parties (from 1) have no own key, or a newest one of another algorithm.';

CREATE FUNCTION auth.add_own_key(party text, id text, algorithm text, public_key text,
	private_key text, if_lacking boolean, caller_address text, caller_application text,
	caller_user text, trace text) RETURNS SETOF auth.party_key
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	keys bigint := auth.keys_of(party);
BEGIN
	-- Only now: a statement that began before the lock was there would not see what another server
	-- has added meanwhile.
	IF keys >= 100 OR (if_lacking AND NOT EXISTS (
		SELECT FROM auth.lacking_own_keys(ARRAY[party], ARRAY[algorithm]))) THEN
		RETURN;
	END IF;
	RETURN QUERY INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
		caller_address, caller_application, caller_user, trace)
	VALUES (party, id, algorithm, public_key, true, caller_address, caller_application,
		caller_user, trace) RETURNING *;
	INSERT INTO auth.own_key (party_id, key_id, private_key) VALUES (party, id, private_key);
END $$;
COMMENT ON FUNCTION auth.add_own_key(text, text, text, text, text, boolean, text, text, text, text) IS
	'Adds a key pair, which signs from now on; gives the public key''s row. No row: the party has 100 keys, or if_lacking is set and its newest own key is of this algorithm.';

CREATE FUNCTION auth.delete_party_key(party text, id text, keep_newest boolean) RETURNS text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.keys_of(party);
	IF keep_newest AND id = (SELECT k.key_id FROM auth.party_key k
		WHERE k.party_id = party AND k.own ORDER BY k.ordinal DESC LIMIT 1) THEN
		RETURN 'newest';
	END IF;
	DELETE FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
	RETURN CASE WHEN FOUND THEN 'deleted' ELSE 'missing' END;
END $$;
COMMENT ON FUNCTION auth.delete_party_key(text, text, boolean) IS
	'Removes a key, and its private key with it; not the newest own one of the party, if keep_newest is set. Gives deleted, missing or newest.';

-- --- grants --------------------------------------------------------------------------------------

CREATE TABLE auth.party_grant (
	party_id text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	namespace text COLLATE "C" NOT NULL DEFAULT '',
	name text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	caller_address text NOT NULL DEFAULT '',
	caller_application text NOT NULL DEFAULT '',
	caller_user text NOT NULL DEFAULT '',
	trace text NOT NULL DEFAULT '',
	CONSTRAINT party_grant_pkey PRIMARY KEY (party_id, kind, namespace, name),
	CONSTRAINT party_grant_party_id_length CHECK (octet_length(party_id) BETWEEN 1 AND 64),
	CONSTRAINT party_grant_party_id_characters CHECK (party_id !~ '[\x01-\x1f\x7f-\x9f/]'),
	CONSTRAINT party_grant_party_id_not_own CHECK (party_id <> '0'),
	CONSTRAINT party_grant_kind_known CHECK (kind IN ('role', 'component', 'dataset')),
	CONSTRAINT party_grant_namespace_of_dataset CHECK ((kind = 'dataset') = (namespace <> '')),
	CONSTRAINT party_grant_namespace_length CHECK (octet_length(namespace) <= 255),
	CONSTRAINT party_grant_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT party_grant_characters CHECK (namespace || name !~ '[\x01-\x1f\x7f-\x9f]'),
	CONSTRAINT party_grant_component_lower_case CHECK (kind <> 'component' OR name = lower(name))
);
COMMENT ON TABLE auth.party_grant IS
	'What other parties may do with us. What is not granted is denied: see auth.check_party(). Own parties, which the server''s configuration names, may do all.';
COMMENT ON COLUMN auth.party_grant.party_id IS 'The party that asks; * is any that has a key in auth.party_key.';
COMMENT ON COLUMN auth.party_grant.kind IS 'role, component or dataset.';
COMMENT ON COLUMN auth.party_grant.namespace IS 'Of a dataset; * is any. Else empty.';
COMMENT ON COLUMN auth.party_grant.name IS 'Of the role, component (in lower case) or dataset; * is any.';
COMMENT ON COLUMN auth.party_grant.created_at IS 'When it was granted.';
COMMENT ON COLUMN auth.party_grant.caller_address IS 'Address of who granted it; empty if unknown.';
COMMENT ON COLUMN auth.party_grant.caller_application IS 'Application of the caller; empty if unknown.';
COMMENT ON COLUMN auth.party_grant.caller_user IS 'User of the caller; empty if unknown.';
COMMENT ON COLUMN auth.party_grant.trace IS 'Trace id of the call; empty if unknown.';

CREATE FUNCTION auth.check_party(party text, role_name text, components text[],
	dataset_namespaces text[], dataset_names text[])
	RETURNS TABLE (r_kind text, r_namespace text, r_name text)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off AS $$
	WITH needed (place, kind, namespace, name, position) AS (
		SELECT 1, 'role', '', role_name, 0::bigint
		UNION ALL SELECT 2, 'component', '', lower(c.name COLLATE "C"), c.position
		FROM unnest(components) WITH ORDINALITY AS c (name, position)
		UNION ALL SELECT 3, 'dataset', d.namespace, d.name, d.position
		FROM unnest(dataset_namespaces, dataset_names) WITH ORDINALITY
			AS d (namespace, name, position))
	SELECT n.kind, n.namespace, n.name FROM needed n
	WHERE NOT EXISTS (SELECT FROM auth.party_grant g
		WHERE g.party_id IN (nullif(party, '*'), CASE WHEN EXISTS (
				SELECT FROM auth.party_key k WHERE k.party_id = party) THEN '*' END)
			AND g.kind = n.kind AND g.namespace IN (n.namespace, '*')
			AND g.name IN (n.name, '*'))
	ORDER BY n.place, n.position
$$;
COMMENT ON FUNCTION auth.check_party(text, text, text[], text[], text[]) IS
	'What a party is not granted of what it asks for: a role (* if it says none), components, and datasets by namespace and name. No row: all is granted.';

-- --- clients -------------------------------------------------------------------------------------

CREATE TABLE auth.seen_nonce (
	app_key text COLLATE "C" NOT NULL,
	nonce text COLLATE "C" NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT seen_nonce_pkey PRIMARY KEY (app_key, nonce),
	CONSTRAINT seen_nonce_app_key_length CHECK (octet_length(app_key) BETWEEN 1 AND 255),
	CONSTRAINT seen_nonce_nonce_length CHECK (octet_length(nonce) BETWEEN 1 AND 255)
);
COMMENT ON TABLE auth.seen_nonce IS
	'Nonces of requests that the built-in client authentication has let in: none of them is let in again while its timestamp is good.';
COMMENT ON COLUMN auth.seen_nonce.app_key IS 'The client''s APP_KEY.';
COMMENT ON COLUMN auth.seen_nonce.nonce IS 'Its NONCE.';
COMMENT ON COLUMN auth.seen_nonce.expires_at IS 'From then on the request''s timestamp is too old on every server; the row is removed.';
CREATE INDEX seen_nonce_expires_at ON auth.seen_nonce (expires_at);
COMMENT ON INDEX auth.seen_nonce_expires_at IS 'For those that are to be removed.';

CREATE FUNCTION auth.take_nonces(app_keys text[], nonces text[], expire_ats bigint[])
	RETURNS TABLE (r_position bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off AS $$
BEGIN
	DELETE FROM auth.seen_nonce WHERE ctid = ANY (ARRAY(
		SELECT s.ctid FROM auth.seen_nonce s WHERE s.expires_at < now()
		ORDER BY s.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
	-- In the order of the keys, so that servers which take the same ones do not wait in a circle.
	RETURN QUERY WITH given AS (
		SELECT * FROM unnest(app_keys, nonces, expire_ats) WITH ORDINALITY
			AS i (app_key, nonce, expires_at, position)),
	taken AS (
		INSERT INTO auth.seen_nonce AS s (app_key, nonce, expires_at)
		SELECT g.app_key, g.nonce, to_timestamp(g.expires_at / 1000.0) FROM given g
		ORDER BY g.app_key COLLATE "C", g.nonce COLLATE "C"
		ON CONFLICT ON CONSTRAINT seen_nonce_pkey DO UPDATE SET expires_at = excluded.expires_at
			WHERE s.expires_at < now()
		RETURNING s.app_key, s.nonce)
	SELECT g.position FROM given g JOIN taken t ON t.app_key = g.app_key AND t.nonce = g.nonce;
END $$;
COMMENT ON FUNCTION auth.take_nonces(text[], text[], bigint[]) IS
	'Takes nonces, no two of them equal, that are good until so many milliseconds after 1970-01-01 UTC. Gives those (from 1) that were still free.';

-- --- rights --------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT USAGE ON SCHEMA auth TO junction_app, junction_reader;
GRANT SELECT, INSERT, DELETE ON auth.party_key, auth.own_key, auth.party_grant TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.seen_nonce TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth TO junction_app;
-- Not auth.own_key.
GRANT SELECT ON auth.party_key, auth.party_grant, auth.seen_nonce TO junction_reader;
GRANT EXECUTE ON FUNCTION auth.check_party, auth.lacking_own_keys TO junction_reader;
