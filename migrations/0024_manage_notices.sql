-- Files that notices carry; how deliveries are listed, sent again and cancelled; what is dropped; and what
-- database administrators look at.

-- --- attachments --------------------------------------------------------------------------------

CREATE TABLE notice.upload (
	attachment_id uuid NOT NULL,
	begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT upload_pkey PRIMARY KEY (attachment_id)
);
COMMENT ON TABLE notice.upload IS 'Attachments that have parts and no row yet. What is not completed within a day goes.';
COMMENT ON COLUMN notice.upload.attachment_id IS 'The id that it will have.';
COMMENT ON COLUMN notice.upload.begun_at IS 'When its first part came.';

CREATE INDEX attachment_unused ON notice.attachment (created_at) WHERE used_at IS NULL;
COMMENT ON INDEX notice.attachment_unused IS 'Those that no notice carries.';
CREATE INDEX attachment_by_use ON notice.attachment (used_at) WHERE used_at IS NOT NULL;
COMMENT ON INDEX notice.attachment_by_use IS 'By the last notice that carries them.';
CREATE INDEX attachment_by_file ON notice.attachment (namespace, file_id, created_at) WHERE file_id IS NOT NULL;
COMMENT ON INDEX notice.attachment_by_file IS 'What was read in the file service.';

CREATE FUNCTION notice.put_attachment_part(of_attachment uuid, of_number integer, content bytea) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF of_number = 1 THEN
		INSERT INTO notice.upload (attachment_id) VALUES (of_attachment);
	END IF;
	INSERT INTO notice.attachment_part (attachment_id, number, bytes) VALUES (of_attachment, of_number, content);
END $$;
COMMENT ON FUNCTION notice.put_attachment_part(uuid, integer, bytea) IS
	'Keeps the next piece of an attachment, from number 1 on, at most 256 KiB.';

