-- How subscriptions are registered and changed, deliveries are listed and opened again, and events are
-- dropped; and what database administrators look at.

-- --- registering --------------------------------------------------------------------------------

CREATE FUNCTION event.lock_subscriptions() RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT pg_advisory_xact_lock(6024028)
$$;
COMMENT ON FUNCTION event.lock_subscriptions() IS 'One registers at a time, until the end of its transaction.';

CREATE FUNCTION event.is_pushed(target event.target) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN target IN ('url', 'service');
COMMENT ON FUNCTION event.is_pushed(event.target) IS 'Whether Junction asks that target by HTTP.';

CREATE FUNCTION event.find_subscription(of_namespace text, of_name text) RETURNS event.subscription
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found event.subscription;
BEGIN
	SELECT * INTO found FROM event.subscription s
	WHERE s.namespace = of_namespace AND s.name = of_name;
	IF found.id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no subscription %s', of_name);
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION event.find_subscription(text, text) IS 'The subscription of that name; JN404 if there is none.';

CREATE FUNCTION event.queue_for(of_namespace text, of_group text, of_member text) RETURNS integer
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	queue integer;
BEGIN
	-- Looked for first: what is refused by the constraint would use up an id, too.
	LOOP
		SELECT q.id INTO queue FROM event.queue q WHERE q.namespace = of_namespace
			AND q.group_name = of_group AND q.member = of_member;
		EXIT WHEN queue IS NOT NULL;
		INSERT INTO event.queue (namespace, group_name, member, paused)
		VALUES (of_namespace, of_group, of_member, EXISTS (SELECT FROM event.queue q
			WHERE q.namespace = of_namespace AND q.group_name = of_group AND q.paused))
		ON CONFLICT DO NOTHING;
	END LOOP;
	RETURN queue;
END $$;
COMMENT ON FUNCTION event.queue_for(text, text, text) IS
	'The queue of a group, or of a member of it, which is made if there is none: paused if the group is.';

CREATE FUNCTION event.put_secret(of_subscription uuid, given bytea, fresh bytea) RETURNS boolean
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before bytea;
BEGIN
	SELECT k.secret INTO before FROM event.secret k
	WHERE k.subscription_id = of_subscription AND k.expires_at IS NULL;
	IF before = coalesce(given, before) THEN
		RETURN false;
	END IF;
	DELETE FROM event.secret k WHERE k.subscription_id = of_subscription;
	INSERT INTO event.secret (subscription_id, secret) VALUES (of_subscription, coalesce(given, fresh));
	RETURN given IS NULL;
END $$;
COMMENT ON FUNCTION event.put_secret(uuid, bytea, bytea) IS
	'Replaces all secrets of a subscription by the given one; without one a fresh one is taken if it has none. Gives whether that was taken.';

CREATE FUNCTION event.put_subscription(spec json)
	RETURNS TABLE (r_subscription event.subscription, r_fresh boolean)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted event.subscription := json_populate_record(NULL::event.subscription, spec);
	before event.subscription;
	said event.subscription;
	moment timestamptz;
BEGIN
	PERFORM event.lock_subscriptions();
	moment := clock_timestamp();
	SELECT * INTO before FROM event.subscription s
	WHERE s.namespace = wanted.namespace AND s.name = wanted.name;
	wanted.id := coalesce(before.id, gen_random_uuid());
	wanted.queue_id := event.queue_for(wanted.namespace, spec ->> 'group',
		CASE WHEN (spec ->> 'broadcast')::boolean THEN wanted.id::text ELSE '' END);
	wanted.conditions := spec ->> 'conditions';
	wanted.created_at := coalesce(before.created_at, moment);
	wanted.updated_at := before.updated_at;
	wanted.enabled := coalesce(before.enabled, true);
	wanted.disabled_reason := before.disabled_reason;
	IF before.disabled_reason IS NOT NULL AND (before.target, before.url, before.service)
		IS DISTINCT FROM (wanted.target, wanted.url, wanted.service) THEN
		wanted.enabled := true;
		wanted.disabled_reason := NULL;
	END IF;
	-- Who registers it does not count. As text, since json cannot be compared.
	said := wanted;
	said.author_user := before.author_user;
	said.author_application := before.author_application;
	said.author_address := before.author_address;
	IF before.id IS NULL OR said::text <> before::text THEN
		wanted.updated_at := moment;
		INSERT INTO event.subscription SELECT wanted.*
		ON CONFLICT ON CONSTRAINT subscription_pkey DO UPDATE SET queue_id = excluded.queue_id,
			patterns = excluded.patterns, conditions = excluded.conditions,
			target = excluded.target, url = excluded.url, service = excluded.service,
			confirm = excluded.confirm, ack_window_ms = excluded.ack_window_ms,
			timeout_ms = excluded.timeout_ms, schedule_ms = excluded.schedule_ms,
			concurrency = excluded.concurrency, rate = excluded.rate,
			encrypt_stored = excluded.encrypt_stored, push_key = excluded.push_key,
			push_key_id = excluded.push_key_id, origin = excluded.origin,
			enabled = excluded.enabled, disabled_reason = excluded.disabled_reason,
			updated_at = excluded.updated_at, author_user = excluded.author_user,
			author_application = excluded.author_application,
			author_address = excluded.author_address;
	END IF;
	r_subscription := wanted;
	r_fresh := event.is_pushed(wanted.target) AND event.put_secret(wanted.id,
		(spec ->> 'secret')::bytea, (spec ->> 'fresh_secret')::bytea);
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION event.put_subscription(json) IS
	'Registers a subscription, or replaces what it says: its id, its secret, and whether it is enabled stay, but one that Junction has disabled is enabled if its target is another now. If its group is another, or it is a broadcast now or no more, what was open for it stays with its queue of before. spec has the columns of event.subscription that are not made here, "group", "broadcast", "secret" (or null) and "fresh_secret", which one that is pushed and has no secret gets; bytes as texts of bytea, conditions as a text that is JSON. Gives the subscription, and whether it has got the fresh secret. What says nothing new changes nothing.';

