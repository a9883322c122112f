-- Logins: slowed where they are refused; sessions opened, refreshed and ended; passwords changed.

-- --- attempts -----------------------------------------------------------------------------------

CREATE TABLE auth.attempt (
	account text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	refused integer NOT NULL,
	wait_until timestamptz NOT NULL,
	ends_at timestamptz NOT NULL,
	CONSTRAINT attempt_pkey PRIMARY KEY (account, address),
	CONSTRAINT attempt_of_something CHECK (account <> '' OR address <> '')
);
COMMENT ON TABLE auth.attempt IS
	'Refused logins and exchanges of access keys, which are slowed by them: of an account from an address after 3 within an hour; of an account from all addresses together after 20 within an hour; of an address over all accounts after 20 within 10 minutes. From then on each costs a wait, 1 second, doubled each time up to 5 minutes. The latter two say nothing about an account at an address from which it has logged in within 30 days (auth.known_address): so nobody is locked out by others.';
COMMENT ON COLUMN auth.attempt.account IS 'user:NAME or access_key:ID, known or not; empty: all together.';
COMMENT ON COLUMN auth.attempt.address IS 'IPv4 address, or first half of an IPv6 address; empty: all together.';
COMMENT ON COLUMN auth.attempt.refused IS 'How many there were, those included of which it is not known yet.';
COMMENT ON COLUMN auth.attempt.wait_until IS 'Until then none is tried.';
COMMENT ON COLUMN auth.attempt.ends_at IS 'From then on it is forgotten.';
CREATE INDEX attempt_ends_at ON auth.attempt (ends_at);
COMMENT ON INDEX auth.attempt_ends_at IS 'For those that are to be removed.';

CREATE TABLE auth.known_address (
	account text COLLATE "C" NOT NULL,
	address text COLLATE "C" NOT NULL,
	ends_at timestamptz NOT NULL,
	CONSTRAINT known_address_pkey PRIMARY KEY (account, address)
);
COMMENT ON TABLE auth.known_address IS 'Where accounts have logged in from within 30 days: what others do there, or elsewhere with their names, does not slow them.';
COMMENT ON COLUMN auth.known_address.account IS 'As in auth.attempt.';
COMMENT ON COLUMN auth.known_address.address IS 'As in auth.attempt.';
COMMENT ON COLUMN auth.known_address.ends_at IS 'From then on it is forgotten.';
CREATE INDEX known_address_ends_at ON auth.known_address (ends_at);
COMMENT ON INDEX auth.known_address_ends_at IS 'For those that are to be removed.';

CREATE FUNCTION auth.wait_after(refused integer, free integer) RETURNS interval
	LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN refused < free THEN interval '0'
		ELSE least(interval '5 minutes', interval '1 second' * 2 ^ least(refused - free, 10)) END
$$;
COMMENT ON FUNCTION auth.wait_after(integer, integer) IS
	'How long the next attempt has to wait after so many refused ones, of which so many less one are free: see auth.attempt.';

CREATE FUNCTION auth.attempts_of(of_account text, of_address text)
	RETURNS TABLE (account text, address text, free integer, kept interval)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT v.account, v.address, v.free, v.kept
	FROM (VALUES (of_account, of_address, 3, interval '1 hour'), (of_account, '', 20, interval '1 hour'),
		('', of_address, 20, interval '10 minutes')) AS v (account, address, free, kept)
	WHERE (v.account <> '' AND v.address <> '') OR NOT EXISTS (SELECT FROM auth.known_address k
		WHERE k.account = of_account AND k.address = of_address AND k.ends_at > clock_timestamp())
$$;
COMMENT ON FUNCTION auth.attempts_of(text, text) IS
	'The rows of auth.attempt that an attempt counts in, and their rules: how many are free within what time.';

