-- A notice is sent once; each recipient on each channel is a row that says how it stands, and each
-- attempt to deliver it is a row, too.

CREATE SCHEMA notice;
COMMENT ON SCHEMA notice IS
	'Notices, whom they are for, and how each delivery went. notice, delivery and attempt are dropped by months as a whole.';

CREATE TABLE notice.revision (
	value bigint NOT NULL,
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT revision_pkey PRIMARY KEY (single),
	CONSTRAINT revision_single CHECK (single)
);
COMMENT ON TABLE notice.revision IS 'How often channels have changed: the servers look, and load them anew.';
COMMENT ON COLUMN notice.revision.value IS 'Rises with each change of notice.channel.';
COMMENT ON COLUMN notice.revision.single IS 'There is one row.';
INSERT INTO notice.revision (value) VALUES (1);

CREATE TABLE notice.link_key (
	key bytea NOT NULL,
	single boolean NOT NULL DEFAULT true,
	CONSTRAINT link_key_pkey PRIMARY KEY (single),
	CONSTRAINT link_key_single CHECK (single),
	CONSTRAINT link_key_length CHECK (octet_length(key) = 32)
);
COMMENT ON TABLE notice.link_key IS 'What receipt links are signed with. A secret.';
COMMENT ON COLUMN notice.link_key.key IS 'Random, made by the migration.';
COMMENT ON COLUMN notice.link_key.single IS 'There is one row.';
INSERT INTO notice.link_key (key)
SELECT sha256(string_agg(uuid_send(gen_random_uuid()), '')) FROM generate_series(1, 4);

