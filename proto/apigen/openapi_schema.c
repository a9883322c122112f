/*
 * Schemas of messages. Fields follow the proto3 JSON mapping as proto/runtime writes it; types with
 * a JSON form of their own stand in a table.
 */
#include "proto/apigen/openapi.h"
#include "proto/apigen/words.h"

#define INT64_TEXT  "'type':'string','format':'int64','pattern':'^-?[0-9]+$'"
#define UINT64_TEXT "'type':'string','format':'uint64','pattern':'^[0-9]+$'"
#define NOT_FINITE  "{'type':'string','enum':['NaN','Infinity','-Infinity']}"
#define ANY_VALUE   ""

static const struct {
	const char *name, *json, *numbers; /* numbers: if it differs */
	bool plain;
} WELL_KNOWN[] = {
	{"Timestamp", "'type':'string','format':'date-time'", NULL, true},
	{"Duration", "'type':'string','pattern':'^-?[0-9]+([.][0-9]{1,9})?s$'", NULL, true},
	{"FieldMask", "'type':'string'", NULL, true},
	{"Struct", "'type':'object','additionalProperties':true", NULL, false},
	{"Value", ANY_VALUE, NULL, false},
	{"ListValue", "'type':'array','items':{}", NULL, false},
	{"Any",
		"'type':'object','properties':{'@type':{'type':'string'}},'required':['@type'],"
		"'additionalProperties':true",
		NULL, false},
	{"Empty", "'type':'object'", NULL, false},
	{"BoolValue", "'type':['boolean','null']", NULL, true},
	{"StringValue", "'type':['string','null']", NULL, true},
	{"BytesValue", "'type':['string','null'],'contentEncoding':'base64'", NULL, true},
	{"Int32Value", "'type':['integer','null'],'format':'int32'", NULL, true},
	{"UInt32Value", "'type':['integer','null'],'minimum':0,'maximum':4294967295", NULL, true},
	{"Int64Value", "'anyOf':[{" INT64_TEXT "},{'type':'null'}]",
		"'type':['integer','null'],'format':'int64'", true},
	{"UInt64Value", "'anyOf':[{" UINT64_TEXT "},{'type':'null'}]",
		"'type':['integer','null'],'minimum':0", true},
	{"FloatValue", "'anyOf':[{'type':['number','null'],'format':'float'}," NOT_FINITE "]", NULL,
		true},
	{"DoubleValue", "'anyOf':[{'type':['number','null'],'format':'double'}," NOT_FINITE "]",
		NULL, true},
};

/* Position in the table, or -1. */
static int well_known(const struct message *m)
{
	static const char package[] = "google.protobuf.";

	if (!m || !text_starts(text_of(m->name), text_of(package)))
		return -1;
	for (size_t i = 0; i < sizeof(WELL_KNOWN) / sizeof(WELL_KNOWN[0]); i++)
		if (strcmp(m->name + strlen(package), WELL_KNOWN[i].name) == 0)
			return (int)i;
	return -1;
}

static void mark(struct openapi *o, bool *what)
{
	o->changed |= !*what;
	*what = true;
}

static void mark_wide(struct openapi *o)
{
	if (o->current)
		mark(o, &o->current->wide);
}

/* --- messages ------------------------------------------------------------------------------- */

static bool is_ours(const struct message *m)
{
	return text_starts(text_of(m->name), TEXT(OUR_PACKAGE "."));
}

static const char *component_name(
	const struct openapi *o, const struct message *m, enum openapi_form form)
{
	const struct openapi_mark *k = &o->marks[m - o->schema->messages];
	const char *name = is_ours(m) ? m->name + strlen(OUR_PACKAGE ".") : m->name;
	bool two = k->wide && k->used[FORM_NATIVE] && k->used[FORM_NUMBERS];

	return two && form == FORM_NUMBERS ? arena_printf(o->arena, "%sWithNumbers", name) : name;
}

void openapi_message(struct openapi *o, const struct message *m, enum openapi_form form)
{
	struct openapi_mark *k = &o->marks[m - o->schema->messages];
	int known = well_known(m);

	if (strcmp(m->name, "google.rpc.Status") == 0) { /* what refusals are made of */
		openapi_add(o, "'$ref':'#/components/schemas/Status'");
		return;
	}
	if (known >= 0) {
		bool numbers = form == FORM_NUMBERS && WELL_KNOWN[known].numbers;

		if (WELL_KNOWN[known].numbers)
			mark_wide(o);
		if (*WELL_KNOWN[known].json)
			openapi_add(
				o, numbers ? WELL_KNOWN[known].numbers : WELL_KNOWN[known].json);
		return;
	}
	mark(o, &k->used[form]);
	if (k->wide)
		mark_wide(o);
	openapi_string(o, "$ref",
		text_of(arena_printf(
			o->arena, "#/components/schemas/%s", component_name(o, m, form))));
}