CREATE FUNCTION event.delete_subscription(of_namespace text, of_name text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM event.lock_subscriptions();
	DELETE FROM event.subscription s
	WHERE s.id = (event.find_subscription(of_namespace, of_name)).id;
END $$;
COMMENT ON FUNCTION event.delete_subscription(text, text) IS
	'Removes a subscription; its queue, and what is open there, stay. JN404 if there is none.';

CREATE FUNCTION event.rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found event.subscription := event.find_subscription(of_namespace, of_name);
	moment timestamptz;
BEGIN
	PERFORM event.lock_subscriptions();
	IF NOT event.is_pushed(found.target) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412',
			MESSAGE = format('subscription %s is not pushed to, and has no secret', of_name);
	END IF;
	moment := clock_timestamp();
	UPDATE event.secret k SET expires_at = moment + overlap_seconds * interval '1 second'
	WHERE k.subscription_id = found.id AND k.expires_at IS NULL;
	INSERT INTO event.secret (subscription_id, secret) VALUES (found.id, fresh);
	DELETE FROM event.secret k WHERE k.subscription_id = found.id
		AND (k.expires_at <= moment OR k.created_at <= (SELECT o.created_at FROM event.secret o
			WHERE o.subscription_id = found.id ORDER BY o.created_at DESC OFFSET 5 LIMIT 1));
END $$;
COMMENT ON FUNCTION event.rotate_secret(text, text, bytea, bigint) IS
	'Gives a subscription a new secret; the one before counts for so many seconds more. Of more than five that count the oldest end at once. JN404: there is no such subscription; JN412: it is not pushed to.';

CREATE FUNCTION event.configure_service(of_namespace text, of_service text, specs json)
	RETURNS TABLE (r_added integer, r_removed integer)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	names text[] := ARRAY(SELECT i ->> 'name' FROM json_array_elements(specs) AS i);
	other text;
	spec json;
BEGIN
	PERFORM event.lock_subscriptions();
	SELECT s.name INTO other FROM event.subscription s
	WHERE s.namespace = of_namespace AND s.name = ANY (names)
		AND NOT (s.origin = 'configuration' AND lower(s.service) = lower(of_service))
	ORDER BY s.name LIMIT 1;
	IF other IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'JN409', MESSAGE = format(
			'subscription %s is there, and not by the configuration of %s', other, of_service);
	END IF;
	DELETE FROM event.subscription s
	WHERE s.namespace = of_namespace AND s.origin = 'configuration'
		AND lower(s.service) = lower(of_service) AND s.name <> ALL (names);
	GET DIAGNOSTICS r_removed = ROW_COUNT;
	r_added := 0;
	FOR spec IN SELECT i FROM json_array_elements(specs) AS i LOOP
		IF NOT EXISTS (SELECT FROM event.subscription s
			WHERE s.namespace = of_namespace AND s.name = spec ->> 'name') THEN
			PERFORM event.put_subscription(spec);
			r_added := r_added + 1;
		END IF;
	END LOOP;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION event.configure_service(text, text, json) IS
	'Makes these the subscriptions of a service''s configuration: removes those of it that are not among them, and registers those that are missing, each as event.put_subscription() takes it. JN409: another one has such a name.';

CREATE FUNCTION event.pause(of_namespace text, of_group text, of_subscription text, paused boolean)
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found event.subscription;
BEGIN
	PERFORM event.lock_subscriptions();
	IF of_group IS NOT NULL THEN
		IF NOT EXISTS (SELECT FROM event.queue q
			WHERE q.namespace = of_namespace AND q.group_name = of_group) THEN
			RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no group %s', of_group);
		END IF;
		UPDATE event.queue q SET paused = pause.paused
		WHERE q.namespace = of_namespace AND q.group_name = of_group AND q.paused <> pause.paused;
	ELSE
		found := event.find_subscription(of_namespace, of_subscription);
		UPDATE event.subscription s SET enabled = NOT pause.paused, disabled_reason = NULL,
			updated_at = clock_timestamp()
		WHERE s.id = found.id AND (s.enabled = pause.paused OR s.disabled_reason IS NOT NULL);
	END IF;
END $$;
COMMENT ON FUNCTION event.pause(text, text, text, boolean) IS
	'Pauses a group with its members, or one subscription (of_group NULL), or resumes it. JN404 if there is none.';

-- --- listing ------------------------------------------------------------------------------------

CREATE FUNCTION event.topic_matches(pattern text, name text) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN name COLLATE "C" ~ ('^' || replace(replace(regexp_replace(regexp_replace(pattern,
		'([][\\.^$|+(){}])', '\\\1', 'g'), '\*{2,}', '.{0,}', 'g'), '*', '[^.]*'), '?', '[^.]') || '$');
COMMENT ON FUNCTION event.topic_matches(text, text) IS
	'Whether the name of an event matches a pattern: * is any characters of a level, ** any characters, ? one character of a level, all else is itself.';

CREATE FUNCTION event.low_water_of(of_queue integer) RETURNS bigint
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN coalesce((SELECT l.position FROM event.low_water l WHERE l.queue_id = of_queue
		ORDER BY l.number DESC LIMIT 1), 0);
COMMENT ON FUNCTION event.low_water_of(integer) IS 'The position up to which no delivery of a queue is open.';

CREATE FUNCTION event.backlog(of_queue integer) RETURNS TABLE (r_open bigint, r_oldest timestamptz)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	WITH low AS MATERIALIZED (SELECT event.low_water_of(of_queue) AS position)
	SELECT least(count(*), 10000), event.time_at(min(d.position))
	FROM ((SELECT i.position FROM event.delivery i
			WHERE i.queue_id = of_queue AND i.position > (SELECT low.position FROM low)
			ORDER BY i.position LIMIT 10000)
		UNION
		(SELECT i.position FROM event.delivery i
			WHERE i.queue_id = of_queue AND i.position > (SELECT low.position FROM low)
			ORDER BY i.position DESC LIMIT 10000)) AS d
	LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
		WHERE x.queue_id = of_queue AND x.position = d.position
		ORDER BY x.number DESC LIMIT 1) t ON true
	WHERE event.is_open(t.state, t.due)