CREATE FUNCTION notice.put_attachment(of_attachment uuid, of_namespace text, of_name text,
	of_content_type text, of_size bigint, of_file_id text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	DELETE FROM notice.upload u WHERE u.attachment_id = of_attachment;
	IF NOT FOUND AND of_size > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = 'the content took longer than a day to come';
	END IF;
	INSERT INTO notice.attachment (id, namespace, name, content_type, size, file_id)
	VALUES (of_attachment, of_namespace, of_name, of_content_type, of_size, of_file_id);
END $$;
COMMENT ON FUNCTION notice.put_attachment(uuid, text, text, text, bigint, text) IS
	'Completes an attachment when its last part is there. JN412: its parts have gone.';

CREATE FUNCTION notice.first_kept() RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT event.position_at(to_date(min(right(c.relname, 7)), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC')
	FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
	WHERE h.inhparent = 'notice.notice'::regclass
$$;
COMMENT ON FUNCTION notice.first_kept() IS 'The first position of the oldest month that is kept.';

CREATE FUNCTION notice.find_attachments(of_namespace text, given text[])
	RETURNS TABLE (r_place integer, r_id uuid)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT g.place::integer, coalesce(a.id, (SELECT f.id FROM notice.attachment f
		WHERE f.namespace = of_namespace AND f.file_id = g.id
			AND f.created_at > clock_timestamp() - interval '1 day'
		ORDER BY f.created_at DESC LIMIT 1))
	FROM unnest(given) WITH ORDINALITY AS g (id, place)
	LEFT JOIN notice.attachment a ON a.namespace = of_namespace
		AND a.id = CASE WHEN g.id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN g.id::uuid END
		AND CASE WHEN a.used_at IS NULL THEN a.created_at > clock_timestamp() - interval '1 day'
			ELSE a.used_at >= notice.first_kept() END
	ORDER BY g.place
$$;
COMMENT ON FUNCTION notice.find_attachments(text, text[]) IS
	'Which of these a notice may carry: for each its place from 1 and its id, also of what was read in the file service by that id within a day; NULL if it is none of ours, or about to go.';

CREATE FUNCTION notice.sweep_attachments(most integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	-- Later than notice.find_attachments() gives them: what is being sent now does not go.
	unused timestamptz := clock_timestamp() - interval '25 hours';
	kept bigint := notice.first_kept();
	gone uuid[];
BEGIN
	WITH u AS (DELETE FROM notice.upload x WHERE x.attachment_id IN (SELECT i.attachment_id
			FROM notice.upload i WHERE i.begun_at < unused - interval '1 hour' LIMIT most)
		RETURNING x.attachment_id)
	SELECT array_agg(u.attachment_id) INTO gone FROM u;
	IF gone IS NULL THEN
		WITH a AS (DELETE FROM notice.attachment x WHERE x.id IN (
				(SELECT i.id FROM notice.attachment i WHERE i.used_at IS NULL AND i.created_at < unused
					ORDER BY i.created_at LIMIT most)
				UNION ALL
				(SELECT i.id FROM notice.attachment i WHERE i.used_at < kept ORDER BY i.used_at LIMIT most)
				LIMIT most)
			AND (x.used_at IS NULL OR x.used_at < kept)
			RETURNING x.id)
		SELECT array_agg(a.id) INTO gone FROM a;
	END IF;
	DELETE FROM notice.attachment_part p WHERE p.attachment_id = ANY (gone);
	RETURN coalesce(cardinality(gone), 0);
END $$;
COMMENT ON FUNCTION notice.sweep_attachments(integer) IS
	'Removes so many attachments at most that were not completed, or that no notice has carried, within a day, or whose last notice is not kept any more. Gives how many.';

CREATE FUNCTION notice.forget_keys(most integer) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH forgotten AS (DELETE FROM notice.idempotency i
		WHERE (i.namespace, i.application, i.key) IN (SELECT x.namespace, x.application, x.key
			FROM notice.idempotency x WHERE x.expires_at < clock_timestamp()
			ORDER BY x.expires_at LIMIT most)
			AND i.expires_at < clock_timestamp()
		RETURNING 1)
	SELECT count(*)::integer FROM forgotten
$$;
COMMENT ON FUNCTION notice.forget_keys(integer) IS 'Removes so many Idempotency-Keys at most that have expired. Gives how many.';

-- --- listing ------------------------------------------------------------------------------------

CREATE INDEX delivery_not_sent ON notice.delivery (namespace, position) WHERE state IN ('failed', 'unknown');
COMMENT ON INDEX notice.delivery_not_sent IS 'Those that did not arrive, or may not have.';

CREATE FUNCTION notice.unspread(of_position bigint) RETURNS bigint
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(sum(cardinality(p.users)), 0) FROM notice.part p WHERE p.notice_position = of_position
$$;
COMMENT ON FUNCTION notice.unspread(bigint) IS 'Recipients of a notice whose deliveries are still to be made.';

CREATE FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint,
	before bigint, most integer, most_bytes bigint, looked integer) RETURNS SETOF notice.notice
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	n notice.notice;
	found_count integer := 0;
	found_bytes bigint := 0;
	looked_at integer := 0;
BEGIN
	FOR n IN SELECT * FROM notice.notice x WHERE x.position >= lowest AND x.position < before
		ORDER BY x.position DESC LIMIT looked
	LOOP
		looked_at := looked_at + 1;
		CONTINUE WHEN n.namespace <> of_namespace OR n.sender <> of_sender OR n.template <> of_template
			OR (n.template IS NULL AND of_template IS NOT NULL);
		RETURN NEXT n;
		found_count := found_count + 1;
		found_bytes := found_bytes + octet_length(n.message) + coalesce(octet_length(n.params), 0);
		EXIT WHEN found_count = most OR found_bytes >= most_bytes;
	END LOOP;
	IF found_count = most OR found_bytes >= most_bytes OR looked_at = looked THEN
		RETURN NEXT json_populate_record(NULL::notice.notice, json_build_object('position', n.position));
	END IF;
END $$;
COMMENT ON FUNCTION notice.list_notices(text, text, text, bigint, bigint, integer, bigint, integer) IS
	'Notices before a position, the newest first, by what is not NULL: so many, and about so many bytes, at most, after having looked at so many. A last row with nothing but a position says before what to go on.';

CREATE FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text,
	of_state notice.state, of_code text, before bigint, most integer, looked integer)
	RETURNS SETOF notice.delivery
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	of_position bigint;
	d notice.delivery;
	found_count integer := 0;
	looked_at integer := 0;
BEGIN
	IF of_notice IS NOT NULL THEN
		SELECT n.position INTO of_position FROM notice.notice n
		WHERE n.notice_id = of_notice AND n.namespace = of_namespace;
		IF of_position IS NULL THEN
			RETURN;
		END IF;
	END IF;
	FOR d IN EXECUTE 'SELECT * FROM notice.delivery x WHERE x.position < $1 AND '
		|| CASE WHEN of_user IS NOT NULL THEN 'x.namespace = $2 AND x.user_name = $3'
			WHEN of_position IS NOT NULL THEN 'x.notice_position = $4 AND x.position > $4'
			WHEN of_state IN ('failed', 'unknown')
				THEN 'x.namespace = $2 AND x.state IN (''failed'', ''unknown'')'
			ELSE 'true' END
		|| ' ORDER BY x.position DESC LIMIT $5'
		USING before, of_namespace, of_user, of_position, looked
	LOOP
		looked_at := looked_at + 1;
		CONTINUE WHEN d.namespace <> of_namespace OR d.notice_position <> of_position
			OR d.channel <> of_channel OR d.state <> of_state
			OR (of_code IS NOT NULL AND d.code IS DISTINCT FROM of_code);
		RETURN NEXT d;
		found_count := found_count + 1;
		EXIT WHEN found_count = most;
	END LOOP;
	IF found_count = most OR looked_at = looked THEN
		RETURN NEXT json_populate_record(NULL::notice.delivery, json_build_object('position', d.position));
	END IF;
END $$;
COMMENT ON FUNCTION notice.list_deliveries(text, uuid, text, text, notice.state, text, bigint, integer, integer) IS
	'Deliveries before a position, the newest first, by what is not NULL: so many at most, after having looked at so many. A last row with nothing but a position says before what to go on.';

-- --- sending again, and not at all --------------------------------------------------------------

CREATE FUNCTION notice.record_change(caller json, of_position bigint, what text, ext json) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz], ARRAY[2], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.notice'], ARRAY[caller ->> 'node'], ARRAY[what],
		ARRAY['notice:' || n.notice_id], ARRAY[nullif(caller ->> 'user', '')],
		ARRAY[nullif(caller ->> 'application', '')], ARRAY[nullif(nullif(caller ->> 'roles', ''), '{}')],
		ARRAY[nullif(caller ->> 'address', '')], ARRAY[caller ->> 'node'],
		ARRAY[nullif(caller ->> 'trace', '')], ARRAY[ext], ARRAY[NULL::text], ARRAY[NULL::bytea],
		ARRAY[NULL::bigint])
	FROM notice.notice n WHERE n.position = of_position
