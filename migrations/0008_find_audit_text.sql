-- Audit text is to be found by any word, Chinese ones included, from one character on. Terms cost
-- nine tenths of the write rate if they are indexed in the write: they are gathered behind it, and
-- who searches looks through the rows that are not indexed yet.

-- --- what a term is ----------------------------------------------------------------------------

CREATE FUNCTION audit.ideographs() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN U&'\2E80-\2FDF\3005-\3007\3021-\3029\3031-\3035\3040-\30FF\3105-\312F\3131-\318E\31A0-\31BF\31F0-\31FF\3400-\4DBF\4E00-\A4CF\AC00-\D7AF\F900-\FAFF\FF66-\FF9F\2600-\27BF\+01F300-\+01FAFF\+020000-\+03FFFF\0E01-\0EFF\1000-\109F\1780-\17FF';
COMMENT ON FUNCTION audit.ideographs() IS
	'Characters that are terms without blanks around them, as the inside of a bracket expression: Han, Kana, Hangul, Bopomofo, Yi, Thai, Lao, Burmese, Khmer, symbols and pictographs.';

CREATE FUNCTION audit.letters() RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN U&'0-9a-zA-Z_\00AA\00B5\00BA\00C0-\00D6\00D8-\00F6\00F8-\0E00\0F00-\0FFF\10A0-\177F\1800-\1FFF\2C00-\2DFF\A4D0-\ABFF';
COMMENT ON FUNCTION audit.letters() IS
	'Characters that words consist of, as the inside of a bracket expression: letters, digits, marks and _ of scripts with words.';