CREATE FUNCTION auth.lock_attempts(of_account text, of_address text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- All take the account's lock before the address's.
	PERFORM pg_advisory_xact_lock(6024031, hashtext(of_account));
	PERFORM pg_advisory_xact_lock(6024032, hashtext(of_address));
END $$;
COMMENT ON FUNCTION auth.lock_attempts(text, text) IS
	'Until the end of the transaction nobody else counts attempts of the account or of the address.';

CREATE FUNCTION auth.begin_attempt(of_account text, of_address text) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	at timestamptz;
	wait timestamptz;
BEGIN
	PERFORM auth.lock_attempts(of_account, of_address);
	at := clock_timestamp();
	SELECT max(a.wait_until) INTO wait
	FROM auth.attempts_of(of_account, of_address) AS r
	JOIN auth.attempt a ON a.account = r.account AND a.address = r.address;
	IF wait > at THEN
		RETURN ceil(extract(epoch FROM wait - at) * 1000);
	END IF;
	INSERT INTO auth.attempt (account, address, refused, wait_until, ends_at)
	SELECT n.account, n.address, n.refused, at + auth.wait_after(n.refused, n.free),
		CASE WHEN n.refused > 1 AND n.refused < n.free THEN n.ends_at
			ELSE at + auth.wait_after(n.refused, n.free) + n.kept END
	FROM (SELECT r.account, r.address, r.free, r.kept, a.ends_at,
			CASE WHEN a.ends_at > at THEN a.refused + 1 ELSE 1 END AS refused
		FROM auth.attempts_of(of_account, of_address) AS r
		LEFT JOIN auth.attempt a ON a.account = r.account AND a.address = r.address) AS n
	ON CONFLICT ON CONSTRAINT attempt_pkey DO UPDATE
	SET refused = excluded.refused, wait_until = excluded.wait_until, ends_at = excluded.ends_at;
	RETURN 0;
END $$;
COMMENT ON FUNCTION auth.begin_attempt(text, text) IS
	'Before a secret is looked at: 0, and the attempt is counted as refused, so that it does not help to guess many at once; or how many milliseconds to wait, and nothing may be tried. The rules: auth.attempt.';

CREATE FUNCTION auth.pass_attempt(of_account text, of_address text) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.lock_attempts(of_account, of_address);
	-- Of the account as a whole and of the address only this one: others were refused there.
	UPDATE auth.attempt a
	SET refused = greatest(a.refused - 1, 0), wait_until = clock_timestamp()
	FROM auth.attempts_of(of_account, of_address) AS r
	WHERE a.account = r.account AND a.address = r.address;
	DELETE FROM auth.attempt a WHERE a.account = of_account AND a.address = of_address;
	INSERT INTO auth.known_address AS k (account, address, ends_at)
	VALUES (of_account, of_address, clock_timestamp() + interval '30 days')
	ON CONFLICT ON CONSTRAINT known_address_pkey DO UPDATE SET ends_at = excluded.ends_at
	WHERE k.ends_at < excluded.ends_at - interval '1 day';
END $$;
COMMENT ON FUNCTION auth.pass_attempt(text, text) IS
	'The secret of an attempt that auth.begin_attempt() has counted was right: those of the account from the address are forgotten, and the address is known.';

-- --- logging in ---------------------------------------------------------------------------------

CREATE FUNCTION auth.begin_login(of_name text, of_address text)
	RETURNS TABLE (r_wait_ms bigint, r_hash text, r_one_time boolean, r_disabled boolean)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wait_ms bigint := auth.begin_attempt('user:' || of_name, of_address);
BEGIN
	RETURN QUERY SELECT wait_ms, coalesce(p.hash, ''), coalesce(p.one_time, false),
		coalesce(s.disabled, false)
	FROM (VALUES (wait_ms)) AS v (ms)
	LEFT JOIN auth.password p ON p.name = of_name AND v.ms = 0
	LEFT JOIN auth.subject s ON s.kind = p.kind AND s.name = p.name;
END $$;
COMMENT ON FUNCTION auth.begin_login(text, text) IS
	'What auth.begin_attempt() says; and if it may be tried the hash to compare with, empty if there is none, whether the password must be changed first, and whether the user is disabled. Holds a secret.';

CREATE FUNCTION auth.open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea,
	of_address text, of_network text, seconds bigint) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- Locked, so that who changes the password then finds the session, and ends it.
	PERFORM FROM auth.password p JOIN auth.subject s ON s.kind = p.kind AND s.name = p.name
	WHERE p.name = of_name AND p.hash = of_hash AND NOT p.one_time AND NOT s.disabled
	FOR SHARE OF p, s;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	INSERT INTO auth.session (id, kind, name, refresh_hash, address, expires_at)
	VALUES (of_id, 'user', of_name, of_refresh_hash, of_address,
		clock_timestamp() + seconds * interval '1 second');
	PERFORM auth.pass_attempt('user:' || of_name, of_network);
	RETURN true;