$$;
COMMENT ON FUNCTION event.backlog(integer) IS
	'How many deliveries of a queue are open, counted up to 10,000, and since when the oldest of them. Where many are behind an open one, it looks at the oldest and the newest 10,000.';

CREATE INDEX transition_dead ON event.transition (queue_id, position) WHERE state = 'dead';
COMMENT ON INDEX event.transition_dead IS 'Deliveries that are dead, or were until they were opened again.';
CREATE INDEX transition_by_time ON event.transition USING brin (at) WITH (autosummarize = on);
COMMENT ON INDEX event.transition_by_time IS 'What happened in a time: rows are written in the order of it.';

CREATE TYPE event.listed AS (
	event text, event_id text, group_name text, member text, state event.state, attempt integer,
	at bigint, due bigint, reason text, time bigint, position bigint, queue_id integer);
COMMENT ON TYPE event.listed IS 'A delivery as ListDeliveries shows it; times in milliseconds since 1970.';

CREATE FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean,
	lowest bigint, before_position bigint, before_queue integer, most integer)
	RETURNS TABLE (r_position bigint, r_queue_id integer)
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF of_event_id IS NOT NULL THEN
		RETURN QUERY SELECT d.r_position, d.r_queue_id
		FROM event.deliveries_of(of_namespace, of_event_id) d
		WHERE d.r_group = coalesce(of_group, d.r_group) AND d.r_position >= lowest
			AND (d.r_position, d.r_queue_id) < (before_position, before_queue)
		ORDER BY d.r_position DESC, d.r_queue_id DESC LIMIT most;
	ELSIF dead THEN
		RETURN QUERY SELECT d.position, q.id
		FROM event.queue q CROSS JOIN LATERAL (SELECT DISTINCT t.position FROM event.transition t
			WHERE t.queue_id = q.id AND t.state = 'dead' AND t.position >= lowest
				AND t.position <= before_position AND (t.position, q.id) < (before_position, before_queue)
			ORDER BY t.position DESC LIMIT most) d
		WHERE q.namespace = of_namespace AND q.group_name = coalesce(of_group, q.group_name)
		ORDER BY d.position DESC, q.id DESC LIMIT most;
	ELSIF of_group IS NOT NULL THEN
		RETURN QUERY SELECT d.position, q.id
		FROM event.queue q CROSS JOIN LATERAL (SELECT i.position FROM event.delivery i
			WHERE i.queue_id = q.id AND i.position >= lowest
				AND i.position <= before_position AND (i.position, q.id) < (before_position, before_queue)
			ORDER BY i.position DESC LIMIT most) d
		WHERE q.namespace = of_namespace AND q.group_name = of_group
		ORDER BY d.position DESC, q.id DESC LIMIT most;
	ELSE
		-- One more, since that at before_position may be gone through.
		RETURN QUERY SELECT e.position, i.id
		FROM (SELECT x.position, x.namespace, x.queues FROM event.event x
			WHERE x.position >= lowest AND x.position <= before_position
			ORDER BY x.position DESC LIMIT most + 1) e
		LEFT JOIN LATERAL (SELECT unnest(e.queues) AS id
			UNION SELECT d.queue_id FROM event.queue q
			JOIN event.delivery d ON d.queue_id = q.id AND d.position = e.position
			WHERE q.namespace = of_namespace AND q.group_name = 'default') i ON e.namespace = of_namespace
		WHERE e.position < before_position OR i.id < before_queue
		ORDER BY e.position DESC, i.id DESC LIMIT most;
	END IF;
