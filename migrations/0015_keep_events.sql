-- Events are published once and delivered to each group until it has confirmed them; each step of each
-- delivery is a row that is written once and never changed, so that nothing here needs vacuum.

CREATE SCHEMA event;
COMMENT ON SCHEMA event IS
	'Events, who gets them, and how each delivery went. event, delivery and transition are only ever added to, and dropped by months as a whole.';

-- --- who gets what -------------------------------------------------------------------------------

CREATE TABLE event.revision (
	value bigint NOT NULL,
	matching bigint NOT NULL,
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT revision_pkey PRIMARY KEY (single),
	CONSTRAINT revision_single CHECK (single)
);
COMMENT ON TABLE event.revision IS 'How often subscriptions, their secrets or queues have changed.';
COMMENT ON COLUMN event.revision.value IS 'Rises at the commit of each change, under the lock of event.append: each event was published before or after it, never meanwhile.';
COMMENT ON COLUMN event.revision.matching IS 'What value was when it last changed who gets which events.';
COMMENT ON COLUMN event.revision.single IS 'There is one row.';
INSERT INTO event.revision (value, matching) VALUES (1, 1);

CREATE TABLE event.queue (
	id integer GENERATED ALWAYS AS IDENTITY,
	namespace text COLLATE "C" NOT NULL,
	group_name text COLLATE "C" NOT NULL,
	member text COLLATE "C" NOT NULL DEFAULT '',
	paused boolean NOT NULL DEFAULT false,
	generation bigint NOT NULL DEFAULT 1,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT queue_pkey PRIMARY KEY (id),
	CONSTRAINT queue_namespace_group_name_member_key UNIQUE (namespace, group_name, member),
	CONSTRAINT queue_namespace_length CHECK (octet_length(namespace) BETWEEN 1 AND 255),
	CONSTRAINT queue_group_name_length CHECK (octet_length(group_name) BETWEEN 1 AND 255),
	CONSTRAINT queue_member_length CHECK (octet_length(member) <= 255)
);
COMMENT ON TABLE event.queue IS
	'What deliveries belong to: a group, or one member of a group that gets a broadcast.';
COMMENT ON COLUMN event.queue.id IS 'Short, since each delivery has it.';
COMMENT ON COLUMN event.queue.namespace IS 'Namespace of its subscribers and events.';
COMMENT ON COLUMN event.queue.group_name IS 'The group.';
COMMENT ON COLUMN event.queue.member IS 'Id of the subscription that is a broadcast; empty: one member of the group gets each event.';
COMMENT ON COLUMN event.queue.paused IS 'Nothing is delivered meanwhile; what comes waits.';
COMMENT ON COLUMN event.queue.generation IS 'Rises when deliveries were opened again, which the servers do not expect: what they knew of the queue before is void.';
COMMENT ON COLUMN event.queue.created_at IS 'When.';

CREATE TYPE event.target AS ENUM ('pull', 'stream', 'url', 'service');
COMMENT ON TYPE event.target IS
	'Where a subscription''s events go: pull: who asks for them; stream: Subscribe; url, service: they are pushed by HTTP.';
CREATE TYPE event.confirm_mode AS ENUM ('auto', 'explicit');
COMMENT ON TYPE event.confirm_mode IS
	'auto: what is delivered is done, unless refused within the ack window. explicit: it waits again unless confirmed within it.';

CREATE TABLE event.subscription (
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	namespace text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	queue_id integer NOT NULL,
	patterns text[] COLLATE "C" NOT NULL,
	conditions json,
	target event.target NOT NULL,
	url text COLLATE "C",
	service text COLLATE "C",
	confirm event.confirm_mode NOT NULL DEFAULT 'auto',
	ack_window_ms bigint NOT NULL DEFAULT 600000,
	timeout_ms bigint NOT NULL DEFAULT 15000,
	schedule_ms bigint[] NOT NULL DEFAULT '{5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000}',
	concurrency integer NOT NULL DEFAULT 32,
	rate double precision NOT NULL DEFAULT 0,
	encrypt_stored boolean NOT NULL DEFAULT false,
	push_key bytea,
	push_key_id text COLLATE "C",
	origin text COLLATE "C" NOT NULL DEFAULT 'api',
	enabled boolean NOT NULL DEFAULT true,
	disabled_reason text COLLATE "C",
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	author_user text COLLATE "C",
	author_application text COLLATE "C",
	author_address text COLLATE "C",
	CONSTRAINT subscription_pkey PRIMARY KEY (id),
	CONSTRAINT subscription_namespace_name_key UNIQUE (namespace, name),
	CONSTRAINT subscription_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES event.queue (id),
	CONSTRAINT subscription_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT subscription_patterns_count CHECK (cardinality(patterns) BETWEEN 1 AND 100),
	CONSTRAINT subscription_url_if_target CHECK ((url IS NOT NULL) = (target = 'url')),
	CONSTRAINT subscription_service_if_target CHECK ((service IS NOT NULL) = (target = 'service')),
	CONSTRAINT subscription_ack_window_range CHECK (ack_window_ms BETWEEN 1 AND 86400000),
	CONSTRAINT subscription_timeout_range CHECK (timeout_ms BETWEEN 1 AND 300000),
	CONSTRAINT subscription_schedule_count CHECK (cardinality(schedule_ms) <= 100),
	CONSTRAINT subscription_schedule_range CHECK (1 <= ALL (schedule_ms) AND 604800000 >= ALL (schedule_ms)),
	CONSTRAINT subscription_concurrency_range CHECK (concurrency BETWEEN 1 AND 1000),
	CONSTRAINT subscription_rate_range CHECK (rate BETWEEN 0 AND 1000000),
	CONSTRAINT subscription_push_key_length CHECK (octet_length(push_key) = 32),
	CONSTRAINT subscription_push_key_named CHECK ((push_key IS NULL) = (push_key_id IS NULL)),
	CONSTRAINT subscription_origin_known CHECK (origin IN ('api', 'configuration', 'stream'))
);
COMMENT ON TABLE event.subscription IS 'Who gets which events, from when it was registered on. Gone when deleted; what waits stays in its queue.';
COMMENT ON COLUMN event.subscription.id IS 'Made when it is registered.';
COMMENT ON COLUMN event.subscription.namespace IS 'Only events of this namespace.';
COMMENT ON COLUMN event.subscription.name IS 'The subscriber''s own name for it: registered again it is the same subscription.';
COMMENT ON COLUMN event.subscription.queue_id IS 'Its group, or its own if it is a broadcast.';
COMMENT ON COLUMN event.subscription.patterns IS 'Of names of events; "*" stands for one level, "**" for any, "?" for one character.';
COMMENT ON COLUMN event.subscription.conditions IS 'JSON list of {"path","values"} that an event''s data must all meet; NULL: none.';
COMMENT ON COLUMN event.subscription.target IS 'Where its events go.';
COMMENT ON COLUMN event.subscription.url IS 'Of target url.';
COMMENT ON COLUMN event.subscription.service IS 'Of target service: a node of it is asked at /mw/event/notification.';
COMMENT ON COLUMN event.subscription.confirm IS 'When a delivery is done.';
COMMENT ON COLUMN event.subscription.ack_window_ms IS 'Milliseconds, 1 to 86,400,000.';
COMMENT ON COLUMN event.subscription.timeout_ms IS 'Of one attempt, milliseconds, 1 to 300,000.';
COMMENT ON COLUMN event.subscription.schedule_ms IS 'Milliseconds from each failed attempt to the next, give or take a tenth; after the last one a delivery is dead.';
COMMENT ON COLUMN event.subscription.concurrency IS 'Attempts under way at a time.';
COMMENT ON COLUMN event.subscription.rate IS 'Attempts a second; 0: no limit.';
COMMENT ON COLUMN event.subscription.encrypt_stored IS 'Data of the events that it gets is stored encrypted.';
COMMENT ON COLUMN event.subscription.push_key IS 'X25519 public key that data is sealed to when it is pushed; NULL: it is not.';
COMMENT ON COLUMN event.subscription.push_key_id IS 'The subscriber''s name for that key.';
COMMENT ON COLUMN event.subscription.origin IS 'api: RegisterSubscription; configuration: that of a service; stream: Subscribe.';
COMMENT ON COLUMN event.subscription.enabled IS 'False: nothing is delivered to it.';
COMMENT ON COLUMN event.subscription.disabled_reason IS 'Why not, if Junction disabled it.';
COMMENT ON COLUMN event.subscription.created_at IS 'When.';
COMMENT ON COLUMN event.subscription.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN event.subscription.author_user IS 'User who last registered it; NULL if unknown.';
COMMENT ON COLUMN event.subscription.author_application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN event.subscription.author_address IS 'Address that did; NULL if unknown.';
CREATE INDEX subscription_by_queue ON event.subscription (queue_id);
COMMENT ON INDEX event.subscription_by_queue IS 'Members of a group.';

