-- Sending: all is decided, and written, in one statement for many sends; the deliveries of large ones
-- are made part by part.

ALTER TABLE notice.part ADD COLUMN channel_ids integer[] NOT NULL;
COMMENT ON COLUMN notice.part.channel_ids IS 'Of the notice''s channels, in their order, when it was sent; NULL within: site.';

CREATE TYPE notice.decision AS (
	place integer,
	outcome text,
	thing text,
	users text[],
	channels text[],
	channel_ids integer[],
	template_version integer,
	personal boolean,
	deliveries bigint,
	at_once boolean,
	room bigint,
	room_before bigint
);
COMMENT ON TYPE notice.decision IS
	'What becomes of one of many sends. outcome: sent, or why not, and thing: the one that is wrong. at_once: its deliveries are made with it, and not in parts. room: how many positions it takes; room_before: those before it.';

CREATE TYPE notice.portion AS (
	notice_position bigint,
	first bigint,
	namespace text,
	users text[],
	channels text[],
	channel_ids integer[]
);
COMMENT ON TYPE notice.portion IS
	'Deliveries to be made: of which notice, from which position on, to whom, on which channels.';

-- --- positions and rows -------------------------------------------------------------------------

CREATE FUNCTION notice.lock_positions() RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT pg_advisory_xact_lock(6024033)
$$;
COMMENT ON FUNCTION notice.lock_positions() IS
	'One gives out positions at a time, until the end of its transaction: so they are in commit order. Before audit.append, which has a lock of its own.';

CREATE FUNCTION notice.take_positions(count bigint) RETURNS bigint
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	first bigint;
BEGIN
	SELECT greatest(p.last_value + 1, event.position_at(clock_timestamp())) INTO first
	FROM notice.last_position p;
	PERFORM setval('notice.last_position', first - 1 + count);
	RETURN first;
END $$;
COMMENT ON FUNCTION notice.take_positions(bigint) IS
	'The first of so many positions. Only under the lock of notice.lock_positions().';

CREATE FUNCTION notice.deliver(portions notice.portion[], moment timestamptz) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	INSERT INTO notice.delivery (position, notice_position, namespace, user_name, channel, channel_id,
		address, language, state, at, due, code, text)
	SELECT d.position, d.notice_position, d.namespace, d.user_name, d.channel, d.channel_id, d.address,
		d.language, s.state, moment, CASE WHEN s.state = 'waiting' THEN moment END,
		CASE WHEN s.state = 'failed' THEN 'no_address' END,
		CASE WHEN s.state = 'failed' THEN 'the recipient has no address on this channel' END
	FROM (SELECT p.first + (u.place - 1) * cardinality(p.channels) + c.place - 1 AS position,
			p.notice_position, p.namespace, u.user_name, c.channel, c.channel_id,
			CASE WHEN c.channel_id IS NOT NULL THEN r.addresses ->> c.channel END AS address,
			coalesce(r.language, '') AS language
		FROM unnest(portions) AS p
		CROSS JOIN LATERAL unnest(p.users) WITH ORDINALITY AS u (user_name, place)
		-- By the key, user by user, whatever the planner thinks of how many there are.
		LEFT JOIN LATERAL (SELECT x.addresses, x.language FROM notice.recipient x
			WHERE x.namespace = p.namespace AND x.user_name = u.user_name OFFSET 0) r ON true
		CROSS JOIN LATERAL unnest(p.channels, p.channel_ids) WITH ORDINALITY
			AS c (channel, channel_id, place)
		OFFSET 0) d
	CROSS JOIN LATERAL (SELECT CASE WHEN d.channel_id IS NULL THEN 'delivered'
		WHEN d.address IS NULL THEN 'failed' ELSE 'waiting' END::notice.state AS state) s;
END $$;
COMMENT ON FUNCTION notice.deliver(notice.portion[], timestamptz) IS
	'Makes deliveries, at that time. On site they are delivered; on other channels they wait, or have failed if the recipient has no address there.';

-- --- deciding -----------------------------------------------------------------------------------

CREATE FUNCTION notice.unknown_group(of_namespace text, names text[]) RETURNS text
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT g.name FROM unnest(names) WITH ORDINALITY AS g (name, place)
	WHERE NOT EXISTS (SELECT FROM notice.group_name n
			WHERE n.namespace = of_namespace AND n.name = g.name)
		AND NOT EXISTS (SELECT FROM auth.subject s
			WHERE s.kind = 'group' AND s.name = lower(g.name) AND NOT s.disabled)
	ORDER BY g.place LIMIT 1
