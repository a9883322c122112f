-- What providers report of messages that they took, each when it likes and as often as it likes.

CREATE FUNCTION notice.report(of_channel integer, positions bigint[], message_ids text[], addresses text[],
		states notice.state[], codes text[], texts text[])
	RETURNS TABLE (r_known bigint, r_changed bigint, r_receipts bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
	SET enable_mergejoin = off SET jit = off AS $$
DECLARE
	found bigint[];
	meant integer[];
BEGIN
	-- A message id alone is enough if one delivery has it; else the address says which. Of several
	-- reports of one delivery the one that says most counts.
	WITH given AS (
		SELECT g.* FROM unnest(positions, message_ids, addresses, states)
			WITH ORDINALITY AS g (position, message_id, address, state, number)
	), matched AS (
		SELECT g.number, g.state, d.position
		FROM given g JOIN notice.delivery d ON d.position = g.position
		WHERE d.channel_id = of_channel
		UNION ALL
		SELECT m.number, m.state, m.position
		FROM (SELECT g.number, g.state, d.position, g.address IS NULL OR d.address = g.address AS fits,
				count(*) OVER (PARTITION BY g.number) AS candidates
			FROM given g JOIN notice.delivery d ON d.channel_id = of_channel AND d.message_id = g.message_id
			WHERE g.position IS NULL) AS m
		WHERE m.fits OR m.candidates = 1
	), chosen AS (
		SELECT DISTINCT ON (m.position) m.position, m.number FROM matched m
		ORDER BY m.position, array_position('{read,delivered,failed,sent}', m.state::text), m.number DESC
	)
	SELECT coalesce(array_agg(c.position ORDER BY c.position), '{}'),
		coalesce(array_agg(c.number::integer ORDER BY c.position), '{}'),
		(SELECT count(DISTINCT m.number) FROM matched m)
	INTO found, meant, r_known FROM chosen c;

	-- Always in this order, so that nobody waits for each other.
	PERFORM FROM notice.delivery d WHERE d.position = ANY (found) ORDER BY d.position FOR UPDATE;
	WITH changed AS (
		UPDATE notice.delivery d SET state = g.state, at = clock_timestamp(), due = NULL,
			code = CASE WHEN g.silent THEN d.code ELSE g.code END,
			text = CASE WHEN g.silent THEN d.text ELSE g.text END,
			receipt_at = CASE WHEN g.state = 'read' THEN coalesce(d.receipt_at, clock_timestamp())
				ELSE d.receipt_at END,
			receipt_told = d.receipt_told OR g.state = 'read' AND NOT g.reply
		FROM (SELECT f.position, states[f.number] AS state, codes[f.number] AS code, texts[f.number] AS text,
				codes[f.number] IS NULL AND texts[f.number] IS NULL AS silent,
				coalesce(n.reply, false) AS reply
			FROM unnest(found, meant) AS f (position, number)
			JOIN notice.delivery o ON o.position = f.position
			LEFT JOIN notice.notice n ON n.position = o.notice_position) AS g
		WHERE d.position = g.position AND CASE g.state
			WHEN 'read' THEN d.state <> 'read'
			WHEN 'delivered' THEN d.state NOT IN ('delivered', 'read')
			WHEN 'failed' THEN d.state IN ('sending', 'sent', 'unknown')
			WHEN 'sent' THEN d.state = 'unknown'
			ELSE false END
		RETURNING d.state = 'read' AND NOT d.receipt_told AS wanted)
	SELECT count(*), count(*) FILTER (WHERE c.wanted) INTO r_changed, r_receipts FROM changed c;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION notice.report(integer, bigint[], text[], text[], notice.state[], text[], text[]) IS
	'Writes what a channel''s provider reports of deliveries, each told by its position or, without it (NULL), by the provider''s message id and, where several deliveries have that, the address. What arrived or was read is believed whatever is known of the delivery, the more if it is to be sent again; that it failed, of one that is being sent, was sent or is unknown; that it was sent, of one that is unknown. What it says already changes nothing. Gives how many reports are of known deliveries, how many deliveries have changed, and how many receipts are to be published.';

REVOKE ALL ON FUNCTION notice.report FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.report TO junction_app;
