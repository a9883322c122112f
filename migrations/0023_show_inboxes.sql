-- How inboxes are read and changed, how the servers hear of it, and receipts.

-- --- inboxes ------------------------------------------------------------------------------------

CREATE TABLE notice.inbox_change (
	number bigint GENERATED ALWAYS AS IDENTITY,
	transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
	namespace text COLLATE "C" NOT NULL,
	user_name text COLLATE "C" NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT inbox_change_pkey PRIMARY KEY (number)
);
COMMENT ON TABLE notice.inbox_change IS
	'Inboxes in which lately something that was unread has been read or removed, for the other servers to hear of it. Kept for an hour.';
COMMENT ON COLUMN notice.inbox_change.number IS 'In no order of commits.';
COMMENT ON COLUMN notice.inbox_change.transaction IS 'What changed it: whoever knows a snapshot finds what has been committed since, without locks.';
COMMENT ON COLUMN notice.inbox_change.namespace IS 'The inbox''s.';
COMMENT ON COLUMN notice.inbox_change.user_name IS 'Whose inbox.';
COMMENT ON COLUMN notice.inbox_change.at IS 'When.';
COMMENT ON SEQUENCE notice.inbox_change_number_seq IS 'Of notice.inbox_change.number.';
CREATE INDEX inbox_change_by_transaction ON notice.inbox_change (transaction);
COMMENT ON INDEX notice.inbox_change_by_transaction IS 'Those since a snapshot.';

CREATE FUNCTION notice.count_unread(of_namespace text, of_user text) RETURNS bigint
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden
		ORDER BY d.position LIMIT 10000) u);
END $$;
COMMENT ON FUNCTION notice.count_unread(text, text) IS 'How many notices are unread in an inbox, counted up to 10,000.';

CREATE FUNCTION notice.list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint,
	most integer) RETURNS SETOF notice.delivery
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	IF only_unread THEN
		RETURN QUERY SELECT * FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user AND d.position < before
			AND d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden
		ORDER BY d.position DESC LIMIT most;
	ELSE
		RETURN QUERY SELECT * FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user AND d.position < before
			AND d.channel_id IS NULL AND NOT d.hidden
		ORDER BY d.position DESC LIMIT most;
	END IF;
END $$;
COMMENT ON FUNCTION notice.list_inbox(text, text, boolean, bigint, integer) IS
	'So many of an inbox before a position, the newest first; all, or what is unread.';

CREATE FUNCTION notice.follow_inbox(of_namespace text, of_user text, after bigint, most integer)
	RETURNS SETOF notice.delivery
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	RETURN QUERY SELECT * FROM notice.delivery d
	WHERE d.namespace = of_namespace AND d.user_name = of_user AND d.position > after
		AND d.channel_id IS NULL AND NOT d.hidden
	ORDER BY d.position LIMIT most;
END $$;
COMMENT ON FUNCTION notice.follow_inbox(text, text, bigint, integer) IS
	'So many of an inbox behind a position, in order.';

CREATE FUNCTION notice.inbox_head(of_namespace text, of_user text) RETURNS bigint
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	RETURN coalesce((SELECT d.position FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND NOT d.hidden
		ORDER BY d.position DESC LIMIT 1), 0);
END $$;
COMMENT ON FUNCTION notice.inbox_head(text, text) IS 'The position of the last one in an inbox; 0: it is empty.';

CREATE FUNCTION notice.note_inbox_change(of_namespace text, of_user text) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	INSERT INTO notice.inbox_change (namespace, user_name) VALUES (of_namespace, of_user)
$$;
COMMENT ON FUNCTION notice.note_inbox_change(text, text) IS 'How many are unread in an inbox has changed, but by a new one.';