END $$;
COMMENT ON FUNCTION event.candidates(text, text, text, boolean, bigint, bigint, integer, integer) IS
	'Deliveries before one in the list, the newest event first: of an event, of those that are or were dead, of a group, or all; of these also, without a queue, events that are of another namespace or go to nobody.';

CREATE FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state,
	pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer,
	most integer, looked integer) RETURNS SETOF event.listed
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	candidate record;
	delivery event.listed;
	found_count integer := 0;
	looked_at integer := 0;
BEGIN
	FOR candidate IN SELECT * FROM event.candidates(of_namespace, of_group, of_event_id,
		coalesce(of_state = 'dead', false), lowest, before_position, before_queue, looked)
	LOOP
		SELECT e.name, e.event_id, q.group_name, CASE WHEN q.member <> '' THEN coalesce(s.name, q.member) ELSE '' END,
			coalesce(t.state, 'waiting'), coalesce(t.attempt, 0), coalesce(event.milliseconds(t.at), 0),
			coalesce(event.milliseconds(t.due), 0), coalesce(t.reason, ''), event.milliseconds(e.time),
			e.position, q.id
		INTO delivery
		FROM event.queue q
		JOIN event.event e ON e.position = candidate.r_position
		LEFT JOIN LATERAL (SELECT * FROM event.transition x
			WHERE x.queue_id = candidate.r_queue_id AND x.position = candidate.r_position
			ORDER BY x.number DESC LIMIT 1) t ON true
		LEFT JOIN event.subscription s ON s.id::text = q.member
		WHERE q.id = candidate.r_queue_id AND coalesce(t.state, 'waiting') = coalesce(of_state, t.state, 'waiting')
			AND (pattern IS NULL OR event.topic_matches(pattern, e.name));
		looked_at := looked_at + 1;
		IF FOUND THEN
			found_count := found_count + 1;
			RETURN NEXT delivery;
		END IF;
		EXIT WHEN found_count = most;
	END LOOP;
	IF found_count = most OR looked_at = looked THEN
		delivery := NULL;
		delivery.position := candidate.r_position;
		delivery.queue_id := coalesce(candidate.r_queue_id, 0);
		RETURN NEXT delivery;
	END IF;
END $$;
COMMENT ON FUNCTION event.list_deliveries(text, text, event.state, text, text, bigint, bigint, integer,
	integer, integer) IS
	'Deliveries before one in the list, the newest event first, by what is not NULL: so many at most, after having looked at so many. A last row without an event says behind what to go on.';

-- --- opening again ------------------------------------------------------------------------------