/* --- values --------------------------------------------------------------------------------- */

static const Google__Protobuf__EnumDescriptorProto *enum_among(const char *scope,
	Google__Protobuf__EnumDescriptorProto **list, size_t count, const char *name)
{
	size_t size = strlen(scope);

	if (strncmp(name, scope, size) != 0 || name[size] != '.')
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i]->name, name + size + 1) == 0)
			return list[i];
	return NULL;
}

static const Google__Protobuf__EnumDescriptorProto *find_enum(
	const struct schema *s, const char *name)
{
	const Google__Protobuf__EnumDescriptorProto *found = NULL;

	for (size_t i = 0; !found && i < s->set->n_file; i++)
		if (s->set->file[i]->package)
			found = enum_among(s->set->file[i]->package, s->set->file[i]->enum_type,
				s->set->file[i]->n_enum_type, name);
	for (size_t i = 0; !found && i < s->message_count; i++)
		found = enum_among(s->messages[i].name, s->messages[i].proto->enum_type,
			s->messages[i].proto->n_enum_type, name);
	return found;
}

static void add_enum(struct openapi *o, const char *name)
{
	const Google__Protobuf__EnumDescriptorProto *e = find_enum(o->schema, name);

	if (!e || strcmp(name, "google.protobuf.NullValue") == 0) {
		openapi_add(o, e ? "'type':'null'" : "'type':'string'");
		return;
	}
	openapi_add(o, "'type':'string'");
	openapi_open(o, "enum", "[");
	for (size_t i = 0; i < e->n_value; i++) {
		json_write_comma(&o->out);
		json_write_string(&o->out, text_of(e->value[i]->name));
	}
	openapi_close(o, "]");
}

static void add_int64(
	struct openapi *o, enum openapi_form form, const char *text, const char *number)
{
	mark_wide(o);
	openapi_add(o, form == FORM_NATIVE ? text : number);
}

static void add_scalar(struct openapi *o, const struct field *f, enum openapi_form form)
{
	switch (f->proto->type) {
	case FIELD_TYPE(DOUBLE):
		openapi_add(o, "'anyOf':[{'type':'number','format':'double'}," NOT_FINITE "]");
		break;
	case FIELD_TYPE(FLOAT):
		openapi_add(o, "'anyOf':[{'type':'number','format':'float'}," NOT_FINITE "]");
		break;
	case FIELD_TYPE(INT64):
	case FIELD_TYPE(SINT64):
	case FIELD_TYPE(SFIXED64):
		add_int64(o, form, INT64_TEXT, "'type':'integer','format':'int64'");
		break;
	case FIELD_TYPE(UINT64):
	case FIELD_TYPE(FIXED64):
		add_int64(o, form, UINT64_TEXT, "'type':'integer','minimum':0");
		break;
	case FIELD_TYPE(UINT32):
	case FIELD_TYPE(FIXED32):
		openapi_add(o, "'type':'integer','minimum':0,'maximum':4294967295");
		break;
	case FIELD_TYPE(BOOL):
		openapi_add(o, "'type':'boolean'");
		break;
	case FIELD_TYPE(STRING):
		openapi_add(o, "'type':'string'");
		break;
	case FIELD_TYPE(BYTES):
		openapi_add(o, "'type':'string','contentEncoding':'base64'");
		break;
	case FIELD_TYPE(ENUM):
		add_enum(o, f->proto->type_name + 1);
		break;
	default:
		openapi_add(o, "'type':'integer','format':'int32'");
	}
}

/* One value, whether the field is repeated or not. */
static void add_value(struct openapi *o, const struct field *f, enum openapi_form form)
{
	if (f->rule->raw_json)
		return; /* any */
	if (f->rule->number_as_text) {
		openapi_add(o, "'type':['string','number']");
		return;
	}
	if (f->type)
		openapi_message(o, f->type, form);
	else
		add_scalar(o, f, form);
}

static void add_list(struct openapi *o, const struct field *f, enum openapi_form form)
{
	openapi_add(o, "'type':'array'");
	openapi_open(o, "items", "{");
	add_value(o, f, form);
	openapi_close(o, "}");
}