END $$;
COMMENT ON FUNCTION auth.open_session(uuid, text, text, bytea, text, text, bigint) IS
	'A user has shown his password, whose hash is given: opens a session for so many seconds. False if that is not his password any more, or he is disabled.';

CREATE FUNCTION auth.open_key_session(of_id uuid, of_account text, of_application text,
	of_refresh_hash bytea, of_address text, of_network text, seconds bigint)
	RETURNS TABLE (r_wait_ms bigint, r_opened boolean)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_key constant text := split_part(of_account, ':', 2);
BEGIN
	r_opened := false;
	r_wait_ms := auth.begin_attempt(of_account, of_network);
	IF r_wait_ms = 0 AND of_application <> '' THEN
		PERFORM FROM auth.access_key k JOIN auth.subject s ON s.kind = k.kind AND s.name = k.application
		WHERE k.id = of_key AND k.application = of_application AND NOT s.disabled
			AND coalesce(k.ends_at > clock_timestamp(), true)
		FOR SHARE OF k, s;
		r_opened := FOUND;
	END IF;
	IF r_opened THEN
		INSERT INTO auth.session (id, kind, name, access_key, refresh_hash, address, expires_at)
		VALUES (of_id, 'application', of_application, of_key, of_refresh_hash, of_address,
			clock_timestamp() + seconds * interval '1 second');
		PERFORM auth.pass_attempt(of_account, of_network);
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION auth.open_key_session(uuid, text, text, bytea, text, text, bigint) IS
	'An access key, access_key:ID, is exchanged: application empty if the secret was wrong. Milliseconds to wait, whatever the secret was; else whether the session was opened: not if the key is wrong, gone or has ended, or its application is disabled, and then the attempt counts as refused.';

-- --- sessions -----------------------------------------------------------------------------------

CREATE FUNCTION auth.drop_session(of_id uuid, token_seconds bigint) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	DELETE FROM auth.session s WHERE s.id = of_id;
	INSERT INTO auth.revocation (id, expires_at)
	VALUES (of_id::text, clock_timestamp() + token_seconds * interval '1 second' + interval '5 minutes')
	ON CONFLICT ON CONSTRAINT revocation_pkey DO NOTHING
$$;
COMMENT ON FUNCTION auth.drop_session(uuid, bigint) IS
	'Ends a session: its access tokens, which are good for so many seconds, are revoked.';

CREATE FUNCTION auth.refresh_session(caller text, of_id uuid, shown bytea, next bytea,
	token_seconds bigint)
	RETURNS TABLE (r_outcome text, r_kind text, r_name text, r_seconds bigint)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	s auth.session;
	good boolean;
BEGIN
	SELECT * INTO s FROM auth.session x WHERE x.id = of_id FOR UPDATE;
	r_kind := s.kind;
	r_name := s.name;
	r_seconds := floor(extract(epoch FROM s.expires_at - clock_timestamp()));
	good := EXISTS (SELECT FROM auth.subject u
			WHERE u.kind = s.kind AND u.name = s.name AND NOT u.disabled)
		AND (s.access_key IS NULL OR EXISTS (SELECT FROM auth.access_key k
			WHERE k.id = s.access_key AND coalesce(k.ends_at > clock_timestamp(), true)));
	IF r_seconds IS NULL OR r_seconds < 1 THEN
		r_outcome := 'ended';
	ELSIF s.refresh_hash = shown THEN
		r_outcome := CASE WHEN good THEN 'refreshed' ELSE 'refused' END;
		UPDATE auth.session x
		SET refresh_hash = next, refreshed_at = clock_timestamp(),
			used_hashes = (ARRAY[s.refresh_hash] || s.used_hashes)[1:10]
		WHERE x.id = of_id AND good;
	ELSIF shown = s.used_hashes[1] AND s.refreshed_at > clock_timestamp() - interval '10 seconds' THEN
		r_outcome := 'repeated';
	ELSIF shown = ANY (s.used_hashes) THEN
		r_outcome := 'reused';
		PERFORM auth.act_as(caller);
		PERFORM auth.drop_session(of_id, token_seconds);
	ELSE
		r_outcome := 'unknown';
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION auth.refresh_session(text, uuid, bytea, bytea, bigint) IS
	'The refresh token shown (its SHA-256) is exchanged for the next one. refreshed: whose session it is, and how many seconds are left of it; ended: there is no session; refused: its subject is disabled or its access key is good no more; repeated: it is the one before, exchanged less than 10 seconds ago, as of two who share it or of one whose answer was lost; reused: it was exchanged longer ago, one of the two who have it is a thief, and the session has been ended; unknown: it is none of the last 11.';