CREATE FUNCTION event.replay_some(of_queue integer, after bigint, up_to bigint, states event.state[],
	looked integer, who text)
	RETURNS TABLE (r_replayed bigint, r_last bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	lowest bigint;
BEGIN
	-- Against event.set_low_water(): no server notes that all is done up to where this opens some.
	PERFORM pg_advisory_xact_lock(6024026, of_queue);
	WITH candidate AS MATERIALIZED (
		(SELECT DISTINCT t.position FROM event.transition t
			WHERE states = '{dead}' AND t.queue_id = of_queue AND t.state = 'dead'
				AND t.position > after AND t.position <= up_to
			ORDER BY t.position LIMIT looked)
		UNION ALL
		(SELECT d.position FROM event.delivery d
			WHERE states <> '{dead}' AND d.queue_id = of_queue
				AND d.position > after AND d.position <= up_to
			ORDER BY d.position LIMIT looked)),
	opened AS (
		INSERT INTO event.transition AS t (queue_id, position, number, state, at, attempt, reason)
		SELECT of_queue, c.position, l.number + 1, 'waiting', clock_timestamp(), 0, 'replayed by ' || who
		FROM candidate c CROSS JOIN LATERAL (SELECT x.number, x.state FROM event.transition x
			WHERE x.queue_id = of_queue AND x.position = c.position ORDER BY x.number DESC LIMIT 1) l
		WHERE l.state = ANY (states)
		ON CONFLICT DO NOTHING
		RETURNING t.position)
	SELECT (SELECT count(*) FROM opened), (SELECT min(o.position) FROM opened o),
		(SELECT CASE WHEN count(*) = looked THEN max(c.position) END FROM candidate c)
	INTO r_replayed, lowest, r_last;
	IF r_replayed > 0 THEN
		IF event.low_water_of(of_queue) >= lowest THEN
			INSERT INTO event.low_water (queue_id, position) VALUES (of_queue, lowest - 1);
		END IF;
		UPDATE event.queue q SET generation = q.generation + 1 WHERE q.id = of_queue;
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION event.replay_some(integer, bigint, bigint, event.state[], integer, text) IS
	'Opens deliveries of a queue again that stand in one of the states, having looked at so many behind a position, the oldest first. Gives how many it opened, and behind what to go on; NULL: there are no more.';

-- --- keeping ------------------------------------------------------------------------------------

CREATE FUNCTION event.has_open_before(up_to bigint) RETURNS boolean
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT EXISTS (SELECT FROM event.queue q
		WHERE (q.member = '' OR EXISTS (SELECT FROM event.subscription s WHERE s.queue_id = q.id))
		AND EXISTS (SELECT FROM event.delivery d
			LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
				WHERE x.queue_id = d.queue_id AND x.position = d.position
				ORDER BY x.number DESC LIMIT 1) t ON true
			WHERE d.queue_id = q.id AND d.position > event.low_water_of(q.id)
				AND d.position < up_to AND event.is_open(t.state, t.due)))
$$;
COMMENT ON FUNCTION event.has_open_before(bigint) IS
	'Whether a delivery before a position is open. What only a member would get whose subscription is gone does not count.';

CREATE FUNCTION event.keep_events(days integer, drop_open boolean) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
	tables regclass[] := '{event.event,event.delivery,event.transition}';
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	months text[] := '{}';
	month text;
	month_end timestamp;
BEGIN
	IF days < 0 THEN
		RAISE EXCEPTION 'events are kept for 0 days (for ever) at least, not %', days;
	END IF;
	PERFORM pg_advisory_xact_lock(6024015, 'event.event'::regclass::oid::integer);
	FOR month IN
		SELECT right(c.relname, 7) FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'event.event'::regclass AND c.relname ~ '_\d{4}_\d\d$' AND days > 0
		ORDER BY c.relname
	LOOP
		month_end := to_date(month, 'YYYY_MM') + interval '1 month';
		EXIT WHEN month_end > (now() AT TIME ZONE 'UTC') - days * interval '1 day';
		EXIT WHEN NOT drop_open
			AND event.has_open_before(event.position_at(month_end AT TIME ZONE 'UTC'));
		months := months || month;
	END LOOP;
	PERFORM event.make_month(t, (this_month + i * interval '1 month')::date)
	FROM unnest(tables) AS t, generate_series(0, 2) AS i;
	IF cardinality(months) > 0 THEN
		-- In the order in which all others take them, who publishes included.
		PERFORM pg_advisory_xact_lock(6024025);
		LOCK TABLE event.event, event.delivery, event.transition IN ACCESS EXCLUSIVE MODE;
		FOREACH month IN ARRAY months LOOP
			EXECUTE format('DROP TABLE IF EXISTS event.%I, event.%I, event.%I', 'event_' || month,
				'delivery_' || month, 'transition_' || month);
		END LOOP;
	END IF;
	DELETE FROM event.secret k WHERE k.expires_at < now() - interval '1 day';
	DELETE FROM event.queue q WHERE q.member <> ''
		AND NOT EXISTS (SELECT FROM event.subscription s WHERE s.id::text = q.member)
		AND NOT EXISTS (SELECT FROM event.delivery d WHERE d.queue_id = q.id);
	DELETE FROM event.low_water l WHERE NOT EXISTS (SELECT FROM event.queue q WHERE q.id = l.queue_id);
	RETURN cardinality(months);