void openapi_field(struct openapi *o, const struct field *f, enum openapi_form form)
{
	if (field_is_map(f)) {
		openapi_add(o, "'type':'object'");
		openapi_open(o, "additionalProperties", "{");
		add_value(o, &f->type->fields[1], form);
		openapi_close(o, "}");
	} else if (f->rule->one_or_many) {
		openapi_open(o, "anyOf", "[{");
		add_value(o, f, form);
		openapi_close(o, "},{");
		add_list(o, f, form);
		openapi_close(o, "}]");
	} else if (field_is_repeated(f)) {
		add_list(o, f, form);
	} else {
		add_value(o, f, form);
	}
}

bool openapi_is_required(struct openapi *o, const struct field *f)
{
	return words_say_required(words_of(o->arena, f->place.comment));
}

bool openapi_is_plain(const struct field *f)
{
	int known = well_known(f->type);

	return !f->type || (known >= 0 && WELL_KNOWN[known].plain && !field_is_repeated(f));
}

/* --- objects -------------------------------------------------------------------------------- */

static bool is_listed(const struct text *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(names[i], text_of(name)))
			return true;
	return false;
}

static void add_property(struct openapi *o, const struct field *f, enum openapi_form form)
{
	openapi_open(o, f->proto->json_name, "{");
	openapi_field(o, f, form);
	openapi_describe(o, f->place.comment);
	openapi_close(o, "}");
	if (!*f->rule->second_name)
		return;
	openapi_open(o, f->rule->second_name, "{");
	openapi_field(o, f, form);
	openapi_describe(o, arena_printf(o->arena, "The same as %s.", f->proto->json_name));
	openapi_close(o, "}");
}

/* "At most one of a, b and c is set." for each oneof that is one in the .proto file. */
static const char *choices(struct arena *a, const struct message *m)
{
	struct buffer out = {.arena = a};

	for (size_t i = 0; i < m->proto->n_oneof_decl; i++) {
		size_t count = 0;

		for (size_t j = 0; j < m->field_count; j++) {
			const Google__Protobuf__FieldDescriptorProto *f = m->fields[j].proto;

			if (f->has_oneof_index && f->oneof_index == (int)i && !f->proto3_optional)
				buffer_printf(&out, "%s%s",
					count++ ? ", " : " Set is at most one of: ", f->json_name);
		}
		if (count)
			buffer_add_char(&out, '.');
	}
	return arena_string(a, buffer_text(&out));
}

/* Members beyond the properties that the message has a field for. */
static void add_rest(struct openapi *o, const struct message *m)
{
	for (size_t i = 0; i < m->field_count; i++) {
		if (!m->fields[i].rule->rest)
			continue;
		openapi_open(o, "additionalProperties", "{");
		openapi_describe(o, m->fields[i].place.comment);
		openapi_close(o, "}");
	}
}

void openapi_object(struct openapi *o, const struct message *m, enum openapi_form form,
	const struct text *without, size_t without_count)
{
	struct buffer required = {.arena = o->arena};

	openapi_add(o, "'type':'object'");
	openapi_describe(o, arena_printf(o->arena, "%s%s", m->place.comment, choices(o->arena, m)));
	openapi_open(o, "properties", "{");
	for (size_t i = 0; i < m->field_count; i++) {
		const struct field *f = &m->fields[i];

		if (is_listed(without, without_count, f->proto->name) || f->rule->rest)
			continue;
		add_property(o, f, form);
		if (!openapi_is_required(o, f) || *f->rule->second_name || *f->rule->header ||
			f->rule->omit_empty)
			continue;
		buffer_add_text(&required, required.size ? TEXT(",") : TEXT(""));
		json_write_string(&required, text_of(f->proto->json_name));
	}
	openapi_close(o, "}");
	add_rest(o, m);
	if (required.size) {
		openapi_open(o, "required", "[");
		buffer_add_text(&o->out, buffer_text(&required));
		openapi_close(o, "]");
	}
}

static void add_component(
	struct openapi *o, const struct message *m, struct openapi_mark *k, enum openapi_form form)
{
	openapi_open(o, component_name(o, m, form), "{");
	o->current = k;
	openapi_object(o, m, form, NULL, 0);
	o->current = NULL;
	openapi_close(o, "}");
}

void openapi_components(struct openapi *o)
{
	for (size_t i = 0; i < o->schema->message_count; i++) {
		struct openapi_mark *k = &o->marks[i];
		const struct message *m = &o->schema->messages[i];

		if (k->used[FORM_NATIVE])
			add_component(o, m, k, FORM_NATIVE);
		if (k->used[FORM_NUMBERS] && (k->wide || !k->used[FORM_NATIVE]))
			add_component(o, m, k, FORM_NUMBERS);
	}
}