CREATE FUNCTION auth.revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint)
	RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	PERFORM FROM auth.session s
	WHERE s.id = of_id AND (s.refresh_hash = shown OR shown = ANY (s.used_hashes)) FOR UPDATE;
	IF NOT FOUND AND shown IS NOT NULL THEN
		RETURN false;
	END IF;
	PERFORM auth.drop_session(of_id, token_seconds);
	RETURN true;
END $$;
COMMENT ON FUNCTION auth.revoke_session(text, uuid, bytea, bigint) IS
	'Ends a session for who has shown a refresh token of it (its SHA-256), or, NULL, an access token. False: there is none that such a refresh token belongs to.';

CREATE FUNCTION auth.end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint)
	RETURNS integer
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject(of_kind, of_name);
	RETURN auth.end_sessions(of_kind, of_name, NULL, token_seconds);
END $$;
COMMENT ON FUNCTION auth.end_sessions_of(text, text, text, bigint) IS
	'Ends all sessions of a subject (token_seconds as of auth.end_sessions()), and gives how many. Refuses if there is no such subject.';

-- --- passwords ----------------------------------------------------------------------------------

CREATE FUNCTION auth.change_password(caller text, of_name text, of_hash text, new_hash text,
	of_network text, token_seconds bigint) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	UPDATE auth.password p SET hash = new_hash, one_time = false, set_at = clock_timestamp()
	FROM auth.subject s
	WHERE p.name = of_name AND p.hash = of_hash AND s.kind = p.kind AND s.name = p.name
		AND NOT s.disabled;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM auth.end_sessions('user', of_name, NULL, token_seconds);
	PERFORM auth.pass_attempt('user:' || of_name, of_network);
	RETURN true;
END $$;
COMMENT ON FUNCTION auth.change_password(text, text, text, text, text, bigint) IS
	'A user has shown his password, whose hash is given, and gets another one; his sessions end. False if that is not his password any more, or he is disabled.';

