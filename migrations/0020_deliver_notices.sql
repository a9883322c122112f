-- Deliveries are taken by the server in charge of their channel, and what came of them is written.

CREATE UNLOGGED TABLE notice.charge (
	channel_id integer NOT NULL,
	node text COLLATE "C" NOT NULL,
	number bigint NOT NULL,
	CONSTRAINT charge_pkey PRIMARY KEY (channel_id),
	CONSTRAINT charge_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES notice.channel (id) ON DELETE CASCADE
);
COMMENT ON TABLE notice.charge IS
	'Which server may take deliveries of a channel: the last one that has claimed it. After a crash there is none until one claims it again.';
COMMENT ON COLUMN notice.charge.channel_id IS 'The channel.';
COMMENT ON COLUMN notice.charge.node IS 'The server: hostname-starttime.';
COMMENT ON COLUMN notice.charge.number IS 'Of its claim: what it asked for before it claimed again gives nothing any more.';

CREATE FUNCTION notice.renew_member(name text, alive interval) RETURNS SETOF text
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO notice.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM notice.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM notice.member m
	WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;
COMMENT ON FUNCTION notice.renew_member(text, interval) IS
	'Says that a server sends, and gives those that have said so lately.';

CREATE FUNCTION notice.leave_member(name text) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	BEGIN ATOMIC
		DELETE FROM notice.member m WHERE m.name = leave_member.name;
	END;
COMMENT ON FUNCTION notice.leave_member(text) IS 'Says that this server is about to end.';

-- --- what is open -------------------------------------------------------------------------------

CREATE FUNCTION notice.open_channels() RETURNS TABLE (r_channel integer, r_due_ms bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off AS $$
	WITH RECURSIVE open AS (
		(SELECT d.channel_id, d.due FROM notice.delivery d WHERE d.due IS NOT NULL
			ORDER BY d.channel_id, d.due LIMIT 1)
		UNION ALL
		SELECT n.channel_id, n.due FROM open o CROSS JOIN LATERAL (
			SELECT d.channel_id, d.due FROM notice.delivery d
			WHERE d.due IS NOT NULL AND d.channel_id > o.channel_id
			ORDER BY d.channel_id, d.due LIMIT 1) n)
	SELECT o.channel_id, event.due_ms(o.due) FROM open o
$$;
COMMENT ON FUNCTION notice.open_channels() IS
	'The ids of channels, deleted ones, too, with deliveries that something is still to happen to by itself, and in how many milliseconds the first is due. Reads one row of each.';

CREATE FUNCTION notice.close_deleted(of_channel integer, most integer) RETURNS bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
	now_ timestamptz := clock_timestamp();
	closed bigint;
BEGIN
	IF EXISTS (SELECT FROM notice.channel c WHERE c.id = of_channel) THEN
		RETURN 0;
	END IF;
	WITH gone AS (
		UPDATE notice.delivery d
		SET state = CASE d.state WHEN 'waiting' THEN 'failed' WHEN 'sending' THEN 'unknown' ELSE d.state END,
			at = CASE WHEN d.state IN ('waiting', 'sending') THEN now_ ELSE d.at END,
			due = NULL,
			code = CASE d.state WHEN 'waiting' THEN 'channel_deleted' WHEN 'sending' THEN 'server_lost'
				ELSE d.code END,
			text = CASE d.state WHEN 'waiting' THEN 'the channel was deleted'
				WHEN 'sending' THEN 'its server ended while it sent it' ELSE d.text END
		WHERE d.position = ANY (ARRAY(SELECT x.position FROM notice.delivery x
				WHERE x.channel_id = of_channel AND x.due IS NOT NULL
					AND (x.state <> 'sending' OR x.due <= now_)
				ORDER BY x.due, x.position LIMIT most FOR UPDATE SKIP LOCKED))
		RETURNING d.position, d.attempts, d.code, d.text, d.state),
	ended AS (
		UPDATE notice.attempt a SET state = 'unknown', code = g.code, text = g.text
		FROM gone g WHERE g.code = 'server_lost' AND a.position = g.position AND a.number = g.attempts
			AND a.state = 'sending')
	SELECT count(*) INTO closed FROM gone;
	RETURN closed;
END $$;
COMMENT ON FUNCTION notice.close_deleted(integer, integer) IS
	'What waits for a channel that was deleted fails, what a server died in is unknown, nobody is asked any more: so many deliveries at most. How many it did; 0 if the channel is there.';

-- --- taking -------------------------------------------------------------------------------------

CREATE FUNCTION notice.give_back(of_node text, positions bigint[], numbers integer[]) RETURNS void
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
	WITH taken AS MATERIALIZED (
		SELECT i.position, i.number FROM unnest(positions, numbers) AS i (position, number)
		CROSS JOIN LATERAL (SELECT 1 FROM notice.attempt a WHERE a.position = i.position
			AND a.number = i.number AND a.node = of_node AND a.state = 'sending' OFFSET 0) a),
	given AS (
		UPDATE notice.delivery d
		SET state = CASE d.state WHEN 'sending' THEN
				CASE WHEN d.cancelled THEN 'cancelled' ELSE 'waiting' END::notice.state ELSE d.state END,
			at = CASE d.state WHEN 'sending' THEN clock_timestamp() ELSE d.at END,
			due = CASE WHEN d.state = 'sending' AND d.cancelled THEN NULL ELSE clock_timestamp() END,
			attempts = d.attempts - 1
		FROM taken t WHERE d.position = t.position AND d.attempts = t.number
			AND d.state IN ('sending', 'sent', 'unknown')
		RETURNING t.position, t.number)
	DELETE FROM notice.attempt a USING given g WHERE a.position = g.position AND a.number = g.number
$$;
COMMENT ON FUNCTION notice.give_back(text, bigint[], integer[]) IS
	'What was taken and not tried is as if it had not been taken. May be repeated as long as the server takes nothing in between.';

CREATE FUNCTION notice.claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint,
	held bigint[]) RETURNS SETOF bigint
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
	SET enable_mergejoin = off SET jit = off AS $$