$$;
COMMENT ON FUNCTION notice.unknown_group(text, text[]) IS
	'The first of these groups that neither Notice nor Auth has; NULL: there is none. A group of Auth''s that is disabled is none.';

CREATE FUNCTION notice.members_of(of_namespace text, names text[]) RETURNS text[]
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(array_agg(u.name), '{}') FROM (
		SELECT m.user_name AS name FROM unnest(names) AS g (name)
		JOIN notice.group_member m ON m.namespace = of_namespace AND m.group_name = g.name
		UNION
		SELECT m.name FROM unnest(names) AS g (name)
		JOIN auth.member m ON m.group_name = lower(g.name) AND m.kind = 'user'
		WHERE NOT EXISTS (SELECT FROM notice.group_name n
			WHERE n.namespace = of_namespace AND n.name = g.name)) u
$$;
COMMENT ON FUNCTION notice.members_of(text, text[]) IS
	'The users in these groups, each once. A group of Notice''s hides one of Auth''s.';

CREATE FUNCTION notice.decide(namespaces text[], templates text[], channels text[], users text[],
	groups text[], param_names text[], replies boolean[], links boolean[], attachments text[])
	RETURNS notice.decision[]
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	RETURN ARRAY(
	SELECT ROW(r.place, r.outcome, r.thing, r.users, r.channels, r.channel_ids, r.version, r.personal,
		r.deliveries, r.at_once, r.room,
		sum(r.room) OVER (ORDER BY r.place ROWS UNBOUNDED PRECEDING) - r.room)::notice.decision
	FROM (SELECT s.*, s.deliveries <= 200 AS at_once,
		CASE WHEN s.deliveries <= 200 THEN s.deliveries ELSE 0 END + 1 AS room
	FROM (SELECT i.place, coalesce(f.outcome, 'sent') AS outcome, f.thing, u.names AS users,
			n.names AS channels, c.ids AS channel_ids, t.version, coalesce(t.personal, false) AS personal,
			cardinality(u.names)::bigint * cardinality(n.names) AS deliveries
		FROM unnest(namespaces, templates, decide.channels, decide.users, groups, param_names, replies,
			links, attachments) WITH ORDINALITY AS i (namespace, template, channels, users, groups,
			param_names, reply, links, attachments, place)
		LEFT JOIN LATERAL (SELECT x.version, x.channel, x.needed, x.personal, x.has_receipt, x.deleted
			FROM notice.template x WHERE x.namespace = i.namespace AND x.id = i.template
			ORDER BY x.version DESC LIMIT 1) t ON i.template IS NOT NULL
		CROSS JOIN LATERAL (SELECT string_to_array(
			coalesce(i.channels, nullif(t.channel, ''), 'site'), ',') AS names OFFSET 0) n
		CROSS JOIN LATERAL (SELECT array_agg(x.id ORDER BY g.place) AS ids,
				min(g.name) FILTER (WHERE x.id IS NULL AND g.name <> 'site') AS unknown,
				min(x.name) FILTER (WHERE NOT x.enabled) AS disabled, min(x.name) AS outward
			FROM unnest(n.names) WITH ORDINALITY AS g (name, place)
			LEFT JOIN notice.channel x ON x.namespace = i.namespace AND x.name = g.name) c
		CROSS JOIN LATERAL (SELECT CASE WHEN i.groups IS NULL THEN string_to_array(i.users, ',')
			ELSE notice.members_of(i.namespace, string_to_array(i.groups, ',')) END AS names OFFSET 0) u
		LEFT JOIN LATERAL (SELECT x.outcome, x.thing FROM (
				SELECT 1 AS place, 'no template' AS outcome, i.template AS thing
				WHERE i.template IS NOT NULL AND t.deleted IS NOT false
				UNION ALL
				SELECT 2, 'no group', notice.unknown_group(i.namespace, string_to_array(i.groups, ','))
				WHERE i.groups IS NOT NULL
				UNION ALL
				SELECT 3, 'no channel', c.unknown
				UNION ALL
				SELECT 4, 'disabled', c.disabled
				UNION ALL
				SELECT 5, 'missing', (SELECT p.name FROM unnest(t.needed) WITH ORDINALITY AS p (name, place)
					WHERE p.name <> ALL (coalesce(i.param_names::text[], '{}')) ORDER BY p.place LIMIT 1)
				WHERE t.needed <> '{}'
				UNION ALL
				SELECT 6, 'no link', c.outward WHERE (i.reply OR t.has_receipt) AND NOT i.links
				UNION ALL
				SELECT 7, 'no attachment', (SELECT a.id::text
					FROM unnest(i.attachments::uuid[]) WITH ORDINALITY AS a (id, place)
					WHERE NOT EXISTS (SELECT FROM notice.attachment k
						WHERE k.id = a.id AND k.namespace = i.namespace)
					ORDER BY a.place LIMIT 1)
				WHERE i.attachments <> '{}') x
			WHERE x.thing IS NOT NULL ORDER BY x.place LIMIT 1) f ON true) s) r
	ORDER BY r.place);