$$;
COMMENT ON FUNCTION notice.record_change(json, bigint, text, json) IS
	'Writes into the audit what somebody did to a notice. caller: user, application, roles (the text of an array), address, node, trace. Holds the lock of audit.append() from then on: last in a transaction.';

CREATE FUNCTION notice.resend_some(of_position bigint, states notice.state[], of_channel text, users text[],
	after bigint, looked integer, caller json)
	RETURNS TABLE (r_resent bigint, r_last bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	moment timestamptz := clock_timestamp();
	up_to bigint;
	counted integer;
BEGIN
	SELECT max(c.position), count(*) INTO up_to, counted
	FROM (SELECT d.position FROM notice.delivery d
		WHERE d.notice_position = of_position AND d.position > after
		ORDER BY d.position LIMIT looked) c;
	-- Locked in the order of their positions, as everybody does who changes several.
	WITH wanted AS MATERIALIZED (
		SELECT d.position, d.namespace, d.user_name, d.channel FROM notice.delivery d
		WHERE d.notice_position = of_position AND d.position > after AND d.position <= up_to
			AND d.state = ANY (states)
			AND (of_channel IS NULL OR d.channel = of_channel)
			AND (users IS NULL OR d.user_name = ANY (users))
		ORDER BY d.position FOR UPDATE),
	resent AS (
		UPDATE notice.delivery d SET state = 'waiting', due = moment, at = moment, tries = 0,
			cancelled = false, address = r.addresses ->> w.channel, language = r.language,
			channel_id = c.id, message_id = NULL, code = NULL, text = NULL
		FROM wanted w
		JOIN notice.recipient r ON r.namespace = w.namespace AND r.user_name = w.user_name
		JOIN notice.channel c ON c.namespace = w.namespace AND c.name = w.channel
		WHERE d.position = w.position AND d.position > after AND d.position <= up_to
			AND r.addresses ->> w.channel <> ''
		RETURNING 1)
	SELECT count(*) INTO r_resent FROM resent;
	IF counted = looked THEN
		r_last := up_to;
	END IF;
	IF r_resent > 0 THEN
		PERFORM notice.record_change(caller, of_position, 'notice resent', json_strip_nulls(json_build_object(
			'count', r_resent, 'states', to_json(states), 'channel', of_channel,
			'users', cardinality(users))));
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.resend_some(bigint, notice.state[], text, text[], bigint, integer, json) IS
	'Lets deliveries of a notice wait again that stand in one of the states, on a channel and to users if these are not NULL, having looked at so many behind a position: by the channel of that name that is there now, to the addresses and in the languages that their recipients have now; without one of these they stay as they are, and so do those of site, which is no channel there. Gives how many, and behind what to go on; NULL: there are no more. Each step that resends some is in the audit.';

CREATE FUNCTION notice.cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json)
	RETURNS TABLE (r_cancelled bigint, r_last bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	moment timestamptz := clock_timestamp();
	lowest bigint := after;
	up_to bigint;
	counted integer;
BEGIN
	-- What is still to be made is made first, and cancelled before anybody sees it.
	IF EXISTS (SELECT FROM notice.part p WHERE p.notice_position = of_position) THEN
		PERFORM notice.lock_positions();
		SELECT p.last_value INTO lowest FROM notice.last_position p;
		PERFORM notice.spread(of_position);
		SELECT p.last_value INTO up_to FROM notice.last_position p;
		r_last := after;
	ELSE
		SELECT max(c.position), count(*) INTO up_to, counted
		FROM (SELECT d.position FROM notice.delivery d
			WHERE d.notice_position = of_position AND d.position > after
			ORDER BY d.position LIMIT looked) c;
		IF counted = looked THEN
			r_last := up_to;
		END IF;
	END IF;
	WITH wanted AS MATERIALIZED (
		SELECT d.position FROM notice.delivery d
		WHERE d.notice_position = of_position AND d.position > lowest AND d.position <= up_to
			AND d.due IS NOT NULL AND (of_channel IS NULL OR d.channel = of_channel)
		ORDER BY d.position FOR UPDATE),
	ended AS (
		UPDATE notice.delivery d SET cancelled = true,
			state = CASE d.state WHEN 'waiting' THEN 'cancelled' ELSE d.state END,
			at = CASE d.state WHEN 'waiting' THEN moment ELSE d.at END,
			due = CASE WHEN d.state <> 'waiting' THEN d.due END
		FROM wanted w
		WHERE d.position = w.position AND d.position > lowest AND d.position <= up_to
		RETURNING d.state)
	SELECT count(*) FILTER (WHERE e.state = 'cancelled') INTO r_cancelled FROM ended e;
	IF r_cancelled > 0 THEN
		PERFORM notice.record_change(caller, of_position, 'notice cancelled', json_strip_nulls(
			json_build_object('count', r_cancelled, 'channel', of_channel)));
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.cancel_some(bigint, text, bigint, integer, json) IS
	'Cancels deliveries of a notice that wait, on a channel if that is not NULL, having looked at so many behind a position; those that are being sent, or asked about, end as they do, but are not sent again. As long as deliveries of it are still to be made, a step makes one part of them instead, those of site included, and cancels these. Gives how many it cancelled, and behind what to go on; NULL: there are no more. Each step that cancels some is in the audit.';

-- --- keeping ------------------------------------------------------------------------------------

CREATE FUNCTION notice.keep(days integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
	tables regclass[] := '{notice.notice,notice.delivery,notice.attempt}';
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	months text[];
	month text;
BEGIN
	IF days < 0 THEN
		RAISE EXCEPTION 'notices are kept for 0 days (for ever) at least, not %', days;
	END IF;
	PERFORM pg_advisory_xact_lock(6024015, 'notice.notice'::regclass::oid::integer);
	SELECT coalesce(array_agg(right(c.relname, 7) ORDER BY c.relname), '{}') INTO months
	FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
	WHERE h.inhparent = 'notice.notice'::regclass AND c.relname ~ '_\d{4}_\d\d$' AND days > 0
		AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
			<= (now() AT TIME ZONE 'UTC') - days * interval '1 day';
	PERFORM notice.make_month(t, (this_month + i * interval '1 month')::date)
	FROM unnest(tables) AS t, generate_series(0, 2) AS i;
	IF cardinality(months) > 0 THEN
		-- In the order in which all others take them, who sends included.
		PERFORM pg_advisory_xact_lock(6024033);
		LOCK TABLE notice.notice, notice.delivery, notice.attempt IN ACCESS EXCLUSIVE MODE;
		FOREACH month IN ARRAY months LOOP
			EXECUTE format('DROP TABLE IF EXISTS notice.%I, notice.%I, notice.%I', 'notice_' || month,
				'delivery_' || month, 'attempt_' || month);
		END LOOP;
		DELETE FROM notice.part p WHERE p.notice_position < notice.first_kept();
	END IF;
	RETURN cardinality(months);
END $$;
COMMENT ON FUNCTION notice.keep(integer) IS
	'Makes the partitions of this month and the next two, and drops those of notices, deliveries and attempts whose last day is longer ago than so many days (0: never). Gives how many months it dropped.';

-- --- what database administrators look at -------------------------------------------------------

CREATE VIEW notice.by_channel_and_day AS
	SELECT d.namespace, d.channel, (event.time_at(d.position) AT TIME ZONE 'UTC')::date AS day, d.state,
		count(*) AS count
	FROM notice.delivery d
	GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW notice.by_channel_and_day IS 'How many deliveries stand how, by channel and the day on which they were sent (UTC). Reads all that are kept.';
COMMENT ON COLUMN notice.by_channel_and_day.namespace IS 'Of the notices.';
COMMENT ON COLUMN notice.by_channel_and_day.channel IS 'On which channel.';
COMMENT ON COLUMN notice.by_channel_and_day.day IS 'The day on which Send was called (UTC).';
COMMENT ON COLUMN notice.by_channel_and_day.state IS 'How they stand.';
COMMENT ON COLUMN notice.by_channel_and_day.count IS 'How many.';

CREATE VIEW notice.failure AS
	SELECT d.namespace, d.channel, d.state, d.code, count(*) AS count,
		(array_agg(d.text ORDER BY d.at DESC, d.position DESC))[1] AS last_text, max(d.at) AS last_at
	FROM notice.delivery d
	WHERE d.state IN ('failed', 'unknown')
	GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW notice.failure IS 'Deliveries that failed, or may not have arrived, by channel and by the code that the provider, or Junction, gave.';
COMMENT ON COLUMN notice.failure.namespace IS 'Of the notices.';
COMMENT ON COLUMN notice.failure.channel IS 'On which channel.';
COMMENT ON COLUMN notice.failure.state IS 'failed or unknown.';
COMMENT ON COLUMN notice.failure.code IS 'The provider''s code, or one of Junction''s own; NULL: none.';
COMMENT ON COLUMN notice.failure.count IS 'How many stand so.';
COMMENT ON COLUMN notice.failure.last_text IS 'What was said with the last of them.';
COMMENT ON COLUMN notice.failure.last_at IS 'When that was.';

CREATE VIEW notice.open_delivery AS
	SELECT o.namespace, o.channel, o.user_name, o.state, clock_timestamp() - o.at AS age, o.due, o.attempts,
		o.code, o.text, n.notice_id, n.title, o.position
	FROM (SELECT d.* FROM notice.delivery d WHERE d.due IS NOT NULL AND d.state IN ('waiting', 'sending')
		UNION ALL SELECT d.* FROM notice.delivery d WHERE d.state = 'unknown') o
	LEFT JOIN notice.notice n ON n.position = o.notice_position;
COMMENT ON VIEW notice.open_delivery IS 'Deliveries that wait, are being sent, or may have been. Only these are read.';
COMMENT ON COLUMN notice.open_delivery.namespace IS 'Of the notice.';
COMMENT ON COLUMN notice.open_delivery.channel IS 'On which channel.';
COMMENT ON COLUMN notice.open_delivery.user_name IS 'To whom.';
COMMENT ON COLUMN notice.open_delivery.state IS 'waiting, sending or unknown.';
COMMENT ON COLUMN notice.open_delivery.age IS 'How long it has stood so.';
COMMENT ON COLUMN notice.open_delivery.due IS 'When something happens by itself; NULL: never.';
COMMENT ON COLUMN notice.open_delivery.attempts IS 'Attempts so far.';
COMMENT ON COLUMN notice.open_delivery.code IS 'The code of the last one; NULL: none.';
COMMENT ON COLUMN notice.open_delivery.text IS 'What was said with it.';
COMMENT ON COLUMN notice.open_delivery.notice_id IS 'The notice.';
COMMENT ON COLUMN notice.open_delivery.title IS 'Its title.';
COMMENT ON COLUMN notice.open_delivery.position IS 'The delivery''s id.';

CREATE VIEW notice.delivery_with_notice AS
	SELECT d.namespace, d.user_name, d.channel, d.address, d.state, d.at, d.due, d.attempts, d.message_id, d.code,
		d.text, d.receipt_at, n.notice_id, n.time, n.sender, n.title, n.template, n.template_version,
		n.application, n.trace_id, d.notice_position, d.position
	FROM notice.delivery d
	LEFT JOIN notice.notice n ON n.position = d.notice_position;
COMMENT ON VIEW notice.delivery_with_notice IS
	'Each delivery as it stands, with its notice. Name a namespace and user, a notice_position, or a time by position >= event.position_at(...): then only those are read.';
COMMENT ON COLUMN notice.delivery_with_notice.namespace IS 'Of the notice.';
COMMENT ON COLUMN notice.delivery_with_notice.user_name IS 'To whom.';
COMMENT ON COLUMN notice.delivery_with_notice.channel IS 'On which channel.';
COMMENT ON COLUMN notice.delivery_with_notice.address IS 'Where that is; NULL: none is known, or site.';
COMMENT ON COLUMN notice.delivery_with_notice.state IS 'How it stands.';
COMMENT ON COLUMN notice.delivery_with_notice.at IS 'Since when.';
COMMENT ON COLUMN notice.delivery_with_notice.due IS 'When something happens by itself; NULL: never.';
COMMENT ON COLUMN notice.delivery_with_notice.attempts IS 'Attempts so far.';
COMMENT ON COLUMN notice.delivery_with_notice.message_id IS 'The provider''s id of the message; NULL: none is known.';
COMMENT ON COLUMN notice.delivery_with_notice.code IS 'The provider''s last code, or one of Junction''s own; NULL: none.';
COMMENT ON COLUMN notice.delivery_with_notice.text IS 'What was said with it.';
COMMENT ON COLUMN notice.delivery_with_notice.receipt_at IS 'When it was read or confirmed; NULL: it was not.';
COMMENT ON COLUMN notice.delivery_with_notice.notice_id IS 'The notice.';
COMMENT ON COLUMN notice.delivery_with_notice.time IS 'When it was sent.';
COMMENT ON COLUMN notice.delivery_with_notice.sender IS 'In whose name.';
COMMENT ON COLUMN notice.delivery_with_notice.title IS 'Its title.';
COMMENT ON COLUMN notice.delivery_with_notice.template IS 'Its template; NULL: none.';
COMMENT ON COLUMN notice.delivery_with_notice.template_version IS 'The version of that.';
COMMENT ON COLUMN notice.delivery_with_notice.application IS 'Application that sent it; NULL if unknown.';
COMMENT ON COLUMN notice.delivery_with_notice.trace_id IS 'Trace id of the send; the same in audit.record.';
COMMENT ON COLUMN notice.delivery_with_notice.notice_position IS 'The notice''s position.';
COMMENT ON COLUMN notice.delivery_with_notice.position IS 'The delivery''s id.';

CREATE VIEW notice.audit AS
	SELECT n.namespace, n.notice_id, n.sender, n.title, n.deliveries, r.time, r.content, r.user_name,
		r.application, r.address, r.ext, r.trace_id, n.position
	FROM notice.notice n
	-- Who sends it is recorded when it is, and what is done to it afterwards.
	JOIN audit.record r ON r.namespace = 'junction.notice' AND r.time >= n.time - interval '1 minute'
		AND (r.target = 'notice:' || n.notice_id OR r.trace_id = n.trace_id);
COMMENT ON VIEW notice.audit IS
	'What the audit has of each notice: by the trace id of its send, and by what was done to it later. Name a notice, or a time.';
COMMENT ON COLUMN notice.audit.namespace IS 'Of the notice.';
COMMENT ON COLUMN notice.audit.notice_id IS 'The notice.';
COMMENT ON COLUMN notice.audit.sender IS 'In whose name it was sent.';
COMMENT ON COLUMN notice.audit.title IS 'Its title.';
COMMENT ON COLUMN notice.audit.deliveries IS 'How many deliveries it has.';
COMMENT ON COLUMN notice.audit.time IS 'When it happened.';
COMMENT ON COLUMN notice.audit.content IS 'What.';
COMMENT ON COLUMN notice.audit.user_name IS 'User who did it; NULL if unknown.';
COMMENT ON COLUMN notice.audit.application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN notice.audit.address IS 'Address that did; NULL if unknown.';
COMMENT ON COLUMN notice.audit.ext IS 'JSON object: how many deliveries, and which.';
COMMENT ON COLUMN notice.audit.trace_id IS 'Trace id of that call.';
COMMENT ON COLUMN notice.audit.position IS 'The notice''s position.';

-- --- rights -------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION notice.put_attachment_part, notice.put_attachment, notice.first_kept,
	notice.find_attachments, notice.sweep_attachments, notice.forget_keys, notice.unspread, notice.list_notices,
	notice.list_deliveries, notice.record_change, notice.resend_some, notice.cancel_some,
	notice.keep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.put_attachment_part, notice.put_attachment, notice.first_kept,
	notice.find_attachments, notice.sweep_attachments, notice.forget_keys, notice.unspread, notice.list_notices,
	notice.list_deliveries, notice.resend_some, notice.cancel_some, notice.keep TO junction_app;
GRANT EXECUTE ON FUNCTION notice.first_kept, notice.unspread, notice.list_notices, notice.list_deliveries
	TO junction_reader;
GRANT SELECT ON notice.upload, notice.by_channel_and_day, notice.failure, notice.open_delivery,
	notice.delivery_with_notice, notice.audit TO junction_app, junction_reader;
