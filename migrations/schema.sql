--
-- PostgreSQL database dump
--

--
-- Name: api_reader; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA api_reader;

--
-- Name: SCHEMA api_reader; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA api_reader IS 'What ApiReader has carried: uploads to third parties and downloads from them.';

--
-- Name: audit; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA audit;

--
-- Name: SCHEMA audit; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA audit IS 'The audit log. Rows are written by audit.append only, and never changed; months are dropped as a whole by audit.keep_records.';

--
-- Name: auth; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA auth;

--
-- Name: SCHEMA auth; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA auth IS 'Whom Junction trusts, and with what.';

--
-- Name: event; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA event;

--
-- Name: SCHEMA event; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA event IS 'Events, who gets them, and how each delivery went. event, delivery and transition are only ever added to, and dropped by months as a whole.';

--
-- Name: notice; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA notice;

--
-- Name: SCHEMA notice; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA notice IS 'Notices, whom they are for, and how each delivery went. notice, delivery and attempt are dropped by months as a whole.';

--
-- Name: registry; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA registry;

--
-- Name: SCHEMA registry; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA registry IS 'What services register: services with nodes (addresses) and actions, and the log of changes. Written by the functions of this schema only.';

--
-- Name: upkeep; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA upkeep;

--
-- Name: SCHEMA upkeep; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA upkeep IS 'Partitions by month (UTC) of tables that grow by time. Its functions run with the rights of who calls them: each such table has a function of its own that calls them with the rights of its owner.';

--
-- Name: severity; Type: TYPE; Schema: audit; Owner: -
--

CREATE TYPE audit.severity AS ENUM (
    'debug',
    'info',
    'notice',
    'warning',
    'error',
    'critical',
    'alert',
    'emergency'
);

--
-- Name: TYPE severity; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON TYPE audit.severity IS 'Severities of syslog (RFC 5424), the least severe first: severity >= ''error'' works.';

--
-- Name: confirm_mode; Type: TYPE; Schema: event; Owner: -
--

CREATE TYPE event.confirm_mode AS ENUM (
    'auto',
    'explicit'
);

--
-- Name: TYPE confirm_mode; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TYPE event.confirm_mode IS 'auto: what is delivered is done, unless refused within the ack window. explicit: it waits again unless confirmed within it.';

--
-- Name: state; Type: TYPE; Schema: event; Owner: -
--

CREATE TYPE event.state AS ENUM (
    'waiting',
    'leased',
    'delivered',
    'confirmed',
    'failed',
    'dead'
);

--
-- Name: TYPE state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TYPE event.state IS 'waiting: nobody has it. leased: somebody has, until the lease ends. delivered: its target took it; done if due is NULL. failed: it waits for its next attempt. confirmed, dead: for good.';

--
-- Name: listed; Type: TYPE; Schema: event; Owner: -
--

CREATE TYPE event.listed AS (
	event text,
	event_id text,
	group_name text,
	member text,
	state event.state,
	attempt integer,
	at bigint,
	due bigint,
	reason text,
	"time" bigint,
	"position" bigint,
	queue_id integer
);

--
-- Name: TYPE listed; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TYPE event.listed IS 'A delivery as ListDeliveries shows it; times in milliseconds since 1970.';

--
-- Name: target; Type: TYPE; Schema: event; Owner: -
--

CREATE TYPE event.target AS ENUM (
    'pull',
    'stream',
    'url',
    'service'
);

--
-- Name: TYPE target; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TYPE event.target IS 'Where a subscription''s events go: pull: who asks for them; stream: Subscribe; url, service: they are pushed by HTTP.';

--
-- Name: decision; Type: TYPE; Schema: notice; Owner: -
--

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

--
-- Name: TYPE decision; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TYPE notice.decision IS 'What becomes of one of many sends. outcome: sent, or why not, and thing: the one that is wrong. at_once: its deliveries are made with it, and not in parts. room: how many positions it takes; room_before: those before it.';

--
-- Name: portion; Type: TYPE; Schema: notice; Owner: -
--

CREATE TYPE notice.portion AS (
	notice_position bigint,
	first bigint,
	namespace text,
	users text[],
	channels text[],
	channel_ids integer[]
);

--
-- Name: TYPE portion; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TYPE notice.portion IS 'Deliveries to be made: of which notice, from which position on, to whom, on which channels.';

--
-- Name: state; Type: TYPE; Schema: notice; Owner: -
--

CREATE TYPE notice.state AS ENUM (
    'waiting',
    'sending',
    'sent',
    'delivered',
    'read',
    'failed',
    'unknown',
    'cancelled'
);

--
-- Name: TYPE state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TYPE notice.state IS 'waiting: to be sent when due. sending: somebody does, until due. sent: the provider took it. delivered: it has arrived. read: the recipient has seen it. failed: it was not sent, or has not arrived. unknown: it may have been sent. cancelled: it was not sent.';

--
-- Name: begin_transfers(uuid[], text[], text[], text[], text[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: api_reader; Owner: -
--

CREATE FUNCTION api_reader.begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) RETURNS TABLE(r_position bigint, r_started_at text)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO api_reader.transfer (id, started_at, direction, namespace, server_name, job_id,
		server_node, caller_address, caller_application, caller_user, trace)
	SELECT i.id, now(), i.direction, i.namespace, i.server_name, i.job_id, i.server_node,
		i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(ids, directions, namespaces, server_names, job_ids, server_nodes,
		caller_addresses, caller_applications, caller_users, traces) AS i (id, direction,
		namespace, server_name, job_id, server_node, caller_address, caller_application,
		caller_user, trace);
	SELECT p::bigint, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"+00"')
	FROM generate_subscripts(ids, 1) AS p;
$$;

--
-- Name: FUNCTION begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON FUNCTION api_reader.begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) IS 'Writes transfers that begin, one array element each. Gives for each when it began, which is part of its key.';

--
-- Name: end_transfers(uuid[], timestamp with time zone[], bigint[], text[], bigint[], text[], integer[], bigint[], text[]); Type: FUNCTION; Schema: api_reader; Owner: -
--

CREATE FUNCTION api_reader.end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]) RETURNS TABLE(r_position bigint)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
	UPDATE api_reader.transfer t
	SET ended_at = t.started_at + i.took * interval '1 millisecond', status = i.status,
		bytes = i.bytes, job_id = CASE i.job_id WHEN '' THEN t.job_id ELSE i.job_id END,
		http_status = i.http_status, code = i.code, error = i.error
	FROM unnest(ids, started_ats, milliseconds, statuses, bytes_carried, job_ids, http_statuses,
		codes, errors) WITH ORDINALITY AS i (id, started_at, took, status, bytes, job_id,
		http_status, code, error, position)
	WHERE t.id = i.id AND t.started_at = i.started_at
	RETURNING i.position
$$;

--
-- Name: FUNCTION end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]); Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON FUNCTION api_reader.end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]) IS 'Writes how transfers ended, one array element each, and may be repeated. milliseconds: since they began. An empty job_id leaves what is there.';

--
-- Name: keep_carrier(text, uuid[]); Type: FUNCTION; Schema: api_reader; Owner: -
--

CREATE FUNCTION api_reader.keep_carrier(server_node text, running uuid[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
	gone_before timestamptz := clock_timestamp() - interval '10 seconds';
	abandoned bigint;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	INSERT INTO api_reader.carrier AS c (server_node, seen_at)
	VALUES (keep_carrier.server_node, clock_timestamp())
	ON CONFLICT ON CONSTRAINT carrier_pkey DO UPDATE SET seen_at = excluded.seen_at;
	DELETE FROM api_reader.carrier c WHERE c.seen_at < clock_timestamp() - interval '1 hour';
	-- How a transfer of a living server ended is tried to be written for a minute.
	UPDATE api_reader.transfer t
	SET status = 'abandoned', ended_at = clock_timestamp(),
		error = CASE WHEN t.server_node = keep_carrier.server_node
			THEN 'how it ended could not be written' ELSE 'the server has gone' END
	WHERE t.status = 'running' AND t.started_at < gone_before
		AND t.id <> ALL (keep_carrier.running)
		AND CASE WHEN t.server_node = keep_carrier.server_node
			THEN t.started_at < clock_timestamp() - interval '5 minutes'
			ELSE NOT EXISTS (SELECT FROM api_reader.carrier c
				WHERE c.server_node = t.server_node AND c.seen_at >= gone_before) END;
	GET DIAGNOSTICS abandoned = ROW_COUNT;
	RETURN abandoned;
END $$;

--
-- Name: FUNCTION keep_carrier(server_node text, running uuid[]); Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON FUNCTION api_reader.keep_carrier(server_node text, running uuid[]) IS 'Says that this server lives, and gives up the running transfers of servers that have been silent for 10 seconds, and those of this one that it does not know to run. Gives how many. What was wrongly given up is put right when it ends.';

--
-- Name: keep_history(integer); Type: FUNCTION; Schema: api_reader; Owner: -
--

CREATE FUNCTION api_reader.keep_history(days integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT upkeep.keep_months('api_reader.transfer', days) $$;

--
-- Name: FUNCTION keep_history(days integer); Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON FUNCTION api_reader.keep_history(days integer) IS 'Makes the partitions of api_reader.transfer for this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

--
-- Name: append(uuid[], timestamp with time zone[], integer[], integer[], audit.severity[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], json[], text[], bytea[], bigint[]); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]) RETURNS TABLE(r_place integer, r_id uuid, r_time bigint, r_outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	before bigint;
	receipt timestamptz;
	receipt_ms bigint;
	repeated integer[] := '{}';
BEGIN
	PERFORM pg_advisory_xact_lock(6024018);
	SELECT last_value INTO before FROM audit.last_position;
	SELECT greatest(date_trunc('milliseconds', clock_timestamp(), 'UTC'),
		timestamptz 'epoch' + last_value * interval '1 millisecond') INTO receipt FROM audit.last_time;
	receipt_ms := audit.milliseconds(receipt);
	PERFORM setval('audit.last_position', before + cardinality(ids));
	IF EXISTS (SELECT FROM unnest(idempotency_keys) AS k WHERE k IS NOT NULL) THEN
		FOR r_place, r_id, r_time, r_outcome IN
			SELECT i.place, coalesce(k.id, i.first_id),
				audit.milliseconds(coalesce(k.time, receipt)),
				CASE WHEN i.request_hash = coalesce(k.request_hash, i.first_hash)
					THEN 'repeated' ELSE 'conflict' END
			FROM (SELECT coalesce(g.application, '') AS application, g.key, g.request_hash, g.place,
					first_value(g.id) OVER same AS first_id,
					first_value(g.request_hash) OVER same AS first_hash,
					first_value(g.place) OVER same AS first_place
				FROM unnest(applications, idempotency_keys, request_hashes, ids) WITH ORDINALITY
					AS g (application, key, request_hash, id, place)
				WHERE g.key IS NOT NULL
				WINDOW same AS (PARTITION BY coalesce(g.application, ''), g.key ORDER BY g.place)
				) AS i
			LEFT JOIN audit.idempotency k
				ON k.application = i.application AND k.key = i.key AND k.expires_at > receipt
			WHERE k.id IS NOT NULL OR i.place > i.first_place
		LOOP
			repeated := repeated || r_place;
			RETURN NEXT;
		END LOOP;
		INSERT INTO audit.idempotency AS k (application, key, request_hash, id, time, expires_at)
		SELECT coalesce(i.application, ''), i.key, i.request_hash, i.id, receipt,
			receipt + i.ms * interval '1 millisecond'
		FROM unnest(applications, idempotency_keys, request_hashes, ids, idempotency_ms)
			WITH ORDINALITY AS i (application, key, request_hash, id, ms, place)
		WHERE i.key IS NOT NULL AND i.place <> ALL (repeated)
		ON CONFLICT ON CONSTRAINT idempotency_pkey DO UPDATE
		SET request_hash = excluded.request_hash, id = excluded.id, time = excluded.time,
			expires_at = excluded.expires_at;
	END IF;
	RETURN QUERY INSERT INTO audit.record AS r (time, position, batch, id, event_time, opt_type, result_type, severity,
		namespace, source_node, content, target, user_name, application, roles, address, node,
		trace_id, ext)
	SELECT receipt, before + i.place, before + 1, i.id, i.event_time, i.opt_type, i.result_type,
		i.severity, i.namespace, i.source_node, i.content, i.target, i.user_name, i.application,
		i.roles::text[], i.address, i.node, i.trace_id, i.ext
	FROM unnest(ids, event_times, opt_types, result_types, severities, namespaces, source_nodes,
		contents, targets, user_names, applications, roles, addresses, nodes, trace_ids, exts)
		WITH ORDINALITY AS i (id, event_time, opt_type, result_type, severity, namespace,
		source_node, content, target, user_name, application, roles, address, node, trace_id, ext,
		place)
	WHERE i.place <> ALL (repeated)
	RETURNING (r.position - before)::integer, r.id, receipt_ms, 'written';
	-- Only now, since it is not undone: a time without a partition must not be what all others follow.
	PERFORM setval('audit.last_time', receipt_ms);
END $$;

--
-- Name: FUNCTION append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]) IS 'Writes a batch of records, one array element each, in the order of the elements; roles: the text of an array. Gives for each its place from 1, its id, its time, and what came of it: written; repeated: that Idempotency-Key has written the same before, id and time are that record''s; conflict: it has written something else. One batch at a time: the lock is held until the commit, so that positions are in commit order.';

--
-- Name: estimate(tsquery, timestamp with time zone, timestamp with time zone); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.estimate(query tsquery, since timestamp with time zone, until timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM audit.term'
		' WHERE terms @@ %L::tsquery AND time BETWEEN %L AND %L', query, since, until) INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint;
END $$;

--
-- Name: FUNCTION estimate(query tsquery, since timestamp with time zone, until timestamp with time zone); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.estimate(query tsquery, since timestamp with time zone, until timestamp with time zone) IS 'How many indexed records the planner expects to be found.';

--
-- Name: ext_object(json); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.ext_object(ext json) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	RETURN ext::jsonb;
EXCEPTION WHEN untranslatable_character OR numeric_value_out_of_range OR invalid_text_representation THEN
	RETURN NULL;
END $$;

--
-- Name: FUNCTION ext_object(ext json); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.ext_object(ext json) IS 'ext as it can be looked into. NULL if jsonb cannot hold it: a string with U+0000, a number beyond numeric.';

--
-- Name: ext_values(json, jsonpath); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.ext_values(ext json, path jsonpath) RETURNS SETOF jsonb
    LANGUAGE sql IMMUTABLE ROWS 1
    BEGIN ATOMIC
 SELECT v.v
    FROM jsonb_path_query(audit.ext_object(ext_values.ext), ext_values.path, '{}'::jsonb, true) v(v)
   WHERE (v.v <> 'null'::jsonb);
END;

--
-- Name: FUNCTION ext_values(ext json, path jsonpath); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.ext_values(ext json, path jsonpath) IS 'The values in ext at a path, those of an array one by one; null is none.';

--
-- Name: lexeme(text); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.lexeme(term text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN "left"(term, 500);

--
-- Name: FUNCTION lexeme(term text); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.lexeme(term text) IS 'A term as it stands in the index, which takes none of more than 2,046 bytes. What is found is compared with the row itself.';

--
-- Name: field_query(text, text); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.field_query(field text, value text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((''''::text || replace(replace(audit.lexeme(((field || ':'::text) || value)), '\'::text, '\\'::text), ''''::text, ''''''::text)) || ''''::text))::tsquery;

--
-- Name: FUNCTION field_query(field text, value text); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.field_query(field text, value text) IS 'Looks in the index for a field of that value: id, source, target, user, application, trace or role.';

--
-- Name: fold(text); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.fold(t text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((t COLLATE "C") ~ '[ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐ０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ＿]'::text) THEN translate(lower((t COLLATE "C")), 'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐ０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ＿'::text, 'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋσѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяґ0123456789abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz_'::text) ELSE lower((t COLLATE "C")) END;

--
-- Name: FUNCTION fold(t text); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.fold(t text) IS 'The text as it is compared: Latin, Greek and Cyrillic letters of European alphabets in lower case, full-width letters and digits as plain ones. The same in every locale.';

--
-- Name: forget_keys(integer); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.forget_keys(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	forgotten integer;
BEGIN
	-- A key that is just being written again is locked, and is left to its writer.
	DELETE FROM audit.idempotency WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM audit.idempotency WHERE expires_at <= clock_timestamp()
		ORDER BY expires_at LIMIT most FOR UPDATE SKIP LOCKED));
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;

--
-- Name: FUNCTION forget_keys(most integer); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.forget_keys(most integer) IS 'Removes so many Idempotency-Keys at most that have expired. Gives how many. The servers call it all the time.';

--
-- Name: ideographs(); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.ideographs() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '⺀-⿟々-〇〡-〩〱-〵぀-ヿㄅ-ㄯㄱ-ㆎㆠ-ㆿㇰ-ㇿ㐀-䶿一-꓏가-힯豈-﫿ｦ-ﾟ☀-➿🌀-🫿𠀀-𿿿ก-໿က-႟ក-៿'::text;

--
-- Name: FUNCTION ideographs(); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.ideographs() IS 'Characters that are terms without blanks around them, as the inside of a bracket expression: Han, Kana, Hangul, Bopomofo, Yi, Thai, Lao, Burmese, Khmer, symbols and pictographs.';

--
-- Name: index_next(integer); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.index_next(most integer) RETURNS TABLE(r_indexed integer, r_behind bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION index_next(most integer); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.index_next(most integer) IS 'Indexes so many further records at most. Gives how many, and about how many more wait; nothing of either while another session is at it. The servers call it all the time.';

--
-- Name: keep_records(integer); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.keep_records(days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	kept integer := CASE days WHEN 0 THEN 1000000 ELSE days END;
	dropped integer;
BEGIN
	dropped := upkeep.keep_months('audit.record', kept);
	PERFORM upkeep.keep_months('audit.term', kept);
	RETURN dropped;
END $$;

--
-- Name: FUNCTION keep_records(days integer); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.keep_records(days integer) IS 'Makes the partitions of audit.record and audit.term for this month and the next two, and drops those whose last day is longer ago than so many days (0: none). Gives how many months it dropped. With the rights of its owner: the application itself may not drop anything.';

--
-- Name: letters(); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.letters() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '0-9a-zA-Z_ªµºÀ-ÖØ-öø-฀ༀ-࿿Ⴀ-᝿᠀-῿Ⰰ-ⷿꓐ-꯿'::text;

--
-- Name: FUNCTION letters(); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.letters() IS 'Characters that words consist of, as the inside of a bracket expression: letters, digits, marks and _ of scripts with words.';

--
-- Name: milliseconds(timestamp with time zone); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.milliseconds(t timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((date_part('epoch'::text, (t - '1970-01-01 00:00:00+00'::timestamp with time zone)) * (1000)::double precision))::bigint;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.milliseconds(t timestamp with time zone) IS 'Milliseconds since 1970, as the API gives times.';

--
-- Name: text_terms(text); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.text_terms(t text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
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

--
-- Name: FUNCTION text_terms(t text); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.text_terms(t text) IS 'What a text is found by: its words; of each run of ideographs every two neighbours, and the last one alone. Each single ideograph thus begins a term.';

--
-- Name: query_terms(text); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.query_terms(t text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE ROWS 10 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT DISTINCT term.term
    FROM unnest(audit.text_terms(query_terms.t)) term(term)
   WHERE ((term.term !~ (('^['::text || audit.ideographs()) || ']$'::text)) OR (audit.fold(query_terms.t) ~ (((((('(?<!['::text || audit.ideographs()) || '])'::text) || term.term) || '(?!['::text) || audit.ideographs()) || '])'::text)));
END;

--
-- Name: FUNCTION query_terms(t text); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.query_terms(t text) IS 'What a text asks for: its words; every two ideographs that are neighbours, and those that have none.';

--
-- Name: record; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.record (
    "time" timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    batch bigint NOT NULL,
    id uuid NOT NULL,
    event_time timestamp with time zone,
    opt_type integer NOT NULL,
    result_type integer NOT NULL,
    severity audit.severity NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    source_node text NOT NULL COLLATE pg_catalog."C",
    content text NOT NULL COLLATE pg_catalog."C",
    target text COLLATE pg_catalog."C",
    user_name text COLLATE pg_catalog."C",
    application text COLLATE pg_catalog."C",
    roles text[] COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    trace_id text COLLATE pg_catalog."C",
    ext json,
    CONSTRAINT record_batch_before_position CHECK ((batch <= "position")),
    CONSTRAINT record_content_length CHECK (((octet_length(content) >= 1) AND (octet_length(content) <= 65536))),
    CONSTRAINT record_ext_length CHECK ((octet_length((ext)::text) <= 65536)),
    CONSTRAINT record_namespace_length CHECK (((octet_length(namespace) >= 1) AND (octet_length(namespace) <= 255))),
    CONSTRAINT record_roles_count CHECK (((cardinality(roles) >= 1) AND (cardinality(roles) <= 256))),
    CONSTRAINT record_source_node_length CHECK (((octet_length(source_node) >= 1) AND (octet_length(source_node) <= 255))),
    CONSTRAINT record_target_length CHECK (((octet_length(target) >= 1) AND (octet_length(target) <= 1024))),
    CONSTRAINT record_time_milliseconds CHECK (("time" = ("time")::timestamp(3) with time zone))
)
PARTITION BY RANGE ("time");

--
-- Name: TABLE record; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON TABLE audit.record IS 'One row for each thing that happened. (time, position) is the order in which rows were committed: what is read behind a row stays behind it.';

--
-- Name: COLUMN record."time"; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record."time" IS 'Receipt, whole milliseconds. Never earlier than that of a row committed before, whatever the clock does.';

--
-- Name: COLUMN record."position"; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record."position" IS 'Place in the order of the commits; may leave numbers out.';

--
-- Name: COLUMN record.batch; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.batch IS 'The position of the first row that was committed together with this one: rows of one batch have one writer (node), and its batches are in this order.';

--
-- Name: COLUMN record.id; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.id IS 'UUID, version 7: ordered by the server''s clock.';

--
-- Name: COLUMN record.event_time; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.event_time IS 'When it happened, as the writer says; NULL if it does not.';

--
-- Name: COLUMN record.opt_type; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.opt_type IS 'What was done (optType), a number of the writer''s own.';

--
-- Name: COLUMN record.result_type; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.result_type IS 'How it ended (resultType), a number of the writer''s own; the views here take 0 for success.';

--
-- Name: COLUMN record.severity; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.severity IS 'How severe it is.';

--
-- Name: COLUMN record.namespace; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.namespace IS 'The record''s own namespace, as the writer says. junction.audit: reads of this log.';

--
-- Name: COLUMN record.source_node; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.source_node IS 'Where it happened (sourceNode), as the writer says.';

--
-- Name: COLUMN record.content; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.content IS 'What happened, for people.';

--
-- Name: COLUMN record.target; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.target IS 'What it was done to; NULL if the writer does not say.';

--
-- Name: COLUMN record.user_name; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.user_name IS 'The user who called (user); NULL if unknown.';

--
-- Name: COLUMN record.application; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.application IS 'The application that called; NULL if unknown.';

--
-- Name: COLUMN record.roles; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.roles IS 'The caller''s roles; NULL if unknown or none.';

--
-- Name: COLUMN record.address; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.address IS 'Address of the caller; NULL if unknown.';

--
-- Name: COLUMN record.node; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.node IS 'The Junction server that wrote it: hostname-starttime.';

--
-- Name: COLUMN record.trace_id; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.trace_id IS 'Trace id of the call; NULL if unknown.';

--
-- Name: COLUMN record.ext; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.record.ext IS 'JSON object, byte for byte as given; NULL if none.';

--
-- Name: record_terms(audit.record); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.record_terms(r audit.record) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
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

--
-- Name: FUNCTION record_terms(r audit.record); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.record_terms(r audit.record) IS 'What a record is found by: the terms of its content, and field:value of some of its fields. No word of a content has a colon.';

--
-- Name: text_pattern(text, boolean); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.text_pattern(t text, every boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (folded.f = ''::text) THEN NULL::text
             WHEN text_pattern.every THEN ((
             CASE
                 WHEN (folded.f ~ (('^['::text || class.w) || ']'::text)) THEN (('(?<!['::text || class.w) || '])'::text)
                 ELSE ''::text
             END || replace(replace(regexp_replace(regexp_replace(folded.f, (((('(?<=['::text || class.w) || ']) (?=['::text) || class.w) || '])'::text), '+'::text, 'g'::text), (((((((('(?<=['::text || class.w) || '])(?=['::text) || class.i) || '])|(?<=['::text) || class.i) || '])(?=['::text) || class.w) || '])'::text), ' '::text, 'g'::text), ' '::text, ((('[^'::text || class.w) || class.i) || ']*'::text)), '+'::text, ((('[^'::text || class.w) || class.i) || ']+'::text))) ||
             CASE
                 WHEN (folded.f ~ (('['::text || class.w) || ']$'::text)) THEN (('(?!['::text || class.w) || '])'::text)
                 ELSE ''::text
             END)
             ELSE ( SELECT string_agg(
                     CASE
                         WHEN (term.term ~ (('^['::text || class.w) || ']'::text)) THEN (((((('(?<!['::text || class.w) || '])'::text) || term.term) || '(?!['::text) || class.w) || '])'::text)
                         ELSE term.term
                     END, '|'::text) AS string_agg
                FROM audit.query_terms(text_pattern.t) term(term))
         END AS string_agg
    FROM ( SELECT audit.letters() AS w,
             audit.ideographs() AS i) class,
     LATERAL ( SELECT (btrim(regexp_replace(audit.fold(text_pattern.t), ((('[^'::text || class.w) || class.i) || ']+'::text), ' '::text, 'g'::text)) COLLATE "C") AS f) folded;
END;

--
-- Name: FUNCTION text_pattern(t text, every boolean); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.text_pattern(t text, every boolean) IS 'A regular expression that a folded text is compared with: whether what another text asks for stands in it adjacent and in order (every), or any term of it. NULL if that asks for nothing. Neighbouring ideographs must be neighbours; a word must be a whole word.';

--
-- Name: text_query(text, boolean); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.text_query(t text, every boolean) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT (COALESCE(string_agg((((''''::text || audit.lexeme(term.term)) || ''''::text) ||
         CASE
             WHEN (term.term ~ (('^['::text || audit.ideographs()) || ']$'::text)) THEN ':*'::text
             ELSE ''::text
         END),
         CASE
             WHEN text_query.every THEN ' & '::text
             ELSE ' | '::text
         END), ''':none'''::text))::tsquery AS "coalesce"
    FROM audit.query_terms(text_query.t) term(term);
END;

--
-- Name: FUNCTION text_query(t text, every boolean); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.text_query(t text, every boolean) IS 'Looks in the index for the terms that a text asks for: every one, or any. A text without terms looks for what is nowhere.';

--
-- Name: term; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.term (
    "time" timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    terms tsvector NOT NULL
)
PARTITION BY RANGE ("time");
ALTER TABLE ONLY audit.term ALTER COLUMN terms SET STATISTICS 300;

--
-- Name: TABLE term; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON TABLE audit.term IS 'What records are found by, gathered behind the writes in their order: every record up to the last row here is indexed. It can be made again from audit.record.';

--
-- Name: COLUMN term."time"; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.term."time" IS 'Time of the record.';

--
-- Name: COLUMN term."position"; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.term."position" IS 'Position of the record.';

--
-- Name: COLUMN term.terms; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.term.terms IS 'Its terms: see audit.record_terms.';

--
-- Name: search(text, timestamp with time zone, timestamp with time zone, integer); Type: FUNCTION; Schema: audit; Owner: -
--

CREATE FUNCTION audit.search(query text, since timestamp with time zone DEFAULT (now() - '1 day'::interval), until timestamp with time zone DEFAULT 'infinity'::timestamp with time zone, most integer DEFAULT 100) RETURNS SETOF audit.record
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 WITH indexed AS MATERIALIZED (
          SELECT t."time",
             t."position"
            FROM audit.term t
           ORDER BY t."time" DESC, t."position" DESC
          LIMIT 1
         )
  SELECT found."time",
     found."position",
     found.batch,
     found.id,
     found.event_time,
     found.opt_type,
     found.result_type,
     found.severity,
     found.namespace,
     found.source_node,
     found.content,
     found.target,
     found.user_name,
     found.application,
     found.roles,
     found.address,
     found.node,
     found.trace_id,
     found.ext
    FROM (( SELECT r."time",
             r."position",
             r.batch,
             r.id,
             r.event_time,
             r.opt_type,
             r.result_type,
             r.severity,
             r.namespace,
             r.source_node,
             r.content,
             r.target,
             r.user_name,
             r.application,
             r.roles,
             r.address,
             r.node,
             r.trace_id,
             r.ext
            FROM (audit.term t
              JOIN audit.record r USING ("time", "position"))
           WHERE ((t.terms @@ audit.text_query(search.query, true)) AND ((t."time" >= search.since) AND (t."time" <= search.until)) AND (audit.fold(r.content) ~ audit.text_pattern(search.query, true)))
           ORDER BY t."time" DESC, t."position" DESC
          LIMIT search.most)
         UNION ALL
         ( SELECT r."time",
             r."position",
             r.batch,
             r.id,
             r.event_time,
             r.opt_type,
             r.result_type,
             r.severity,
             r.namespace,
             r.source_node,
             r.content,
             r.target,
             r.user_name,
             r.application,
             r.roles,
             r.address,
             r.node,
             r.trace_id,
             r.ext
            FROM audit.record r
           WHERE (((r."time" >= search.since) AND (r."time" <= search.until)) AND (r."time" >= COALESCE(( SELECT indexed."time"
                    FROM indexed), '-infinity'::timestamp with time zone)) AND (ROW(r."time", r."position") > ROW(COALESCE(( SELECT indexed."time"
                    FROM indexed), '-infinity'::timestamp with time zone), COALESCE(( SELECT indexed."position"
                    FROM indexed), (0)::bigint))) AND (audit.fold(r.content) ~ audit.text_pattern(search.query, true)))
           ORDER BY r."time" DESC, r."position" DESC
          LIMIT search.most)) found
   ORDER BY found."time" DESC, found."position" DESC
  LIMIT search.most;
END;

--
-- Name: FUNCTION search(query text, since timestamp with time zone, until timestamp with time zone, most integer); Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON FUNCTION audit.search(query text, since timestamp with time zone, until timestamp with time zone, most integer) IS 'The newest records whose content has the words of a text adjacent and in order, as MatchPhrase of the API finds them: SELECT * FROM audit.search(''冷却塔''). Of the last day and at most 100, unless told otherwise.';

--
-- Name: act_as(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.act_as(caller text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT set_config('junction.caller', caller, true)
$$;

--
-- Name: FUNCTION act_as(caller text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.act_as(caller text) IS 'Says who changes something in this transaction, for the audit: JSON object of user, application, roles (the text of an array), address, node, trace. Whoever says nothing is audited as the database''s user.';

--
-- Name: pattern_covers(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.pattern_covers(pattern text, action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((action COLLATE "C") ~~ replace(replace(replace(replace(pattern, '\'::text, '\\'::text), '%'::text, '\%'::text), '_'::text, '\_'::text), '*'::text, '%'::text)) AND ((pattern = '**'::text) OR (strpos(pattern, '*'::text) = 0) OR (strpos(action, '/'::text) = 0) OR ((action COLLATE "C") ~ (('^'::text || replace(regexp_replace(regexp_replace(pattern, '([][\\.^$|?+(){}])'::text, '\\\1'::text, 'g'::text), '\*{2,}'::text, '.{0,}'::text, 'g'::text), '*'::text, '[^/]*'::text)) || '$'::text))));

--
-- Name: FUNCTION pattern_covers(pattern text, action text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.pattern_covers(pattern text, action text) IS 'Whether a pattern means an action, case considered: * is any characters but /, ** any characters, all else is itself.';

--
-- Name: action_matches(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.action_matches(pattern text, action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ("left"(action, 1) = '/'::text) THEN auth.pattern_covers(pattern, action) ELSE auth.pattern_covers(lower((pattern COLLATE "C")), lower((action COLLATE "C"))) END;

--
-- Name: FUNCTION action_matches(pattern text, action text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.action_matches(pattern text, action text) IS 'Whether the action of a rule (auth.rule.action) means an action, or a path, which begins with /. Only of paths the case of letters counts.';

--
-- Name: add_administrator(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.add_administrator(caller text, new_hash text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- Of many servers one goes on, the others wait for it here.
	INSERT INTO auth.first_start DEFAULT VALUES ON CONFLICT ON CONSTRAINT first_start_pkey DO NOTHING;
	IF NOT FOUND OR EXISTS (SELECT FROM auth.subject s WHERE s.kind = 'user') THEN
		RETURN false;
	END IF;
	PERFORM auth.reset_administrator(caller, new_hash, 0);
	RETURN true;
END $$;

--
-- Name: FUNCTION add_administrator(caller text, new_hash text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.add_administrator(caller text, new_hash text) IS 'At the first start: makes the user administrator, with a one-time password. False if another server has, or there are users already.';

--
-- Name: party_key; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.party_key (
    party_id text NOT NULL COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    ordinal bigint NOT NULL,
    algorithm text NOT NULL,
    public_key text NOT NULL,
    own boolean NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT party_key_algorithm_known CHECK ((algorithm = ANY (ARRAY['rsa-sha256'::text, 'ed25519'::text]))),
    CONSTRAINT party_key_key_id_is_sha256 CHECK ((key_id ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT party_key_party_id_characters CHECK ((party_id !~ '[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT party_key_party_id_length CHECK (((octet_length(party_id) >= 1) AND (octet_length(party_id) <= 64))),
    CONSTRAINT party_key_party_id_of_one CHECK ((party_id <> ALL (ARRAY['*'::text, '0'::text]))),
    CONSTRAINT party_key_public_key_is_public CHECK ((public_key ~ '^-----BEGIN PUBLIC KEY-----\n'::text))
);

--
-- Name: TABLE party_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.party_key IS 'Public keys of parties: what one of them has signed is believed to be the party''s. Keys of other parties were registered, own ones were made together with the private key in auth.own_key.';

--
-- Name: COLUMN party_key.party_id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.party_id IS 'The party.';

--
-- Name: COLUMN party_key.key_id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.key_id IS 'SHA-256 of the DER encoding (SubjectPublicKeyInfo), in hexadecimal.';

--
-- Name: COLUMN party_key.ordinal; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.ordinal IS 'Rises with each key of a party: the greatest is the newest. Numbers may be missing.';

--
-- Name: COLUMN party_key.algorithm; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.algorithm IS 'rsa-sha256 (PKCS #1 v1.5) or ed25519.';

--
-- Name: COLUMN party_key.public_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.public_key IS 'PEM, BEGIN PUBLIC KEY.';

--
-- Name: COLUMN party_key.own; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.own IS 'Its private key is in auth.own_key.';

--
-- Name: COLUMN party_key.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.created_at IS 'When it was registered or made.';

--
-- Name: COLUMN party_key.caller_address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.caller_address IS 'Address of who registered it; empty if unknown, or if a server made it by itself.';

--
-- Name: COLUMN party_key.caller_application; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN party_key.caller_user; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN party_key.trace; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_key.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: add_own_key(text, text, text, text, text, text, boolean); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean) RETURNS SETOF auth.party_key
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	who json := caller::json;
	keys bigint := auth.keys_of(party);
BEGIN
	PERFORM auth.act_as(caller);
	-- Only now: a statement that began before the lock was there would not see what another server
	-- has added meanwhile.
	IF keys >= 100 OR (if_lacking AND NOT EXISTS (
		SELECT FROM auth.lacking_own_keys(ARRAY[party], ARRAY[algorithm]))) THEN
		RETURN;
	END IF;
	RETURN QUERY INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
		caller_address, caller_application, caller_user, trace)
	VALUES (party, id, algorithm, public_key, true, coalesce(who->>'address', ''),
		coalesce(who->>'application', ''), coalesce(who->>'user', ''),
		coalesce(who->>'trace', '')) RETURNING *;
	INSERT INTO auth.own_key (party_id, key_id, private_key) VALUES (party, id, private_key);
END $$;

--
-- Name: FUNCTION add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean) IS 'Adds a key pair, which signs from now on; gives the public key''s row. No row: the party has 100 keys, or if_lacking is set and its newest own key is of this algorithm.';

--
-- Name: add_token_key(text, text, text, text, text, bigint, bigint, boolean, boolean); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean) RETURNS TABLE(r_created_at bigint, r_signs_from bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	made timestamptz;
	signs timestamptz;
BEGIN
	PERFORM auth.act_as(caller);
	-- Until the end of the transaction: of several servers that find no key one makes the first, and
	-- of all keys one is the newest.
	PERFORM pg_advisory_xact_lock(6024023);
	IF if_lacking AND EXISTS (SELECT FROM auth.token_key k WHERE k.verifies_until IS NULL) THEN
		RETURN;
	END IF;
	DELETE FROM auth.token_key k
	WHERE revoke_others OR k.verifies_until < clock_timestamp() - interval '1 hour';
	IF (SELECT count(*) FROM auth.token_key) >= 100 THEN
		RETURN;
	END IF;
	made := clock_timestamp();
	-- Until it signs the ones before do, if there are any.
	signs := made + CASE WHEN EXISTS (SELECT FROM auth.token_key k WHERE k.verifies_until IS NULL)
		THEN delay_ms ELSE 0 END * interval '1 millisecond';
	UPDATE auth.token_key k SET verifies_until = signs + overlap_seconds * interval '1 second'
	WHERE k.verifies_until IS NULL;
	INSERT INTO auth.token_key (id, algorithm, public_jwk, private_jwk, created_at, signs_from)
	VALUES (new_id, new_algorithm, new_public_jwk, new_private_jwk, made, signs);
	RETURN QUERY SELECT auth.milliseconds(made), auth.milliseconds(signs);
END $$;

--
-- Name: FUNCTION add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean) IS 'Adds a key for access tokens, which signs after the delay, or at once if no other does; the ones before verify for overlap_seconds more, or are removed if revoke_others is set. Keys that have not verified for an hour are removed. Gives when it was made and signs, in milliseconds since 1970. No row: there are 100 keys, or if_lacking is set and there is one.';

--
-- Name: attempts_of(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.attempts_of(of_account text, of_address text) RETURNS TABLE(account text, address text, free integer, kept interval)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT v.account, v.address, v.free, v.kept
	FROM (VALUES (of_account, of_address, 3, interval '1 hour'), (of_account, '', 20, interval '1 hour'),
		('', of_address, 20, interval '10 minutes')) AS v (account, address, free, kept)
	WHERE (v.account <> '' AND v.address <> '') OR NOT EXISTS (SELECT FROM auth.known_address k
		WHERE k.account = of_account AND k.address = of_address AND k.ends_at > clock_timestamp())
$$;

--
-- Name: FUNCTION attempts_of(of_account text, of_address text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.attempts_of(of_account text, of_address text) IS 'The rows of auth.attempt that an attempt counts in, and their rules: how many are free within what time.';

--
-- Name: begin_attempt(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.begin_attempt(of_account text, of_address text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION begin_attempt(of_account text, of_address text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.begin_attempt(of_account text, of_address text) IS 'Before a secret is looked at: 0, and the attempt is counted as refused, so that it does not help to guess many at once; or how many milliseconds to wait, and nothing may be tried. The rules: auth.attempt.';

--
-- Name: begin_change(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.begin_change(caller text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	-- One at a time, until the commit: what a change asks of other rows (is there still an
	-- administrator, does no role inherit from itself) must hold when it is committed, too.
	PERFORM pg_advisory_xact_lock(6024021);
END $$;

--
-- Name: FUNCTION begin_change(caller text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.begin_change(caller text) IS 'Begins a change by an administrator: says who he is (auth.act_as()), and waits for those before.';

--
-- Name: begin_login(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.begin_login(of_name text, of_address text) RETURNS TABLE(r_wait_ms bigint, r_hash text, r_one_time boolean, r_disabled boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	wait_ms bigint := auth.begin_attempt('user:' || of_name, of_address);
BEGIN
	RETURN QUERY SELECT wait_ms, coalesce(p.hash, ''), coalesce(p.one_time, false),
		coalesce(s.disabled, false)
	FROM (VALUES (wait_ms)) AS v (ms)
	LEFT JOIN auth.password p ON p.name = of_name AND v.ms = 0
	LEFT JOIN auth.subject s ON s.kind = p.kind AND s.name = p.name;
END $$;

--
-- Name: FUNCTION begin_login(of_name text, of_address text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.begin_login(of_name text, of_address text) IS 'What auth.begin_attempt() says; and if it may be tried the hash to compare with, empty if there is none, whether the password must be changed first, and whether the user is disabled. Holds a secret.';

--
-- Name: change_password(text, text, text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint) IS 'A user has shown his password, whose hash is given, and gets another one; his sessions end. False if that is not his password any more, or he is disabled.';

--
-- Name: folded_name(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.folded_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (lower((split_part(name, ':'::text, 1) COLLATE "C")) || substr(name, strpos((name || ':'::text), ':'::text)));

--
-- Name: FUNCTION folded_name(name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.folded_name(name text) IS 'A subject''s name as it is kept: in lower case, but for what an outside issuer calls its user.';

--
-- Name: member; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.member (
    group_name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    group_kind text DEFAULT 'group'::text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT member_group_kind CHECK ((group_kind = 'group'::text)),
    CONSTRAINT member_kind_known CHECK ((kind = ANY (ARRAY['user'::text, 'application'::text])))
);

--
-- Name: TABLE member; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.member IS 'Who is in which group.';

--
-- Name: COLUMN member.group_name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.member.group_name IS 'The group.';

--
-- Name: COLUMN member.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.member.kind IS 'user or application.';

--
-- Name: COLUMN member.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.member.name IS 'Who is in it.';

--
-- Name: COLUMN member.group_kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.member.group_kind IS 'group.';

--
-- Name: COLUMN member.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.member.created_at IS 'Since when.';

--
-- Name: role_grant; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.role_grant (
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    ends_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

--
-- Name: TABLE role_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.role_grant IS 'Which subject has which role.';

--
-- Name: COLUMN role_grant.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_grant.kind IS 'user, application or group.';

--
-- Name: COLUMN role_grant.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_grant.name IS 'The subject; what a group is granted all have who are in it.';

--
-- Name: COLUMN role_grant.role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_grant.role IS 'The role.';

--
-- Name: COLUMN role_grant.ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_grant.ends_at IS 'Until then it counts; NULL: for ever.';

--
-- Name: COLUMN role_grant.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_grant.created_at IS 'When it was granted.';

--
-- Name: role_parent; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.role_parent (
    role text NOT NULL COLLATE pg_catalog."C",
    parent text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT role_parent_not_itself CHECK ((role <> parent))
);

--
-- Name: TABLE role_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.role_parent IS 'Which role inherits from which.';

--
-- Name: COLUMN role_parent.role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_parent.role IS 'The role that inherits.';

--
-- Name: COLUMN role_parent.parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role_parent.parent IS 'The role whose rules it has besides its own.';

--
-- Name: subject; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.subject (
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    title text DEFAULT ''::text NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    services text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT subject_kind_known CHECK ((kind = ANY (ARRAY['user'::text, 'application'::text, 'group'::text]))),
    CONSTRAINT subject_name_form CHECK (((name ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'::text) OR ((kind = 'user'::text) AND (name ~ '^[a-z][a-z0-9-]{0,31}:[^[:cntrl:]]+$'::text) AND (octet_length(name) <= 255)))),
    CONSTRAINT subject_services_count CHECK ((cardinality(services) <= 100)),
    CONSTRAINT subject_services_of_application CHECK (((kind = 'application'::text) OR (services = '{}'::text[]))),
    CONSTRAINT subject_title_length CHECK ((octet_length(title) <= 255))
);

--
-- Name: TABLE subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.subject IS 'Who may be granted something: users, applications, and groups of both.';

--
-- Name: COLUMN subject.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.kind IS 'user (a person), application (a program) or group.';

--
-- Name: COLUMN subject.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.name IS 'In lower case; of the users of an outside issuer "issuer:name".';

--
-- Name: COLUMN subject.title; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.title IS 'What people call it.';

--
-- Name: COLUMN subject.disabled; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.disabled IS 'May do nothing; of a group: its grants do not count.';

--
-- Name: COLUMN subject.services; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.services IS 'Names of the services of an application.';

--
-- Name: COLUMN subject.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.created_at IS 'When it was made.';

--
-- Name: COLUMN subject.updated_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.subject.updated_at IS 'When it was changed last.';

--
-- Name: held_roles(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.held_roles(subject_kind text, subject_name text) RETURNS TABLE(holder_kind text, holder text, granted text, role text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH RECURSIVE holder(kind, name) AS (
          SELECT s.kind,
             s.name
            FROM auth.subject s
           WHERE ((s.kind = held_roles.subject_kind) AND (s.name = auth.folded_name(held_roles.subject_name)) AND (NOT s.disabled))
         UNION ALL
          SELECT g.kind,
             g.name
            FROM ((auth.subject s
              JOIN auth.member m ON (((m.kind = s.kind) AND (m.name = s.name))))
              JOIN auth.subject g ON (((g.kind = m.group_kind) AND (g.name = m.group_name) AND (NOT g.disabled))))
           WHERE ((s.kind = held_roles.subject_kind) AND (s.name = auth.folded_name(held_roles.subject_name)) AND (NOT s.disabled))
         ), held(holder_kind, holder, granted, role) AS (
          SELECT h_1.kind,
             h_1.name,
             r.role,
             r.role
            FROM (holder h_1
              JOIN auth.role_grant r ON (((r.kind = h_1.kind) AND (r.name = h_1.name))))
           WHERE ((r.ends_at IS NULL) OR (r.ends_at > statement_timestamp()))
         UNION
          SELECT h_1.holder_kind,
             h_1.holder,
             h_1.granted,
             p.parent
            FROM (held h_1
              JOIN auth.role_parent p ON ((p.role = h_1.role)))
         )
  SELECT h.holder_kind,
     h.holder,
     h.granted,
     h.role
    FROM held h;
END;

--
-- Name: FUNCTION held_roles(subject_kind text, subject_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.held_roles(subject_kind text, subject_name text) IS 'The roles that a subject (user, application or group) has now. holder_kind and holder: who was granted it, the subject or a group of its; granted: the role that was granted, which is role or inherits from it. None of one that is disabled or unknown.';

--
-- Name: rule; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.rule (
    role text NOT NULL COLLATE pg_catalog."C",
    effect text NOT NULL COLLATE pg_catalog."C",
    service text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    method text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT rule_action_characters CHECK ((action !~ '[\x01-\x1f\x7f]'::text)),
    CONSTRAINT rule_action_length CHECK (((octet_length(action) >= 1) AND (octet_length(action) <= 255))),
    CONSTRAINT rule_action_lower_case CHECK ((("left"(action, 1) = '/'::text) OR (action = lower(action)))),
    CONSTRAINT rule_effect_known CHECK ((effect = ANY (ARRAY['allow'::text, 'deny'::text]))),
    CONSTRAINT rule_method_form CHECK (((method = '*'::text) OR (method ~ '^[A-Z]{1,32}$'::text))),
    CONSTRAINT rule_service_length CHECK (((octet_length(service) >= 1) AND (octet_length(service) <= 64))),
    CONSTRAINT rule_service_lower_case CHECK ((service = lower(service)))
);

--
-- Name: TABLE rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.rule IS 'What roles allow and deny. What any rule of a subject''s roles denies is denied, and so is what none allows: auth.check().';

--
-- Name: COLUMN rule.role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.rule.role IS 'The role that has it.';

--
-- Name: COLUMN rule.effect; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.rule.effect IS 'allow or deny.';

--
-- Name: COLUMN rule.service; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.rule.service IS 'Name of the service, or * for any.';

--
-- Name: COLUMN rule.action; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.rule.action IS 'Pattern of actions, in lower case, or of paths if it begins with /: * is any characters but /, ** any characters, all else is itself.';

--
-- Name: COLUMN rule.method; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.rule.method IS 'HTTP method, or READ, WRITE, CALL, ADMIN or AUDIT of an RPC of Junction''s own, or * for any.';

--
-- Name: check(text, text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth."check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 SELECT COALESCE(bool_and((u.effect = 'allow'::text)), false) AS "coalesce"
    FROM (auth.held_roles("check".subject_kind, "check".subject_name) h(holder_kind, holder, granted, role)
      JOIN auth.rule u ON ((u.role = h.role)))
   WHERE (("check".subject_kind = ANY (ARRAY['user'::text, 'application'::text])) AND (num_nulls("check".service_name, "check".action_name, "check".method_name) = 0) AND (u.service = ANY (ARRAY['*'::text, lower(("check".service_name COLLATE "C"))])) AND (u.method = ANY (ARRAY['*'::text, upper(("check".method_name COLLATE "C"))])) AND auth.action_matches(u.action, "check".action_name));
END;

--
-- Name: FUNCTION "check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth."check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text) IS 'Whether a user or an application may do something now, as the RPC Check answers it: what any rule of its roles denies is denied, and so is what none allows. Kind, name, service, action or path, method.';

--
-- Name: check_party(text, text, text[], text[], text[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]) RETURNS TABLE(r_kind text, r_namespace text, r_name text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
	WITH needed (place, kind, namespace, name, position) AS (
		SELECT 1, 'role', '', role_name, 0::bigint
		UNION ALL SELECT 2, 'component', '', lower(c.name COLLATE "C"), c.position
		FROM unnest(components) WITH ORDINALITY AS c (name, position)
		UNION ALL SELECT 3, 'dataset', d.namespace, d.name, d.position
		FROM unnest(dataset_namespaces, dataset_names) WITH ORDINALITY
			AS d (namespace, name, position))
	SELECT n.kind, n.namespace, n.name FROM needed n
	WHERE NOT EXISTS (SELECT FROM auth.party_grant g
		WHERE g.party_id IN (nullif(party, '*'), CASE WHEN EXISTS (
				SELECT FROM auth.party_key k WHERE k.party_id = party) THEN '*' END)
			AND g.kind = n.kind AND g.namespace IN (n.namespace, '*')
			AND g.name IN (n.name, '*'))
	ORDER BY n.place, n.position
$$;

--
-- Name: FUNCTION check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]) IS 'What a party is not granted of what it asks for: a role (* if it says none), components, and datasets by namespace and name. No row: all is granted.';

--
-- Name: create_access_key(text, text, text, text, bytea, bytea, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint) RETURNS TABLE(r_id text, r_application text, r_title text, r_created_at bigint, r_ends_at bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject('application', application);
	IF (SELECT count(*) FROM auth.access_key k WHERE k.application = application) >= 20 THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format(
			'application %s has 20 access keys, and may not have more: delete one first', application);
	END IF;
	RETURN QUERY INSERT INTO auth.access_key AS k (id, application, title, secret_hash, signing_key, ends_at)
	VALUES (id, application, title, secret_hash, signing_key,
		timestamptz 'epoch' + ends_at * interval '1 millisecond')
	RETURNING k.id, k.application, k.title, auth.milliseconds(k.created_at), auth.milliseconds(k.ends_at);
END $$;

--
-- Name: FUNCTION create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint) IS 'Adds an access key of an application, good until then (milliseconds since 1970; NULL: for ever). Gives what may be shown of it. Refuses if there is no such application, or if it has 20.';

--
-- Name: delete_access_key(text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_access_key(caller text, id text, token_seconds bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	DELETE FROM auth.access_key k WHERE k.id = id;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no access key %s', id);
	END IF;
	PERFORM auth.end_sessions('application', NULL, id, token_seconds);
END $$;

--
-- Name: FUNCTION delete_access_key(caller text, id text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_access_key(caller text, id text, token_seconds bigint) IS 'Removes an access key, and ends the sessions that were opened with it (token_seconds as of auth.end_sessions()). Refuses if there is none.';

--
-- Name: delete_grant(text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_grant(caller text, kind text, name text, role text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	DELETE FROM auth.role_grant g WHERE g.kind = kind AND g.name = name AND g.role = role;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404',
			MESSAGE = format('role %s is not granted to %s %s', role, kind, name);
	END IF;
	PERFORM auth.keep_administrator(had_one);
END $$;

--
-- Name: FUNCTION delete_grant(caller text, kind text, name text, role text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_grant(caller text, kind text, name text, role text) IS 'Takes a role back. Refuses if it is not granted, or if it is the last administrator''s.';

--
-- Name: delete_issuer(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_issuer(caller text, issuer_name text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	DELETE FROM auth.issuer i WHERE i.name = issuer_name;
	RETURN FOUND;
END $$;

--
-- Name: FUNCTION delete_issuer(caller text, issuer_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_issuer(caller text, issuer_name text) IS 'Removes an outside issuer. False: there is none of that name.';

--
-- Name: delete_member(text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_member(caller text, group_name text, kind text, name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	DELETE FROM auth.member m WHERE m.group_name = group_name AND m.kind = kind AND m.name = name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404',
			MESSAGE = format('%s %s is not in group %s', kind, name, group_name);
	END IF;
	PERFORM auth.keep_administrator(had_one);
END $$;

--
-- Name: FUNCTION delete_member(caller text, group_name text, kind text, name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_member(caller text, group_name text, kind text, name text) IS 'Takes a user or an application out of a group. Refuses if it is not in it, or if it is the last administrator.';

--
-- Name: delete_party_grant(text, text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	DELETE FROM auth.party_grant g WHERE g.party_id = party AND g.kind = old_kind
		AND g.namespace = old_namespace AND g.name = old_name;
	RETURN FOUND;
END $$;

--
-- Name: FUNCTION delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text) IS 'Takes a grant back. False: there is none like it.';

--
-- Name: delete_party_key(text, text, text, boolean); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_party_key(caller text, party text, id text, keep_newest boolean) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	PERFORM auth.keys_of(party);
	IF keep_newest AND id = (SELECT k.key_id FROM auth.party_key k
		WHERE k.party_id = party AND k.own ORDER BY k.ordinal DESC LIMIT 1) THEN
		RETURN 'newest';
	END IF;
	DELETE FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
	RETURN CASE WHEN FOUND THEN 'deleted' ELSE 'missing' END;
END $$;

--
-- Name: FUNCTION delete_party_key(caller text, party text, id text, keep_newest boolean); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_party_key(caller text, party text, id text, keep_newest boolean) IS 'Removes a key, and its private key with it; not the newest own one of the party, if keep_newest is set. Gives deleted, missing or newest.';

--
-- Name: delete_role(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_role(caller text, name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_role(name);
	PERFORM auth.need_own_role(name);
	DELETE FROM auth.role r WHERE r.name = name;
END $$;

--
-- Name: FUNCTION delete_role(caller text, name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_role(caller text, name text) IS 'Removes a role with its grants. Refuses if there is none, or if it is built in.';

--
-- Name: delete_subject(text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.delete_subject(caller text, kind text, name text, token_seconds bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	-- Before the subject itself, as who logs in does.
	PERFORM FROM auth.password p WHERE p.kind = kind AND p.name = name FOR UPDATE;
	PERFORM FROM auth.access_key k WHERE k.kind = kind AND k.application = name FOR UPDATE;
	PERFORM auth.need_subject(kind, name);
	PERFORM auth.end_sessions(kind, name, NULL, token_seconds);
	DELETE FROM auth.subject s WHERE s.kind = kind AND s.name = name;
	PERFORM auth.keep_administrator(had_one);
END $$;

--
-- Name: FUNCTION delete_subject(caller text, kind text, name text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.delete_subject(caller text, kind text, name text, token_seconds bigint) IS 'Removes a subject with its grants, memberships, keys and sessions (token_seconds as of auth.end_sessions()). Refuses if there is none, or if it is the last administrator.';

--
-- Name: drop_session(uuid, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.drop_session(of_id uuid, token_seconds bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	DELETE FROM auth.session s WHERE s.id = of_id;
	INSERT INTO auth.revocation (id, expires_at)
	VALUES (of_id::text, clock_timestamp() + token_seconds * interval '1 second' + interval '5 minutes')
	ON CONFLICT ON CONSTRAINT revocation_pkey DO NOTHING
$$;

--
-- Name: FUNCTION drop_session(of_id uuid, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.drop_session(of_id uuid, token_seconds bigint) IS 'Ends a session: its access tokens, which are good for so many seconds, are revoked.';

--
-- Name: end_sessions(text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	ended integer;
BEGIN
	WITH gone AS (DELETE FROM auth.session s WHERE (of_kind IS NULL OR s.kind = of_kind)
			AND (of_name IS NULL OR s.name = of_name) AND (of_key IS NULL OR s.access_key = of_key)
		RETURNING s.id)
	INSERT INTO auth.revocation (id, expires_at)
	SELECT g.id::text, clock_timestamp() + token_seconds * interval '1 second' + interval '5 minutes'
	FROM gone g;
	GET DIAGNOSTICS ended = ROW_COUNT;
	RETURN ended;
END $$;

--
-- Name: FUNCTION end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint) IS 'Ends the sessions of subjects of a kind, of a name, opened with an access key; NULL: of any. token_seconds: how long a token that was issued now would be good; so long, and five minutes by which clocks may differ, their tokens are refused by name. Gives how many were ended.';

--
-- Name: end_sessions_of(text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject(of_kind, of_name);
	RETURN auth.end_sessions(of_kind, of_name, NULL, token_seconds);
END $$;

--
-- Name: FUNCTION end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint) IS 'Ends all sessions of a subject (token_seconds as of auth.end_sessions()), and gives how many. Refuses if there is no such subject.';

--
-- Name: follow(bigint, integer); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.follow(after bigint, most integer) RETURNS TABLE(r_revision bigint, r_kind text, r_name text, r_state text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	last bigint;
BEGIN
	-- A reader who stands before what is kept gets one row without kind: it has to load anew.
	IF after > (SELECT value FROM auth.revision) OR (after < (SELECT value FROM auth.revision)
		AND NOT EXISTS (SELECT FROM auth.change c WHERE c.revision = after + 1)) THEN
		RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::text, NULL::text;
		RETURN;
	END IF;
	-- Whole revisions: one is never cut in two.
	SELECT max(c.revision) INTO last FROM (SELECT d.revision FROM auth.change d
		WHERE d.revision > after ORDER BY d.revision LIMIT most) AS c;
	RETURN QUERY
	WITH changed AS (SELECT c.kind, c.name, max(c.revision) AS revision FROM auth.change c
		WHERE c.revision > after AND c.revision <= last GROUP BY c.kind, c.name),
	known AS (SELECT k.kind, s.r_name, s.r_state
		FROM (SELECT c.kind, array_agg(c.name) AS names FROM changed c GROUP BY c.kind) AS k,
			auth.states(k.kind, k.names) AS s)
	SELECT c.revision, c.kind, c.name, k.r_state
	FROM changed c LEFT JOIN known k ON k.kind = c.kind AND k.r_name = c.name
	ORDER BY c.revision, c.kind, c.name;
END $$;

--
-- Name: FUNCTION follow(after bigint, most integer); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.follow(after bigint, most integer) IS 'What has changed after a revision, as it is now, in the order of the revisions; state NULL: it is gone. Of so many changes at most, but of whole revisions. One row of NULLs: there is no telling, since the changes have been removed; load all.';

--
-- Name: forget(integer); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.forget(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION forget(most integer); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.forget(most integer) IS 'Removes changes that are older than an hour, and sessions, revocations, refused attempts and known addresses that have expired, so many of each at most. Gives how many of the kind of which there were most. The servers call it all the time.';

--
-- Name: has_administrator(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.has_administrator() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT EXISTS (SELECT FROM auth.role_grant g
		JOIN auth.subject s ON s.kind = g.kind AND s.name = g.name
		WHERE g.role = 'administrator' AND NOT s.disabled
			AND (g.ends_at IS NULL OR g.ends_at > clock_timestamp())
			AND (g.kind <> 'group' OR EXISTS (SELECT FROM auth.member m
				JOIN auth.subject w ON w.kind = m.kind AND w.name = m.name
				WHERE m.group_name = g.name AND NOT w.disabled)))
$$;

--
-- Name: FUNCTION has_administrator(); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.has_administrator() IS 'Whether somebody who is not disabled is granted the role administrator, himself or by a group.';

--
-- Name: keep_administrator(boolean); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.keep_administrator(had_one boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	IF had_one AND NOT auth.has_administrator() THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412',
			MESSAGE = 'nobody would be left who has the role administrator';
	END IF;
END $$;

--
-- Name: FUNCTION keep_administrator(had_one boolean); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.keep_administrator(had_one boolean) IS 'After a change: refuses it if there was an administrator before, and is none now.';

--
-- Name: keys_of(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.keys_of(party text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- Until the end of the transaction: of several servers that find a key missing one makes it, and
	-- the newest key is still the newest when another is removed.
	PERFORM pg_advisory_xact_lock(6024017);
	RETURN (SELECT count(*) FROM auth.party_key k WHERE k.party_id = party);
END $$;

--
-- Name: FUNCTION keys_of(party text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.keys_of(party text) IS 'Begins a transaction that changes keys, one at a time. Gives how many the party has.';

--
-- Name: lacking_own_keys(text[], text[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.lacking_own_keys(parties text[], algorithms text[]) RETURNS TABLE(r_position bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT i.position FROM unnest(parties, algorithms) WITH ORDINALITY AS i (party, algorithm, position)
	WHERE i.algorithm IS DISTINCT FROM (SELECT k.algorithm FROM auth.party_key k
		WHERE k.party_id = i.party AND k.own ORDER BY k.ordinal DESC LIMIT 1)
	ORDER BY i.position
$$;

--
-- Name: FUNCTION lacking_own_keys(parties text[], algorithms text[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.lacking_own_keys(parties text[], algorithms text[]) IS 'Which of the parties (from 1) have no own key, or a newest one of another algorithm.';

--
-- Name: lacks_administrator(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.lacks_administrator() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT NOT EXISTS (SELECT FROM auth.first_start)
$$;

--
-- Name: FUNCTION lacks_administrator(); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.lacks_administrator() IS 'Whether auth.add_administrator() may be needed: no server has been here.';

--
-- Name: load(text, text, integer); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.load(after_kind text, after_name text, most integer) RETURNS TABLE(r_revision bigint, r_kind text, r_name text, r_state text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	now_at bigint := (SELECT value FROM auth.revision);
	page_kind text;
	names text[];
BEGIN
	FOREACH page_kind IN ARRAY '{access_key,application,group,issuer,revocation,role,token_key,user}'::text[]
	LOOP
		CONTINUE WHEN page_kind COLLATE "C" < after_kind;
		IF page_kind > after_kind COLLATE "C" THEN
			after_name := '';
		END IF;
		names := CASE page_kind
			WHEN 'access_key' THEN ARRAY(SELECT k.id FROM auth.access_key k
				WHERE k.id > after_name ORDER BY k.id LIMIT most)
			WHEN 'issuer' THEN ARRAY(SELECT i.name FROM auth.issuer i
				WHERE i.name > after_name ORDER BY i.name LIMIT most)
			WHEN 'revocation' THEN ARRAY(SELECT v.id FROM auth.revocation v
				WHERE v.id > after_name ORDER BY v.id LIMIT most)
			WHEN 'role' THEN ARRAY(SELECT r.name FROM auth.role r
				WHERE r.name > after_name ORDER BY r.name LIMIT most)
			WHEN 'token_key' THEN ARRAY(SELECT k.id FROM auth.token_key k
				WHERE k.id > after_name ORDER BY k.id LIMIT most)
			ELSE ARRAY(SELECT s.name FROM auth.subject s
				WHERE s.kind = page_kind AND s.name > after_name ORDER BY s.name LIMIT most)
			END;
		IF cardinality(names) > 0 THEN
			RETURN QUERY SELECT now_at, page_kind, s.r_name, s.r_state FROM auth.states(page_kind, names) AS s
				ORDER BY s.r_name COLLATE "C";
			RETURN;
		END IF;
	END LOOP;
	RETURN QUERY SELECT now_at, NULL::text, NULL::text, NULL::text;
END $$;

--
-- Name: FUNCTION load(after_kind text, after_name text, most integer); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.load(after_kind text, after_name text, most integer) IS 'All that the servers keep, page after page by kind and name, so many of one kind at most; a row without kind: that was all. The pages need not be of one moment: who follows from the revision of the first page comes to the same.';

--
-- Name: lock_attempts(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.lock_attempts(of_account text, of_address text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- All take the account's lock before the address's.
	PERFORM pg_advisory_xact_lock(6024031, hashtext(of_account));
	PERFORM pg_advisory_xact_lock(6024032, hashtext(of_address));
END $$;

--
-- Name: FUNCTION lock_attempts(of_account text, of_address text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.lock_attempts(of_account text, of_address text) IS 'Until the end of the transaction nobody else counts attempts of the account or of the address.';

--
-- Name: milliseconds(timestamp with time zone); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.milliseconds(t timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (extract(epoch FROM t) * 1000)::bigint $$;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.milliseconds(t timestamp with time zone) IS 'Milliseconds since 1970, as the servers keep times.';

--
-- Name: need_own_role(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.need_own_role(name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	IF EXISTS (SELECT FROM auth.role r WHERE r.name = name AND r.built_in) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format('role %s is built in', name);
	END IF;
END $$;

--
-- Name: FUNCTION need_own_role(name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.need_own_role(name text) IS 'Refuses if the role is one that Junction has made.';

--
-- Name: need_parents(text, text[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.need_parents(name text, parents text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	parent text;
BEGIN
	FOREACH parent IN ARRAY parents LOOP
		IF parent = name OR EXISTS (
			WITH RECURSIVE above (role) AS (SELECT p.parent FROM auth.role_parent p WHERE p.role = parent
				UNION SELECT p.parent FROM above a JOIN auth.role_parent p ON p.role = a.role)
			SELECT FROM above a WHERE a.role = name) THEN
			RAISE EXCEPTION USING ERRCODE = 'JN412',
				MESSAGE = format('role %s would inherit from itself by role %s', name, parent);
		END IF;
		PERFORM auth.need_role(parent);
	END LOOP;
END $$;

--
-- Name: FUNCTION need_parents(name text, parents text[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.need_parents(name text, parents text[]) IS 'Refuses parents that a role cannot have: those that are not there, and those that inherit from it.';

--
-- Name: need_role(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.need_role(name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	IF NOT EXISTS (SELECT FROM auth.role r WHERE r.name = name) THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no role %s', name);
	END IF;
END $$;

--
-- Name: FUNCTION need_role(name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.need_role(name text) IS 'Refuses if there is no role of that name.';

--
-- Name: need_subject(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.need_subject(kind text, name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	-- Nobody opens a session of a subject that is locked so: auth.session refers to it.
	PERFORM FROM auth.subject s WHERE s.kind = kind AND s.name = name FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no %s %s', kind, name);
	END IF;
END $$;

--
-- Name: FUNCTION need_subject(kind text, name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.need_subject(kind text, name text) IS 'Locks a subject until the commit; refuses if there is none of that name.';

--
-- Name: note_change(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.note_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	secrets constant text[] := '{hash,secret_hash,signing_key,private_jwk}';
	old_rows jsonb;
	new_rows jsonb;
BEGIN
	IF TG_OP <> 'INSERT' THEN
		SELECT jsonb_agg(to_jsonb(r) - secrets) INTO old_rows FROM removed r;
	END IF;
	IF TG_OP <> 'DELETE' THEN
		SELECT jsonb_agg(to_jsonb(r) - secrets) INTO new_rows FROM added r;
	END IF;
	PERFORM auth.tell(TG_OP, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], old_rows, new_rows);
	RETURN NULL;
END $$;

--
-- Name: FUNCTION note_change(); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.note_change() IS 'Of a trigger after each statement: notes what it changed, without secrets, in auth.pending. Arguments: as kind and name_column of auth.tell().';

--
-- Name: open_key_session(uuid, text, text, bytea, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) RETURNS TABLE(r_wait_ms bigint, r_opened boolean)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) IS 'An access key, access_key:ID, is exchanged: application empty if the secret was wrong. Milliseconds to wait, whatever the secret was; else whether the session was opened: not if the key is wrong, gone or has ended, or its application is disabled, and then the attempt counts as refused.';

--
-- Name: open_session(uuid, text, text, bytea, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) IS 'A user has shown his password, whose hash is given: opens a session for so many seconds. False if that is not his password any more, or he is disabled.';

--
-- Name: pass_attempt(text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.pass_attempt(of_account text, of_address text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION pass_attempt(of_account text, of_address text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.pass_attempt(of_account text, of_address text) IS 'The secret of an attempt that auth.begin_attempt() has counted was right: those of the account from the address are forgotten, and the address is known.';

--
-- Name: publish_change(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.publish_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	caller json := nullif(current_setting('junction.caller', true), '')::json;
	shown text := json_build_object('table', NEW.relation, 'old', NEW.old, 'new', NEW.new)::text;
	target text := left(coalesce(NEW.kinds[1] || ':' || NEW.names[1],
		'party:' || (coalesce(NEW.new->0, NEW.old->0)->>'party_id')), 255);
	revision bigint;
BEGIN
	-- Before the lock of audit.append in any case: so transactions that end together wait for each
	-- other in one order.
	PERFORM FROM auth.revision FOR UPDATE;
	IF cardinality(NEW.kinds) > 0 THEN
		UPDATE auth.revision SET value = value + 1 RETURNING value INTO revision;
		INSERT INTO auth.change (revision, kind, name)
		SELECT revision, c.kind, c.name FROM unnest(NEW.kinds, NEW.names) AS c (kind, name);
	END IF;
	IF octet_length(shown) > 60000 THEN
		shown := json_build_object('table', NEW.relation, 'oldRows', json_array_length(NEW.old),
			'newRows', json_array_length(NEW.new))::text;
	END IF;
	PERFORM audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz],
		ARRAY[CASE NEW.operation WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.auth'],
		ARRAY[coalesce(nullif(caller->>'node', ''), 'postgresql')],
		ARRAY[NEW.relation || CASE NEW.operation WHEN 'INSERT' THEN ' added' WHEN 'UPDATE' THEN ' changed'
			ELSE ' removed' END], ARRAY[target],
		ARRAY[CASE WHEN caller IS NULL THEN 'postgresql:' || session_user
			ELSE nullif(caller->>'user', '') END],
		ARRAY[nullif(caller->>'application', '')],
		ARRAY[CASE WHEN caller->>'roles' NOT IN ('', '{}') THEN caller->>'roles' END],
		ARRAY[nullif(caller->>'address', '')], ARRAY[coalesce(nullif(caller->>'node', ''), 'postgresql')],
		ARRAY[nullif(caller->>'trace', '')], ARRAY[shown::json], ARRAY[NULL::text],
		ARRAY[NULL::bytea], ARRAY[NULL::bigint]);
	DELETE FROM auth.pending p WHERE p.id = NEW.id;
	RETURN NULL;
END $$;

--
-- Name: FUNCTION publish_change(); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.publish_change() IS 'Of a trigger at the commit: gives a change its revision, which the servers follow, and writes it into the audit (namespace junction.auth; opt_type 1 added, 2 changed, 3 removed; target: the first of what has changed, "user:alice"; ext: the rows before and after).';

--
-- Name: put_grant(text, text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_grant(caller text, kind text, name text, role text, ends_at bigint) RETURNS SETOF auth.role_grant
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject(kind, name);
	PERFORM auth.need_role(role);
	INSERT INTO auth.role_grant AS g (kind, name, role, ends_at)
	VALUES (kind, name, role, timestamptz 'epoch' + ends_at * interval '1 millisecond')
	ON CONFLICT ON CONSTRAINT role_grant_pkey DO UPDATE SET ends_at = excluded.ends_at
	WHERE g.ends_at IS DISTINCT FROM excluded.ends_at;
	RETURN QUERY SELECT * FROM auth.role_grant g WHERE g.kind = kind AND g.name = name AND g.role = role;
END $$;

--
-- Name: FUNCTION put_grant(caller text, kind text, name text, role text, ends_at bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_grant(caller text, kind text, name text, role text, ends_at bigint) IS 'Grants a subject a role until then (milliseconds since 1970; NULL: for ever). Gives the grant''s row. Refuses if one of the two is not there.';

--
-- Name: put_issuer(text, text, text, text, text, text, text[], text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	-- Until the end of the transaction: what is looked at here stays so.
	PERFORM pg_advisory_xact_lock(6024024);
	IF EXISTS (SELECT FROM auth.issuer i
		WHERE i.url = new_url AND i.audience = new_audience AND i.name <> new_name) THEN
		RETURN 'taken';
	END IF;
	IF (SELECT count(*) FROM auth.issuer i WHERE i.name <> new_name) >= 50 THEN
		RETURN 'full';
	END IF;
	INSERT INTO auth.issuer AS i (name, url, audience, jwks, jwks_url, algorithms, user_claim,
		roles_claim)
	VALUES (new_name, new_url, new_audience, new_jwks, new_jwks_url, new_algorithms, new_user_claim,
		new_roles_claim)
	ON CONFLICT ON CONSTRAINT issuer_pkey DO UPDATE SET url = excluded.url,
		audience = excluded.audience, jwks = excluded.jwks, jwks_url = excluded.jwks_url,
		algorithms = excluded.algorithms, user_claim = excluded.user_claim,
		roles_claim = excluded.roles_claim, updated_at = clock_timestamp();
	RETURN 'put';
END $$;

--
-- Name: FUNCTION put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text) IS 'Makes an outside issuer, or changes it as a whole. Gives put, taken (another one has this url and audience) or full (there are 50).';

--
-- Name: put_member(text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_member(caller text, group_name text, kind text, name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_subject('group', group_name);
	PERFORM auth.need_subject(kind, name);
	INSERT INTO auth.member (group_name, kind, name) VALUES (group_name, kind, name)
	ON CONFLICT ON CONSTRAINT member_pkey DO NOTHING;
END $$;

--
-- Name: FUNCTION put_member(caller text, group_name text, kind text, name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_member(caller text, group_name text, kind text, name text) IS 'Adds a user or an application to a group, unless it is in it. Refuses if one of the two is not there.';

--
-- Name: put_party_grant(text, text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	who json := caller::json;
BEGIN
	PERFORM auth.act_as(caller);
	INSERT INTO auth.party_grant (party_id, kind, namespace, name, caller_address,
		caller_application, caller_user, trace)
	VALUES (party, new_kind, new_namespace, new_name, coalesce(who->>'address', ''),
		coalesce(who->>'application', ''), coalesce(who->>'user', ''),
		coalesce(who->>'trace', ''))
	ON CONFLICT ON CONSTRAINT party_grant_pkey DO NOTHING;
END $$;

--
-- Name: FUNCTION put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text) IS 'Grants a party a role, a component or a dataset, unless it is granted.';

--
-- Name: put_party_key(text, text, text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_party_key(caller text, party text, id text, algorithm text, public_key text) RETURNS SETOF auth.party_key
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	who json := caller::json;
BEGIN
	PERFORM auth.act_as(caller);
	IF auth.keys_of(party) < 100 THEN
		INSERT INTO auth.party_key (party_id, key_id, algorithm, public_key, own,
			caller_address, caller_application, caller_user, trace)
		VALUES (party, id, algorithm, public_key, false, coalesce(who->>'address', ''),
			coalesce(who->>'application', ''), coalesce(who->>'user', ''),
			coalesce(who->>'trace', ''))
		ON CONFLICT ON CONSTRAINT party_key_pkey DO NOTHING;
	END IF;
	RETURN QUERY SELECT k.* FROM auth.party_key k WHERE k.party_id = party AND k.key_id = id;
END $$;

--
-- Name: FUNCTION put_party_key(caller text, party text, id text, algorithm text, public_key text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_party_key(caller text, party text, id text, algorithm text, public_key text) IS 'Registers a public key, unless it is registered; gives its row. No row: the party has 100 keys, all of which a signature might have to be tried with.';

--
-- Name: put_role(text, text, text, text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]) RETURNS TABLE(r_name text, r_title text, r_built_in boolean, r_created_at bigint, r_updated_at bigint, r_parents text, r_rules text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	was record;
BEGIN
	PERFORM auth.begin_change(caller);
	PERFORM auth.need_own_role(name);
	PERFORM auth.need_parents(name, parents);
	SELECT * INTO was FROM auth.show_role(name);
	INSERT INTO auth.role (name, title) VALUES (name, title)
	ON CONFLICT ON CONSTRAINT role_pkey DO NOTHING;
	DELETE FROM auth.role_parent p WHERE p.role = name AND p.parent <> ALL (parents);
	INSERT INTO auth.role_parent (role, parent) SELECT name, g.parent FROM unnest(parents) AS g (parent)
	ON CONFLICT ON CONSTRAINT role_parent_pkey DO NOTHING;
	DELETE FROM auth.rule u WHERE u.role = name AND (u.effect, u.service, u.action, u.method) NOT IN (
		SELECT g.effect, g.service, g.action, g.method
		FROM unnest(effects, services, actions, methods) AS g (effect, service, action, method));
	INSERT INTO auth.rule (role, effect, service, action, method)
	SELECT name, g.effect, g.service, g.action, g.method
	FROM unnest(effects, services, actions, methods) AS g (effect, service, action, method)
	ON CONFLICT ON CONSTRAINT rule_pkey DO NOTHING;
	UPDATE auth.role r SET title = title, updated_at = clock_timestamp() FROM auth.show_role(name) AS n
	WHERE r.name = was.r_name AND (title, n.r_parents, n.r_rules)
		IS DISTINCT FROM (was.r_title, was.r_parents, was.r_rules);
	RETURN QUERY SELECT * FROM auth.show_role(name);
END $$;

--
-- Name: FUNCTION put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]) IS 'Makes a role, or changes it as a whole; effects, services, actions and methods: one element for each rule. Touches only what differs. Gives it as auth.show_role() does. Refuses if it is built in, if a parent is not there, or if it would inherit from itself.';

--
-- Name: put_subject(text, text, text, text, boolean, text[], bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint) RETURNS SETOF auth.subject
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_variable
DECLARE
	had_one boolean;
BEGIN
	PERFORM auth.begin_change(caller);
	had_one := auth.has_administrator();
	INSERT INTO auth.subject AS s (kind, name, title, disabled, services)
	VALUES (kind, name, title, disabled, services)
	ON CONFLICT ON CONSTRAINT subject_pkey DO UPDATE
	SET title = excluded.title, disabled = excluded.disabled, services = excluded.services,
		updated_at = clock_timestamp()
	WHERE (s.title, s.disabled, s.services)
		IS DISTINCT FROM (excluded.title, excluded.disabled, excluded.services);
	IF disabled THEN
		PERFORM auth.need_subject(kind, name);
		PERFORM auth.end_sessions(kind, name, NULL, token_seconds);
		PERFORM auth.keep_administrator(had_one);
	END IF;
	RETURN QUERY SELECT * FROM auth.subject s WHERE s.kind = kind AND s.name = name;
END $$;

--
-- Name: FUNCTION put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint) IS 'Makes a subject, or changes it as a whole; disabled, its sessions are ended (token_seconds as of auth.end_sessions()). Gives its row. Refuses to disable the last administrator.';

--
-- Name: refresh_session(text, uuid, bytea, bytea, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint) RETURNS TABLE(r_outcome text, r_kind text, r_name text, r_seconds bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint) IS 'The refresh token shown (its SHA-256) is exchanged for the next one. refreshed: whose session it is, and how many seconds are left of it; ended: there is no session; refused: its subject is disabled or its access key is good no more; repeated: it is the one before, exchanged less than 10 seconds ago, as of two who share it or of one whose answer was lost; reused: it was exchanged longer ago, one of the two who have it is a thief, and the session has been ended; unknown: it is none of the last 11.';

--
-- Name: refuse_truncate(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	RAISE EXCEPTION 'auth.% must not be truncated: nobody would be told; use DELETE', TG_TABLE_NAME;
END $$;

--
-- Name: FUNCTION refuse_truncate(); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.refuse_truncate() IS 'Of a trigger: there are no rows to tell of when a table is truncated.';

--
-- Name: reset_administrator(text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.reset_administrator(caller text, new_hash text, token_seconds bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION reset_administrator(caller text, new_hash text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.reset_administrator(caller text, new_hash text, token_seconds bigint) IS 'The user administrator exists, has the role administrator for ever, and a one-time password.';

--
-- Name: reset_password(text, text, text, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.reset_password(caller text, of_name text, new_hash text, token_seconds bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION reset_password(caller text, of_name text, new_hash text, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.reset_password(caller text, of_name text, new_hash text, token_seconds bigint) IS 'Gives a user a one-time password, ends his sessions (token_seconds as of auth.end_sessions()) and forgets his refused logins. Refuses if there is no such user.';

--
-- Name: revoke_session(text, uuid, bytea, bigint); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint) IS 'Ends a session for who has shown a refresh token of it (its SHA-256), or, NULL, an access token. False: there is none that such a refresh token belongs to.';

--
-- Name: show_role(text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.show_role(wanted text) RETURNS TABLE(r_name text, r_title text, r_built_in boolean, r_created_at bigint, r_updated_at bigint, r_parents text, r_rules text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT r.name, r.title, r.built_in, auth.milliseconds(r.created_at),
		auth.milliseconds(r.updated_at),
		(SELECT coalesce(json_agg(p.parent ORDER BY p.parent), '[]')
			FROM auth.role_parent p WHERE p.role = r.name)::text,
		(SELECT coalesce(json_agg(json_build_array(u.effect, u.service, u.action, u.method)
				ORDER BY u.service, u.action, u.method, u.effect), '[]')
			FROM auth.rule u WHERE u.role = r.name)::text
	FROM auth.role r WHERE r.name = wanted
$$;

--
-- Name: FUNCTION show_role(wanted text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.show_role(wanted text) IS 'A role with the JSON list of its parents and that of its rules, each a list of effect, service, action and method. No row: there is none of that name.';

--
-- Name: states(text, text[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.states(wanted_kind text, names text[]) RETURNS TABLE(r_name text, r_state text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	IF wanted_kind IN ('user', 'application', 'group') THEN
		RETURN QUERY SELECT n.name, json_build_object('disabled', s.disabled,
			'roles', (SELECT coalesce(json_agg(json_build_array(g.role, auth.milliseconds(g.ends_at))
					ORDER BY g.role), '[]')
				FROM auth.role_grant g WHERE g.kind = s.kind AND g.name = s.name),
			'groups', (SELECT coalesce(json_agg(m.group_name ORDER BY m.group_name), '[]')
				FROM auth.member m WHERE m.kind = s.kind AND m.name = s.name))::text
		FROM unnest(names) AS n (name)
		JOIN auth.subject s ON s.kind = wanted_kind AND s.name = n.name;
	ELSIF wanted_kind = 'role' THEN
		RETURN QUERY SELECT n.name, json_build_object(
			'parents', (SELECT coalesce(json_agg(p.parent ORDER BY p.parent), '[]')
				FROM auth.role_parent p WHERE p.role = r.name),
			'rules', (SELECT coalesce(json_agg(json_build_array(u.effect, u.service, u.action, u.method)
					ORDER BY u.service, u.action, u.method, u.effect), '[]')
				FROM auth.rule u WHERE u.role = r.name))::text
		FROM unnest(names) AS n (name) JOIN auth.role r ON r.name = n.name;
	ELSIF wanted_kind = 'access_key' THEN
		RETURN QUERY SELECT k.id, json_build_object('application', k.application,
			'secretHash', encode(k.secret_hash, 'hex'), 'signingKey', encode(k.signing_key, 'hex'),
			'endsAt', auth.milliseconds(k.ends_at))::text
		FROM auth.access_key k WHERE k.id = ANY (names);
	ELSIF wanted_kind = 'token_key' THEN
		RETURN QUERY SELECT k.id, json_build_object('algorithm', k.algorithm,
			'publicJwk', k.public_jwk::json, 'privateJwk', k.private_jwk::json,
			'createdAt', auth.milliseconds(k.created_at),
			'signsFrom', auth.milliseconds(k.signs_from),
			'verifiesUntil', auth.milliseconds(k.verifies_until))::text
		FROM auth.token_key k WHERE k.id = ANY (names);
	ELSIF wanted_kind = 'issuer' THEN
		RETURN QUERY SELECT i.name, json_build_object('url', i.url, 'audience', i.audience,
			'jwks', nullif(i.jwks, '')::json, 'jwksUrl', i.jwks_url, 'algorithms', i.algorithms,
			'userClaim', i.user_claim, 'rolesClaim', i.roles_claim)::text
		FROM auth.issuer i WHERE i.name = ANY (names);
	ELSIF wanted_kind = 'revocation' THEN
		RETURN QUERY SELECT v.id, json_build_object('expiresAt', auth.milliseconds(v.expires_at))::text
		FROM auth.revocation v WHERE v.id = ANY (names);
	END IF;
END $$;

--
-- Name: FUNCTION states(wanted_kind text, names text[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.states(wanted_kind text, names text[]) IS 'What the servers keep of things of a kind: JSON objects with milliseconds since 1970 for times. No row: there is none of that name. Holds secrets.';

--
-- Name: take_nonces(text[], text[], bigint[]); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.take_nonces(app_keys text[], nonces text[], expire_ats bigint[]) RETURNS TABLE(r_position bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
	DELETE FROM auth.seen_nonce WHERE ctid = ANY (ARRAY(
		SELECT s.ctid FROM auth.seen_nonce s WHERE s.expires_at < now()
		ORDER BY s.expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
	-- In the order of the keys, so that servers which take the same ones do not wait in a circle.
	RETURN QUERY WITH given AS (
		SELECT * FROM unnest(app_keys, nonces, expire_ats) WITH ORDINALITY
			AS i (app_key, nonce, expires_at, position)),
	taken AS (
		INSERT INTO auth.seen_nonce AS s (app_key, nonce, expires_at)
		SELECT g.app_key, g.nonce, to_timestamp(g.expires_at / 1000.0) FROM given g
		ORDER BY g.app_key COLLATE "C", g.nonce COLLATE "C"
		ON CONFLICT ON CONSTRAINT seen_nonce_pkey DO UPDATE SET expires_at = excluded.expires_at
			WHERE s.expires_at < now()
		RETURNING s.app_key, s.nonce)
	SELECT g.position FROM given g JOIN taken t ON t.app_key = g.app_key AND t.nonce = g.nonce;
END $$;

--
-- Name: FUNCTION take_nonces(app_keys text[], nonces text[], expire_ats bigint[]); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.take_nonces(app_keys text[], nonces text[], expire_ats bigint[]) IS 'Takes nonces, no two of them equal, that are good until so many milliseconds after 1970-01-01 UTC. Gives those (from 1) that were still free.';

--
-- Name: tell(text, text, text, text, jsonb, jsonb); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	WITH told AS (
		SELECT DISTINCT coalesce(nullif(kind, ''), r->>'kind') AS kind, r->>name_column AS name
		FROM jsonb_array_elements(coalesce(old, '[]') || coalesce(new, '[]')) AS r
		WHERE name_column <> '')
	INSERT INTO auth.pending (operation, relation, kinds, names, old, new)
	SELECT operation, relation, coalesce(array_agg(t.kind ORDER BY t.kind, t.name), '{}'),
		coalesce(array_agg(t.name ORDER BY t.kind, t.name), '{}'), old, new
	FROM told t
	HAVING old IS NOT NULL OR new IS NOT NULL
$$;

--
-- Name: FUNCTION tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb) IS 'Notes a change of rows in auth.pending; kind empty: it is a column of theirs. name_column empty: the servers need not know.';

--
-- Name: wait_after(integer, integer); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.wait_after(refused integer, free integer) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT CASE WHEN refused < free THEN interval '0'
		ELSE least(interval '5 minutes', interval '1 second' * 2 ^ least(refused - free, 10)) END
$$;

--
-- Name: FUNCTION wait_after(refused integer, free integer); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.wait_after(refused integer, free integer) IS 'How long the next attempt has to wait after so many refused ones, of which so many less one are free: see auth.attempt.';

--
-- Name: who_can(text, text, text); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.who_can(service_name text, action_name text, method_name text) RETURNS TABLE(kind text, name text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
 WITH RECURSIVE judging(role, effect) AS (
          SELECT u.role,
             u.effect
            FROM auth.rule u
           WHERE ((num_nulls(who_can.service_name, who_can.action_name, who_can.method_name) = 0) AND (u.service = ANY (ARRAY['*'::text, lower((who_can.service_name COLLATE "C"))])) AND (u.method = ANY (ARRAY['*'::text, upper((who_can.method_name COLLATE "C"))])) AND auth.action_matches(u.action, who_can.action_name))
         UNION
          SELECT p.role,
             j_1.effect
            FROM (judging j_1
              JOIN auth.role_parent p ON ((p.parent = j_1.role)))
         ), holder(kind, name, effect) AS (
          SELECT s.kind,
             s.name,
             j_1.effect
            FROM ((judging j_1
              JOIN auth.role_grant r ON ((r.role = j_1.role)))
              JOIN auth.subject s ON (((s.kind = r.kind) AND (s.name = r.name) AND (NOT s.disabled))))
           WHERE ((r.ends_at IS NULL) OR (r.ends_at > statement_timestamp()))
         ), judged(kind, name, effect) AS (
          SELECT h.kind,
             h.name,
             h.effect
            FROM holder h
           WHERE (h.kind <> 'group'::text)
         UNION ALL
          SELECT m.kind,
             m.name,
             h.effect
            FROM ((holder h
              JOIN auth.member m ON (((m.group_kind = h.kind) AND (m.group_name = h.name))))
              JOIN auth.subject s ON (((s.kind = m.kind) AND (s.name = m.name) AND (NOT s.disabled))))
         )
  SELECT j.kind,
     j.name
    FROM judged j
   GROUP BY j.kind, j.name
  HAVING bool_and((j.effect = 'allow'::text))
   ORDER BY j.kind, j.name;
END;

--
-- Name: FUNCTION who_can(service_name text, action_name text, method_name text); Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON FUNCTION auth.who_can(service_name text, action_name text, method_name text) IS 'The users and applications for which auth.check() of that service, action or path, and method is true, by kind and name.';

--
-- Name: append(text[], boolean[], bigint[], text[], text[], text[], bytea[], text[], text[], text[], text[], bytea[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]) RETURNS TABLE(r_place integer, r_position bigint, r_previous bigint, r_outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]) IS 'Publishes a batch of events, one array element each, in the order of the elements; queues: the text of an array. Gives for each its place from 1 and what came of it: published, with its position and that of the event before it in the log; repeated: the publisher gave an id that is there, or comes earlier in the batch, with the same body, position is that event''s; conflict: with another body; stale: who gets it was decided before that changed, nothing was written. One batch at a time: the lock is held until the commit, so that positions are in commit order.';

--
-- Name: backlog(integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.backlog(of_queue integer) RETURNS TABLE(r_open bigint, r_oldest timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION backlog(of_queue integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.backlog(of_queue integer) IS 'How many deliveries of a queue are open, counted up to 10,000, and since when the oldest of them. Where many are behind an open one, it looks at the oldest and the newest 10,000.';

--
-- Name: candidates(text, text, text, boolean, bigint, bigint, integer, integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer) RETURNS TABLE(r_position bigint, r_queue_id integer)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer) IS 'Deliveries before one in the list, the newest event first: of an event, of those that are or were dead, of a group, or all; of these also, without a queue, events that are of another namespace or go to nobody.';

--
-- Name: conclude(integer[], bigint[], integer[], event.state[], text[], uuid[], integer[], bigint[], integer[], text[], double precision[], text[]); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]) RETURNS TABLE(r_place integer, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]) IS 'Writes what came of leases, which numbers name: delivered, failed (tried again by the schedule, not before retry_ms, or dead), dead, confirmed, or waiting: given back as if it had not been taken. What somebody else has decided meanwhile stands, and the result is written beside it. May be repeated. Gives for each how it stands now; without a row: somebody was faster just now, it is to be repeated.';

--
-- Name: configure_service(text, text, json); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.configure_service(of_namespace text, of_service text, specs json) RETURNS TABLE(r_added integer, r_removed integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION configure_service(of_namespace text, of_service text, specs json); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.configure_service(of_namespace text, of_service text, specs json) IS 'Makes these the subscriptions of a service''s configuration: removes those of it that are not among them, and registers those that are missing, each as event.put_subscription() takes it. JN409: another one has such a name.';

--
-- Name: confirm(text, text, text, text, text, boolean, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text) RETURNS TABLE(r_outcome text, r_queue_id integer, r_group text, r_member text, r_position bigint, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint, r_at bigint, r_due bigint, r_reason text, r_time bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text) IS 'Confirms deliveries of an event, or refuses them: of a group; without one of the group that is called like the application, else every open one, else all; for group default if there is none at all. All of them or, if event.decide() finds a conflict in one, none. Gives for each "done" or "conflict" and how it stands now; or one row with nothing but: unknown, other name (of the event), no delivery (of that group).';

--
-- Name: decide(event.state, integer, timestamp with time zone, timestamp with time zone, bigint, boolean); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean) RETURNS text
    LANGUAGE sql PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN CASE WHEN success THEN CASE state WHEN 'confirmed'::event.state THEN 'same'::text WHEN 'dead'::event.state THEN 'conflict'::text ELSE 'confirm'::text END WHEN (state = ANY (ARRAY['failed'::event.state, 'dead'::event.state])) THEN 'same'::text WHEN (state = 'confirmed'::event.state) THEN 'conflict'::text WHEN ((state = 'delivered'::event.state) AND (due IS NULL) AND ((at + ((window_ms)::double precision * '00:00:00.001'::interval)) < clock_timestamp())) THEN 'conflict'::text ELSE 'refuse'::text END;

--
-- Name: FUNCTION decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean) IS 'What a confirmation does to a delivery that stands so: confirm; refuse: it failed; same: nothing, it stands so; conflict: it is final, and stands otherwise. A delivery that needs no confirmation is final when its ack window is over.';

--
-- Name: delete_subscription(text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.delete_subscription(of_namespace text, of_name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM event.lock_subscriptions();
	DELETE FROM event.subscription s
	WHERE s.id = (event.find_subscription(of_namespace, of_name)).id;
END $$;

--
-- Name: FUNCTION delete_subscription(of_namespace text, of_name text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.delete_subscription(of_namespace text, of_name text) IS 'Removes a subscription; its queue, and what is open there, stay. JN404 if there is none.';

--
-- Name: deliveries_of(text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.deliveries_of(of_namespace text, of_event_id text) RETURNS TABLE(r_queue_id integer, r_group text, r_member text, r_position bigint, r_name text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION deliveries_of(of_namespace text, of_event_id text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.deliveries_of(of_namespace text, of_event_id text) IS 'Who gets an event: those that its publication found, and group default if it was confirmed for that.';

--
-- Name: disable_subscription(uuid, text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.disable_subscription(of_subscription uuid, of_url text, reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	UPDATE event.subscription s
	SET enabled = false, disabled_reason = disable_subscription.reason, updated_at = clock_timestamp()
	WHERE s.id = of_subscription AND s.enabled AND s.url IS NOT DISTINCT FROM of_url;
	RETURN FOUND;
END $$;

--
-- Name: FUNCTION disable_subscription(of_subscription uuid, of_url text, reason text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.disable_subscription(of_subscription uuid, of_url text, reason text) IS 'Delivers nothing more to a subscription whose target wants no more, unless it points elsewhere by now. Whether it was enabled.';

--
-- Name: due_ms(timestamp with time zone); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.due_ms(due timestamp with time zone) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN (ceil((date_part('epoch'::text, (due - clock_timestamp())) * (1000)::double precision)))::bigint;

--
-- Name: FUNCTION due_ms(due timestamp with time zone); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.due_ms(due timestamp with time zone) IS 'Milliseconds until then; servers do not compare clocks.';

--
-- Name: find_log(text, text, timestamp with time zone, timestamp with time zone, integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint) RETURNS TABLE(r_message text, r_more boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT f.message, f.found > most OR f.bytes > most_bytes
	FROM (SELECT l.message, count(*) OVER () AS found, sum(octet_length(l.message)) OVER () AS bytes,
			row_number() OVER up_to AS place, sum(octet_length(l.message)) OVER up_to AS bytes_up_to
		FROM (SELECT x.message, x.time, x.number FROM event.log x
			WHERE x.namespace = of_namespace AND x.event_id = of_event_id
				AND x.time BETWEEN begin_time AND end_time
			ORDER BY x.time, x.number LIMIT most + 1) AS l
		WINDOW up_to AS (ORDER BY l.time, l.number)) AS f
	WHERE f.place <= most AND f.bytes_up_to <= most_bytes
	ORDER BY f.place
$$;

--
-- Name: FUNCTION find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint) IS 'Messages of an event id, the oldest first, so many and so many bytes at most; r_more: there are more of them.';

--
-- Name: subscription; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.subscription (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    queue_id integer NOT NULL,
    patterns text[] NOT NULL COLLATE pg_catalog."C",
    conditions json,
    target event.target NOT NULL,
    url text COLLATE pg_catalog."C",
    service text COLLATE pg_catalog."C",
    confirm event.confirm_mode DEFAULT 'auto'::event.confirm_mode NOT NULL,
    ack_window_ms bigint DEFAULT 600000 NOT NULL,
    timeout_ms bigint DEFAULT 15000 NOT NULL,
    schedule_ms bigint[] DEFAULT '{5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000}'::bigint[] NOT NULL,
    concurrency integer DEFAULT 32 NOT NULL,
    rate double precision DEFAULT 0 NOT NULL,
    encrypt_stored boolean DEFAULT false NOT NULL,
    push_key bytea,
    push_key_id text COLLATE pg_catalog."C",
    origin text DEFAULT 'api'::text NOT NULL COLLATE pg_catalog."C",
    enabled boolean DEFAULT true NOT NULL,
    disabled_reason text COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    author_user text COLLATE pg_catalog."C",
    author_application text COLLATE pg_catalog."C",
    author_address text COLLATE pg_catalog."C",
    CONSTRAINT subscription_ack_window_range CHECK (((ack_window_ms >= 1) AND (ack_window_ms <= 86400000))),
    CONSTRAINT subscription_concurrency_range CHECK (((concurrency >= 1) AND (concurrency <= 1000))),
    CONSTRAINT subscription_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT subscription_origin_known CHECK ((origin = ANY (ARRAY['api'::text, 'configuration'::text, 'stream'::text]))),
    CONSTRAINT subscription_patterns_count CHECK (((cardinality(patterns) >= 1) AND (cardinality(patterns) <= 100))),
    CONSTRAINT subscription_push_key_length CHECK ((octet_length(push_key) = 32)),
    CONSTRAINT subscription_push_key_named CHECK (((push_key IS NULL) = (push_key_id IS NULL))),
    CONSTRAINT subscription_rate_range CHECK (((rate >= (0)::double precision) AND (rate <= (1000000)::double precision))),
    CONSTRAINT subscription_schedule_count CHECK ((cardinality(schedule_ms) <= 100)),
    CONSTRAINT subscription_schedule_range CHECK (((1 <= ALL (schedule_ms)) AND (604800000 >= ALL (schedule_ms)))),
    CONSTRAINT subscription_service_if_target CHECK (((service IS NOT NULL) = (target = 'service'::event.target))),
    CONSTRAINT subscription_timeout_range CHECK (((timeout_ms >= 1) AND (timeout_ms <= 300000))),
    CONSTRAINT subscription_url_if_target CHECK (((url IS NOT NULL) = (target = 'url'::event.target)))
);

--
-- Name: TABLE subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.subscription IS 'Who gets which events, from when it was registered on. Gone when deleted; what waits stays in its queue.';

--
-- Name: COLUMN subscription.id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.id IS 'Made when it is registered.';

--
-- Name: COLUMN subscription.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.namespace IS 'Only events of this namespace.';

--
-- Name: COLUMN subscription.name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.name IS 'The subscriber''s own name for it: registered again it is the same subscription.';

--
-- Name: COLUMN subscription.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.queue_id IS 'Its group, or its own if it is a broadcast.';

--
-- Name: COLUMN subscription.patterns; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.patterns IS 'Of names of events; "*" stands for one level, "**" for any, "?" for one character.';

--
-- Name: COLUMN subscription.conditions; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.conditions IS 'JSON list of {"path","values"} that an event''s data must all meet; NULL: none.';

--
-- Name: COLUMN subscription.target; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.target IS 'Where its events go.';

--
-- Name: COLUMN subscription.url; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.url IS 'Of target url.';

--
-- Name: COLUMN subscription.service; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.service IS 'Of target service: a node of it is asked at /mw/event/notification.';

--
-- Name: COLUMN subscription.confirm; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.confirm IS 'When a delivery is done.';

--
-- Name: COLUMN subscription.ack_window_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.ack_window_ms IS 'Milliseconds, 1 to 86,400,000.';

--
-- Name: COLUMN subscription.timeout_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.timeout_ms IS 'Of one attempt, milliseconds, 1 to 300,000.';

--
-- Name: COLUMN subscription.schedule_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.schedule_ms IS 'Milliseconds from each failed attempt to the next, give or take a tenth; after the last one a delivery is dead.';

--
-- Name: COLUMN subscription.concurrency; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.concurrency IS 'Attempts under way at a time.';

--
-- Name: COLUMN subscription.rate; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.rate IS 'Attempts a second; 0: no limit.';

--
-- Name: COLUMN subscription.encrypt_stored; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.encrypt_stored IS 'Data of the events that it gets is stored encrypted.';

--
-- Name: COLUMN subscription.push_key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.push_key IS 'X25519 public key that data is sealed to when it is pushed; NULL: it is not.';

--
-- Name: COLUMN subscription.push_key_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.push_key_id IS 'The subscriber''s name for that key.';

--
-- Name: COLUMN subscription.origin; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.origin IS 'api: RegisterSubscription; configuration: that of a service; stream: Subscribe.';

--
-- Name: COLUMN subscription.enabled; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.enabled IS 'False: nothing is delivered to it.';

--
-- Name: COLUMN subscription.disabled_reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.disabled_reason IS 'Why not, if Junction disabled it.';

--
-- Name: COLUMN subscription.created_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.created_at IS 'When.';

--
-- Name: COLUMN subscription.updated_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.updated_at IS 'When it was last changed.';

--
-- Name: COLUMN subscription.author_user; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.author_user IS 'User who last registered it; NULL if unknown.';

--
-- Name: COLUMN subscription.author_application; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.author_application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN subscription.author_address; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.subscription.author_address IS 'Address that did; NULL if unknown.';

--
-- Name: find_subscription(text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.find_subscription(of_namespace text, of_name text) RETURNS event.subscription
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION find_subscription(of_namespace text, of_name text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.find_subscription(of_namespace text, of_name text) IS 'The subscription of that name; JN404 if there is none.';

--
-- Name: first_kept(); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.first_kept() RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT coalesce(event.position_at(to_date(right(min(c.relname::text), 7), 'YYYY_MM')::timestamp
		AT TIME ZONE 'UTC'), 0)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'event.event'::regclass
$$;

--
-- Name: FUNCTION first_kept(); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.first_kept() IS 'Events before this position are not kept any more.';

--
-- Name: follow(bigint, integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.follow(after bigint, most integer) RETURNS TABLE(r_position bigint, r_queues integer[], r_key text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT e.position, e.queues, e.key FROM event.event e
	WHERE e.position > follow.after ORDER BY e.position LIMIT most
$$;

--
-- Name: FUNCTION follow(after bigint, most integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.follow(after bigint, most integer) IS 'Who gets the events behind a position, in order.';

--
-- Name: has_open_before(bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.has_open_before(up_to bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT EXISTS (SELECT FROM event.queue q
		WHERE (q.member = '' OR EXISTS (SELECT FROM event.subscription s WHERE s.queue_id = q.id))
		AND EXISTS (SELECT FROM event.delivery d
			LEFT JOIN LATERAL (SELECT x.state, x.due FROM event.transition x
				WHERE x.queue_id = d.queue_id AND x.position = d.position
				ORDER BY x.number DESC LIMIT 1) t ON true
			WHERE d.queue_id = q.id AND d.position > event.low_water_of(q.id)
				AND d.position < up_to AND event.is_open(t.state, t.due)))
$$;

--
-- Name: FUNCTION has_open_before(up_to bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.has_open_before(up_to bigint) IS 'Whether a delivery before a position is open. What only a member would get whose subscription is gone does not count.';

--
-- Name: head(); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.head() RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT coalesce((SELECT e.position FROM event.event e ORDER BY e.position DESC LIMIT 1), 0)
$$;

--
-- Name: FUNCTION head(); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.head() IS 'The position of the last event that is committed; 0: there is none.';

--
-- Name: is_open(event.state, timestamp with time zone); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.is_open(state event.state, due timestamp with time zone) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(((state <> ALL (ARRAY['confirmed'::event.state, 'dead'::event.state])) AND (NOT ((state = 'delivered'::event.state) AND (due IS NULL)))), true);

--
-- Name: FUNCTION is_open(state event.state, due timestamp with time zone); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.is_open(state event.state, due timestamp with time zone) IS 'Whether a delivery that stands so is still to be done; NULL: it has no transition.';

--
-- Name: is_pushed(event.target); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.is_pushed(target event.target) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (target = ANY (ARRAY['url'::event.target, 'service'::event.target]));

--
-- Name: FUNCTION is_pushed(target event.target); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.is_pushed(target event.target) IS 'Whether Junction asks that target by HTTP.';

--
-- Name: keep_events(integer, boolean); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.keep_events(days integer, drop_open boolean) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $_$
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
END $_$;

--
-- Name: FUNCTION keep_events(days integer, drop_open boolean); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.keep_events(days integer, drop_open boolean) IS 'Makes the partitions of this month and the next two, and drops those of events, deliveries and transitions whose last day is longer ago than so many days (0: never), but none while a delivery up to its end is open, unless drop_open. Removes secrets that expired a day ago, and queues of members that are gone when nothing of them is kept. Gives how many months it dropped.';

--
-- Name: keep_months(regclass, integer); Type: FUNCTION; Schema: upkeep; Owner: -
--

CREATE FUNCTION upkeep.keep_months(parent regclass, days integer) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	partition regclass;
	dropped integer := 0;
BEGIN
	IF days < 1 THEN
		RAISE EXCEPTION 'rows are kept for 1 day at least, not %', days;
	END IF;
	-- One at a time; who comes second finds nothing to do.
	PERFORM pg_advisory_xact_lock(6024015, parent::oid::integer);
	FOR i IN 0 .. 2 LOOP
		PERFORM upkeep.make_month(parent, (this_month + i * interval '1 month')::date);
	END LOOP;
	FOR partition IN
		SELECT c.oid FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = parent AND c.relname ~ '_\d{4}_\d\d$'
			AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
				<= (now() AT TIME ZONE 'UTC') - days * interval '1 day'
		ORDER BY c.relname
	LOOP
		EXECUTE format('DROP TABLE %s', partition);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $_$;

--
-- Name: FUNCTION keep_months(parent regclass, days integer); Type: COMMENT; Schema: upkeep; Owner: -
--

COMMENT ON FUNCTION upkeep.keep_months(parent regclass, days integer) IS 'Makes the partitions of this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped.';

--
-- Name: log; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.log (
    namespace text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    "time" timestamp with time zone NOT NULL,
    number bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    message text NOT NULL COLLATE pg_catalog."C",
    user_name text COLLATE pg_catalog."C",
    application text COLLATE pg_catalog."C",
    roles text[] COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    trace_id text COLLATE pg_catalog."C",
    CONSTRAINT log_event_id_length CHECK (((octet_length(event_id) >= 1) AND (octet_length(event_id) <= 255))),
    CONSTRAINT log_message_length CHECK (((octet_length(message) >= 2) AND (octet_length(message) <= 1048576))),
    CONSTRAINT log_roles_count CHECK (((cardinality(roles) >= 1) AND (cardinality(roles) <= 256))),
    CONSTRAINT log_time_milliseconds CHECK (("time" = ("time")::timestamp(3) with time zone))
)
PARTITION BY RANGE (received_at);

--
-- Name: TABLE log; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.log IS 'The log of applications (WriteLog, FindLog), in months of the receipt: it takes entries of any time. Its key is how an entry is found.';

--
-- Name: COLUMN log.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.namespace IS 'The writer''s.';

--
-- Name: COLUMN log.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.event_id IS 'eventId of the message, or one that was made. Any number of entries may have it.';

--
-- Name: COLUMN log."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log."time" IS 'When it happened, as the message says, else its receipt; whole milliseconds.';

--
-- Name: COLUMN log.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.number IS 'Tells apart, and orders, entries of one time.';

--
-- Name: COLUMN log.received_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.received_at IS 'When the server wrote it, whole milliseconds.';

--
-- Name: COLUMN log.message; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.message IS 'A JSON object, byte for byte as given: message::json reads it.';

--
-- Name: COLUMN log.user_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.user_name IS 'User who called; NULL if unknown.';

--
-- Name: COLUMN log.application; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.application IS 'Application that called; NULL if unknown.';

--
-- Name: COLUMN log.roles; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.roles IS 'The caller''s roles; NULL if unknown or none.';

--
-- Name: COLUMN log.address; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.address IS 'Address of the caller; NULL if unknown.';

--
-- Name: COLUMN log.node; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.node IS 'The Junction server that wrote it: hostname-starttime.';

--
-- Name: COLUMN log.trace_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.log.trace_id IS 'Trace id of the call; NULL if unknown.';

--
-- Name: keep_log(integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.keep_log(days integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT upkeep.keep_months('event.log'::regclass,
         CASE days
             WHEN 0 THEN 1000000
             ELSE days
         END) AS keep_months;
END;

--
-- Name: FUNCTION keep_log(days integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.keep_log(days integer) IS 'Makes the partitions of event.log for this month and the next two, and drops those whose last day is longer ago than so many days (0: none). Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

--
-- Name: transition; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.transition (
    queue_id integer NOT NULL,
    "position" bigint NOT NULL,
    number integer NOT NULL,
    state event.state NOT NULL,
    at timestamp with time zone NOT NULL,
    due timestamp with time zone,
    attempt integer NOT NULL,
    holder text COLLATE pg_catalog."C",
    subscription_id uuid,
    status integer,
    code text COLLATE pg_catalog."C",
    latency_ms double precision,
    reason text COLLATE pg_catalog."C",
    confirmed_by text COLLATE pg_catalog."C"
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE transition; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.transition IS 'Each step of each delivery; the one with the highest number is how it stands.';

--
-- Name: COLUMN transition.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.queue_id IS 'Whose delivery.';

--
-- Name: COLUMN transition."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition."position" IS 'Of which event.';

--
-- Name: COLUMN transition.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.number IS 'From 1, without gaps.';

--
-- Name: COLUMN transition.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.state IS 'How it stands from then on. A result that comes after somebody else''s decision repeats that state.';

--
-- Name: COLUMN transition.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.at IS 'When.';

--
-- Name: COLUMN transition.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.due IS 'leased: when the lease ends; failed: when it is tried again; delivered: when it waits again unless confirmed; else NULL.';

--
-- Name: COLUMN transition.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.attempt IS 'How many attempts there have been, this one included; 0: none, or it was opened again.';

--
-- Name: COLUMN transition.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.holder IS 'Of an attempt: the server that makes it, or who pulls.';

--
-- Name: COLUMN transition.subscription_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.subscription_id IS 'Of an attempt: the member of the group that gets it; NULL if it is pulled.';

--
-- Name: COLUMN transition.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.status IS 'Of a result: HTTP status of the answer; NULL: none came.';

--
-- Name: COLUMN transition.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.code IS 'Of a result: the code in the answer''s body.';

--
-- Name: COLUMN transition.latency_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.latency_ms IS 'Of a result: how long the attempt took; NULL if there was none.';

--
-- Name: COLUMN transition.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.reason IS 'Why, for people.';

--
-- Name: COLUMN transition.confirmed_by; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.transition.confirmed_by IS 'Of a confirmation, positive or negative: the caller''s user, application or address.';

--
-- Name: last_transition(integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.last_transition(of_queue integer, of_position bigint) RETURNS event.transition
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT t FROM event.transition t
	WHERE t.queue_id = of_queue AND t.position = of_position ORDER BY t.number DESC LIMIT 1
$$;

--
-- Name: FUNCTION last_transition(of_queue integer, of_position bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.last_transition(of_queue integer, of_position bigint) IS 'How a delivery stands; NULL: it waits for its first attempt.';

--
-- Name: lease(integer[], bigint[], text[], uuid[], bigint[], boolean[], bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint) RETURNS TABLE(r_place integer, r_granted boolean, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint, r_event_id text, r_name text, r_data text, r_sealed bytea, r_key_id text, r_key text, r_time bigint, r_trace_id text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint) IS 'Takes deliveries that wait, whose next attempt is due (early: before, too), or whose lease or ack window has run out, unless that was the last attempt: then they are dead. A subscription whose holder asks for what it has again gets it again; who pulls does not. Gives for each how it stands now, and the event of those that were granted, so many bytes of data in all, but at least one. Without a row: the event is not kept any more. All that write several at once do so by queue and position, so that they do not wait for each other in a circle.';

--
-- Name: member; Type: TABLE; Schema: event; Owner: -
--

CREATE UNLOGGED TABLE event.member (
    name text NOT NULL COLLATE pg_catalog."C",
    renewed_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.member IS 'The servers that deliver events; each is in charge of some queues.';

--
-- Name: COLUMN member.name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.member.name IS 'hostname-starttime of the server.';

--
-- Name: COLUMN member.renewed_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.member.renewed_at IS 'When it was last seen alive.';

--
-- Name: leave_member(text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.leave_member(name text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 DELETE FROM event.member m
   WHERE (m.name = leave_member.name);
END;

--
-- Name: FUNCTION leave_member(name text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.leave_member(name text) IS 'Says that this server is about to end.';

--
-- Name: list_deliveries(text, text, event.state, text, text, bigint, bigint, integer, integer, integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer) RETURNS SETOF event.listed
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer) IS 'Deliveries before one in the list, the newest event first, by what is not NULL: so many at most, after having looked at so many. A last row without an event says behind what to go on.';

--
-- Name: load(); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.load() RETURNS TABLE(r_revision bigint, r_kind text, r_value json)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION load(); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.load() IS 'All that the servers keep in memory, the revision first: JSON objects of the queues, then of the subscriptions with their secrets.';

--
-- Name: load_queue(integer, bigint, integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.load_queue(of_queue integer, after bigint, most integer) RETURNS TABLE(r_position bigint, r_key text, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION load_queue(of_queue integer, after bigint, most integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.load_queue(of_queue integer, after bigint, most integer) IS 'Open deliveries of a queue behind a position (NULL: from where it may have any), in order.';

--
-- Name: lock_subscriptions(); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.lock_subscriptions() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT pg_advisory_xact_lock(6024028)
$$;

--
-- Name: FUNCTION lock_subscriptions(); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.lock_subscriptions() IS 'One registers at a time, until the end of its transaction.';

--
-- Name: low_water; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.low_water (
    queue_id integer NOT NULL,
    number bigint NOT NULL,
    "position" bigint NOT NULL
);

--
-- Name: TABLE low_water; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.low_water IS 'Up to where all of a queue is done: where a server begins to look. The highest number counts.';

--
-- Name: COLUMN low_water.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.low_water.queue_id IS 'Which queue.';

--
-- Name: COLUMN low_water.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.low_water.number IS 'Rises.';

--
-- Name: COLUMN low_water."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.low_water."position" IS 'No delivery up to here is open.';

--
-- Name: low_water_of(integer); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.low_water_of(of_queue integer) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE((SELECT l."position" FROM event.low_water l WHERE (l.queue_id = low_water_of.of_queue) ORDER BY l.number DESC LIMIT 1), (0)::bigint);

--
-- Name: FUNCTION low_water_of(of_queue integer); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.low_water_of(of_queue integer) IS 'The position up to which no delivery of a queue is open.';

--
-- Name: make_month(regclass, date); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.make_month(parent regclass, month date) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.make_month(parent regclass, month date) IS 'Makes the partition of a table for the events of the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

--
-- Name: make_queue(text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.make_queue(namespace text, group_name text) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO event.queue AS q (namespace, group_name) VALUES (make_queue.namespace, make_queue.group_name)
	ON CONFLICT ON CONSTRAINT queue_namespace_group_name_member_key DO NOTHING;
	SELECT q.id FROM event.queue q WHERE q.namespace = make_queue.namespace
		AND q.group_name = make_queue.group_name AND q.member = '';
$$;

--
-- Name: FUNCTION make_queue(namespace text, group_name text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.make_queue(namespace text, group_name text) IS 'Makes the queue of a group if there is none. Gives its id.';

--
-- Name: milliseconds(timestamp with time zone); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.milliseconds(t timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((date_part('epoch'::text, (t - '1970-01-01 00:00:00+00'::timestamp with time zone)) * (1000)::double precision))::bigint;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.milliseconds(t timestamp with time zone) IS 'Milliseconds since 1970, as the API gives times.';

--
-- Name: note_opened(integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.note_opened(of_queue integer, at_position bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(6024026, of_queue), pg_advisory_xact_lock(6024027);
	INSERT INTO event.low_water (queue_id, position)
	SELECT of_queue, at_position - 1 WHERE at_position <=
		(SELECT l.position FROM event.low_water l WHERE l.queue_id = of_queue ORDER BY l.number DESC LIMIT 1);
	INSERT INTO event.opened (queue_id, position) VALUES (of_queue, at_position);
	DELETE FROM event.opened o WHERE o.at < clock_timestamp() - interval '1 hour';
END $$;

--
-- Name: FUNCTION note_opened(of_queue integer, at_position bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.note_opened(of_queue integer, at_position bigint) IS 'Says that a delivery that was done is open again: one at a time, so that the numbers are in the order of the commits.';

--
-- Name: opened_after(bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.opened_after(after bigint) RETURNS TABLE(r_opened bigint, r_queue_id integer, r_position bigint, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT o.number, o.queue_id, o.position, t.number, t.state, t.attempt, event.due_ms(t.due)
	FROM event.opened o
	CROSS JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due FROM event.transition x
		WHERE x.queue_id = o.queue_id AND x.position = o.position
		ORDER BY x.number DESC LIMIT 1) t
	WHERE o.number > opened_after.after ORDER BY o.number
$$;

--
-- Name: FUNCTION opened_after(after bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.opened_after(after bigint) IS 'What has been opened again since that row of event.opened, and how it stands.';

--
-- Name: pause(text, text, text, boolean); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.pause(of_namespace text, of_group text, of_subscription text, paused boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION pause(of_namespace text, of_group text, of_subscription text, paused boolean); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.pause(of_namespace text, of_group text, of_subscription text, paused boolean) IS 'Pauses a group with its members, or one subscription (of_group NULL), or resumes it. JN404 if there is none.';

--
-- Name: position_at(timestamp with time zone); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.position_at(t timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((floor((date_part('epoch'::text, (t - '1970-01-01 00:00:00+00'::timestamp with time zone)) * (1000)::double precision)))::bigint << 20);

--
-- Name: FUNCTION position_at(t timestamp with time zone); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.position_at(t timestamp with time zone) IS 'The first position of a time: position >= event.position_at(now() - interval ''1 hour'') works, and reads only the months that it has to.';

--
-- Name: publish_change(); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.publish_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION publish_change(); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.publish_change() IS 'Of a trigger at the commit: from the next event on the change counts. Whoever holds a transaction open holds up nobody.';

--
-- Name: put_secret(uuid, bytea, bytea); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.put_secret(of_subscription uuid, given bytea, fresh bytea) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION put_secret(of_subscription uuid, given bytea, fresh bytea); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.put_secret(of_subscription uuid, given bytea, fresh bytea) IS 'Replaces all secrets of a subscription by the given one; without one a fresh one is taken if it has none. Gives whether that was taken.';

--
-- Name: put_subscription(json); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.put_subscription(spec json) RETURNS TABLE(r_subscription event.subscription, r_fresh boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION put_subscription(spec json); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.put_subscription(spec json) IS 'Registers a subscription, or replaces what it says: its id, its secret, and whether it is enabled stay, but one that Junction has disabled is enabled if its target is another now. If its group is another, or it is a broadcast now or no more, what was open for it stays with its queue of before. spec has the columns of event.subscription that are not made here, "group", "broadcast", "secret" (or null) and "fresh_secret", which one that is pushed and has no secret gets; bytes as texts of bytea, conditions as a text that is JSON. Gives the subscription, and whether it has got the fresh secret. What says nothing new changes nothing.';

--
-- Name: queue_for(text, text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.queue_for(of_namespace text, of_group text, of_member text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION queue_for(of_namespace text, of_group text, of_member text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.queue_for(of_namespace text, of_group text, of_member text) IS 'The queue of a group, or of a member of it, which is made if there is none: paused if the group is.';

--
-- Name: read_confirmed(integer, integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.read_confirmed(of_queue integer, most integer, most_bytes bigint) RETURNS TABLE(r_event_id text, r_name text, r_data text, r_sealed text, r_key_id text, r_attempt integer, r_success boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION read_confirmed(of_queue integer, most integer, most_bytes bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.read_confirmed(of_queue integer, most integer, most_bytes bigint) IS 'The oldest events that a queue has confirmed, so many bytes of data in all, but at least one.';

--
-- Name: read_log(text, bigint, integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.read_log(of_namespace text, after bigint, most integer, most_bytes bigint) RETURNS TABLE(r_position bigint, r_more boolean, r_first_kept bigint, r_name text, r_event_id text, r_data text, r_sealed text, r_key_id text, r_key text, r_time bigint, r_trace_id text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION read_log(of_namespace text, after bigint, most integer, most_bytes bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.read_log(of_namespace text, after bigint, most integer, most_bytes bigint) IS 'So many events of the log behind a position, those of other namespaces without what they say, and so many bytes of data, but at least one; more: there are further ones. The last row has nothing but first_kept.';

--
-- Name: read_one(text, text, text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.read_one(of_namespace text, of_event_id text, of_group text, of_application text) RETURNS TABLE(r_event_id text, r_name text, r_data text, r_sealed text, r_key_id text, r_attempt integer, r_success boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION read_one(of_namespace text, of_event_id text, of_group text, of_application text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.read_one(of_namespace text, of_event_id text, of_group text, of_application text) IS 'An event, the attempts so far, and whether it is confirmed: by the group; without one by the one called like the application, else by all that get it.';

--
-- Name: renew_member(text, interval); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.renew_member(name text, alive interval) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	INSERT INTO event.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM event.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM event.member m
	WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.renew_member(name text, alive interval) IS 'Says that a server lives, and gives those that have said so lately.';

--
-- Name: replay_some(integer, bigint, bigint, event.state[], integer, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text) RETURNS TABLE(r_replayed bigint, r_last bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text) IS 'Opens deliveries of a queue again that stand in one of the states, having looked at so many behind a position, the oldest first. Gives how many it opened, and behind what to go on; NULL: there are no more.';

--
-- Name: retry_ms(uuid, integer, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.retry_ms(of_subscription uuid, attempt integer, at_least bigint) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT CASE WHEN s.schedule[attempt] IS NOT NULL
		THEN greatest((s.schedule[attempt] * (0.9 + 0.2 * random()))::bigint,
			least(coalesce(at_least, 0), 86400000)) END
	FROM (SELECT coalesce((SELECT x.schedule_ms FROM event.subscription x WHERE x.id = of_subscription),
		'{5000,300000,1800000,7200000,18000000,36000000,50400000,72000000,86400000}') AS schedule) s
$$;

--
-- Name: FUNCTION retry_ms(of_subscription uuid, attempt integer, at_least bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.retry_ms(of_subscription uuid, attempt integer, at_least bigint) IS 'Milliseconds from a failed attempt, counted from 1, to the next, not less than at_least (NULL: as scheduled; a day at most); NULL: there is no further one.';

--
-- Name: rotate_secret(text, text, bytea, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint) IS 'Gives a subscription a new secret; the one before counts for so many seconds more. Of more than five that count the oldest end at once. JN404: there is no such subscription; JN412: it is not pushed to.';

--
-- Name: set_low_water(integer, bigint, bigint, bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint) IS 'Notes up to where all of a queue is done, as found in that generation of it and after that row of event.opened; nothing if deliveries have been opened again since.';

--
-- Name: states(integer[], bigint[]); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.states(queue_ids integer[], positions bigint[]) RETURNS TABLE(r_place integer, r_number integer, r_state event.state, r_attempt integer, r_due_ms bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT i.place::integer, coalesce(t.number, 0), coalesce(t.state, 'waiting'),
		coalesce(t.attempt, 0), event.due_ms(t.due)
	FROM unnest(queue_ids, positions) WITH ORDINALITY AS i (queue_id, position, place)
	LEFT JOIN LATERAL (SELECT x.number, x.state, x.attempt, x.due FROM event.transition x
		WHERE x.queue_id = i.queue_id AND x.position = i.position
		ORDER BY x.number DESC LIMIT 1) t ON true
$$;

--
-- Name: FUNCTION states(queue_ids integer[], positions bigint[]); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.states(queue_ids integer[], positions bigint[]) IS 'How these deliveries stand.';

--
-- Name: subscribe_stream(text, text, text[], event.confirm_mode, bigint, text, text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text) RETURNS TABLE(r_id uuid, r_name text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text) IS 'Registers the subscription of a stream, or finds it: its name is made of group and patterns. Gives its id, NULL if somebody else has given that name to something else.';

--
-- Name: text_of(bytea); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.text_of(sealed bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(sealed, 'base64'::text), '
'::text, ''::text);

--
-- Name: FUNCTION text_of(sealed bytea); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.text_of(sealed bytea) IS 'Base64 in one line.';

--
-- Name: time_at(bigint); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.time_at(p bigint) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + (((p >> 20))::double precision * '00:00:00.001'::interval));

--
-- Name: FUNCTION time_at(p bigint); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.time_at(p bigint) IS 'The time of a position.';

--
-- Name: topic_matches(text, text); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.topic_matches(pattern text, name text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((name COLLATE "C") ~ (('^'::text || replace(replace(regexp_replace(regexp_replace(pattern, '([][\\.^$|+(){}])'::text, '\\\1'::text, 'g'::text), '\*{2,}'::text, '.{0,}'::text, 'g'::text), '*'::text, '[^.]*'::text), '?'::text, '[^.]'::text)) || '$'::text));

--
-- Name: FUNCTION topic_matches(pattern text, name text); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.topic_matches(pattern text, name text) IS 'Whether the name of an event matches a pattern: * is any characters of a level, ** any characters, ? one character of a level, all else is itself.';

--
-- Name: write_log(text[], text[], timestamp with time zone[], text[], text[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: event; Owner: -
--

CREATE FUNCTION event.write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) RETURNS TABLE(r_place integer, r_time bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	receipt timestamptz := date_trunc('milliseconds', clock_timestamp());
BEGIN
	RETURN QUERY
	WITH given AS MATERIALIZED (
		SELECT i.*, coalesce(i.time, receipt) AS happened
		FROM unnest(namespaces, event_ids, times, messages, user_names, applications,
			write_log.roles, addresses, nodes, trace_ids) WITH ORDINALITY
			AS i (namespace, event_id, time, message, user_name, application, roles, address, node,
			trace_id, place)),
	written AS (
		INSERT INTO event.log AS l (namespace, event_id, time, received_at, message, user_name,
			application, roles, address, node, trace_id)
		SELECT g.namespace, g.event_id, g.happened, receipt, g.message, g.user_name, g.application,
			g.roles::text[], g.address, g.node, g.trace_id
		FROM given g ORDER BY g.place)
	SELECT g.place::integer, event.milliseconds(g.happened) FROM given g ORDER BY g.place;
END $$;

--
-- Name: FUNCTION write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON FUNCTION event.write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) IS 'Writes a batch of entries, one array element each; times: NULL for the receipt; roles: the text of an array. Gives for each its place from 1 and its time, milliseconds since 1970.';

--
-- Name: add_members(text, text, text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.add_members(of_namespace text, of_group text, users text[]) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO notice.group_member (namespace, group_name, user_name)
	SELECT of_namespace, of_group, u FROM unnest(users) AS u ON CONFLICT DO NOTHING
$$;

--
-- Name: FUNCTION add_members(of_namespace text, of_group text, users text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.add_members(of_namespace text, of_group text, users text[]) IS 'Adds those that are not in the group yet.';

--
-- Name: audit_channel(); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.audit_channel() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	caller json := nullif(current_setting('junction.caller', true), '')::json;
	node text := coalesce(nullif(caller ->> 'node', ''), 'postgresql');
	channel notice.channel := coalesce(NEW, OLD);
	changed text[] := ARRAY(SELECT n.key FROM jsonb_each(to_jsonb(NEW)) AS n
		WHERE n.value IS DISTINCT FROM to_jsonb(OLD) -> n.key
			AND n.key NOT IN ('updated_at', 'secrets_key_id', 'secret_names')
			AND n.key NOT LIKE 'author_%' ORDER BY n.key);
BEGIN
	PERFORM audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz],
		ARRAY[CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.notice'], ARRAY[node],
		ARRAY['channel ' || CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed'
			ELSE 'removed' END], ARRAY['channel:' || channel.name],
		ARRAY[CASE WHEN caller IS NULL THEN 'postgresql:' || session_user
			ELSE nullif(caller ->> 'user', '') END],
		ARRAY[nullif(caller ->> 'application', '')],
		ARRAY[CASE WHEN caller ->> 'roles' NOT IN ('', '{}') THEN caller ->> 'roles' END],
		ARRAY[nullif(caller ->> 'address', '')], ARRAY[node],
		ARRAY[nullif(caller ->> 'trace', '')],
		ARRAY[json_build_object('changed', CASE TG_OP WHEN 'UPDATE' THEN changed END,
			'old', notice.shown_channel(OLD), 'new', notice.shown_channel(NEW))],
		ARRAY[NULL::text], ARRAY[NULL::bytea], ARRAY[NULL::bigint]);
	RETURN NULL;
END $$;

--
-- Name: FUNCTION audit_channel(); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.audit_channel() IS 'Of a trigger: writes a change of a channel into the audit (namespace junction.notice; opt_type 1 added, 2 changed, 3 removed; target "channel:NAME"; ext: the channel before and after, and which columns have changed, without what settings and secrets hold). Who: as auth.act_as() says, else the database''s user.';

--
-- Name: cancel_some(bigint, text, bigint, integer, json); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json) RETURNS TABLE(r_cancelled bigint, r_last bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json) IS 'Cancels deliveries of a notice that wait, on a channel if that is not NULL, having looked at so many behind a position; those that are being sent, or asked about, end as they do, but are not sent again. As long as deliveries of it are still to be made, a step makes one part of them instead, those of site included, and cancels these. Gives how many it cancelled, and behind what to go on; NULL: there are no more. Each step that cancels some is in the audit.';

--
-- Name: change_group(text, text, text[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.change_group(of_namespace text, of_group text, added text[], removed text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
BEGIN
	PERFORM FROM notice.group_name g WHERE g.namespace = of_namespace AND g.name = of_group FOR UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no group %s', of_group);
	END IF;
	PERFORM notice.add_members(of_namespace, of_group, added);
	DELETE FROM notice.group_member m USING unnest(removed) AS u
	WHERE m.namespace = of_namespace AND m.group_name = of_group AND m.user_name = u;
	RETURN notice.count_members(of_namespace, of_group);
END $$;

--
-- Name: FUNCTION change_group(of_namespace text, of_group text, added text[], removed text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.change_group(of_namespace text, of_group text, added text[], removed text[]) IS 'Adds members to a group, then removes some. Gives how many it has. JN404 if there is no such group.';

--
-- Name: claim(integer, text, bigint, bigint, bigint[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]) RETURNS SETOF bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]) IS 'From now on only this server, with this number, takes deliveries of a channel. doubtful_ms: so long ago it asked for some and got no answer; what it took since then and does not hold is given back; NULL: it did not. Gives for each message that counts against the channel''s quota how many milliseconds ago it had ended at the latest, the oldest first; negative: it may be under way.';

--
-- Name: close_deleted(integer, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.close_deleted(of_channel integer, most integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION close_deleted(of_channel integer, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.close_deleted(of_channel integer, most integer) IS 'What waits for a channel that was deleted fails, what a server died in is unknown, nobody is asked any more: so many deliveries at most. How many it did; 0 if the channel is there.';

--
-- Name: conclude(text, bigint[], integer[], notice.state[], boolean[], boolean[], boolean[], bigint[], bigint[], double precision[], text[], text[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]) RETURNS TABLE(r_place integer, r_due_ms bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]) IS 'What came of a server''s attempts, one array element each. untried: it is as if the delivery had not been taken. waiting: to be tried again as the channel''s schedule says, or, throttled, after the pause; after its last time it has failed, and one that was cancelled meanwhile is. unknown, if the receiver tells repetitions, the same, but after its last time it stays unknown. sent and unknown are asked about in ask_ms, until a day after it was sent. How a delivery stands that has moved on meanwhile, by a receipt, a report or a new attempt, is left as it is. Gives the places of those that something is to happen to, and in how many milliseconds. May be repeated.';

--
-- Name: content(bigint[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.content(positions bigint[]) RETURNS TABLE(r_position bigint, r_notice_id uuid, r_time_ms bigint, r_namespace text, r_sender text, r_title text, r_message text, r_template text, r_params text, r_variants json, r_reply boolean, r_personal boolean, r_trace_id text, r_attachments json, r_bytes bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION content(positions bigint[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.content(positions bigint[]) IS 'What these notices say, in order: as they were sent, with their version of their template (variants NULL: none), their attachments as a JSON list of {id, name, content_type, size} (NULL: none), and about how large that is.';

--
-- Name: count_members(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.count_members(of_namespace text, of_group text) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT count(*) FROM notice.group_member m WHERE m.namespace = of_namespace AND m.group_name = of_group
$$;

--
-- Name: FUNCTION count_members(of_namespace text, of_group text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.count_members(of_namespace text, of_group text) IS 'How many members a group has.';

--
-- Name: count_unread(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.count_unread(of_namespace text, of_user text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
BEGIN
	RETURN (SELECT count(*) FROM (SELECT FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND d.state = 'delivered' AND NOT d.hidden
		ORDER BY d.position LIMIT 10000) u);
END $$;

--
-- Name: FUNCTION count_unread(of_namespace text, of_user text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.count_unread(of_namespace text, of_user text) IS 'How many notices are unread in an inbox, counted up to 10,000.';

--
-- Name: count_waiting(integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.count_waiting(of_channel integer) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT count(*) FROM (SELECT FROM notice.delivery d
		WHERE d.channel_id = of_channel AND d.due IS NOT NULL AND d.state = 'waiting' LIMIT 10000) AS d
$$;

--
-- Name: FUNCTION count_waiting(of_channel integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.count_waiting(of_channel integer) IS 'Deliveries that wait for a channel, counted up to 10,000.';

--
-- Name: decide(text[], text[], text[], text[], text[], text[], boolean[], boolean[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.decide(namespaces text[], templates text[], channels text[], users text[], groups text[], param_names text[], replies boolean[], links boolean[], attachments text[]) RETURNS notice.decision[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION decide(namespaces text[], templates text[], channels text[], users text[], groups text[], param_names text[], replies boolean[], links boolean[], attachments text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.decide(namespaces text[], templates text[], channels text[], users text[], groups text[], param_names text[], replies boolean[], links boolean[], attachments text[]) IS 'What becomes of sends, one array element each, in their order; parameters as notice.send''s.';

--
-- Name: delete_channel(text, text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.delete_channel(caller text, of_namespace text, of_name text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM auth.act_as(caller);
	PERFORM FROM notice.revision FOR UPDATE;
	DELETE FROM notice.channel c WHERE c.namespace = of_namespace AND c.name = of_name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no channel %s', of_name);
	END IF;
END $$;

--
-- Name: FUNCTION delete_channel(caller text, of_namespace text, of_name text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.delete_channel(caller text, of_namespace text, of_name text) IS 'Removes a channel; the servers end what waits for it (notice.close_deleted). JN404 if there is none. caller: as auth.act_as() takes it.';

--
-- Name: delete_from_inbox(text, text, bigint[], bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer) RETURNS TABLE(r_deleted bigint, r_last bigint, r_unread bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer) IS 'Hides notices of an inbox: those at these positions, or (NULL) those that are read among so many behind a position. Gives how many it hid, behind what to go on (NULL: there are no more), and how many are unread still.';

--
-- Name: delete_group(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.delete_group(of_namespace text, of_group text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	DELETE FROM notice.group_name g WHERE g.namespace = of_namespace AND g.name = of_group;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no group %s', of_group);
	END IF;
END $$;

--
-- Name: FUNCTION delete_group(of_namespace text, of_group text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.delete_group(of_namespace text, of_group text) IS 'Removes a group with its members. JN404 if there is none.';

--
-- Name: delete_recipient(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.delete_recipient(of_namespace text, of_user text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	DELETE FROM notice.recipient r WHERE r.namespace = of_namespace AND r.user_name = of_user;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no recipient %s', of_user);
	END IF;
END $$;

--
-- Name: FUNCTION delete_recipient(of_namespace text, of_user text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.delete_recipient(of_namespace text, of_user text) IS 'Forgets where a user is reached. JN404 if nothing was said.';

--
-- Name: delete_template(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.delete_template(of_namespace text, of_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM notice.lock_template(of_namespace, of_id);
	UPDATE notice.template t SET deleted = true
	WHERE t.namespace = of_namespace AND t.id = of_id AND NOT t.deleted;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'JN404', MESSAGE = format('no template %s', of_id);
	END IF;
END $$;

--
-- Name: FUNCTION delete_template(of_namespace text, of_id text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.delete_template(of_namespace text, of_id text) IS 'Marks all versions of a template as deleted. JN404 if there is none that is not.';

--
-- Name: deliver(notice.portion[], timestamp with time zone); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.deliver(portions notice.portion[], moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION deliver(portions notice.portion[], moment timestamp with time zone); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.deliver(portions notice.portion[], moment timestamp with time zone) IS 'Makes deliveries, at that time. On site they are delivered; on other channels they wait, or have failed if the recipient has no address there.';

--
-- Name: find_attachments(text, text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.find_attachments(of_namespace text, given text[]) RETURNS TABLE(r_place integer, r_id uuid)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

--
-- Name: FUNCTION find_attachments(of_namespace text, given text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.find_attachments(of_namespace text, given text[]) IS 'Which of these a notice may carry: for each its place from 1 and its id, also of what was read in the file service by that id within a day; NULL if it is none of ours, or about to go.';

--
-- Name: template; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.template (
    namespace text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    channel text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    required text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    needed text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    variants json NOT NULL,
    personal boolean DEFAULT false NOT NULL,
    has_receipt boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    author_user text COLLATE pg_catalog."C",
    author_application text COLLATE pg_catalog."C",
    author_address text COLLATE pg_catalog."C",
    CONSTRAINT template_id_length CHECK (((octet_length(id) >= 1) AND (octet_length(id) <= 255))),
    CONSTRAINT template_version_positive CHECK ((version > 0))
);

--
-- Name: TABLE template; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.template IS 'Versions of templates. A row is never changed but for deleted; the highest version is the one to send with, unless it is deleted.';

--
-- Name: COLUMN template.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.namespace IS 'Only for notices of this namespace.';

--
-- Name: COLUMN template.id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.id IS 'The template.';

--
-- Name: COLUMN template.version; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.version IS 'From 1, without gaps.';

--
-- Name: COLUMN template.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.channel IS 'Names of channels, parted by commas, for notices that name none; empty: site.';

--
-- Name: COLUMN template.required; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.required IS 'Parameters that its author said must be given.';

--
-- Name: COLUMN template.needed; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.needed IS 'Those, and all that stand outside of sections: without one nothing is sent.';

--
-- Name: COLUMN template.variants; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.variants IS 'JSON list of {channel, language, subject, body, html, provider_template}; the server has checked it.';

--
-- Name: COLUMN template.personal; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.personal IS 'What it says depends on the user: each gets a message of his own.';

--
-- Name: COLUMN template.has_receipt; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.has_receipt IS 'It has the receipt link.';

--
-- Name: COLUMN template.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.created_at IS 'When.';

--
-- Name: COLUMN template.deleted; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.deleted IS 'Nothing more is sent with it.';

--
-- Name: COLUMN template.author_user; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.author_user IS 'User who put it; NULL if unknown.';

--
-- Name: COLUMN template.author_application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.author_application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN template.author_address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.template.author_address IS 'Address that did; NULL if unknown.';

--
-- Name: find_template(text, text, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.find_template(of_namespace text, of_id text, of_version integer) RETURNS notice.template
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION find_template(of_namespace text, of_id text, of_version integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.find_template(of_namespace text, of_id text, of_version integer) IS 'That version of a template, also of one that was deleted; 0: the last one, unless it was. JN404 if there is none.';

--
-- Name: first_kept(); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.first_kept() RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT event.position_at(to_date(min(right(c.relname, 7)), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC')
	FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
	WHERE h.inhparent = 'notice.notice'::regclass
$$;

--
-- Name: FUNCTION first_kept(); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.first_kept() IS 'The first position of the oldest month that is kept.';

--
-- Name: delivery; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.delivery (
    "position" bigint NOT NULL,
    notice_position bigint NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    user_name text NOT NULL COLLATE pg_catalog."C",
    channel text NOT NULL COLLATE pg_catalog."C",
    channel_id integer,
    address text COLLATE pg_catalog."C",
    language text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    state notice.state NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    at timestamp with time zone NOT NULL,
    due timestamp with time zone,
    message_id text COLLATE pg_catalog."C",
    code text COLLATE pg_catalog."C",
    text text COLLATE pg_catalog."C",
    receipt_at timestamp with time zone,
    receipt_by text COLLATE pg_catalog."C",
    receipt_told boolean DEFAULT false NOT NULL,
    cancelled boolean DEFAULT false NOT NULL,
    hidden boolean DEFAULT false NOT NULL,
    CONSTRAINT delivery_due_while_open CHECK (((due IS NULL) OR (state = ANY (ARRAY['waiting'::notice.state, 'sending'::notice.state, 'sent'::notice.state, 'unknown'::notice.state])))),
    CONSTRAINT delivery_receipt_by_known CHECK ((receipt_by = ANY (ARRAY['inbox'::text, 'link'::text]))),
    CONSTRAINT delivery_site_without_channel_id CHECK (((channel_id IS NULL) = (channel = 'site'::text))),
    CONSTRAINT delivery_user_name_length CHECK (((octet_length(user_name) >= 1) AND (octet_length(user_name) <= 255)))
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE delivery; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.delivery IS 'A notice on its way to one recipient on one channel, as it stands. Those of channel site are the inboxes.';

--
-- Name: COLUMN delivery."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery."position" IS 'Its id in the API. Rises in commit order; event.position_at() gives that of a time.';

--
-- Name: COLUMN delivery.notice_position; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.notice_position IS 'The notice.';

--
-- Name: COLUMN delivery.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.namespace IS 'The notice''s.';

--
-- Name: COLUMN delivery.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.user_name IS 'To whom.';

--
-- Name: COLUMN delivery.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.channel IS 'On which channel.';

--
-- Name: COLUMN delivery.channel_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.channel_id IS 'The channel''s id when it was sent, in notice.channel unless it was deleted; NULL: site.';

--
-- Name: COLUMN delivery.address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.address IS 'The recipient''s on that channel when it was sent, or sent again; NULL: none was known, or site.';

--
-- Name: COLUMN delivery.language; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.language IS 'The recipient''s then.';

--
-- Name: COLUMN delivery.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.state IS 'How it stands.';

--
-- Name: COLUMN delivery.attempts; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.attempts IS 'Attempts so far, each a row in notice.attempt.';

--
-- Name: COLUMN delivery.tries; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.tries IS 'Attempts that failed since it was sent, or sent again: what the channel''s schedule counts.';

--
-- Name: COLUMN delivery.at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.at IS 'Since when it stands so.';

--
-- Name: COLUMN delivery.due; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.due IS 'waiting: when it is sent. sending: when it counts as unknown if nothing was heard. sent, unknown: when the provider is asked what became of it. NULL: nothing happens by itself.';

--
-- Name: COLUMN delivery.message_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.message_id IS 'The provider''s id of the message; NULL: none is known.';

--
-- Name: COLUMN delivery.code; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.code IS 'The provider''s last code, or one of Junction''s own; NULL: none.';

--
-- Name: COLUMN delivery.text; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.text IS 'What was said with it.';

--
-- Name: COLUMN delivery.receipt_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.receipt_at IS 'When it was read or confirmed by its link; NULL: it was not.';

--
-- Name: COLUMN delivery.receipt_by; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.receipt_by IS 'inbox, link: how. NULL: the provider said so, or it was not.';

--
-- Name: COLUMN delivery.receipt_told; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.receipt_told IS 'The receipt has been published as an event, or need not be.';

--
-- Name: COLUMN delivery.cancelled; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.cancelled IS 'Of one that is being sent: Cancel has come meanwhile, and if this attempt fails there is no other.';

--
-- Name: COLUMN delivery.hidden; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery.hidden IS 'Of site: the user has removed it from the inbox.';

--
-- Name: follow_inbox(text, text, bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.follow_inbox(of_namespace text, of_user text, after bigint, most integer) RETURNS SETOF notice.delivery
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
BEGIN
	RETURN QUERY SELECT * FROM notice.delivery d
	WHERE d.namespace = of_namespace AND d.user_name = of_user AND d.position > after
		AND d.channel_id IS NULL AND NOT d.hidden
	ORDER BY d.position LIMIT most;
END $$;

--
-- Name: FUNCTION follow_inbox(of_namespace text, of_user text, after bigint, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.follow_inbox(of_namespace text, of_user text, after bigint, most integer) IS 'So many of an inbox behind a position, in order.';

--
-- Name: follow_inboxes(bigint, pg_snapshot, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.follow_inboxes(after bigint, seen pg_snapshot, most integer) RETURNS TABLE(r_position bigint, r_seen text, r_all boolean, r_namespace text, r_user text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION follow_inboxes(after bigint, seen pg_snapshot, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.follow_inboxes(after bigint, seen pg_snapshot, most integer) IS 'Whose inboxes have changed: what came behind a position, and what was read or removed by transactions that a snapshot does not show. All rows have the position and the snapshot to go on from; r_all: so many or more have changed, and none is named. Without a change one row without a user; of NULL nothing.';

--
-- Name: forget_inbox_changes(integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.forget_inbox_changes(most integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	WITH gone AS (DELETE FROM notice.inbox_change c
		WHERE c.number IN (SELECT o.number FROM notice.inbox_change o ORDER BY o.number LIMIT most)
			AND c.at < clock_timestamp() - interval '1 hour'
		RETURNING 1)
	SELECT count(*)::integer FROM gone
$$;

--
-- Name: FUNCTION forget_inbox_changes(most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.forget_inbox_changes(most integer) IS 'Removes so many changes of inboxes that are older than an hour; gives how many it has removed.';

--
-- Name: forget_keys(integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.forget_keys(most integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	WITH forgotten AS (DELETE FROM notice.idempotency i
		WHERE (i.namespace, i.application, i.key) IN (SELECT x.namespace, x.application, x.key
			FROM notice.idempotency x WHERE x.expires_at < clock_timestamp()
			ORDER BY x.expires_at LIMIT most)
			AND i.expires_at < clock_timestamp()
		RETURNING 1)
	SELECT count(*)::integer FROM forgotten
$$;

--
-- Name: FUNCTION forget_keys(most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.forget_keys(most integer) IS 'Removes so many Idempotency-Keys at most that have expired. Gives how many.';

--
-- Name: give_back(text, bigint[], integer[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.give_back(of_node text, positions bigint[], numbers integer[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION give_back(of_node text, positions bigint[], numbers integer[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.give_back(of_node text, positions bigint[], numbers integer[]) IS 'What was taken and not tried is as if it had not been taken. May be repeated as long as the server takes nothing in between.';

--
-- Name: inbox_head(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.inbox_head(of_namespace text, of_user text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
BEGIN
	RETURN coalesce((SELECT d.position FROM notice.delivery d
		WHERE d.namespace = of_namespace AND d.user_name = of_user
			AND d.channel_id IS NULL AND NOT d.hidden
		ORDER BY d.position DESC LIMIT 1), 0);
END $$;

--
-- Name: FUNCTION inbox_head(of_namespace text, of_user text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.inbox_head(of_namespace text, of_user text) IS 'The position of the last one in an inbox; 0: it is empty.';

--
-- Name: keep(integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.keep(days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $_$
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
END $_$;

--
-- Name: FUNCTION keep(days integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.keep(days integer) IS 'Makes the partitions of this month and the next two, and drops those of notices, deliveries and attempts whose last day is longer ago than so many days (0: never). Gives how many months it dropped.';

--
-- Name: member; Type: TABLE; Schema: notice; Owner: -
--

CREATE UNLOGGED TABLE notice.member (
    name text NOT NULL COLLATE pg_catalog."C",
    renewed_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE member; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.member IS 'The servers that send notices; each is in charge of some channels.';

--
-- Name: COLUMN member.name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.member.name IS 'hostname-starttime of the server.';

--
-- Name: COLUMN member.renewed_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.member.renewed_at IS 'When it was last seen alive.';

--
-- Name: leave_member(text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.leave_member(name text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 DELETE FROM notice.member m
   WHERE (m.name = leave_member.name);
END;

--
-- Name: FUNCTION leave_member(name text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.leave_member(name text) IS 'Says that this server is about to end.';

--
-- Name: list_deliveries(text, uuid, text, text, notice.state, text, bigint, integer, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer) RETURNS SETOF notice.delivery
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
END $_$;

--
-- Name: FUNCTION list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer) IS 'Deliveries before a position, the newest first, by what is not NULL: so many at most, after having looked at so many. A last row with nothing but a position says before what to go on.';

--
-- Name: list_inbox(text, text, boolean, bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer) RETURNS SETOF notice.delivery
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
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

--
-- Name: FUNCTION list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer) IS 'So many of an inbox before a position, the newest first; all, or what is unread.';

--
-- Name: notice; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.notice (
    "position" bigint NOT NULL,
    notice_id uuid NOT NULL,
    "time" timestamp with time zone NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    params text COLLATE pg_catalog."C",
    template text COLLATE pg_catalog."C",
    template_version integer,
    channels text[] NOT NULL COLLATE pg_catalog."C",
    groups text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    attachments uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    reply boolean DEFAULT false NOT NULL,
    personal boolean DEFAULT false NOT NULL,
    deliveries bigint NOT NULL,
    user_name text COLLATE pg_catalog."C",
    application text COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    trace_id text COLLATE pg_catalog."C",
    CONSTRAINT notice_template_with_version CHECK (((template IS NULL) = (template_version IS NULL)))
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE notice; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.notice IS 'What has been sent, in the order of the commits. A row is never changed.';

--
-- Name: COLUMN notice."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice."position" IS 'As event.event.position: event.position_at() gives that of a time.';

--
-- Name: COLUMN notice.notice_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.notice_id IS 'As the API shows it.';

--
-- Name: COLUMN notice."time"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice."time" IS 'Receipt, whole milliseconds.';

--
-- Name: COLUMN notice.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.namespace IS 'The sender''s.';

--
-- Name: COLUMN notice.sender; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.sender IS 'In whose name.';

--
-- Name: COLUMN notice.title; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.title IS 'As given.';

--
-- Name: COLUMN notice.message; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.message IS 'As given.';

--
-- Name: COLUMN notice.params; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.params IS 'JSON object for the template, as given; NULL: none.';

--
-- Name: COLUMN notice.template; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.template IS 'The template; NULL: none.';

--
-- Name: COLUMN notice.template_version; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.template_version IS 'Its version.';

--
-- Name: COLUMN notice.channels; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.channels IS 'Names of its channels.';

--
-- Name: COLUMN notice.groups; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.groups IS 'The groups that it was sent to; empty: to users.';

--
-- Name: COLUMN notice.attachments; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.attachments IS 'What it carries.';

--
-- Name: COLUMN notice.reply; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.reply IS 'A receipt is wanted.';

--
-- Name: COLUMN notice.personal; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.personal IS 'What it says depends on the user.';

--
-- Name: COLUMN notice.deliveries; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.deliveries IS 'Recipients times channels.';

--
-- Name: COLUMN notice.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.user_name IS 'User who sent it; NULL if unknown.';

--
-- Name: COLUMN notice.application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN notice.address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.address IS 'Address that did; NULL if unknown.';

--
-- Name: COLUMN notice.node; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.node IS 'The server that took it: hostname-starttime.';

--
-- Name: COLUMN notice.trace_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.notice.trace_id IS 'Trace id of the call; the same in audit.record.';

--
-- Name: list_notices(text, text, text, bigint, bigint, integer, bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer) RETURNS SETOF notice.notice
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer) IS 'Notices before a position, the newest first, by what is not NULL: so many, and about so many bytes, at most, after having looked at so many. A last row with nothing but a position says before what to go on.';

--
-- Name: list_templates(text, text, text, integer, bigint, bigint); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint) RETURNS SETOF notice.template
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint) IS 'The last versions of the templates behind an id that are not deleted; or, of the one of of_id, its versions below that one, the newest first. At most so many, and one more than goes into so many bytes.';

--
-- Name: lock_positions(); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.lock_positions() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT pg_advisory_xact_lock(6024033)
$$;

--
-- Name: FUNCTION lock_positions(); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.lock_positions() IS 'One gives out positions at a time, until the end of its transaction: so they are in commit order. Before audit.append, which has a lock of its own.';

--
-- Name: lock_template(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.lock_template(of_namespace text, of_id text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT pg_advisory_xact_lock(6024034, hashtext(of_namespace || '/' || of_id))
$$;

--
-- Name: FUNCTION lock_template(of_namespace text, of_id text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.lock_template(of_namespace text, of_id text) IS 'One changes a template at a time, until the end of its transaction.';

--
-- Name: make_month(regclass, date); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.make_month(parent regclass, month date) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	partition text := (SELECT relname FROM pg_class WHERE oid = parent) || '_' || to_char(month, 'YYYY_MM');
BEGIN
	IF to_regclass(format('notice.%I', partition)) IS NOT NULL THEN
		RETURN;
	END IF;
	-- Deliveries are updated: with room in the page they stay there.
	EXECUTE format('CREATE TABLE notice.%I PARTITION OF %s FOR VALUES FROM (%s) TO (%s) WITH (fillfactor = %s)',
		partition, parent, event.position_at(month::timestamp AT TIME ZONE 'UTC'),
		event.position_at((month + interval '1 month')::timestamp AT TIME ZONE 'UTC'),
		CASE WHEN parent = 'notice.notice'::regclass THEN 100 ELSE 80 END);
	EXECUTE format('COMMENT ON TABLE notice.%I IS %L', partition,
		'Rows of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.make_month(parent regclass, month date) IS 'Makes the partition of a table for the positions of the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

--
-- Name: members_of(text, text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.members_of(of_namespace text, names text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT coalesce(array_agg(u.name), '{}') FROM (
		SELECT m.user_name AS name FROM unnest(names) AS g (name)
		JOIN notice.group_member m ON m.namespace = of_namespace AND m.group_name = g.name
		UNION
		SELECT m.name FROM unnest(names) AS g (name)
		JOIN auth.member m ON m.group_name = lower(g.name) AND m.kind = 'user'
		WHERE NOT EXISTS (SELECT FROM notice.group_name n
			WHERE n.namespace = of_namespace AND n.name = g.name)) u
$$;

--
-- Name: FUNCTION members_of(of_namespace text, names text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.members_of(of_namespace text, names text[]) IS 'The users in these groups, each once. A group of Notice''s hides one of Auth''s.';

--
-- Name: note_change(); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.note_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	UPDATE notice.revision SET value = value + 1;
	RETURN NULL;
END $$;

--
-- Name: FUNCTION note_change(); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.note_change() IS 'Counts a change of channels. Before it, so that whoever changes one waits here, and nowhere later.';

--
-- Name: note_inbox_change(text, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.note_inbox_change(of_namespace text, of_user text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO notice.inbox_change (namespace, user_name) VALUES (of_namespace, of_user)
$$;

--
-- Name: FUNCTION note_inbox_change(of_namespace text, of_user text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.note_inbox_change(of_namespace text, of_user text) IS 'How many are unread in an inbox has changed, but by a new one.';

--
-- Name: open_channels(); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.open_channels() RETURNS TABLE(r_channel integer, r_due_ms bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION open_channels(); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.open_channels() IS 'The ids of channels, deleted ones, too, with deliveries that something is still to happen to by itself, and in how many milliseconds the first is due. Reads one row of each.';

--
-- Name: put_attachment(uuid, text, text, text, bigint, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	DELETE FROM notice.upload u WHERE u.attachment_id = of_attachment;
	IF NOT FOUND AND of_size > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = 'the content took longer than a day to come';
	END IF;
	INSERT INTO notice.attachment (id, namespace, name, content_type, size, file_id)
	VALUES (of_attachment, of_namespace, of_name, of_content_type, of_size, of_file_id);
END $$;

--
-- Name: FUNCTION put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text) IS 'Completes an attachment when its last part is there. JN412: its parts have gone.';

--
-- Name: put_attachment_part(uuid, integer, bytea); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_attachment_part(of_attachment uuid, of_number integer, content bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	IF of_number = 1 THEN
		INSERT INTO notice.upload (attachment_id) VALUES (of_attachment);
	END IF;
	INSERT INTO notice.attachment_part (attachment_id, number, bytes) VALUES (of_attachment, of_number, content);
END $$;

--
-- Name: FUNCTION put_attachment_part(of_attachment uuid, of_number integer, content bytea); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_attachment_part(of_attachment uuid, of_number integer, content bytea) IS 'Keeps the next piece of an attachment, from number 1 on, at most 256 KiB.';

--
-- Name: channel; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.channel (
    id integer NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    settings json DEFAULT '{}'::json NOT NULL,
    secrets bytea,
    secrets_key_id text COLLATE pg_catalog."C",
    secret_names text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C",
    enabled boolean DEFAULT true NOT NULL,
    concurrency integer NOT NULL,
    quota integer NOT NULL,
    quota_ms bigint DEFAULT 60000 NOT NULL,
    schedule_ms bigint[] DEFAULT '{5000,30000,120000,600000,3600000,10800000}'::bigint[] NOT NULL,
    timeout_ms bigint NOT NULL,
    receipt_token text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    author_user text COLLATE pg_catalog."C",
    author_application text COLLATE pg_catalog."C",
    author_address text COLLATE pg_catalog."C",
    CONSTRAINT channel_concurrency_range CHECK (((concurrency >= 1) AND (concurrency <= 1000))),
    CONSTRAINT channel_kind_known CHECK ((kind = ANY (ARRAY['mail'::text, 'dingtalk'::text, 'wechat'::text, 'sms'::text, 'service'::text]))),
    CONSTRAINT channel_name_form CHECK (((name ~ '^[A-Za-z0-9_-]{1,32}$'::text) AND (name <> 'site'::text))),
    CONSTRAINT channel_quota_ms_range CHECK (((quota_ms >= 1) AND (quota_ms <= 86400000))),
    CONSTRAINT channel_quota_range CHECK (((quota >= 0) AND (quota <= 1000000))),
    CONSTRAINT channel_schedule_count CHECK ((cardinality(schedule_ms) <= 20)),
    CONSTRAINT channel_schedule_range CHECK (((1 <= ALL (schedule_ms)) AND (604800000 >= ALL (schedule_ms)))),
    CONSTRAINT channel_secrets_with_key CHECK (((secrets IS NULL) = (secrets_key_id IS NULL))),
    CONSTRAINT channel_timeout_range CHECK (((timeout_ms >= 1) AND (timeout_ms <= 300000)))
);

--
-- Name: TABLE channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.channel IS 'Ways out, by namespace. Channel site needs none: its deliveries are the inboxes.';

--
-- Name: COLUMN channel.id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.id IS 'Short, since each delivery has it. One that was deleted and made again is another.';

--
-- Name: COLUMN channel.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.namespace IS 'Only notices of this namespace.';

--
-- Name: COLUMN channel.name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.name IS 'Its name in Send.';

--
-- Name: COLUMN channel.kind; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.kind IS 'mail: SMTP; dingtalk, wechat: robots of chat groups; sms: a provider that its settings describe; service: a registered service.';

--
-- Name: COLUMN channel.settings; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.settings IS 'What the kind needs, without secrets; the server has checked it.';

--
-- Name: COLUMN channel.secrets; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.secrets IS 'JSON object of its secrets, encrypted: nonce and XChaCha20-Poly1305 with "channel NAMESPACE NAME" as additional data. A secret.';

--
-- Name: COLUMN channel.secrets_key_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.secrets_key_id IS 'Name of the key in the servers'' key file.';

--
-- Name: COLUMN channel.secret_names; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.secret_names IS 'Names of its secrets.';

--
-- Name: COLUMN channel.enabled; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.enabled IS 'False: nothing is sent; what waits goes on waiting.';

--
-- Name: COLUMN channel.concurrency; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.concurrency IS 'Attempts under way at a time.';

--
-- Name: COLUMN channel.quota; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.quota IS 'So many messages within quota_ms at most; 0: no limit.';

--
-- Name: COLUMN channel.quota_ms; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.quota_ms IS 'Milliseconds.';

--
-- Name: COLUMN channel.schedule_ms; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.schedule_ms IS 'Milliseconds from each failed attempt to the next, give or take a tenth; after the last one a delivery is failed.';

--
-- Name: COLUMN channel.timeout_ms; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.timeout_ms IS 'Of one attempt, milliseconds.';

--
-- Name: COLUMN channel.receipt_token; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.receipt_token IS 'What its provider reports receipts with. A secret.';

--
-- Name: COLUMN channel.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.created_at IS 'When.';

--
-- Name: COLUMN channel.updated_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.updated_at IS 'When it was last changed.';

--
-- Name: COLUMN channel.author_user; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.author_user IS 'User who last put it; NULL if unknown.';

--
-- Name: COLUMN channel.author_application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.author_application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN channel.author_address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.channel.author_address IS 'Address that did; NULL if unknown.';

--
-- Name: put_channel(text, json, bytea); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_channel(caller text, spec json, merged_with bytea) RETURNS SETOF notice.channel
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	wanted notice.channel := json_populate_record(NULL::notice.channel, spec);
	before notice.channel;
	said notice.channel;
BEGIN
	PERFORM auth.act_as(caller);
	-- One puts at a time, so that two that make the same channel do not miss each other.
	PERFORM FROM notice.revision FOR UPDATE;
	SELECT * INTO before FROM notice.channel c
	WHERE c.namespace = wanted.namespace AND c.name = wanted.name FOR UPDATE;
	IF before.secrets IS DISTINCT FROM merged_with THEN
		RETURN;
	END IF;
	wanted.settings := spec ->> 'settings';
	wanted.id := before.id;
	wanted.receipt_token := coalesce(before.receipt_token, wanted.receipt_token);
	wanted.created_at := coalesce(before.created_at, clock_timestamp());
	wanted.updated_at := before.updated_at;
	-- Who puts it does not count. As text, since json cannot be compared.
	said := before;
	said.author_user := wanted.author_user;
	said.author_application := wanted.author_application;
	said.author_address := wanted.author_address;
	IF before.id IS NOT NULL AND said::text = wanted::text THEN
		RETURN NEXT before;
		RETURN;
	END IF;
	wanted.updated_at := clock_timestamp();
	RETURN QUERY INSERT INTO notice.channel AS c (namespace, name, kind, settings, secrets,
		secrets_key_id, secret_names, enabled, concurrency, quota, quota_ms, schedule_ms,
		timeout_ms, receipt_token, created_at, updated_at, author_user, author_application,
		author_address)
	VALUES (wanted.namespace, wanted.name, wanted.kind, wanted.settings, wanted.secrets,
		wanted.secrets_key_id, wanted.secret_names, wanted.enabled, wanted.concurrency,
		wanted.quota, wanted.quota_ms, wanted.schedule_ms, wanted.timeout_ms,
		wanted.receipt_token, wanted.created_at, wanted.updated_at, wanted.author_user,
		wanted.author_application, wanted.author_address)
	ON CONFLICT ON CONSTRAINT channel_namespace_name_key DO UPDATE SET kind = excluded.kind,
		settings = excluded.settings, secrets = excluded.secrets,
		secrets_key_id = excluded.secrets_key_id, secret_names = excluded.secret_names,
		enabled = excluded.enabled, concurrency = excluded.concurrency, quota = excluded.quota,
		quota_ms = excluded.quota_ms, schedule_ms = excluded.schedule_ms,
		timeout_ms = excluded.timeout_ms, updated_at = excluded.updated_at,
		author_user = excluded.author_user, author_application = excluded.author_application,
		author_address = excluded.author_address
	RETURNING c.*;
END $$;

--
-- Name: FUNCTION put_channel(caller text, spec json, merged_with bytea); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_channel(caller text, spec json, merged_with bytea) IS 'Makes a channel, or replaces what is said of it, and gives it; its receipt_token stays. spec has the columns that are not made here, bytes as texts of bytea, settings as a text that is JSON. merged_with: the secrets that those of spec were merged with; if they are others now, nothing is changed, and no row is given. What says nothing new changes nothing. caller: as auth.act_as() takes it.';

--
-- Name: put_group(text, text, text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_group(of_namespace text, of_group text, users text[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
BEGIN
	-- Who changes the members holds the group's row. Nobody knows how many there are when a plan is made.
	INSERT INTO notice.group_name AS g (namespace, name) VALUES (of_namespace, of_group)
	ON CONFLICT ON CONSTRAINT group_name_pkey DO UPDATE SET name = g.name;
	DELETE FROM notice.group_member m WHERE m.namespace = of_namespace AND m.group_name = of_group
		AND NOT EXISTS (SELECT FROM unnest(users) AS u WHERE u = m.user_name);
	PERFORM notice.add_members(of_namespace, of_group, users);
	RETURN notice.count_members(of_namespace, of_group);
END $$;

--
-- Name: FUNCTION put_group(of_namespace text, of_group text, users text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_group(of_namespace text, of_group text, users text[]) IS 'Makes a group of these, or makes them its members. Gives how many it has.';

--
-- Name: recipient; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.recipient (
    namespace text NOT NULL COLLATE pg_catalog."C",
    user_name text NOT NULL COLLATE pg_catalog."C",
    addresses jsonb DEFAULT '{}'::jsonb NOT NULL,
    language text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT recipient_language_form CHECK ((language ~ '^[A-Za-z0-9-]{0,35}$'::text)),
    CONSTRAINT recipient_user_name_length CHECK (((octet_length(user_name) >= 1) AND (octet_length(user_name) <= 255)))
);

--
-- Name: TABLE recipient; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.recipient IS 'Where users are reached. A user need not be here to get notices in his inbox.';

--
-- Name: COLUMN recipient.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.recipient.namespace IS 'Only for notices of this namespace.';

--
-- Name: COLUMN recipient.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.recipient.user_name IS 'The user.';

--
-- Name: COLUMN recipient.addresses; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.recipient.addresses IS 'By name of channel: a text.';

--
-- Name: COLUMN recipient.language; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.recipient.language IS 'BCP 47; empty: none is preferred.';

--
-- Name: COLUMN recipient.updated_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.recipient.updated_at IS 'When it was last put.';

--
-- Name: put_recipient(text, text, jsonb, text); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_recipient(of_namespace text, of_user text, addresses jsonb, language text) RETURNS notice.recipient
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO notice.recipient AS r (namespace, user_name, addresses, language)
	VALUES (of_namespace, of_user, put_recipient.addresses, put_recipient.language)
	ON CONFLICT ON CONSTRAINT recipient_pkey DO UPDATE SET addresses = excluded.addresses,
		language = excluded.language, updated_at = clock_timestamp()
	RETURNING r.*
$$;

--
-- Name: FUNCTION put_recipient(of_namespace text, of_user text, addresses jsonb, language text); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_recipient(of_namespace text, of_user text, addresses jsonb, language text) IS 'Says where a user is reached, in place of what was said before.';

--
-- Name: put_template(json); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.put_template(spec json) RETURNS notice.template
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION put_template(spec json); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.put_template(spec json) IS 'Makes the next version of a template, unless the last one says the same and is not deleted; who puts it does not count. spec has the columns of notice.template that are not made here. Gives the version that is the last one now.';

--
-- Name: read_inbox(text, text, bigint[], bigint, bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer) RETURNS TABLE(r_read bigint, r_receipts bigint, r_last bigint, r_up_to bigint, r_unread bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer) IS 'Marks unread notices of an inbox as read: those at these positions, or (NULL) so many behind a position and up to another, which is by default the last one there is. Gives how many it marked, how many of these are receipts to be published, behind what to go on and up to what (NULL: there are no more), and how many are unread still.';

--
-- Name: receipts_to_tell(bigint, integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.receipts_to_tell(after bigint, most integer) RETURNS TABLE(r_position bigint, r_namespace text, r_trace_id text, r_data text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT d.position, d.namespace, n.trace_id, json_build_object('noticeId', n.notice_id,
		'deliveryId', d.position::text, 'user', d.user_name, 'channel', d.channel, 'sender', n.sender,
		'time', event.milliseconds(d.receipt_at), 'by', coalesce(d.receipt_by, 'provider'))::text
	FROM notice.delivery d
	JOIN notice.notice n ON n.position = d.notice_position
	WHERE d.receipt_at IS NOT NULL AND NOT d.receipt_told AND d.position > after
	ORDER BY d.position LIMIT most
$$;

--
-- Name: FUNCTION receipts_to_tell(after bigint, most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.receipts_to_tell(after bigint, most integer) IS 'So many receipts behind a position that are to be published, and the data of their events.';

--
-- Name: receipts_told(bigint[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.receipts_told(positions bigint[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	WITH wanted AS MATERIALIZED (
		SELECT d.position FROM notice.delivery d
		WHERE d.position = ANY (positions) AND NOT d.receipt_told
		ORDER BY d.position FOR UPDATE)
	UPDATE notice.delivery d SET receipt_told = true
	FROM wanted w WHERE d.position = w.position
$$;

--
-- Name: FUNCTION receipts_told(positions bigint[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.receipts_told(positions bigint[]) IS 'Receipts that have been published.';

--
-- Name: record_change(json, bigint, text, json); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.record_change(caller json, of_position bigint, what text, ext json) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT audit.append(ARRAY[gen_random_uuid()], ARRAY[NULL::timestamptz], ARRAY[2], ARRAY[0],
		ARRAY['notice'::audit.severity], ARRAY['junction.notice'], ARRAY[caller ->> 'node'], ARRAY[what],
		ARRAY['notice:' || n.notice_id], ARRAY[nullif(caller ->> 'user', '')],
		ARRAY[nullif(caller ->> 'application', '')], ARRAY[nullif(nullif(caller ->> 'roles', ''), '{}')],
		ARRAY[nullif(caller ->> 'address', '')], ARRAY[caller ->> 'node'],
		ARRAY[nullif(caller ->> 'trace', '')], ARRAY[ext], ARRAY[NULL::text], ARRAY[NULL::bytea],
		ARRAY[NULL::bigint])
	FROM notice.notice n WHERE n.position = of_position
$$;

--
-- Name: FUNCTION record_change(caller json, of_position bigint, what text, ext json); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.record_change(caller json, of_position bigint, what text, ext json) IS 'Writes into the audit what somebody did to a notice. caller: user, application, roles (the text of an array), address, node, trace. Holds the lock of audit.append() from then on: last in a transaction.';

--
-- Name: record_sends(notice.decision[], uuid[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.record_sends(decided notice.decision[], notice_ids uuid[], senders text[], titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION record_sends(decided notice.decision[], notice_ids uuid[], senders text[], titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.record_sends(decided notice.decision[], notice_ids uuid[], senders text[], titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) IS 'Writes sends into the audit: namespace junction.notice, opt_type 1, target "notice:ID"; ext: what was sent to whom (the first 100 groups).';

--
-- Name: renew_member(text, interval); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.renew_member(name text, alive interval) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	INSERT INTO notice.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM notice.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM notice.member m
	WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.renew_member(name text, alive interval) IS 'Says that a server sends, and gives those that have said so lately.';

--
-- Name: report(integer, bigint[], text[], text[], notice.state[], text[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]) RETURNS TABLE(r_known bigint, r_changed bigint, r_receipts bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]) IS 'Writes what a channel''s provider reports of deliveries, each told by its position or, without it (NULL), by the provider''s message id and, where several deliveries have that, the address. What arrived or was read is believed whatever is known of the delivery, the more if it is to be sent again; that it failed, of one that is being sent, was sent or is unknown; that it was sent, of one that is unknown. What it says already changes nothing. Gives how many reports are of known deliveries, how many deliveries have changed, and how many receipts are to be published.';

--
-- Name: resend_some(bigint, notice.state[], text, text[], bigint, integer, json); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json) RETURNS TABLE(r_resent bigint, r_last bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json) IS 'Lets deliveries of a notice wait again that stand in one of the states, on a channel and to users if these are not NULL, having looked at so many behind a position: by the channel of that name that is there now, to the addresses and in the languages that their recipients have now; without one of these they stay as they are, and so do those of site, which is no channel there. Gives how many, and behind what to go on; NULL: there are no more. Each step that resends some is in the audit.';

--
-- Name: send(uuid[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], boolean[], boolean[], text[], bytea[], bigint[], text[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) RETURNS TABLE(r_place integer, r_outcome text, r_thing text, r_notice_id uuid, r_deliveries bigint, r_channel_ids text, r_users text, r_at_once boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: FUNCTION send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) IS 'Sends notices, one array element each, in the order of the elements. channels, users, groups: parted by commas, each once; channels NULL: the template''s, else site; users NULL: to groups. param_names and attachments: the text of an array. links: the server makes receipt links. Gives for each its place from 1 and what came of it: sent, with its id, the number of its deliveries, JSON lists of the channels'' ids and, if they were made at once, of the users who got it on site; repeated: the Idempotency-Key has sent the same before, with that notice''s id; conflict: it has sent something else; or why it was not sent: no template, no group, no channel, disabled (channel), missing (parameter), no link (a receipt link is needed on that channel), no attachment, and which one. What is not sent leaves nothing behind. Deliveries beyond 200 are made later, by notice.spread. One batch at a time, as notice.lock_positions() says.';

--
-- Name: shown_channel(notice.channel); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.shown_channel(c notice.channel) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT json_build_object('namespace', c.namespace, 'name', c.name, 'kind', c.kind,
		'settings', (SELECT coalesce(json_agg(k.name ORDER BY k.name), '[]')
			FROM json_object_keys(c.settings) AS k (name)),
		'secrets', c.secret_names, 'enabled', c.enabled, 'concurrency', c.concurrency,
		'quota', c.quota, 'quota_ms', c.quota_ms, 'schedule_ms', c.schedule_ms,
		'timeout_ms', c.timeout_ms)
	WHERE c.id IS NOT NULL
$$;

--
-- Name: FUNCTION shown_channel(c notice.channel); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.shown_channel(c notice.channel) IS 'A channel as the audit has it: of settings and secrets the names alone. NULL: there is none.';

--
-- Name: spread(bigint); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.spread(of_notice bigint DEFAULT NULL::bigint) RETURNS TABLE(r_channel_ids text, r_users text, r_namespace text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION spread(of_notice bigint); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.spread(of_notice bigint) IS 'Makes the deliveries of one part of a large send, of that notice or (NULL) of the oldest. Gives JSON lists of the ids of its channels and, if it went to site, of its users, and their namespace; no row: there is none left.';

--
-- Name: sweep_attachments(integer); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.sweep_attachments(most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION sweep_attachments(most integer); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.sweep_attachments(most integer) IS 'Removes so many attachments at most that were not completed, or that no notice has carried, within a day, or whose last notice is not kept any more. Gives how many.';

--
-- Name: take(integer, text, bigint, integer, integer, bigint, boolean, boolean); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean) RETURNS TABLE(r_message integer, r_ask boolean, r_position bigint, r_notice bigint, r_user text, r_address text, r_language text, r_attempt integer, r_message_id text, r_due_ms bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_sort TO 'off'
    SET jit TO 'off'
    AS $$
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

--
-- Name: FUNCTION take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean) IS 'Takes the oldest deliveries of a channel that are due, for the server that has claimed it with that number, so many messages at most. What waits is sending until its lease ends; several of one notice in one language make a message, most_each at most, unless each user is told something else. What was sending when its lease ended is unknown, or waits for its next time by the channel''s schedule if the receiver tells repetitions. What was sent, or is unknown, is to be asked for (r_ask), or is left as it is if that cannot be done. A row for each that is to be sent or asked for, ordered by its message from 1; then one with r_message 0 and, if there is any, in how many milliseconds the next one is due. Or one alone with r_message -1: it has not claimed the channel, or that is disabled.';

--
-- Name: take_positions(bigint); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.take_positions(count bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	first bigint;
BEGIN
	SELECT greatest(p.last_value + 1, event.position_at(clock_timestamp())) INTO first
	FROM notice.last_position p;
	PERFORM setval('notice.last_position', first - 1 + count);
	RETURN first;
END $$;

--
-- Name: FUNCTION take_positions(count bigint); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.take_positions(count bigint) IS 'The first of so many positions. Only under the lock of notice.lock_positions().';

--
-- Name: take_receipt(bigint); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.take_receipt(of_position bigint) RETURNS TABLE(r_title text, r_receipts bigint, r_namespace text, r_user text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION take_receipt(of_position bigint); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.take_receipt(of_position bigint) IS 'Confirms a delivery by its link: it is read, however it stood; repeated, nothing changes. Gives the notice''s title, how many receipts are to be published, and whose inbox has changed (NULL: none); no row: it is not kept.';

--
-- Name: unknown_group(text, text[]); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.unknown_group(of_namespace text, names text[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT g.name FROM unnest(names) WITH ORDINALITY AS g (name, place)
	WHERE NOT EXISTS (SELECT FROM notice.group_name n
			WHERE n.namespace = of_namespace AND n.name = g.name)
		AND NOT EXISTS (SELECT FROM auth.subject s
			WHERE s.kind = 'group' AND s.name = lower(g.name) AND NOT s.disabled)
	ORDER BY g.place LIMIT 1
$$;

--
-- Name: FUNCTION unknown_group(of_namespace text, names text[]); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.unknown_group(of_namespace text, names text[]) IS 'The first of these groups that neither Notice nor Auth has; NULL: there is none. A group of Auth''s that is disabled is none.';

--
-- Name: unspread(bigint); Type: FUNCTION; Schema: notice; Owner: -
--

CREATE FUNCTION notice.unspread(of_position bigint) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT coalesce(sum(cardinality(p.users)), 0) FROM notice.part p WHERE p.notice_position = of_position
$$;

--
-- Name: FUNCTION unspread(of_position bigint); Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON FUNCTION notice.unspread(of_position bigint) IS 'Recipients of a notice whose deliveries are still to be made.';

--
-- Name: interval_milliseconds(interval); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.interval_milliseconds(span interval) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (round((EXTRACT(epoch FROM span) * (1000)::numeric)))::bigint;

--
-- Name: FUNCTION interval_milliseconds(span interval); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.interval_milliseconds(span interval) IS 'Whole milliseconds.';

--
-- Name: milliseconds(timestamp with time zone); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.milliseconds(moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (floor((date_part('epoch'::text, moment) * (1000)::double precision)))::bigint;

--
-- Name: FUNCTION milliseconds(moment timestamp with time zone); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.milliseconds(moment timestamp with time zone) IS 'Milliseconds since 1970-01-01 UTC.';

--
-- Name: action; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.action (
    namespace text NOT NULL COLLATE pg_catalog."C",
    service_key text NOT NULL COLLATE pg_catalog."C",
    key text GENERATED ALWAYS AS (lower((name COLLATE "C"))) STORED NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    uri text NOT NULL,
    method text NOT NULL,
    protocol text,
    server_host text,
    server_port integer,
    server_protocol text,
    params json NOT NULL,
    data json NOT NULL,
    headers json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    revision bigint NOT NULL,
    timeout interval,
    origin text,
    CONSTRAINT action_data_object CHECK ((json_typeof(data) = 'object'::text)),
    CONSTRAINT action_headers_object CHECK ((json_typeof(headers) = 'object'::text)),
    CONSTRAINT action_method_known CHECK ((method = ANY (ARRAY['GET'::text, 'HEAD'::text, 'POST'::text, 'PUT'::text, 'PATCH'::text, 'DELETE'::text, 'OPTIONS'::text]))),
    CONSTRAINT action_name_characters CHECK ((name !~ '[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT action_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT action_origin_known CHECK ((origin = ANY (ARRAY['configuration'::text, 'graphql'::text]))),
    CONSTRAINT action_params_object CHECK ((json_typeof(params) = 'object'::text)),
    CONSTRAINT action_protocol_known CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT action_server_host_characters CHECK ((server_host ~ '^[0-9A-Za-z._:-]+$'::text)),
    CONSTRAINT action_server_host_length CHECK (((octet_length(server_host) >= 1) AND (octet_length(server_host) <= 253))),
    CONSTRAINT action_server_port_range CHECK (((server_port >= 1) AND (server_port <= 65535))),
    CONSTRAINT action_server_protocol_known CHECK ((server_protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT action_server_whole CHECK ((((server_host IS NULL) = (server_port IS NULL)) AND ((server_protocol IS NULL) OR (server_host IS NOT NULL)))),
    CONSTRAINT action_timeout_range CHECK (((timeout >= '00:00:00.001'::interval) AND (timeout <= '01:00:00'::interval))),
    CONSTRAINT action_uri_characters CHECK (((uri ~ '^/'::text) AND (uri !~ '[\x01-\x20\x7f-\x9f]'::text))),
    CONSTRAINT action_uri_length CHECK (((octet_length(uri) >= 1) AND (octet_length(uri) <= 2048)))
);

--
-- Name: TABLE action; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.action IS 'An action of a service; what FATE calls a service of a server.';

--
-- Name: COLUMN action.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN action.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.service_key IS 'Key of the service.';

--
-- Name: COLUMN action.key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.key IS 'The name in lower case (ASCII letters only): what names are compared by.';

--
-- Name: COLUMN action.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.name IS 'Short name, without that of the service; as first registered.';

--
-- Name: COLUMN action.uri; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.uri IS 'Path on the node.';

--
-- Name: COLUMN action.method; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.method IS 'HTTP method.';

--
-- Name: COLUMN action.protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.protocol IS 'Wins over the node''s; NULL if not given.';

--
-- Name: COLUMN action.server_host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_host IS 'An address of its own instead of the service''s (server_info); NULL if not given.';

--
-- Name: COLUMN action.server_port; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_port IS 'Port of its own address.';

--
-- Name: COLUMN action.server_protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.server_protocol IS 'Protocol of its own address; NULL if not given.';

--
-- Name: COLUMN action.params; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.params IS 'JSON object, byte for byte as given; shown, not used.';

--
-- Name: COLUMN action.data; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.data IS 'JSON object, byte for byte as given; merged into the body of hook calls.';

--
-- Name: COLUMN action.headers; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.headers IS 'JSON object, byte for byte as given; shown, not used.';

--
-- Name: COLUMN action.created_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.created_at IS 'First registration.';

--
-- Name: COLUMN action.updated_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.updated_at IS 'Last registration.';

--
-- Name: COLUMN action.revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.revision IS 'Revision of the last registration: see registry.change.';

--
-- Name: COLUMN action.timeout; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.timeout IS 'How long a call of it may take in all; NULL: the server''s default.';

--
-- Name: COLUMN action.origin; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.action.origin IS 'configuration: the service''s configuration file says it; graphql: the schema of its GraphQL endpoint does; NULL: it was registered.';

--
-- Name: action_value(registry.action); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.action_value(a registry.action) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('name', (a).name, 'uri', (a).uri, 'method', (a).method, 'protocol', (a).protocol, 'server_host', (a).server_host, 'server_port', (a).server_port, 'server_protocol', (a).server_protocol, 'params', (a).params, 'data', (a).data, 'headers', (a).headers, 'origin', (a).origin, 'timeout_ms', registry.interval_milliseconds((a).timeout), 'created', registry.milliseconds((a).created_at), 'updated', registry.milliseconds((a).updated_at));

--
-- Name: FUNCTION action_value(a registry.action); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.action_value(a registry.action) IS 'State of an action as JSON.';

--
-- Name: apply_configuration(text, text, boolean, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.apply_configuration(of_namespace text, of_key text, had_events boolean, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	counts registry.configuration;
	revision bigint;
BEGIN
	SELECT * INTO counts FROM registry.configuration c
	WHERE c.namespace = of_namespace AND c.service_key = of_key AND c.content IS NOT NULL
	ORDER BY c.loaded_at DESC, c.host, c.folder, c.file LIMIT 1;
	revision := registry.put_configured_service(NULL, counts, of_namespace, of_key, server_name);
	revision := registry.put_configured_nodes(revision, counts, of_namespace, of_key, server_name);
	revision := registry.put_configured_actions(revision, of_namespace, of_key, 'configuration',
		coalesce(counts.content -> 'actions', '[]'), server_name);
	IF NOT EXISTS (SELECT FROM registry.wanted_nodes(counts) w
		WHERE w.r_metadata::json ->> 'kind' = 'graphql') THEN
		revision := registry.put_configured_actions(revision, of_namespace, of_key, 'graphql', '[]',
			server_name);
	END IF;
	IF counts.content IS NULL THEN
		revision := registry.drop_empty_service(revision, of_namespace, of_key, server_name);
	END IF;
	IF had_events OR registry.has_events(counts) THEN
		PERFORM event.configure_service(of_namespace, coalesce(counts.service, of_key),
			registry.configured_events(counts));
	END IF;
	RETURN revision;
END $$;

--
-- Name: FUNCTION apply_configuration(of_namespace text, of_key text, had_events boolean, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.apply_configuration(of_namespace text, of_key text, had_events boolean, server_name text) IS 'Makes a service what the configuration that counts says; if there is none, takes away what one brought, and the service if nothing else is left of it. had_events: one has brought subscriptions. The revision, or NULL if all was so already. JN409: somebody else has a subscription of such a name.';

--
-- Name: begin_change(boolean); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.begin_change(alone boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- First of all locks. Writers that only put may work side by side: they touch rows in the
	-- order of their keys and take the log's lock last, so none waits for another in a circle.
	-- Who deletes, or puts rows that depend on others, works alone.
	IF alone THEN
		PERFORM pg_advisory_xact_lock(6024012);
	ELSE
		PERFORM pg_advisory_xact_lock_shared(6024012);
	END IF;
END $$;

--
-- Name: FUNCTION begin_change(alone boolean); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.begin_change(alone boolean) IS 'Begins a transaction that writes to the registry: side by side with others, or alone.';

--
-- Name: change; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.change (
    revision bigint NOT NULL,
    part integer NOT NULL,
    at timestamp with time zone NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    service_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    operation text NOT NULL,
    value json,
    old_value json,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT change_expire_of_node CHECK (((operation <> 'expire'::text) OR (kind = 'node'::text))),
    CONSTRAINT change_kind_known CHECK ((kind = ANY (ARRAY['service'::text, 'node'::text, 'action'::text]))),
    CONSTRAINT change_operation_known CHECK ((operation = ANY (ARRAY['put'::text, 'delete'::text, 'expire'::text]))),
    CONSTRAINT change_value_of_put CHECK (((value IS NOT NULL) = (operation = 'put'::text)))
)
PARTITION BY RANGE (at);

--
-- Name: TABLE change; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.change IS 'The log of changes: who registered what, when, from where. A revision is one commit, and revisions are committed in ascending order: who has read up to one never misses a row by asking for what is greater. Rows are never changed; a partition holds a month (UTC) and goes as a whole: registry.keep_history().';

--
-- Name: COLUMN change.revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.revision IS 'Position in the log; all changes of one commit bear the same. Numbers may be missing.';

--
-- Name: COLUMN change.part; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.part IS 'Order within the revision, from 1; numbers may be missing.';

--
-- Name: COLUMN change.at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.at IS 'When it was written.';

--
-- Name: COLUMN change.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN change.kind; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.kind IS 'What changed: a service (with the address of a FATE server, its own node), a node, or an action. A deleted service takes its nodes and actions along without rows of their own.';

--
-- Name: COLUMN change.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.service_key IS 'Key of the service.';

--
-- Name: COLUMN change.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.name IS 'Key of the service, of the node (empty: the service''s own) or of the action.';

--
-- Name: COLUMN change.operation; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.operation IS 'put: value is the whole new state; delete: it is gone; expire: the node''s lease has run out.';

--
-- Name: COLUMN change.value; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.value IS 'The new state: see registry.service_value(), registry.node_value() and registry.action_value(). NULL unless put.';

--
-- Name: COLUMN change.old_value; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.old_value IS 'The state before, of the same form; NULL if there was none, and for a service that only moved its own node: then the node alone.';

--
-- Name: COLUMN change.caller_address; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_address IS 'Address of the caller; empty if unknown. What Junction does by itself (checks, leases) has the name of the server here and no trace.';

--
-- Name: COLUMN change.caller_application; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN change.caller_user; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN change.trace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.change.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: changes_after(bigint, integer); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.changes_after(after bigint, most integer) RETURNS SETOF registry.change
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
	RETURN QUERY SELECT * FROM (
		SELECT * FROM registry.change WHERE revision > after ORDER BY revision
		FETCH FIRST (most) ROWS WITH TIES) c
	ORDER BY c.revision, c.part;
END $$;

--
-- Name: FUNCTION changes_after(after bigint, most integer); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.changes_after(after bigint, most integer) IS 'What was committed after a revision, in order: at least most rows if there are so many, revisions always whole. Only right for a revision that is not forgotten: see registry.history.';

--
-- Name: changes_behind(bigint, integer, integer, bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.changes_behind(after bigint, after_part integer, most integer, most_bytes bigint) RETURNS SETOF registry.change
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_sort TO 'off'
    AS $$
	SELECT (r.c).* FROM (
		SELECT c, sum(octet_length(c.value::text)) OVER (ORDER BY c.revision, c.part
			ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
		FROM (
			SELECT * FROM registry.change WHERE (revision, part) > (after, after_part)
			ORDER BY revision, part LIMIT most) c) r
	WHERE coalesce(r.bytes_before, 0) < most_bytes
	ORDER BY (r.c).revision, (r.c).part
$$;

--
-- Name: FUNCTION changes_behind(after bigint, after_part integer, most integer, most_bytes bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.changes_behind(after bigint, after_part integer, most integer, most_bytes bigint) IS 'What follows a part of a revision, in order: at most so many rows, and no more when their values have come to that many bytes. Only right for a revision that is not forgotten: see registry.history.';

--
-- Name: configure(text, text, text, text, text, text, text, text[], text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text) RETURNS TABLE(r_revision bigint, r_other text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	of_key text := lower(service COLLATE "C");
	before registry.configuration;
BEGIN
	PERFORM registry.begin_change(true);
	SELECT * INTO before FROM registry.configuration c WHERE c.namespace = configure.namespace
		AND c.host = configure.host AND c.folder = configure.folder AND c.file = configure.file;
	SELECT c.host INTO r_other FROM registry.configuration c
	WHERE c.namespace = configure.namespace AND c.service_key = of_key
		AND (c.host, c.folder) <> (configure.host, configure.folder)
		AND c.content::text <> configure.content
	ORDER BY c.loaded_at DESC LIMIT 1;
	IF r_other IS NOT NULL THEN
		warnings := warnings || format('a server on host %s has another configuration of service %s:'
			' the one that was loaded last counts', r_other, service);
	END IF;
	IF (before.service, before.title, before.content::text, before.warnings, before.error)
		IS DISTINCT FROM (service, title, content, warnings, NULL) THEN
		INSERT INTO registry.configuration AS c
			(namespace, host, folder, file, service, title, content, loaded_at, warnings)
		VALUES (namespace, host, folder, file, service, title, content::json, clock_timestamp(),
			warnings)
		ON CONFLICT ON CONSTRAINT configuration_pkey DO UPDATE SET service = excluded.service,
			title = excluded.title, content = excluded.content, warnings = excluded.warnings,
			loaded_at = CASE WHEN c.content::text = configure.content
				AND c.service = excluded.service THEN c.loaded_at ELSE excluded.loaded_at END,
			error = NULL, error_at = NULL;
	END IF;
	r_revision := registry.apply_configuration(namespace, of_key,
		before.service_key = of_key AND registry.has_events(before), server_name);
	IF before.content IS NOT NULL AND before.service_key <> of_key THEN
		r_revision := coalesce(registry.apply_configuration(namespace, before.service_key,
			registry.has_events(before), server_name), r_revision);
	END IF;
	RETURN NEXT;
END $$;

--
-- Name: FUNCTION configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text) IS 'Publishes what a configuration file says (content as in registry.configuration). Gives the revision, NULL if the registry says so already, and a host that has another configuration of the service, which is one of the warnings then. JN409: somebody else has a subscription of such a name; then nothing is changed.';

--
-- Name: configure_graphql(text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.configure_graphql(namespace text, service text, actions text, server_name text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	of_key text := lower(service COLLATE "C");
BEGIN
	PERFORM registry.begin_change(true);
	IF NOT EXISTS (SELECT FROM registry.node n WHERE n.namespace = configure_graphql.namespace
		AND n.service_key = of_key AND n.configured AND n.metadata ->> 'kind' = 'graphql') THEN
		RETURN NULL;
	END IF;
	RETURN registry.put_configured_actions(NULL, namespace, of_key, 'graphql', actions::json,
		server_name);
END $$;

--
-- Name: FUNCTION configure_graphql(namespace text, service text, actions text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.configure_graphql(namespace text, service text, actions text, server_name text) IS 'Makes what the GraphQL endpoint of a configured service can be asked its actions (see registry.put_configured_actions()). The revision, or NULL if nothing has changed, or the service has no such endpoint any more.';

--
-- Name: configuration; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.configuration (
    namespace text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL COLLATE pg_catalog."C",
    folder text NOT NULL COLLATE pg_catalog."C",
    file text NOT NULL COLLATE pg_catalog."C",
    service text NOT NULL,
    service_key text GENERATED ALWAYS AS (lower((service COLLATE "C"))) STORED COLLATE pg_catalog."C",
    title text DEFAULT ''::text NOT NULL,
    content json,
    loaded_at timestamp with time zone,
    warnings text[] DEFAULT '{}'::text[] NOT NULL,
    error text,
    error_at timestamp with time zone,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT configuration_content_object CHECK ((json_typeof(content) = 'object'::text)),
    CONSTRAINT configuration_error_with_time CHECK (((error IS NULL) = (error_at IS NULL))),
    CONSTRAINT configuration_file_length CHECK (((octet_length(file) >= 1) AND (octet_length(file) <= 1024))),
    CONSTRAINT configuration_host_length CHECK (((octet_length(host) >= 1) AND (octet_length(host) <= 255))),
    CONSTRAINT configuration_loaded_with_content CHECK (((content IS NULL) = (loaded_at IS NULL)))
);

--
-- Name: TABLE configuration; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.configuration IS 'The service configuration files that servers have found. Of those of one service the one loaded last counts.';

--
-- Name: COLUMN configuration.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN configuration.host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.host IS 'Host of the server that loads it.';

--
-- Name: COLUMN configuration.folder; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.folder IS 'That server''s configuration folder.';

--
-- Name: COLUMN configuration.file; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.file IS 'Path behind the folder.';

--
-- Name: COLUMN configuration.service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.service IS 'Name of the service that it brings; empty if that could never be read.';

--
-- Name: COLUMN configuration.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.service_key IS 'The name in lower case (ASCII letters only).';

--
-- Name: COLUMN configuration.title; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.title IS 'Name of the service for people.';

--
-- Name: COLUMN configuration.content; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.content IS 'What it brings, secrets left out: {"settings":object,"nodes":[{"kind","host","port","protocol","base","weight"}],"actions":[{"name","method","uri","params","timeout_ms"}],"events":[as event.put_subscription() takes them, without a secret]}. NULL: it was never good.';

--
-- Name: COLUMN configuration.loaded_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.loaded_at IS 'Since when content is what it brings; NULL: it was never good.';

--
-- Name: COLUMN configuration.warnings; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.warnings IS 'What was taken, but not as it may be meant.';

--
-- Name: COLUMN configuration.error; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.error IS 'Why the present file is not what content is; NULL: it is.';

--
-- Name: COLUMN configuration.error_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.error_at IS 'When that was found.';

--
-- Name: COLUMN configuration.seen_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.configuration.seen_at IS 'When a server last said that it looks at the folder; a day without that, and it is as if the file had gone.';

--
-- Name: configured_events(registry.configuration); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.configured_events(counts registry.configuration) RETURNS json
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	-- 244 random bits each.
	SELECT coalesce(json_agg((e::jsonb || jsonb_build_object('fresh_secret', '\x'
		|| replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')))::json), '[]')
	FROM json_array_elements(counts.content -> 'events') AS e
$$;

--
-- Name: FUNCTION configured_events(counts registry.configuration); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.configured_events(counts registry.configuration) IS 'The subscriptions that a configuration brings, each with a fresh secret.';

--
-- Name: delete_leases(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_leases() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
	DELETE FROM registry.lease l USING gone g
	WHERE g.lease IS NOT NULL AND l.namespace = g.namespace
		AND l.service_key = g.service_key AND l.node_key = g.key;
	RETURN NULL;
END $$;

--
-- Name: FUNCTION delete_leases(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_leases() IS 'Removes the leases of deleted nodes.';

--
-- Name: delete_nodes(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_nodes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
BEGIN
	DELETE FROM registry.node n USING gone g
	WHERE n.namespace = g.namespace AND n.service_key = g.key;
	RETURN NULL;
END $$;

--
-- Name: FUNCTION delete_nodes(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_nodes() IS 'Removes the nodes of deleted services.';

--
-- Name: delete_server(text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	wanted text := lower(server_name COLLATE "C");
	old json;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	SELECT registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
		coalesce((SELECT json_agg(registry.node_value(n) ORDER BY n.key) FROM registry.node n
			WHERE n.namespace = s.namespace AND n.service_key = s.key), '[]'))
		INTO old FROM registry.service s
		WHERE s.namespace = delete_server.namespace AND s.key = wanted;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	DELETE FROM registry.service s
	WHERE s.namespace = delete_server.namespace AND s.key = wanted;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'service', wanted, wanted, 'delete',
		old, caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) IS 'Removes a server with its nodes and services. The revision, or NULL if there is none of that name.';

--
-- Name: delete_service(text, text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	old json;
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	DELETE FROM registry.action a
	WHERE a.namespace = delete_service.namespace
		AND a.service_key = lower(server_name COLLATE "C")
		AND a.key = lower(service_name COLLATE "C")
	RETURNING registry.action_value(a) INTO old;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), namespace, 'action',
		lower(server_name COLLATE "C"), lower(service_name COLLATE "C"), 'delete', old,
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) IS 'Removes one service of a server. The revision, or NULL if there is none of that name.';

--
-- Name: deregister_node(text, text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	old registry.node;
BEGIN
	PERFORM registry.begin_change(false);
	DELETE FROM registry.node n
	WHERE n.namespace = deregister_node.namespace
		AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	RETURNING n.* INTO old;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), old.namespace, 'node', old.service_key, old.key,
		'delete', registry.node_value(old), caller_address, caller_application, caller_user,
		trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text) IS 'Removes a node. The revision, or NULL if there is no such node.';

--
-- Name: drop_empty_service(bigint, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.drop_empty_service(INOUT within bigint, of_namespace text, of_key text, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	service registry.service;
BEGIN
	SELECT * INTO service FROM registry.service s
	WHERE s.namespace = of_namespace AND s.key = of_key;
	IF service.key IS NULL
		OR EXISTS (SELECT FROM registry.action a
			WHERE a.namespace = of_namespace AND a.service_key = of_key)
		OR EXISTS (SELECT FROM registry.node n WHERE n.namespace = of_namespace
			AND n.service_key = of_key AND n.expired_at IS NULL) THEN
		RETURN;
	END IF;
	DELETE FROM registry.service s WHERE s.namespace = of_namespace AND s.key = of_key;
	within := registry.note_configured(within, of_namespace, 'service', of_key, of_key, NULL,
		registry.whole_service_value(service), server_name);
END $$;

--
-- Name: FUNCTION drop_empty_service(INOUT within bigint, of_namespace text, of_key text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.drop_empty_service(INOUT within bigint, of_namespace text, of_key text, server_name text) IS 'Removes a service that has neither nodes nor actions.';

--
-- Name: expire_nodes(text[], text[], text[], text, bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint DEFAULT registry.milliseconds(clock_timestamp())) RETURNS TABLE(r_position bigint, r_left bigint, r_revision bigint, r_now bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	late bigint[];
BEGIN
	PERFORM registry.begin_change(false);
	-- Locked, then looked at: a heartbeat that is being written now is not overlooked.
	late := ARRAY(
		SELECT i.position
		FROM unnest(namespaces, service_keys, node_keys)
			WITH ORDINALITY AS i (namespace, service_key, node_key, position)
		JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
			AND n.key = i.node_key
		JOIN registry.lease l ON l.namespace = n.namespace AND l.service_key = n.service_key
			AND l.node_key = n.key
		WHERE n.expired_at IS NULL AND l.renewed_at + n.lease * 1.25 <= moment
			-- If this was held up, heartbeats may have been, too.
			AND registry.milliseconds(moment) - expected
				<= registry.interval_milliseconds(n.lease) / 2
		ORDER BY i.position
		FOR UPDATE OF n, l);
	IF cardinality(late) > 0 THEN
		UPDATE registry.node n SET expired_at = moment
		FROM unnest(late) AS p (position)
		WHERE n.namespace = namespaces[p.position]
			AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
		this_revision := registry.next_revision();
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, old_value, caller_address, caller_application, caller_user, trace)
		SELECT this_revision, p.position, moment, n.namespace, 'node', n.service_key, n.key,
			'expire', registry.node_value(n), server_name, '', '', ''
		FROM unnest(late) AS p (position)
		JOIN registry.node n ON n.namespace = namespaces[p.position]
			AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
	END IF;
	RETURN QUERY
	SELECT i.position,
		CASE WHEN n.expired_at IS NULL
			THEN ceil(extract(epoch FROM l.renewed_at + n.lease * 1.25 - moment)
				* 1000)::bigint END,
		this_revision, registry.milliseconds(moment)
	FROM unnest(namespaces, service_keys, node_keys)
		WITH ORDINALITY AS i (namespace, service_key, node_key, position)
	LEFT JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
		AND n.key = i.node_key
	LEFT JOIN registry.lease l ON l.namespace = n.namespace AND l.service_key = n.service_key
		AND l.node_key = n.key;
END $$;

--
-- Name: FUNCTION expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint) IS 'Expires those of the nodes whose lease has run out by this database''s clock and what has been written to it, and a quarter more, since heartbeats are written that late. expected: what the clock should say, in milliseconds since 1970; if it is later by more than half of a lease, or that is NULL, the node stays. Gives for each the milliseconds that are left (0 or less: it might have expired, but for that; NULL: it has expired, or is gone or without a lease), the revision, if any has expired now, and what the clock says.';

--
-- Name: forget_configuration(text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.forget_configuration(of_namespace text, of_host text, of_folder text, of_file text, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	before registry.configuration;
BEGIN
	DELETE FROM registry.configuration c WHERE c.namespace = of_namespace AND c.host = of_host
		AND c.folder = of_folder AND c.file = of_file
	RETURNING c.* INTO before;
	RETURN CASE WHEN before.content IS NOT NULL THEN registry.apply_configuration(of_namespace,
		before.service_key, registry.has_events(before), server_name) END;
END $$;

--
-- Name: FUNCTION forget_configuration(of_namespace text, of_host text, of_folder text, of_file text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.forget_configuration(of_namespace text, of_host text, of_folder text, of_file text, server_name text) IS 'What registry.unconfigure() does, in a transaction that registry.begin_change(true) has begun.';

--
-- Name: forget_configurations(text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.forget_configurations(server_name text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	old registry.configuration;
	forgotten integer := 0;
BEGIN
	IF NOT EXISTS (SELECT FROM registry.configuration c
		WHERE c.seen_at < clock_timestamp() - interval '1 day') THEN
		RETURN 0;
	END IF;
	PERFORM registry.begin_change(true);
	FOR old IN SELECT * FROM registry.configuration c
		WHERE c.seen_at < clock_timestamp() - interval '1 day' LOOP
		PERFORM registry.forget_configuration(old.namespace, old.host, old.folder, old.file,
			server_name);
		forgotten := forgotten + 1;
	END LOOP;
	RETURN forgotten;
END $$;

--
-- Name: FUNCTION forget_configurations(server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.forget_configurations(server_name text) IS 'Forgets the files at whose folder no server has looked for a day, as if they had gone. Gives how many.';

--
-- Name: forget_extensions(text, text[], integer[]); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.forget_extensions(host text, names text[], pids integer[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	forgotten bigint;
BEGIN
	DELETE FROM registry.extension e
	USING unnest(names, pids) AS i (name, pid)
	WHERE e.host = forget_extensions.host AND e.name = i.name AND e.pid = i.pid;
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;

--
-- Name: FUNCTION forget_extensions(host text, names text[], pids integer[]); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.forget_extensions(host text, names text[], pids integer[]) IS 'Removes extensions whose processes have ended, one array element each; one that has registered again since, from another process, stays. Gives how many.';

--
-- Name: forget_nodes(interval); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.forget_nodes(kept interval) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	forgotten bigint;
BEGIN
	-- Their end is in the log already. One that is just coming back is locked, and stays.
	WITH old AS MATERIALIZED (
		SELECT n.namespace, n.service_key, n.key FROM registry.node n
		WHERE n.expired_at < clock_timestamp() - kept
		FOR UPDATE SKIP LOCKED
	)
	DELETE FROM registry.node n USING old o
	WHERE n.namespace = o.namespace AND n.service_key = o.service_key AND n.key = o.key;
	GET DIAGNOSTICS forgotten = ROW_COUNT;
	RETURN forgotten;
END $$;

--
-- Name: FUNCTION forget_nodes(kept interval); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.forget_nodes(kept interval) IS 'Removes nodes that expired longer ago than that. Gives how many.';

--
-- Name: has_events(registry.configuration); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.has_events(counts registry.configuration) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((json_array_length(((counts).content -> 'events'::text)) > 0), false);

--
-- Name: FUNCTION has_events(counts registry.configuration); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.has_events(counts registry.configuration) IS 'Whether it brings subscriptions.';

--
-- Name: node; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.node (
    namespace text NOT NULL COLLATE pg_catalog."C",
    service_key text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    protocol text NOT NULL,
    key text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    weight integer DEFAULT 1 NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    metadata json DEFAULT '{}'::json NOT NULL,
    check_kind text DEFAULT 'tcp'::text NOT NULL,
    check_path text DEFAULT ''::text NOT NULL,
    health text DEFAULT 'unknown'::text NOT NULL,
    health_reason text DEFAULT ''::text NOT NULL,
    health_at timestamp with time zone,
    flapping boolean DEFAULT false NOT NULL,
    lease interval,
    expired_at timestamp with time zone,
    configured boolean DEFAULT false NOT NULL,
    CONSTRAINT node_check_known CHECK ((check_kind = ANY (ARRAY['none'::text, 'tcp'::text, 'http'::text]))),
    CONSTRAINT node_check_path CHECK (((check_kind = 'http'::text) = (check_path ~ '^/'::text))),
    CONSTRAINT node_expires_by_lease CHECK (((expired_at IS NULL) OR (lease IS NOT NULL))),
    CONSTRAINT node_health_known CHECK ((health = ANY (ARRAY['unknown'::text, 'passing'::text, 'failing'::text]))),
    CONSTRAINT node_host_characters CHECK ((host ~ '^[0-9A-Za-z._:-]+$'::text)),
    CONSTRAINT node_host_length CHECK (((octet_length(host) >= 1) AND (octet_length(host) <= 253))),
    CONSTRAINT node_key_of_name CHECK (((key = ''::text) OR (key = lower((name COLLATE "C"))))),
    CONSTRAINT node_lease_range CHECK (((lease >= '00:00:01'::interval) AND (lease <= '1 day'::interval))),
    CONSTRAINT node_metadata_object CHECK ((json_typeof(metadata) = 'object'::text)),
    CONSTRAINT node_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 300))),
    CONSTRAINT node_own_has_no_lease CHECK (((key <> ''::text) OR (lease IS NULL))),
    CONSTRAINT node_port_range CHECK (((port >= 1) AND (port <= 65535))),
    CONSTRAINT node_protocol_known CHECK ((protocol = ANY (ARRAY['http'::text, 'https'::text]))),
    CONSTRAINT node_weight_range CHECK (((weight >= 0) AND (weight <= 10000)))
);

--
-- Name: TABLE node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.node IS 'Where a service is reached. A node with a lease lives by its heartbeats; a FATE server is a service with one node of its own (key empty), without a lease.';

--
-- Name: COLUMN node.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN node.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.service_key IS 'Key of the service.';

--
-- Name: COLUMN node.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.name IS 'Name of the node; that of a FATE server is host:port.';

--
-- Name: COLUMN node.host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.host IS 'Host name or IP address, IPv6 without brackets.';

--
-- Name: COLUMN node.port; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.port IS 'TCP port.';

--
-- Name: COLUMN node.protocol; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.protocol IS 'http or https.';

--
-- Name: COLUMN node.key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.key IS 'The name in lower case (ASCII letters only); empty for the service''s own node, of which there is one.';

--
-- Name: COLUMN node.weight; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.weight IS 'Share of the calls beside the other nodes; 0: none while another node is there.';

--
-- Name: COLUMN node.enabled; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.enabled IS 'False: it stays registered and gets no calls.';

--
-- Name: COLUMN node.metadata; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.metadata IS 'JSON object, byte for byte as given.';

--
-- Name: COLUMN node.check_kind; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.check_kind IS 'How it is checked: not at all, by a TCP connection, or by GET of check_path.';

--
-- Name: COLUMN node.check_path; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.check_path IS 'Path of the HTTP check; empty for the others.';

--
-- Name: COLUMN node.health; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.health IS 'What the last checks say: unknown (counts as passing) until there was one.';

--
-- Name: COLUMN node.health_reason; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.health_reason IS 'Why it is failing; empty if it is not.';

--
-- Name: COLUMN node.health_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.health_at IS 'When health changed; NULL if it never did.';

--
-- Name: COLUMN node.flapping; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.flapping IS 'It has changed too often: it counts as failing until it has been passing for long enough.';

--
-- Name: COLUMN node.lease; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.lease IS 'How long it lives after a heartbeat; NULL: until it is deregistered.';

--
-- Name: COLUMN node.expired_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.expired_at IS 'When its lease had run out: it is in no list any more, and the row goes later. NULL if it lives.';

--
-- Name: COLUMN node.configured; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.node.configured IS 'A service configuration file names it; metadata then says how it is asked: {"configured":true,"kind":"http", "upgrade" or "graphql","base":what is set before a path, of graphql the whole path}.';

--
-- Name: is_wanted(registry.node, text, integer, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.is_wanted(n registry.node, host text, port integer, protocol text, metadata text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((n).host = host) AND ((n).port = port) AND ((n).protocol = protocol) AND (((n).metadata)::text = metadata));

--
-- Name: FUNCTION is_wanted(n registry.node, host text, port integer, protocol text, metadata text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.is_wanted(n registry.node, host text, port integer, protocol text, metadata text) IS 'It is there, and asked in that way.';

--
-- Name: keep_configured_node(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.keep_configured_node() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	RAISE EXCEPTION USING ERRCODE = 'JN412', MESSAGE = format(
		'node %s of service %s is brought by a configuration file, which alone changes it',
		OLD.name, OLD.service_key);
END $$;

--
-- Name: FUNCTION keep_configured_node(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.keep_configured_node() IS 'Refuses with JN412 to register a configured node anew, or to change its metadata.';

--
-- Name: keep_history(integer); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.keep_history(days integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
	this_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
	partition record;
	last_revision bigint;
	dropped integer := 0;
BEGIN
	IF days < 1 THEN
		RAISE EXCEPTION 'history is kept for 1 day at least, not %', days;
	END IF;
	-- One at a time; who comes second finds nothing to do.
	PERFORM pg_advisory_xact_lock(6024014);
	FOR i IN 0 .. 2 LOOP
		PERFORM registry.make_month((this_month + i * interval '1 month')::date);
	END LOOP;
	FOR partition IN
		SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
		WHERE h.inhparent = 'registry.change'::regclass AND c.relname ~ '^change_\d{4}_\d\d$'
			AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month'
				<= (now() AT TIME ZONE 'UTC') - days * interval '1 day'
		ORDER BY c.relname
	LOOP
		EXECUTE format('SELECT max(revision) FROM registry.%I', partition.relname)
			INTO last_revision;
		EXECUTE format('DROP TABLE registry.%I', partition.relname);
		UPDATE registry.history SET forgotten = greatest(forgotten, last_revision);
		dropped := dropped + 1;
	END LOOP;
	RETURN dropped;
END $_$;

--
-- Name: FUNCTION keep_history(days integer); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.keep_history(days integer) IS 'Makes the partitions of this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

--
-- Name: keep_invocations(integer); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.keep_invocations(days integer) RETURNS integer
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$ SELECT upkeep.keep_months('registry.invocation', days) $$;

--
-- Name: FUNCTION keep_invocations(days integer); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.keep_invocations(days integer) IS 'Makes the partitions of registry.invocation for this month and the next two, and drops those whose last day is longer ago than so many days. Gives how many it dropped. With the rights of its owner: the application itself may not drop anything.';

--
-- Name: member; Type: TABLE; Schema: registry; Owner: -
--

CREATE UNLOGGED TABLE registry.member (
    name text NOT NULL COLLATE pg_catalog."C",
    renewed_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE member; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.member IS 'The Junction servers that work on this database. Not logged: after a crash of PostgreSQL they enter themselves again.';

--
-- Name: COLUMN member.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.member.name IS 'hostname-starttime of the server.';

--
-- Name: COLUMN member.renewed_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.member.renewed_at IS 'When it was last seen alive.';

--
-- Name: leave_member(text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.leave_member(name text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 DELETE FROM registry.member m
   WHERE (m.name = leave_member.name);
END;

--
-- Name: FUNCTION leave_member(name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.leave_member(name text) IS 'Says that this server is about to end.';

--
-- Name: log_invocations(uuid[], bigint[], text[], text[], text[], text[], text[], text[], integer[], bigint[], text[], text[], text[], text[], text[], text[]); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) RETURNS TABLE(r_position bigint)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	INSERT INTO registry.invocation (id, invoked_at, trace_id, function_urn, host, extension,
		address, outcome, http_status, duration, error, server_node, caller_address,
		caller_application, caller_user, trace)
	SELECT i.id, to_timestamp(i.invoked_at / 1000.0), i.trace_id, i.function_urn, i.host,
		i.extension, i.address, i.outcome, i.http_status, i.duration * interval '1 microsecond',
		i.error, i.server_node, i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(ids, invoked_ats, trace_ids, function_urns, hosts, extensions, addresses, outcomes,
		http_statuses, durations, errors, server_nodes, caller_addresses, caller_applications,
		caller_users, traces) AS i (id, invoked_at, trace_id, function_urn, host, extension,
		address, outcome, http_status, duration, error, server_node, caller_address,
		caller_application, caller_user, trace)
	ON CONFLICT DO NOTHING;
	SELECT p::bigint FROM generate_subscripts(ids, 1) AS p;
$$;

--
-- Name: FUNCTION log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) IS 'Writes outcomes of invocations, one array element each; what is there already stays. Times in milliseconds since 1970, durations in microseconds.';

--
-- Name: make_month(date); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.make_month(month date) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	partition text := 'change_' || to_char(month, 'YYYY_MM');
BEGIN
	IF to_regclass('registry.' || partition) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE registry.%I PARTITION OF registry.change '
		'FOR VALUES FROM (%L) TO (%L)', partition, month::timestamp AT TIME ZONE 'UTC',
		(month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
	EXECUTE format('COMMENT ON TABLE registry.%I IS %L', partition,
		'Changes of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;

--
-- Name: FUNCTION make_month(month date); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.make_month(month date) IS 'Makes the partition of registry.change for the month that begins on that day, if it is missing.';

--
-- Name: name_configured_node(text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.name_configured_node(of_namespace text, of_key text, prefix text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	made text := prefix;
	number integer := 1;
BEGIN
	WHILE EXISTS (SELECT FROM registry.node n WHERE n.namespace = of_namespace
		AND n.service_key = of_key AND n.key = lower(made COLLATE "C")) LOOP
		number := number + 1;
		made := prefix || '-' || number;
	END LOOP;
	RETURN made;
END $$;

--
-- Name: FUNCTION name_configured_node(of_namespace text, of_key text, prefix text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.name_configured_node(of_namespace text, of_key text, prefix text) IS 'A name that no node of the service has: the prefix, or with -2, -3 ... behind it.';

--
-- Name: next_revision(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.next_revision() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	-- One at a time, until its commit is visible: a sequence alone gives numbers in the order of
	-- asking, and a reader would pass over one that commits late. Taken when the rows have been
	-- written, so that the lock is held for the log and the commit only, and that of two who
	-- write the same row the later has the greater revision.
	PERFORM pg_advisory_xact_lock(6024013);
	RETURN nextval('registry.revision');
END $$;

--
-- Name: FUNCTION next_revision(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.next_revision() IS 'Takes the lock of the log until the end of the transaction, and its next revision.';

--
-- Name: node_value(registry.node); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.node_value(n registry.node) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN json_build_object('name', (n).name, 'host', (n).host, 'port', (n).port, 'protocol', (n).protocol, 'weight', (n).weight, 'enabled', (n).enabled, 'metadata', (n).metadata, 'configured', (n).configured, 'check', (n).check_kind, 'check_path', (n).check_path, 'health', (n).health, 'health_reason', (n).health_reason, 'health_at', registry.milliseconds((n).health_at), 'flapping', (n).flapping, 'lease_ms', registry.interval_milliseconds((n).lease));

--
-- Name: FUNCTION node_value(n registry.node); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.node_value(n registry.node) IS 'State of a node as JSON. That of four texts is the short form of a service''s own node that has just been registered: all the rest as it is by default.';

--
-- Name: node_value(text, text, integer, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.node_value(name text, host text, port integer, protocol text) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((((((((('{"name":'::text || to_json(name)) || ',"host":'::text) || to_json(host)) || ',"port":'::text) || port) || ',"protocol":'::text) || to_json(protocol)) || '}'::text))::json;

--
-- Name: FUNCTION node_value(name text, host text, port integer, protocol text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) IS 'State of a node as JSON.';

--
-- Name: note_configured(bigint, text, text, text, text, json, json, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.note_configured(INOUT within bigint, of_namespace text, of_kind text, of_service_key text, of_name text, fresh json, old json, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	within := coalesce(within, registry.next_revision());
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name, operation,
		value, old_value, caller_address, caller_application, caller_user, trace)
	SELECT within, coalesce(max(c.part), 0) + 1, clock_timestamp(), of_namespace, of_kind,
		of_service_key, of_name, CASE WHEN fresh IS NULL THEN 'delete' ELSE 'put' END,
		fresh, old, server_name, '', '', ''
	FROM registry.change c WHERE c.revision = within;
END $$;

--
-- Name: FUNCTION note_configured(INOUT within bigint, of_namespace text, of_kind text, of_service_key text, of_name text, fresh json, old json, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.note_configured(INOUT within bigint, of_namespace text, of_kind text, of_service_key text, of_name text, fresh json, old json, server_name text) IS 'Writes one change to the log: fresh is the new state, NULL if it is gone. within: this transaction''s revision, NULL if it has none yet; gives it.';

--
-- Name: put_configured_actions(bigint, text, text, text, json, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.put_configured_actions(INOUT within bigint, of_namespace text, of_key text, of_origin text, actions json, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	given json;
	before registry.action;
	wanted registry.action;
BEGIN
	FOR before IN DELETE FROM registry.action a
		WHERE a.namespace = of_namespace AND a.service_key = of_key AND a.origin = of_origin
			AND NOT EXISTS (SELECT FROM json_array_elements(actions) i
				WHERE lower((i ->> 'name') COLLATE "C") = a.key)
		RETURNING a.* LOOP
		within := registry.note_configured(within, of_namespace, 'action', of_key, before.key, NULL,
			registry.action_value(before), server_name);
	END LOOP;
	FOR given IN SELECT i FROM json_array_elements(actions) i LOOP
		SELECT * INTO before FROM registry.action a WHERE a.namespace = of_namespace
			AND a.service_key = of_key AND a.key = lower((given ->> 'name') COLLATE "C");
		-- What a schema says gives way to what people have said.
		CONTINUE WHEN (before.origin = of_origin AND (before.name, before.uri, before.method,
				before.params::text, before.data::text, before.timeout)
				IS NOT DISTINCT FROM (given ->> 'name', given ->> 'uri', given ->> 'method',
				(given -> 'params')::text, coalesce((given -> 'data')::text, '{}'),
				nullif((given ->> 'timeout_ms')::bigint, 0) * interval '1 millisecond'))
			OR (of_origin = 'graphql' AND before.key IS NOT NULL
				AND before.origin IS DISTINCT FROM 'graphql');
		within := coalesce(within, registry.next_revision());
		DELETE FROM registry.action a WHERE a.namespace = of_namespace AND a.service_key = of_key
			AND a.key = before.key;
		INSERT INTO registry.action AS a (namespace, service_key, name, uri, method, params, data,
			headers, timeout, created_at, updated_at, revision, origin)
		VALUES (of_namespace, of_key, given ->> 'name', given ->> 'uri', given ->> 'method',
			given -> 'params', coalesce(given -> 'data', '{}'), '{}',
			nullif((given ->> 'timeout_ms')::bigint, 0) * interval '1 millisecond',
			coalesce(before.created_at, clock_timestamp()), clock_timestamp(), within, of_origin)
		RETURNING a.* INTO wanted;
		within := registry.note_configured(within, of_namespace, 'action', of_key, wanted.key,
			registry.action_value(wanted),
			CASE WHEN before.key IS NOT NULL THEN registry.action_value(before) END, server_name);
	END LOOP;
END $$;

--
-- Name: FUNCTION put_configured_actions(INOUT within bigint, of_namespace text, of_key text, of_origin text, actions json, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.put_configured_actions(INOUT within bigint, of_namespace text, of_key text, of_origin text, actions json, server_name text) IS 'Makes the actions of that origin these: objects with name, method, uri, params, data (default {}) and timeout_ms (0 or null: the default). One of a file takes the place of what was registered by that name; one of a GraphQL schema does not.';

--
-- Name: put_configured_nodes(bigint, registry.configuration, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.put_configured_nodes(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	prefix text := 'proxy-' || counts.host || '-' || registry.milliseconds(clock_timestamp());
	wanted record;
	node registry.node;
	old json;
BEGIN
	FOR wanted IN SELECT w.* FROM registry.wanted_nodes(counts) w
		WHERE NOT EXISTS (SELECT FROM registry.node n
			WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.configured
				AND registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata))
		ORDER BY w.r_place LOOP
		INSERT INTO registry.node AS n (namespace, service_key, key, name, host, port, protocol,
			weight, metadata, configured, check_kind, check_path)
		SELECT of_namespace, of_key, lower(f.name COLLATE "C"), f.name, wanted.r_host, wanted.r_port,
			wanted.r_protocol, wanted.r_weight, wanted.r_metadata::json, true,
			-- Stock GraphQL servers have no other path.
			CASE wanted.r_metadata::json ->> 'kind' WHEN 'graphql' THEN 'tcp' ELSE 'http' END,
			CASE wanted.r_metadata::json ->> 'kind' WHEN 'graphql' THEN '' ELSE '/mw/server/health' END
		FROM registry.name_configured_node(of_namespace, of_key, prefix) AS f (name)
		RETURNING n.* INTO node;
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			registry.node_value(node), NULL, server_name);
	END LOOP;
	FOR wanted IN SELECT n.key, w.r_weight FROM registry.wanted_nodes(counts) w
			JOIN registry.node n ON n.namespace = of_namespace AND n.service_key = of_key
				AND n.configured
				AND registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata)
		WHERE n.weight <> w.r_weight LOOP
		SELECT * INTO node FROM registry.node n
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.key = wanted.key;
		old := registry.node_value(node);
		UPDATE registry.node n SET weight = wanted.r_weight
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.key = wanted.key
		RETURNING n.* INTO node;
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			registry.node_value(node), old, server_name);
	END LOOP;
	FOR node IN DELETE FROM registry.node n
		WHERE n.namespace = of_namespace AND n.service_key = of_key AND n.configured
			AND NOT EXISTS (SELECT FROM registry.wanted_nodes(counts) w
				WHERE registry.is_wanted(n, w.r_host, w.r_port, w.r_protocol, w.r_metadata))
		RETURNING n.* LOOP
		within := registry.note_configured(within, of_namespace, 'node', of_key, node.key,
			NULL, registry.node_value(node), server_name);
	END LOOP;
END $$;

--
-- Name: FUNCTION put_configured_nodes(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.put_configured_nodes(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) IS 'Makes the configured nodes of a service those of the configuration that counts. One that stays where it is, and is asked as before, keeps its name and what the checks say; its weight is the configuration''s.';

--
-- Name: put_configured_service(bigint, registry.configuration, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.put_configured_service(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	wanted text := coalesce((counts.content -> 'settings')::text, '{}');
	moment timestamptz := clock_timestamp();
	service registry.service;
	old json;
BEGIN
	SELECT * INTO service FROM registry.service s
	WHERE s.namespace = of_namespace AND s.key = of_key;
	IF service.settings::text = wanted OR (service.key IS NULL AND counts.content IS NULL) THEN
		RETURN;
	END IF;
	IF service.key IS NULL THEN
		INSERT INTO registry.service AS s (namespace, name, settings, created_at, updated_at)
		VALUES (of_namespace, counts.service, wanted::json, moment, moment)
		RETURNING s.* INTO service;
	ELSE
		old := registry.whole_service_value(service);
		UPDATE registry.service s SET settings = wanted::json, updated_at = moment
		WHERE s.namespace = of_namespace AND s.key = of_key RETURNING s.* INTO service;
	END IF;
	within := registry.note_configured(within, of_namespace, 'service', of_key, of_key,
		registry.whole_service_value(service), old, server_name);
END $$;

--
-- Name: FUNCTION put_configured_service(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.put_configured_service(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) IS 'Gives a service the settings of the configuration that counts, and makes it if there is none; none counts: {}.';

--
-- Name: refuse_configuration(text, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.refuse_configuration(namespace text, host text, folder text, file text, service text, error text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	INSERT INTO registry.configuration AS c (namespace, host, folder, file, service, error, error_at)
	VALUES (namespace, host, folder, file, service, error, clock_timestamp())
	ON CONFLICT ON CONSTRAINT configuration_pkey DO UPDATE SET error = excluded.error,
		error_at = excluded.error_at,
		service = CASE WHEN c.content IS NULL THEN excluded.service ELSE c.service END
	WHERE c.error IS DISTINCT FROM excluded.error;
END $$;

--
-- Name: FUNCTION refuse_configuration(namespace text, host text, folder text, file text, service text, error text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.refuse_configuration(namespace text, host text, folder text, file text, service text, error text) IS 'Notes why a configuration file was not taken; what it brought before stays.';

--
-- Name: register_bulk(text, text[], text[], integer[], text[], text[], text[], text[], text[], text[], text[], text[], text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	this_revision bigint;
	sized integer[] := ARRAY[cardinality(servers)];
	counted integer[] := ARRAY[cardinality(names)];
	absent text[] := array_fill(NULL::text, counted);
BEGIN
	PERFORM registry.begin_change(true);
	this_revision := registry.next_revision();
	PERFORM registry.register_servers(array_fill(namespace, sized), servers, hosts, ports,
		protocols, array_fill(caller_address, sized), array_fill(caller_application, sized),
		array_fill(caller_user, sized), array_fill(trace, sized), this_revision);
	PERFORM registry.register_services(array_fill(namespace, counted), server_names, names,
		uris, methods, absent, absent, absent::integer[], absent, params, data, headers,
		absent::integer[],
		array_fill(caller_address, counted), array_fill(caller_application, counted),
		array_fill(caller_user, counted), array_fill(trace, counted), this_revision);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) IS 'Registers servers (servers, hosts, ports, protocols: one array element each) together with services of theirs (server_names and what follows): all or nothing, one revision.';

--
-- Name: register_extension(text, text, integer, integer, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text) RETURNS TABLE(r_refusal text, r_other text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	other text;
BEGIN
	-- Who registers on one host does so one after the other.
	PERFORM pg_advisory_xact_lock(6024016, hashtext(host));
	IF (SELECT count(*) FROM registry.extension e
		WHERE e.host = register_extension.host AND e.name <> register_extension.name) >= 10 THEN
		RETURN QUERY SELECT 'count', ''::text;
		RETURN;
	END IF;
	SELECT e.name INTO other FROM registry.extension e
	WHERE e.host = register_extension.host AND e.port = register_extension.port
		AND e.name <> register_extension.name;
	IF FOUND THEN
		RETURN QUERY SELECT 'port', other;
		RETURN;
	END IF;
	INSERT INTO registry.extension AS e (host, name, port, pid, registered_at, server_node,
		caller_address, caller_application, caller_user, trace)
	VALUES (host, name, port, pid, clock_timestamp(), server_node, caller_address,
		caller_application, caller_user, trace)
	ON CONFLICT ON CONSTRAINT extension_pkey DO UPDATE
	SET port = excluded.port, pid = excluded.pid, registered_at = excluded.registered_at,
		server_node = excluded.server_node, caller_address = excluded.caller_address,
		caller_application = excluded.caller_application, caller_user = excluded.caller_user,
		trace = excluded.trace
	-- The same again changes nothing.
	WHERE (e.port, e.pid) IS DISTINCT FROM (excluded.port, excluded.pid);
	RETURN QUERY SELECT ''::text, ''::text;
END $$;

--
-- Name: FUNCTION register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text) IS 'Registers an extension of a host, or moves it. r_refusal: empty, it is registered; port: another one has that port, r_other is its name; count: the host has 10 others.';

--
-- Name: register_nodes(text[], text[], text[], text[], integer[], text[], integer[], boolean[], text[], text[], text[], integer[], text[], text[], text[], text[]); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) RETURNS TABLE(r_position bigint, r_revision bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	made_services registry.service[];
	old_values json[];
	made_count integer;
BEGIN
	PERFORM registry.begin_change(false);
	WITH made AS (
		INSERT INTO registry.service (namespace, name, created_at, updated_at)
		SELECT i.namespace, i.name, moment, moment
		FROM unnest(namespaces, service_names) AS i (namespace, name)
		ON CONFLICT ON CONSTRAINT service_pkey DO NOTHING
		RETURNING service AS s
	)
	SELECT array_agg(s) INTO made_services FROM made;
	made_count := coalesce(cardinality(made_services), 0);

	-- Locked, so that what they were before is what this replaces.
	PERFORM FROM unnest(namespaces, service_names, names)
			WITH ORDINALITY AS i (namespace, service_name, name, position)
		JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
	ORDER BY i.position FOR UPDATE OF n;
	old_values := ARRAY(
		SELECT CASE WHEN n.key IS NOT NULL AND n.expired_at IS NULL
			THEN registry.node_value(n) END
		FROM unnest(namespaces, service_names, names)
			WITH ORDINALITY AS i (namespace, service_name, name, position)
		LEFT JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
		ORDER BY i.position);

	INSERT INTO registry.node AS n (namespace, service_key, key, name, host, port, protocol,
		weight, enabled, metadata, check_kind, check_path, lease)
	SELECT i.namespace, lower(i.service_name COLLATE "C"), lower(i.name COLLATE "C"), i.name,
		i.host, i.port, i.protocol, i.weight, i.enabled, i.metadata::json, i.check_kind,
		i.check_path, i.lease * interval '1 millisecond'
	FROM unnest(namespaces, service_names, names, hosts, ports, protocols, weights, enableds,
		metadata, check_kinds, check_paths, leases)
		AS i (namespace, service_name, name, host, port, protocol, weight, enabled, metadata,
			check_kind, check_path, lease)
	ON CONFLICT ON CONSTRAINT node_pkey DO UPDATE
		SET host = excluded.host, port = excluded.port, protocol = excluded.protocol,
			weight = excluded.weight, enabled = excluded.enabled,
			metadata = excluded.metadata, check_kind = excluded.check_kind,
			check_path = excluded.check_path, lease = excluded.lease, expired_at = NULL,
			-- Of another address, or of one that was gone, the checks have said nothing.
			health = CASE WHEN registry.same_place(n, excluded) THEN n.health
				ELSE 'unknown' END,
			health_reason = CASE WHEN registry.same_place(n, excluded) THEN n.health_reason
				ELSE '' END,
			health_at = CASE WHEN registry.same_place(n, excluded) THEN n.health_at END,
			flapping = n.flapping AND registry.same_place(n, excluded);

	INSERT INTO registry.lease AS l (namespace, service_key, node_key, renewed_at)
	SELECT i.namespace, lower(i.service_name COLLATE "C"), lower(i.name COLLATE "C"), moment
	FROM unnest(namespaces, service_names, names, leases)
		AS i (namespace, service_name, name, lease)
	WHERE i.lease IS NOT NULL
	ON CONFLICT ON CONSTRAINT lease_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM registry.lease l
	USING unnest(namespaces, service_names, names, leases)
		AS i (namespace, service_name, name, lease)
	WHERE i.lease IS NULL AND l.namespace = i.namespace
		AND l.service_key = lower(i.service_name COLLATE "C")
		AND l.node_key = lower(i.name COLLATE "C");

	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, caller_address, caller_application, caller_user, trace)
	SELECT this_revision, s.position, moment, s.namespace, 'service', s.key, s.key, 'put',
		registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at, '[]'),
		i.caller_address, i.caller_application, i.caller_user, i.trace
	FROM unnest(made_services) WITH ORDINALITY AS s (namespace, key, name, version, settings,
			created_at, updated_at, position)
		CROSS JOIN LATERAL (
			SELECT n.* FROM unnest(namespaces, service_names, caller_addresses,
				caller_applications, caller_users, traces) AS n (namespace, name,
				caller_address, caller_application, caller_user, trace)
			WHERE n.namespace = s.namespace AND lower(n.name COLLATE "C") = s.key
			LIMIT 1) i;
	RETURN QUERY
	WITH logged AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT this_revision, made_count + i.position, moment, n.namespace, 'node',
			n.service_key, n.key, 'put', registry.node_value(n), i.old_value,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM unnest(namespaces, service_names, names, old_values, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, service_name, name, old_value, caller_address,
				caller_application, caller_user, trace, position)
		JOIN registry.node n ON n.namespace = i.namespace
			AND n.service_key = lower(i.service_name COLLATE "C")
			AND n.key = lower(i.name COLLATE "C")
	)
	SELECT p.position, this_revision FROM generate_series(1, cardinality(names)::bigint) AS p (position);
END $$;

--
-- Name: FUNCTION register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) IS 'Registers nodes of services, or replaces all that they said before; one array element each, no node twice; leases in milliseconds, NULL for none. A service that is not there is made. Gives for each its position in the arrays and the revision.';

--
-- Name: register_servers(text[], text[], text[], integer[], text[], text[], text[], text[], text[], bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint DEFAULT NULL::bigint) RETURNS TABLE(r_position bigint, r_revision bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_nestloop TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	moment timestamptz := clock_timestamp();
BEGIN
	IF within IS NULL THEN
		PERFORM registry.begin_change(false);
	END IF;
	RETURN QUERY
	WITH input AS MATERIALIZED (
		SELECT i.*, lower(i.name COLLATE "C") AS key, i.host || ':' || i.port AS node
		FROM unnest(namespaces, names, hosts, ports, protocols, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, name, host, port, protocol, caller_address,
				caller_application, caller_user, trace, position)
	), put_service AS (
		INSERT INTO registry.service AS s
			(namespace, name, created_at, updated_at)
		SELECT i.namespace, i.name, moment, moment FROM input i
		ON CONFLICT ON CONSTRAINT service_pkey DO UPDATE
			SET updated_at = excluded.updated_at
		RETURNING s.*, s.xmax = 0 AS made
	), put_first_node AS (
		-- Cheaper than the other, which has to be ready for a node that is there.
		INSERT INTO registry.node (namespace, service_key, name, host, port, protocol)
		SELECT i.namespace, i.key, i.node, i.host, i.port, i.protocol
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
		WHERE s.made
		RETURNING 1
	), put_node AS (
		INSERT INTO registry.node AS n (namespace, service_key, name, host, port, protocol)
		SELECT i.namespace, i.key, i.node, i.host, i.port, i.protocol
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
		WHERE NOT s.made
		ON CONFLICT ON CONSTRAINT node_pkey DO UPDATE
			SET name = excluded.name, host = excluded.host, port = excluded.port,
				protocol = excluded.protocol,
				-- What the checks said of another address says nothing of this one.
				health = CASE WHEN n.name = excluded.name THEN n.health
					ELSE 'unknown' END,
				health_reason = CASE WHEN n.name = excluded.name
					THEN n.health_reason ELSE '' END,
				health_at = CASE WHEN n.name = excluded.name THEN n.health_at END,
				flapping = n.flapping AND n.name = excluded.name
		RETURNING n.namespace, n.service_key, n AS node
	), taken AS MATERIALIZED (
		-- Counting reads what was put to its end: all rows stand before the lock is taken.
		SELECT coalesce(within, registry.next_revision()) AS revision
		WHERE (SELECT count(*) FROM put_first_node) + (SELECT count(*) FROM put_node) >= 0
	), put_change AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT (SELECT revision FROM taken), i.position, moment, i.namespace, 'service', i.key,
			i.key, 'put',
			registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
				CASE WHEN s.made
					THEN ('[' || registry.node_value(i.node, i.host, i.port,
						i.protocol) || ']')::json
					ELSE json_build_array(registry.node_value(p.node)) END),
			-- As it was before this statement. A subquery looks it up by the index.
			CASE WHEN NOT s.made THEN (SELECT registry.node_value(n) FROM registry.node n
				WHERE n.namespace = i.namespace AND n.service_key = i.key
					AND n.key = '') END,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM put_service s JOIN input i ON i.namespace = s.namespace AND i.key = s.key
			LEFT JOIN put_node p ON p.namespace = s.namespace AND p.service_key = s.key
	)
	SELECT i.position, (SELECT revision FROM taken) FROM input i;
END $$;

--
-- Name: FUNCTION register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) IS 'Registers servers (services with one node) or replaces their addresses; one array element each, no name twice. Gives for each its position in the arrays and the revision. within: a revision that this transaction has already taken.';

--
-- Name: register_services(text[], text[], text[], text[], text[], text[], text[], integer[], text[], text[], text[], text[], integer[], text[], text[], text[], text[], bigint); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint DEFAULT NULL::bigint) RETURNS TABLE(r_position bigint, r_revision bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint := within;
	moment timestamptz := clock_timestamp();
	part_before integer;
	old_values json[];
BEGIN
	IF within IS NULL THEN
		PERFORM registry.begin_change(true);
		this_revision := registry.next_revision();
	END IF;
	part_before := coalesce((SELECT max(c.part) FROM registry.change c
		WHERE c.revision = this_revision), 0);
	-- A server that is not registered is made, without a node, by a service that brings its own
	-- address.
	IF EXISTS (SELECT FROM unnest(server_hosts) AS h (host) WHERE h.host IS NOT NULL) THEN
		WITH made AS (
			INSERT INTO registry.service (namespace, name, created_at, updated_at)
			SELECT i.namespace, i.name, moment, moment
			FROM unnest(namespaces, server_names, server_hosts) AS i (namespace, name, host)
			WHERE i.host IS NOT NULL
			ON CONFLICT ON CONSTRAINT service_pkey DO NOTHING
			RETURNING service AS s
		)
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, caller_address, caller_application, caller_user, trace)
		SELECT this_revision, part_before + row_number() OVER (), moment, (s).namespace,
			'service', (s).key, (s).key, 'put', registry.service_value((s).name, (s).version,
				(s).settings, (s).created_at, (s).updated_at, '[]'),
			coalesce(i.caller_address, ''), coalesce(i.caller_application, ''),
			coalesce(i.caller_user, ''), coalesce(i.trace, '')
		FROM made LEFT JOIN LATERAL (
			SELECT n.* FROM unnest(namespaces, server_names, caller_addresses,
				caller_applications, caller_users, traces) AS n (namespace, name,
				caller_address, caller_application, caller_user, trace)
			WHERE n.namespace = (s).namespace AND lower(n.name COLLATE "C") = (s).key
			LIMIT 1) i ON true;
		part_before := part_before + cardinality(names);
	END IF;

	old_values := ARRAY(
		SELECT CASE WHEN a.key IS NOT NULL THEN registry.action_value(a) END
		FROM unnest(namespaces, server_names, names)
			WITH ORDINALITY AS i (namespace, server_name, name, position)
		LEFT JOIN registry.action a ON a.namespace = i.namespace
			AND a.service_key = lower(i.server_name COLLATE "C")
			AND a.key = lower(i.name COLLATE "C")
		ORDER BY i.position);

	INSERT INTO registry.action (namespace, service_key, name, uri, method, protocol,
		server_host, server_port, server_protocol, params, data, headers, timeout,
		created_at, updated_at, revision)
	SELECT s.namespace, s.key, i.name, i.uri, i.method, i.protocol,
		i.server_host, i.server_port, i.server_protocol,
		i.params::json, i.data::json, i.headers::json, i.timeout * interval '1 millisecond',
		moment, moment, this_revision
	FROM unnest(namespaces, server_names, names, uris, methods, protocols, server_hosts,
		server_ports, server_protocols, params, data, headers, timeouts)
		AS i (namespace, server_name, name, uri, method, protocol, server_host, server_port,
			server_protocol, params, data, headers, timeout)
	JOIN registry.service s
		ON s.namespace = i.namespace AND s.key = lower(i.server_name COLLATE "C")
	ON CONFLICT ON CONSTRAINT action_pkey DO UPDATE
		SET uri = excluded.uri, method = excluded.method, protocol = excluded.protocol,
			server_host = excluded.server_host, server_port = excluded.server_port,
			server_protocol = excluded.server_protocol, params = excluded.params,
			data = excluded.data, headers = excluded.headers, timeout = excluded.timeout,
			updated_at = excluded.updated_at, revision = excluded.revision;

	RETURN QUERY
	WITH input AS MATERIALIZED (
		SELECT i.*, a AS state, a.service_key, a.key
		FROM unnest(namespaces, server_names, names, old_values, caller_addresses,
			caller_applications, caller_users, traces)
			WITH ORDINALITY AS i (namespace, server_name, name, old_value, caller_address,
				caller_application, caller_user, trace, position)
		JOIN registry.action a ON a.namespace = i.namespace
			AND a.service_key = lower(i.server_name COLLATE "C")
			AND a.key = lower(i.name COLLATE "C")
		WHERE a.revision = this_revision
	), logged AS (
		INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
			operation, value, old_value, caller_address, caller_application, caller_user,
			trace)
		SELECT this_revision, part_before + i.position, moment, i.namespace, 'action',
			i.service_key, i.key, 'put', registry.action_value(i.state), i.old_value,
			i.caller_address, i.caller_application, i.caller_user, i.trace
		FROM input i
	)
	SELECT i.position, this_revision FROM input i;
END $$;

--
-- Name: FUNCTION register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) IS 'Registers services (actions) of servers, or replaces all that they said before; one array element each, no service twice; timeouts in milliseconds. Gives for each its position in the arrays and the revision; nothing for one whose server is not registered, unless it brings an address of its own (server_hosts). within: a revision that this transaction has already taken.';

--
-- Name: renew_lease(text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.renew_lease(namespace text, service_name text, node_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	living registry.node;
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	-- Locked: it does not expire meanwhile.
	SELECT * INTO living FROM registry.node n
	WHERE n.namespace = renew_lease.namespace
		AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE registry.lease l SET renewed_at = clock_timestamp()
	WHERE l.namespace = living.namespace AND l.service_key = living.service_key
		AND l.node_key = living.key;
	RETURN coalesce(registry.interval_milliseconds(living.lease), 0);
END $$;

--
-- Name: FUNCTION renew_lease(namespace text, service_name text, node_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.renew_lease(namespace text, service_name text, node_name text) IS 'Renews the lease of one node now. Its length in milliseconds, 0 if it lives without one, or NULL if there is no such node.';

--
-- Name: renew_leases(text[], text[], text[], integer[]); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	moment timestamptz := clock_timestamp();
BEGIN
	-- A heartbeat that is lost with the machine is repeated before the lease runs out.
	PERFORM set_config('synchronous_commit', 'off', true);
	UPDATE registry.lease l
	SET renewed_at = greatest(l.renewed_at, moment - i.age * interval '1 millisecond')
	FROM unnest(namespaces, service_keys, node_keys, ages)
		AS i (namespace, service_key, node_key, age)
	WHERE l.namespace = i.namespace AND l.service_key = i.service_key
		AND l.node_key = i.node_key;
END $$;

--
-- Name: FUNCTION renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]) IS 'Writes heartbeats that came so many milliseconds ago; one array element each. Not waited for until it is on disk.';

--
-- Name: renew_member(text, interval); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.renew_member(name text, alive interval) RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	INSERT INTO registry.member AS m (name, renewed_at)
	VALUES (renew_member.name, clock_timestamp())
	ON CONFLICT ON CONSTRAINT member_pkey DO UPDATE SET renewed_at = excluded.renewed_at;
	DELETE FROM registry.member m WHERE m.renewed_at < clock_timestamp() - 10 * alive;
	RETURN QUERY SELECT m.name FROM registry.member m
		WHERE m.renewed_at >= clock_timestamp() - alive ORDER BY m.name;
END $$;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.renew_member(name text, alive interval) IS 'Says that this server lives, and gives all that have said so within that time.';

--
-- Name: same_place(registry.node, registry.node); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.same_place(old registry.node, new registry.node) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (((old).expired_at IS NULL) AND (((old).host = (new).host) AND ((old).port = (new).port) AND ((old).check_kind = (new).check_kind) AND ((old).check_path = (new).check_path)));

--
-- Name: FUNCTION same_place(old registry.node, new registry.node); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.same_place(old registry.node, new registry.node) IS 'What the checks say of the old one is true of the new one: it lives, is where it was, and is checked as it was.';

--
-- Name: see_configurations(text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.see_configurations(namespace text, host text, folder text) RETURNS TABLE(r_file text, r_service text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	UPDATE registry.configuration c SET seen_at = clock_timestamp()
	WHERE c.namespace = see_configurations.namespace AND c.host = see_configurations.host
		AND c.folder = see_configurations.folder
	RETURNING c.file, CASE WHEN c.content IS NOT NULL THEN c.service END
$$;

--
-- Name: FUNCTION see_configurations(namespace text, host text, folder text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.see_configurations(namespace text, host text, folder text) IS 'Says that a server looks at this folder, and gives the files that are known of it, each with the service that it brings or has brought, NULL if it never has.';

--
-- Name: service_value(text, text, json, timestamp with time zone, timestamp with time zone, json); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((((((((((((('{"name":'::text || to_json(name)) || ',"version":'::text) || to_json(version)) || ',"settings":'::text) || settings) || ',"created":'::text) || registry.milliseconds(created_at)) || ',"updated":'::text) || registry.milliseconds(updated_at)) || ',"nodes":'::text) || nodes) || '}'::text))::json;

--
-- Name: FUNCTION service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) IS 'State of a service as JSON, its nodes a list made by registry.node_value().';

--
-- Name: set_health(text[], text[], text[], text[], integer[], text[], text[], boolean[], text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	moment timestamptz := clock_timestamp();
	changed bigint[];
	old_values json[];
BEGIN
	PERFORM registry.begin_change(false);
	-- Only what is still where it was checked, and not known already.
	SELECT array_agg(c.position ORDER BY c.position), array_agg(c.old ORDER BY c.position)
	INTO changed, old_values
	FROM (
		SELECT i.position, registry.node_value(n) AS old
		FROM unnest(namespaces, service_keys, node_keys, hosts, ports, healths, flappings)
			WITH ORDINALITY AS i (namespace, service_key, node_key, host, port, health,
				flapping, position)
		JOIN registry.node n ON n.namespace = i.namespace AND n.service_key = i.service_key
			AND n.key = i.node_key
		WHERE n.expired_at IS NULL AND n.host = i.host AND n.port = i.port
			AND (n.health, n.flapping) IS DISTINCT FROM (i.health, i.flapping)
		ORDER BY i.position
		FOR UPDATE OF n) c;
	IF changed IS NULL THEN
		RETURN NULL;
	END IF;
	UPDATE registry.node n
	SET health = healths[p.position], flapping = flappings[p.position],
		health_reason = CASE healths[p.position] WHEN 'failing' THEN reasons[p.position]
			ELSE '' END,
		health_at = CASE WHEN n.health = healths[p.position] THEN n.health_at ELSE moment END
	FROM unnest(changed) AS p (position)
	WHERE n.namespace = namespaces[p.position] AND n.service_key = service_keys[p.position]
		AND n.key = node_keys[p.position];
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, old_value, caller_address, caller_application, caller_user, trace)
	SELECT this_revision, p.position, moment, n.namespace, 'node', n.service_key, n.key, 'put',
		registry.node_value(n), p.old_value, server_name, '', '', ''
	FROM unnest(changed, old_values) AS p (position, old_value)
	JOIN registry.node n ON n.namespace = namespaces[p.position]
		AND n.service_key = service_keys[p.position] AND n.key = node_keys[p.position];
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text) IS 'Writes what the checks of that server say; one array element each, no node twice. Nodes that have gone or moved meanwhile, and those of which it is known already, are left as they are. The revision, or NULL if nothing has changed.';

--
-- Name: take_over_action(); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.take_over_action() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	NEW.origin := NULL;
	RETURN NEW;
END $$;

--
-- Name: FUNCTION take_over_action(); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.take_over_action() IS 'Makes the action one that was registered.';

--
-- Name: unconfigure(text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.unconfigure(namespace text, host text, folder text, file text, server_name text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
	PERFORM registry.begin_change(true);
	RETURN registry.forget_configuration(namespace, host, folder, file, server_name);
END $$;

--
-- Name: FUNCTION unconfigure(namespace text, host text, folder text, file text, server_name text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.unconfigure(namespace text, host text, folder text, file text, server_name text) IS 'A configuration file has gone: what it brought goes too, unless another file brings the service. The revision, or NULL if nothing has changed.';

--
-- Name: update_node(text, text, text, integer, boolean, text, text, text, text, text); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
	this_revision bigint;
	old registry.node;
	fresh registry.node;
BEGIN
	PERFORM registry.begin_change(false);
	SELECT * INTO old FROM registry.node n
	WHERE n.namespace = update_node.namespace AND n.service_key = lower(service_name COLLATE "C")
		AND n.key = lower(node_name COLLATE "C") AND n.key <> '' AND n.expired_at IS NULL
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	UPDATE registry.node n
	SET weight = coalesce(update_node.weight, n.weight),
		enabled = coalesce(update_node.enabled, n.enabled),
		metadata = coalesce(update_node.metadata::json, n.metadata)
	WHERE n.namespace = old.namespace AND n.service_key = old.service_key AND n.key = old.key
	RETURNING n.* INTO fresh;
	this_revision := registry.next_revision();
	INSERT INTO registry.change (revision, part, at, namespace, kind, service_key, name,
		operation, value, old_value, caller_address, caller_application, caller_user, trace)
	VALUES (this_revision, 1, clock_timestamp(), fresh.namespace, 'node', fresh.service_key,
		fresh.key, 'put', registry.node_value(fresh), registry.node_value(old),
		caller_address, caller_application, caller_user, trace);
	RETURN this_revision;
END $$;

--
-- Name: FUNCTION update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text) IS 'Changes what is not NULL of a node. The revision, or NULL if there is no such node.';

--
-- Name: wanted_nodes(registry.configuration); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.wanted_nodes(counts registry.configuration) RETURNS TABLE(r_place bigint, r_host text, r_port integer, r_protocol text, r_metadata text, r_weight integer)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT min(i.place), i.node ->> 'host', (i.node ->> 'port')::integer, i.node ->> 'protocol',
		'{"configured":true,"kind":' || to_json(i.node ->> 'kind') || ',"base":'
			|| to_json(i.node ->> 'base') || '}', max((i.node ->> 'weight')::integer)
	FROM json_array_elements(counts.content -> 'nodes') WITH ORDINALITY AS i (node, place)
	GROUP BY 2, 3, 4, 5
	ORDER BY 1
$$;

--
-- Name: FUNCTION wanted_nodes(counts registry.configuration); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.wanted_nodes(counts registry.configuration) IS 'The nodes that a configuration brings, each once, in its order.';

--
-- Name: service; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.service (
    namespace text NOT NULL COLLATE pg_catalog."C",
    key text GENERATED ALWAYS AS (lower((name COLLATE "C"))) STORED NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    version text DEFAULT ''::text NOT NULL,
    settings json DEFAULT '{}'::json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT service_name_characters CHECK ((name !~ '^\$|[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT service_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT service_name_not_reserved CHECK ((key <> ALL (ARRAY['get'::text, 'service'::text, 'registry'::text, 'auth'::text, 'api_reader'::text, 'event'::text, 'audit'::text, 'notice'::text]))),
    CONSTRAINT service_namespace_length CHECK (((octet_length(namespace) >= 1) AND (octet_length(namespace) <= 255))),
    CONSTRAINT service_settings_object CHECK ((json_typeof(settings) = 'object'::text))
);

--
-- Name: TABLE service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.service IS 'A registered service; a FATE server is a service with one node. Names differ by more than the case of ASCII letters.';

--
-- Name: COLUMN service.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.namespace IS 'Names of one namespace are not seen in another.';

--
-- Name: COLUMN service.key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.key IS 'The name in lower case (ASCII letters only): what names are compared by.';

--
-- Name: COLUMN service.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.name IS 'As first registered.';

--
-- Name: COLUMN service.version; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.version IS 'Empty if it has none.';

--
-- Name: COLUMN service.settings; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.settings IS 'JSON object, byte for byte as given.';

--
-- Name: COLUMN service.created_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.created_at IS 'First registration.';

--
-- Name: COLUMN service.updated_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.service.updated_at IS 'Last registration.';

--
-- Name: whole_service_value(registry.service); Type: FUNCTION; Schema: registry; Owner: -
--

CREATE FUNCTION registry.whole_service_value(s registry.service) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
	SELECT registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
		coalesce((SELECT json_build_array(registry.node_value(n)) FROM registry.node n
			WHERE n.namespace = s.namespace AND n.service_key = s.key AND n.key = ''), '[]'))
$$;

--
-- Name: FUNCTION whole_service_value(s registry.service); Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON FUNCTION registry.whole_service_value(s registry.service) IS 'State of a service with its own node as JSON, as registry.state has it.';

--
-- Name: make_month(regclass, date); Type: FUNCTION; Schema: upkeep; Owner: -
--

CREATE FUNCTION upkeep.make_month(parent regclass, month date) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
	parent_schema text;
	parent_name text;
	partition text;
BEGIN
	SELECT n.nspname, c.relname INTO parent_schema, parent_name
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = parent;
	partition := parent_name || '_' || to_char(month, 'YYYY_MM');
	IF to_regclass(format('%I.%I', parent_schema, partition)) IS NOT NULL THEN
		RETURN;
	END IF;
	EXECUTE format('CREATE TABLE %I.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)',
		parent_schema, partition, parent, month::timestamp AT TIME ZONE 'UTC',
		(month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
	EXECUTE format('COMMENT ON TABLE %I.%I IS %L', parent_schema, partition,
		'Rows of ' || to_char(month, 'YYYY-MM') || ' (UTC).');
END $$;

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: COMMENT; Schema: upkeep; Owner: -
--

COMMENT ON FUNCTION upkeep.make_month(parent regclass, month date) IS 'Makes the partition of a table for the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

--
-- Name: carrier; Type: TABLE; Schema: api_reader; Owner: -
--

CREATE UNLOGGED TABLE api_reader.carrier (
    server_node text NOT NULL COLLATE pg_catalog."C",
    seen_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE carrier; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON TABLE api_reader.carrier IS 'The Junction servers that carry transfers, whether or not they are in registry.member, where only those are that check nodes. Not logged: after a crash of PostgreSQL they enter themselves again.';

--
-- Name: COLUMN carrier.server_node; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.carrier.server_node IS 'hostname-starttime of the server.';

--
-- Name: COLUMN carrier.seen_at; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.carrier.seen_at IS 'When it was last seen alive.';

--
-- Name: transfer; Type: TABLE; Schema: api_reader; Owner: -
--

CREATE TABLE api_reader.transfer (
    id uuid NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    direction text NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    server_name text NOT NULL,
    job_id text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    bytes bigint DEFAULT 0 NOT NULL,
    http_status integer,
    code bigint,
    error text DEFAULT ''::text NOT NULL,
    server_node text NOT NULL,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT transfer_bytes_positive CHECK ((bytes >= 0)),
    CONSTRAINT transfer_direction_known CHECK ((direction = ANY (ARRAY['upload'::text, 'download'::text]))),
    CONSTRAINT transfer_running_has_no_end CHECK (((status = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT transfer_status_known CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text, 'cancelled'::text, 'abandoned'::text])))
)
PARTITION BY RANGE (started_at);

--
-- Name: TABLE transfer; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON TABLE api_reader.transfer IS 'One row for each upload and each download: written when it begins, completed when it ends.';

--
-- Name: COLUMN transfer.id; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.id IS 'UUID, ordered by time.';

--
-- Name: COLUMN transfer.started_at; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.started_at IS 'When it began.';

--
-- Name: COLUMN transfer.ended_at; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.ended_at IS 'When it ended; NULL while it runs. Of an abandoned one: when that was noticed.';

--
-- Name: COLUMN transfer.direction; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.direction IS 'upload (to the third party) or download (from it).';

--
-- Name: COLUMN transfer.namespace; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.namespace IS 'Namespace of the caller.';

--
-- Name: COLUMN transfer.server_name; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.server_name IS 'The third party, as the caller named it.';

--
-- Name: COLUMN transfer.job_id; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.job_id IS 'The third party''s job: of a download as asked for, of an upload as it answered; empty if it is not known.';

--
-- Name: COLUMN transfer.status; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.status IS 'running; done; failed: see error; cancelled: the caller has gone; abandoned: how it ended was not written, since its server was killed or could not reach the database.';

--
-- Name: COLUMN transfer.bytes; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.bytes IS 'Bytes of content that were carried, so far as is known: of an upload what the third party took, of a download what the caller was sent.';

--
-- Name: COLUMN transfer.http_status; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.http_status IS 'The third party''s HTTP status; NULL if none came.';

--
-- Name: COLUMN transfer.code; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.code IS 'The code that it refused with; NULL if there is none.';

--
-- Name: COLUMN transfer.error; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.error IS 'Why it failed, as the caller was told; else empty.';

--
-- Name: COLUMN transfer.server_node; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.server_node IS 'The Junction server that carried it.';

--
-- Name: COLUMN transfer.caller_address; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.caller_address IS 'Address of the caller; empty if unknown.';

--
-- Name: COLUMN transfer.caller_application; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN transfer.caller_user; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN transfer.trace; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON COLUMN api_reader.transfer.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: daily; Type: VIEW; Schema: api_reader; Owner: -
--

CREATE VIEW api_reader.daily AS
 SELECT ((transfer.started_at AT TIME ZONE 'UTC'::text))::date AS day,
    transfer.namespace,
    min(transfer.server_name) AS server_name,
    transfer.direction,
    count(*) AS transfers,
    count(*) FILTER (WHERE (transfer.status = 'done'::text)) AS done,
    count(*) FILTER (WHERE (transfer.status = ANY (ARRAY['failed'::text, 'abandoned'::text]))) AS failed,
    count(*) FILTER (WHERE (transfer.status = 'cancelled'::text)) AS cancelled,
    sum(transfer.bytes) AS bytes,
    round((sum(transfer.bytes) FILTER (WHERE (transfer.status = 'done'::text)) / NULLIF(EXTRACT(epoch FROM sum((transfer.ended_at - transfer.started_at)) FILTER (WHERE (transfer.status = 'done'::text))), (0)::numeric))) AS bytes_per_second
   FROM api_reader.transfer
  GROUP BY (((transfer.started_at AT TIME ZONE 'UTC'::text))::date), transfer.namespace, (lower((transfer.server_name COLLATE "C"))), transfer.direction
  ORDER BY (((transfer.started_at AT TIME ZONE 'UTC'::text))::date) DESC, transfer.namespace, (lower((transfer.server_name COLLATE "C"))), transfer.direction;

--
-- Name: VIEW daily; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON VIEW api_reader.daily IS 'Transfers by day (UTC), third party and direction. bytes_per_second: of those that were done, while they ran.';

--
-- Name: failure; Type: VIEW; Schema: api_reader; Owner: -
--

CREATE VIEW api_reader.failure AS
 SELECT transfer.started_at,
    (transfer.ended_at - transfer.started_at) AS took,
    transfer.direction,
    transfer.status,
    transfer.namespace,
    transfer.server_name,
    transfer.job_id,
    transfer.bytes,
    transfer.http_status,
    transfer.code,
    transfer.error,
    transfer.server_node,
    transfer.caller_address,
    transfer.caller_application,
    transfer.caller_user,
    transfer.trace,
    transfer.id
   FROM api_reader.transfer
  WHERE ((transfer.status = ANY (ARRAY['failed'::text, 'abandoned'::text])) AND (transfer.started_at > (now() - '7 days'::interval)))
  ORDER BY transfer.started_at DESC, transfer.id DESC;

--
-- Name: VIEW failure; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON VIEW api_reader.failure IS 'Transfers of the last 7 days that failed or were abandoned, newest first. took: how long until then.';

--
-- Name: actor; Type: VIEW; Schema: audit; Owner: -
--

CREATE VIEW audit.actor AS
 SELECT record.user_name,
    record.application,
    count(*) AS records,
    count(*) FILTER (WHERE (record.result_type <> 0)) AS failures,
    max(record.severity) AS worst,
    count(DISTINCT record.address) AS addresses,
    min(record."time") AS first_time,
    max(record."time") AS last_time
   FROM audit.record
  WHERE (record."time" > (now() - '30 days'::interval))
  GROUP BY record.user_name, record.application
  ORDER BY (count(*)) DESC;

--
-- Name: VIEW actor; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON VIEW audit.actor IS 'Who did how much within the last 30 days, by user and application (NULL: unknown), the busiest first.';

--
-- Name: daily; Type: VIEW; Schema: audit; Owner: -
--

CREATE VIEW audit.daily AS
 SELECT (record."time")::date AS day,
    record.namespace,
    record.severity,
    count(*) AS records,
    count(*) FILTER (WHERE (record.result_type <> 0)) AS failures,
    count(DISTINCT record.user_name) AS users,
    count(DISTINCT record.source_node) AS source_nodes
   FROM audit.record
  WHERE (record."time" >= (CURRENT_DATE - 30))
  GROUP BY ((record."time")::date), record.namespace, record.severity
  ORDER BY ((record."time")::date) DESC, record.namespace, record.severity DESC;

--
-- Name: VIEW daily; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON VIEW audit.daily IS 'Records of today and the 30 days before by day (of the session''s time zone), namespace and severity.';

--
-- Name: failure; Type: VIEW; Schema: audit; Owner: -
--

CREATE VIEW audit.failure AS
 SELECT record."time",
    record.severity,
    record.namespace,
    record.source_node,
    record.user_name,
    record.application,
    record.address,
    record.opt_type,
    record.result_type,
    record.target,
    record.content,
    record.trace_id,
    record.ext,
    record.id
   FROM audit.record
  WHERE ((record.result_type <> 0) AND (record."time" > (now() - '7 days'::interval)))
  ORDER BY record."time" DESC, record."position" DESC;

--
-- Name: VIEW failure; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON VIEW audit.failure IS 'Records of the last 7 days whose result_type is not 0, newest first. What result_type means is up to the writer; most take 0 for success.';

--
-- Name: idempotency; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.idempotency (
    application text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    request_hash bytea NOT NULL,
    id uuid NOT NULL,
    "time" timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_key_length CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 255)))
);

--
-- Name: TABLE idempotency; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON TABLE audit.idempotency IS 'Writes that came with an Idempotency-Key, so that a repetition gets the first one''s row.';

--
-- Name: COLUMN idempotency.application; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency.application IS 'The application that called, empty if unknown: keys of one are not those of another.';

--
-- Name: COLUMN idempotency.key; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency.key IS 'Idempotency-Key of the call.';

--
-- Name: COLUMN idempotency.request_hash; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency.request_hash IS 'SHA-256 of what was to be written.';

--
-- Name: COLUMN idempotency.id; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency.id IS 'Id of the record.';

--
-- Name: COLUMN idempotency."time"; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency."time" IS 'Time of the record.';

--
-- Name: COLUMN idempotency.expires_at; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.idempotency.expires_at IS 'From then on the key is as good as new.';

--
-- Name: last_hour; Type: VIEW; Schema: audit; Owner: -
--

CREATE VIEW audit.last_hour AS
 SELECT record."time",
    record.severity,
    record.namespace,
    record.source_node,
    record.user_name,
    record.application,
    record.address,
    record.opt_type,
    record.result_type,
    record.target,
    record.content,
    record.trace_id,
    record.ext,
    record.id
   FROM audit.record
  WHERE (record."time" > (now() - '01:00:00'::interval))
  ORDER BY record."time" DESC, record."position" DESC;

--
-- Name: VIEW last_hour; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON VIEW audit.last_hour IS 'What happened within the last hour, newest first.';

--
-- Name: last_position; Type: SEQUENCE; Schema: audit; Owner: -
--

CREATE SEQUENCE audit.last_position
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE last_position; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON SEQUENCE audit.last_position IS 'The highest position that has been given out.';

--
-- Name: last_time; Type: SEQUENCE; Schema: audit; Owner: -
--

CREATE SEQUENCE audit.last_time
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE last_time; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON SEQUENCE audit.last_time IS 'The latest time that has been given out, milliseconds since 1970.';

--
-- Name: page_key; Type: TABLE; Schema: audit; Owner: -
--

CREATE TABLE audit.page_key (
    secret bytea NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT page_key_single CHECK (single)
);

--
-- Name: TABLE page_key; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON TABLE audit.page_key IS 'What the servers sign continuation points with, made once. Without it the points given out before are refused.';

--
-- Name: COLUMN page_key.secret; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.page_key.secret IS '32 bytes.';

--
-- Name: COLUMN page_key.single; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON COLUMN audit.page_key.single IS 'There is one row.';

--
-- Name: access_key; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.access_key (
    id text NOT NULL COLLATE pg_catalog."C",
    application text NOT NULL COLLATE pg_catalog."C",
    kind text DEFAULT 'application'::text NOT NULL COLLATE pg_catalog."C",
    title text DEFAULT ''::text NOT NULL,
    secret_hash bytea NOT NULL,
    signing_key bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    ends_at timestamp with time zone,
    CONSTRAINT access_key_id_form CHECK ((id ~ '^ak-[a-z0-9]{20}$'::text)),
    CONSTRAINT access_key_of_application CHECK ((kind = 'application'::text)),
    CONSTRAINT access_key_secret_hash_is_sha256 CHECK ((octet_length(secret_hash) = 32)),
    CONSTRAINT access_key_signing_key_is_sha1 CHECK ((octet_length(signing_key) = 20)),
    CONSTRAINT access_key_title_length CHECK ((octet_length(title) <= 255))
);

--
-- Name: TABLE access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.access_key IS 'Access keys of applications. A key''s secret is known to nobody but who was shown it.';

--
-- Name: COLUMN access_key.id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.id IS 'What the application calls it by.';

--
-- Name: COLUMN access_key.application; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.application IS 'Whose it is.';

--
-- Name: COLUMN access_key.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.kind IS 'application.';

--
-- Name: COLUMN access_key.title; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.title IS 'What it is for.';

--
-- Name: COLUMN access_key.secret_hash; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.secret_hash IS 'SHA-256 of the secret, which has 432 random bits: what exchanges the key for a token and basic authentication are compared with. A secret.';

--
-- Name: COLUMN access_key.signing_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.signing_key IS 'SHA-1 of the secret. The secret is longer than a block of SHA-1, so this is what HMAC-SHA1 (RFC 2104) takes for it: FATE Flow''s signatures are checked with it, and could be made with it; nothing else. A secret.';

--
-- Name: COLUMN access_key.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.created_at IS 'When it was made.';

--
-- Name: COLUMN access_key.ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.access_key.ends_at IS 'Until then it is good; NULL: for ever.';

--
-- Name: attempt; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.attempt (
    account text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL COLLATE pg_catalog."C",
    refused integer NOT NULL,
    wait_until timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    CONSTRAINT attempt_of_something CHECK (((account <> ''::text) OR (address <> ''::text)))
);

--
-- Name: TABLE attempt; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.attempt IS 'Refused logins and exchanges of access keys, which are slowed by them: of an account from an address after 3 within an hour; of an account from all addresses together after 20 within an hour; of an address over all accounts after 20 within 10 minutes. From then on each costs a wait, 1 second, doubled each time up to 5 minutes. The latter two say nothing about an account at an address from which it has logged in within 30 days (auth.known_address): so nobody is locked out by others.';

--
-- Name: COLUMN attempt.account; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.attempt.account IS 'user:NAME or access_key:ID, known or not; empty: all together.';

--
-- Name: COLUMN attempt.address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.attempt.address IS 'IPv4 address, or first half of an IPv6 address; empty: all together.';

--
-- Name: COLUMN attempt.refused; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.attempt.refused IS 'How many there were, those included of which it is not known yet.';

--
-- Name: COLUMN attempt.wait_until; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.attempt.wait_until IS 'Until then none is tried.';

--
-- Name: COLUMN attempt.ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.attempt.ends_at IS 'From then on it is forgotten.';

--
-- Name: change; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.change (
    revision bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT change_kind_known CHECK ((kind = ANY (ARRAY['access_key'::text, 'application'::text, 'group'::text, 'issuer'::text, 'revocation'::text, 'role'::text, 'token_key'::text, 'user'::text])))
);

--
-- Name: TABLE change; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.change IS 'What has changed lately, for the servers, which keep all of it in memory: auth.follow(). What was changed, and by whom, is in the audit, namespace junction.auth.';

--
-- Name: COLUMN change.revision; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.change.revision IS 'Rises with each change in commit order, without gaps.';

--
-- Name: COLUMN change.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.change.kind IS 'What has changed: access_key, application, group, issuer, revocation, role, token_key or user.';

--
-- Name: COLUMN change.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.change.name IS 'Its name or id.';

--
-- Name: COLUMN change.at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.change.at IS 'When; rows go after an hour.';

--
-- Name: effective_rule; Type: VIEW; Schema: auth; Owner: -
--

CREATE VIEW auth.effective_rule AS
 SELECT s.kind,
    s.name,
    h.holder_kind,
    h.holder,
    h.granted,
    u.role,
    u.effect,
    u.service,
    u.action,
    u.method
   FROM ((auth.subject s
     CROSS JOIN LATERAL auth.held_roles(s.kind, s.name) h(holder_kind, holder, granted, role))
     JOIN auth.rule u ON ((u.role = h.role)));

--
-- Name: VIEW effective_rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON VIEW auth.effective_rule IS 'Which rules count for whom now, and why. Quick for one kind and name.';

--
-- Name: COLUMN effective_rule.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.kind IS 'user, application or group.';

--
-- Name: COLUMN effective_rule.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.name IS 'For whom it counts.';

--
-- Name: COLUMN effective_rule.holder_kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.holder_kind IS 'user, application or group.';

--
-- Name: COLUMN effective_rule.holder; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.holder IS 'Who was granted the role: the subject itself, or a group that it is in.';

--
-- Name: COLUMN effective_rule.granted; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.granted IS 'The role that was granted.';

--
-- Name: COLUMN effective_rule.role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.role IS 'The role that has the rule: the one that was granted, or one that it inherits from.';

--
-- Name: COLUMN effective_rule.effect; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.effect IS 'allow or deny.';

--
-- Name: COLUMN effective_rule.service; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.service IS 'Name of the service, or * for any.';

--
-- Name: COLUMN effective_rule.action; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.action IS 'Pattern of actions or paths.';

--
-- Name: COLUMN effective_rule.method; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.effective_rule.method IS 'Method, or * for any.';

--
-- Name: first_start; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.first_start (
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT first_start_single CHECK (single)
);

--
-- Name: TABLE first_start; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.first_start IS 'A server has made the first administrator here, or found users: no other will.';

--
-- Name: COLUMN first_start.at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.first_start.at IS 'When.';

--
-- Name: COLUMN first_start.single; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.first_start.single IS 'There is one row.';

--
-- Name: issuer; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.issuer (
    name text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL,
    audience text NOT NULL,
    jwks text DEFAULT ''::text NOT NULL,
    jwks_url text DEFAULT ''::text NOT NULL,
    algorithms text[] NOT NULL,
    user_claim text NOT NULL,
    roles_claim text DEFAULT ''::text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT issuer_algorithms_given CHECK ((cardinality(algorithms) > 0)),
    CONSTRAINT issuer_audience_length CHECK (((octet_length(audience) >= 1) AND (octet_length(audience) <= 255))),
    CONSTRAINT issuer_jwks_length CHECK ((octet_length(jwks) <= 65536)),
    CONSTRAINT issuer_keys_of_one_kind CHECK (((jwks = ''::text) <> (jwks_url = ''::text))),
    CONSTRAINT issuer_name_form CHECK ((name ~ '^[a-z][a-z0-9-]{0,31}$'::text)),
    CONSTRAINT issuer_url_length CHECK (((octet_length(url) >= 1) AND (octet_length(url) <= 1024)))
);

--
-- Name: TABLE issuer; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.issuer IS 'Outside issuers whose tokens are taken.';

--
-- Name: COLUMN issuer.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.name IS 'What Junction calls it: its users are called "name:" and what user_claim says.';

--
-- Name: COLUMN issuer.url; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.url IS 'The claim iss of its tokens.';

--
-- Name: COLUMN issuer.audience; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.audience IS 'What the claim aud must be or hold.';

--
-- Name: COLUMN issuer.jwks; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.jwks IS 'Its public keys, a JWK set; empty: they are fetched.';

--
-- Name: COLUMN issuer.jwks_url; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.jwks_url IS 'Where its public keys are fetched; empty: they are given.';

--
-- Name: COLUMN issuer.algorithms; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.algorithms IS 'Algorithms that its tokens may use.';

--
-- Name: COLUMN issuer.user_claim; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.user_claim IS 'Claim that names the user.';

--
-- Name: COLUMN issuer.roles_claim; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.roles_claim IS 'Claim that names roles; empty: none.';

--
-- Name: COLUMN issuer.updated_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.issuer.updated_at IS 'When it was changed last.';

--
-- Name: known_address; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.known_address (
    account text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL COLLATE pg_catalog."C",
    ends_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE known_address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.known_address IS 'Where accounts have logged in from within 30 days: what others do there, or elsewhere with their names, does not slow them.';

--
-- Name: COLUMN known_address.account; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.known_address.account IS 'As in auth.attempt.';

--
-- Name: COLUMN known_address.address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.known_address.address IS 'As in auth.attempt.';

--
-- Name: COLUMN known_address.ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.known_address.ends_at IS 'From then on it is forgotten.';

--
-- Name: own_key; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.own_key (
    party_id text NOT NULL COLLATE pg_catalog."C",
    key_id text NOT NULL COLLATE pg_catalog."C",
    private_key text NOT NULL
);

--
-- Name: TABLE own_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.own_key IS 'Private keys of the own parties. Read by the application, which signs with them, and by nobody else.';

--
-- Name: COLUMN own_key.party_id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.own_key.party_id IS 'An own party.';

--
-- Name: COLUMN own_key.key_id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.own_key.key_id IS 'Its key in auth.party_key.';

--
-- Name: COLUMN own_key.private_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.own_key.private_key IS 'PEM, BEGIN PRIVATE KEY (PKCS #8), not encrypted. A secret.';

--
-- Name: party_grant; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.party_grant (
    party_id text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    namespace text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    caller_address text DEFAULT ''::text NOT NULL,
    caller_application text DEFAULT ''::text NOT NULL,
    caller_user text DEFAULT ''::text NOT NULL,
    trace text DEFAULT ''::text NOT NULL,
    CONSTRAINT party_grant_characters CHECK (((namespace || name) !~ '[\x01-\x1f\x7f-\x9f]'::text)),
    CONSTRAINT party_grant_component_lower_case CHECK (((kind <> 'component'::text) OR (name = lower(name)))),
    CONSTRAINT party_grant_kind_known CHECK ((kind = ANY (ARRAY['role'::text, 'component'::text, 'dataset'::text]))),
    CONSTRAINT party_grant_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT party_grant_namespace_length CHECK ((octet_length(namespace) <= 255)),
    CONSTRAINT party_grant_namespace_of_dataset CHECK (((kind = 'dataset'::text) = (namespace <> ''::text))),
    CONSTRAINT party_grant_party_id_characters CHECK ((party_id !~ '[\x01-\x1f\x7f-\x9f/]'::text)),
    CONSTRAINT party_grant_party_id_length CHECK (((octet_length(party_id) >= 1) AND (octet_length(party_id) <= 64))),
    CONSTRAINT party_grant_party_id_not_own CHECK ((party_id <> '0'::text))
);

--
-- Name: TABLE party_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.party_grant IS 'What other parties may do with us. What is not granted is denied: see auth.check_party(). Own parties, which the server''s configuration names, may do all.';

--
-- Name: COLUMN party_grant.party_id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.party_id IS 'The party that asks; * is any that has a key in auth.party_key.';

--
-- Name: COLUMN party_grant.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.kind IS 'role, component or dataset.';

--
-- Name: COLUMN party_grant.namespace; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.namespace IS 'Of a dataset; * is any. Else empty.';

--
-- Name: COLUMN party_grant.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.name IS 'Of the role, component (in lower case) or dataset; * is any.';

--
-- Name: COLUMN party_grant.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.created_at IS 'When it was granted.';

--
-- Name: COLUMN party_grant.caller_address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.caller_address IS 'Address of who granted it; empty if unknown.';

--
-- Name: COLUMN party_grant.caller_application; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN party_grant.caller_user; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN party_grant.trace; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.party_grant.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: party_key_ordinal_seq; Type: SEQUENCE; Schema: auth; Owner: -
--

ALTER TABLE auth.party_key ALTER COLUMN ordinal ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME auth.party_key_ordinal_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE party_key_ordinal_seq; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON SEQUENCE auth.party_key_ordinal_seq IS 'Of auth.party_key.ordinal.';

--
-- Name: password; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.password (
    kind text DEFAULT 'user'::text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL,
    one_time boolean NOT NULL,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT password_hash_is_argon2id CHECK ((hash ~~ '$argon2id$%'::text)),
    CONSTRAINT password_of_user CHECK ((kind = 'user'::text))
);

--
-- Name: TABLE password; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.password IS 'Passwords of users. Read by the application, and by nobody else.';

--
-- Name: COLUMN password.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.password.kind IS 'user.';

--
-- Name: COLUMN password.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.password.name IS 'The user.';

--
-- Name: COLUMN password.hash; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.password.hash IS 'argon2id, with its parameters and salt. A secret.';

--
-- Name: COLUMN password.one_time; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.password.one_time IS 'Must be changed before the user can log in.';

--
-- Name: COLUMN password.set_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.password.set_at IS 'When it was set.';

--
-- Name: pending; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.pending (
    id bigint NOT NULL,
    operation text NOT NULL,
    relation text NOT NULL,
    kinds text[] NOT NULL,
    names text[] NOT NULL,
    old json,
    new json
);

--
-- Name: TABLE pending; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.pending IS 'Changes of transactions that are not committed: at the commit they are told to the servers and written into the audit, in this order, and removed from here. So whoever holds a transaction open holds up nobody.';

--
-- Name: COLUMN pending.id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.id IS 'Rises.';

--
-- Name: COLUMN pending.operation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.operation IS 'INSERT, UPDATE or DELETE.';

--
-- Name: COLUMN pending.relation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.relation IS 'Name of the table, without the schema.';

--
-- Name: COLUMN pending.kinds; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.kinds IS 'Of what has changed, as in auth.change; empty: the servers need not know.';

--
-- Name: COLUMN pending.names; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.names IS 'The names that belong to kinds.';

--
-- Name: COLUMN pending.old; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.old IS 'The rows as they were, without secrets: a JSON list, or NULL.';

--
-- Name: COLUMN pending.new; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.pending.new IS 'The rows as they are, without secrets: a JSON list, or NULL.';

--
-- Name: pending_id_seq; Type: SEQUENCE; Schema: auth; Owner: -
--

ALTER TABLE auth.pending ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME auth.pending_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE pending_id_seq; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON SEQUENCE auth.pending_id_seq IS 'Of auth.pending.id.';

--
-- Name: revision; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.revision (
    value bigint NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT revision_single CHECK (single)
);

--
-- Name: TABLE revision; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.revision IS 'How many changes there have been.';

--
-- Name: COLUMN revision.value; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.revision.value IS 'The greatest revision of auth.change. Taken at the commit, so that revisions are in commit order.';

--
-- Name: COLUMN revision.single; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.revision.single IS 'There is one row.';

--
-- Name: revocation; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.revocation (
    id text NOT NULL COLLATE pg_catalog."C",
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE revocation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.revocation IS 'Sessions that were ended while tokens of theirs may still be good: those are refused.';

--
-- Name: COLUMN revocation.id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.revocation.id IS 'The session (sid) or token (jti).';

--
-- Name: COLUMN revocation.expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.revocation.expires_at IS 'When its last token has ended; the row is removed.';

--
-- Name: role; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.role (
    name text NOT NULL COLLATE pg_catalog."C",
    title text DEFAULT ''::text NOT NULL,
    built_in boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT role_name_form CHECK ((name ~ '^[a-z0-9][a-z0-9._@+-]{0,63}$'::text)),
    CONSTRAINT role_title_length CHECK ((octet_length(title) <= 255))
);

--
-- Name: TABLE role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.role IS 'Roles: rules under a name. Who has a role may do what its rules allow, and those of the roles that it inherits from.';

--
-- Name: COLUMN role.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role.name IS 'In lower case.';

--
-- Name: COLUMN role.title; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role.title IS 'What people call it.';

--
-- Name: COLUMN role.built_in; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role.built_in IS 'Made by Junction; the API does not change it.';

--
-- Name: COLUMN role.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role.created_at IS 'When it was made.';

--
-- Name: COLUMN role.updated_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.role.updated_at IS 'When it was changed last.';

--
-- Name: seen_nonce; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.seen_nonce (
    app_key text NOT NULL COLLATE pg_catalog."C",
    nonce text NOT NULL COLLATE pg_catalog."C",
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT seen_nonce_app_key_length CHECK (((octet_length(app_key) >= 1) AND (octet_length(app_key) <= 255))),
    CONSTRAINT seen_nonce_nonce_length CHECK (((octet_length(nonce) >= 1) AND (octet_length(nonce) <= 255)))
);

--
-- Name: TABLE seen_nonce; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.seen_nonce IS 'Nonces of requests that the built-in client authentication has let in: none of them is let in again while its timestamp is good.';

--
-- Name: COLUMN seen_nonce.app_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.seen_nonce.app_key IS 'The client''s APP_KEY.';

--
-- Name: COLUMN seen_nonce.nonce; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.seen_nonce.nonce IS 'Its NONCE.';

--
-- Name: COLUMN seen_nonce.expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.seen_nonce.expires_at IS 'From then on the request''s timestamp is too old on every server; the row is removed.';

--
-- Name: session; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.session (
    id uuid NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    access_key text COLLATE pg_catalog."C",
    refresh_hash bytea NOT NULL,
    used_hashes bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    refreshed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT session_kind_known CHECK ((kind = ANY (ARRAY['user'::text, 'application'::text])))
);

--
-- Name: TABLE session; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.session IS 'Who has logged in and can refresh his tokens.';

--
-- Name: COLUMN session.id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.id IS 'Its tokens bear it as sid.';

--
-- Name: COLUMN session.kind; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.kind IS 'user or application.';

--
-- Name: COLUMN session.name; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.name IS 'Who.';

--
-- Name: COLUMN session.access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.access_key IS 'The access key that it was opened with; NULL: a password.';

--
-- Name: COLUMN session.refresh_hash; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.refresh_hash IS 'SHA-256 of the refresh token that is good now. A secret.';

--
-- Name: COLUMN session.used_hashes; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.used_hashes IS 'SHA-256 of the last refresh tokens before it, at most 10: who shows one of them has stolen it, or was robbed.';

--
-- Name: COLUMN session.address; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.address IS 'Where it was opened from.';

--
-- Name: COLUMN session.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.created_at IS 'When it was opened.';

--
-- Name: COLUMN session.refreshed_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.refreshed_at IS 'When its tokens were refreshed last.';

--
-- Name: COLUMN session.expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.session.expires_at IS 'When it ends.';

--
-- Name: token_key; Type: TABLE; Schema: auth; Owner: -
--

CREATE TABLE auth.token_key (
    id text NOT NULL COLLATE pg_catalog."C",
    algorithm text NOT NULL COLLATE pg_catalog."C",
    public_jwk text NOT NULL,
    private_jwk text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    signs_from timestamp with time zone NOT NULL,
    verifies_until timestamp with time zone,
    CONSTRAINT token_key_algorithm_known CHECK ((algorithm = ANY (ARRAY['EdDSA'::text, 'ES256'::text, 'RS256'::text]))),
    CONSTRAINT token_key_id_length CHECK (((octet_length(id) >= 1) AND (octet_length(id) <= 64)))
);

--
-- Name: TABLE token_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TABLE auth.token_key IS 'Keys that access tokens are signed with: by the one whose signs_from has come last. Read by the application, and by nobody else.';

--
-- Name: COLUMN token_key.id; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.id IS 'The kid of tokens.';

--
-- Name: COLUMN token_key.algorithm; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.algorithm IS 'EdDSA, ES256 or RS256: the only one that it is used with.';

--
-- Name: COLUMN token_key.public_jwk; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.public_jwk IS 'Public key as JWK.';

--
-- Name: COLUMN token_key.private_jwk; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.private_jwk IS 'Private key as JWK, not encrypted. A secret.';

--
-- Name: COLUMN token_key.created_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.created_at IS 'When it was made.';

--
-- Name: COLUMN token_key.signs_from; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.signs_from IS 'From when on it signs: when every server knows it.';

--
-- Name: COLUMN token_key.verifies_until; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON COLUMN auth.token_key.verifies_until IS 'Until when its tokens are good; NULL: no newer one has taken its place.';

--
-- Name: event; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.event (
    "position" bigint NOT NULL,
    "time" timestamp with time zone NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    event_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    data text COLLATE pg_catalog."C",
    sealed bytea,
    key_id text COLLATE pg_catalog."C",
    key text COLLATE pg_catalog."C",
    group_name text COLLATE pg_catalog."C",
    queues integer[] NOT NULL,
    body_hash bytea,
    user_name text COLLATE pg_catalog."C",
    application text COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    trace_id text COLLATE pg_catalog."C",
    CONSTRAINT event_data_or_sealed CHECK (((data IS NULL) = (sealed IS NOT NULL))),
    CONSTRAINT event_event_id_length CHECK (((octet_length(event_id) >= 1) AND (octet_length(event_id) <= 255))),
    CONSTRAINT event_key_length CHECK (((octet_length(key) >= 1) AND (octet_length(key) <= 255))),
    CONSTRAINT event_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT event_sealed_with_key CHECK (((sealed IS NULL) = (key_id IS NULL)))
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.event IS 'What has been published, in the order of the commits.';

--
-- Name: COLUMN event."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event."position" IS 'Milliseconds since 1970 of the receipt, times 2^20, plus a count: rises in commit order, and never earlier than that of a row committed before. event.position_at() gives that of a time.';

--
-- Name: COLUMN event."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event."time" IS 'Receipt, whole milliseconds.';

--
-- Name: COLUMN event.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.namespace IS 'The publisher''s.';

--
-- Name: COLUMN event.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.event_id IS 'As the publisher gave it, or made: unique in its namespace as long as the event is kept.';

--
-- Name: COLUMN event.name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.name IS 'What happened, levels parted by dots.';

--
-- Name: COLUMN event.data; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.data IS 'JSON, byte for byte as given; NULL if it is sealed.';

--
-- Name: COLUMN event.sealed; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.sealed IS 'The data encrypted: nonce and XChaCha20-Poly1305 with the event id as additional data.';

--
-- Name: COLUMN event.key_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.key_id IS 'Name of the key that it is sealed with, in the servers'' key file.';

--
-- Name: COLUMN event.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.key IS 'Events of one key reach a group in order; NULL: no order.';

--
-- Name: COLUMN event.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.group_name IS 'The only group that it is for; NULL: all that subscribe.';

--
-- Name: COLUMN event.queues; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.queues IS 'The queues that get it, each of which has a row in event.delivery.';

--
-- Name: COLUMN event.body_hash; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.body_hash IS 'Of what was published, if the publisher gave the id: the same again is a repetition, anything else a conflict.';

--
-- Name: COLUMN event.user_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.user_name IS 'User who published it; NULL if unknown.';

--
-- Name: COLUMN event.application; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN event.address; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.address IS 'Address that did; NULL if unknown.';

--
-- Name: COLUMN event.node; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.node IS 'The server that took it: hostname-starttime.';

--
-- Name: COLUMN event.trace_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.event.trace_id IS 'Trace id of the call; NULL if unknown.';

--
-- Name: queue; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.queue (
    id integer NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    member text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    paused boolean DEFAULT false NOT NULL,
    generation bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT queue_group_name_length CHECK (((octet_length(group_name) >= 1) AND (octet_length(group_name) <= 255))),
    CONSTRAINT queue_member_length CHECK ((octet_length(member) <= 255)),
    CONSTRAINT queue_namespace_length CHECK (((octet_length(namespace) >= 1) AND (octet_length(namespace) <= 255)))
);

--
-- Name: TABLE queue; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.queue IS 'What deliveries belong to: a group, or one member of a group that gets a broadcast.';

--
-- Name: COLUMN queue.id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.id IS 'Short, since each delivery has it.';

--
-- Name: COLUMN queue.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.namespace IS 'Namespace of its subscribers and events.';

--
-- Name: COLUMN queue.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.group_name IS 'The group.';

--
-- Name: COLUMN queue.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.member IS 'Id of the subscription that is a broadcast; empty: one member of the group gets each event.';

--
-- Name: COLUMN queue.paused; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.paused IS 'Nothing is delivered meanwhile; what comes waits.';

--
-- Name: COLUMN queue.generation; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.generation IS 'Rises when deliveries were opened again, which the servers do not expect: what they knew of the queue before is void.';

--
-- Name: COLUMN queue.created_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.queue.created_at IS 'When.';

--
-- Name: attempt; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.attempt AS
 SELECT q.namespace,
    q.group_name,
        CASE
            WHEN (q.member <> ''::text) THEN COALESCE(m.name, q.member)
            ELSE ''::text
        END AS member,
    e.name AS event,
    e.event_id,
    l.attempt,
    l.at AS started,
    r.at AS ended,
    r.latency_ms,
    r.status,
    r.code,
    r.reason,
    o.state,
    o.due AS next_try,
    s.name AS subscription,
    l.holder,
    c.confirmed_by,
    l."position",
    l.queue_id,
    l.number
   FROM (((((((((event.transition l
     JOIN event.queue q ON ((q.id = l.queue_id)))
     JOIN event.event e ON ((e."position" = l."position")))
     LEFT JOIN LATERAL ( SELECT x.attempt
           FROM event.transition x
          WHERE ((x.queue_id = l.queue_id) AND (x."position" = l."position") AND (x.number = (l.number - 1)))
         LIMIT 1) p ON (true))
     LEFT JOIN LATERAL ( SELECT x.number
           FROM event.transition x
          WHERE ((x.queue_id = l.queue_id) AND (x."position" = l."position") AND (x.number > l.number) AND (x.attempt <> l.attempt))
          ORDER BY x.number
         LIMIT 1) n ON (true))
     LEFT JOIN LATERAL ( SELECT x.at,
            x.latency_ms,
            x.status,
            x.code,
            x.reason,
            x.state
           FROM event.transition x
          WHERE ((x.queue_id = l.queue_id) AND (x."position" = l."position") AND (x.number > l.number) AND (x.holder = l.holder))
          ORDER BY x.number
         LIMIT 1) r ON (((r.state <> 'leased'::event.state) OR (r.latency_ms IS NOT NULL))))
     LEFT JOIN LATERAL ( SELECT x.confirmed_by
           FROM event.transition x
          WHERE ((x.queue_id = l.queue_id) AND (x."position" = l."position") AND (x.number > l.number) AND (x.number < COALESCE(n.number, (x.number + 1))) AND (x.confirmed_by IS NOT NULL))
          ORDER BY x.number DESC
         LIMIT 1) c ON (true))
     LEFT JOIN LATERAL ( SELECT x.state,
            x.due
           FROM event.transition x
          WHERE ((x.queue_id = l.queue_id) AND (x."position" = l."position") AND (x.number >= l.number) AND (x.number < COALESCE(n.number, (x.number + 1))))
          ORDER BY x.number DESC
         LIMIT 1) o ON (true))
     LEFT JOIN event.subscription s ON ((s.id = l.subscription_id)))
     LEFT JOIN event.subscription m ON (((m.id)::text = q.member)))
  WHERE ((l.state = 'leased'::event.state) AND (l.attempt > COALESCE(p.attempt, 0)));

--
-- Name: VIEW attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.attempt IS 'Each attempt to deliver, with what came of it. Name a group and position >= event.position_at(...), or a time by started: then only those are read.';

--
-- Name: COLUMN attempt.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN attempt.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.group_name IS 'Who gets it.';

--
-- Name: COLUMN attempt.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN attempt.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.event IS 'The event''s name.';

--
-- Name: COLUMN attempt.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.event_id IS 'The event''s id.';

--
-- Name: COLUMN attempt.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.attempt IS 'Which one, from 1; again from 1 after a replay.';

--
-- Name: COLUMN attempt.started; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.started IS 'When somebody took the delivery.';

--
-- Name: COLUMN attempt.ended; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.ended IS 'When the result was written; NULL: there is none, or who took it did not come back.';

--
-- Name: COLUMN attempt.latency_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.latency_ms IS 'How long it took, milliseconds.';

--
-- Name: COLUMN attempt.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.status IS 'HTTP status of the answer; NULL: none came.';

--
-- Name: COLUMN attempt.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN attempt.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.reason IS 'What the target or Junction said, for people.';

--
-- Name: COLUMN attempt.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.state IS 'How the delivery stood at the end of this attempt; leased: it is under way, or its lease ran out.';

--
-- Name: COLUMN attempt.next_try; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.next_try IS 'When the next attempt was to be made; of one that is leased or delivered: when it waits again. NULL: never.';

--
-- Name: COLUMN attempt.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.subscription IS 'The subscription that it went to; NULL: it was pulled, or the subscription is gone.';

--
-- Name: COLUMN attempt.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.holder IS 'The server that made it, or who pulled.';

--
-- Name: COLUMN attempt.confirmed_by; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.confirmed_by IS 'Who confirmed or refused it; NULL: nobody.';

--
-- Name: COLUMN attempt."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN attempt.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.queue_id IS 'Of event.queue.';

--
-- Name: COLUMN attempt.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.attempt.number IS 'Of the transition that it began with.';

--
-- Name: delivery; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.delivery (
    queue_id integer NOT NULL,
    "position" bigint NOT NULL,
    key text COLLATE pg_catalog."C"
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE delivery; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.delivery IS 'An event that a queue gets. What became of it is in event.transition; without a row there it waits.';

--
-- Name: COLUMN delivery.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery.queue_id IS 'Who gets it.';

--
-- Name: COLUMN delivery."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery."position" IS 'The event.';

--
-- Name: COLUMN delivery.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery.key IS 'The event''s key.';

--
-- Name: delivery_state; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.delivery_state AS
 SELECT q.namespace,
    q.group_name,
        CASE
            WHEN (q.member <> ''::text) THEN COALESCE(m.name, q.member)
            ELSE ''::text
        END AS member,
    e.name AS event,
    e.event_id,
    e.key,
    e."time",
    COALESCE(t.state, 'waiting'::event.state) AS state,
    COALESCE(t.attempt, 0) AS attempt,
    t.at,
    t.due,
    s.name AS subscription,
    t.holder,
    t.status,
    t.code,
    t.reason,
    COALESCE(t.number, 0) AS number,
    d."position",
    q.id AS queue_id
   FROM (((((event.queue q
     JOIN event.delivery d ON ((d.queue_id = q.id)))
     JOIN event.event e ON ((e."position" = d."position")))
     LEFT JOIN LATERAL ( SELECT x.queue_id,
            x."position",
            x.number,
            x.state,
            x.at,
            x.due,
            x.attempt,
            x.holder,
            x.subscription_id,
            x.status,
            x.code,
            x.latency_ms,
            x.reason,
            x.confirmed_by
           FROM event.transition x
          WHERE ((x.queue_id = q.id) AND (x."position" = d."position"))
          ORDER BY x.number DESC
         LIMIT 1) t ON (true))
     LEFT JOIN event.subscription s ON ((s.id = t.subscription_id)))
     LEFT JOIN event.subscription m ON (((m.id)::text = q.member)));

--
-- Name: VIEW delivery_state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.delivery_state IS 'Each delivery as it stands. Name a group, or a time by position >= event.position_at(...): then only those are read.';

--
-- Name: COLUMN delivery_state.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN delivery_state.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.group_name IS 'Who gets it.';

--
-- Name: COLUMN delivery_state.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN delivery_state.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.event IS 'The event''s name.';

--
-- Name: COLUMN delivery_state.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.event_id IS 'The event''s id.';

--
-- Name: COLUMN delivery_state.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.key IS 'The event''s key; NULL: none.';

--
-- Name: COLUMN delivery_state."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state."time" IS 'Receipt of the event.';

--
-- Name: COLUMN delivery_state.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.state IS 'How the delivery stands.';

--
-- Name: COLUMN delivery_state.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.attempt IS 'Attempts so far.';

--
-- Name: COLUMN delivery_state.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.at IS 'Since when it stands so; NULL: since the receipt.';

--
-- Name: COLUMN delivery_state.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.due IS 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.';

--
-- Name: COLUMN delivery_state.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.subscription IS 'The subscription that its last attempt went to; NULL: none, or it is gone.';

--
-- Name: COLUMN delivery_state.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.holder IS 'Who made it stand so, if that was an attempt: the server, or who pulled.';

--
-- Name: COLUMN delivery_state.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.status IS 'HTTP status of the last answer; NULL: none came.';

--
-- Name: COLUMN delivery_state.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN delivery_state.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.reason IS 'Why it stands so, for people.';

--
-- Name: COLUMN delivery_state.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.number IS 'Of its last transition; 0: there is none.';

--
-- Name: COLUMN delivery_state."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN delivery_state.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.delivery_state.queue_id IS 'Of event.queue.';

--
-- Name: dead; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.dead AS
 SELECT s.namespace,
    s.group_name,
    s.member,
    s.event,
    s.event_id,
    s.key,
    s."time",
    s.state,
    s.attempt,
    s.at,
    s.due,
    s.subscription,
    s.holder,
    s.status,
    s.code,
    s.reason,
    s.number,
    s."position",
    s.queue_id
   FROM (event.transition t
     JOIN event.delivery_state s ON (((s.queue_id = t.queue_id) AND (s."position" = t."position") AND (s.number = t.number))))
  WHERE (t.state = 'dead'::event.state);

--
-- Name: VIEW dead; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.dead IS 'Deliveries that are not tried any more. They are read by an index of their own.';

--
-- Name: COLUMN dead.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN dead.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.group_name IS 'Who gets it.';

--
-- Name: COLUMN dead.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN dead.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.event IS 'The event''s name.';

--
-- Name: COLUMN dead.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.event_id IS 'The event''s id.';

--
-- Name: COLUMN dead.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.key IS 'The event''s key; NULL: none.';

--
-- Name: COLUMN dead."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead."time" IS 'Receipt of the event.';

--
-- Name: COLUMN dead.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.state IS 'How the delivery stands.';

--
-- Name: COLUMN dead.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.attempt IS 'Attempts so far.';

--
-- Name: COLUMN dead.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.at IS 'Since when it stands so; NULL: since the receipt.';

--
-- Name: COLUMN dead.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.due IS 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.';

--
-- Name: COLUMN dead.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.subscription IS 'The subscription that its last attempt went to; NULL: none, or it is gone.';

--
-- Name: COLUMN dead.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.holder IS 'Who made it stand so, if that was an attempt: the server, or who pulled.';

--
-- Name: COLUMN dead.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.status IS 'HTTP status of the last answer; NULL: none came.';

--
-- Name: COLUMN dead.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN dead.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.reason IS 'Why it stands so, for people.';

--
-- Name: COLUMN dead.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.number IS 'Of its last transition; 0: there is none.';

--
-- Name: COLUMN dead."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN dead.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.dead.queue_id IS 'Of event.queue.';

--
-- Name: group_lag; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.group_lag AS
 SELECT q.namespace,
    q.group_name,
        CASE
            WHEN (q.member <> ''::text) THEN COALESCE(m.name, q.member)
            ELSE ''::text
        END AS member,
    q.paused,
    b.r_open AS open,
    b.r_oldest AS oldest,
    (clock_timestamp() - b.r_oldest) AS lag
   FROM ((event.queue q
     CROSS JOIN LATERAL event.backlog(q.id) b(r_open, r_oldest))
     LEFT JOIN event.subscription m ON (((m.id)::text = q.member)));

--
-- Name: VIEW group_lag; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.group_lag IS 'How far each group is, and each member that gets broadcasts.';

--
-- Name: COLUMN group_lag.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.namespace IS 'Namespace of the group.';

--
-- Name: COLUMN group_lag.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.group_name IS 'Its name.';

--
-- Name: COLUMN group_lag.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN group_lag.paused; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.paused IS 'Nothing is delivered to it.';

--
-- Name: COLUMN group_lag.open; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.open IS 'Deliveries that are still to be done, counted up to 10,000.';

--
-- Name: COLUMN group_lag.oldest; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.oldest IS 'Receipt of the oldest of them; NULL: none is open.';

--
-- Name: COLUMN group_lag.lag; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.group_lag.lag IS 'How long ago that is.';

--
-- Name: last_position; Type: SEQUENCE; Schema: event; Owner: -
--

CREATE SEQUENCE event.last_position
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE last_position; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON SEQUENCE event.last_position IS 'The highest position that has been given out. A sequence, since a row that counts would be dead once a batch and could not be cleaned up while an old transaction lives.';

--
-- Name: log_number_seq; Type: SEQUENCE; Schema: event; Owner: -
--

ALTER TABLE event.log ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME event.log_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE log_number_seq; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON SEQUENCE event.log_number_seq IS 'Of event.log.number.';

--
-- Name: low_water_number_seq; Type: SEQUENCE; Schema: event; Owner: -
--

ALTER TABLE event.low_water ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME event.low_water_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE low_water_number_seq; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON SEQUENCE event.low_water_number_seq IS 'Of event.low_water.number.';

--
-- Name: open_delivery; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.open_delivery AS
 SELECT q.namespace,
    q.group_name,
        CASE
            WHEN (q.member <> ''::text) THEN COALESCE(m.name, q.member)
            ELSE ''::text
        END AS member,
    e.name AS event,
    e.event_id,
    e.key,
    e."time",
    COALESCE(t.state, 'waiting'::event.state) AS state,
    COALESCE(t.attempt, 0) AS attempt,
    t.at,
    t.due,
    s.name AS subscription,
    t.holder,
    t.status,
    t.code,
    t.reason,
    COALESCE(t.number, 0) AS number,
    d."position",
    q.id AS queue_id
   FROM (((((event.queue q
     CROSS JOIN LATERAL ( SELECT i."position"
           FROM event.delivery i
          WHERE ((i.queue_id = q.id) AND (i."position" > event.low_water_of(q.id)))
         OFFSET 0) d)
     CROSS JOIN LATERAL ( SELECT i."position",
            i."time",
            i.namespace,
            i.event_id,
            i.name,
            i.data,
            i.sealed,
            i.key_id,
            i.key,
            i.group_name,
            i.queues,
            i.body_hash,
            i.user_name,
            i.application,
            i.address,
            i.node,
            i.trace_id
           FROM event.event i
          WHERE (i."position" = d."position")
         OFFSET 0) e)
     LEFT JOIN LATERAL ( SELECT x.queue_id,
            x."position",
            x.number,
            x.state,
            x.at,
            x.due,
            x.attempt,
            x.holder,
            x.subscription_id,
            x.status,
            x.code,
            x.latency_ms,
            x.reason,
            x.confirmed_by
           FROM event.transition x
          WHERE ((x.queue_id = q.id) AND (x."position" = d."position"))
          ORDER BY x.number DESC
         LIMIT 1) t ON (true))
     LEFT JOIN event.subscription s ON ((s.id = t.subscription_id)))
     LEFT JOIN event.subscription m ON (((m.id)::text = q.member)))
  WHERE event.is_open(t.state, t.due);

--
-- Name: VIEW open_delivery; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.open_delivery IS 'Deliveries that are still to be done. What lies behind a queue''s low water is not read.';

--
-- Name: COLUMN open_delivery.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN open_delivery.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.group_name IS 'Who gets it.';

--
-- Name: COLUMN open_delivery.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN open_delivery.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.event IS 'The event''s name.';

--
-- Name: COLUMN open_delivery.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.event_id IS 'The event''s id.';

--
-- Name: COLUMN open_delivery.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.key IS 'The event''s key; NULL: none.';

--
-- Name: COLUMN open_delivery."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery."time" IS 'Receipt of the event.';

--
-- Name: COLUMN open_delivery.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.state IS 'How the delivery stands.';

--
-- Name: COLUMN open_delivery.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.attempt IS 'Attempts so far.';

--
-- Name: COLUMN open_delivery.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.at IS 'Since when it stands so; NULL: since the receipt.';

--
-- Name: COLUMN open_delivery.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.due IS 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.';

--
-- Name: COLUMN open_delivery.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.subscription IS 'The subscription that its last attempt went to; NULL: none, or it is gone.';

--
-- Name: COLUMN open_delivery.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.holder IS 'Who made it stand so, if that was an attempt: the server, or who pulled.';

--
-- Name: COLUMN open_delivery.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.status IS 'HTTP status of the last answer; NULL: none came.';

--
-- Name: COLUMN open_delivery.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN open_delivery.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.reason IS 'Why it stands so, for people.';

--
-- Name: COLUMN open_delivery.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.number IS 'Of its last transition; 0: there is none.';

--
-- Name: COLUMN open_delivery."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN open_delivery.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.open_delivery.queue_id IS 'Of event.queue.';

--
-- Name: opened; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.opened (
    number bigint NOT NULL,
    queue_id integer NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

--
-- Name: TABLE opened; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.opened IS 'Deliveries that were done and have been refused since: the servers, which have forgotten them, read it from time to time. Kept for an hour.';

--
-- Name: COLUMN opened.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.opened.number IS 'Rises in the order of the commits.';

--
-- Name: COLUMN opened.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.opened.queue_id IS 'Whose delivery.';

--
-- Name: COLUMN opened."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.opened."position" IS 'Of which event.';

--
-- Name: COLUMN opened.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.opened.at IS 'When.';

--
-- Name: opened_number_seq; Type: SEQUENCE; Schema: event; Owner: -
--

ALTER TABLE event.opened ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME event.opened_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE opened_number_seq; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON SEQUENCE event.opened_number_seq IS 'Of event.opened.number.';

--
-- Name: queue_id_seq; Type: SEQUENCE; Schema: event; Owner: -
--

ALTER TABLE event.queue ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME event.queue_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE queue_id_seq; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON SEQUENCE event.queue_id_seq IS 'Of event.queue.id.';

--
-- Name: retrying; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.retrying AS
 SELECT o.namespace,
    o.group_name,
    o.member,
    o.event,
    o.event_id,
    o.key,
    o."time",
    o.state,
    o.attempt,
    o.at,
    o.due,
    o.subscription,
    o.holder,
    o.status,
    o.code,
    o.reason,
    o.number,
    o."position",
    o.queue_id
   FROM event.open_delivery o
  WHERE (o.state = 'failed'::event.state);

--
-- Name: VIEW retrying; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.retrying IS 'Open deliveries whose last attempt has failed: due says when the next one is.';

--
-- Name: COLUMN retrying.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN retrying.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.group_name IS 'Who gets it.';

--
-- Name: COLUMN retrying.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN retrying.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.event IS 'The event''s name.';

--
-- Name: COLUMN retrying.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.event_id IS 'The event''s id.';

--
-- Name: COLUMN retrying.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.key IS 'The event''s key; NULL: none.';

--
-- Name: COLUMN retrying."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying."time" IS 'Receipt of the event.';

--
-- Name: COLUMN retrying.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.state IS 'How the delivery stands.';

--
-- Name: COLUMN retrying.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.attempt IS 'Attempts so far.';

--
-- Name: COLUMN retrying.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.at IS 'Since when it stands so; NULL: since the receipt.';

--
-- Name: COLUMN retrying.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.due IS 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.';

--
-- Name: COLUMN retrying.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.subscription IS 'The subscription that its last attempt went to; NULL: none, or it is gone.';

--
-- Name: COLUMN retrying.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.holder IS 'Who made it stand so, if that was an attempt: the server, or who pulled.';

--
-- Name: COLUMN retrying.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.status IS 'HTTP status of the last answer; NULL: none came.';

--
-- Name: COLUMN retrying.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN retrying.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.reason IS 'Why it stands so, for people.';

--
-- Name: COLUMN retrying.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.number IS 'Of its last transition; 0: there is none.';

--
-- Name: COLUMN retrying."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN retrying.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.retrying.queue_id IS 'Of event.queue.';

--
-- Name: revision; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.revision (
    value bigint NOT NULL,
    matching bigint NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT revision_single CHECK (single)
);

--
-- Name: TABLE revision; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.revision IS 'How often subscriptions, their secrets or queues have changed.';

--
-- Name: COLUMN revision.value; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.revision.value IS 'Rises at the commit of each change, under the lock of event.append: each event was published before or after it, never meanwhile.';

--
-- Name: COLUMN revision.matching; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.revision.matching IS 'What value was when it last changed who gets which events.';

--
-- Name: COLUMN revision.single; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.revision.single IS 'There is one row.';

--
-- Name: secret; Type: TABLE; Schema: event; Owner: -
--

CREATE TABLE event.secret (
    subscription_id uuid NOT NULL,
    secret bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT secret_length CHECK (((octet_length(secret) >= 24) AND (octet_length(secret) <= 64)))
);

--
-- Name: TABLE secret; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON TABLE event.secret IS 'What pushes are signed with (Standard Webhooks): with each that has not expired.';

--
-- Name: COLUMN secret.subscription_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.secret.subscription_id IS 'Whose.';

--
-- Name: COLUMN secret.secret; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.secret.secret IS '24 to 64 bytes.';

--
-- Name: COLUMN secret.created_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.secret.created_at IS 'When.';

--
-- Name: COLUMN secret.expires_at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.secret.expires_at IS 'NULL: it is the current one.';

--
-- Name: slowest_target; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.slowest_target AS
SELECT
    NULL::text COLLATE pg_catalog."C" AS namespace,
    NULL::text COLLATE pg_catalog."C" AS group_name,
    NULL::text COLLATE pg_catalog."C" AS subscription,
    NULL::event.target AS target,
    NULL::text COLLATE pg_catalog."C" AS address,
    NULL::bigint AS attempts,
    NULL::bigint AS failures,
    NULL::double precision AS p50_ms,
    NULL::double precision AS p99_ms;

--
-- Name: VIEW slowest_target; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.slowest_target IS 'How the attempts of the last hour went, by subscription, the slowest first.';

--
-- Name: COLUMN slowest_target.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.namespace IS 'Namespace of the subscription.';

--
-- Name: COLUMN slowest_target.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.group_name IS 'Its group.';

--
-- Name: COLUMN slowest_target.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.subscription IS 'Its name.';

--
-- Name: COLUMN slowest_target.target; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.target IS 'Where its events go.';

--
-- Name: COLUMN slowest_target.address; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.address IS 'URL or service; NULL: who asks for them.';

--
-- Name: COLUMN slowest_target.attempts; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.attempts IS 'Attempts that ended in the last hour.';

--
-- Name: COLUMN slowest_target.failures; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.failures IS 'Those after which the delivery was failed or dead.';

--
-- Name: COLUMN slowest_target.p50_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.p50_ms IS 'Median of how long they took, milliseconds.';

--
-- Name: COLUMN slowest_target.p99_ms; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.slowest_target.p99_ms IS 'One in a hundred took longer, milliseconds.';

--
-- Name: waiting; Type: VIEW; Schema: event; Owner: -
--

CREATE VIEW event.waiting AS
 SELECT o.namespace,
    o.group_name,
    o.member,
    o.event,
    o.event_id,
    o.key,
    o."time",
    o.state,
    o.attempt,
    o.at,
    o.due,
    o.subscription,
    o.holder,
    o.status,
    o.code,
    o.reason,
    o.number,
    o."position",
    o.queue_id
   FROM event.open_delivery o
  WHERE (o.state <> 'failed'::event.state);

--
-- Name: VIEW waiting; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON VIEW event.waiting IS 'Open deliveries whose last attempt has not failed: nobody has them, somebody has (leased), or they wait for their confirmation (delivered).';

--
-- Name: COLUMN waiting.namespace; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.namespace IS 'Namespace of the event and its subscribers.';

--
-- Name: COLUMN waiting.group_name; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.group_name IS 'Who gets it.';

--
-- Name: COLUMN waiting.member; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.member IS 'Name of the subscription, or its id when it is gone, if it is a broadcast''s; else empty.';

--
-- Name: COLUMN waiting.event; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.event IS 'The event''s name.';

--
-- Name: COLUMN waiting.event_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.event_id IS 'The event''s id.';

--
-- Name: COLUMN waiting.key; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.key IS 'The event''s key; NULL: none.';

--
-- Name: COLUMN waiting."time"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting."time" IS 'Receipt of the event.';

--
-- Name: COLUMN waiting.state; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.state IS 'How the delivery stands.';

--
-- Name: COLUMN waiting.attempt; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.attempt IS 'Attempts so far.';

--
-- Name: COLUMN waiting.at; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.at IS 'Since when it stands so; NULL: since the receipt.';

--
-- Name: COLUMN waiting.due; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.due IS 'When something happens by itself: the lease or the ack window ends, or it is tried again; NULL: never.';

--
-- Name: COLUMN waiting.subscription; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.subscription IS 'The subscription that its last attempt went to; NULL: none, or it is gone.';

--
-- Name: COLUMN waiting.holder; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.holder IS 'Who made it stand so, if that was an attempt: the server, or who pulled.';

--
-- Name: COLUMN waiting.status; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.status IS 'HTTP status of the last answer; NULL: none came.';

--
-- Name: COLUMN waiting.code; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.code IS 'The code in the answer''s body.';

--
-- Name: COLUMN waiting.reason; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.reason IS 'Why it stands so, for people.';

--
-- Name: COLUMN waiting.number; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.number IS 'Of its last transition; 0: there is none.';

--
-- Name: COLUMN waiting."position"; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting."position" IS 'The event''s place in the log.';

--
-- Name: COLUMN waiting.queue_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON COLUMN event.waiting.queue_id IS 'Of event.queue.';

--
-- Name: attachment; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.attachment (
    id uuid NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    content_type text NOT NULL COLLATE pg_catalog."C",
    size bigint NOT NULL,
    file_id text COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    used_at bigint,
    CONSTRAINT attachment_content_type_length CHECK (((octet_length(content_type) >= 1) AND (octet_length(content_type) <= 255))),
    CONSTRAINT attachment_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT attachment_size_range CHECK ((size >= 0))
);

--
-- Name: TABLE attachment; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.attachment IS 'Files that notices carry. Its row comes after its last part.';

--
-- Name: COLUMN attachment.id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.id IS 'Made by the server.';

--
-- Name: COLUMN attachment.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.namespace IS 'Only for notices of this namespace.';

--
-- Name: COLUMN attachment.name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.name IS 'File name.';

--
-- Name: COLUMN attachment.content_type; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.content_type IS 'Media type.';

--
-- Name: COLUMN attachment.size; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.size IS 'Bytes.';

--
-- Name: COLUMN attachment.file_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.file_id IS 'Its id in the file service, if it was read there.';

--
-- Name: COLUMN attachment.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.created_at IS 'When it came.';

--
-- Name: COLUMN attachment.used_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment.used_at IS 'Position of the last notice that carries it; NULL: none does.';

--
-- Name: attachment_part; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.attachment_part (
    attachment_id uuid NOT NULL,
    number integer NOT NULL,
    bytes bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE ONLY notice.attachment_part ALTER COLUMN bytes SET STORAGE EXTERNAL;

--
-- Name: TABLE attachment_part; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.attachment_part IS 'What attachments hold, piece by piece.';

--
-- Name: COLUMN attachment_part.attachment_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment_part.attachment_id IS 'Of which; its row may be still to come.';

--
-- Name: COLUMN attachment_part.number; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment_part.number IS 'From 1.';

--
-- Name: COLUMN attachment_part.bytes; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment_part.bytes IS 'At most 256 KiB.';

--
-- Name: COLUMN attachment_part.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attachment_part.created_at IS 'When it came.';

--
-- Name: attempt; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.attempt (
    "position" bigint NOT NULL,
    number integer NOT NULL,
    at timestamp with time zone NOT NULL,
    node text NOT NULL COLLATE pg_catalog."C",
    asked boolean DEFAULT false NOT NULL,
    state notice.state DEFAULT 'sending'::notice.state NOT NULL,
    latency_ms double precision,
    message_id text COLLATE pg_catalog."C",
    code text COLLATE pg_catalog."C",
    text text COLLATE pg_catalog."C"
)
PARTITION BY RANGE ("position");

--
-- Name: TABLE attempt; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.attempt IS 'Each attempt to deliver, or to ask what became of it.';

--
-- Name: COLUMN attempt."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt."position" IS 'The delivery.';

--
-- Name: COLUMN attempt.number; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.number IS 'From 1, without gaps.';

--
-- Name: COLUMN attempt.at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.at IS 'When it began.';

--
-- Name: COLUMN attempt.node; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.node IS 'The server that made it: hostname-starttime.';

--
-- Name: COLUMN attempt.asked; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.asked IS 'It asked the provider, and sent nothing.';

--
-- Name: COLUMN attempt.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.state IS 'How the delivery stood after it; sending: it has not ended, or its server died in it.';

--
-- Name: COLUMN attempt.latency_ms; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.latency_ms IS 'How long it took; NULL: it has not ended.';

--
-- Name: COLUMN attempt.message_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.message_id IS 'The provider''s id of the message; NULL: none.';

--
-- Name: COLUMN attempt.code; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.code IS 'The provider''s code, or one of Junction''s own; NULL: none.';

--
-- Name: COLUMN attempt.text; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.attempt.text IS 'What was said with it.';

--
-- Name: audit; Type: VIEW; Schema: notice; Owner: -
--

CREATE VIEW notice.audit AS
 SELECT n.namespace,
    n.notice_id,
    n.sender,
    n.title,
    n.deliveries,
    r."time",
    r.content,
    r.user_name,
    r.application,
    r.address,
    r.ext,
    r.trace_id,
    n."position"
   FROM (notice.notice n
     JOIN audit.record r ON (((r.namespace = 'junction.notice'::text) AND (r."time" >= (n."time" - '00:01:00'::interval)) AND ((r.target = ('notice:'::text || n.notice_id)) OR (r.trace_id = n.trace_id)))));

--
-- Name: VIEW audit; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON VIEW notice.audit IS 'What the audit has of each notice: by the trace id of its send, and by what was done to it later. Name a notice, or a time.';

--
-- Name: COLUMN audit.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.namespace IS 'Of the notice.';

--
-- Name: COLUMN audit.notice_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.notice_id IS 'The notice.';

--
-- Name: COLUMN audit.sender; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.sender IS 'In whose name it was sent.';

--
-- Name: COLUMN audit.title; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.title IS 'Its title.';

--
-- Name: COLUMN audit.deliveries; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.deliveries IS 'How many deliveries it has.';

--
-- Name: COLUMN audit."time"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit."time" IS 'When it happened.';

--
-- Name: COLUMN audit.content; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.content IS 'What.';

--
-- Name: COLUMN audit.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.user_name IS 'User who did it; NULL if unknown.';

--
-- Name: COLUMN audit.application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.application IS 'Application that did; NULL if unknown.';

--
-- Name: COLUMN audit.address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.address IS 'Address that did; NULL if unknown.';

--
-- Name: COLUMN audit.ext; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.ext IS 'JSON object: how many deliveries, and which.';

--
-- Name: COLUMN audit.trace_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit.trace_id IS 'Trace id of that call.';

--
-- Name: COLUMN audit."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.audit."position" IS 'The notice''s position.';

--
-- Name: by_channel_and_day; Type: VIEW; Schema: notice; Owner: -
--

CREATE VIEW notice.by_channel_and_day AS
 SELECT d.namespace,
    d.channel,
    ((event.time_at(d."position") AT TIME ZONE 'UTC'::text))::date AS day,
    d.state,
    count(*) AS count
   FROM notice.delivery d
  GROUP BY d.namespace, d.channel, (((event.time_at(d."position") AT TIME ZONE 'UTC'::text))::date), d.state;

--
-- Name: VIEW by_channel_and_day; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON VIEW notice.by_channel_and_day IS 'How many deliveries stand how, by channel and the day on which they were sent (UTC). Reads all that are kept.';

--
-- Name: COLUMN by_channel_and_day.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.by_channel_and_day.namespace IS 'Of the notices.';

--
-- Name: COLUMN by_channel_and_day.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.by_channel_and_day.channel IS 'On which channel.';

--
-- Name: COLUMN by_channel_and_day.day; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.by_channel_and_day.day IS 'The day on which Send was called (UTC).';

--
-- Name: COLUMN by_channel_and_day.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.by_channel_and_day.state IS 'How they stand.';

--
-- Name: COLUMN by_channel_and_day.count; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.by_channel_and_day.count IS 'How many.';

--
-- Name: channel_id_seq; Type: SEQUENCE; Schema: notice; Owner: -
--

ALTER TABLE notice.channel ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notice.channel_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE channel_id_seq; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON SEQUENCE notice.channel_id_seq IS 'Of notice.channel.id.';

--
-- Name: charge; Type: TABLE; Schema: notice; Owner: -
--

CREATE UNLOGGED TABLE notice.charge (
    channel_id integer NOT NULL,
    node text NOT NULL COLLATE pg_catalog."C",
    number bigint NOT NULL
);

--
-- Name: TABLE charge; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.charge IS 'Which server may take deliveries of a channel: the last one that has claimed it. After a crash there is none until one claims it again.';

--
-- Name: COLUMN charge.channel_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.charge.channel_id IS 'The channel.';

--
-- Name: COLUMN charge.node; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.charge.node IS 'The server: hostname-starttime.';

--
-- Name: COLUMN charge.number; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.charge.number IS 'Of its claim: what it asked for before it claimed again gives nothing any more.';

--
-- Name: delivery_with_notice; Type: VIEW; Schema: notice; Owner: -
--

CREATE VIEW notice.delivery_with_notice AS
 SELECT d.namespace,
    d.user_name,
    d.channel,
    d.address,
    d.state,
    d.at,
    d.due,
    d.attempts,
    d.message_id,
    d.code,
    d.text,
    d.receipt_at,
    n.notice_id,
    n."time",
    n.sender,
    n.title,
    n.template,
    n.template_version,
    n.application,
    n.trace_id,
    d.notice_position,
    d."position"
   FROM (notice.delivery d
     LEFT JOIN notice.notice n ON ((n."position" = d.notice_position)));

--
-- Name: VIEW delivery_with_notice; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON VIEW notice.delivery_with_notice IS 'Each delivery as it stands, with its notice. Name a namespace and user, a notice_position, or a time by position >= event.position_at(...): then only those are read.';

--
-- Name: COLUMN delivery_with_notice.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.namespace IS 'Of the notice.';

--
-- Name: COLUMN delivery_with_notice.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.user_name IS 'To whom.';

--
-- Name: COLUMN delivery_with_notice.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.channel IS 'On which channel.';

--
-- Name: COLUMN delivery_with_notice.address; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.address IS 'Where that is; NULL: none is known, or site.';

--
-- Name: COLUMN delivery_with_notice.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.state IS 'How it stands.';

--
-- Name: COLUMN delivery_with_notice.at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.at IS 'Since when.';

--
-- Name: COLUMN delivery_with_notice.due; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.due IS 'When something happens by itself; NULL: never.';

--
-- Name: COLUMN delivery_with_notice.attempts; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.attempts IS 'Attempts so far.';

--
-- Name: COLUMN delivery_with_notice.message_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.message_id IS 'The provider''s id of the message; NULL: none is known.';

--
-- Name: COLUMN delivery_with_notice.code; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.code IS 'The provider''s last code, or one of Junction''s own; NULL: none.';

--
-- Name: COLUMN delivery_with_notice.text; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.text IS 'What was said with it.';

--
-- Name: COLUMN delivery_with_notice.receipt_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.receipt_at IS 'When it was read or confirmed; NULL: it was not.';

--
-- Name: COLUMN delivery_with_notice.notice_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.notice_id IS 'The notice.';

--
-- Name: COLUMN delivery_with_notice."time"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice."time" IS 'When it was sent.';

--
-- Name: COLUMN delivery_with_notice.sender; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.sender IS 'In whose name.';

--
-- Name: COLUMN delivery_with_notice.title; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.title IS 'Its title.';

--
-- Name: COLUMN delivery_with_notice.template; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.template IS 'Its template; NULL: none.';

--
-- Name: COLUMN delivery_with_notice.template_version; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.template_version IS 'The version of that.';

--
-- Name: COLUMN delivery_with_notice.application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.application IS 'Application that sent it; NULL if unknown.';

--
-- Name: COLUMN delivery_with_notice.trace_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.trace_id IS 'Trace id of the send; the same in audit.record.';

--
-- Name: COLUMN delivery_with_notice.notice_position; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice.notice_position IS 'The notice''s position.';

--
-- Name: COLUMN delivery_with_notice."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.delivery_with_notice."position" IS 'The delivery''s id.';

--
-- Name: failure; Type: VIEW; Schema: notice; Owner: -
--

CREATE VIEW notice.failure AS
 SELECT d.namespace,
    d.channel,
    d.state,
    d.code,
    count(*) AS count,
    (array_agg(d.text ORDER BY d.at DESC, d."position" DESC))[1] AS last_text,
    max(d.at) AS last_at
   FROM notice.delivery d
  WHERE (d.state = ANY (ARRAY['failed'::notice.state, 'unknown'::notice.state]))
  GROUP BY d.namespace, d.channel, d.state, d.code;

--
-- Name: VIEW failure; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON VIEW notice.failure IS 'Deliveries that failed, or may not have arrived, by channel and by the code that the provider, or Junction, gave.';

--
-- Name: COLUMN failure.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.namespace IS 'Of the notices.';

--
-- Name: COLUMN failure.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.channel IS 'On which channel.';

--
-- Name: COLUMN failure.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.state IS 'failed or unknown.';

--
-- Name: COLUMN failure.code; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.code IS 'The provider''s code, or one of Junction''s own; NULL: none.';

--
-- Name: COLUMN failure.count; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.count IS 'How many stand so.';

--
-- Name: COLUMN failure.last_text; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.last_text IS 'What was said with the last of them.';

--
-- Name: COLUMN failure.last_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.failure.last_at IS 'When that was.';

--
-- Name: group_member; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.group_member (
    namespace text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    user_name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT group_member_user_name_length CHECK (((octet_length(user_name) >= 1) AND (octet_length(user_name) <= 255)))
);

--
-- Name: TABLE group_member; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.group_member IS 'Who is in which group.';

--
-- Name: COLUMN group_member.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_member.namespace IS 'The group''s.';

--
-- Name: COLUMN group_member.group_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_member.group_name IS 'The group.';

--
-- Name: COLUMN group_member.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_member.user_name IS 'Who is in it.';

--
-- Name: COLUMN group_member.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_member.created_at IS 'Since when.';

--
-- Name: group_name; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.group_name (
    namespace text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT group_name_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255)))
);

--
-- Name: TABLE group_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.group_name IS 'Groups of users. One hides a group of that name in auth.subject.';

--
-- Name: COLUMN group_name.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_name.namespace IS 'Only for notices of this namespace.';

--
-- Name: COLUMN group_name.name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_name.name IS 'The group.';

--
-- Name: COLUMN group_name.created_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.group_name.created_at IS 'When.';

--
-- Name: idempotency; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.idempotency (
    namespace text NOT NULL COLLATE pg_catalog."C",
    application text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    request_hash bytea NOT NULL,
    notice_id uuid NOT NULL,
    deliveries bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE idempotency; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.idempotency IS 'Idempotency-Keys of sends.';

--
-- Name: COLUMN idempotency.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.namespace IS 'The caller''s.';

--
-- Name: COLUMN idempotency.application; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.application IS 'The caller''s; empty if unknown.';

--
-- Name: COLUMN idempotency.key; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.key IS 'As given.';

--
-- Name: COLUMN idempotency.request_hash; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.request_hash IS 'Of what was sent: the same again is a repetition, anything else a conflict.';

--
-- Name: COLUMN idempotency.notice_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.notice_id IS 'What it has sent.';

--
-- Name: COLUMN idempotency.deliveries; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.deliveries IS 'How many deliveries that has.';

--
-- Name: COLUMN idempotency.expires_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.idempotency.expires_at IS 'Until when it counts.';

--
-- Name: inbox_change; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.inbox_change (
    number bigint NOT NULL,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    user_name text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

--
-- Name: TABLE inbox_change; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.inbox_change IS 'Inboxes in which lately something that was unread has been read or removed, for the other servers to hear of it. Kept for an hour.';

--
-- Name: COLUMN inbox_change.number; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.inbox_change.number IS 'In no order of commits.';

--
-- Name: COLUMN inbox_change.transaction; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.inbox_change.transaction IS 'What changed it: whoever knows a snapshot finds what has been committed since, without locks.';

--
-- Name: COLUMN inbox_change.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.inbox_change.namespace IS 'The inbox''s.';

--
-- Name: COLUMN inbox_change.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.inbox_change.user_name IS 'Whose inbox.';

--
-- Name: COLUMN inbox_change.at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.inbox_change.at IS 'When.';

--
-- Name: inbox_change_number_seq; Type: SEQUENCE; Schema: notice; Owner: -
--

ALTER TABLE notice.inbox_change ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME notice.inbox_change_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: SEQUENCE inbox_change_number_seq; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON SEQUENCE notice.inbox_change_number_seq IS 'Of notice.inbox_change.number.';

--
-- Name: last_position; Type: SEQUENCE; Schema: notice; Owner: -
--

CREATE SEQUENCE notice.last_position
    START WITH 0
    INCREMENT BY 1
    MINVALUE 0
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE last_position; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON SEQUENCE notice.last_position IS 'The highest position that has been given out, to notices and deliveries alike.';

--
-- Name: link_key; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.link_key (
    key bytea NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT link_key_length CHECK ((octet_length(key) = 32)),
    CONSTRAINT link_key_single CHECK (single)
);

--
-- Name: TABLE link_key; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.link_key IS 'What receipt links are signed with. A secret.';

--
-- Name: COLUMN link_key.key; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.link_key.key IS 'Random, made by the migration.';

--
-- Name: COLUMN link_key.single; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.link_key.single IS 'There is one row.';

--
-- Name: open_delivery; Type: VIEW; Schema: notice; Owner: -
--

CREATE VIEW notice.open_delivery AS
 SELECT o.namespace,
    o.channel,
    o.user_name,
    o.state,
    (clock_timestamp() - o.at) AS age,
    o.due,
    o.attempts,
    o.code,
    o.text,
    n.notice_id,
    n.title,
    o."position"
   FROM (( SELECT d."position",
            d.notice_position,
            d.namespace,
            d.user_name,
            d.channel,
            d.channel_id,
            d.address,
            d.language,
            d.state,
            d.attempts,
            d.tries,
            d.at,
            d.due,
            d.message_id,
            d.code,
            d.text,
            d.receipt_at,
            d.receipt_by,
            d.receipt_told,
            d.cancelled,
            d.hidden
           FROM notice.delivery d
          WHERE ((d.due IS NOT NULL) AND (d.state = ANY (ARRAY['waiting'::notice.state, 'sending'::notice.state])))
        UNION ALL
         SELECT d."position",
            d.notice_position,
            d.namespace,
            d.user_name,
            d.channel,
            d.channel_id,
            d.address,
            d.language,
            d.state,
            d.attempts,
            d.tries,
            d.at,
            d.due,
            d.message_id,
            d.code,
            d.text,
            d.receipt_at,
            d.receipt_by,
            d.receipt_told,
            d.cancelled,
            d.hidden
           FROM notice.delivery d
          WHERE (d.state = 'unknown'::notice.state)) o
     LEFT JOIN notice.notice n ON ((n."position" = o.notice_position)));

--
-- Name: VIEW open_delivery; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON VIEW notice.open_delivery IS 'Deliveries that wait, are being sent, or may have been. Only these are read.';

--
-- Name: COLUMN open_delivery.namespace; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.namespace IS 'Of the notice.';

--
-- Name: COLUMN open_delivery.channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.channel IS 'On which channel.';

--
-- Name: COLUMN open_delivery.user_name; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.user_name IS 'To whom.';

--
-- Name: COLUMN open_delivery.state; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.state IS 'waiting, sending or unknown.';

--
-- Name: COLUMN open_delivery.age; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.age IS 'How long it has stood so.';

--
-- Name: COLUMN open_delivery.due; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.due IS 'When something happens by itself; NULL: never.';

--
-- Name: COLUMN open_delivery.attempts; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.attempts IS 'Attempts so far.';

--
-- Name: COLUMN open_delivery.code; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.code IS 'The code of the last one; NULL: none.';

--
-- Name: COLUMN open_delivery.text; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.text IS 'What was said with it.';

--
-- Name: COLUMN open_delivery.notice_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.notice_id IS 'The notice.';

--
-- Name: COLUMN open_delivery.title; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery.title IS 'Its title.';

--
-- Name: COLUMN open_delivery."position"; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.open_delivery."position" IS 'The delivery''s id.';

--
-- Name: part; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.part (
    notice_position bigint NOT NULL,
    number integer NOT NULL,
    users text[] NOT NULL COLLATE pg_catalog."C",
    channel_ids integer[] NOT NULL
);

--
-- Name: TABLE part; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.part IS 'Recipients of large sends whose deliveries are still to be made, in parts: a part goes in the transaction that makes its deliveries.';

--
-- Name: COLUMN part.notice_position; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.part.notice_position IS 'Of which notice.';

--
-- Name: COLUMN part.number; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.part.number IS 'From 1.';

--
-- Name: COLUMN part.users; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.part.users IS 'At most 1,000.';

--
-- Name: COLUMN part.channel_ids; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.part.channel_ids IS 'Of the notice''s channels, in their order, when it was sent; NULL within: site.';

--
-- Name: quota_use; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.quota_use (
    channel_id integer NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

--
-- Name: TABLE quota_use; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.quota_use IS 'Messages lately begun on channels with a quota, so that a server that takes over, or starts again, keeps it.';

--
-- Name: COLUMN quota_use.channel_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.quota_use.channel_id IS 'Which channel.';

--
-- Name: COLUMN quota_use.at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.quota_use.at IS 'When the message was begun.';

--
-- Name: revision; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.revision (
    value bigint NOT NULL,
    single boolean DEFAULT true NOT NULL,
    CONSTRAINT revision_single CHECK (single)
);

--
-- Name: TABLE revision; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.revision IS 'How often channels have changed: the servers look, and load them anew.';

--
-- Name: COLUMN revision.value; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.revision.value IS 'Rises with each change of notice.channel.';

--
-- Name: COLUMN revision.single; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.revision.single IS 'There is one row.';

--
-- Name: upload; Type: TABLE; Schema: notice; Owner: -
--

CREATE TABLE notice.upload (
    attachment_id uuid NOT NULL,
    begun_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

--
-- Name: TABLE upload; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TABLE notice.upload IS 'Attachments that have parts and no row yet. What is not completed within a day goes.';

--
-- Name: COLUMN upload.attachment_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.upload.attachment_id IS 'The id that it will have.';

--
-- Name: COLUMN upload.begun_at; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON COLUMN notice.upload.begun_at IS 'When its first part came.';

--
-- Name: extension; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.extension (
    host text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    port integer NOT NULL,
    pid integer,
    registered_at timestamp with time zone NOT NULL,
    server_node text NOT NULL,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT extension_host_length CHECK (((octet_length(host) >= 1) AND (octet_length(host) <= 255))),
    CONSTRAINT extension_name_characters CHECK (((name !~ '[/[:cntrl:]]'::text) AND (name <> ALL (ARRAY['.'::text, '..'::text])))),
    CONSTRAINT extension_name_length CHECK (((octet_length(name) >= 1) AND (octet_length(name) <= 255))),
    CONSTRAINT extension_pid_positive CHECK ((pid > 0)),
    CONSTRAINT extension_port_range CHECK (((port >= 1) AND (port <= 65535)))
);

--
-- Name: TABLE extension; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.extension IS 'Extensions of the function that are registered: who is told of invocations. The servers of a host share its rows. At most 10 of a host: registry.register_extension().';

--
-- Name: COLUMN extension.host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.host IS 'Host name of the machine that the extension and its servers run on.';

--
-- Name: COLUMN extension.name; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.name IS 'File name of the extension.';

--
-- Name: COLUMN extension.port; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.port IS 'Port of 127.0.0.1 where it receives invocations.';

--
-- Name: COLUMN extension.pid; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.pid IS 'Its process, if a server has started it from its folder: the row goes with the process. NULL if nobody knows.';

--
-- Name: COLUMN extension.registered_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.registered_at IS 'When it registered: first, since it moved, or since its process was started.';

--
-- Name: COLUMN extension.server_node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.server_node IS 'The Junction server that it registered with then.';

--
-- Name: COLUMN extension.caller_address; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.caller_address IS 'Address of the caller who registered it; empty if unknown.';

--
-- Name: COLUMN extension.caller_application; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN extension.caller_user; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN extension.trace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.extension.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: invocation; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.invocation (
    id uuid NOT NULL,
    invoked_at timestamp with time zone NOT NULL,
    trace_id text NOT NULL,
    function_urn text NOT NULL,
    host text NOT NULL COLLATE pg_catalog."C",
    extension text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    outcome text NOT NULL,
    http_status integer,
    duration interval NOT NULL,
    error text NOT NULL,
    server_node text NOT NULL,
    caller_address text NOT NULL,
    caller_application text NOT NULL,
    caller_user text NOT NULL,
    trace text NOT NULL,
    CONSTRAINT invocation_duration_positive CHECK ((duration >= '00:00:00'::interval)),
    CONSTRAINT invocation_ok_has_no_error CHECK (((outcome = 'ok'::text) = (error = ''::text))),
    CONSTRAINT invocation_outcome_known CHECK ((outcome = ANY (ARRAY['ok'::text, 'refused'::text, 'unreached'::text, 'timed_out'::text, 'overloaded'::text])))
)
PARTITION BY RANGE (invoked_at);

--
-- Name: TABLE invocation; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.invocation IS 'One row for each extension that was to be told of an invocation of the function, written when the outcome is known. Those of one invocation have the same trace_id.';

--
-- Name: COLUMN invocation.id; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.id IS 'UUID, ordered by time.';

--
-- Name: COLUMN invocation.invoked_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.invoked_at IS 'When the extension was told.';

--
-- Name: COLUMN invocation.trace_id; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.trace_id IS 'What the extension got as traceId: given by the caller, or the request id of the call.';

--
-- Name: COLUMN invocation.function_urn; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.function_urn IS 'What the extension got as invokedFunctionUrn.';

--
-- Name: COLUMN invocation.host; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.host IS 'Host of the extension.';

--
-- Name: COLUMN invocation.extension; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.extension IS 'Name of the extension.';

--
-- Name: COLUMN invocation.address; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.address IS 'Where it was told.';

--
-- Name: COLUMN invocation.outcome; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.outcome IS 'ok: HTTP 200; refused: another status; unreached: it was not reached, or broke off; timed_out: no answer in time; overloaded: it had too many invocations waiting and was not told.';

--
-- Name: COLUMN invocation.http_status; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.http_status IS 'HTTP status of its answer; NULL if none came.';

--
-- Name: COLUMN invocation.duration; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.duration IS 'Time until the outcome was known.';

--
-- Name: COLUMN invocation.error; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.error IS 'Why it is not ok; else empty.';

--
-- Name: COLUMN invocation.server_node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.server_node IS 'The Junction server that told it.';

--
-- Name: COLUMN invocation.caller_address; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.caller_address IS 'Address of the caller of the function; empty if unknown.';

--
-- Name: COLUMN invocation.caller_application; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.caller_application IS 'Application of the caller; empty if unknown.';

--
-- Name: COLUMN invocation.caller_user; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.caller_user IS 'User of the caller; empty if unknown.';

--
-- Name: COLUMN invocation.trace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.invocation.trace IS 'Trace id of the call; empty if unknown.';

--
-- Name: extension_day; Type: VIEW; Schema: registry; Owner: -
--

CREATE VIEW registry.extension_day AS
 SELECT ((invocation.invoked_at AT TIME ZONE 'UTC'::text))::date AS day,
    invocation.host,
    invocation.extension,
    count(*) AS invocations,
    count(*) FILTER (WHERE (invocation.outcome = 'ok'::text)) AS ok,
    count(*) FILTER (WHERE (invocation.outcome = 'refused'::text)) AS refused,
    count(*) FILTER (WHERE (invocation.outcome = 'unreached'::text)) AS unreached,
    count(*) FILTER (WHERE (invocation.outcome = 'timed_out'::text)) AS timed_out,
    count(*) FILTER (WHERE (invocation.outcome = 'overloaded'::text)) AS overloaded,
    percentile_disc((0.5)::double precision) WITHIN GROUP (ORDER BY invocation.duration) AS median,
    percentile_disc((0.99)::double precision) WITHIN GROUP (ORDER BY invocation.duration) AS percentile_99,
    max(invocation.duration) AS longest,
    (array_agg(invocation.error ORDER BY invocation.invoked_at DESC) FILTER (WHERE (invocation.error <> ''::text)))[1] AS last_error,
    max(invocation.invoked_at) FILTER (WHERE (invocation.error <> ''::text)) AS last_error_at
   FROM registry.invocation
  GROUP BY (((invocation.invoked_at AT TIME ZONE 'UTC'::text))::date), invocation.host, invocation.extension
  ORDER BY (((invocation.invoked_at AT TIME ZONE 'UTC'::text))::date) DESC, ((count(*) FILTER (WHERE (invocation.outcome = 'ok'::text)))::numeric / (count(*))::numeric), (percentile_disc((0.99)::double precision) WITHIN GROUP (ORDER BY invocation.duration)) DESC, invocation.host, invocation.extension;

--
-- Name: VIEW extension_day; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON VIEW registry.extension_day IS 'Extensions by day (UTC): how often and how fast they answered, and why not. Of each day those that failed most come first, then the slowest.';

--
-- Name: history; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.history (
    only_row boolean DEFAULT true NOT NULL,
    forgotten bigint DEFAULT 0 NOT NULL,
    CONSTRAINT history_one_row CHECK (only_row)
);

--
-- Name: TABLE history; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.history IS 'One row: how far the log has been forgotten.';

--
-- Name: COLUMN history.only_row; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.history.only_row IS 'Always true.';

--
-- Name: COLUMN history.forgotten; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.history.forgotten IS 'The greatest revision that has been dropped from registry.change; 0 if none. Who stands before it has to read the whole state anew.';

--
-- Name: lease; Type: TABLE; Schema: registry; Owner: -
--

CREATE TABLE registry.lease (
    namespace text NOT NULL COLLATE pg_catalog."C",
    service_key text NOT NULL COLLATE pg_catalog."C",
    node_key text NOT NULL COLLATE pg_catalog."C",
    renewed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

--
-- Name: TABLE lease; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TABLE registry.lease IS 'The last heartbeat of each node with a lease. Apart from registry.node, since it changes all the time: narrow rows, updated in place. Heartbeats are written every now and then only, without waiting for the disk: a row may be up to a quarter of the lease old.';

--
-- Name: COLUMN lease.namespace; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.lease.namespace IS 'Namespace of the service.';

--
-- Name: COLUMN lease.service_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.lease.service_key IS 'Key of the service.';

--
-- Name: COLUMN lease.node_key; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.lease.node_key IS 'Key of the node.';

--
-- Name: COLUMN lease.renewed_at; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON COLUMN registry.lease.renewed_at IS 'The last heartbeat that was written.';

--
-- Name: revision; Type: SEQUENCE; Schema: registry; Owner: -
--

CREATE SEQUENCE registry.revision
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE revision; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON SEQUENCE registry.revision IS 'Revisions of registry.change. Taken by registry.next_revision() only, which takes the lock that makes their order the order of the commits.';

--
-- Name: state; Type: VIEW; Schema: registry; Owner: -
--

CREATE VIEW registry.state AS
 SELECT 'service'::text AS kind,
    s.namespace,
    s.key AS service_key,
    s.key AS name,
    registry.service_value(s.name, s.version, s.settings, s.created_at, s.updated_at,
        CASE
            WHEN (n.key IS NULL) THEN '[]'::json
            ELSE json_build_array(registry.node_value(n.*))
        END) AS value
   FROM (registry.service s
     LEFT JOIN registry.node n ON (((n.namespace = s.namespace) AND (n.service_key = s.key) AND (n.key = ''::text))))
UNION ALL
 SELECT 'node'::text AS kind,
    n.namespace,
    n.service_key,
    n.key AS name,
    registry.node_value(n.*) AS value
   FROM registry.node n
  WHERE ((n.key <> ''::text) AND (n.expired_at IS NULL))
UNION ALL
 SELECT 'action'::text AS kind,
    a.namespace,
    a.service_key,
    a.key AS name,
    registry.action_value(a.*) AS value
   FROM registry.action a;

--
-- Name: VIEW state; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON VIEW registry.state IS 'Everything that is registered and lives, in the form of registry.change: what the log would put one by one.';

--
-- Name: carrier carrier_pkey; Type: CONSTRAINT; Schema: api_reader; Owner: -
--

ALTER TABLE ONLY api_reader.carrier
    ADD CONSTRAINT carrier_pkey PRIMARY KEY (server_node);

--
-- Name: transfer transfer_pkey; Type: CONSTRAINT; Schema: api_reader; Owner: -
--

ALTER TABLE ONLY api_reader.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (id, started_at);

--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (application, key);

--
-- Name: page_key page_key_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.page_key
    ADD CONSTRAINT page_key_pkey PRIMARY KEY (single);

--
-- Name: record record_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.record
    ADD CONSTRAINT record_pkey PRIMARY KEY ("time", "position");

--
-- Name: term term_pkey; Type: CONSTRAINT; Schema: audit; Owner: -
--

ALTER TABLE ONLY audit.term
    ADD CONSTRAINT term_pkey PRIMARY KEY ("time", "position");

--
-- Name: access_key access_key_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.access_key
    ADD CONSTRAINT access_key_pkey PRIMARY KEY (id);

--
-- Name: attempt attempt_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY (account, address);

--
-- Name: change change_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (revision, kind, name);

--
-- Name: first_start first_start_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.first_start
    ADD CONSTRAINT first_start_pkey PRIMARY KEY (single);

--
-- Name: issuer issuer_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.issuer
    ADD CONSTRAINT issuer_pkey PRIMARY KEY (name);

--
-- Name: issuer issuer_url_unique; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.issuer
    ADD CONSTRAINT issuer_url_unique UNIQUE (url, audience);

--
-- Name: known_address known_address_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.known_address
    ADD CONSTRAINT known_address_pkey PRIMARY KEY (account, address);

--
-- Name: member member_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (kind, name, group_name);

--
-- Name: own_key own_key_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.own_key
    ADD CONSTRAINT own_key_pkey PRIMARY KEY (party_id, key_id);

--
-- Name: party_grant party_grant_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.party_grant
    ADD CONSTRAINT party_grant_pkey PRIMARY KEY (party_id, kind, namespace, name);

--
-- Name: party_key party_key_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.party_key
    ADD CONSTRAINT party_key_pkey PRIMARY KEY (party_id, key_id);

--
-- Name: password password_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.password
    ADD CONSTRAINT password_pkey PRIMARY KEY (name);

--
-- Name: pending pending_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.pending
    ADD CONSTRAINT pending_pkey PRIMARY KEY (id);

--
-- Name: revision revision_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (single);

--
-- Name: revocation revocation_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.revocation
    ADD CONSTRAINT revocation_pkey PRIMARY KEY (id);

--
-- Name: role_grant role_grant_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_grant
    ADD CONSTRAINT role_grant_pkey PRIMARY KEY (kind, name, role);

--
-- Name: role_parent role_parent_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_parent
    ADD CONSTRAINT role_parent_pkey PRIMARY KEY (role, parent);

--
-- Name: role role_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (name);

--
-- Name: rule rule_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.rule
    ADD CONSTRAINT rule_pkey PRIMARY KEY (role, service, action, method, effect);

--
-- Name: seen_nonce seen_nonce_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.seen_nonce
    ADD CONSTRAINT seen_nonce_pkey PRIMARY KEY (app_key, nonce);

--
-- Name: session session_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);

--
-- Name: subject subject_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.subject
    ADD CONSTRAINT subject_pkey PRIMARY KEY (kind, name);

--
-- Name: token_key token_key_pkey; Type: CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.token_key
    ADD CONSTRAINT token_key_pkey PRIMARY KEY (id);

--
-- Name: delivery delivery_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (queue_id, "position");

--
-- Name: event event_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.event
    ADD CONSTRAINT event_pkey PRIMARY KEY ("position");

--
-- Name: log log_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (namespace, event_id, "time", number, received_at);

--
-- Name: low_water low_water_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.low_water
    ADD CONSTRAINT low_water_pkey PRIMARY KEY (queue_id, number);

--
-- Name: member member_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (name);

--
-- Name: opened opened_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.opened
    ADD CONSTRAINT opened_pkey PRIMARY KEY (number);

--
-- Name: queue queue_namespace_group_name_member_key; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.queue
    ADD CONSTRAINT queue_namespace_group_name_member_key UNIQUE (namespace, group_name, member);

--
-- Name: queue queue_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (id);

--
-- Name: revision revision_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (single);

--
-- Name: secret secret_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.secret
    ADD CONSTRAINT secret_pkey PRIMARY KEY (subscription_id, created_at);

--
-- Name: subscription subscription_namespace_name_key; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.subscription
    ADD CONSTRAINT subscription_namespace_name_key UNIQUE (namespace, name);

--
-- Name: subscription subscription_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.subscription
    ADD CONSTRAINT subscription_pkey PRIMARY KEY (id);

--
-- Name: transition transition_pkey; Type: CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.transition
    ADD CONSTRAINT transition_pkey PRIMARY KEY (queue_id, "position", number);

--
-- Name: attachment_part attachment_part_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.attachment_part
    ADD CONSTRAINT attachment_part_pkey PRIMARY KEY (attachment_id, number);

--
-- Name: attachment attachment_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);

--
-- Name: attempt attempt_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.attempt
    ADD CONSTRAINT attempt_pkey PRIMARY KEY ("position", number);

--
-- Name: channel channel_namespace_name_key; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.channel
    ADD CONSTRAINT channel_namespace_name_key UNIQUE (namespace, name);

--
-- Name: channel channel_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (id);

--
-- Name: channel channel_receipt_token_key; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.channel
    ADD CONSTRAINT channel_receipt_token_key UNIQUE (receipt_token);

--
-- Name: charge charge_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.charge
    ADD CONSTRAINT charge_pkey PRIMARY KEY (channel_id);

--
-- Name: delivery delivery_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY ("position");

--
-- Name: group_member group_member_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.group_member
    ADD CONSTRAINT group_member_pkey PRIMARY KEY (namespace, group_name, user_name);

--
-- Name: group_name group_name_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.group_name
    ADD CONSTRAINT group_name_pkey PRIMARY KEY (namespace, name);

--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (namespace, application, key);

--
-- Name: inbox_change inbox_change_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.inbox_change
    ADD CONSTRAINT inbox_change_pkey PRIMARY KEY (number);

--
-- Name: link_key link_key_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.link_key
    ADD CONSTRAINT link_key_pkey PRIMARY KEY (single);

--
-- Name: member member_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (name);

--
-- Name: notice notice_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY ("position");

--
-- Name: part part_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.part
    ADD CONSTRAINT part_pkey PRIMARY KEY (notice_position, number);

--
-- Name: recipient recipient_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.recipient
    ADD CONSTRAINT recipient_pkey PRIMARY KEY (namespace, user_name);

--
-- Name: revision revision_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (single);

--
-- Name: template template_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.template
    ADD CONSTRAINT template_pkey PRIMARY KEY (namespace, id, version);

--
-- Name: upload upload_pkey; Type: CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (attachment_id);

--
-- Name: action action_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.action
    ADD CONSTRAINT action_pkey PRIMARY KEY (namespace, service_key, key);

--
-- Name: change change_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (revision, part, at);

--
-- Name: configuration configuration_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.configuration
    ADD CONSTRAINT configuration_pkey PRIMARY KEY (namespace, host, folder, file);

--
-- Name: extension extension_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.extension
    ADD CONSTRAINT extension_pkey PRIMARY KEY (host, name);

--
-- Name: extension extension_port_unique; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.extension
    ADD CONSTRAINT extension_port_unique UNIQUE (host, port);

--
-- Name: history history_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (only_row);

--
-- Name: invocation invocation_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.invocation
    ADD CONSTRAINT invocation_pkey PRIMARY KEY (id, invoked_at);

--
-- Name: lease lease_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (namespace, service_key, node_key);

--
-- Name: member member_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (name);

--
-- Name: node node_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (namespace, service_key, key);

--
-- Name: service service_pkey; Type: CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.service
    ADD CONSTRAINT service_pkey PRIMARY KEY (namespace, key);

--
-- Name: transfer_running; Type: INDEX; Schema: api_reader; Owner: -
--

CREATE INDEX transfer_running ON ONLY api_reader.transfer USING btree (started_at) WHERE (status = 'running'::text);

--
-- Name: INDEX transfer_running; Type: COMMENT; Schema: api_reader; Owner: -
--

COMMENT ON INDEX api_reader.transfer_running IS 'Transfers under way.';

--
-- Name: idempotency_expires; Type: INDEX; Schema: audit; Owner: -
--

CREATE INDEX idempotency_expires ON audit.idempotency USING btree (expires_at);

--
-- Name: INDEX idempotency_expires; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON INDEX audit.idempotency_expires IS 'Keys that may be forgotten.';

--
-- Name: record_by_namespace; Type: INDEX; Schema: audit; Owner: -
--

CREATE INDEX record_by_namespace ON ONLY audit.record USING btree (namespace, "time", "position");

--
-- Name: INDEX record_by_namespace; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON INDEX audit.record_by_namespace IS 'A namespace by time.';

--
-- Name: term_terms; Type: INDEX; Schema: audit; Owner: -
--

CREATE INDEX term_terms ON ONLY audit.term USING gin (terms);

--
-- Name: INDEX term_terms; Type: COMMENT; Schema: audit; Owner: -
--

COMMENT ON INDEX audit.term_terms IS 'Records by term.';

--
-- Name: access_key_application; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX access_key_application ON auth.access_key USING btree (application);

--
-- Name: INDEX access_key_application; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.access_key_application IS 'For the keys of an application.';

--
-- Name: attempt_ends_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX attempt_ends_at ON auth.attempt USING btree (ends_at);

--
-- Name: INDEX attempt_ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.attempt_ends_at IS 'For those that are to be removed.';

--
-- Name: change_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX change_at ON auth.change USING btree (at);

--
-- Name: INDEX change_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.change_at IS 'For those that are to be removed.';

--
-- Name: known_address_ends_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX known_address_ends_at ON auth.known_address USING btree (ends_at);

--
-- Name: INDEX known_address_ends_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.known_address_ends_at IS 'For those that are to be removed.';

--
-- Name: member_group; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX member_group ON auth.member USING btree (group_name, kind, name);

--
-- Name: INDEX member_group; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.member_group IS 'For who is in a group.';

--
-- Name: revocation_expires_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX revocation_expires_at ON auth.revocation USING btree (expires_at);

--
-- Name: INDEX revocation_expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.revocation_expires_at IS 'For those that are to be removed.';

--
-- Name: role_grant_role; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX role_grant_role ON auth.role_grant USING btree (role, kind, name);

--
-- Name: INDEX role_grant_role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.role_grant_role IS 'For who has a role.';

--
-- Name: role_parent_parent; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX role_parent_parent ON auth.role_parent USING btree (parent);

--
-- Name: INDEX role_parent_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.role_parent_parent IS 'For who inherits from a role.';

--
-- Name: rule_service; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX rule_service ON auth.rule USING btree (service);

--
-- Name: INDEX rule_service; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.rule_service IS 'For who can do something.';

--
-- Name: seen_nonce_expires_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX seen_nonce_expires_at ON auth.seen_nonce USING btree (expires_at);

--
-- Name: INDEX seen_nonce_expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.seen_nonce_expires_at IS 'For those that are to be removed.';

--
-- Name: session_access_key; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX session_access_key ON auth.session USING btree (access_key) WHERE (access_key IS NOT NULL);

--
-- Name: INDEX session_access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.session_access_key IS 'For the sessions of an access key.';

--
-- Name: session_expires_at; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX session_expires_at ON auth.session USING btree (expires_at);

--
-- Name: INDEX session_expires_at; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.session_expires_at IS 'For those that are to be removed.';

--
-- Name: session_subject; Type: INDEX; Schema: auth; Owner: -
--

CREATE INDEX session_subject ON auth.session USING btree (kind, name);

--
-- Name: INDEX session_subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON INDEX auth.session_subject IS 'For the sessions of a subject.';

--
-- Name: event_by_id; Type: INDEX; Schema: event; Owner: -
--

CREATE INDEX event_by_id ON ONLY event.event USING btree (event_id);

--
-- Name: INDEX event_by_id; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON INDEX event.event_by_id IS 'An event by its id.';

--
-- Name: subscription_by_queue; Type: INDEX; Schema: event; Owner: -
--

CREATE INDEX subscription_by_queue ON event.subscription USING btree (queue_id);

--
-- Name: INDEX subscription_by_queue; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON INDEX event.subscription_by_queue IS 'Members of a group.';

--
-- Name: transition_by_time; Type: INDEX; Schema: event; Owner: -
--

CREATE INDEX transition_by_time ON ONLY event.transition USING brin (at) WITH (autosummarize='on');

--
-- Name: INDEX transition_by_time; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON INDEX event.transition_by_time IS 'What happened in a time: rows are written in the order of it.';

--
-- Name: transition_dead; Type: INDEX; Schema: event; Owner: -
--

CREATE INDEX transition_dead ON ONLY event.transition USING btree (queue_id, "position") WHERE (state = 'dead'::event.state);

--
-- Name: INDEX transition_dead; Type: COMMENT; Schema: event; Owner: -
--

COMMENT ON INDEX event.transition_dead IS 'Deliveries that are dead, or were until they were opened again.';

--
-- Name: attachment_by_file; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX attachment_by_file ON notice.attachment USING btree (namespace, file_id, created_at) WHERE (file_id IS NOT NULL);

--
-- Name: INDEX attachment_by_file; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.attachment_by_file IS 'What was read in the file service.';

--
-- Name: attachment_by_use; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX attachment_by_use ON notice.attachment USING btree (used_at) WHERE (used_at IS NOT NULL);

--
-- Name: INDEX attachment_by_use; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.attachment_by_use IS 'By the last notice that carries them.';

--
-- Name: attachment_unused; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX attachment_unused ON notice.attachment USING btree (created_at) WHERE (used_at IS NULL);

--
-- Name: INDEX attachment_unused; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.attachment_unused IS 'Those that no notice carries.';

--
-- Name: delivery_by_message; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_by_message ON ONLY notice.delivery USING btree (channel_id, message_id) WHERE (message_id IS NOT NULL);

--
-- Name: INDEX delivery_by_message; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_by_message IS 'What a provider reports of.';

--
-- Name: delivery_by_notice; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_by_notice ON ONLY notice.delivery USING btree (notice_position, "position");

--
-- Name: INDEX delivery_by_notice; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_by_notice IS 'Those of a notice.';

--
-- Name: delivery_by_user; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_by_user ON ONLY notice.delivery USING btree (namespace, user_name, "position");

--
-- Name: INDEX delivery_by_user; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_by_user IS 'All that a user was sent.';

--
-- Name: delivery_due; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_due ON ONLY notice.delivery USING btree (channel_id, due, "position") WHERE (due IS NOT NULL);

--
-- Name: INDEX delivery_due; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_due IS 'What is to be done, by channel, in order.';

--
-- Name: delivery_inbox; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_inbox ON ONLY notice.delivery USING btree (namespace, user_name, "position") WHERE ((channel_id IS NULL) AND (NOT hidden));

--
-- Name: INDEX delivery_inbox; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_inbox IS 'An inbox.';

--
-- Name: delivery_not_sent; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_not_sent ON ONLY notice.delivery USING btree (namespace, "position") WHERE (state = ANY (ARRAY['failed'::notice.state, 'unknown'::notice.state]));

--
-- Name: INDEX delivery_not_sent; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_not_sent IS 'Those that did not arrive, or may not have.';

--
-- Name: delivery_receipt; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_receipt ON ONLY notice.delivery USING btree ("position") WHERE ((receipt_at IS NOT NULL) AND (NOT receipt_told));

--
-- Name: INDEX delivery_receipt; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_receipt IS 'Receipts that are still to be published.';

--
-- Name: delivery_unread; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX delivery_unread ON ONLY notice.delivery USING btree (namespace, user_name, "position") WHERE ((channel_id IS NULL) AND (state = 'delivered'::notice.state) AND (NOT hidden));

--
-- Name: INDEX delivery_unread; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.delivery_unread IS 'What is unread in an inbox.';

--
-- Name: idempotency_by_end; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX idempotency_by_end ON notice.idempotency USING btree (expires_at);

--
-- Name: INDEX idempotency_by_end; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.idempotency_by_end IS 'What is to be forgotten.';

--
-- Name: inbox_change_by_transaction; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX inbox_change_by_transaction ON notice.inbox_change USING btree (transaction);

--
-- Name: INDEX inbox_change_by_transaction; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.inbox_change_by_transaction IS 'Those since a snapshot.';

--
-- Name: notice_by_id; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX notice_by_id ON ONLY notice.notice USING btree (notice_id);

--
-- Name: INDEX notice_by_id; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.notice_by_id IS 'A notice by its id.';

--
-- Name: quota_use_by_channel; Type: INDEX; Schema: notice; Owner: -
--

CREATE INDEX quota_use_by_channel ON notice.quota_use USING btree (channel_id, at);

--
-- Name: INDEX quota_use_by_channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON INDEX notice.quota_use_by_channel IS 'Those of a channel.';

--
-- Name: configuration_by_service; Type: INDEX; Schema: registry; Owner: -
--

CREATE INDEX configuration_by_service ON registry.configuration USING btree (namespace, service_key);

--
-- Name: INDEX configuration_by_service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON INDEX registry.configuration_by_service IS 'The files that bring a service.';

--
-- Name: invocation_trace_id; Type: INDEX; Schema: registry; Owner: -
--

CREATE INDEX invocation_trace_id ON ONLY registry.invocation USING btree (trace_id);

--
-- Name: INDEX invocation_trace_id; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON INDEX registry.invocation_trace_id IS 'What came of one invocation.';

--
-- Name: slowest_target _RETURN; Type: RULE; Schema: event; Owner: -
--

CREATE OR REPLACE VIEW event.slowest_target AS
 SELECT s.namespace,
    q.group_name,
    s.name AS subscription,
    s.target,
    COALESCE(s.url, s.service) AS address,
    count(*) AS attempts,
    count(*) FILTER (WHERE (t.state = ANY (ARRAY['failed'::event.state, 'dead'::event.state]))) AS failures,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY t.latency_ms) AS p50_ms,
    percentile_cont((0.99)::double precision) WITHIN GROUP (ORDER BY t.latency_ms) AS p99_ms
   FROM ((event.transition t
     JOIN event.subscription s ON ((s.id = t.subscription_id)))
     JOIN event.queue q ON ((q.id = s.queue_id)))
  WHERE ((t.at > (now() - '01:00:00'::interval)) AND (t.latency_ms IS NOT NULL))
  GROUP BY s.id, q.id
  ORDER BY (percentile_cont((0.99)::double precision) WITHIN GROUP (ORDER BY t.latency_ms)) DESC;

--
-- Name: access_key access_key_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER access_key_added AFTER INSERT ON auth.access_key REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('access_key', 'id');

--
-- Name: TRIGGER access_key_added ON access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER access_key_added ON auth.access_key IS 'Notes what was added.';

--
-- Name: access_key access_key_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER access_key_changed AFTER UPDATE ON auth.access_key REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('access_key', 'id');

--
-- Name: TRIGGER access_key_changed ON access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER access_key_changed ON auth.access_key IS 'Notes what was changed.';

--
-- Name: access_key access_key_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER access_key_removed AFTER DELETE ON auth.access_key REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('access_key', 'id');

--
-- Name: TRIGGER access_key_removed ON access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER access_key_removed ON auth.access_key IS 'Notes what was removed.';

--
-- Name: access_key access_key_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER access_key_truncated BEFORE TRUNCATE ON auth.access_key FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER access_key_truncated ON access_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER access_key_truncated ON auth.access_key IS 'Refuses it.';

--
-- Name: issuer issuer_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER issuer_added AFTER INSERT ON auth.issuer REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('issuer', 'name');

--
-- Name: TRIGGER issuer_added ON issuer; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER issuer_added ON auth.issuer IS 'Notes what was added.';

--
-- Name: issuer issuer_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER issuer_changed AFTER UPDATE ON auth.issuer REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('issuer', 'name');

--
-- Name: TRIGGER issuer_changed ON issuer; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER issuer_changed ON auth.issuer IS 'Notes what was changed.';

--
-- Name: issuer issuer_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER issuer_removed AFTER DELETE ON auth.issuer REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('issuer', 'name');

--
-- Name: TRIGGER issuer_removed ON issuer; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER issuer_removed ON auth.issuer IS 'Notes what was removed.';

--
-- Name: issuer issuer_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER issuer_truncated BEFORE TRUNCATE ON auth.issuer FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER issuer_truncated ON issuer; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER issuer_truncated ON auth.issuer IS 'Refuses it.';

--
-- Name: member member_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER member_added AFTER INSERT ON auth.member REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER member_added ON member; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER member_added ON auth.member IS 'Notes what was added.';

--
-- Name: member member_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER member_changed AFTER UPDATE ON auth.member REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER member_changed ON member; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER member_changed ON auth.member IS 'Notes what was changed.';

--
-- Name: member member_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER member_removed AFTER DELETE ON auth.member REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER member_removed ON member; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER member_removed ON auth.member IS 'Notes what was removed.';

--
-- Name: member member_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER member_truncated BEFORE TRUNCATE ON auth.member FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER member_truncated ON member; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER member_truncated ON auth.member IS 'Refuses it.';

--
-- Name: party_grant party_grant_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_grant_added AFTER INSERT ON auth.party_grant REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_grant_added ON party_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_grant_added ON auth.party_grant IS 'Notes what was added.';

--
-- Name: party_grant party_grant_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_grant_changed AFTER UPDATE ON auth.party_grant REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_grant_changed ON party_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_grant_changed ON auth.party_grant IS 'Notes what was changed.';

--
-- Name: party_grant party_grant_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_grant_removed AFTER DELETE ON auth.party_grant REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_grant_removed ON party_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_grant_removed ON auth.party_grant IS 'Notes what was removed.';

--
-- Name: party_grant party_grant_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_grant_truncated BEFORE TRUNCATE ON auth.party_grant FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER party_grant_truncated ON party_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_grant_truncated ON auth.party_grant IS 'Refuses it.';

--
-- Name: party_key party_key_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_key_added AFTER INSERT ON auth.party_key REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_key_added ON party_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_key_added ON auth.party_key IS 'Notes what was added.';

--
-- Name: party_key party_key_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_key_changed AFTER UPDATE ON auth.party_key REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_key_changed ON party_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_key_changed ON auth.party_key IS 'Notes what was changed.';

--
-- Name: party_key party_key_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_key_removed AFTER DELETE ON auth.party_key REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', '');

--
-- Name: TRIGGER party_key_removed ON party_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_key_removed ON auth.party_key IS 'Notes what was removed.';

--
-- Name: party_key party_key_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER party_key_truncated BEFORE TRUNCATE ON auth.party_key FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER party_key_truncated ON party_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER party_key_truncated ON auth.party_key IS 'Refuses it.';

--
-- Name: password password_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER password_added AFTER INSERT ON auth.password REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER password_added ON password; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER password_added ON auth.password IS 'Notes what was added.';

--
-- Name: password password_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER password_changed AFTER UPDATE ON auth.password REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER password_changed ON password; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER password_changed ON auth.password IS 'Notes what was changed.';

--
-- Name: password password_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER password_removed AFTER DELETE ON auth.password REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER password_removed ON password; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER password_removed ON auth.password IS 'Notes what was removed.';

--
-- Name: password password_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER password_truncated BEFORE TRUNCATE ON auth.password FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER password_truncated ON password; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER password_truncated ON auth.password IS 'Refuses it.';

--
-- Name: pending pending_publish; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE CONSTRAINT TRIGGER pending_publish AFTER INSERT ON auth.pending DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION auth.publish_change();

--
-- Name: TRIGGER pending_publish ON pending; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER pending_publish ON auth.pending IS 'At the commit: auth.publish_change().';

--
-- Name: revocation revocation_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER revocation_added AFTER INSERT ON auth.revocation REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('revocation', 'id');

--
-- Name: TRIGGER revocation_added ON revocation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER revocation_added ON auth.revocation IS 'Notes what was added.';

--
-- Name: revocation revocation_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER revocation_changed AFTER UPDATE ON auth.revocation REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('revocation', 'id');

--
-- Name: TRIGGER revocation_changed ON revocation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER revocation_changed ON auth.revocation IS 'Notes what was changed.';

--
-- Name: revocation revocation_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER revocation_removed AFTER DELETE ON auth.revocation REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('revocation', 'id');

--
-- Name: TRIGGER revocation_removed ON revocation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER revocation_removed ON auth.revocation IS 'Notes what was removed.';

--
-- Name: revocation revocation_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER revocation_truncated BEFORE TRUNCATE ON auth.revocation FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER revocation_truncated ON revocation; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER revocation_truncated ON auth.revocation IS 'Refuses it.';

--
-- Name: role role_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_added AFTER INSERT ON auth.role REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'name');

--
-- Name: TRIGGER role_added ON role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_added ON auth.role IS 'Notes what was added.';

--
-- Name: role role_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_changed AFTER UPDATE ON auth.role REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'name');

--
-- Name: TRIGGER role_changed ON role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_changed ON auth.role IS 'Notes what was changed.';

--
-- Name: role_grant role_grant_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_grant_added AFTER INSERT ON auth.role_grant REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER role_grant_added ON role_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_grant_added ON auth.role_grant IS 'Notes what was added.';

--
-- Name: role_grant role_grant_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_grant_changed AFTER UPDATE ON auth.role_grant REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER role_grant_changed ON role_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_grant_changed ON auth.role_grant IS 'Notes what was changed.';

--
-- Name: role_grant role_grant_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_grant_removed AFTER DELETE ON auth.role_grant REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER role_grant_removed ON role_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_grant_removed ON auth.role_grant IS 'Notes what was removed.';

--
-- Name: role_grant role_grant_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_grant_truncated BEFORE TRUNCATE ON auth.role_grant FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER role_grant_truncated ON role_grant; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_grant_truncated ON auth.role_grant IS 'Refuses it.';

--
-- Name: role_parent role_parent_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_parent_added AFTER INSERT ON auth.role_parent REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER role_parent_added ON role_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_parent_added ON auth.role_parent IS 'Notes what was added.';

--
-- Name: role_parent role_parent_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_parent_changed AFTER UPDATE ON auth.role_parent REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER role_parent_changed ON role_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_parent_changed ON auth.role_parent IS 'Notes what was changed.';

--
-- Name: role_parent role_parent_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_parent_removed AFTER DELETE ON auth.role_parent REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER role_parent_removed ON role_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_parent_removed ON auth.role_parent IS 'Notes what was removed.';

--
-- Name: role_parent role_parent_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_parent_truncated BEFORE TRUNCATE ON auth.role_parent FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER role_parent_truncated ON role_parent; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_parent_truncated ON auth.role_parent IS 'Refuses it.';

--
-- Name: role role_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_removed AFTER DELETE ON auth.role REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'name');

--
-- Name: TRIGGER role_removed ON role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_removed ON auth.role IS 'Notes what was removed.';

--
-- Name: role role_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER role_truncated BEFORE TRUNCATE ON auth.role FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER role_truncated ON role; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER role_truncated ON auth.role IS 'Refuses it.';

--
-- Name: rule rule_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER rule_added AFTER INSERT ON auth.rule REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER rule_added ON rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER rule_added ON auth.rule IS 'Notes what was added.';

--
-- Name: rule rule_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER rule_changed AFTER UPDATE ON auth.rule REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER rule_changed ON rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER rule_changed ON auth.rule IS 'Notes what was changed.';

--
-- Name: rule rule_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER rule_removed AFTER DELETE ON auth.rule REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('role', 'role');

--
-- Name: TRIGGER rule_removed ON rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER rule_removed ON auth.rule IS 'Notes what was removed.';

--
-- Name: rule rule_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER rule_truncated BEFORE TRUNCATE ON auth.rule FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER rule_truncated ON rule; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER rule_truncated ON auth.rule IS 'Refuses it.';

--
-- Name: subject subject_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER subject_added AFTER INSERT ON auth.subject REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER subject_added ON subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER subject_added ON auth.subject IS 'Notes what was added.';

--
-- Name: subject subject_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER subject_changed AFTER UPDATE ON auth.subject REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER subject_changed ON subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER subject_changed ON auth.subject IS 'Notes what was changed.';

--
-- Name: subject subject_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER subject_removed AFTER DELETE ON auth.subject REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('', 'name');

--
-- Name: TRIGGER subject_removed ON subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER subject_removed ON auth.subject IS 'Notes what was removed.';

--
-- Name: subject subject_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER subject_truncated BEFORE TRUNCATE ON auth.subject FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER subject_truncated ON subject; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER subject_truncated ON auth.subject IS 'Refuses it.';

--
-- Name: token_key token_key_added; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER token_key_added AFTER INSERT ON auth.token_key REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('token_key', 'id');

--
-- Name: TRIGGER token_key_added ON token_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER token_key_added ON auth.token_key IS 'Notes what was added.';

--
-- Name: token_key token_key_changed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER token_key_changed AFTER UPDATE ON auth.token_key REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('token_key', 'id');

--
-- Name: TRIGGER token_key_changed ON token_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER token_key_changed ON auth.token_key IS 'Notes what was changed.';

--
-- Name: token_key token_key_removed; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER token_key_removed AFTER DELETE ON auth.token_key REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION auth.note_change('token_key', 'id');

--
-- Name: TRIGGER token_key_removed ON token_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER token_key_removed ON auth.token_key IS 'Notes what was removed.';

--
-- Name: token_key token_key_truncated; Type: TRIGGER; Schema: auth; Owner: -
--

CREATE TRIGGER token_key_truncated BEFORE TRUNCATE ON auth.token_key FOR EACH STATEMENT EXECUTE FUNCTION auth.refuse_truncate();

--
-- Name: TRIGGER token_key_truncated ON token_key; Type: COMMENT; Schema: auth; Owner: -
--

COMMENT ON TRIGGER token_key_truncated ON auth.token_key IS 'Refuses it.';

--
-- Name: queue publish_change; Type: TRIGGER; Schema: event; Owner: -
--

CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR DELETE OR UPDATE ON event.queue DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();

--
-- Name: secret publish_change; Type: TRIGGER; Schema: event; Owner: -
--

CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR DELETE OR UPDATE ON event.secret DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();

--
-- Name: subscription publish_change; Type: TRIGGER; Schema: event; Owner: -
--

CREATE CONSTRAINT TRIGGER publish_change AFTER INSERT OR DELETE OR UPDATE ON event.subscription DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION event.publish_change();

--
-- Name: channel audit_channel; Type: TRIGGER; Schema: notice; Owner: -
--

CREATE TRIGGER audit_channel AFTER INSERT OR DELETE OR UPDATE ON notice.channel FOR EACH ROW EXECUTE FUNCTION notice.audit_channel();

--
-- Name: TRIGGER audit_channel ON channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TRIGGER audit_channel ON notice.channel IS 'Each change of a channel is in the audit.';

--
-- Name: channel note_change; Type: TRIGGER; Schema: notice; Owner: -
--

CREATE TRIGGER note_change BEFORE INSERT OR DELETE OR UPDATE ON notice.channel FOR EACH STATEMENT EXECUTE FUNCTION notice.note_change();

--
-- Name: TRIGGER note_change ON channel; Type: COMMENT; Schema: notice; Owner: -
--

COMMENT ON TRIGGER note_change ON notice.channel IS 'Each statement that changes channels counts.';

--
-- Name: action action_is_taken_over; Type: TRIGGER; Schema: registry; Owner: -
--

CREATE TRIGGER action_is_taken_over BEFORE UPDATE ON registry.action FOR EACH ROW WHEN ((old.origin IS NOT NULL)) EXECUTE FUNCTION registry.take_over_action();

--
-- Name: TRIGGER action_is_taken_over ON action; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TRIGGER action_is_taken_over ON registry.action IS 'A configured action that is registered is no configuration''s any more.';

--
-- Name: node node_deletes_leases; Type: TRIGGER; Schema: registry; Owner: -
--

CREATE TRIGGER node_deletes_leases AFTER DELETE ON registry.node REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry.delete_leases();

--
-- Name: TRIGGER node_deletes_leases ON node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TRIGGER node_deletes_leases ON registry.node IS 'A lease goes with its node.';

--
-- Name: node node_stays_configured; Type: TRIGGER; Schema: registry; Owner: -
--

CREATE TRIGGER node_stays_configured BEFORE UPDATE OF host, metadata ON registry.node FOR EACH ROW WHEN ((old.configured AND (((((((old.host IS DISTINCT FROM new.host) OR (old.port IS DISTINCT FROM new.port)) OR (old.protocol IS DISTINCT FROM new.protocol)) OR ((old.metadata)::text IS DISTINCT FROM (new.metadata)::text)) OR (old.check_kind IS DISTINCT FROM new.check_kind)) OR (old.check_path IS DISTINCT FROM new.check_path)) OR (old.lease IS DISTINCT FROM new.lease)))) EXECUTE FUNCTION registry.keep_configured_node();

--
-- Name: TRIGGER node_stays_configured ON node; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TRIGGER node_stays_configured ON registry.node IS 'A configured node is where its file says; others may change its weight, and whether it is enabled.';

--
-- Name: service service_deletes_nodes; Type: TRIGGER; Schema: registry; Owner: -
--

CREATE TRIGGER service_deletes_nodes AFTER DELETE ON registry.service REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION registry.delete_nodes();

--
-- Name: TRIGGER service_deletes_nodes ON service; Type: COMMENT; Schema: registry; Owner: -
--

COMMENT ON TRIGGER service_deletes_nodes ON registry.service IS 'What ON DELETE CASCADE would do if registry.node had a foreign key.';

--
-- Name: access_key access_key_subject_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.access_key
    ADD CONSTRAINT access_key_subject_fkey FOREIGN KEY (kind, application) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: member member_group_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.member
    ADD CONSTRAINT member_group_fkey FOREIGN KEY (group_kind, group_name) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: member member_subject_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.member
    ADD CONSTRAINT member_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: own_key own_key_party_key_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.own_key
    ADD CONSTRAINT own_key_party_key_fkey FOREIGN KEY (party_id, key_id) REFERENCES auth.party_key(party_id, key_id) ON DELETE CASCADE;

--
-- Name: password password_subject_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.password
    ADD CONSTRAINT password_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: role_grant role_grant_role_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_grant
    ADD CONSTRAINT role_grant_role_fkey FOREIGN KEY (role) REFERENCES auth.role(name) ON DELETE CASCADE;

--
-- Name: role_grant role_grant_subject_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_grant
    ADD CONSTRAINT role_grant_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: role_parent role_parent_parent_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_parent
    ADD CONSTRAINT role_parent_parent_fkey FOREIGN KEY (parent) REFERENCES auth.role(name) ON DELETE CASCADE;

--
-- Name: role_parent role_parent_role_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.role_parent
    ADD CONSTRAINT role_parent_role_fkey FOREIGN KEY (role) REFERENCES auth.role(name) ON DELETE CASCADE;

--
-- Name: rule rule_role_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.rule
    ADD CONSTRAINT rule_role_fkey FOREIGN KEY (role) REFERENCES auth.role(name) ON DELETE CASCADE;

--
-- Name: session session_subject_fkey; Type: FK CONSTRAINT; Schema: auth; Owner: -
--

ALTER TABLE ONLY auth.session
    ADD CONSTRAINT session_subject_fkey FOREIGN KEY (kind, name) REFERENCES auth.subject(kind, name) ON DELETE CASCADE;

--
-- Name: secret secret_subscription_id_fkey; Type: FK CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.secret
    ADD CONSTRAINT secret_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES event.subscription(id) ON DELETE CASCADE;

--
-- Name: subscription subscription_queue_id_fkey; Type: FK CONSTRAINT; Schema: event; Owner: -
--

ALTER TABLE ONLY event.subscription
    ADD CONSTRAINT subscription_queue_id_fkey FOREIGN KEY (queue_id) REFERENCES event.queue(id);

--
-- Name: charge charge_channel_id_fkey; Type: FK CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.charge
    ADD CONSTRAINT charge_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES notice.channel(id) ON DELETE CASCADE;

--
-- Name: group_member group_member_group_fkey; Type: FK CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.group_member
    ADD CONSTRAINT group_member_group_fkey FOREIGN KEY (namespace, group_name) REFERENCES notice.group_name(namespace, name) ON DELETE CASCADE;

--
-- Name: quota_use quota_use_channel_id_fkey; Type: FK CONSTRAINT; Schema: notice; Owner: -
--

ALTER TABLE ONLY notice.quota_use
    ADD CONSTRAINT quota_use_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES notice.channel(id) ON DELETE CASCADE;

--
-- Name: action action_service_fkey; Type: FK CONSTRAINT; Schema: registry; Owner: -
--

ALTER TABLE ONLY registry.action
    ADD CONSTRAINT action_service_fkey FOREIGN KEY (namespace, service_key) REFERENCES registry.service(namespace, key) ON DELETE CASCADE;

--
-- Name: SCHEMA api_reader; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA api_reader TO junction_app;
GRANT USAGE ON SCHEMA api_reader TO junction_reader;

--
-- Name: SCHEMA audit; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA audit TO junction_app;
GRANT USAGE ON SCHEMA audit TO junction_reader;

--
-- Name: SCHEMA auth; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA auth TO junction_app;
GRANT USAGE ON SCHEMA auth TO junction_reader;

--
-- Name: SCHEMA event; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA event TO junction_app;
GRANT USAGE ON SCHEMA event TO junction_reader;

--
-- Name: SCHEMA notice; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA notice TO junction_app;
GRANT USAGE ON SCHEMA notice TO junction_reader;

--
-- Name: SCHEMA registry; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA registry TO junction_app;
GRANT USAGE ON SCHEMA registry TO junction_reader;

--
-- Name: FUNCTION begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: ACL; Schema: api_reader; Owner: -
--

REVOKE ALL ON FUNCTION api_reader.begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api_reader.begin_transfers(ids uuid[], directions text[], namespaces text[], server_names text[], job_ids text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) TO junction_app;

--
-- Name: FUNCTION end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]); Type: ACL; Schema: api_reader; Owner: -
--

REVOKE ALL ON FUNCTION api_reader.end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api_reader.end_transfers(ids uuid[], started_ats timestamp with time zone[], milliseconds bigint[], statuses text[], bytes_carried bigint[], job_ids text[], http_statuses integer[], codes bigint[], errors text[]) TO junction_app;

--
-- Name: FUNCTION keep_carrier(server_node text, running uuid[]); Type: ACL; Schema: api_reader; Owner: -
--

REVOKE ALL ON FUNCTION api_reader.keep_carrier(server_node text, running uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api_reader.keep_carrier(server_node text, running uuid[]) TO junction_app;

--
-- Name: FUNCTION keep_history(days integer); Type: ACL; Schema: api_reader; Owner: -
--

REVOKE ALL ON FUNCTION api_reader.keep_history(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api_reader.keep_history(days integer) TO junction_app;

--
-- Name: FUNCTION append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.append(ids uuid[], event_times timestamp with time zone[], opt_types integer[], result_types integer[], severities audit.severity[], namespaces text[], source_nodes text[], contents text[], targets text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[], exts json[], idempotency_keys text[], request_hashes bytea[], idempotency_ms bigint[]) TO junction_app;

--
-- Name: FUNCTION estimate(query tsquery, since timestamp with time zone, until timestamp with time zone); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.estimate(query tsquery, since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.estimate(query tsquery, since timestamp with time zone, until timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION audit.estimate(query tsquery, since timestamp with time zone, until timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION ext_object(ext json); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.ext_object(ext json) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.ext_object(ext json) TO junction_app;
GRANT ALL ON FUNCTION audit.ext_object(ext json) TO junction_reader;

--
-- Name: FUNCTION ext_values(ext json, path jsonpath); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.ext_values(ext json, path jsonpath) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.ext_values(ext json, path jsonpath) TO junction_app;
GRANT ALL ON FUNCTION audit.ext_values(ext json, path jsonpath) TO junction_reader;

--
-- Name: FUNCTION lexeme(term text); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.lexeme(term text) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.lexeme(term text) TO junction_app;
GRANT ALL ON FUNCTION audit.lexeme(term text) TO junction_reader;

--
-- Name: FUNCTION field_query(field text, value text); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.field_query(field text, value text) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.field_query(field text, value text) TO junction_app;
GRANT ALL ON FUNCTION audit.field_query(field text, value text) TO junction_reader;

--
-- Name: FUNCTION fold(t text); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.fold(t text) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.fold(t text) TO junction_app;
GRANT ALL ON FUNCTION audit.fold(t text) TO junction_reader;

--
-- Name: FUNCTION forget_keys(most integer); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.forget_keys(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.forget_keys(most integer) TO junction_app;

--
-- Name: FUNCTION ideographs(); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.ideographs() FROM PUBLIC;
GRANT ALL ON FUNCTION audit.ideographs() TO junction_app;
GRANT ALL ON FUNCTION audit.ideographs() TO junction_reader;

--
-- Name: FUNCTION index_next(most integer); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.index_next(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.index_next(most integer) TO junction_app;

--
-- Name: FUNCTION keep_records(days integer); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.keep_records(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.keep_records(days integer) TO junction_app;

--
-- Name: FUNCTION letters(); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.letters() FROM PUBLIC;
GRANT ALL ON FUNCTION audit.letters() TO junction_app;
GRANT ALL ON FUNCTION audit.letters() TO junction_reader;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.milliseconds(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.milliseconds(t timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION audit.milliseconds(t timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION text_terms(t text); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.text_terms(t text) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.text_terms(t text) TO junction_app;
GRANT ALL ON FUNCTION audit.text_terms(t text) TO junction_reader;

--
-- Name: FUNCTION query_terms(t text); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.query_terms(t text) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.query_terms(t text) TO junction_app;
GRANT ALL ON FUNCTION audit.query_terms(t text) TO junction_reader;

--
-- Name: TABLE record; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.record TO junction_app;
GRANT SELECT ON TABLE audit.record TO junction_reader;

--
-- Name: FUNCTION record_terms(r audit.record); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.record_terms(r audit.record) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.record_terms(r audit.record) TO junction_app;

--
-- Name: FUNCTION text_pattern(t text, every boolean); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.text_pattern(t text, every boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.text_pattern(t text, every boolean) TO junction_app;
GRANT ALL ON FUNCTION audit.text_pattern(t text, every boolean) TO junction_reader;

--
-- Name: FUNCTION text_query(t text, every boolean); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.text_query(t text, every boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.text_query(t text, every boolean) TO junction_app;
GRANT ALL ON FUNCTION audit.text_query(t text, every boolean) TO junction_reader;

--
-- Name: TABLE term; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.term TO junction_app;
GRANT SELECT ON TABLE audit.term TO junction_reader;

--
-- Name: FUNCTION search(query text, since timestamp with time zone, until timestamp with time zone, most integer); Type: ACL; Schema: audit; Owner: -
--

REVOKE ALL ON FUNCTION audit.search(query text, since timestamp with time zone, until timestamp with time zone, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION audit.search(query text, since timestamp with time zone, until timestamp with time zone, most integer) TO junction_app;
GRANT ALL ON FUNCTION audit.search(query text, since timestamp with time zone, until timestamp with time zone, most integer) TO junction_reader;

--
-- Name: FUNCTION act_as(caller text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.act_as(caller text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.act_as(caller text) TO junction_app;

--
-- Name: FUNCTION pattern_covers(pattern text, action text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.pattern_covers(pattern text, action text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.pattern_covers(pattern text, action text) TO junction_app;
GRANT ALL ON FUNCTION auth.pattern_covers(pattern text, action text) TO junction_reader;

--
-- Name: FUNCTION action_matches(pattern text, action text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.action_matches(pattern text, action text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.action_matches(pattern text, action text) TO junction_app;
GRANT ALL ON FUNCTION auth.action_matches(pattern text, action text) TO junction_reader;

--
-- Name: FUNCTION add_administrator(caller text, new_hash text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.add_administrator(caller text, new_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.add_administrator(caller text, new_hash text) TO junction_app;

--
-- Name: TABLE party_key; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE auth.party_key TO junction_app;
GRANT SELECT ON TABLE auth.party_key TO junction_reader;

--
-- Name: FUNCTION add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.add_own_key(caller text, party text, id text, algorithm text, public_key text, private_key text, if_lacking boolean) TO junction_app;

--
-- Name: FUNCTION add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.add_token_key(caller text, new_id text, new_algorithm text, new_public_jwk text, new_private_jwk text, delay_ms bigint, overlap_seconds bigint, revoke_others boolean, if_lacking boolean) TO junction_app;

--
-- Name: FUNCTION attempts_of(of_account text, of_address text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.attempts_of(of_account text, of_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.attempts_of(of_account text, of_address text) TO junction_app;

--
-- Name: FUNCTION begin_attempt(of_account text, of_address text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.begin_attempt(of_account text, of_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.begin_attempt(of_account text, of_address text) TO junction_app;

--
-- Name: FUNCTION begin_change(caller text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.begin_change(caller text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.begin_change(caller text) TO junction_app;

--
-- Name: FUNCTION begin_login(of_name text, of_address text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.begin_login(of_name text, of_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.begin_login(of_name text, of_address text) TO junction_app;

--
-- Name: FUNCTION change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.change_password(caller text, of_name text, of_hash text, new_hash text, of_network text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION folded_name(name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.folded_name(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.folded_name(name text) TO junction_app;
GRANT ALL ON FUNCTION auth.folded_name(name text) TO junction_reader;

--
-- Name: TABLE member; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.member TO junction_app;
GRANT SELECT ON TABLE auth.member TO junction_reader;

--
-- Name: TABLE role_grant; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.role_grant TO junction_app;
GRANT SELECT ON TABLE auth.role_grant TO junction_reader;

--
-- Name: TABLE role_parent; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.role_parent TO junction_app;
GRANT SELECT ON TABLE auth.role_parent TO junction_reader;

--
-- Name: TABLE subject; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.subject TO junction_app;
GRANT SELECT ON TABLE auth.subject TO junction_reader;

--
-- Name: FUNCTION held_roles(subject_kind text, subject_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.held_roles(subject_kind text, subject_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.held_roles(subject_kind text, subject_name text) TO junction_app;
GRANT ALL ON FUNCTION auth.held_roles(subject_kind text, subject_name text) TO junction_reader;

--
-- Name: TABLE rule; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.rule TO junction_app;
GRANT SELECT ON TABLE auth.rule TO junction_reader;

--
-- Name: FUNCTION "check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth."check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth."check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text) TO junction_app;
GRANT ALL ON FUNCTION auth."check"(subject_kind text, subject_name text, service_name text, action_name text, method_name text) TO junction_reader;

--
-- Name: FUNCTION check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]) TO junction_app;
GRANT ALL ON FUNCTION auth.check_party(party text, role_name text, components text[], dataset_namespaces text[], dataset_names text[]) TO junction_reader;

--
-- Name: FUNCTION create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.create_access_key(caller text, id text, application text, title text, secret_hash bytea, signing_key bytea, ends_at bigint) TO junction_app;

--
-- Name: FUNCTION delete_access_key(caller text, id text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_access_key(caller text, id text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_access_key(caller text, id text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION delete_grant(caller text, kind text, name text, role text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_grant(caller text, kind text, name text, role text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_grant(caller text, kind text, name text, role text) TO junction_app;

--
-- Name: FUNCTION delete_issuer(caller text, issuer_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_issuer(caller text, issuer_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_issuer(caller text, issuer_name text) TO junction_app;

--
-- Name: FUNCTION delete_member(caller text, group_name text, kind text, name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_member(caller text, group_name text, kind text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_member(caller text, group_name text, kind text, name text) TO junction_app;

--
-- Name: FUNCTION delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_party_grant(caller text, party text, old_kind text, old_namespace text, old_name text) TO junction_app;

--
-- Name: FUNCTION delete_party_key(caller text, party text, id text, keep_newest boolean); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_party_key(caller text, party text, id text, keep_newest boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_party_key(caller text, party text, id text, keep_newest boolean) TO junction_app;

--
-- Name: FUNCTION delete_role(caller text, name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_role(caller text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_role(caller text, name text) TO junction_app;

--
-- Name: FUNCTION delete_subject(caller text, kind text, name text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.delete_subject(caller text, kind text, name text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.delete_subject(caller text, kind text, name text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION drop_session(of_id uuid, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.drop_session(of_id uuid, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.drop_session(of_id uuid, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.end_sessions(of_kind text, of_name text, of_key text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.end_sessions_of(caller text, of_kind text, of_name text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION follow(after bigint, most integer); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.follow(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.follow(after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION forget(most integer); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.forget(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.forget(most integer) TO junction_app;

--
-- Name: FUNCTION has_administrator(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.has_administrator() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.has_administrator() TO junction_app;

--
-- Name: FUNCTION keep_administrator(had_one boolean); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.keep_administrator(had_one boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.keep_administrator(had_one boolean) TO junction_app;

--
-- Name: FUNCTION keys_of(party text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.keys_of(party text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.keys_of(party text) TO junction_app;

--
-- Name: FUNCTION lacking_own_keys(parties text[], algorithms text[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.lacking_own_keys(parties text[], algorithms text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.lacking_own_keys(parties text[], algorithms text[]) TO junction_app;
GRANT ALL ON FUNCTION auth.lacking_own_keys(parties text[], algorithms text[]) TO junction_reader;

--
-- Name: FUNCTION lacks_administrator(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.lacks_administrator() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.lacks_administrator() TO junction_app;

--
-- Name: FUNCTION load(after_kind text, after_name text, most integer); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.load(after_kind text, after_name text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.load(after_kind text, after_name text, most integer) TO junction_app;

--
-- Name: FUNCTION lock_attempts(of_account text, of_address text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.lock_attempts(of_account text, of_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.lock_attempts(of_account text, of_address text) TO junction_app;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.milliseconds(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.milliseconds(t timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION auth.milliseconds(t timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION need_own_role(name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.need_own_role(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.need_own_role(name text) TO junction_app;

--
-- Name: FUNCTION need_parents(name text, parents text[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.need_parents(name text, parents text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.need_parents(name text, parents text[]) TO junction_app;

--
-- Name: FUNCTION need_role(name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.need_role(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.need_role(name text) TO junction_app;

--
-- Name: FUNCTION need_subject(kind text, name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.need_subject(kind text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.need_subject(kind text, name text) TO junction_app;

--
-- Name: FUNCTION note_change(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.note_change() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.note_change() TO junction_app;

--
-- Name: FUNCTION open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.open_key_session(of_id uuid, of_account text, of_application text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) TO junction_app;

--
-- Name: FUNCTION open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.open_session(of_id uuid, of_name text, of_hash text, of_refresh_hash bytea, of_address text, of_network text, seconds bigint) TO junction_app;

--
-- Name: FUNCTION pass_attempt(of_account text, of_address text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.pass_attempt(of_account text, of_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.pass_attempt(of_account text, of_address text) TO junction_app;

--
-- Name: FUNCTION publish_change(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.publish_change() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.publish_change() TO junction_app;

--
-- Name: FUNCTION put_grant(caller text, kind text, name text, role text, ends_at bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_grant(caller text, kind text, name text, role text, ends_at bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_grant(caller text, kind text, name text, role text, ends_at bigint) TO junction_app;

--
-- Name: FUNCTION put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_issuer(caller text, new_name text, new_url text, new_audience text, new_jwks text, new_jwks_url text, new_algorithms text[], new_user_claim text, new_roles_claim text) TO junction_app;

--
-- Name: FUNCTION put_member(caller text, group_name text, kind text, name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_member(caller text, group_name text, kind text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_member(caller text, group_name text, kind text, name text) TO junction_app;

--
-- Name: FUNCTION put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_party_grant(caller text, party text, new_kind text, new_namespace text, new_name text) TO junction_app;

--
-- Name: FUNCTION put_party_key(caller text, party text, id text, algorithm text, public_key text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_party_key(caller text, party text, id text, algorithm text, public_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_party_key(caller text, party text, id text, algorithm text, public_key text) TO junction_app;

--
-- Name: FUNCTION put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_role(caller text, name text, title text, parents text[], effects text[], services text[], actions text[], methods text[]) TO junction_app;

--
-- Name: FUNCTION put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.put_subject(caller text, kind text, name text, title text, disabled boolean, services text[], token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.refresh_session(caller text, of_id uuid, shown bytea, next bytea, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION refuse_truncate(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.refuse_truncate() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.refuse_truncate() TO junction_app;

--
-- Name: FUNCTION reset_administrator(caller text, new_hash text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.reset_administrator(caller text, new_hash text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.reset_administrator(caller text, new_hash text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION reset_password(caller text, of_name text, new_hash text, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.reset_password(caller text, of_name text, new_hash text, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.reset_password(caller text, of_name text, new_hash text, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.revoke_session(caller text, of_id uuid, shown bytea, token_seconds bigint) TO junction_app;

--
-- Name: FUNCTION show_role(wanted text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.show_role(wanted text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.show_role(wanted text) TO junction_app;

--
-- Name: FUNCTION states(wanted_kind text, names text[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.states(wanted_kind text, names text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.states(wanted_kind text, names text[]) TO junction_app;

--
-- Name: FUNCTION take_nonces(app_keys text[], nonces text[], expire_ats bigint[]); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.take_nonces(app_keys text[], nonces text[], expire_ats bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.take_nonces(app_keys text[], nonces text[], expire_ats bigint[]) TO junction_app;

--
-- Name: FUNCTION tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.tell(operation text, relation text, kind text, name_column text, old jsonb, new jsonb) TO junction_app;

--
-- Name: FUNCTION wait_after(refused integer, free integer); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.wait_after(refused integer, free integer) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.wait_after(refused integer, free integer) TO junction_app;

--
-- Name: FUNCTION who_can(service_name text, action_name text, method_name text); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.who_can(service_name text, action_name text, method_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION auth.who_can(service_name text, action_name text, method_name text) TO junction_app;
GRANT ALL ON FUNCTION auth.who_can(service_name text, action_name text, method_name text) TO junction_reader;

--
-- Name: FUNCTION append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION event.append(ids text[], given boolean[], revisions bigint[], namespaces text[], names text[], datas text[], seals bytea[], key_ids text[], keys text[], group_names text[], queues text[], hashes bytea[], user_names text[], applications text[], addresses text[], nodes text[], trace_ids text[]) TO junction_app;

--
-- Name: FUNCTION backlog(of_queue integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.backlog(of_queue integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.backlog(of_queue integer) TO junction_app;
GRANT ALL ON FUNCTION event.backlog(of_queue integer) TO junction_reader;

--
-- Name: FUNCTION candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer) TO junction_app;
GRANT ALL ON FUNCTION event.candidates(of_namespace text, of_group text, of_event_id text, dead boolean, lowest bigint, before_position bigint, before_queue integer, most integer) TO junction_reader;

--
-- Name: FUNCTION conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION event.conclude(queue_ids integer[], positions bigint[], numbers integer[], outcomes event.state[], holders text[], subscription_ids uuid[], attempts integer[], retry_ms bigint[], statuses integer[], codes text[], latencies double precision[], reasons text[]) TO junction_app;

--
-- Name: FUNCTION configure_service(of_namespace text, of_service text, specs json); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.configure_service(of_namespace text, of_service text, specs json) FROM PUBLIC;
GRANT ALL ON FUNCTION event.configure_service(of_namespace text, of_service text, specs json) TO junction_app;

--
-- Name: FUNCTION confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.confirm(of_namespace text, of_event_id text, of_name text, of_group text, of_application text, success boolean, who text) TO junction_app;

--
-- Name: FUNCTION decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION event.decide(state event.state, attempt integer, at timestamp with time zone, due timestamp with time zone, window_ms bigint, success boolean) TO junction_app;

--
-- Name: FUNCTION delete_subscription(of_namespace text, of_name text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.delete_subscription(of_namespace text, of_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.delete_subscription(of_namespace text, of_name text) TO junction_app;

--
-- Name: FUNCTION deliveries_of(of_namespace text, of_event_id text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.deliveries_of(of_namespace text, of_event_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.deliveries_of(of_namespace text, of_event_id text) TO junction_app;
GRANT ALL ON FUNCTION event.deliveries_of(of_namespace text, of_event_id text) TO junction_reader;

--
-- Name: FUNCTION disable_subscription(of_subscription uuid, of_url text, reason text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.disable_subscription(of_subscription uuid, of_url text, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.disable_subscription(of_subscription uuid, of_url text, reason text) TO junction_app;

--
-- Name: FUNCTION due_ms(due timestamp with time zone); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.due_ms(due timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION event.due_ms(due timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION event.due_ms(due timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint) TO junction_app;
GRANT ALL ON FUNCTION event.find_log(of_namespace text, of_event_id text, begin_time timestamp with time zone, end_time timestamp with time zone, most integer, most_bytes bigint) TO junction_reader;

--
-- Name: TABLE subscription; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.subscription TO junction_app;
GRANT SELECT ON TABLE event.subscription TO junction_reader;

--
-- Name: FUNCTION find_subscription(of_namespace text, of_name text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.find_subscription(of_namespace text, of_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.find_subscription(of_namespace text, of_name text) TO junction_app;

--
-- Name: FUNCTION first_kept(); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.first_kept() FROM PUBLIC;
GRANT ALL ON FUNCTION event.first_kept() TO junction_app;

--
-- Name: FUNCTION follow(after bigint, most integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.follow(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.follow(after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION has_open_before(up_to bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.has_open_before(up_to bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.has_open_before(up_to bigint) TO junction_app;
GRANT ALL ON FUNCTION event.has_open_before(up_to bigint) TO junction_reader;

--
-- Name: FUNCTION head(); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.head() FROM PUBLIC;
GRANT ALL ON FUNCTION event.head() TO junction_app;

--
-- Name: FUNCTION is_open(state event.state, due timestamp with time zone); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.is_open(state event.state, due timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION event.is_open(state event.state, due timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION event.is_open(state event.state, due timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION is_pushed(target event.target); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.is_pushed(target event.target) FROM PUBLIC;
GRANT ALL ON FUNCTION event.is_pushed(target event.target) TO junction_app;
GRANT ALL ON FUNCTION event.is_pushed(target event.target) TO junction_reader;

--
-- Name: FUNCTION keep_events(days integer, drop_open boolean); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.keep_events(days integer, drop_open boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION event.keep_events(days integer, drop_open boolean) TO junction_app;

--
-- Name: FUNCTION keep_months(parent regclass, days integer); Type: ACL; Schema: upkeep; Owner: -
--

REVOKE ALL ON FUNCTION upkeep.keep_months(parent regclass, days integer) FROM PUBLIC;

--
-- Name: TABLE log; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.log TO junction_app;
GRANT SELECT ON TABLE event.log TO junction_reader;

--
-- Name: FUNCTION keep_log(days integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.keep_log(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.keep_log(days integer) TO junction_app;

--
-- Name: TABLE transition; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.transition TO junction_app;
GRANT SELECT ON TABLE event.transition TO junction_reader;

--
-- Name: FUNCTION last_transition(of_queue integer, of_position bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.last_transition(of_queue integer, of_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.last_transition(of_queue integer, of_position bigint) TO junction_app;
GRANT ALL ON FUNCTION event.last_transition(of_queue integer, of_position bigint) TO junction_reader;

--
-- Name: FUNCTION lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.lease(queue_ids integer[], positions bigint[], holders text[], subscription_ids uuid[], lease_ms bigint[], early boolean[], most_bytes bigint) TO junction_app;

--
-- Name: TABLE member; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE event.member TO junction_app;
GRANT SELECT ON TABLE event.member TO junction_reader;

--
-- Name: FUNCTION leave_member(name text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.leave_member(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.leave_member(name text) TO junction_app;

--
-- Name: FUNCTION list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer) TO junction_app;
GRANT ALL ON FUNCTION event.list_deliveries(of_namespace text, of_group text, of_state event.state, pattern text, of_event_id text, lowest bigint, before_position bigint, before_queue integer, most integer, looked integer) TO junction_reader;

--
-- Name: FUNCTION load(); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.load() FROM PUBLIC;
GRANT ALL ON FUNCTION event.load() TO junction_app;

--
-- Name: FUNCTION load_queue(of_queue integer, after bigint, most integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.load_queue(of_queue integer, after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.load_queue(of_queue integer, after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION lock_subscriptions(); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.lock_subscriptions() FROM PUBLIC;
GRANT ALL ON FUNCTION event.lock_subscriptions() TO junction_app;

--
-- Name: TABLE low_water; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.low_water TO junction_app;
GRANT SELECT ON TABLE event.low_water TO junction_reader;

--
-- Name: FUNCTION low_water_of(of_queue integer); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.low_water_of(of_queue integer) FROM PUBLIC;
GRANT ALL ON FUNCTION event.low_water_of(of_queue integer) TO junction_app;
GRANT ALL ON FUNCTION event.low_water_of(of_queue integer) TO junction_reader;

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.make_month(parent regclass, month date) FROM PUBLIC;
GRANT ALL ON FUNCTION event.make_month(parent regclass, month date) TO junction_app;

--
-- Name: FUNCTION make_queue(namespace text, group_name text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.make_queue(namespace text, group_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.make_queue(namespace text, group_name text) TO junction_app;

--
-- Name: FUNCTION milliseconds(t timestamp with time zone); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.milliseconds(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION event.milliseconds(t timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION event.milliseconds(t timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION note_opened(of_queue integer, at_position bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.note_opened(of_queue integer, at_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.note_opened(of_queue integer, at_position bigint) TO junction_app;

--
-- Name: FUNCTION opened_after(after bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.opened_after(after bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.opened_after(after bigint) TO junction_app;
GRANT ALL ON FUNCTION event.opened_after(after bigint) TO junction_reader;

--
-- Name: FUNCTION pause(of_namespace text, of_group text, of_subscription text, paused boolean); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.pause(of_namespace text, of_group text, of_subscription text, paused boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION event.pause(of_namespace text, of_group text, of_subscription text, paused boolean) TO junction_app;

--
-- Name: FUNCTION position_at(t timestamp with time zone); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.position_at(t timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION event.position_at(t timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION event.position_at(t timestamp with time zone) TO junction_reader;

--
-- Name: FUNCTION publish_change(); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.publish_change() FROM PUBLIC;
GRANT ALL ON FUNCTION event.publish_change() TO junction_app;

--
-- Name: FUNCTION put_secret(of_subscription uuid, given bytea, fresh bytea); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.put_secret(of_subscription uuid, given bytea, fresh bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION event.put_secret(of_subscription uuid, given bytea, fresh bytea) TO junction_app;

--
-- Name: FUNCTION put_subscription(spec json); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.put_subscription(spec json) FROM PUBLIC;
GRANT ALL ON FUNCTION event.put_subscription(spec json) TO junction_app;

--
-- Name: FUNCTION queue_for(of_namespace text, of_group text, of_member text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.queue_for(of_namespace text, of_group text, of_member text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.queue_for(of_namespace text, of_group text, of_member text) TO junction_app;

--
-- Name: FUNCTION read_confirmed(of_queue integer, most integer, most_bytes bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.read_confirmed(of_queue integer, most integer, most_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.read_confirmed(of_queue integer, most integer, most_bytes bigint) TO junction_app;

--
-- Name: FUNCTION read_log(of_namespace text, after bigint, most integer, most_bytes bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.read_log(of_namespace text, after bigint, most integer, most_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.read_log(of_namespace text, after bigint, most integer, most_bytes bigint) TO junction_app;

--
-- Name: FUNCTION read_one(of_namespace text, of_event_id text, of_group text, of_application text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.read_one(of_namespace text, of_event_id text, of_group text, of_application text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.read_one(of_namespace text, of_event_id text, of_group text, of_application text) TO junction_app;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.renew_member(name text, alive interval) FROM PUBLIC;
GRANT ALL ON FUNCTION event.renew_member(name text, alive interval) TO junction_app;

--
-- Name: FUNCTION replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.replay_some(of_queue integer, after bigint, up_to bigint, states event.state[], looked integer, who text) TO junction_app;

--
-- Name: FUNCTION retry_ms(of_subscription uuid, attempt integer, at_least bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.retry_ms(of_subscription uuid, attempt integer, at_least bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.retry_ms(of_subscription uuid, attempt integer, at_least bigint) TO junction_app;

--
-- Name: FUNCTION rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.rotate_secret(of_namespace text, of_name text, fresh bytea, overlap_seconds bigint) TO junction_app;

--
-- Name: FUNCTION set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.set_low_water(of_queue integer, up_to bigint, generation bigint, opened bigint) TO junction_app;

--
-- Name: FUNCTION states(queue_ids integer[], positions bigint[]); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.states(queue_ids integer[], positions bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION event.states(queue_ids integer[], positions bigint[]) TO junction_app;
GRANT ALL ON FUNCTION event.states(queue_ids integer[], positions bigint[]) TO junction_reader;

--
-- Name: FUNCTION subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.subscribe_stream(of_namespace text, of_group text, wanted text[], mode event.confirm_mode, window_ms bigint, who_user text, who_application text, who_address text) TO junction_app;

--
-- Name: FUNCTION text_of(sealed bytea); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.text_of(sealed bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION event.text_of(sealed bytea) TO junction_app;

--
-- Name: FUNCTION time_at(p bigint); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.time_at(p bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION event.time_at(p bigint) TO junction_app;
GRANT ALL ON FUNCTION event.time_at(p bigint) TO junction_reader;

--
-- Name: FUNCTION topic_matches(pattern text, name text); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.topic_matches(pattern text, name text) FROM PUBLIC;
GRANT ALL ON FUNCTION event.topic_matches(pattern text, name text) TO junction_app;
GRANT ALL ON FUNCTION event.topic_matches(pattern text, name text) TO junction_reader;

--
-- Name: FUNCTION write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: ACL; Schema: event; Owner: -
--

REVOKE ALL ON FUNCTION event.write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION event.write_log(namespaces text[], event_ids text[], times timestamp with time zone[], messages text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) TO junction_app;

--
-- Name: FUNCTION add_members(of_namespace text, of_group text, users text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.add_members(of_namespace text, of_group text, users text[]) FROM PUBLIC;

--
-- Name: FUNCTION audit_channel(); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.audit_channel() FROM PUBLIC;

--
-- Name: FUNCTION cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.cancel_some(of_position bigint, of_channel text, after bigint, looked integer, caller json) TO junction_app;

--
-- Name: FUNCTION change_group(of_namespace text, of_group text, added text[], removed text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.change_group(of_namespace text, of_group text, added text[], removed text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.change_group(of_namespace text, of_group text, added text[], removed text[]) TO junction_app;

--
-- Name: FUNCTION claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.claim(of_channel integer, of_node text, of_number bigint, doubtful_ms bigint, held bigint[]) TO junction_app;

--
-- Name: FUNCTION close_deleted(of_channel integer, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.close_deleted(of_channel integer, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.close_deleted(of_channel integer, most integer) TO junction_app;

--
-- Name: FUNCTION conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.conclude(of_node text, positions bigint[], numbers integer[], outcomes notice.state[], untried boolean[], repeats boolean[], throttled boolean[], pauses_ms bigint[], asks_ms bigint[], latencies_ms double precision[], message_ids text[], codes text[], texts text[]) TO junction_app;

--
-- Name: FUNCTION content(positions bigint[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.content(positions bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.content(positions bigint[]) TO junction_app;

--
-- Name: FUNCTION count_members(of_namespace text, of_group text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.count_members(of_namespace text, of_group text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.count_members(of_namespace text, of_group text) TO junction_app;
GRANT ALL ON FUNCTION notice.count_members(of_namespace text, of_group text) TO junction_reader;

--
-- Name: FUNCTION count_unread(of_namespace text, of_user text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.count_unread(of_namespace text, of_user text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.count_unread(of_namespace text, of_user text) TO junction_app;

--
-- Name: FUNCTION count_waiting(of_channel integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.count_waiting(of_channel integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.count_waiting(of_channel integer) TO junction_app;
GRANT ALL ON FUNCTION notice.count_waiting(of_channel integer) TO junction_reader;

--
-- Name: FUNCTION decide(namespaces text[], templates text[], channels text[], users text[], groups text[], param_names text[], replies boolean[], links boolean[], attachments text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.decide(namespaces text[], templates text[], channels text[], users text[], groups text[], param_names text[], replies boolean[], links boolean[], attachments text[]) FROM PUBLIC;

--
-- Name: FUNCTION delete_channel(caller text, of_namespace text, of_name text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.delete_channel(caller text, of_namespace text, of_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.delete_channel(caller text, of_namespace text, of_name text) TO junction_app;

--
-- Name: FUNCTION delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.delete_from_inbox(of_namespace text, of_user text, positions bigint[], after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION delete_group(of_namespace text, of_group text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.delete_group(of_namespace text, of_group text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.delete_group(of_namespace text, of_group text) TO junction_app;

--
-- Name: FUNCTION delete_recipient(of_namespace text, of_user text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.delete_recipient(of_namespace text, of_user text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.delete_recipient(of_namespace text, of_user text) TO junction_app;

--
-- Name: FUNCTION delete_template(of_namespace text, of_id text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.delete_template(of_namespace text, of_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.delete_template(of_namespace text, of_id text) TO junction_app;

--
-- Name: FUNCTION deliver(portions notice.portion[], moment timestamp with time zone); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.deliver(portions notice.portion[], moment timestamp with time zone) FROM PUBLIC;

--
-- Name: FUNCTION find_attachments(of_namespace text, given text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.find_attachments(of_namespace text, given text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.find_attachments(of_namespace text, given text[]) TO junction_app;

--
-- Name: TABLE template; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.template TO junction_app;
GRANT SELECT ON TABLE notice.template TO junction_reader;

--
-- Name: FUNCTION find_template(of_namespace text, of_id text, of_version integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.find_template(of_namespace text, of_id text, of_version integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.find_template(of_namespace text, of_id text, of_version integer) TO junction_app;

--
-- Name: FUNCTION first_kept(); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.first_kept() FROM PUBLIC;
GRANT ALL ON FUNCTION notice.first_kept() TO junction_app;
GRANT ALL ON FUNCTION notice.first_kept() TO junction_reader;

--
-- Name: TABLE delivery; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.delivery TO junction_app;
GRANT SELECT ON TABLE notice.delivery TO junction_reader;

--
-- Name: FUNCTION follow_inbox(of_namespace text, of_user text, after bigint, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.follow_inbox(of_namespace text, of_user text, after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.follow_inbox(of_namespace text, of_user text, after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION follow_inboxes(after bigint, seen pg_snapshot, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.follow_inboxes(after bigint, seen pg_snapshot, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.follow_inboxes(after bigint, seen pg_snapshot, most integer) TO junction_app;

--
-- Name: FUNCTION forget_inbox_changes(most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.forget_inbox_changes(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.forget_inbox_changes(most integer) TO junction_app;

--
-- Name: FUNCTION forget_keys(most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.forget_keys(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.forget_keys(most integer) TO junction_app;

--
-- Name: FUNCTION give_back(of_node text, positions bigint[], numbers integer[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.give_back(of_node text, positions bigint[], numbers integer[]) FROM PUBLIC;

--
-- Name: FUNCTION inbox_head(of_namespace text, of_user text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.inbox_head(of_namespace text, of_user text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.inbox_head(of_namespace text, of_user text) TO junction_app;

--
-- Name: FUNCTION keep(days integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.keep(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.keep(days integer) TO junction_app;

--
-- Name: TABLE member; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE notice.member TO junction_app;
GRANT SELECT ON TABLE notice.member TO junction_reader;

--
-- Name: FUNCTION leave_member(name text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.leave_member(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.leave_member(name text) TO junction_app;

--
-- Name: FUNCTION list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer) TO junction_app;
GRANT ALL ON FUNCTION notice.list_deliveries(of_namespace text, of_notice uuid, of_user text, of_channel text, of_state notice.state, of_code text, before bigint, most integer, looked integer) TO junction_reader;

--
-- Name: FUNCTION list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.list_inbox(of_namespace text, of_user text, only_unread boolean, before bigint, most integer) TO junction_app;

--
-- Name: TABLE notice; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.notice TO junction_app;
GRANT SELECT ON TABLE notice.notice TO junction_reader;

--
-- Name: FUNCTION list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer) TO junction_app;
GRANT ALL ON FUNCTION notice.list_notices(of_namespace text, of_sender text, of_template text, lowest bigint, before bigint, most integer, most_bytes bigint, looked integer) TO junction_reader;

--
-- Name: FUNCTION list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.list_templates(of_namespace text, of_id text, after_id text, below integer, most bigint, room bigint) TO junction_app;

--
-- Name: FUNCTION lock_positions(); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.lock_positions() FROM PUBLIC;

--
-- Name: FUNCTION lock_template(of_namespace text, of_id text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.lock_template(of_namespace text, of_id text) FROM PUBLIC;

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.make_month(parent regclass, month date) FROM PUBLIC;

--
-- Name: FUNCTION members_of(of_namespace text, names text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.members_of(of_namespace text, names text[]) FROM PUBLIC;

--
-- Name: FUNCTION note_change(); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.note_change() FROM PUBLIC;

--
-- Name: FUNCTION note_inbox_change(of_namespace text, of_user text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.note_inbox_change(of_namespace text, of_user text) FROM PUBLIC;

--
-- Name: FUNCTION open_channels(); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.open_channels() FROM PUBLIC;
GRANT ALL ON FUNCTION notice.open_channels() TO junction_app;

--
-- Name: FUNCTION put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_attachment(of_attachment uuid, of_namespace text, of_name text, of_content_type text, of_size bigint, of_file_id text) TO junction_app;

--
-- Name: FUNCTION put_attachment_part(of_attachment uuid, of_number integer, content bytea); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_attachment_part(of_attachment uuid, of_number integer, content bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_attachment_part(of_attachment uuid, of_number integer, content bytea) TO junction_app;

--
-- Name: TABLE channel; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.channel TO junction_app;

--
-- Name: COLUMN channel.id; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(id) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.namespace; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(namespace) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.name; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(name) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.kind; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(kind) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.settings; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(settings) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.secret_names; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(secret_names) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.enabled; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(enabled) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.concurrency; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(concurrency) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.quota; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(quota) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.quota_ms; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(quota_ms) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.schedule_ms; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(schedule_ms) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.timeout_ms; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(timeout_ms) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.created_at; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(created_at) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.updated_at; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(updated_at) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.author_user; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(author_user) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.author_application; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(author_application) ON TABLE notice.channel TO junction_reader;

--
-- Name: COLUMN channel.author_address; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT(author_address) ON TABLE notice.channel TO junction_reader;

--
-- Name: FUNCTION put_channel(caller text, spec json, merged_with bytea); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_channel(caller text, spec json, merged_with bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_channel(caller text, spec json, merged_with bytea) TO junction_app;

--
-- Name: FUNCTION put_group(of_namespace text, of_group text, users text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_group(of_namespace text, of_group text, users text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_group(of_namespace text, of_group text, users text[]) TO junction_app;

--
-- Name: TABLE recipient; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.recipient TO junction_app;
GRANT SELECT ON TABLE notice.recipient TO junction_reader;

--
-- Name: FUNCTION put_recipient(of_namespace text, of_user text, addresses jsonb, language text); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_recipient(of_namespace text, of_user text, addresses jsonb, language text) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_recipient(of_namespace text, of_user text, addresses jsonb, language text) TO junction_app;

--
-- Name: FUNCTION put_template(spec json); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.put_template(spec json) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.put_template(spec json) TO junction_app;

--
-- Name: FUNCTION read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.read_inbox(of_namespace text, of_user text, positions bigint[], after bigint, up_to bigint, most integer) TO junction_app;

--
-- Name: FUNCTION receipts_to_tell(after bigint, most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.receipts_to_tell(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.receipts_to_tell(after bigint, most integer) TO junction_app;

--
-- Name: FUNCTION receipts_told(positions bigint[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.receipts_told(positions bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.receipts_told(positions bigint[]) TO junction_app;

--
-- Name: FUNCTION record_change(caller json, of_position bigint, what text, ext json); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.record_change(caller json, of_position bigint, what text, ext json) FROM PUBLIC;

--
-- Name: FUNCTION record_sends(decided notice.decision[], notice_ids uuid[], senders text[], titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.record_sends(decided notice.decision[], notice_ids uuid[], senders text[], titles text[], templates text[], groups text[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) FROM PUBLIC;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.renew_member(name text, alive interval) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.renew_member(name text, alive interval) TO junction_app;

--
-- Name: FUNCTION report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.report(of_channel integer, positions bigint[], message_ids text[], addresses text[], states notice.state[], codes text[], texts text[]) TO junction_app;

--
-- Name: FUNCTION resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.resend_some(of_position bigint, states notice.state[], of_channel text, users text[], after bigint, looked integer, caller json) TO junction_app;

--
-- Name: FUNCTION send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.send(notice_ids uuid[], namespaces text[], senders text[], titles text[], messages text[], params text[], param_names text[], templates text[], channels text[], users text[], groups text[], attachments text[], replies boolean[], links boolean[], keys text[], hashes bytea[], key_ms bigint[], user_names text[], applications text[], roles text[], addresses text[], nodes text[], trace_ids text[]) TO junction_app;

--
-- Name: FUNCTION shown_channel(c notice.channel); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.shown_channel(c notice.channel) FROM PUBLIC;

--
-- Name: FUNCTION spread(of_notice bigint); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.spread(of_notice bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.spread(of_notice bigint) TO junction_app;

--
-- Name: FUNCTION sweep_attachments(most integer); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.sweep_attachments(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.sweep_attachments(most integer) TO junction_app;

--
-- Name: FUNCTION take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.take(of_channel integer, of_node text, of_number bigint, most_messages integer, most_each integer, lease_ms bigint, can_ask boolean, repeats boolean) TO junction_app;

--
-- Name: FUNCTION take_positions(count bigint); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.take_positions(count bigint) FROM PUBLIC;

--
-- Name: FUNCTION take_receipt(of_position bigint); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.take_receipt(of_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.take_receipt(of_position bigint) TO junction_app;

--
-- Name: FUNCTION unknown_group(of_namespace text, names text[]); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.unknown_group(of_namespace text, names text[]) FROM PUBLIC;

--
-- Name: FUNCTION unspread(of_position bigint); Type: ACL; Schema: notice; Owner: -
--

REVOKE ALL ON FUNCTION notice.unspread(of_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION notice.unspread(of_position bigint) TO junction_app;
GRANT ALL ON FUNCTION notice.unspread(of_position bigint) TO junction_reader;

--
-- Name: FUNCTION interval_milliseconds(span interval); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.interval_milliseconds(span interval) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.interval_milliseconds(span interval) TO junction_app;
GRANT ALL ON FUNCTION registry.interval_milliseconds(span interval) TO junction_reader;

--
-- Name: FUNCTION milliseconds(moment timestamp with time zone); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) TO junction_app;
GRANT ALL ON FUNCTION registry.milliseconds(moment timestamp with time zone) TO junction_reader;

--
-- Name: TABLE action; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.action TO junction_app;
GRANT SELECT ON TABLE registry.action TO junction_reader;

--
-- Name: FUNCTION action_value(a registry.action); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.action_value(a registry.action) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.action_value(a registry.action) TO junction_app;
GRANT ALL ON FUNCTION registry.action_value(a registry.action) TO junction_reader;

--
-- Name: FUNCTION apply_configuration(of_namespace text, of_key text, had_events boolean, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.apply_configuration(of_namespace text, of_key text, had_events boolean, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION begin_change(alone boolean); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.begin_change(alone boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.begin_change(alone boolean) TO junction_app;

--
-- Name: TABLE change; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT ON TABLE registry.change TO junction_app;
GRANT SELECT ON TABLE registry.change TO junction_reader;

--
-- Name: FUNCTION changes_after(after bigint, most integer); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.changes_after(after bigint, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.changes_after(after bigint, most integer) TO junction_app;
GRANT ALL ON FUNCTION registry.changes_after(after bigint, most integer) TO junction_reader;

--
-- Name: FUNCTION changes_behind(after bigint, after_part integer, most integer, most_bytes bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.changes_behind(after bigint, after_part integer, most integer, most_bytes bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.changes_behind(after bigint, after_part integer, most integer, most_bytes bigint) TO junction_app;
GRANT ALL ON FUNCTION registry.changes_behind(after bigint, after_part integer, most integer, most_bytes bigint) TO junction_reader;

--
-- Name: FUNCTION configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.configure(namespace text, host text, folder text, file text, service text, title text, content text, warnings text[], server_name text) TO junction_app;

--
-- Name: FUNCTION configure_graphql(namespace text, service text, actions text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.configure_graphql(namespace text, service text, actions text, server_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.configure_graphql(namespace text, service text, actions text, server_name text) TO junction_app;

--
-- Name: TABLE configuration; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT ON TABLE registry.configuration TO junction_app;
GRANT SELECT ON TABLE registry.configuration TO junction_reader;

--
-- Name: FUNCTION configured_events(counts registry.configuration); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.configured_events(counts registry.configuration) FROM PUBLIC;

--
-- Name: FUNCTION delete_leases(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_leases() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_leases() TO junction_app;

--
-- Name: FUNCTION delete_nodes(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_nodes() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_nodes() TO junction_app;

--
-- Name: FUNCTION delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_server(namespace text, server_name text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.delete_service(namespace text, server_name text, service_name text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.deregister_node(namespace text, service_name text, node_name text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION drop_empty_service(INOUT within bigint, of_namespace text, of_key text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.drop_empty_service(INOUT within bigint, of_namespace text, of_key text, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.expire_nodes(namespaces text[], service_keys text[], node_keys text[], server_name text, expected bigint) TO junction_app;

--
-- Name: FUNCTION forget_configuration(of_namespace text, of_host text, of_folder text, of_file text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.forget_configuration(of_namespace text, of_host text, of_folder text, of_file text, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION forget_configurations(server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.forget_configurations(server_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.forget_configurations(server_name text) TO junction_app;

--
-- Name: FUNCTION forget_extensions(host text, names text[], pids integer[]); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.forget_extensions(host text, names text[], pids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.forget_extensions(host text, names text[], pids integer[]) TO junction_app;

--
-- Name: FUNCTION forget_nodes(kept interval); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.forget_nodes(kept interval) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.forget_nodes(kept interval) TO junction_app;

--
-- Name: FUNCTION has_events(counts registry.configuration); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.has_events(counts registry.configuration) FROM PUBLIC;

--
-- Name: TABLE node; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.node TO junction_app;
GRANT SELECT ON TABLE registry.node TO junction_reader;

--
-- Name: FUNCTION is_wanted(n registry.node, host text, port integer, protocol text, metadata text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.is_wanted(n registry.node, host text, port integer, protocol text, metadata text) FROM PUBLIC;

--
-- Name: FUNCTION keep_configured_node(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.keep_configured_node() FROM PUBLIC;

--
-- Name: FUNCTION keep_history(days integer); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.keep_history(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.keep_history(days integer) TO junction_app;

--
-- Name: FUNCTION keep_invocations(days integer); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.keep_invocations(days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.keep_invocations(days integer) TO junction_app;

--
-- Name: TABLE member; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.member TO junction_app;
GRANT SELECT ON TABLE registry.member TO junction_reader;

--
-- Name: FUNCTION leave_member(name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.leave_member(name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.leave_member(name text) TO junction_app;

--
-- Name: FUNCTION log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.log_invocations(ids uuid[], invoked_ats bigint[], trace_ids text[], function_urns text[], hosts text[], extensions text[], addresses text[], outcomes text[], http_statuses integer[], durations bigint[], errors text[], server_nodes text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) TO junction_app;

--
-- Name: FUNCTION make_month(month date); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.make_month(month date) FROM PUBLIC;

--
-- Name: FUNCTION name_configured_node(of_namespace text, of_key text, prefix text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.name_configured_node(of_namespace text, of_key text, prefix text) FROM PUBLIC;

--
-- Name: FUNCTION next_revision(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.next_revision() FROM PUBLIC;
GRANT ALL ON FUNCTION registry.next_revision() TO junction_app;

--
-- Name: FUNCTION node_value(n registry.node); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.node_value(n registry.node) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.node_value(n registry.node) TO junction_app;
GRANT ALL ON FUNCTION registry.node_value(n registry.node) TO junction_reader;

--
-- Name: FUNCTION node_value(name text, host text, port integer, protocol text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) TO junction_app;
GRANT ALL ON FUNCTION registry.node_value(name text, host text, port integer, protocol text) TO junction_reader;

--
-- Name: FUNCTION note_configured(INOUT within bigint, of_namespace text, of_kind text, of_service_key text, of_name text, fresh json, old json, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.note_configured(INOUT within bigint, of_namespace text, of_kind text, of_service_key text, of_name text, fresh json, old json, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION put_configured_actions(INOUT within bigint, of_namespace text, of_key text, of_origin text, actions json, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.put_configured_actions(INOUT within bigint, of_namespace text, of_key text, of_origin text, actions json, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION put_configured_nodes(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.put_configured_nodes(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION put_configured_service(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.put_configured_service(INOUT within bigint, counts registry.configuration, of_namespace text, of_key text, server_name text) FROM PUBLIC;

--
-- Name: FUNCTION refuse_configuration(namespace text, host text, folder text, file text, service text, error text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.refuse_configuration(namespace text, host text, folder text, file text, service text, error text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.refuse_configuration(namespace text, host text, folder text, file text, service text, error text) TO junction_app;

--
-- Name: FUNCTION register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_bulk(namespace text, servers text[], hosts text[], ports integer[], protocols text[], server_names text[], names text[], uris text[], methods text[], params text[], data text[], headers text[], caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_extension(host text, name text, port integer, pid integer, server_node text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_nodes(namespaces text[], service_names text[], names text[], hosts text[], ports integer[], protocols text[], weights integer[], enableds boolean[], metadata text[], check_kinds text[], check_paths text[], leases integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[]) TO junction_app;

--
-- Name: FUNCTION register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_servers(namespaces text[], names text[], hosts text[], ports integer[], protocols text[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) TO junction_app;

--
-- Name: FUNCTION register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.register_services(namespaces text[], server_names text[], names text[], uris text[], methods text[], protocols text[], server_hosts text[], server_ports integer[], server_protocols text[], params text[], data text[], headers text[], timeouts integer[], caller_addresses text[], caller_applications text[], caller_users text[], traces text[], within bigint) TO junction_app;

--
-- Name: FUNCTION renew_lease(namespace text, service_name text, node_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.renew_lease(namespace text, service_name text, node_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.renew_lease(namespace text, service_name text, node_name text) TO junction_app;

--
-- Name: FUNCTION renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.renew_leases(namespaces text[], service_keys text[], node_keys text[], ages integer[]) TO junction_app;

--
-- Name: FUNCTION renew_member(name text, alive interval); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.renew_member(name text, alive interval) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.renew_member(name text, alive interval) TO junction_app;

--
-- Name: FUNCTION same_place(old registry.node, new registry.node); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.same_place(old registry.node, new registry.node) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.same_place(old registry.node, new registry.node) TO junction_app;

--
-- Name: FUNCTION see_configurations(namespace text, host text, folder text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.see_configurations(namespace text, host text, folder text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.see_configurations(namespace text, host text, folder text) TO junction_app;

--
-- Name: FUNCTION service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) TO junction_app;
GRANT ALL ON FUNCTION registry.service_value(name text, version text, settings json, created_at timestamp with time zone, updated_at timestamp with time zone, nodes json) TO junction_reader;

--
-- Name: FUNCTION set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.set_health(namespaces text[], service_keys text[], node_keys text[], hosts text[], ports integer[], healths text[], reasons text[], flappings boolean[], server_name text) TO junction_app;

--
-- Name: FUNCTION take_over_action(); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.take_over_action() FROM PUBLIC;

--
-- Name: FUNCTION unconfigure(namespace text, host text, folder text, file text, server_name text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.unconfigure(namespace text, host text, folder text, file text, server_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.unconfigure(namespace text, host text, folder text, file text, server_name text) TO junction_app;

--
-- Name: FUNCTION update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text) FROM PUBLIC;
GRANT ALL ON FUNCTION registry.update_node(namespace text, service_name text, node_name text, weight integer, enabled boolean, metadata text, caller_address text, caller_application text, caller_user text, trace text) TO junction_app;

--
-- Name: FUNCTION wanted_nodes(counts registry.configuration); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.wanted_nodes(counts registry.configuration) FROM PUBLIC;

--
-- Name: TABLE service; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.service TO junction_app;
GRANT SELECT ON TABLE registry.service TO junction_reader;

--
-- Name: FUNCTION whole_service_value(s registry.service); Type: ACL; Schema: registry; Owner: -
--

REVOKE ALL ON FUNCTION registry.whole_service_value(s registry.service) FROM PUBLIC;

--
-- Name: FUNCTION make_month(parent regclass, month date); Type: ACL; Schema: upkeep; Owner: -
--

REVOKE ALL ON FUNCTION upkeep.make_month(parent regclass, month date) FROM PUBLIC;

--
-- Name: TABLE carrier; Type: ACL; Schema: api_reader; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE api_reader.carrier TO junction_app;
GRANT SELECT ON TABLE api_reader.carrier TO junction_reader;

--
-- Name: TABLE transfer; Type: ACL; Schema: api_reader; Owner: -
--

GRANT SELECT,INSERT,UPDATE ON TABLE api_reader.transfer TO junction_app;
GRANT SELECT ON TABLE api_reader.transfer TO junction_reader;

--
-- Name: TABLE daily; Type: ACL; Schema: api_reader; Owner: -
--

GRANT SELECT ON TABLE api_reader.daily TO junction_reader;

--
-- Name: TABLE failure; Type: ACL; Schema: api_reader; Owner: -
--

GRANT SELECT ON TABLE api_reader.failure TO junction_reader;

--
-- Name: TABLE actor; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.actor TO junction_app;
GRANT SELECT ON TABLE audit.actor TO junction_reader;

--
-- Name: TABLE daily; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.daily TO junction_app;
GRANT SELECT ON TABLE audit.daily TO junction_reader;

--
-- Name: TABLE failure; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.failure TO junction_app;
GRANT SELECT ON TABLE audit.failure TO junction_reader;

--
-- Name: TABLE idempotency; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.idempotency TO junction_reader;

--
-- Name: TABLE last_hour; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.last_hour TO junction_app;
GRANT SELECT ON TABLE audit.last_hour TO junction_reader;

--
-- Name: TABLE page_key; Type: ACL; Schema: audit; Owner: -
--

GRANT SELECT ON TABLE audit.page_key TO junction_app;

--
-- Name: TABLE access_key; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.access_key TO junction_app;

--
-- Name: COLUMN access_key.id; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(id) ON TABLE auth.access_key TO junction_reader;

--
-- Name: COLUMN access_key.application; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(application) ON TABLE auth.access_key TO junction_reader;

--
-- Name: COLUMN access_key.title; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(title) ON TABLE auth.access_key TO junction_reader;

--
-- Name: COLUMN access_key.created_at; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(created_at) ON TABLE auth.access_key TO junction_reader;

--
-- Name: COLUMN access_key.ends_at; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(ends_at) ON TABLE auth.access_key TO junction_reader;

--
-- Name: TABLE attempt; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.attempt TO junction_app;
GRANT SELECT ON TABLE auth.attempt TO junction_reader;

--
-- Name: TABLE change; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT ON TABLE auth.change TO junction_app;
GRANT SELECT ON TABLE auth.change TO junction_reader;

--
-- Name: TABLE effective_rule; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT ON TABLE auth.effective_rule TO junction_app;
GRANT SELECT ON TABLE auth.effective_rule TO junction_reader;

--
-- Name: TABLE first_start; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT ON TABLE auth.first_start TO junction_app;
GRANT SELECT ON TABLE auth.first_start TO junction_reader;

--
-- Name: TABLE issuer; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.issuer TO junction_app;
GRANT SELECT ON TABLE auth.issuer TO junction_reader;

--
-- Name: TABLE known_address; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.known_address TO junction_app;
GRANT SELECT ON TABLE auth.known_address TO junction_reader;

--
-- Name: TABLE own_key; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE auth.own_key TO junction_app;

--
-- Name: TABLE party_grant; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE ON TABLE auth.party_grant TO junction_app;
GRANT SELECT ON TABLE auth.party_grant TO junction_reader;

--
-- Name: TABLE password; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.password TO junction_app;

--
-- Name: TABLE revision; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT ON TABLE auth.revision TO junction_app;
GRANT SELECT ON TABLE auth.revision TO junction_reader;

--
-- Name: TABLE revocation; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.revocation TO junction_app;
GRANT SELECT ON TABLE auth.revocation TO junction_reader;

--
-- Name: TABLE role; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.role TO junction_app;
GRANT SELECT ON TABLE auth.role TO junction_reader;

--
-- Name: TABLE seen_nonce; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.seen_nonce TO junction_app;
GRANT SELECT ON TABLE auth.seen_nonce TO junction_reader;

--
-- Name: TABLE session; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.session TO junction_app;

--
-- Name: COLUMN session.id; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(id) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.kind; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(kind) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.name; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(name) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.access_key; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(access_key) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.address; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(address) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.created_at; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(created_at) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.refreshed_at; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(refreshed_at) ON TABLE auth.session TO junction_reader;

--
-- Name: COLUMN session.expires_at; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT(expires_at) ON TABLE auth.session TO junction_reader;

--
-- Name: TABLE token_key; Type: ACL; Schema: auth; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE auth.token_key TO junction_app;

--
-- Name: TABLE event; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.event TO junction_app;
GRANT SELECT ON TABLE event.event TO junction_reader;

--
-- Name: TABLE queue; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.queue TO junction_app;
GRANT SELECT ON TABLE event.queue TO junction_reader;

--
-- Name: TABLE attempt; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.attempt TO junction_app;
GRANT SELECT ON TABLE event.attempt TO junction_reader;

--
-- Name: TABLE delivery; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.delivery TO junction_app;
GRANT SELECT ON TABLE event.delivery TO junction_reader;

--
-- Name: TABLE delivery_state; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.delivery_state TO junction_app;
GRANT SELECT ON TABLE event.delivery_state TO junction_reader;

--
-- Name: TABLE dead; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.dead TO junction_app;
GRANT SELECT ON TABLE event.dead TO junction_reader;

--
-- Name: TABLE group_lag; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.group_lag TO junction_app;
GRANT SELECT ON TABLE event.group_lag TO junction_reader;

--
-- Name: SEQUENCE last_position; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON SEQUENCE event.last_position TO junction_app;

--
-- Name: TABLE open_delivery; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.open_delivery TO junction_app;
GRANT SELECT ON TABLE event.open_delivery TO junction_reader;

--
-- Name: TABLE opened; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.opened TO junction_app;
GRANT SELECT ON TABLE event.opened TO junction_reader;

--
-- Name: TABLE retrying; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.retrying TO junction_app;
GRANT SELECT ON TABLE event.retrying TO junction_reader;

--
-- Name: TABLE revision; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.revision TO junction_app;
GRANT SELECT ON TABLE event.revision TO junction_reader;

--
-- Name: TABLE secret; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.secret TO junction_app;

--
-- Name: TABLE slowest_target; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.slowest_target TO junction_app;
GRANT SELECT ON TABLE event.slowest_target TO junction_reader;

--
-- Name: TABLE waiting; Type: ACL; Schema: event; Owner: -
--

GRANT SELECT ON TABLE event.waiting TO junction_app;
GRANT SELECT ON TABLE event.waiting TO junction_reader;

--
-- Name: TABLE attachment; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.attachment TO junction_app;
GRANT SELECT ON TABLE notice.attachment TO junction_reader;

--
-- Name: TABLE attachment_part; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.attachment_part TO junction_app;

--
-- Name: TABLE attempt; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.attempt TO junction_app;
GRANT SELECT ON TABLE notice.attempt TO junction_reader;

--
-- Name: TABLE audit; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.audit TO junction_app;
GRANT SELECT ON TABLE notice.audit TO junction_reader;

--
-- Name: TABLE by_channel_and_day; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.by_channel_and_day TO junction_app;
GRANT SELECT ON TABLE notice.by_channel_and_day TO junction_reader;

--
-- Name: TABLE charge; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.charge TO junction_app;
GRANT SELECT ON TABLE notice.charge TO junction_reader;

--
-- Name: TABLE delivery_with_notice; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.delivery_with_notice TO junction_app;
GRANT SELECT ON TABLE notice.delivery_with_notice TO junction_reader;

--
-- Name: TABLE failure; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.failure TO junction_app;
GRANT SELECT ON TABLE notice.failure TO junction_reader;

--
-- Name: TABLE group_member; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.group_member TO junction_app;
GRANT SELECT ON TABLE notice.group_member TO junction_reader;

--
-- Name: TABLE group_name; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.group_name TO junction_app;
GRANT SELECT ON TABLE notice.group_name TO junction_reader;

--
-- Name: TABLE idempotency; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.idempotency TO junction_app;

--
-- Name: TABLE inbox_change; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.inbox_change TO junction_app;
GRANT SELECT ON TABLE notice.inbox_change TO junction_reader;

--
-- Name: SEQUENCE last_position; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON SEQUENCE notice.last_position TO junction_app;

--
-- Name: TABLE link_key; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.link_key TO junction_app;

--
-- Name: TABLE open_delivery; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.open_delivery TO junction_app;
GRANT SELECT ON TABLE notice.open_delivery TO junction_reader;

--
-- Name: TABLE part; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.part TO junction_app;
GRANT SELECT ON TABLE notice.part TO junction_reader;

--
-- Name: TABLE quota_use; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.quota_use TO junction_app;
GRANT SELECT ON TABLE notice.quota_use TO junction_reader;

--
-- Name: TABLE revision; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.revision TO junction_app;
GRANT SELECT ON TABLE notice.revision TO junction_reader;

--
-- Name: TABLE upload; Type: ACL; Schema: notice; Owner: -
--

GRANT SELECT ON TABLE notice.upload TO junction_app;
GRANT SELECT ON TABLE notice.upload TO junction_reader;

--
-- Name: TABLE extension; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.extension TO junction_app;
GRANT SELECT ON TABLE registry.extension TO junction_reader;

--
-- Name: TABLE invocation; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT ON TABLE registry.invocation TO junction_app;
GRANT SELECT ON TABLE registry.invocation TO junction_reader;

--
-- Name: TABLE extension_day; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT ON TABLE registry.extension_day TO junction_reader;

--
-- Name: TABLE history; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT ON TABLE registry.history TO junction_app;
GRANT SELECT ON TABLE registry.history TO junction_reader;

--
-- Name: TABLE lease; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE registry.lease TO junction_app;
GRANT SELECT ON TABLE registry.lease TO junction_reader;

--
-- Name: SEQUENCE revision; Type: ACL; Schema: registry; Owner: -
--

GRANT USAGE ON SEQUENCE registry.revision TO junction_app;

--
-- Name: TABLE state; Type: ACL; Schema: registry; Owner: -
--

GRANT SELECT ON TABLE registry.state TO junction_app;
GRANT SELECT ON TABLE registry.state TO junction_reader;

--
-- PostgreSQL database dump complete
--