CREATE FUNCTION notice.read_inbox(of_namespace text, of_user text, positions bigint[], after bigint,
	up_to bigint, most integer)
	RETURNS TABLE (r_read bigint, r_receipts bigint, r_last bigint, r_up_to bigint, r_unread bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	moment timestamptz := clock_timestamp();
	chosen bigint[] := positions;
BEGIN
	IF positions IS NULL THEN
		r_up_to := coalesce(up_to, notice.inbox_head(of_namespace, of_user));
		chosen := ARRAY(SELECT d.position FROM notice.delivery d
			WHERE d.namespace = of_namespace AND d.user_name = of_user
				AND d.position > after AND d.position <= r_up_to
				AND d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden
			ORDER BY d.position LIMIT most);
		IF cardinality(chosen) = most THEN
			r_last := chosen[most];
		END IF;
	END IF;
	-- Locked in the order of their positions, as everybody does who changes several.
	WITH wanted AS MATERIALIZED (
		SELECT d.position, n.reply FROM notice.delivery d
		LEFT JOIN notice.notice n ON n.position = d.notice_position
		WHERE d.position = ANY (chosen) AND d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden
		ORDER BY d.position FOR UPDATE OF d),
	changed AS (
		UPDATE notice.delivery d SET state = 'read', at = moment, receipt_at = moment,
			receipt_by = 'inbox', receipt_told = w.reply IS NOT true
		FROM wanted w WHERE d.position = w.position
		RETURNING d.receipt_told)
	SELECT count(*), count(*) FILTER (WHERE NOT c.receipt_told) INTO r_read, r_receipts FROM changed c;
	IF r_read > 0 THEN
		PERFORM notice.note_inbox_change(of_namespace, of_user);
	END IF;
	r_unread := notice.count_unread(of_namespace, of_user);
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.read_inbox(text, text, bigint[], bigint, bigint, integer) IS
	'Marks unread notices of an inbox as read: those at these positions, or (NULL) so many behind a position and up to another, which is by default the last one there is. Gives how many it marked, how many of these are receipts to be published, behind what to go on and up to what (NULL: there are no more), and how many are unread still.';

CREATE FUNCTION notice.delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint,
	most integer) RETURNS TABLE (r_deleted bigint, r_last bigint, r_unread bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	chosen bigint[] := positions;
	unread boolean;
BEGIN
	IF positions IS NULL THEN
		chosen := ARRAY(SELECT d.position FROM notice.delivery d
			WHERE d.namespace = of_namespace AND d.user_name = of_user AND d.position > after
				AND d.channel_id IS NULL AND NOT d.hidden
			ORDER BY d.position LIMIT most);
		IF cardinality(chosen) = most THEN
			r_last := chosen[most];
		END IF;
	END IF;
	WITH wanted AS MATERIALIZED (
		SELECT d.position FROM notice.delivery d
		WHERE d.position = ANY (chosen) AND d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND NOT d.hidden AND (positions IS NOT NULL OR d.state = 'read')
		ORDER BY d.position FOR UPDATE),
	changed AS (
		UPDATE notice.delivery d SET hidden = true
		FROM wanted w WHERE d.position = w.position
		RETURNING d.state)
	SELECT count(*), coalesce(bool_or(c.state = 'delivered'), false) INTO r_deleted, unread FROM changed c;
	IF unread THEN
		PERFORM notice.note_inbox_change(of_namespace, of_user);
	END IF;
	r_unread := notice.count_unread(of_namespace, of_user);
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.delete_from_inbox(text, text, bigint[], bigint, integer) IS
	'Hides notices of an inbox: those at these positions, or (NULL) those that are read among so many behind a position. Gives how many it hid, behind what to go on (NULL: there are no more), and how many are unread still.';

CREATE FUNCTION notice.follow_inboxes(after bigint, seen pg_snapshot, most integer)
	RETURNS TABLE (r_position bigint, r_seen text, r_all boolean, r_namespace text, r_user text)
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY
	WITH came AS MATERIALIZED (
		SELECT d.namespace, d.user_name, d.channel_id FROM notice.delivery d
		WHERE d.position > after ORDER BY d.position LIMIT most),
	changed AS MATERIALIZED (
		SELECT c.namespace, c.user_name FROM notice.inbox_change c
		WHERE c.transaction >= pg_snapshot_xmin(seen) AND NOT pg_visible_in_snapshot(c.transaction, seen)
		LIMIT most),
	head AS (
		SELECT coalesce((SELECT d.position FROM notice.delivery d ORDER BY d.position DESC LIMIT 1), 0)
				AS position,
			(SELECT count(*) FROM came) = most OR (SELECT count(*) FROM changed) = most AS many)
	SELECT h.position, pg_current_snapshot()::text, h.many, u.namespace, u.user_name
	FROM head h
	LEFT JOIN (SELECT c.namespace, c.user_name FROM came c WHERE c.channel_id IS NULL
		UNION SELECT c.namespace, c.user_name FROM changed c) u ON NOT h.many;
END $$;
COMMENT ON FUNCTION notice.follow_inboxes(bigint, pg_snapshot, integer) IS
	'Whose inboxes have changed: what came behind a position, and what was read or removed by transactions that a snapshot does not show. All rows have the position and the snapshot to go on from; r_all: so many or more have changed, and none is named. Without a change one row without a user; of NULL nothing.';

CREATE FUNCTION notice.forget_inbox_changes(most integer) RETURNS integer
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH gone AS (DELETE FROM notice.inbox_change c
		WHERE c.number IN (SELECT o.number FROM notice.inbox_change o ORDER BY o.number LIMIT most)
			AND c.at < clock_timestamp() - interval '1 hour'
		RETURNING 1)
	SELECT count(*)::integer FROM gone
$$;
COMMENT ON FUNCTION notice.forget_inbox_changes(integer) IS
	'Removes so many changes of inboxes that are older than an hour; gives how many it has removed.';

-- --- receipts -----------------------------------------------------------------------------------

CREATE FUNCTION notice.take_receipt(of_position bigint)
	RETURNS TABLE (r_title text, r_receipts bigint, r_namespace text, r_user text)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	moment timestamptz := clock_timestamp();
	d notice.delivery;
	wanted boolean;
BEGIN
	SELECT * INTO d FROM notice.delivery x WHERE x.position = of_position FOR UPDATE;
	SELECT n.title, n.reply INTO r_title, wanted FROM notice.notice n WHERE n.position = d.notice_position;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	r_receipts := 0;
	IF d.receipt_at IS NULL THEN
		UPDATE notice.delivery x SET state = 'read', at = moment, due = NULL, receipt_at = moment,
			receipt_by = 'link', receipt_told = NOT wanted
		WHERE x.position = of_position;
		r_receipts := wanted::integer;
		IF d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden THEN
			PERFORM notice.note_inbox_change(d.namespace, d.user_name);
			r_namespace := d.namespace;
			r_user := d.user_name;
		END IF;
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.take_receipt(bigint) IS
	'Confirms a delivery by its link: it is read, however it stood; repeated, nothing changes. Gives the notice''s title, how many receipts are to be published, and whose inbox has changed (NULL: none); no row: it is not kept.';

CREATE FUNCTION notice.receipts_to_tell(after bigint, most integer)
	RETURNS TABLE (r_position bigint, r_namespace text, r_trace_id text, r_data text)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT d.position, d.namespace, n.trace_id, json_build_object('noticeId', n.notice_id,
		'deliveryId', d.position::text, 'user', d.user_name, 'channel', d.channel, 'sender', n.sender,
		'time', event.milliseconds(d.receipt_at), 'by', coalesce(d.receipt_by, 'provider'))::text
	FROM notice.delivery d
	JOIN notice.notice n ON n.position = d.notice_position
	WHERE d.receipt_at IS NOT NULL AND NOT d.receipt_told AND d.position > after
	ORDER BY d.position LIMIT most
$$;
COMMENT ON FUNCTION notice.receipts_to_tell(bigint, integer) IS
	'So many receipts behind a position that are to be published, and the data of their events.';

CREATE FUNCTION notice.receipts_told(positions bigint[]) RETURNS void
	LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	WITH wanted AS MATERIALIZED (
		SELECT d.position FROM notice.delivery d
		WHERE d.position = ANY (positions) AND NOT d.receipt_told
		ORDER BY d.position FOR UPDATE)
	UPDATE notice.delivery d SET receipt_told = true
	FROM wanted w WHERE d.position = w.position
$$;
COMMENT ON FUNCTION notice.receipts_told(bigint[]) IS 'Receipts that have been published.';

REVOKE ALL ON FUNCTION notice.count_unread, notice.list_inbox, notice.follow_inbox, notice.inbox_head,
	notice.note_inbox_change, notice.read_inbox, notice.delete_from_inbox, notice.follow_inboxes,
	notice.forget_inbox_changes, notice.take_receipt, notice.receipts_to_tell, notice.receipts_told
	FROM PUBLIC;
GRANT SELECT ON notice.inbox_change TO junction_app, junction_reader;
GRANT SELECT ON SEQUENCE notice.last_position TO junction_app;
GRANT EXECUTE ON FUNCTION notice.count_unread, notice.list_inbox, notice.follow_inbox, notice.inbox_head,
	notice.read_inbox, notice.delete_from_inbox, notice.follow_inboxes, notice.forget_inbox_changes,
	notice.take_receipt, notice.receipts_to_tell, notice.receipts_told TO junction_app;