CREATE FUNCTION audit.fold(t text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	-- translate costs a hundred times as much as to look whether there is something to do.
	RETURN CASE WHEN t COLLATE "C" ~ '[ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐ０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ＿]'
		THEN translate(lower(t COLLATE "C"),
			'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐ０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ＿',
			'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋσѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяґ0123456789abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz_')
		ELSE lower(t COLLATE "C") END;
COMMENT ON FUNCTION audit.fold(text) IS
	'The text as it is compared: Latin, Greek and Cyrillic letters of European alphabets in lower case, full-width letters and digits as plain ones. The same in every locale.';

-- Not in SQL, which is planned anew for each row, and without a search_path of its own, whose change
-- would take longer than the work itself.
CREATE FUNCTION audit.text_terms(t text) RETURNS text[]
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	f text COLLATE "C" := audit.fold(t);
	terms text[] := array_remove(string_to_array(
		regexp_replace(f, '[^' || audit.letters() || ']+', ' ', 'g'), ' '), '');
	a text COLLATE "C" := ' ';
	b text COLLATE "C";
BEGIN
	IF f !~ ('[' || audit.ideographs() || ']') THEN
		RETURN terms;
	END IF;
	FOREACH b IN ARRAY string_to_array(
		regexp_replace(f, '[^' || audit.ideographs() || ']+', ' ', 'g') || ' ', NULL)
	LOOP
		IF a <> ' ' THEN
			terms := terms || rtrim(a || b);
		END IF;
		a := b;
	END LOOP;
	RETURN terms;
END $$;
COMMENT ON FUNCTION audit.text_terms(text) IS
	'What a text is found by: its words; of each run of ideographs every two neighbours, and the last one alone. Each single ideograph thus begins a term.';

CREATE FUNCTION audit.lexeme(term text) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN left(term, 500);
COMMENT ON FUNCTION audit.lexeme(text) IS
	'A term as it stands in the index, which takes none of more than 2,046 bytes. What is found is compared with the row itself.';

CREATE FUNCTION audit.record_terms(r audit.record) RETURNS tsvector
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	terms text[] := audit.text_terms(r.content);
	role text;
BEGIN
	IF octet_length(r.content) > 500 THEN
		terms := ARRAY(SELECT audit.lexeme(term) FROM unnest(terms) AS term);
	END IF;
	FOREACH role IN ARRAY coalesce(r.roles, '{}') LOOP
		terms := terms || audit.lexeme('role:' || role);
	END LOOP;
	RETURN array_to_tsvector(terms || array_remove(ARRAY['id:' || r.id,
		audit.lexeme('source:' || r.source_node), audit.lexeme('target:' || r.target),
		audit.lexeme('user:' || r.user_name), audit.lexeme('application:' || r.application),
		audit.lexeme('trace:' || r.trace_id)], NULL));
END $$;
COMMENT ON FUNCTION audit.record_terms(audit.record) IS
	'What a record is found by: the terms of its content, and field:value of some of its fields. No word of a content has a colon.';

-- --- what is asked for -------------------------------------------------------------------------

CREATE FUNCTION audit.query_terms(t text) RETURNS SETOF text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
	BEGIN ATOMIC
		SELECT DISTINCT term FROM unnest(audit.text_terms(t)) AS term
		WHERE term !~ ('^[' || audit.ideographs() || ']$')
			OR audit.fold(t) ~ ('(?<![' || audit.ideographs() || '])' || term ||
				'(?![' || audit.ideographs() || '])');
	END;
COMMENT ON FUNCTION audit.query_terms(text) IS
	'What a text asks for: its words; every two ideographs that are neighbours, and those that have none.';

CREATE FUNCTION audit.text_query(t text, every boolean) RETURNS tsquery
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		-- A single ideograph is how terms begin.
		SELECT coalesce(string_agg('''' || audit.lexeme(term) || '''' ||
				CASE WHEN term ~ ('^[' || audit.ideographs() || ']$') THEN ':*' ELSE '' END,
			CASE WHEN every THEN ' & ' ELSE ' | ' END), ''':none''')::tsquery
		FROM audit.query_terms(t) AS term;
	END;
COMMENT ON FUNCTION audit.text_query(text, boolean) IS
	'Looks in the index for the terms that a text asks for: every one, or any. A text without terms looks for what is nowhere.';

CREATE FUNCTION audit.field_query(field text, value text) RETURNS tsquery
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ('''' || replace(replace(audit.lexeme(field || ':' || value), '\', '\\'), '''', '''''') ||
		'''')::tsquery;
COMMENT ON FUNCTION audit.field_query(text, text) IS
	'Looks in the index for a field of that value: id, source, target, user, application, trace or role.';

CREATE FUNCTION audit.text_pattern(t text, every boolean) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT CASE
			WHEN f = '' THEN NULL
			WHEN every THEN
				-- Words have something between them; where an ideograph is, something may be.
				CASE WHEN f ~ ('^[' || w || ']') THEN '(?<![' || w || '])' ELSE '' END ||
				replace(replace(regexp_replace(
					regexp_replace(f, '(?<=[' || w || ']) (?=[' || w || '])', '+', 'g'),
					'(?<=[' || w || '])(?=[' || i || '])|(?<=[' || i || '])(?=[' || w || '])',
					' ', 'g'), ' ', '[^' || w || i || ']*'), '+', '[^' || w || i || ']+') ||
				CASE WHEN f ~ ('[' || w || ']$') THEN '(?![' || w || '])' ELSE '' END
			ELSE (SELECT string_agg(CASE WHEN term ~ ('^[' || w || ']')
					THEN '(?<![' || w || '])' || term || '(?![' || w || '])' ELSE term END, '|')
				FROM audit.query_terms(t) AS term) END
		FROM (SELECT audit.letters() AS w, audit.ideographs() AS i) AS class,
			LATERAL (SELECT btrim(regexp_replace(audit.fold(t), '[^' || w || i || ']+', ' ', 'g'))
				COLLATE "C" AS f) AS folded;
	END;
COMMENT ON FUNCTION audit.text_pattern(text, boolean) IS
	'A regular expression that a folded text is compared with: whether what another text asks for stands in it adjacent and in order (every), or any term of it. NULL if that asks for nothing. Neighbouring ideographs must be neighbours; a word must be a whole word.';

-- Not while workers run, not even in their leader: catching an error takes a subtransaction.
CREATE FUNCTION audit.ext_object(ext json) RETURNS jsonb
	LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN ext::jsonb;
EXCEPTION WHEN untranslatable_character OR numeric_value_out_of_range OR invalid_text_representation THEN
	RETURN NULL;
END $$;
COMMENT ON FUNCTION audit.ext_object(json) IS
	'ext as it can be looked into. NULL if jsonb cannot hold it: a string with U+0000, a number beyond numeric.';

CREATE FUNCTION audit.ext_values(ext json, path jsonpath) RETURNS SETOF jsonb
	LANGUAGE sql IMMUTABLE PARALLEL UNSAFE ROWS 1
	BEGIN ATOMIC
		SELECT v FROM jsonb_path_query(audit.ext_object(ext), path, '{}', true) AS v
		WHERE v <> 'null';
	END;
COMMENT ON FUNCTION audit.ext_values(json, jsonpath) IS
	'The values in ext at a path, those of an array one by one; null is none.';

-- --- the index ---------------------------------------------------------------------------------

CREATE TABLE audit.term (
	time timestamptz NOT NULL,
	position bigint NOT NULL,
	terms tsvector NOT NULL,
	CONSTRAINT term_pkey PRIMARY KEY (time, position)
) PARTITION BY RANGE (time);
COMMENT ON TABLE audit.term IS
	'What records are found by, gathered behind the writes in their order: every record up to the last row here is indexed. It can be made again from audit.record.';
COMMENT ON COLUMN audit.term.time IS 'Time of the record.';
COMMENT ON COLUMN audit.term.position IS 'Position of the record.';
COMMENT ON COLUMN audit.term.terms IS 'Its terms: see audit.record_terms.';
-- More than the usual number of terms have their frequency known: it tells which plan is the better.
ALTER TABLE audit.term ALTER COLUMN terms SET STATISTICS 300;

CREATE INDEX term_terms ON audit.term USING gin (terms);
COMMENT ON INDEX audit.term_terms IS 'Records by term.';

CREATE FUNCTION audit.index_next(most integer) RETURNS TABLE (r_indexed integer, r_behind bigint)
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	done_time timestamptz := '-infinity';
	done_position bigint := 0;
BEGIN
	r_indexed := 0;
	r_behind := 0;
	IF NOT pg_try_advisory_xact_lock(6024019) THEN
		RETURN NEXT;
		RETURN;
	END IF;
	PERFORM set_config('synchronous_commit', 'off', true);
	SELECT t.time, t.position INTO done_time, done_position FROM audit.term t
	ORDER BY t.time DESC, t.position DESC LIMIT 1;
	INSERT INTO audit.term (time, position, terms)
	SELECT r.time, r.position, audit.record_terms(r) FROM audit.record r
	WHERE r.time >= coalesce(done_time, '-infinity')
		AND (r.time, r.position) > (coalesce(done_time, '-infinity'), coalesce(done_position, 0))
	ORDER BY r.time, r.position LIMIT most;
	GET DIAGNOSTICS r_indexed = ROW_COUNT;
	IF r_indexed = most THEN
		SELECT last_value - coalesce((SELECT t.position FROM audit.term t
			ORDER BY t.time DESC, t.position DESC LIMIT 1), 0) INTO r_behind FROM audit.last_position;
	ELSE
		-- There is time to put what was gathered where it is found at once.
		PERFORM gin_clean_pending_list(x.indexrelid)
		FROM pg_inherits h JOIN pg_index x ON x.indrelid = h.inhrelid
			JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
		WHERE h.inhparent = 'audit.term'::regclass AND a.amname = 'gin';
	END IF;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION audit.index_next(integer) IS
	'Indexes so many further records at most. Gives how many, and about how many more wait; nothing of either while another session is at it. The servers call it all the time.';

CREATE FUNCTION audit.estimate(query tsquery, since timestamptz, until timestamptz) RETURNS bigint
	LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM audit.term'
		' WHERE terms @@ %L::tsquery AND time BETWEEN %L AND %L', query, since, until) INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
END $$;
COMMENT ON FUNCTION audit.estimate(tsquery, timestamptz, timestamptz) IS
	'How many indexed records the planner expects to be found.';

CREATE FUNCTION audit.search(query text, since timestamptz DEFAULT now() - interval '1 day',
	until timestamptz DEFAULT 'infinity', most integer DEFAULT 100) RETURNS SETOF audit.record
	LANGUAGE sql STABLE
	BEGIN ATOMIC
		WITH indexed AS MATERIALIZED (
			SELECT t.time, t.position FROM audit.term t ORDER BY t.time DESC, t.position DESC LIMIT 1
		)
		SELECT found.* FROM (
			(SELECT r.* FROM audit.term t JOIN audit.record r USING (time, position)
			WHERE t.terms @@ audit.text_query(search.query, true)
				AND t.time BETWEEN search.since AND search.until
				AND audit.fold(r.content) ~ audit.text_pattern(search.query, true)
			ORDER BY t.time DESC, t.position DESC LIMIT search.most)
			UNION ALL
			(SELECT r.* FROM audit.record r
			WHERE r.time BETWEEN search.since AND search.until
				AND r.time >= coalesce((SELECT time FROM indexed), '-infinity')
				AND (r.time, r.position) > (coalesce((SELECT time FROM indexed), '-infinity'),
					coalesce((SELECT position FROM indexed), 0))
				AND audit.fold(r.content) ~ audit.text_pattern(search.query, true)
			ORDER BY r.time DESC, r.position DESC LIMIT search.most)
		) AS found
		ORDER BY found.time DESC, found.position DESC LIMIT search.most;
	END;
COMMENT ON FUNCTION audit.search(text, timestamptz, timestamptz, integer) IS
	'The newest records whose content has the words of a text adjacent and in order, as MatchPhrase of the API finds them: SELECT * FROM audit.search(''冷却塔''). Of the last day and at most 100, unless told otherwise.';

-- --- months ------------------------------------------------------------------------------------

CREATE FUNCTION audit.keep_records(days integer) RETURNS integer
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	kept integer := CASE days WHEN 0 THEN 1000000 ELSE days END;
	dropped integer;
BEGIN
	dropped := upkeep.keep_months('audit.record', kept);
	PERFORM upkeep.keep_months('audit.term', kept);
	RETURN dropped;
END $$;
COMMENT ON FUNCTION audit.keep_records(integer) IS
	'Makes the partitions of audit.record and audit.term for this month and the next two, and drops those whose last day is longer ago than so many days (0: none). Gives how many months it dropped. With the rights of its owner: the application itself may not drop anything.';

SELECT audit.keep_records(0);

-- --- rights ------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
GRANT USAGE ON SCHEMA audit TO junction_app, junction_reader;
GRANT SELECT ON audit.record, audit.term, audit.last_hour, audit.failure, audit.daily, audit.actor
	TO junction_app, junction_reader;
GRANT SELECT ON audit.idempotency TO junction_reader;
GRANT SELECT ON audit.page_key TO junction_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA audit TO junction_app;
GRANT EXECUTE ON FUNCTION audit.milliseconds, audit.ideographs, audit.letters, audit.fold,
	audit.text_terms, audit.lexeme, audit.query_terms, audit.text_query, audit.field_query,
	audit.text_pattern, audit.ext_object, audit.ext_values, audit.estimate, audit.search
	TO junction_reader;
