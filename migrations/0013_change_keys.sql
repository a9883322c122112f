-- How the keys of access tokens and the outside issuers change.

CREATE FUNCTION auth.add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text,
	new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean,
	if_lacking boolean) RETURNS TABLE (r_created_at bigint, r_signs_from bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	made timestamptz;
	signs timestamptz;
BEGIN
	PERFORM auth.act_as(caller);
	-- Until the end of the transaction: of several servers that find no key one makes the first, and
	-- of all keys one is the newest.
	PERFORM pg_advisory_xact_lock(6024023);
	IF if_lacking AND EXISTS (SELECT FROM auth.token_key k WHERE k.verifies_until IS NULL) THEN
		RETURN;
	END IF;
	DELETE FROM auth.token_key k
	WHERE revoke_others OR k.verifies_until < clock_timestamp() - interval '1 hour';
	IF (SELECT count(*) FROM auth.token_key) >= 100 THEN
		RETURN;
	END IF;
	made := clock_timestamp();
	-- Until it signs the ones before do, if there are any.
	signs := made + CASE WHEN EXISTS (SELECT FROM auth.token_key k WHERE k.verifies_until IS NULL)
		THEN delay_ms ELSE 0 END * interval '1 millisecond';
	UPDATE auth.token_key k SET verifies_until = signs + overlap_seconds * interval '1 second'
	WHERE k.verifies_until IS NULL;
	INSERT INTO auth.token_key (id, algorithm, public_jwk, private_jwk, created_at, signs_from)
	VALUES (new_id, new_algorithm, new_public_jwk, new_private_jwk, made, signs);
	RETURN QUERY SELECT auth.milliseconds(made), auth.milliseconds(signs);
END $$;
COMMENT ON FUNCTION auth.add_token_key(text, text, text, text, text, bigint, bigint, boolean, boolean) IS
	'Adds a key for access tokens, which signs after the delay, or at once if no other does; the ones before verify for overlap_seconds more, or are removed if revoke_others is set. Keys that have not verified for an hour are removed. Gives when it was made and signs, in milliseconds since 1970. No row: there are 100 keys, or if_lacking is set and there is one.';

CREATE FUNCTION auth.put_issuer(caller text, new_name text, new_url text, new_audience text,
	new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text,
	new_roles_claim text) RETURNS text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	-- Until the end of the transaction: what is looked at here stays so.
	PERFORM pg_advisory_xact_lock(6024024);
	IF EXISTS (SELECT FROM auth.issuer i
		WHERE i.url = new_url AND i.audience = new_audience AND i.name <> new_name) THEN
		RETURN 'taken';
	END IF;
	IF (SELECT count(*) FROM auth.issuer i WHERE i.name <> new_name) >= 50 THEN
		RETURN 'full';
	END IF;
	INSERT INTO auth.issuer AS i (name, url, audience, jwks, jwks_url, algorithms, user_claim,
		roles_claim)
	VALUES (new_name, new_url, new_audience, new_jwks, new_jwks_url, new_algorithms, new_user_claim,
		new_roles_claim)
	ON CONFLICT ON CONSTRAINT issuer_pkey DO UPDATE SET url = excluded.url,
		audience = excluded.audience, jwks = excluded.jwks, jwks_url = excluded.jwks_url,
		algorithms = excluded.algorithms, user_claim = excluded.user_claim,
		roles_claim = excluded.roles_claim, updated_at = clock_timestamp();
	RETURN 'put';
END $$;
COMMENT ON FUNCTION auth.put_issuer(text, text, text, text, text, text, text[], text, text) IS
	'Makes an outside issuer, or changes it as a whole. Gives put, taken (another one has this url and audience) or full (there are 50).';

CREATE FUNCTION auth.delete_issuer(caller text, issuer_name text) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	DELETE FROM auth.issuer i WHERE i.name = issuer_name;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION auth.delete_issuer(text, text) IS
	'Removes an outside issuer. False: there is none of that name.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION auth.add_token_key, auth.put_issuer, auth.delete_issuer FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.add_token_key, auth.put_issuer, auth.delete_issuer TO junction_app;