CREATE UNLOGGED TABLE notice.member (
	name text COLLATE "C" NOT NULL,
	renewed_at timestamptz NOT NULL,
	CONSTRAINT member_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE notice.member IS 'The servers that send notices; each is in charge of some channels.';
COMMENT ON COLUMN notice.member.name IS 'hostname-starttime of the server.';
COMMENT ON COLUMN notice.member.renewed_at IS 'When it was last seen alive.';

-- --- channels -----------------------------------------------------------------------------------

CREATE TABLE notice.channel (
	id integer GENERATED ALWAYS AS IDENTITY,
	namespace text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	kind text COLLATE "C" NOT NULL,
	settings json NOT NULL DEFAULT '{}',
	secrets bytea,
	secrets_key_id text COLLATE "C",
	secret_names text[] COLLATE "C" NOT NULL DEFAULT '{}',
	enabled boolean NOT NULL DEFAULT true,
	concurrency integer NOT NULL,
	quota integer NOT NULL,
	quota_ms bigint NOT NULL DEFAULT 60000,
	schedule_ms bigint[] NOT NULL DEFAULT '{5000,30000,120000,600000,3600000,10800000}',
	timeout_ms bigint NOT NULL,
	receipt_token text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	author_user text COLLATE "C",
	author_application text COLLATE "C",
	author_address text COLLATE "C",
	CONSTRAINT channel_pkey PRIMARY KEY (id),
	CONSTRAINT channel_namespace_name_key UNIQUE (namespace, name),
	CONSTRAINT channel_receipt_token_key UNIQUE (receipt_token),
	CONSTRAINT channel_name_form CHECK (name ~ '^[A-Za-z0-9_-]{1,32}$' AND name <> 'site'),
	CONSTRAINT channel_kind_known CHECK (kind IN ('mail', 'dingtalk', 'wechat', 'sms', 'service')),
	CONSTRAINT channel_secrets_with_key CHECK ((secrets IS NULL) = (secrets_key_id IS NULL)),
	CONSTRAINT channel_concurrency_range CHECK (concurrency BETWEEN 1 AND 1000),
	CONSTRAINT channel_quota_range CHECK (quota BETWEEN 0 AND 1000000),
	CONSTRAINT channel_quota_ms_range CHECK (quota_ms BETWEEN 1 AND 86400000),
	CONSTRAINT channel_schedule_count CHECK (cardinality(schedule_ms) <= 20),
	CONSTRAINT channel_schedule_range CHECK (1 <= ALL (schedule_ms) AND 604800000 >= ALL (schedule_ms)),
	CONSTRAINT channel_timeout_range CHECK (timeout_ms BETWEEN 1 AND 300000)
);
COMMENT ON TABLE notice.channel IS 'Ways out, by namespace. Channel site needs none: its deliveries are the inboxes.';
COMMENT ON COLUMN notice.channel.id IS 'Short, since each delivery has it. One that was deleted and made again is another.';
COMMENT ON COLUMN notice.channel.namespace IS 'Only notices of this namespace.';
COMMENT ON COLUMN notice.channel.name IS 'Its name in Send.';
COMMENT ON COLUMN notice.channel.kind IS 'mail: SMTP; dingtalk, wechat: robots of chat groups; sms: a provider that its settings describe; service: a registered service.';
COMMENT ON COLUMN notice.channel.settings IS 'What the kind needs, without secrets; the server has checked it.';
COMMENT ON COLUMN notice.channel.secrets IS 'JSON object of its secrets, encrypted: nonce and XChaCha20-Poly1305 with "channel NAMESPACE NAME" as additional data. A secret.';
COMMENT ON COLUMN notice.channel.secrets_key_id IS 'Name of the key in the servers'' key file.';
COMMENT ON COLUMN notice.channel.secret_names IS 'Names of its secrets.';
COMMENT ON COLUMN notice.channel.enabled IS 'False: nothing is sent; what waits goes on waiting.';
COMMENT ON COLUMN notice.channel.concurrency IS 'Attempts under way at a time.';
COMMENT ON COLUMN notice.channel.quota IS 'So many messages within quota_ms at most; 0: no limit.';
COMMENT ON COLUMN notice.channel.quota_ms IS 'Milliseconds.';
COMMENT ON COLUMN notice.channel.schedule_ms IS 'Milliseconds from each failed attempt to the next, give or take a tenth; after the last one a delivery is failed.';
COMMENT ON COLUMN notice.channel.timeout_ms IS 'Of one attempt, milliseconds.';
COMMENT ON COLUMN notice.channel.receipt_token IS 'What its provider reports receipts with. A secret.';
COMMENT ON COLUMN notice.channel.created_at IS 'When.';
COMMENT ON COLUMN notice.channel.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN notice.channel.author_user IS 'User who last put it; NULL if unknown.';
COMMENT ON COLUMN notice.channel.author_application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN notice.channel.author_address IS 'Address that did; NULL if unknown.';
COMMENT ON SEQUENCE notice.channel_id_seq IS 'Of notice.channel.id.';

CREATE TABLE notice.quota_use (
	channel_id integer NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT quota_use_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES notice.channel (id) ON DELETE CASCADE
);
COMMENT ON TABLE notice.quota_use IS
	'Messages lately begun on channels with a quota, so that a server that takes over, or starts again, keeps it.';
COMMENT ON COLUMN notice.quota_use.channel_id IS 'Which channel.';
COMMENT ON COLUMN notice.quota_use.at IS 'When the message was begun.';
CREATE INDEX quota_use_by_channel ON notice.quota_use (channel_id, at);
COMMENT ON INDEX notice.quota_use_by_channel IS 'Those of a channel.';

-- --- recipients and groups ----------------------------------------------------------------------

CREATE TABLE notice.recipient (
	namespace text COLLATE "C" NOT NULL,
	user_name text COLLATE "C" NOT NULL,
	addresses jsonb NOT NULL DEFAULT '{}',
	language text COLLATE "C" NOT NULL DEFAULT '',
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT recipient_pkey PRIMARY KEY (namespace, user_name),
	CONSTRAINT recipient_user_name_length CHECK (octet_length(user_name) BETWEEN 1 AND 255),
	CONSTRAINT recipient_language_form CHECK (language ~ '^[A-Za-z0-9-]{0,35}$')
);
COMMENT ON TABLE notice.recipient IS 'Where users are reached. A user need not be here to get notices in his inbox.';
COMMENT ON COLUMN notice.recipient.namespace IS 'Only for notices of this namespace.';
COMMENT ON COLUMN notice.recipient.user_name IS 'The user.';
COMMENT ON COLUMN notice.recipient.addresses IS 'By name of channel: a text.';
COMMENT ON COLUMN notice.recipient.language IS 'BCP 47; empty: none is preferred.';
COMMENT ON COLUMN notice.recipient.updated_at IS 'When it was last put.';

CREATE TABLE notice.group_name (
	namespace text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT group_name_pkey PRIMARY KEY (namespace, name),
	CONSTRAINT group_name_name_length CHECK (octet_length(name) BETWEEN 1 AND 255)
);
COMMENT ON TABLE notice.group_name IS 'Groups of users. One hides a group of that name in auth.subject.';
COMMENT ON COLUMN notice.group_name.namespace IS 'Only for notices of this namespace.';
COMMENT ON COLUMN notice.group_name.name IS 'The group.';
COMMENT ON COLUMN notice.group_name.created_at IS 'When.';

CREATE TABLE notice.group_member (
	namespace text COLLATE "C" NOT NULL,
	group_name text COLLATE "C" NOT NULL,
	user_name text COLLATE "C" NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT group_member_pkey PRIMARY KEY (namespace, group_name, user_name),
	CONSTRAINT group_member_group_fkey FOREIGN KEY (namespace, group_name)
		REFERENCES notice.group_name (namespace, name) ON DELETE CASCADE,
	CONSTRAINT group_member_user_name_length CHECK (octet_length(user_name) BETWEEN 1 AND 255)
);
COMMENT ON TABLE notice.group_member IS 'Who is in which group.';
COMMENT ON COLUMN notice.group_member.namespace IS 'The group''s.';
COMMENT ON COLUMN notice.group_member.group_name IS 'The group.';
COMMENT ON COLUMN notice.group_member.user_name IS 'Who is in it.';
COMMENT ON COLUMN notice.group_member.created_at IS 'Since when.';

-- --- templates ----------------------------------------------------------------------------------

CREATE TABLE notice.template (
	namespace text COLLATE "C" NOT NULL,
	id text COLLATE "C" NOT NULL,
	version integer NOT NULL,
	channel text COLLATE "C" NOT NULL DEFAULT '',
	required text[] COLLATE "C" NOT NULL DEFAULT '{}',
	needed text[] COLLATE "C" NOT NULL DEFAULT '{}',
	variants json NOT NULL,
	personal boolean NOT NULL DEFAULT false,
	has_receipt boolean NOT NULL DEFAULT false,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	deleted boolean NOT NULL DEFAULT false,
	author_user text COLLATE "C",
	author_application text COLLATE "C",
	author_address text COLLATE "C",
	CONSTRAINT template_pkey PRIMARY KEY (namespace, id, version),
	CONSTRAINT template_id_length CHECK (octet_length(id) BETWEEN 1 AND 255),
	CONSTRAINT template_version_positive CHECK (version > 0)
);
COMMENT ON TABLE notice.template IS 'Versions of templates. A row is never changed but for deleted; the highest version is the one to send with, unless it is deleted.';
COMMENT ON COLUMN notice.template.namespace IS 'Only for notices of this namespace.';
COMMENT ON COLUMN notice.template.id IS 'The template.';
COMMENT ON COLUMN notice.template.version IS 'From 1, without gaps.';
COMMENT ON COLUMN notice.template.channel IS 'Names of channels, parted by commas, for notices that name none; empty: site.';
COMMENT ON COLUMN notice.template.required IS 'Parameters that its author said must be given.';
COMMENT ON COLUMN notice.template.needed IS 'Those, and all that stand outside of sections: without one nothing is sent.';
COMMENT ON COLUMN notice.template.variants IS 'JSON list of {channel, language, subject, body, html, provider_template}; the server has checked it.';
COMMENT ON COLUMN notice.template.personal IS 'What it says depends on the user: each gets a message of his own.';
COMMENT ON COLUMN notice.template.has_receipt IS 'It has the receipt link.';
COMMENT ON COLUMN notice.template.created_at IS 'When.';
COMMENT ON COLUMN notice.template.deleted IS 'Nothing more is sent with it.';
COMMENT ON COLUMN notice.template.author_user IS 'User who put it; NULL if unknown.';
COMMENT ON COLUMN notice.template.author_application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN notice.template.author_address IS 'Address that did; NULL if unknown.';

-- --- attachments --------------------------------------------------------------------------------

CREATE TABLE notice.attachment (
	id uuid NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	name text COLLATE "C" NOT NULL,
	content_type text COLLATE "C" NOT NULL,
	size bigint NOT NULL,
	file_id text COLLATE "C",
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	used_at bigint,
	CONSTRAINT attachment_pkey PRIMARY KEY (id),
	CONSTRAINT attachment_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
	CONSTRAINT attachment_content_type_length CHECK (octet_length(content_type) BETWEEN 1 AND 255),
	CONSTRAINT attachment_size_range CHECK (size >= 0)
);
COMMENT ON TABLE notice.attachment IS 'Files that notices carry. Its row comes after its last part.';
COMMENT ON COLUMN notice.attachment.id IS 'Made by the server.';
COMMENT ON COLUMN notice.attachment.namespace IS 'Only for notices of this namespace.';
COMMENT ON COLUMN notice.attachment.name IS 'File name.';
COMMENT ON COLUMN notice.attachment.content_type IS 'Media type.';
COMMENT ON COLUMN notice.attachment.size IS 'Bytes.';
COMMENT ON COLUMN notice.attachment.file_id IS 'Its id in the file service, if it was read there.';
COMMENT ON COLUMN notice.attachment.created_at IS 'When it came.';
COMMENT ON COLUMN notice.attachment.used_at IS 'Position of the last notice that carries it; NULL: none does.';

CREATE TABLE notice.attachment_part (
	attachment_id uuid NOT NULL,
	number integer NOT NULL,
	bytes bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	CONSTRAINT attachment_part_pkey PRIMARY KEY (attachment_id, number)
);
ALTER TABLE notice.attachment_part ALTER COLUMN bytes SET STORAGE EXTERNAL;
COMMENT ON TABLE notice.attachment_part IS 'What attachments hold, piece by piece.';
COMMENT ON COLUMN notice.attachment_part.attachment_id IS 'Of which; its row may be still to come.';
COMMENT ON COLUMN notice.attachment_part.number IS 'From 1.';
COMMENT ON COLUMN notice.attachment_part.bytes IS 'At most 256 KiB.';
COMMENT ON COLUMN notice.attachment_part.created_at IS 'When it came.';

-- --- notices ------------------------------------------------------------------------------------

CREATE SEQUENCE notice.last_position MINVALUE 0 START 0;
COMMENT ON SEQUENCE notice.last_position IS 'The highest position that has been given out, to notices and deliveries alike.';

CREATE TABLE notice.notice (
	position bigint NOT NULL,
	notice_id uuid NOT NULL,
	time timestamptz NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	sender text COLLATE "C" NOT NULL,
	title text COLLATE "C" NOT NULL,
	message text COLLATE "C" NOT NULL,
	params text COLLATE "C",
	template text COLLATE "C",
	template_version integer,
	channels text[] COLLATE "C" NOT NULL,
	groups text[] COLLATE "C" NOT NULL DEFAULT '{}',
	attachments uuid[] NOT NULL DEFAULT '{}',
	reply boolean NOT NULL DEFAULT false,
	personal boolean NOT NULL DEFAULT false,
	deliveries bigint NOT NULL,
	user_name text COLLATE "C",
	application text COLLATE "C",
	address text COLLATE "C",
	node text COLLATE "C" NOT NULL,
	trace_id text COLLATE "C",
	CONSTRAINT notice_pkey PRIMARY KEY (position),
	CONSTRAINT notice_template_with_version CHECK ((template IS NULL) = (template_version IS NULL))
) PARTITION BY RANGE (position);
COMMENT ON TABLE notice.notice IS 'What has been sent, in the order of the commits. A row is never changed.';
COMMENT ON COLUMN notice.notice.position IS 'As event.event.position: event.position_at() gives that of a time.';
COMMENT ON COLUMN notice.notice.notice_id IS 'As the API shows it.';
COMMENT ON COLUMN notice.notice.time IS 'Receipt, whole milliseconds.';
COMMENT ON COLUMN notice.notice.namespace IS 'The sender''s.';
COMMENT ON COLUMN notice.notice.sender IS 'In whose name.';
COMMENT ON COLUMN notice.notice.title IS 'As given.';
COMMENT ON COLUMN notice.notice.message IS 'As given.';
COMMENT ON COLUMN notice.notice.params IS 'JSON object for the template, as given; NULL: none.';
COMMENT ON COLUMN notice.notice.template IS 'The template; NULL: none.';
COMMENT ON COLUMN notice.notice.template_version IS 'Its version.';
COMMENT ON COLUMN notice.notice.channels IS 'Names of its channels.';
COMMENT ON COLUMN notice.notice.groups IS 'The groups that it was sent to; empty: to users.';
COMMENT ON COLUMN notice.notice.attachments IS 'What it carries.';
COMMENT ON COLUMN notice.notice.reply IS 'A receipt is wanted.';
COMMENT ON COLUMN notice.notice.personal IS 'What it says depends on the user.';
COMMENT ON COLUMN notice.notice.deliveries IS 'Recipients times channels.';
COMMENT ON COLUMN notice.notice.user_name IS 'User who sent it; NULL if unknown.';
COMMENT ON COLUMN notice.notice.application IS 'Application that did; NULL if unknown.';
COMMENT ON COLUMN notice.notice.address IS 'Address that did; NULL if unknown.';
COMMENT ON COLUMN notice.notice.node IS 'The server that took it: hostname-starttime.';
COMMENT ON COLUMN notice.notice.trace_id IS 'Trace id of the call; the same in audit.record.';
CREATE INDEX notice_by_id ON notice.notice (notice_id);
COMMENT ON INDEX notice.notice_by_id IS 'A notice by its id.';

CREATE TABLE notice.part (
	notice_position bigint NOT NULL,
	number integer NOT NULL,
	users text[] COLLATE "C" NOT NULL,
	CONSTRAINT part_pkey PRIMARY KEY (notice_position, number)
);
COMMENT ON TABLE notice.part IS
	'Recipients of large sends whose deliveries are still to be made, in parts: a part goes in the transaction that makes its deliveries.';
COMMENT ON COLUMN notice.part.notice_position IS 'Of which notice.';
COMMENT ON COLUMN notice.part.number IS 'From 1.';
COMMENT ON COLUMN notice.part.users IS 'At most 1,000.';

CREATE TYPE notice.state AS ENUM ('waiting', 'sending', 'sent', 'delivered', 'read', 'failed', 'unknown', 'cancelled');
COMMENT ON TYPE notice.state IS
	'waiting: to be sent when due. sending: somebody does, until due. sent: the provider took it. delivered: it has arrived. read: the recipient has seen it. failed: it was not sent, or has not arrived. unknown: it may have been sent. cancelled: it was not sent.';

CREATE TABLE notice.delivery (
	position bigint NOT NULL,
	notice_position bigint NOT NULL,
	namespace text COLLATE "C" NOT NULL,
	user_name text COLLATE "C" NOT NULL,
	channel text COLLATE "C" NOT NULL,
	channel_id integer,
	address text COLLATE "C",
	language text COLLATE "C" NOT NULL DEFAULT '',
	state notice.state NOT NULL,
	attempts integer NOT NULL DEFAULT 0,
	tries integer NOT NULL DEFAULT 0,
	at timestamptz NOT NULL,
	due timestamptz,
	message_id text COLLATE "C",
	code text COLLATE "C",
	text text COLLATE "C",
	receipt_at timestamptz,
	receipt_by text COLLATE "C",
	receipt_told boolean NOT NULL DEFAULT false,
	cancelled boolean NOT NULL DEFAULT false,
	hidden boolean NOT NULL DEFAULT false,
	CONSTRAINT delivery_pkey PRIMARY KEY (position),
	CONSTRAINT delivery_user_name_length CHECK (octet_length(user_name) BETWEEN 1 AND 255),
	CONSTRAINT delivery_site_without_channel_id CHECK ((channel_id IS NULL) = (channel = 'site')),
	CONSTRAINT delivery_receipt_by_known CHECK (receipt_by IN ('inbox', 'link')),
	CONSTRAINT delivery_due_while_open CHECK (due IS NULL OR state IN ('waiting', 'sending', 'sent', 'unknown'))
) PARTITION BY RANGE (position);
COMMENT ON TABLE notice.delivery IS
	'A notice on its way to one recipient on one channel, as it stands. Those of channel site are the inboxes.';
COMMENT ON COLUMN notice.delivery.position IS 'Its id in the API. Rises in commit order; event.position_at() gives that of a time.';
COMMENT ON COLUMN notice.delivery.notice_position IS 'The notice.';
COMMENT ON COLUMN notice.delivery.namespace IS 'The notice''s.';
COMMENT ON COLUMN notice.delivery.user_name IS 'To whom.';
COMMENT ON COLUMN notice.delivery.channel IS 'On which channel.';
COMMENT ON COLUMN notice.delivery.channel_id IS 'The channel''s id when it was sent, in notice.channel unless it was deleted; NULL: site.';
COMMENT ON COLUMN notice.delivery.address IS 'The recipient''s on that channel when it was sent, or sent again; NULL: none was known, or site.';
COMMENT ON COLUMN notice.delivery.language IS 'The recipient''s then.';
COMMENT ON COLUMN notice.delivery.state IS 'How it stands.';
COMMENT ON COLUMN notice.delivery.attempts IS 'Attempts so far, each a row in notice.attempt.';
COMMENT ON COLUMN notice.delivery.tries IS 'Attempts that failed since it was sent, or sent again: what the channel''s schedule counts.';
COMMENT ON COLUMN notice.delivery.at IS 'Since when it stands so.';
COMMENT ON COLUMN notice.delivery.due IS 'waiting: when it is sent. sending: when it counts as unknown if nothing was heard. sent, unknown: when the provider is asked what became of it. NULL: nothing happens by itself.';
COMMENT ON COLUMN notice.delivery.message_id IS 'The provider''s id of the message; NULL: none is known.';
COMMENT ON COLUMN notice.delivery.code IS 'The provider''s last code, or one of Junction''s own; NULL: none.';
COMMENT ON COLUMN notice.delivery.text IS 'What was said with it.';
COMMENT ON COLUMN notice.delivery.receipt_at IS 'When it was read or confirmed by its link; NULL: it was not.';
COMMENT ON COLUMN notice.delivery.receipt_by IS 'inbox, link: how. NULL: the provider said so, or it was not.';
COMMENT ON COLUMN notice.delivery.receipt_told IS 'The receipt has been published as an event, or need not be.';
COMMENT ON COLUMN notice.delivery.cancelled IS 'Of one that is being sent: Cancel has come meanwhile, and if this attempt fails there is no other.';
COMMENT ON COLUMN notice.delivery.hidden IS 'Of site: the user has removed it from the inbox.';
CREATE INDEX delivery_by_notice ON notice.delivery (notice_position, position);
COMMENT ON INDEX notice.delivery_by_notice IS 'Those of a notice.';
CREATE INDEX delivery_by_user ON notice.delivery (namespace, user_name, position);
COMMENT ON INDEX notice.delivery_by_user IS 'All that a user was sent.';
CREATE INDEX delivery_inbox ON notice.delivery (namespace, user_name, position)
	WHERE channel_id IS NULL AND NOT hidden;
COMMENT ON INDEX notice.delivery_inbox IS 'An inbox.';
CREATE INDEX delivery_unread ON notice.delivery (namespace, user_name, position)
	WHERE channel_id IS NULL AND state = 'delivered' AND NOT hidden;
COMMENT ON INDEX notice.delivery_unread IS 'What is unread in an inbox.';
CREATE INDEX delivery_due ON notice.delivery (channel_id, due, position) WHERE due IS NOT NULL;
COMMENT ON INDEX notice.delivery_due IS 'What is to be done, by channel, in order.';
CREATE INDEX delivery_by_message ON notice.delivery (channel_id, message_id) WHERE message_id IS NOT NULL;
COMMENT ON INDEX notice.delivery_by_message IS 'What a provider reports of.';
CREATE INDEX delivery_receipt ON notice.delivery (position) WHERE receipt_at IS NOT NULL AND NOT receipt_told;
COMMENT ON INDEX notice.delivery_receipt IS 'Receipts that are still to be published.';

CREATE TABLE notice.attempt (
	position bigint NOT NULL,
	number integer NOT NULL,
	at timestamptz NOT NULL,
	node text COLLATE "C" NOT NULL,
	asked boolean NOT NULL DEFAULT false,
	state notice.state NOT NULL DEFAULT 'sending',
	latency_ms double precision,
	message_id text COLLATE "C",
	code text COLLATE "C",
	text text COLLATE "C",
	CONSTRAINT attempt_pkey PRIMARY KEY (position, number)
) PARTITION BY RANGE (position);
COMMENT ON TABLE notice.attempt IS 'Each attempt to deliver, or to ask what became of it.';
COMMENT ON COLUMN notice.attempt.position IS 'The delivery.';
COMMENT ON COLUMN notice.attempt.number IS 'From 1, without gaps.';
COMMENT ON COLUMN notice.attempt.at IS 'When it began.';
COMMENT ON COLUMN notice.attempt.node IS 'The server that made it: hostname-starttime.';
COMMENT ON COLUMN notice.attempt.asked IS 'It asked the provider, and sent nothing.';
COMMENT ON COLUMN notice.attempt.state IS 'How the delivery stood after it; sending: it has not ended, or its server died in it.';
COMMENT ON COLUMN notice.attempt.latency_ms IS 'How long it took; NULL: it has not ended.';
COMMENT ON COLUMN notice.attempt.message_id IS 'The provider''s id of the message; NULL: none.';
COMMENT ON COLUMN notice.attempt.code IS 'The provider''s code, or one of Junction''s own; NULL: none.';
COMMENT ON COLUMN notice.attempt.text IS 'What was said with it.';

CREATE TABLE notice.idempotency (
	namespace text COLLATE "C" NOT NULL,
	application text COLLATE "C" NOT NULL,
	key text COLLATE "C" NOT NULL,
	request_hash bytea NOT NULL,
	notice_id uuid NOT NULL,
	deliveries bigint NOT NULL,
	expires_at timestamptz NOT NULL,
	CONSTRAINT idempotency_pkey PRIMARY KEY (namespace, application, key)
);
COMMENT ON TABLE notice.idempotency IS 'Idempotency-Keys of sends.';
COMMENT ON COLUMN notice.idempotency.namespace IS 'The caller''s.';
COMMENT ON COLUMN notice.idempotency.application IS 'The caller''s; empty if unknown.';
COMMENT ON COLUMN notice.idempotency.key IS 'As given.';
COMMENT ON COLUMN notice.idempotency.request_hash IS 'Of what was sent: the same again is a repetition, anything else a conflict.';
COMMENT ON COLUMN notice.idempotency.notice_id IS 'What it has sent.';
COMMENT ON COLUMN notice.idempotency.deliveries IS 'How many deliveries that has.';
COMMENT ON COLUMN notice.idempotency.expires_at IS 'Until when it counts.';
CREATE INDEX idempotency_by_end ON notice.idempotency (expires_at);
COMMENT ON INDEX notice.idempotency_by_end IS 'What is to be forgotten.';

-- --- partitions ---------------------------------------------------------------------------------

CREATE FUNCTION notice.make_month(parent regclass, month date) RETURNS void
	LANGUAGE plpgsql SECURITY INVOKER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION notice.make_month(regclass, date) IS
	'Makes the partition of a table for the positions of the month that begins on that day, if it is missing: named as the table, with _YYYY_MM.';

SELECT notice.make_month(t::regclass, (date_trunc('month', now() AT TIME ZONE 'UTC') + i * interval '1 month')::date)
FROM unnest(ARRAY['notice.notice', 'notice.delivery', 'notice.attempt']) AS t, generate_series(0, 2) AS i;

-- --- telling the servers ------------------------------------------------------------------------

CREATE FUNCTION notice.note_change() RETURNS trigger
	LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	UPDATE notice.revision SET value = value + 1;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION notice.note_change() IS 'Counts a change of channels. Before it, so that whoever changes one waits here, and nowhere later.';
CREATE TRIGGER note_change BEFORE INSERT OR UPDATE OR DELETE ON notice.channel
	FOR EACH STATEMENT EXECUTE FUNCTION notice.note_change();
COMMENT ON TRIGGER note_change ON notice.channel IS 'Each statement that changes channels counts.';

-- --- rights -------------------------------------------------------------------------------------

-- The servers write by functions alone, and read what they need; readers see no secrets.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA notice FROM PUBLIC;
GRANT USAGE ON SCHEMA notice TO junction_app, junction_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA notice TO junction_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON notice.member TO junction_app;
GRANT SELECT ON notice.revision, notice.member, notice.quota_use, notice.recipient, notice.group_name,
	notice.group_member, notice.template, notice.attachment, notice.notice, notice.part,
	notice.delivery, notice.attempt TO junction_reader;
GRANT SELECT (id, namespace, name, kind, settings, secret_names, enabled, concurrency, quota, quota_ms,
	schedule_ms, timeout_ms, created_at, updated_at, author_user, author_application, author_address)
	ON notice.channel TO junction_reader;