END $$;
COMMENT ON FUNCTION event.keep_events(integer, boolean) IS
	'Makes the partitions of this month and the next two, and drops those of events, deliveries and transitions whose last day is longer ago than so many days (0: never), but none while a delivery up to its end is open, unless drop_open. Removes secrets that expired a day ago, and queues of members that are gone when nothing of them is kept. Gives how many months it dropped.';

-- --- what database administrators look at -------------------------------------------------------

CREATE VIEW event.delivery_state AS
	SELECT q.namespace, q.group_name, CASE WHEN q.member <> '' THEN coalesce(m.name, q.member) ELSE '' END AS member,
		e.name AS event, e.event_id, e.key, e.time, coalesce(t.state, 'waiting') AS state,
		coalesce(t.attempt, 0) AS attempt, t.at, t.due, s.name AS subscription, t.holder, t.status,
		t.code, t.reason, coalesce(t.number, 0) AS number, d.position, q.id AS queue_id
	FROM event.queue q
	JOIN event.delivery d ON d.queue_id = q.id
	JOIN event.event e ON e.position = d.position
	LEFT JOIN LATERAL (SELECT * FROM event.transition x
		WHERE x.queue_id = q.id AND x.position = d.position
		ORDER BY x.number DESC LIMIT 1) t ON true
	LEFT JOIN event.subscription s ON s.id = t.subscription_id
	LEFT JOIN event.subscription m ON m.id::text = q.member;
COMMENT ON VIEW event.delivery_state IS
	'Each delivery as it stands. Name a group, or a time by position >= event.position_at(...): then only those are read.';

CREATE VIEW event.open_delivery AS
	SELECT q.namespace, q.group_name, CASE WHEN q.member <> '' THEN coalesce(m.name, q.member) ELSE '' END AS member,
		e.name AS event, e.event_id, e.key, e.time, coalesce(t.state, 'waiting') AS state,
		coalesce(t.attempt, 0) AS attempt, t.at, t.due, s.name AS subscription, t.holder, t.status,
		t.code, t.reason, coalesce(t.number, 0) AS number, d.position, q.id AS queue_id
	FROM event.queue q
	-- OFFSET 0: always by the indexes, from the queue's low water on, however many rows are expected.
	CROSS JOIN LATERAL (SELECT i.position FROM event.delivery i
		WHERE i.queue_id = q.id AND i.position > event.low_water_of(q.id) OFFSET 0) d
	CROSS JOIN LATERAL (SELECT * FROM event.event i WHERE i.position = d.position OFFSET 0) e
	LEFT JOIN LATERAL (SELECT * FROM event.transition x
		WHERE x.queue_id = q.id AND x.position = d.position
		ORDER BY x.number DESC LIMIT 1) t ON true
	LEFT JOIN event.subscription s ON s.id = t.subscription_id
	LEFT JOIN event.subscription m ON m.id::text = q.member
	WHERE event.is_open(t.state, t.due);
COMMENT ON VIEW event.open_delivery IS 'Deliveries that are still to be done. What lies behind a queue''s low water is not read.';

CREATE VIEW event.waiting AS SELECT * FROM event.open_delivery o WHERE o.state <> 'failed';
COMMENT ON VIEW event.waiting IS
	'Open deliveries whose last attempt has not failed: nobody has them, somebody has (leased), or they wait for their confirmation (delivered).';

CREATE VIEW event.retrying AS SELECT * FROM event.open_delivery o WHERE o.state = 'failed';
COMMENT ON VIEW event.retrying IS 'Open deliveries whose last attempt has failed: due says when the next one is.';

CREATE VIEW event.dead AS
	SELECT s.* FROM event.transition t
	JOIN event.delivery_state s
		ON s.queue_id = t.queue_id AND s.position = t.position AND s.number = t.number
	WHERE t.state = 'dead';
COMMENT ON VIEW event.dead IS 'Deliveries that are not tried any more. They are read by an index of their own.';