END $$;
COMMENT ON FUNCTION notice.decide(text[], text[], text[], text[], text[], text[], boolean[], boolean[], text[]) IS
	'What becomes of sends, one array element each, in their order; parameters as notice.send''s.';

-- --- audit --------------------------------------------------------------------------------------

CREATE FUNCTION notice.record_sends(decided notice.decision[], notice_ids uuid[], senders text[],
	titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[],
	addresses text[], nodes text[], trace_ids text[]) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
BEGIN
	PERFORM audit.append(array_agg(gen_random_uuid()), array_agg(NULL::timestamptz), array_agg(1),
		array_agg(0), array_agg('notice'::audit.severity), array_agg('junction.notice'::text),
		array_agg(i.node), array_agg('notice sent'::text), array_agg('notice:' || i.notice_id),
		array_agg(i.user_name), array_agg(i.application), array_agg(i.roles), array_agg(i.address),
		array_agg(i.node), array_agg(i.trace_id),
		array_agg(json_strip_nulls(json_build_object('sender', i.sender, 'title', i.title,
			'channels', d.channels, 'users', cardinality(d.users),
			'groups', (string_to_array(i.groups, ','))[1:100], 'template', i.template,
			'deliveries', d.deliveries))),
		array_agg(NULL::text), array_agg(NULL::bytea), array_agg(NULL::bigint))
	FROM unnest(decided) AS d
	JOIN unnest(notice_ids, senders, titles, templates, groups, user_names, applications,
		record_sends.roles, addresses, nodes, trace_ids) WITH ORDINALITY AS i (notice_id, sender, title,
		template, groups, user_name, application, roles, address, node, trace_id, place)
		ON i.place = d.place;
END $$;
COMMENT ON FUNCTION notice.record_sends(notice.decision[], uuid[], text[], text[], text[], text[], text[],
	text[], text[], text[], text[], text[]) IS
	'Writes sends into the audit: namespace junction.notice, opt_type 1, target "notice:ID"; ext: what was sent to whom (the first 100 groups).';

-- --- sending ------------------------------------------------------------------------------------

CREATE FUNCTION notice.send(notice_ids uuid[], namespaces text[], senders text[], titles text[],
	messages text[], params text[], param_names text[], templates text[], channels text[], users text[],
	groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[],
	key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[],
	nodes text[], trace_ids text[])
	RETURNS TABLE (r_place integer, r_outcome text, r_thing text, r_notice_id uuid, r_deliveries bigint,
		r_channel_ids text, r_users text, r_at_once boolean)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	decided notice.decision[];
	left_out integer[] := '{}';
	first bigint;
	receipt timestamptz;
