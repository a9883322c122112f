-- How templates are kept, version by version, and what notices say.

-- --- templates ----------------------------------------------------------------------------------

CREATE FUNCTION notice.lock_template(of_namespace text, of_id text) RETURNS void
	LANGUAGE sql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
	SELECT pg_advisory_xact_lock(6024034, hashtext(of_namespace || '/' || of_id))
$$;
COMMENT ON FUNCTION notice.lock_template(text, text) IS
	'One changes a template at a time, until the end of its transaction.';

CREATE FUNCTION notice.put_template(spec json) RETURNS notice.template
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	wanted notice.template := json_populate_record(NULL::notice.template, spec);
	last notice.template;
BEGIN
	PERFORM notice.lock_template(wanted.namespace, wanted.id);
	SELECT * INTO last FROM notice.template t
	WHERE t.namespace = wanted.namespace AND t.id = wanted.id ORDER BY t.version DESC LIMIT 1;
	IF NOT last.deleted AND (last.channel, last.required, last.variants::text)
		= (wanted.channel, wanted.required, wanted.variants::text) THEN
		RETURN last;
	END IF;
	wanted.version := coalesce(last.version, 0) + 1;
	wanted.created_at := clock_timestamp();
	wanted.deleted := false;
	INSERT INTO notice.template SELECT wanted.*;
	RETURN wanted;
END $$;
COMMENT ON FUNCTION notice.put_template(json) IS
	'Makes the next version of a template, unless the last one says the same and is not deleted; who puts it does not count. spec has the columns of notice.template that are not made here. Gives the version that is the last one now.';

CREATE FUNCTION notice.delete_template(of_namespace text, of_id text) RETURNS void
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM notice.lock_template(of_namespace, of_id);
	UPDATE notice.template t SET deleted = true
	WHERE t.namespace = of_namespace AND t.id = of_id AND NOT t.deleted;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no template %s', of_id);
	END IF;
END $$;
COMMENT ON FUNCTION notice.delete_template(text, text) IS
	'Marks all versions of a template as deleted. JN404 if there is none that is not.';

CREATE FUNCTION notice.find_template(of_namespace text, of_id text, of_version integer)
	RETURNS notice.template
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	found notice.template;
BEGIN
	SELECT * INTO found FROM notice.template t
	WHERE t.namespace = of_namespace AND t.id = of_id AND (of_version = 0 OR t.version = of_version)
	ORDER BY t.version DESC LIMIT 1;
	IF found.id IS NULL OR (of_version = 0 AND found.deleted) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no template %s', of_id)
			|| CASE WHEN of_version > 0 THEN format(' of version %s', of_version) ELSE '' END;
	END IF;
	RETURN found;
END $$;
COMMENT ON FUNCTION notice.find_template(text, text, integer) IS
	'That version of a template, also of one that was deleted; 0: the last one, unless it was. JN404 if there is none.';

CREATE FUNCTION notice.list_templates(of_namespace text, of_id text, after_id text, below integer,
	most bigint, room bigint) RETURNS SETOF notice.template
	LANGUAGE plpgsql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	item notice.template;
	given bigint := 0;
BEGIN
	FOR item IN
		SELECT * FROM notice.template t WHERE t.namespace = of_namespace AND t.id > after_id
			AND of_id = '' AND NOT t.deleted AND NOT EXISTS (SELECT FROM notice.template n
				WHERE n.namespace = t.namespace AND n.id = t.id AND n.version > t.version)
		UNION ALL
		SELECT * FROM notice.template t WHERE t.namespace = of_namespace AND t.id = of_id
			AND of_id <> '' AND t.version < below
		ORDER BY id, version DESC LIMIT most
	LOOP
		RETURN NEXT item;
		EXIT WHEN given > room;
		given := given + octet_length(item.variants::text);
	END LOOP;
END $$;
COMMENT ON FUNCTION notice.list_templates(text, text, text, integer, bigint, bigint) IS
	'The last versions of the templates behind an id that are not deleted; or, of the one of of_id, its versions below that one, the newest first. At most so many, and one more than goes into so many bytes.';

-- --- contents -----------------------------------------------------------------------------------

CREATE FUNCTION notice.content(positions bigint[])
	RETURNS TABLE (r_position bigint, r_notice_id uuid, r_time_ms bigint, r_namespace text, r_sender text,
		r_title text, r_message text, r_template text, r_params text, r_variants json, r_reply boolean,
		r_personal boolean, r_trace_id text, r_attachments json, r_bytes bigint)
	LANGUAGE sql STABLE SECURITY INVOKER SET search_path = pg_catalog, pg_temp
	SET plan_cache_mode = force_generic_plan AS $$
	SELECT n.position, n.notice_id, event.milliseconds(n.time), n.namespace, n.sender, n.title, n.message,
		n.template, n.params, t.variants, n.reply, n.personal, n.trace_id, f.list,
		octet_length(n.message) + coalesce(octet_length(n.params), 0)
			+ coalesce(octet_length(t.variants::text), 0)::bigint
	FROM notice.notice n
	LEFT JOIN notice.template t ON t.namespace = n.namespace AND t.id = n.template
		AND t.version = n.template_version
	LEFT JOIN LATERAL (SELECT json_agg(json_build_object('id', a.id, 'name', a.name,
			'content_type', a.content_type, 'size', a.size) ORDER BY i.place) AS list
		FROM unnest(n.attachments) WITH ORDINALITY AS i (id, place)
		JOIN notice.attachment a ON a.id = i.id) f ON n.attachments <> '{}'
	WHERE n.position = ANY (positions) ORDER BY n.position
$$;
COMMENT ON FUNCTION notice.content(bigint[]) IS
	'What these notices say, in order: as they were sent, with their version of their template (variants NULL: none), their attachments as a JSON list of {id, name, content_type, size} (NULL: none), and about how large that is.';

REVOKE ALL ON FUNCTION notice.lock_template, notice.put_template, notice.delete_template,
	notice.find_template, notice.list_templates, notice.content FROM PUBLIC;
GRANT EXECUTE ON FUNCTION notice.put_template, notice.delete_template, notice.find_template,
	notice.list_templates, notice.content TO junction_app;