CREATE VIEW event.attempt AS
	SELECT q.namespace, q.group_name, CASE WHEN q.member <> '' THEN coalesce(m.name, q.member) ELSE '' END AS member,
		e.name AS event, e.event_id, l.attempt, l.at AS started, r.at AS ended, r.latency_ms, r.status, r.code,
		r.reason, o.state, o.due AS next_try, s.name AS subscription, l.holder, c.confirmed_by, l.position,
		l.queue_id, l.number
	FROM event.transition l
	JOIN event.queue q ON q.id = l.queue_id
	JOIN event.event e ON e.position = l.position
	LEFT JOIN LATERAL (SELECT x.attempt FROM event.transition x
		WHERE x.queue_id = l.queue_id AND x.position = l.position AND x.number = l.number - 1 LIMIT 1) p ON true
	LEFT JOIN LATERAL (SELECT x.number FROM event.transition x
		WHERE x.queue_id = l.queue_id AND x.position = l.position AND x.number > l.number
			AND x.attempt <> l.attempt
		ORDER BY x.number LIMIT 1) n ON true
	LEFT JOIN LATERAL (SELECT x.at, x.latency_ms, x.status, x.code, x.reason, x.state
		FROM event.transition x
		WHERE x.queue_id = l.queue_id AND x.position = l.position AND x.number > l.number
			AND x.holder = l.holder
		ORDER BY x.number LIMIT 1) r ON r.state <> 'leased' OR r.latency_ms IS NOT NULL
	LEFT JOIN LATERAL (SELECT x.confirmed_by FROM event.transition x
		WHERE x.queue_id = l.queue_id AND x.position = l.position AND x.number > l.number
			AND x.number < coalesce(n.number, x.number + 1) AND x.confirmed_by IS NOT NULL
		ORDER BY x.number DESC LIMIT 1) c ON true
	LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
		WHERE x.queue_id = l.queue_id AND x.position = l.position AND x.number >= l.number
			AND x.number < coalesce(n.number, x.number + 1)
		ORDER BY x.number DESC LIMIT 1) o ON true
	LEFT JOIN event.subscription s ON s.id = l.subscription_id
	LEFT JOIN event.subscription m ON m.id::text = q.member
	WHERE l.state = 'leased' AND l.attempt > coalesce(p.attempt, 0);
COMMENT ON VIEW event.attempt IS
	'Each attempt to deliver, with what came of it. Name a group and position >= event.position_at(...), or a time by started: then only those are read.';

CREATE VIEW event.slowest_target AS
	SELECT s.namespace, q.group_name, s.name AS subscription, s.target, coalesce(s.url, s.service) AS address,
		count(*) AS attempts, count(*) FILTER (WHERE t.state IN ('failed', 'dead')) AS failures,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY t.latency_ms) AS p50_ms,
		percentile_cont(0.99) WITHIN GROUP (ORDER BY t.latency_ms) AS p99_ms
	FROM event.transition t
	JOIN event.subscription s ON s.id = t.subscription_id
	JOIN event.queue q ON q.id = s.queue_id
	WHERE t.at > now() - interval '1 hour' AND t.latency_ms IS NOT NULL
	GROUP BY s.id, q.id
	ORDER BY p99_ms DESC;
COMMENT ON VIEW event.slowest_target IS
	'How the attempts of the last hour went, by subscription, the slowest first.';

CREATE VIEW event.group_lag AS
	SELECT q.namespace, q.group_name, CASE WHEN q.member <> '' THEN coalesce(m.name, q.member) ELSE '' END AS member,
		q.paused, b.r_open AS open, b.r_oldest AS oldest, clock_timestamp() - b.r_oldest AS lag
	FROM event.queue q CROSS JOIN LATERAL event.backlog(q.id) b
	LEFT JOIN event.subscription m ON m.id::text = q.member;
COMMENT ON VIEW event.group_lag IS 'How far each group is, and each member that gets broadcasts.';

DO $$
DECLARE
	name text;
	meaning text;
	of_view text;