BEGIN
	IF '{}' <> ANY (attachments) THEN
		-- What no notice carries is removed at some time.
		PERFORM notice.lock_positions();
		PERFORM FROM notice.attachment a WHERE a.id IN (SELECT unnest(g.ids::uuid[])
			FROM unnest(attachments) AS g (ids)) ORDER BY a.id FOR UPDATE;
	END IF;
	decided := notice.decide(namespaces, templates, channels, users, groups, param_names, replies, links,
		attachments);
	PERFORM notice.lock_positions();
	IF EXISTS (SELECT FROM unnest(keys) AS k WHERE k IS NOT NULL) THEN
		FOR r_place, r_outcome, r_notice_id, r_deliveries IN
			SELECT i.place, CASE WHEN i.hash = coalesce(k.request_hash, hashes[i.first_place])
					THEN 'repeated' ELSE 'conflict' END,
				coalesce(k.notice_id, notice_ids[i.first_place]),
				coalesce(k.deliveries, decided[i.first_place].deliveries)
			FROM (SELECT g.namespace, coalesce(g.application, '') AS application, g.key, g.hash,
					d.place, min(d.place) FILTER (WHERE d.outcome = 'sent') OVER (
						PARTITION BY g.namespace, coalesce(g.application, ''), g.key) AS first_place
				FROM unnest(decided) AS d
				JOIN unnest(namespaces, applications, keys, hashes) WITH ORDINALITY
					AS g (namespace, application, key, hash, place) ON g.place = d.place
				WHERE g.key IS NOT NULL) i
			LEFT JOIN notice.idempotency k ON k.namespace = i.namespace
				AND k.application = i.application AND k.key = i.key AND k.expires_at > clock_timestamp()
			WHERE k.notice_id IS NOT NULL OR i.place > i.first_place
		LOOP
			left_out := left_out || r_place;
			RETURN NEXT;
		END LOOP;
	END IF;
	RETURN QUERY SELECT d.place, d.outcome, d.thing, NULL::uuid, NULL::bigint, NULL, NULL, NULL::boolean
	FROM unnest(decided) AS d WHERE d.outcome <> 'sent' AND d.place <> ALL (left_out);
	IF FOUND OR left_out <> '{}' THEN
		decided := ARRAY(SELECT d FROM unnest(decided) AS d
			WHERE d.outcome = 'sent' AND d.place <> ALL (left_out) ORDER BY d.place);
		IF decided = '{}' THEN
			RETURN;
		END IF;
	END IF;
	first := notice.take_positions(decided[cardinality(decided)].room_before
		+ decided[cardinality(decided)].room);
	receipt := event.time_at(first);
	PERFORM notice.deliver(ARRAY(SELECT ROW(first + d.room_before, first + d.room_before + 1,
			namespaces[d.place], d.users, d.channels, d.channel_ids)::notice.portion
		FROM unnest(decided) AS d WHERE d.at_once), receipt);
	IF false = ANY (SELECT d.at_once FROM unnest(decided) AS d) THEN
		INSERT INTO notice.part (notice_position, number, users, channel_ids)
		SELECT first + d.room_before, u.number, u.names, d.channel_ids
		FROM unnest(decided) AS d
		CROSS JOIN LATERAL (SELECT (g.place - 1) / greatest(1, 1000 / cardinality(d.channels)) + 1,
				array_agg(g.name)
			FROM unnest(d.users) WITH ORDINALITY AS g (name, place) GROUP BY 1) AS u (number, names)
		WHERE NOT d.at_once;
	END IF;
	INSERT INTO notice.notice (position, notice_id, time, namespace, sender, title, message, params,
		template, template_version, channels, groups, attachments, reply, personal, deliveries, user_name,
		application, address, node, trace_id)
	SELECT first + d.room_before, i.notice_id, receipt, i.namespace, i.sender, i.title,
		i.message, i.params, i.template, d.template_version, d.channels,
		coalesce(string_to_array(i.groups, ','), '{}'), i.attachments::uuid[], i.reply, d.personal,
		d.deliveries, i.user_name, i.application, i.address, i.node, i.trace_id
	FROM unnest(decided) AS d
	JOIN unnest(notice_ids, namespaces, senders, titles, messages, params, templates, groups, attachments,
		replies, user_names, applications, addresses, nodes, trace_ids) WITH ORDINALITY AS i (notice_id,
		namespace, sender, title, message, params, template, groups, attachments, reply, user_name,
		application, address, node, trace_id, place) ON i.place = d.place;
	IF EXISTS (SELECT FROM unnest(keys) AS k WHERE k IS NOT NULL) THEN
		INSERT INTO notice.idempotency (namespace, application, key, request_hash, notice_id, deliveries,
			expires_at)
		SELECT i.namespace, coalesce(i.application, ''), i.key, i.hash, i.notice_id, d.deliveries,
			clock_timestamp() + i.ms * interval '1 millisecond'
		FROM unnest(decided) AS d
		JOIN unnest(notice_ids, namespaces, applications, keys, hashes, key_ms) WITH ORDINALITY
			AS i (notice_id, namespace, application, key, hash, ms, place) ON i.place = d.place
		WHERE i.key IS NOT NULL
		ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE SET request_hash = excluded.request_hash,
			notice_id = excluded.notice_id, deliveries = excluded.deliveries,
			expires_at = excluded.expires_at;
	END IF;
	IF '{}' <> ANY (attachments) THEN
		UPDATE notice.attachment a SET used_at = u.position
		FROM (SELECT g.id, max(first + d.room_before) AS position FROM unnest(decided) AS d
			CROSS JOIN LATERAL unnest(attachments[d.place]::uuid[]) AS g (id) GROUP BY g.id) u
		WHERE a.id = u.id;
	END IF;
	PERFORM notice.record_sends(decided, notice_ids, senders, titles, templates, groups, user_names,
		applications, roles, addresses, nodes, trace_ids);
	RETURN QUERY SELECT d.place, 'sent', NULL, notice_ids[d.place], d.deliveries,
		array_to_json(array_remove(d.channel_ids, NULL))::text,
		CASE WHEN d.at_once AND 'site' = ANY (d.channels) THEN array_to_json(d.users)::text END, d.at_once
	FROM unnest(decided) AS d;