CREATE FUNCTION auth.reset_password(caller text, of_name text, new_hash text, token_seconds bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.begin_change(caller);
	-- Before the subject itself, as who logs in does.
	PERFORM FROM auth.password p WHERE p.name = of_name FOR UPDATE;
	PERFORM auth.need_subject('user', of_name);
	INSERT INTO auth.password (name, hash, one_time) VALUES (of_name, new_hash, true)
	ON CONFLICT ON CONSTRAINT password_pkey DO UPDATE
	SET hash = excluded.hash, one_time = true, set_at = excluded.set_at;
	PERFORM auth.end_sessions('user', of_name, NULL, token_seconds);
	DELETE FROM auth.attempt a WHERE a.account = 'user:' || of_name;
END $$;
COMMENT ON FUNCTION auth.reset_password(text, text, text, bigint) IS
	'Gives a user a one-time password, ends his sessions (token_seconds as of auth.end_sessions()) and forgets his refused logins. Refuses if there is no such user.';

-- --- the first administrator --------------------------------------------------------------------

CREATE TABLE auth.first_start (
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT first_start_pkey PRIMARY KEY (single),
	CONSTRAINT first_start_single CHECK (single)
);
COMMENT ON TABLE auth.first_start IS 'A server has made the first administrator here, or found users: no other will.';
COMMENT ON COLUMN auth.first_start.at IS 'When.';
COMMENT ON COLUMN auth.first_start.single IS 'There is one row.';

CREATE FUNCTION auth.lacks_administrator() RETURNS boolean
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT NOT EXISTS (SELECT FROM auth.first_start)
$$;
COMMENT ON FUNCTION auth.lacks_administrator() IS 'Whether auth.add_administrator() may be needed: no server has been here.';

CREATE FUNCTION auth.reset_administrator(caller text, new_hash text, token_seconds bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM auth.act_as(caller);
	INSERT INTO auth.first_start DEFAULT VALUES ON CONFLICT ON CONSTRAINT first_start_pkey DO NOTHING;
	INSERT INTO auth.subject (kind, name, title) VALUES ('user', 'administrator', 'Administrator')
	ON CONFLICT ON CONSTRAINT subject_pkey DO UPDATE
	SET disabled = false, updated_at = clock_timestamp();
	INSERT INTO auth.role_grant (kind, name, role) VALUES ('user', 'administrator', 'administrator')
	ON CONFLICT ON CONSTRAINT role_grant_pkey DO UPDATE SET ends_at = NULL;
	PERFORM auth.reset_password(caller, 'administrator', new_hash, token_seconds);
END $$;
COMMENT ON FUNCTION auth.reset_administrator(text, text, bigint) IS
	'The user administrator exists, has the role administrator for ever, and a one-time password.';

CREATE FUNCTION auth.add_administrator(caller text, new_hash text) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- Of many servers one goes on, the others wait for it here.
	INSERT INTO auth.first_start DEFAULT VALUES ON CONFLICT ON CONSTRAINT first_start_pkey DO NOTHING;
	IF NOT FOUND OR EXISTS (SELECT FROM auth.subject s WHERE s.kind = 'user') THEN
		RETURN false;
	END IF;
	PERFORM auth.reset_administrator(caller, new_hash, 0);
	RETURN true;
END $$;
COMMENT ON FUNCTION auth.add_administrator(text, text) IS
	'At the first start: makes the user administrator, with a one-time password. False if another server has, or there are users already.';

-- --- keeping ------------------------------------------------------------------------------------

CREATE FUNCTION auth.forget(most integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	forgotten integer;
	more integer;
BEGIN
	DELETE FROM auth.change WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM auth.change c
		WHERE c.at < now() - interval '1 hour' ORDER BY c.at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	-- Its last token may be good a little longer, by the clock of who checks it.
	DELETE FROM auth.session WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM auth.session s
		WHERE s.expires_at < now() - interval '1 minute' ORDER BY s.expires_at LIMIT most
		FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS more = ROW_COUNT;
	forgotten := greatest(forgotten, more);
	DELETE FROM auth.revocation WHERE ctid = ANY (ARRAY(SELECT v.ctid FROM auth.revocation v
		WHERE v.expires_at < now() ORDER BY v.expires_at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS more = ROW_COUNT;
	forgotten := greatest(forgotten, more);
	DELETE FROM auth.attempt WHERE ctid = ANY (ARRAY(SELECT a.ctid FROM auth.attempt a
		WHERE a.ends_at < now() ORDER BY a.ends_at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS more = ROW_COUNT;
	forgotten := greatest(forgotten, more);
	DELETE FROM auth.known_address WHERE ctid = ANY (ARRAY(SELECT k.ctid FROM auth.known_address k
		WHERE k.ends_at < now() ORDER BY k.ends_at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS more = ROW_COUNT;
	RETURN greatest(forgotten, more);
END $$;
COMMENT ON FUNCTION auth.forget(integer) IS
	'Removes changes that are older than an hour, and sessions, revocations, refused attempts and known addresses that have expired, so many of each at most. Gives how many of the kind of which there were most. The servers call it all the time.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION auth.wait_after, auth.attempts_of, auth.lock_attempts, auth.begin_attempt,
	auth.pass_attempt, auth.begin_login, auth.open_session, auth.open_key_session, auth.drop_session,
	auth.refresh_session, auth.revoke_session, auth.end_sessions_of, auth.change_password,
	auth.reset_password, auth.lacks_administrator, auth.reset_administrator, auth.add_administrator,
	auth.forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.wait_after, auth.attempts_of, auth.lock_attempts, auth.begin_attempt,
	auth.pass_attempt, auth.begin_login, auth.open_session, auth.open_key_session, auth.drop_session,
	auth.refresh_session, auth.revoke_session, auth.end_sessions_of, auth.change_password,
	auth.reset_password, auth.lacks_administrator, auth.reset_administrator, auth.add_administrator,
	auth.forget TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.attempt, auth.known_address TO junction_app;
GRANT SELECT, INSERT ON auth.first_start TO junction_app;
GRANT SELECT ON auth.attempt, auth.known_address, auth.first_start TO junction_reader;