CREATE TABLE event.secret (
	subscription_id uuid NOT NULL,
	secret bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	expires_at timestamptz,
	CONSTRAINT secret_pkey PRIMARY KEY (subscription_id, created_at),
	CONSTRAINT secret_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES event.subscription (id) ON DELETE CASCADE,
	CONSTRAINT secret_length CHECK (octet_length(secret) BETWEEN 24 AND 64)
);
COMMENT ON TABLE event.secret IS 'What pushes are signed with (Standard Webhooks): with each that has not expired.';
COMMENT ON COLUMN event.secret.subscription_id IS 'Whose.';
COMMENT ON COLUMN event.secret.secret IS '24 to 64 bytes.';
COMMENT ON COLUMN event.secret.created_at IS 'When.';
COMMENT ON COLUMN event.secret.expires_at IS 'NULL: it is the current one.';

CREATE UNLOGGED TABLE event.member (
	name text COLLATE "C" NOT NULL,
	renewed_at timestamptz NOT NULL,
	CONSTRAINT member_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE event.member IS 'The servers that deliver events; each is in charge of some queues.';
COMMENT ON COLUMN event.member.name IS 'hostname-starttime of the server.';
COMMENT ON COLUMN event.member.renewed_at IS 'When it was last seen alive.';

-- --- the log ------------------------------------------------------------------------------------

CREATE SEQUENCE event.last_position MINVALUE 0 START 0;
COMMENT ON SEQUENCE event.last_position IS
	'The highest position that has been given out. A sequence, since a row that counts would be dead once a batch and could not be cleaned up while an old transaction lives.';

CREATE TABLE event.event (
	position bigint NOT NULL,
	time timestamptz NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	event_id text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	data text COLLATE "C",
	sealed bytea,
	key_id text COLLATE "C",
	key text COLLATE "C",
	group_name text COLLATE "C",
	queues integer[] NOT NULL,
	body_hash bytea,
	user_name text COLLATE "C",
	application text COLLATE "C",
	address text COLLATE "C",
	node text COLLATE "C" NOT NULL,
	trace_id text COLLATE "C",
	CONSTRAINT event_pkey PRIMARY KEY (position),
	CONSTRAINT event_event_id_length CHECK (octet_length(event_id) BETWEEN 1 AND 255),
	CONSTRAINT event_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT event_data_or_sealed CHECK ((data IS NULL) = (sealed IS NOT NULL)),
	CONSTRAINT event_sealed_with_key CHECK ((sealed IS NULL) = (key_id IS NULL)),
	CONSTRAINT event_key_length CHECK (octet_length(key) BETWEEN 1 AND 255)
) PARTITION BY RANGE (position);
COMMENT ON TABLE event.event IS 'What has been published, in the order of the commits.';
COMMENT ON COLUMN event.event.position IS 'Milliseconds since 1970 of the receipt, times 2^20, plus a count: rises in commit order, and never earlier than that of a row committed before. event.position_at() gives that of a time.';
COMMENT ON COLUMN event.event.time IS 'Receipt, whole milliseconds.';
COMMENT ON COLUMN event.event.namespace IS 'The publisher''s.';
COMMENT ON COLUMN event.event.event_id IS 'As the publisher gave it, or made: unique in its namespace as long as the event is kept.';
COMMENT ON COLUMN event.event.name IS 'What happened, levels parted by dots.';
COMMENT ON COLUMN event.event.data IS 'JSON, byte for byte as given; NULL if it is sealed.';
COMMENT ON COLUMN event.event.sealed IS 'The data encrypted: nonce and XChaCha20-Poly1305 with the event id as additional data.';
COMMENT ON COLUMN event.event.key_id IS 'Name of the key that it is sealed with, in the servers'' key file.';
COMMENT ON COLUMN event.event.key IS 'Events of one key reach a group in order; NULL: no order.';
COMMENT ON COLUMN event.event.group_name IS 'The only group that it is for; NULL: all that subscribe.';
COMMENT ON COLUMN event.event.queues IS 'The queues that get it, each of which has a row in event.delivery.';
COMMENT ON COLUMN event.event.body_hash IS 'Of what was published, if the publisher gave the id: the same again is a repetition, anything else a conflict.';
COMMENT ON COLUMN event.event.user_name IS 'User who published it; NULL if unknown.';
COMMENT ON COLUMN event.event.application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN event.event.address IS 'Address that did; NULL if unknown.';
COMMENT ON COLUMN event.event.node IS 'The server that took it: hostname-starttime.';
COMMENT ON COLUMN event.event.trace_id IS 'Trace id of the call; NULL if unknown.';
CREATE INDEX event_by_id ON event.event (event_id);
COMMENT ON INDEX event.event_by_id IS 'An event by its id.';

CREATE TABLE event.delivery (
	queue_id integer NOT NULL,
	position bigint NOT NULL,
	key text COLLATE "C",
	CONSTRAINT delivery_pkey PRIMARY KEY (queue_id, position)
) PARTITION BY RANGE (position);
COMMENT ON TABLE event.delivery IS 'An event that a queue gets. What became of it is in event.transition; without a row there it waits.';
COMMENT ON COLUMN event.delivery.queue_id IS 'Who gets it.';
COMMENT ON COLUMN event.delivery.position IS 'The event.';
COMMENT ON COLUMN event.delivery.key IS 'The event''s key.';

CREATE TYPE event.state AS ENUM ('waiting', 'leased', 'delivered', 'confirmed', 'failed', 'dead');
COMMENT ON TYPE event.state IS
	'waiting: nobody has it. leased: somebody has, until the lease ends. delivered: its target took it; done if due is NULL. failed: it waits for its next attempt. confirmed, dead: for good.';

CREATE TABLE event.transition (
	queue_id integer NOT NULL,
	position bigint NOT NULL,
	number integer NOT NULL,
	state event.state NOT NULL,
	at timestamptz NOT NULL,
	due timestamptz,
	attempt integer NOT NULL,
	holder text COLLATE "C",
	subscription_id uuid,
	status integer,
	code text COLLATE "C",
	latency_ms double precision,
	reason text COLLATE "C",
	confirmed_by text COLLATE "C",
	CONSTRAINT transition_pkey PRIMARY KEY (queue_id, position, number)
) PARTITION BY RANGE (position);
COMMENT ON TABLE event.transition IS 'Each step of each delivery; the one with the highest number is how it stands.';
COMMENT ON COLUMN event.transition.queue_id IS 'Whose delivery.';
COMMENT ON COLUMN event.transition.position IS 'Of which event.';
COMMENT ON COLUMN event.transition.number IS 'From 1, without gaps.';
COMMENT ON COLUMN event.transition.state IS 'How it stands from then on. A result that comes after somebody else''s decision repeats that state.';
COMMENT ON COLUMN event.transition.at IS 'When.';
COMMENT ON COLUMN event.transition.due IS 'leased: when the lease ends; failed: when it is tried again; delivered: when it waits again unless confirmed; else NULL.';
COMMENT ON COLUMN event.transition.attempt IS 'How many attempts there have been, this one included; 0: none, or it was opened again.';
COMMENT ON COLUMN event.transition.holder IS 'Of an attempt: the server that makes it, or who pulls.';
COMMENT ON COLUMN event.transition.subscription_id IS 'Of an attempt: the member of the group that gets it; NULL if it is pulled.';
COMMENT ON COLUMN event.transition.status IS 'Of a result: HTTP status of the answer; NULL: none came.';
COMMENT ON COLUMN event.transition.code IS 'Of a result: the code in the answer''s body.';
COMMENT ON COLUMN event.transition.latency_ms IS 'Of a result: how long the attempt took; NULL if there was none.';
COMMENT ON COLUMN event.transition.reason IS 'Why, for people.';
COMMENT ON COLUMN event.transition.confirmed_by IS 'Of a confirmation, positive or negative: the caller''s user, application or address.';

CREATE TABLE event.low_water (
	queue_id integer NOT NULL,
	number bigint GENERATED ALWAYS AS IDENTITY,
	position bigint NOT NULL,
	CONSTRAINT low_water_pkey PRIMARY KEY (queue_id, number)
);
COMMENT ON TABLE event.low_water IS 'Up to where all of a queue is done: where a server begins to look. The highest number counts.';
COMMENT ON COLUMN event.low_water.queue_id IS 'Which queue.';
COMMENT ON COLUMN event.low_water.number IS 'Rises.';
COMMENT ON COLUMN event.low_water.position IS 'No delivery up to here is open.';
COMMENT ON SEQUENCE event.low_water_number_seq IS 'Of event.low_water.number.';
COMMENT ON SEQUENCE event.queue_id_seq IS 'Of event.queue.id.';

CREATE TABLE event.opened (
	number bigint GENERATED ALWAYS AS IDENTITY,
	queue_id integer NOT NULL,
	position bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT opened_pkey PRIMARY KEY (number)
);
COMMENT ON TABLE event.opened IS
	'Deliveries that were done and have been refused since: the servers, which have forgotten them, read it from time to time. Kept for an hour.';
COMMENT ON COLUMN event.opened.number IS 'Rises in the order of the commits.';
COMMENT ON COLUMN event.opened.queue_id IS 'Whose delivery.';
COMMENT ON COLUMN event.opened.position IS 'Of which event.';
COMMENT ON COLUMN event.opened.at IS 'When.';
COMMENT ON SEQUENCE event.opened_number_seq IS 'Of event.opened.number.';

-- --- time ---------------------------------------------------------------------------------------

CREATE FUNCTION event.milliseconds(t timestamptz) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (date_part('epoch', t - timestamptz 'epoch') * 1000)::bigint;
COMMENT ON FUNCTION event.milliseconds(timestamptz) IS 'Milliseconds since 1970, as the API gives times.';

CREATE FUNCTION event.position_at(t timestamptz) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN floor(date_part('epoch', t - timestamptz 'epoch') * 1000)::bigint << 20;
COMMENT ON FUNCTION event.position_at(timestamptz) IS 'The first position of a time: position >= event.position_at(now() - interval ''1 hour'') works, and reads only the months that it has to.';

CREATE FUNCTION event.time_at(p bigint) RETURNS timestamptz
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN timestamptz 'epoch' + (p >> 20) * interval '1 millisecond';
COMMENT ON FUNCTION event.time_at(bigint) IS 'The time of a position.';

-- --- partitions ---------------------------------------------------------------------------------

CREATE FUNCTION event.make_month(parent regclass, month date) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	name text := (SELECT relname FROM pg_class WHERE oid = parent);
	partition text := name || '_' || to_char(month, 'YYYY_MM');
BEGIN
	IF to_regclass(format('event.%I', partition)) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE event.%I PARTITION OF %s FOR VALUES FROM (%s) TO (%s)', partition,
		parent, event.position_at(month::timestamp AT TIME ZONE 'UTC'),
		event.position_at((month + interval '1 month')::timestamp AT TIME ZONE 'UTC'));
	EXECUTE format('COMMENT ON TABLE event.%I IS %L', partition,
		'Rows of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;
COMMENT ON FUNCTION event.make_month(regclass, date) IS
	'Makes the partition of a table for the events of the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

-- --- telling the servers ------------------------------------------------------------------------

CREATE FUNCTION event.publish_change() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	matters boolean := TG_TABLE_NAME = 'queue' AND TG_OP = 'DELETE';
BEGIN
	IF TG_TABLE_NAME = 'subscription' THEN
		matters := TG_OP <> 'UPDATE'
			OR (NEW.namespace, NEW.queue_id, NEW.patterns, NEW.conditions::text, NEW.encrypt_stored)
				IS DISTINCT FROM
				(OLD.namespace, OLD.queue_id, OLD.patterns, OLD.conditions::text, OLD.encrypt_stored);
	END IF;
	PERFORM pg_advisory_xact_lock(6024025);
	UPDATE event.revision SET value = value + 1, matching = CASE WHEN matters THEN value + 1 ELSE matching END;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION event.publish_change() IS
	'Of a trigger at the commit: from the next event on the change counts. Whoever holds a transaction open holds up nobody.';

CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR UPDATE OR DELETE ON event.queue
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();
CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR UPDATE OR DELETE ON event.subscription
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();
CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR UPDATE OR DELETE ON event.secret
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();

CREATE FUNCTION event.load() RETURNS TABLE (r_revision bigint, r_kind text, r_value json)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT r.value, 'revision', NULL::json FROM event.revision r
	UNION ALL
	SELECT NULL, 'queue', json_build_object('id', q.id, 'namespace', q.namespace, 'group',
		q.group_name, 'member', q.member, 'paused', q.paused, 'generation', q.generation)
	FROM event.queue q
	UNION ALL
	SELECT NULL, 'subscription', json_build_object('id', s.id, 'namespace', s.namespace, 'name',
		s.name, 'queue', s.queue_id, 'patterns', s.patterns, 'conditions', s.conditions, 'target',
		s.target, 'url', s.url, 'service', s.service, 'confirm', s.confirm, 'ackWindowMs',
		s.ack_window_ms, 'timeoutMs', s.timeout_ms, 'concurrency', s.concurrency, 'rate', s.rate,
		'encryptStored', s.encrypt_stored, 'pushKey', encode(s.push_key, 'base64'), 'pushKeyId',
		s.push_key_id, 'origin', s.origin, 'enabled', s.enabled, 'secrets',
		(SELECT coalesce(json_agg(json_build_object('secret',
				translate(encode(k.secret, 'base64'), E'\n', ''), 'expires',
				event.milliseconds(k.expires_at)) ORDER BY k.created_at DESC), '[]')
			FROM event.secret k WHERE k.subscription_id = s.id))
	FROM event.subscription s
$$;
COMMENT ON FUNCTION event.load() IS
	'All that the servers keep in memory, the revision first: JSON objects of the queues, then of the subscriptions with their secrets.';

CREATE FUNCTION event.disable_subscription(of_subscription uuid, of_url text, reason text) RETURNS boolean
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE event.subscription s
	SET enabled = false, disabled_reason = disable_subscription.reason, updated_at = clock_timestamp()
	WHERE s.id = of_subscription AND s.enabled AND s.url IS NOT DISTINCT FROM of_url;
	RETURN FOUND;
END $$;
COMMENT ON FUNCTION event.disable_subscription(uuid, text, text) IS
	'Delivers nothing more to a subscription whose target wants no more, unless it points elsewhere by now. Whether it was enabled.';

CREATE FUNCTION event.renew_member(name text, alive interval) RETURNS SETOF text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO event.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM event.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM event.member m
	WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;
COMMENT ON FUNCTION event.renew_member(text, interval) IS
	'Says that a server lives, and gives those that have said so lately.';

CREATE FUNCTION event.leave_member(name text) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	BEGIN ATOMIC
		DELETE FROM event.member m WHERE m.name = leave_member.name;
	END;
COMMENT ON FUNCTION event.leave_member(text) IS 'Says that this server is about to end.';

-- --- publishing ---------------------------------------------------------------------------------

CREATE FUNCTION event.make_queue(namespace text, group_name text) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO event.queue AS q (namespace, group_name) VALUES (make_queue.namespace, make_queue.group_name)
	ON CONFLICT ON CONSTRAINT queue_namespace_group_name_member_key DO NOTHING;
	SELECT q.id FROM event.queue q WHERE q.namespace = make_queue.namespace
		AND q.group_name = make_queue.group_name AND q.member = '';
$$;
COMMENT ON FUNCTION event.make_queue(text, text) IS 'Makes the queue of a group if there is none. Gives its id.';

CREATE FUNCTION event.subscribe_stream(of_namespace text, of_group text, wanted text[],
	mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text)
	RETURNS TABLE (r_id uuid, r_name text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	sorted text[] COLLATE "C" := ARRAY(SELECT DISTINCT p COLLATE "C" FROM unnest(wanted) AS p ORDER BY 1);
	long_name text := of_group || ': ' || array_to_string(sorted, ', ');
BEGIN
	r_name := CASE WHEN octet_length(long_name) <= 255 THEN long_name
		ELSE left(of_group, 40) || ': ' || encode(sha256(convert_to(long_name, 'UTF8')), 'hex') END;
	INSERT INTO event.subscription AS s (namespace, name, queue_id, patterns, target, confirm,
		ack_window_ms, origin, author_user, author_application, author_address)
	SELECT of_namespace, r_name, event.make_queue(of_namespace, of_group), sorted, 'stream', mode,
		window_ms, 'stream', who_user, who_application, who_address
	ON CONFLICT ON CONSTRAINT subscription_namespace_name_key DO UPDATE
	SET confirm = excluded.confirm, ack_window_ms = excluded.ack_window_ms, updated_at = clock_timestamp(),
		author_user = excluded.author_user, author_application = excluded.author_application,
		author_address = excluded.author_address
	WHERE s.origin = 'stream' AND (s.confirm, s.ack_window_ms) <> (excluded.confirm, excluded.ack_window_ms);
	SELECT s.id INTO r_id FROM event.subscription s
	WHERE s.namespace = of_namespace AND s.name = r_name AND s.origin = 'stream'
		AND s.queue_id = event.make_queue(of_namespace, of_group) AND s.patterns = sorted;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION event.subscribe_stream(text, text, text[], event.confirm_mode, bigint, text, text, text) IS
	'Registers the subscription of a stream, or finds it: its name is made of group and patterns. Gives its id, NULL if somebody else has given that name to something else.';

CREATE FUNCTION event.append(ids text[], given boolean[], revisions bigint[], namespaces text[],
	names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[],
	queues text[], hashes bytea[], user_names text[], applications text[], addresses text[],
	nodes text[], trace_ids text[])
	RETURNS TABLE (r_place integer, r_position bigint, r_previous bigint, r_outcome text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	before bigint;
	first bigint;
	known bigint;
	left_out integer[] := '{}';
	kept integer[];
BEGIN
	PERFORM pg_advisory_xact_lock(6024025);
	SELECT r.matching, p.last_value INTO known, before FROM event.revision r, event.last_position p;
	first := greatest(before + 1, event.position_at(clock_timestamp()));
	r_position := 0;
	r_previous := 0;
	IF known > ANY (revisions) THEN
		FOR r_place, r_outcome IN
			SELECT i.place, 'stale' FROM unnest(revisions) WITH ORDINALITY AS i (revision, place)
			WHERE i.revision < known ORDER BY i.place
		LOOP
			left_out := left_out || r_place;
			RETURN NEXT;
		END LOOP;
	END IF;
	IF true = ANY (given) THEN
		FOR r_place, r_position, r_outcome IN
			SELECT i.place, coalesce(k.position, first - 1 + i.first_place),
				CASE WHEN i.hash = coalesce(k.body_hash, i.first_hash) THEN 'repeated' ELSE 'conflict' END
			FROM (SELECT g.namespace, g.id, g.hash, g.place,
					first_value(g.hash) OVER same AS first_hash,
					first_value(g.place) OVER same AS first_place
				FROM unnest(namespaces, ids, hashes, given) WITH ORDINALITY
					AS g (namespace, id, hash, given, place)
				WHERE g.given AND g.place <> ALL (left_out)
				WINDOW same AS (PARTITION BY g.namespace, g.id ORDER BY g.place)) AS i
			LEFT JOIN LATERAL (SELECT e.position, coalesce(e.body_hash, '') AS body_hash
				FROM event.event e WHERE e.event_id = i.id AND e.namespace = i.namespace LIMIT 1) k ON true
			WHERE k.position IS NOT NULL OR i.place > i.first_place
			ORDER BY i.place
		LOOP
			left_out := left_out || r_place;
			RETURN NEXT;
		END LOOP;
	END IF;
	IF cardinality(left_out) = cardinality(ids) THEN
		RETURN;
	ELSIF cardinality(left_out) > 0 THEN
		kept := ARRAY(SELECT p FROM generate_series(1, cardinality(ids)) AS p
			WHERE p <> ALL (left_out) ORDER BY p);
	END IF;
	PERFORM setval('event.last_position', first - 1 + coalesce(kept[cardinality(kept)], cardinality(ids)));
	IF '{}' <> ANY (queues) THEN
		INSERT INTO event.delivery AS d (queue_id, position, key)
		SELECT q.id, first - 1 + i.place, i.key
		FROM unnest(queues, keys) WITH ORDINALITY AS i (queues, key, place)
		CROSS JOIN LATERAL unnest(i.queues::integer[]) AS q (id)
		WHERE i.place <> ALL (left_out);
	END IF;
	RETURN QUERY
	INSERT INTO event.event AS e (position, time, namespace, event_id, name, data, sealed, key_id, key,
		group_name, queues, body_hash, user_name, application, address, node, trace_id)
	SELECT first - 1 + i.place, event.time_at(first), i.namespace, i.id, i.name, i.data, i.sealed,
		i.key_id, i.key, i.group_name, i.queues::integer[], i.hash, i.user_name, i.application,
		i.address, i.node, i.trace_id
	FROM unnest(ids, namespaces, names, datas, seals, key_ids, keys, group_names, queues, hashes,
		user_names, applications, addresses, nodes, trace_ids) WITH ORDINALITY
		AS i (id, namespace, name, data, sealed, key_id, key, group_name, queues, hash, user_name,
		application, address, node, trace_id, place)
	WHERE i.place <> ALL (left_out)
	RETURNING (e.position - first + 1)::integer, e.position,
		CASE WHEN kept IS NULL AND e.position > first THEN e.position - 1
			ELSE coalesce(first - 1
				+ kept[array_position(kept, (e.position - first + 1)::integer) - 1], before) END,
		'published';
END $$;
COMMENT ON FUNCTION event.append(text[], boolean[], bigint[], text[], text[], text[], bytea[], text[],
	text[], text[], text[], bytea[], text[], text[], text[], text[], text[]) IS
	'Publishes a batch of events, one array element each, in the order of the elements; queues: the text of an array. Gives for each its place from 1 and what came of it: published, with its position and that of the event before it in the log; repeated: the publisher gave an id that is there, or comes earlier in the batch, with the same body, position is that event''s; conflict: with another body; stale: who gets it was decided before that changed, nothing was written. One batch at a time: the lock is held until the commit, so that positions are in commit order.';

CREATE FUNCTION event.follow(after bigint, most integer)
	RETURNS TABLE (r_position bigint, r_queues integer[], r_key text)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT e.position, e.queues, e.key FROM event.event e
	WHERE e.position > follow.after ORDER BY e.position LIMIT most
$$;
COMMENT ON FUNCTION event.follow(bigint, integer) IS 'Who gets the events behind a position, in order.';

CREATE FUNCTION event.head() RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce((SELECT e.position FROM event.event e ORDER BY e.position DESC LIMIT 1), 0)
$$;
COMMENT ON FUNCTION event.head() IS 'The position of the last event that is committed; 0: there is none.';

-- --- delivering ---------------------------------------------------------------------------------

CREATE FUNCTION event.retry_ms(of_subscription uuid, attempt integer, at_least bigint) RETURNS bigint
	LANGUAGE sql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN s.schedule[attempt] IS NOT NULL
		THEN greatest((s.schedule[attempt] * (0.9 + 0.2 * random()))::bigint,
			least(coalesce(at_least, 0), 86400000)) END
	FROM (SELECT coalesce((SELECT x.schedule_ms FROM event.subscription x WHERE x.id = of_subscription),
		'{5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000}') AS schedule) s
$$;
COMMENT ON FUNCTION event.retry_ms(uuid, integer, bigint) IS
	'Milliseconds from a failed attempt, counted from 1, to the next, not less than at_least (NULL: as scheduled; a day at most); NULL: there is no further one.';

CREATE FUNCTION event.last_transition(of_queue integer, of_position bigint) RETURNS event.transition
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT t FROM event.transition t
	WHERE t.queue_id = of_queue AND t.position = of_position ORDER BY t.number DESC LIMIT 1
$$;
COMMENT ON FUNCTION event.last_transition(integer, bigint) IS 'How a delivery stands; NULL: it waits for its first attempt.';

CREATE FUNCTION event.due_ms(due timestamptz) RETURNS bigint
	LANGUAGE sql VOLATILE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	RETURN ceil(date_part('epoch', due - clock_timestamp()) * 1000)::bigint;
COMMENT ON FUNCTION event.due_ms(timestamptz) IS 'Milliseconds until then; servers do not compare clocks.';

CREATE FUNCTION event.is_open(state event.state, due timestamptz) RETURNS boolean
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(state NOT IN ('confirmed', 'dead') AND NOT (state = 'delivered' AND due IS NULL), true);
COMMENT ON FUNCTION event.is_open(event.state, timestamptz) IS 'Whether a delivery that stands so is still to be done; NULL: it has no transition.';

CREATE FUNCTION event.load_queue(of_queue integer, after bigint, most integer)
	RETURNS TABLE (r_position bigint, r_key text, r_number integer, r_state event.state,
		r_attempt integer, r_due_ms bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT d.position, d.key, coalesce(t.number, 0), coalesce(t.state, 'waiting'),
		coalesce(t.attempt, 0), event.due_ms(t.due)
	FROM event.delivery d
	LEFT JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due FROM event.transition x
		WHERE x.queue_id = d.queue_id AND x.position = d.position
		ORDER BY x.number DESC LIMIT 1) t ON true
	WHERE d.queue_id = of_queue
		AND d.position > coalesce(load_queue.after, (SELECT l.position FROM event.low_water l
			WHERE l.queue_id = of_queue ORDER BY l.number DESC LIMIT 1), 0)
		AND event.is_open(t.state, t.due)
	ORDER BY d.position LIMIT most
$$;
COMMENT ON FUNCTION event.load_queue(integer, bigint, integer) IS
	'Open deliveries of a queue behind a position (NULL: from where it may have any), in order.';

CREATE FUNCTION event.states(queue_ids integer[], positions bigint[])
	RETURNS TABLE (r_place integer, r_number integer, r_state event.state, r_attempt integer,
		r_due_ms bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT i.place::integer, coalesce(t.number, 0), coalesce(t.state, 'waiting'),
		coalesce(t.attempt, 0), event.due_ms(t.due)
	FROM unnest(queue_ids, positions) WITH ORDINALITY AS i (queue_id, position, place)
	LEFT JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due FROM event.transition x
		WHERE x.queue_id = i.queue_id AND x.position = i.position
		ORDER BY x.number DESC LIMIT 1) t ON true
$$;
COMMENT ON FUNCTION event.states(integer[], bigint[]) IS 'How these deliveries stand.';

-- Planned once: over so many partitions planning anew takes five times as long as doing it.
CREATE FUNCTION event.lease(queue_ids integer[], positions bigint[], holders text[],
	subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint)
	RETURNS TABLE (r_place integer, r_granted boolean, r_number integer, r_state event.state,
		r_attempt integer, r_due_ms bigint, r_event_id text, r_name text, r_data text, r_sealed bytea,
		r_key_id text, r_key text, r_time bigint, r_trace_id text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	-- A lease that is lost with the database is one that has run out.
	PERFORM set_config('synchronous_commit', 'off', true);
	RETURN QUERY
	WITH asked AS MATERIALIZED (
		SELECT i.queue_id, i.position, i.holder, i.subscription_id, i.ms, i.place, clock_timestamp() AS now,
			coalesce(t.number, 0) AS number, coalesce(t.state, 'waiting') AS state,
			coalesce(t.attempt, 0) AS attempt, t.due, e.event_id, e.name, e.data, e.sealed, e.key_id,
			e.key, e.time, e.trace_id,
			coalesce(t.state IN ('leased', 'delivered'), false) AS ran_out,
			CASE coalesce(t.state, 'waiting') WHEN 'waiting' THEN true
				WHEN 'failed' THEN i.early OR t.due <= clock_timestamp()
				WHEN 'leased' THEN t.due <= clock_timestamp()
					OR t.holder = i.holder AND t.subscription_id = i.subscription_id
				WHEN 'delivered' THEN coalesce(t.due <= clock_timestamp(), false)
				ELSE false END AS free,
			sum(coalesce(octet_length(e.data), octet_length(e.sealed))) OVER (ORDER BY i.place)
				- coalesce(octet_length(e.data), octet_length(e.sealed)) AS bytes_before
		FROM unnest(queue_ids, positions, holders, subscription_ids, lease_ms, early) WITH ORDINALITY
			AS i (queue_id, position, holder, subscription_id, ms, early, place)
		CROSS JOIN LATERAL (SELECT * FROM event.event x WHERE x.position = i.position OFFSET 0) e
		LEFT JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due, x.holder, x.subscription_id
			FROM event.transition x WHERE x.queue_id = i.queue_id AND x.position = i.position
			ORDER BY x.number DESC LIMIT 1) t ON true),
	taken AS (
		SELECT a.*, a.ran_out AND event.retry_ms(a.subscription_id, a.attempt, NULL) IS NULL AS spent
		FROM asked a WHERE a.free AND a.bytes_before < most_bytes),
	written AS (
		INSERT INTO event.transition AS t (queue_id, position, number, state, at, due, attempt, holder,
			subscription_id, reason)
		SELECT n.queue_id, n.position, n.number + 1,
			CASE WHEN n.spent THEN 'dead' ELSE 'leased' END::event.state, n.now,
			CASE WHEN NOT n.spent THEN n.now + n.ms * interval '1 millisecond' END,
			CASE WHEN n.spent THEN n.attempt ELSE n.attempt + 1 END, n.holder, n.subscription_id,
			CASE WHEN n.ran_out AND n.state = 'leased' THEN 'the lease before ran out'
				WHEN n.ran_out THEN 'not confirmed in time' END
		FROM taken n
		ORDER BY n.queue_id, n.position
		ON CONFLICT DO NOTHING
		RETURNING t.queue_id, t.position, t.number, t.state, t.attempt, t.due)
	SELECT a.place::integer, coalesce(w.state = 'leased', false), coalesce(w.number, a.number),
		coalesce(w.state, a.state), coalesce(w.attempt, a.attempt),
		event.due_ms(CASE WHEN w.number IS NULL THEN a.due ELSE w.due END),
		a.event_id, a.name,
		CASE WHEN w.state = 'leased' THEN a.data END, CASE WHEN w.state = 'leased' THEN a.sealed END,
		a.key_id, a.key, event.milliseconds(a.time), a.trace_id
	FROM asked a LEFT JOIN written w ON w.queue_id = a.queue_id AND w.position = a.position
	ORDER BY a.place;
END $$;
COMMENT ON FUNCTION event.lease(integer[], bigint[], text[], uuid[], bigint[], boolean[], bigint) IS
	'Takes deliveries that wait, whose next attempt is due (early: before, too), or whose lease or ack window has run out, unless that was the last attempt: then they are dead. A subscription whose holder asks for what it has again gets it again; who pulls does not. Gives for each how it stands now, and the event of those that were granted, so many bytes of data in all, but at least one. Without a row: the event is not kept any more. All that write several at once do so by queue and position, so that they do not wait for each other in a circle.';

CREATE FUNCTION event.conclude(queue_ids integer[], positions bigint[], numbers integer[],
	outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[],
	retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[])
	RETURNS TABLE (r_place integer, r_number integer, r_state event.state, r_attempt integer,
		r_due_ms bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	RETURN QUERY
	WITH asked AS MATERIALIZED (
		SELECT i.*, clock_timestamp() AS now, coalesce(t.number, 0) AS last_number,
			t.state AS last_state, t.attempt AS last_attempt, t.due AS last_due,
			coalesce(t.holder = i.holder AND t.attempt = i.attempt AND t.number = i.number + 1
				AND t.confirmed_by IS NULL AND t.state <> 'leased', false) AS repeated,
			-- Its lease is the last word, or went with the database before anybody else had one.
			coalesce(t.state = 'leased' AND t.attempt = i.attempt
				OR t.number < i.number AND event.is_open(t.state, t.due), true) AS counts,
			s.confirm = 'explicit' AS explicit, coalesce(s.ack_window_ms, 600000) AS ack_window_ms,
			CASE WHEN i.outcome = 'failed'
				THEN event.retry_ms(i.subscription_id, i.attempt, i.retry) END AS next_ms
		FROM unnest(queue_ids, positions, numbers, outcomes, holders, subscription_ids, attempts,
			conclude.retry_ms, statuses, codes, latencies, reasons) WITH ORDINALITY
			AS i (queue_id, position, number, outcome, holder, subscription_id, attempt, retry, status,
			code, latency_ms, reason, place)
		LEFT JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due, x.holder, x.confirmed_by
			FROM event.transition x WHERE x.queue_id = i.queue_id AND x.position = i.position
			ORDER BY x.number DESC LIMIT 1) t ON true
		LEFT JOIN event.subscription s ON s.id = i.subscription_id
		WHERE t.number IS NOT NULL OR (SELECT true FROM event.delivery d
			WHERE d.queue_id = i.queue_id AND d.position = i.position)),
	written AS (
		INSERT INTO event.transition AS t (queue_id, position, number, state, at, due, attempt, holder,
			subscription_id, status, code, latency_ms, reason)
		SELECT a.queue_id, a.position, a.last_number + 1,
			CASE WHEN NOT a.counts THEN a.last_state
				WHEN a.outcome = 'failed' AND a.next_ms IS NULL THEN 'dead'
				ELSE a.outcome END,
			a.now,
			CASE WHEN NOT a.counts THEN a.last_due
				WHEN a.outcome = 'failed' THEN a.now + a.next_ms * interval '1 millisecond'
				WHEN a.outcome = 'delivered' AND a.explicit
					THEN a.now + a.ack_window_ms * interval '1 millisecond' END,
			CASE WHEN NOT a.counts THEN a.last_attempt
				WHEN a.outcome = 'waiting' THEN a.attempt - 1
				ELSE a.attempt END,
			a.holder, a.subscription_id, a.status, a.code, a.latency_ms, a.reason
		FROM asked a
		WHERE NOT a.repeated AND NOT (a.outcome = 'waiting' AND NOT a.counts)
		ORDER BY a.queue_id, a.position
		ON CONFLICT DO NOTHING
		RETURNING t.queue_id, t.position, t.number, t.state, t.attempt, t.due)
	SELECT a.place::integer, coalesce(w.number, a.last_number), coalesce(w.state, a.last_state),
		coalesce(w.attempt, a.last_attempt),
		event.due_ms(CASE WHEN w.number IS NULL THEN a.last_due ELSE w.due END)
	FROM asked a LEFT JOIN written w ON w.queue_id = a.queue_id AND w.position = a.position
	WHERE w.number IS NOT NULL OR a.repeated OR a.outcome = 'waiting'
	ORDER BY a.place;
END $$;
COMMENT ON FUNCTION event.conclude(integer[], bigint[], integer[], event.state[], text[], uuid[],
	integer[], bigint[], integer[], text[], double precision[], text[]) IS
	'Writes what came of leases, which numbers name: delivered, failed (tried again by the schedule, not before retry_ms, or dead), dead, confirmed, or waiting: given back as if it had not been taken. What somebody else has decided meanwhile stands, and the result is written beside it. May be repeated. Gives for each how it stands now; without a row: somebody was faster just now, it is to be repeated.';

CREATE FUNCTION event.set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint)
	RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	newest bigint;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	PERFORM pg_advisory_xact_lock(6024026, of_queue);
	IF (SELECT q.generation FROM event.queue q WHERE q.id = of_queue) IS DISTINCT FROM set_low_water.generation
		OR EXISTS (SELECT FROM event.opened o WHERE o.queue_id = of_queue AND o.number > set_low_water.opened)
	THEN
		RETURN;
	END IF;
	INSERT INTO event.low_water AS l (queue_id, position) VALUES (of_queue, up_to)
	RETURNING l.number INTO newest;
	DELETE FROM event.low_water l WHERE l.queue_id = of_queue AND l.number < newest;
END $$;
COMMENT ON FUNCTION event.set_low_water(integer, bigint, bigint, bigint) IS
	'Notes up to where all of a queue is done, as found in that generation of it and after that row of event.opened; nothing if deliveries have been opened again since.';

CREATE FUNCTION event.note_opened(of_queue integer, at_position bigint) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(6024026, of_queue), pg_advisory_xact_lock(6024027);
	INSERT INTO event.low_water (queue_id, position)
	SELECT of_queue, at_position - 1 WHERE at_position <=
		(SELECT l.position FROM event.low_water l WHERE l.queue_id = of_queue ORDER BY l.number DESC LIMIT 1);
	INSERT INTO event.opened (queue_id, position) VALUES (of_queue, at_position);
	DELETE FROM event.opened o WHERE o.at < clock_timestamp() - interval '1 hour';
END $$;
COMMENT ON FUNCTION event.note_opened(integer, bigint) IS
	'Says that a delivery that was done is open again: one at a time, so that the numbers are in the order of the commits.';

CREATE FUNCTION event.opened_after(after bigint)
	RETURNS TABLE (r_opened bigint, r_queue_id integer, r_position bigint, r_number integer,
		r_state event.state, r_attempt integer, r_due_ms bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT o.number, o.queue_id, o.position, t.number, t.state, t.attempt, event.due_ms(t.due)
	FROM event.opened o
	CROSS JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due FROM event.transition x
		WHERE x.queue_id = o.queue_id AND x.position = o.position
		ORDER BY x.number DESC LIMIT 1) t
	WHERE o.number > opened_after.after ORDER BY o.number
$$;
COMMENT ON FUNCTION event.opened_after(bigint) IS 'What has been opened again since that row of event.opened, and how it stands.';

-- --- confirming ---------------------------------------------------------------------------------

CREATE FUNCTION event.deliveries_of(of_namespace text, of_event_id text)
	RETURNS TABLE (r_queue_id integer, r_group text, r_member text, r_position bigint, r_name text)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT q.id, q.group_name, q.member, e.position, e.name
	FROM event.event e
	CROSS JOIN LATERAL (
		SELECT unnest(e.queues) AS id
		UNION
		SELECT d.queue_id FROM event.queue x
		JOIN event.delivery d ON d.queue_id = x.id AND d.position = e.position
		WHERE x.namespace = of_namespace AND x.group_name = 'default') i
	JOIN event.queue q ON q.id = i.id
	WHERE e.namespace = of_namespace AND e.event_id = of_event_id
$$;
COMMENT ON FUNCTION event.deliveries_of(text, text) IS
	'Who gets an event: those that its publication found, and group default if it was confirmed for that.';

CREATE FUNCTION event.decide(state event.state, attempt integer, at timestamptz, due timestamptz,
	window_ms bigint, success boolean) RETURNS text
	LANGUAGE sql VOLATILE PARALLEL SAFE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	RETURN CASE
		WHEN success THEN CASE state WHEN 'confirmed' THEN 'same' WHEN 'dead' THEN 'conflict' ELSE 'confirm' END
		WHEN state IN ('failed', 'dead') THEN 'same'
		WHEN state = 'confirmed' THEN 'conflict'
		WHEN state = 'delivered' AND due IS NULL
			AND at + window_ms * interval '1 millisecond' < clock_timestamp() THEN 'conflict'
		ELSE 'refuse' END;
COMMENT ON FUNCTION event.decide(event.state, integer, timestamptz, timestamptz, bigint, boolean) IS
	'What a confirmation does to a delivery that stands so: confirm; refuse: it failed; same: nothing, it stands so; conflict: it is final, and stands otherwise. A delivery that needs no confirmation is final when its ack window is over.';

CREATE FUNCTION event.confirm(of_namespace text, of_event_id text, of_name text, of_group text,
	of_application text, success boolean, who text)
	RETURNS TABLE (r_outcome text, r_queue_id integer, r_group text, r_member text, r_position bigint,
		r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint, r_at bigint,
		r_due bigint, r_reason text, r_time bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	found_position bigint;
	found_name text;
	received bigint;
	chosen integer[];
	made boolean := false;
	opened integer[];
	refused boolean;
	wanted bigint;
	written bigint;
BEGIN
	SELECT e.position, e.name, event.milliseconds(e.time) INTO found_position, found_name, received
	FROM event.event e WHERE e.namespace = of_namespace AND e.event_id = of_event_id;
	r_outcome := CASE WHEN found_position IS NULL THEN 'unknown' WHEN found_name <> of_name THEN 'other name' END;
	IF r_outcome IS NOT NULL THEN
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT array_agg(d.r_queue_id) INTO chosen FROM event.deliveries_of(of_namespace, of_event_id) d
	WHERE d.r_group = coalesce(of_group, of_application);
	IF chosen IS NULL AND of_group IS NOT NULL THEN
		IF of_group <> 'default' OR EXISTS (SELECT FROM event.deliveries_of(of_namespace, of_event_id)) THEN
			r_outcome := 'no delivery';
			RETURN NEXT;
			RETURN;
		END IF;
	ELSIF chosen IS NULL THEN
		SELECT coalesce(array_agg(d.r_queue_id) FILTER (WHERE event.is_open(t.state, t.due)),
			array_agg(d.r_queue_id)) INTO chosen
		FROM event.deliveries_of(of_namespace, of_event_id) d
		LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
			WHERE x.queue_id = d.r_queue_id AND x.position = found_position
			ORDER BY x.number DESC LIMIT 1) t ON true;
	END IF;
	IF chosen IS NULL THEN
		made := true;
		chosen := ARRAY[event.make_queue(of_namespace, 'default')];
		INSERT INTO event.delivery (queue_id, position, key) VALUES (chosen[1], found_position, NULL)
		ON CONFLICT DO NOTHING;
	END IF;
	FOR attempts IN 1 .. 100 LOOP
		BEGIN
			WITH standing AS MATERIALIZED (
				SELECT q.id, coalesce(t.number, 0) AS number, t.subscription_id,
					made OR NOT event.is_open(t.state, t.due) AS done,
					CASE coalesce(t.state, 'waiting') WHEN 'waiting' THEN coalesce(t.attempt, 0) + 1
						ELSE t.attempt END AS attempt,
					event.decide(coalesce(t.state, 'waiting'), t.attempt, t.at, t.due,
						coalesce(s.ack_window_ms, 600000), success) AS decision
				FROM event.queue q
				LEFT JOIN LATERAL (SELECT * FROM event.transition x
					WHERE x.queue_id = q.id AND x.position = found_position
					ORDER BY x.number DESC LIMIT 1) t ON true
				LEFT JOIN event.subscription s ON s.id = t.subscription_id
				WHERE q.id = ANY (chosen)),
			changed AS MATERIALIZED (
				SELECT s.*, clock_timestamp() AS now, CASE WHEN s.decision = 'refuse'
					THEN event.retry_ms(s.subscription_id, s.attempt, NULL) END AS next_ms
				FROM standing s WHERE s.decision IN ('confirm', 'refuse')
					AND NOT EXISTS (SELECT FROM standing x WHERE x.decision = 'conflict')
				ORDER BY s.id),
			inserted AS (
				INSERT INTO event.transition (queue_id, position, number, state, at, due, attempt,
					subscription_id, reason, confirmed_by)
				SELECT c.id, found_position, c.number + 1,
					CASE WHEN c.decision = 'confirm' THEN 'confirmed' WHEN c.next_ms IS NULL THEN 'dead'
						ELSE 'failed' END::event.state,
					c.now, c.now + c.next_ms * interval '1 millisecond', c.attempt, c.subscription_id,
					CASE WHEN c.decision = 'refuse' THEN 'refused by its receiver' END, who
				FROM changed c
				ON CONFLICT DO NOTHING
				RETURNING queue_id)
			SELECT (SELECT coalesce(bool_or(s.decision = 'conflict'), false) FROM standing s),
				(SELECT count(*) FROM changed), (SELECT count(*) FROM inserted),
				(SELECT array_agg(c.id) FROM changed c WHERE c.done AND c.next_ms IS NOT NULL)
			INTO refused, wanted, written, opened;
			-- Somebody was faster: none of them is written, and all are looked at again.
			IF written < wanted THEN
				RAISE serialization_failure;
			END IF;
			PERFORM event.note_opened(o.id, found_position) FROM unnest(opened) AS o (id) ORDER BY o.id;
			EXIT;
		EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
			IF attempts = 100 THEN
				RAISE;
			END IF;
		END;
	END LOOP;
	RETURN QUERY
	SELECT CASE WHEN refused THEN 'conflict' ELSE 'done' END, q.id, q.group_name,
		coalesce((SELECT s.name FROM event.subscription s WHERE s.id = nullif(q.member, '')::uuid), q.member),
		found_position, coalesce(t.number, 0), coalesce(t.state, 'waiting'), coalesce(t.attempt, 0),
		event.due_ms(t.due), coalesce(event.milliseconds(t.at), 0), coalesce(event.milliseconds(t.due), 0),
		t.reason, received
	FROM event.queue q
	LEFT JOIN LATERAL (SELECT * FROM event.transition x
		WHERE x.queue_id = q.id AND x.position = found_position
		ORDER BY x.number DESC LIMIT 1) t ON true
	WHERE q.id = ANY (chosen) ORDER BY q.group_name, q.member;
END $$;
COMMENT ON FUNCTION event.confirm(text, text, text, text, text, boolean, text) IS
	'Confirms deliveries of an event, or refuses them: of a group; without one of the group that is called like the application, else every open one, else all; for group default if there is none at all. All of them or, if event.decide() finds a conflict in one, none. Gives for each "done" or "conflict" and how it stands now; or one row with nothing but: unknown, other name (of the event), no delivery (of that group).';

-- --- reading ------------------------------------------------------------------------------------

CREATE FUNCTION event.text_of(sealed bytea) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN translate(encode(sealed, 'base64'), E'\n', '');
COMMENT ON FUNCTION event.text_of(bytea) IS 'Base64 in one line.';

CREATE FUNCTION event.read_one(of_namespace text, of_event_id text, of_group text, of_application text)
	RETURNS TABLE (r_event_id text, r_name text, r_data text, r_sealed text, r_key_id text,
		r_attempt integer, r_success boolean)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	WITH standing AS MATERIALIZED (
		SELECT d.r_group, coalesce(t.state = 'confirmed', false) AS confirmed, coalesce(t.attempt, 0) AS attempt
		FROM event.deliveries_of(of_namespace, of_event_id) d
		LEFT JOIN LATERAL (SELECT x.state, x.attempt FROM event.transition x
			WHERE x.queue_id = d.r_queue_id AND x.position = d.r_position
			ORDER BY x.number DESC LIMIT 1) t ON true),
	counting AS (
		SELECT bool_and(s.confirmed) AS confirmed, max(s.attempt) AS attempt FROM standing s
		WHERE s.r_group = coalesce(of_group, of_application) OR of_group IS NULL
			AND NOT EXISTS (SELECT FROM standing x WHERE x.r_group = of_application))
	SELECT e.event_id, e.name, e.data, event.text_of(e.sealed), e.key_id, coalesce(c.attempt, 0),
		coalesce(c.confirmed, false)
	FROM event.event e CROSS JOIN counting c
	WHERE e.namespace = of_namespace AND e.event_id = of_event_id
$$;
COMMENT ON FUNCTION event.read_one(text, text, text, text) IS
	'An event, the attempts so far, and whether it is confirmed: by the group; without one by the one called like the application, else by all that get it.';

CREATE FUNCTION event.read_confirmed(of_queue integer, most integer, most_bytes bigint)
	RETURNS TABLE (r_event_id text, r_name text, r_data text, r_sealed text, r_key_id text,
		r_attempt integer, r_success boolean)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT f.event_id, f.name, f.data, event.text_of(f.sealed), f.key_id, f.attempt, true
	FROM (SELECT e.event_id, e.name, e.data, e.sealed, e.key_id, d.attempt, d.position,
			sum(coalesce(octet_length(e.data), octet_length(e.sealed))) OVER (ORDER BY d.position)
				- coalesce(octet_length(e.data), octet_length(e.sealed)) AS bytes_before
		FROM (SELECT x.position, t.attempt FROM event.delivery x
			CROSS JOIN LATERAL (SELECT y.state, y.attempt FROM event.transition y
				WHERE y.queue_id = x.queue_id AND y.position = x.position
				ORDER BY y.number DESC LIMIT 1) t
			WHERE x.queue_id = of_queue AND t.state = 'confirmed'
			ORDER BY x.position LIMIT most) d
		CROSS JOIN LATERAL (SELECT * FROM event.event x WHERE x.position = d.position OFFSET 0) e) f
	WHERE f.bytes_before < most_bytes
	ORDER BY f.position
$$;
COMMENT ON FUNCTION event.read_confirmed(integer, integer, bigint) IS
	'The oldest events that a queue has confirmed, so many bytes of data in all, but at least one.';

CREATE FUNCTION event.first_kept() RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(event.position_at(to_date(right(min(c.relname::text), 7), 'YYYY_MM')::timestamp
		AT TIME ZONE 'UTC'), 0)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event.event'::regclass
$$;
COMMENT ON FUNCTION event.first_kept() IS 'Events before this position are not kept any more.';

CREATE FUNCTION event.read_log(of_namespace text, after bigint, most integer, most_bytes bigint)
	RETURNS TABLE (r_position bigint, r_more boolean, r_first_kept bigint, r_name text, r_event_id text,
		r_data text, r_sealed text, r_key_id text, r_key text, r_time bigint, r_trace_id text)
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY
	SELECT e.position, e.seen = most OR e.bytes_seen >= most_bytes, NULL::bigint,
		CASE WHEN e.own THEN e.name END, CASE WHEN e.own THEN e.event_id END,
		CASE WHEN e.own THEN e.data END, CASE WHEN e.own THEN event.text_of(e.sealed) END,
		CASE WHEN e.own THEN e.key_id END, CASE WHEN e.own THEN e.key END,
		event.milliseconds(e.time), e.trace_id
	FROM (SELECT b.*, count(*) OVER () AS seen, max(b.bytes_before) OVER () AS bytes_seen
		FROM (SELECT l.*, sum(l.bytes) OVER (ORDER BY l.position) - l.bytes AS bytes_before
			FROM (SELECT x.*, x.namespace = of_namespace AS own, CASE WHEN x.namespace = of_namespace
					THEN coalesce(octet_length(x.data), octet_length(x.sealed)) ELSE 0 END AS bytes
				FROM event.event x WHERE x.position > read_log.after
				ORDER BY x.position LIMIT most) l) b) e
	WHERE e.bytes_before < most_bytes
	ORDER BY e.position;
	-- Afterwards, so that it tells of what was dropped before the events were read.
	r_first_kept := event.first_kept();
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION event.read_log(text, bigint, integer, bigint) IS
	'So many events of the log behind a position, those of other namespaces without what they say, and so many bytes of data, but at least one; more: there are further ones. The last row has nothing but first_kept.';

-- --- secrets ------------------------------------------------------------------------------------

SELECT event.make_month(t::regclass, (date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month')::date)
FROM unnest(ARRAY['event.event', 'event.delivery', 'event.transition']) AS t, generate_series(0, 2) AS i;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA event FROM PUBLIC;
GRANT USAGE ON SCHEMA event TO junction_app, junction_reader;
GRANT SELECT ON event.revision, event.queue, event.subscription, event.secret, event.event,
	event.delivery, event.transition, event.low_water, event.opened, event.last_position TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON event.member TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA event TO junction_app;
GRANT SELECT ON event.revision, event.queue, event.subscription, event.member, event.event,
	event.delivery, event.transition, event.low_water, event.opened TO junction_reader;
GRANT EXECUTE ON FUNCTION event.milliseconds, event.position_at, event.time_at, event.due_ms,
	event.is_open, event.last_transition, event.states, event.opened_after, event.deliveries_of TO junction_reader;