END $$;
COMMENT ON FUNCTION notice.send(uuid[], text[], text[], text[], text[], text[], text[], text[], text[],
	text[], text[], text[], boolean[], boolean[], text[], bytea[], bigint[], text[], text[], text[], text[],
	text[], text[]) IS
	'Sends notices, one array element each, in the order of the elements. channels, users, groups: parted by commas, each once; channels NULL: the template''s, else site; users NULL: to groups. param_names and attachments: the text of an array. links: the server makes receipt links. Gives for each its place from 1 and what came of it: sent, with its id, the number of its deliveries, JSON lists of the channels'' ids and, if they were made at once, of the users who got it on site; repeated: the Idempotency-Key has sent the same before, with that notice''s id; conflict: it has sent something else; or why it was not sent: no template, no group, no channel, disabled (channel), missing (parameter), no link (a receipt link is needed on that channel), no attachment, and which one. What is not sent leaves nothing behind. Deliveries beyond 200 are made later, by notice.spread. One batch at a time, as notice.lock_positions() says.';

-- --- large sends --------------------------------------------------------------------------------

CREATE FUNCTION notice.spread(of_notice bigint DEFAULT NULL)
	RETURNS TABLE (r_channel_ids text, r_users text, r_namespace text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	part notice.part;
	n record;
	first bigint;
BEGIN
	IF NOT EXISTS (SELECT FROM notice.part p
		WHERE p.notice_position = coalesce(of_notice, p.notice_position)) THEN
		RETURN;
	END IF;
	PERFORM notice.lock_positions();
	DELETE FROM notice.part p WHERE (p.notice_position, p.number) = (SELECT x.notice_position, x.number
		FROM notice.part x WHERE x.notice_position = coalesce(of_notice, x.notice_position)
		ORDER BY x.notice_position, x.number LIMIT 1)
	RETURNING p.* INTO part;
	IF part.number IS NULL THEN
		RETURN;
	END IF;
	SELECT x.namespace, x.channels INTO n FROM notice.notice x WHERE x.position = part.notice_position;
	IF FOUND THEN
		first := notice.take_positions(cardinality(part.users)::bigint * cardinality(n.channels));
		PERFORM notice.deliver(ARRAY[ROW(part.notice_position, first, n.namespace, part.users, n.channels,
			part.channel_ids)::notice.portion], event.time_at(first));
	END IF;
	r_namespace := n.namespace;
	r_channel_ids := array_to_json(array_remove(part.channel_ids, NULL));
	r_users := CASE WHEN 'site' = ANY (n.channels) THEN array_to_json(part.users) END;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.spread(bigint) IS
	'Makes the deliveries of one part of a large send, of that notice or (NULL) of the oldest. Gives JSON lists of the ids of its channels and, if it went to site, of its users, and their namespace; no row: there is none left.';

REVOKE ALL ON FUNCTION notice.lock_positions, notice.take_positions, notice.deliver, notice.unknown_group,
	notice.members_of, notice.decide, notice.record_sends, notice.send, notice.spread FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.send, notice.spread TO junction_app;