DECLARE
	now_ timestamptz := clock_timestamp();
	lost_positions bigint[];
	lost_numbers integer[];
BEGIN
	-- Waits for whoever takes just now.
	INSERT INTO notice.charge AS h (channel_id, node, number)
	SELECT c.id, of_node, of_number FROM notice.channel c WHERE c.id = of_channel
	ON CONFLICT ON CONSTRAINT charge_pkey DO UPDATE SET node = excluded.node, number = excluded.number;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF doubtful_ms IS NOT NULL THEN
		SELECT array_agg(d.position), array_agg(d.attempts) INTO lost_positions, lost_numbers
		FROM notice.delivery d
		WHERE d.channel_id = of_channel AND d.due > now_ - doubtful_ms * interval '1 millisecond'
			AND d.state IN ('sending', 'sent', 'unknown') AND d.position <> ALL (held);
		PERFORM notice.give_back(of_node, lost_positions, lost_numbers);
	END IF;
	RETURN QUERY
	SELECT (date_part('epoch', now_ - u.at) * 1000)::bigint - c.timeout_ms
	FROM notice.quota_use u JOIN notice.channel c ON c.id = u.channel_id
	WHERE u.channel_id = of_channel AND c.quota > 0
		AND u.at > now_ - (c.quota_ms + c.timeout_ms) * interval '1 millisecond'
	ORDER BY u.at;
END $$;
COMMENT ON FUNCTION notice.claim(integer, text, bigint, bigint, bigint[]) IS
	'From now on only this server, with this number, takes deliveries of a channel. doubtful_ms: so long ago it asked for some and got no answer; what it took since then and does not hold is given back; NULL: it did not. Gives for each message that counts against the channel''s quota how many milliseconds ago it had ended at the latest, the oldest first; negative: it may be under way.';

