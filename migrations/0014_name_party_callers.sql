-- Who changes the keys and grants of parties is in the audit, too: auth.act_as(). What is kept of him
-- beside a key or a grant is taken from the same text.

DROP FUNCTION auth.put_party_key(text, text, text, text, text, text, text, text);
CREATE FUNCTION auth.put_party_key(caller text, party text, id text, algorithm text, public_key text)
	RETURNS SETOF auth.party_key
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	who json := caller::json;
BEGIN
	PERFORM auth.act_as(caller);
	IF auth.keys_of(party) < 100 THEN
		INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
			caller_address, caller_application, caller_user, trace)
		VALUES (party, id, algorithm, public_key, false, coalesce(who->>'address', ''),
			coalesce(who->>'application', ''), coalesce(who->>'user', ''),
			coalesce(who->>'trace', ''))
		ON CONFLICT ON CONSTRAINT party_key_pkey DO NOTHING;
	END IF;
	RETURN QUERY SELECT k.* FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
END $$;
COMMENT ON FUNCTION auth.put_party_key(text, text, text, text, text) IS
	'Registers a public key, unless it is registered; gives its row. No row: the party has 100 keys, all of which a signature might have to be tried with.';

DROP FUNCTION auth.add_own_key(text, text, text, text, text, boolean, text, text, text, text);
CREATE FUNCTION auth.add_own_key(caller text, party text, id text, algorithm text, public_key text,
	private_key text, if_lacking boolean) RETURNS SETOF auth.party_key
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	who json := caller::json;
	keys bigint := auth.keys_of(party);
BEGIN
	PERFORM auth.act_as(caller);
	-- Only now: a statement that began before the lock was there would not see what another server
	-- has added meanwhile.
	IF keys >= 100 OR (if_lacking AND NOT EXISTS (
		SELECT FROM auth.lacking_own_keys(ARRAY[party], ARRAY[algorithm]))) THEN
		RETURN;
	END IF;
	RETURN QUERY INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
		caller_address, caller_application, caller_user, trace)
	VALUES (party, id, algorithm, public_key, true, coalesce(who->>'address', ''),
		coalesce(who->>'application', ''), coalesce(who->>'user', ''),
		coalesce(who->>'trace', '')) RETURNING *;
	INSERT INTO auth.own_key (party_id, key_id, private_key) VALUES (party, id, private_key);
END $$;
COMMENT ON FUNCTION auth.add_own_key(text, text, text, text, text, text, boolean) IS
	'Adds a key pair, which signs from now on; gives the public key''s row. No row: the party has 100 keys, or if_lacking is set and its newest own key is of this algorithm.';

DROP FUNCTION auth.delete_party_key(text, text, boolean);
CREATE FUNCTION auth.delete_party_key(caller text, party text, id text, keep_newest boolean)
	RETURNS text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	PERFORM auth.keys_of(party);
	IF keep_newest AND id = (SELECT k.key_id FROM auth.party_key k
		WHERE k.party_id = party AND k.own ORDER BY k.ordinal DESC LIMIT 1) THEN
		RETURN 'newest';
	END IF;
	DELETE FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
	RETURN CASE WHEN FOUND THEN 'deleted' ELSE 'missing' END;
END $$;
COMMENT ON FUNCTION auth.delete_party_key(text, text, text, boolean) IS
	'Removes a key, and its private key with it; not the newest own one of the party, if keep_newest is set. Gives deleted, missing or newest.';

CREATE FUNCTION auth.put_party_grant(caller text, party text, new_kind text, new_namespace text,
	new_name text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	who json := caller::json;
BEGIN
	PERFORM auth.act_as(caller);
	INSERT INTO auth.party_grant (party_id, kind, namespace, name, caller_address,
		caller_application, caller_user, trace)
	VALUES (party, new_kind, new_namespace, new_name, coalesce(who->>'address', ''),
		coalesce(who->>'application', ''), coalesce(who->>'user', ''),
		coalesce(who->>'trace', ''))
	ON CONFLICT ON CONSTRAINT party_grant_pkey DO NOTHING;
END $$;
COMMENT ON FUNCTION auth.put_party_grant(text, text, text, text, text) IS
	'Grants a party a role, a component or a dataset, unless it is granted.';

CREATE FUNCTION auth.delete_party_grant(caller text, party text, old_kind text, old_namespace text,
	old_name text) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	DELETE FROM auth.party_grant g WHERE g.party_id = party AND g.kind = old_kind
		AND g.namespace = old_namespace AND g.name = old_name;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION auth.delete_party_grant(text, text, text, text, text) IS
	'Takes a grant back. False: there is none like it.';

REVOKE ALL ON FUNCTION auth.put_party_key, auth.add_own_key, auth.delete_party_key,
	auth.put_party_grant, auth.delete_party_grant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.put_party_key, auth.add_own_key, auth.delete_party_key,
	auth.put_party_grant, auth.delete_party_grant TO junction_app;