BEGIN
	FOR name, meaning IN VALUES
		('namespace', 'Namespace of the event and its subscribers.'),
		('group_name', 'Who gets it.'),
		('member', 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.'),
		('event', 'The event''s name.'),
		('event_id', 'The event''s id.'),
		('key', 'The event''s key; NULL: none.'),
		('time', 'Receipt of the event.'),
		('state', 'How the delivery stands.'),
		('attempt', 'Attempts so far.'),
		('at', 'Since when it stands so; NULL: since the receipt.'),
		('due', 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.'),
		('subscription', 'The subscription that its last attempt went to; NULL: none, or it is gone.'),
		('holder', 'Who made it stand so, if that was an attempt: the server, or who pulled.'),
		('status', 'HTTP status of the last answer; NULL: none came.'),
		('code', 'The code in the answer''s body.'),
		('reason', 'Why it stands so, for people.'),
		('number', 'Of its last transition; 0: there is none.'),
		('position', 'The event''s place in the log.'),
		('queue_id', 'Of event.queue.')
	LOOP
		FOREACH of_view IN ARRAY '{delivery_state,open_delivery,waiting,retrying,dead}'::text[] LOOP
			EXECUTE format('COMMENT ON COLUMN event.%I.%I IS %L', of_view, name, meaning);
		END LOOP;
	END LOOP;
END $$;

COMMENT ON COLUMN event.attempt.namespace IS 'Namespace of the event and its subscribers.';
COMMENT ON COLUMN event.attempt.group_name IS 'Who gets it.';
COMMENT ON COLUMN event.attempt.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';
COMMENT ON COLUMN event.attempt.event IS 'The event''s name.';
COMMENT ON COLUMN event.attempt.event_id IS 'The event''s id.';
COMMENT ON COLUMN event.attempt.attempt IS 'Which one, from 1; again from 1 after a replay.';
COMMENT ON COLUMN event.attempt.started IS 'When somebody took the delivery.';
COMMENT ON COLUMN event.attempt.ended IS 'When the result was written; NULL: there is none, or who took it did not come back.';
COMMENT ON COLUMN event.attempt.latency_ms IS 'How long it took, milliseconds.';
COMMENT ON COLUMN event.attempt.status IS 'HTTP status of the answer; NULL: none came.';
COMMENT ON COLUMN event.attempt.code IS 'The code in the answer''s body.';
COMMENT ON COLUMN event.attempt.reason IS 'What the target or Junction said, for people.';
COMMENT ON COLUMN event.attempt.state IS 'How the delivery stood at the end of this attempt; leased: it is under way, or its lease ran out.';
COMMENT ON COLUMN event.attempt.next_try IS 'When the next attempt was to be made; of one that is leased or delivered: when it waits again. NULL: never.';
COMMENT ON COLUMN event.attempt.subscription IS 'The subscription that it went to; NULL: it was pulled, or the subscription is gone.';
COMMENT ON COLUMN event.attempt.holder IS 'The server that made it, or who pulled.';
COMMENT ON COLUMN event.attempt.confirmed_by IS 'Who confirmed or refused it; NULL: nobody.';
COMMENT ON COLUMN event.attempt.position IS 'The event''s place in the log.';
COMMENT ON COLUMN event.attempt.queue_id IS 'Of event.queue.';
COMMENT ON COLUMN event.attempt.number IS 'Of the transition that it began with.';

COMMENT ON COLUMN event.slowest_target.namespace IS 'Namespace of the subscription.';
COMMENT ON COLUMN event.slowest_target.group_name IS 'Its group.';
COMMENT ON COLUMN event.slowest_target.subscription IS 'Its name.';
COMMENT ON COLUMN event.slowest_target.target IS 'Where its events go.';
COMMENT ON COLUMN event.slowest_target.address IS 'URL or service; NULL: who asks for them.';
COMMENT ON COLUMN event.slowest_target.attempts IS 'Attempts that ended in the last hour.';
COMMENT ON COLUMN event.slowest_target.failures IS 'Those after which the delivery was failed or dead.';
COMMENT ON COLUMN event.slowest_target.p50_ms IS 'Median of how long they took, milliseconds.';
COMMENT ON COLUMN event.slowest_target.p99_ms IS 'One in a hundred took longer, milliseconds.';

COMMENT ON COLUMN event.group_lag.namespace IS 'Namespace of the group.';
COMMENT ON COLUMN event.group_lag.group_name IS 'Its name.';
COMMENT ON COLUMN event.group_lag.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';
COMMENT ON COLUMN event.group_lag.paused IS 'Nothing is delivered to it.';
COMMENT ON COLUMN event.group_lag.open IS 'Deliveries that are still to be done, counted up to 10,000.';
COMMENT ON COLUMN event.group_lag.oldest IS 'Receipt of the oldest of them; NULL: none is open.';
COMMENT ON COLUMN event.group_lag.lag IS 'How long ago that is.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA event TO junction_app;
GRANT SELECT ON event.delivery_state, event.open_delivery, event.waiting, event.retrying, event.dead,
	event.attempt, event.slowest_target, event.group_lag TO junction_app, junction_reader;
GRANT EXECUTE ON FUNCTION event.topic_matches, event.low_water_of, event.backlog, event.candidates,
	event.list_deliveries, event.is_pushed, event.has_open_before TO junction_reader;