CREATE FUNCTION notice.take(of_channel integer, of_node text, of_number bigint, most_messages integer,
	most_each integer, lease_ms bigint, can_ask boolean, repeats boolean)
	RETURNS TABLE (r_message integer, r_ask boolean, r_position bigint, r_notice bigint, r_user text,
		r_address text, r_language text, r_attempt integer, r_message_id text, r_due_ms bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
	SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off SET jit = off AS $$
DECLARE
	now_ timestamptz;
	lease_end timestamptz;
	taken bigint[];
	messages integer[];
	begun bigint;
	again bigint[];
BEGIN
	r_message := -1;
	SELECT CASE WHEN repeats THEN c.schedule_ms END INTO again FROM notice.charge h JOIN notice.channel c ON c.id = h.channel_id
	WHERE h.channel_id = of_channel AND h.node = of_node AND h.number = of_number AND c.enabled
	FOR SHARE OF h;
	IF NOT FOUND THEN
		RETURN NEXT;
		RETURN;
	END IF;
	now_ := clock_timestamp();
	lease_end := now_ + lease_ms * interval '1 millisecond';
	WITH due AS MATERIALIZED (
		SELECT d.position, d.notice_position, d.language, d.state, d.due FROM notice.delivery d
		WHERE d.channel_id = of_channel AND d.due <= now_
		ORDER BY d.due, d.position LIMIT most_messages * most_each FOR UPDATE SKIP LOCKED),
	shared AS (
		SELECT d.*, most_each > 1 AND d.state = 'waiting' AND NOT coalesce((SELECT n.personal
			FROM notice.notice n WHERE n.position = d.notice_position), true) AS together
		FROM due d),
	parted AS (
		SELECT s.*, CASE WHEN s.together THEN (row_number() OVER (
				PARTITION BY s.together, s.notice_position, s.language ORDER BY s.due, s.position) - 1)
			/ most_each ELSE s.position END AS part
		FROM shared s),
	led AS (
		SELECT p.*, first_value(p.due) OVER same AS first_due, first_value(p.position) OVER same AS first
		FROM parted p
		WINDOW same AS (PARTITION BY p.together, p.notice_position, p.language, p.part
			ORDER BY p.due, p.position)),
	numbered AS (
		SELECT l.position, l.state, (dense_rank() OVER (ORDER BY l.first_due, l.first))::integer AS message
		FROM led l)
	SELECT array_agg(n.position ORDER BY n.message, n.position),
		array_agg(n.message ORDER BY n.message, n.position),
		count(DISTINCT n.message) FILTER (WHERE n.state = 'waiting')
	INTO taken, messages, begun
	FROM numbered n WHERE n.message <= most_messages;
	-- What is begun is due when its lease ends.
	RETURN QUERY
	WITH moved AS (
		UPDATE notice.delivery d
		SET state = CASE WHEN d.state = 'waiting' THEN 'sending'
				WHEN d.state <> 'sending' THEN d.state
				WHEN d.cancelled OR again[d.tries + 1] IS NULL THEN 'unknown' ELSE 'waiting' END,
			at = CASE WHEN d.state IN ('waiting', 'sending') THEN now_ ELSE d.at END,
			due = CASE WHEN d.state = 'waiting' THEN lease_end
				WHEN d.state <> 'sending' THEN CASE WHEN can_ask THEN lease_end END
				WHEN NOT d.cancelled AND again[d.tries + 1] IS NOT NULL
					THEN now_ + again[d.tries + 1] * interval '1 millisecond'
				WHEN can_ask THEN now_ END,
			tries = d.tries + (d.state = 'sending' AND again[d.tries + 1] IS NOT NULL)::integer,
			attempts = d.attempts + (d.state = 'waiting' OR d.state <> 'sending' AND can_ask)::integer,
			code = CASE d.state WHEN 'sending' THEN 'server_lost' ELSE d.code END,
			text = CASE d.state WHEN 'sending' THEN 'its server ended while it sent it' ELSE d.text END
		WHERE d.position = ANY (taken)
		RETURNING d.*),
	begins AS (
		INSERT INTO notice.attempt (position, number, at, node, asked)
		SELECT m.position, m.attempts, now_, of_node, m.state <> 'sending' FROM moved m
		WHERE m.due = lease_end AND m.state <> 'waiting'),
	ends AS (
		UPDATE notice.attempt a SET state = m.state, code = m.code, text = m.text
		FROM moved m WHERE (m.due = lease_end AND m.state <> 'waiting') IS NOT TRUE
			AND a.position = m.position AND a.number = m.attempts AND a.state = 'sending'
			AND NOT a.asked)
	SELECT i.message, m.state <> 'sending', m.position, m.notice_position, m.user_name, m.address,
		m.language, m.attempts, m.message_id, NULL::bigint
	FROM unnest(taken, messages) WITH ORDINALITY AS i (position, message, place)
	JOIN moved m ON m.position = i.position
	WHERE m.due = lease_end AND m.state <> 'waiting'
	ORDER BY i.place;
	INSERT INTO notice.quota_use (channel_id, at)
	SELECT c.id, now_ FROM notice.channel c CROSS JOIN generate_series(1, begun) AS i
	WHERE c.id = of_channel AND c.quota > 0;
	DELETE FROM notice.quota_use u USING notice.channel c
	WHERE c.id = of_channel AND u.channel_id = of_channel
		AND u.at <= now_ - (c.quota_ms + c.timeout_ms) * interval '1 millisecond';
	r_message := 0;
	r_due_ms := (SELECT event.due_ms(d.due) FROM notice.delivery d
		WHERE d.channel_id = of_channel AND d.due IS NOT NULL ORDER BY d.due, d.position LIMIT 1);
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.take(integer, text, bigint, integer, integer, bigint, boolean, boolean) IS
	'Takes the oldest deliveries of a channel that are due, for the server that has claimed it with that number, so many messages at most. What waits is sending until its lease ends; several of one notice in one language make a message, most_each at most, unless each user is told something else. What was sending when its lease ended is unknown, or waits for its next time by the channel''s schedule if the receiver tells repetitions. What was sent, or is unknown, is to be asked for (r_ask), or is left as it is if that cannot be done. A row for each that is to be sent or asked for, ordered by its message from 1; then one with r_message 0 and, if there is any, in how many milliseconds the next one is due. Or one alone with r_message -1: it has not claimed the channel, or that is disabled.';

CREATE FUNCTION notice.conclude(of_node text, positions bigint[], numbers integer[],
	outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[],
	pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[])
	RETURNS TABLE (r_place integer, r_due_ms bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
	SET enable_mergejoin = off SET jit = off AS $$
DECLARE
	now_ timestamptz;
BEGIN
	PERFORM FROM notice.delivery d WHERE d.position = ANY (positions) ORDER BY d.position FOR UPDATE;
	IF true = ANY (untried) THEN
		PERFORM notice.give_back(of_node, array_agg(i.position), array_agg(i.number))
		FROM unnest(positions, numbers, untried) AS i (position, number, untried) WHERE i.untried;
	END IF;
	now_ := clock_timestamp();
	RETURN QUERY
	WITH told AS MATERIALIZED (
		SELECT i.*, d.state AS was, d.tries, d.cancelled, a.asked, s.at AS sent_at,
			(SELECT c.schedule_ms[d.tries + 1] FROM notice.channel c WHERE c.id = d.channel_id) AS next_ms,
			d.attempts = i.number AND CASE WHEN a.asked THEN d.state IN ('sent', 'unknown')
				ELSE d.state IN ('sending', 'waiting', 'unknown') END AS counts
		FROM unnest(positions, numbers, outcomes, untried, repeats, throttled, pauses_ms, asks_ms,
			latencies_ms, message_ids, codes, texts) WITH ORDINALITY AS i (position, number, outcome,
			untried, repeats, throttled, pause_ms, ask_ms, latency_ms, message_id, code, text, place)
		CROSS JOIN LATERAL (SELECT * FROM notice.delivery x WHERE x.position = i.position OFFSET 0) d
		-- What it says counts once, and more than that the lease had run out.
		CROSS JOIN LATERAL (SELECT x.asked FROM notice.attempt x WHERE x.position = i.position
			AND x.number = i.number AND x.node = of_node
			AND (x.state = 'sending' OR x.code = 'server_lost') OFFSET 0) a
		CROSS JOIN LATERAL (SELECT max(x.at) AS at FROM notice.attempt x
			WHERE x.position = i.position AND NOT x.asked) s
		WHERE NOT i.untried),
	decided AS (
		SELECT t.*, CASE
				WHEN t.outcome = 'unknown' AND t.asked THEN t.was
				WHEN t.outcome = 'unknown' AND t.repeats AND t.next_ms IS NOT NULL AND NOT t.cancelled
					THEN 'waiting'
				WHEN t.outcome <> 'waiting' THEN t.outcome
				WHEN t.cancelled THEN 'cancelled'
				WHEN t.throttled OR t.next_ms IS NOT NULL THEN 'waiting'
				ELSE 'failed' END::notice.state AS state
		FROM told t),
	timed AS (
		SELECT d.*, CASE
				WHEN d.state = 'waiting' AND d.throttled THEN now_ + d.pause_ms * interval '1 millisecond'
				WHEN d.state = 'waiting'
					THEN now_ + d.next_ms * (0.9 + 0.2 * random()) * interval '1 millisecond'
				WHEN d.state IN ('sent', 'unknown') AND d.ask_ms > 0
					AND now_ + d.ask_ms * interval '1 millisecond' <= d.sent_at + interval '24 hours'
					THEN now_ + d.ask_ms * interval '1 millisecond' END AS due
		FROM decided d),
	ended AS (
		UPDATE notice.attempt a
		SET state = t.state, latency_ms = t.latency_ms, message_id = t.message_id, code = t.code,
			text = t.text
		FROM timed t WHERE a.position = t.position AND a.number = t.number),
	moved AS (
		UPDATE notice.delivery d
		SET state = CASE WHEN t.counts THEN t.state ELSE d.state END,
			at = CASE WHEN t.counts AND d.state <> t.state THEN now_ ELSE d.at END,
			due = CASE WHEN t.counts THEN t.due ELSE d.due END,
			tries = CASE WHEN t.counts AND t.state IN ('waiting', 'failed') AND t.outcome IN ('waiting', 'unknown')
					AND NOT t.throttled
				THEN d.tries + 1 ELSE d.tries END,
			message_id = CASE WHEN t.counts THEN coalesce(t.message_id, d.message_id)
				ELSE coalesce(d.message_id, t.message_id) END,
			code = CASE WHEN t.counts THEN t.code ELSE d.code END,
			text = CASE WHEN t.counts THEN t.text ELSE d.text END
		FROM timed t WHERE d.position = t.position)
	SELECT t.place::integer, event.due_ms(t.due) FROM timed t
	WHERE t.counts AND t.due IS NOT NULL
	UNION ALL
	SELECT i.place::integer, 0 FROM unnest(untried) WITH ORDINALITY AS i (untried, place) WHERE i.untried;
END $$;
COMMENT ON FUNCTION notice.conclude(text, bigint[], integer[], notice.state[], boolean[], boolean[],
	boolean[], bigint[], bigint[], double precision[], text[], text[], text[]) IS
	'What came of a server''s attempts, one array element each. untried: it is as if the delivery had not been taken. waiting: to be tried again as the channel''s schedule says, or, throttled, after the pause; after its last time it has failed, and one that was cancelled meanwhile is. unknown, if the receiver tells repetitions, the same, but after its last time it stays unknown. sent and unknown are asked about in ask_ms, until a day after it was sent. How a delivery stands that has moved on meanwhile, by a receipt, a report or a new attempt, is left as it is. Gives the places of those that something is to happen to, and in how many milliseconds. May be repeated.';

REVOKE ALL ON FUNCTION notice.renew_member(text, interval), notice.leave_member(text),
	notice.open_channels(), notice.close_deleted(integer, integer),
	notice.give_back(text, bigint[], integer[]),
	notice.claim(integer, text, bigint, bigint, bigint[]),
	notice.take(integer, text, bigint, integer, integer, bigint, boolean, boolean),
	notice.conclude(text, bigint[], integer[], notice.state[], boolean[], boolean[],
		boolean[], bigint[], bigint[], double precision[], text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.renew_member(text, interval), notice.leave_member(text),
	notice.open_channels(), notice.close_deleted(integer, integer),
	notice.claim(integer, text, bigint, bigint, bigint[]),
	notice.take(integer, text, bigint, integer, integer, bigint, boolean, boolean),
	notice.conclude(text, bigint[], integer[], notice.state[], boolean[], boolean[],
		boolean[], bigint[], bigint[], double precision[], text[], text[], text[]) TO junction_app;
GRANT SELECT ON notice.charge TO junction_app, junction_reader;
