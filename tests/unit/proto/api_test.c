/* What apigen makes of registry.proto, against facts read in that file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "api.gen.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "junction/v1/registry.pb-c.h"

static const struct api_field *field(const char *message, const char *name)
{
	const struct api_message *m = api_message_named(message);
	const ProtobufCFieldDescriptor *f;

	assert_non_null(m);
	f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	assert_non_null(f);
	return &m->fields[f - m->descriptor->fields];
}

static void assert_route(const struct api_method *m, size_t index, const char *verb,
	const char *path, int body, int response_body)
{
	assert_true(index < m->route_count);
	assert_string_equal(m->routes[index].verb, verb);
	assert_string_equal(m->routes[index].path, path);
	assert_int_equal(m->routes[index].body, body);
	assert_int_equal(m->routes[index].response_body, response_body);
}

static void every_message_is_found_by_its_name(void **state)
{
	for (size_t i = 0; i < api_message_count; i++)
		assert_ptr_equal(
			api_message_named(api_messages[i].descriptor->name), &api_messages[i]);
	assert_ptr_equal(api_message_named("junction.v1.GetServerRequest")->descriptor,
		&registry__get_server_request__descriptor);
	assert_null(api_message_named("junction.v1.GetServer"));
	assert_null(api_message_named(""));
}

static void fields_stand_as_in_protobuf_c_descriptors(void **state)
{
	for (size_t i = 0; i < api_message_count; i++) {
		const ProtobufCMessageDescriptor *d = api_messages[i].descriptor;

		for (unsigned j = 0; j < d->n_fields; j++) {
			const struct api_field *f = &api_messages[i].fields[j];

			assert_non_null(f->json_name);
			if (d->fields[j].type == PROTOBUF_C_TYPE_MESSAGE)
				assert_ptr_equal(f->message->descriptor, d->fields[j].descriptor);
			else
				assert_null(f->message);
		}
	}
}

static void json_names_are_the_protos(void **state)
{
	assert_string_equal(field("junction.v1.ServiceRow", "f_url")->json_name, "f_url");
	assert_string_equal(field("junction.v1.ServiceInfo", "full_name")->json_name, "fullName");
	assert_string_equal(field("junction.v1.RegisterServiceRequest", "server_info")->json_name,
		"server_info");
	assert_string_equal(
		field("google.rpc.BadRequest", "field_violations")->json_name, "fieldViolations");
}

static void second_names_are_the_protos(void **state)
{
	assert_string_equal(field("junction.v1.ServiceInfo", "nodes")->second_name, "Nodes");
	assert_string_equal(field("junction.v1.CallResponse", "message")->second_name, "mssage");
	assert_null(field("junction.v1.ServiceInfo", "name")->second_name);
}

static void flags_say_raw_map_list_and_optional(void **state)
{
	assert_int_equal(field("junction.v1.CallResponse", "result")->flags, API_RAW_JSON);
	assert_int_equal(
		field("junction.v1.CallRequest", "header")->flags, API_RAW_JSON | API_OPTIONAL);
	assert_int_equal(field("junction.v1.RegisterServerRequest", "port")->flags, API_OPTIONAL);
	assert_int_equal(field("junction.v1.RegisterServerRequest", "host")->flags, 0);
	assert_int_equal(field("junction.v1.QueryServicesRequest", "url")->flags, API_ONE_OR_MANY);
	assert_int_equal(field("junction.v1.ListServersResponse", "data")->flags, API_MAP);
	assert_int_equal(field("junction.v1.ServiceInfo", "nodes")->flags, 0);
	assert_int_equal(
		field("junction.v1.FilterExpr", "value")->flags, API_RAW_JSON | API_ONE_OR_MANY);
	assert_int_equal(field("junction.v1.AuditRecord", "roles")->flags, API_OMIT_EMPTY);
}

static void flags_say_number_as_text_and_rest(void **state)
{
	assert_int_equal(
		field("junction.v1.SignatureRequest", "party_id")->flags, API_NUMBER_AS_TEXT);
	assert_int_equal(
		field("junction.v1.SignatureRequest", "extra")->flags, API_RAW_JSON | API_REST);
}

static void headers_are_the_protos(void **state)
{
	assert_string_equal(field("junction.v1.RegisterExtensionRequest", "name")->header,
		"FunctionGraph-Extension-Name");
	assert_string_equal(field("junction.v1.UploadRequest", "size")->header, "Content-Length");
	assert_null(field("junction.v1.UploadRequest", "content")->header);
}

static void a_map_field_knows_its_entry(void **state)
{
	const struct api_message *entry = field("junction.v1.ListServersResponse", "data")->message;

	assert_string_equal(entry->descriptor->name, "junction.v1.ListServersResponse.DataEntry");
	assert_string_equal(entry->fields[0].json_name, "key");
	assert_ptr_equal(entry->fields[1].message, api_message_named("junction.v1.ServerAddress"));
}

static void a_method_has_its_types_and_rules(void **state)
{
	const struct api_method *m = &api_methods[API_REGISTRY_GET_SERVER];

	assert_string_equal(m->service, "junction.v1.Registry");
	assert_string_equal(m->name, "GetServer");
	assert_string_equal(m->path, "/junction.v1.Registry/GetServer");
	assert_ptr_equal(m->input->descriptor, &registry__get_server_request__descriptor);
	assert_ptr_equal(m->output->descriptor, &registry__get_server_response__descriptor);
	assert_int_equal(m->profile, API_FATE);
	assert_int_equal(m->access, API_ACCESS_READ);
	assert_false(m->refuse_unknown);
	assert_null(m->bulk);
	assert_int_equal(api_methods[API_REGISTRY_CALL].profile, API_MW);
	assert_int_equal(api_methods[API_REGISTRY_CALL].access, API_ACCESS_CALL);
	assert_int_equal(api_methods[API_REGISTRY_LIST_EVENTS].profile, API_LIST);
	assert_true(api_methods[API_REGISTRY_REGISTER_SERVICE].refuse_unknown);
	assert_int_equal(api_methods[API_AUTH_SIGNATURE].profile, API_HOOK);
	assert_int_equal(api_methods[API_API_READER_QUERY].profile, API_READER);
	assert_int_equal(api_methods[API_REGISTRY_REGISTER_EXTENSION].profile, API_EXTENSION);
	assert_int_equal(api_methods[API_AUTH_PUT_PARTY_KEY].access, API_ACCESS_ADMIN);
	assert_int_equal(api_methods[API_AUDIT_WRITE].profile, API_LOG);
	assert_int_equal(api_methods[API_AUDIT_FIND].profile, API_MW_NUMBER);
	assert_int_equal(api_methods[API_AUDIT_FIND].access, API_ACCESS_AUDIT);
}

static void routes_stand_in_the_protos_order(void **state)
{
	const struct api_method *m = &api_methods[API_REGISTRY_GET_SERVER];

	assert_int_equal(m->route_count, 2);
	assert_route(m, 0, "POST", "/v1/server/{server_name}/get", API_BODY_ALL, API_BODY_ALL);
	assert_route(
		m, 1, "POST", "/v1/server/service/{server_name}/get", API_BODY_ALL, API_BODY_ALL);
	m = &api_methods[API_REGISTRY_LIST_SERVICES];
	assert_int_equal(m->route_count, 1);
	assert_route(m, 0, "GET", "/mw/services", API_BODY_NONE, 0);
}

static void the_bulk_form_names_the_map_field(void **state)
{
	const struct api_method *m = &api_methods[API_REGISTRY_REGISTER_SERVICE];

	assert_non_null(m->bulk);
	assert_string_equal(m->input->descriptor->fields[m->bulk->field].name, "servers");
	assert_string_equal(m->bulk->unless_member, "server_name");
	assert_string_equal(m->bulk->value_member, "host");
}

static void streams_that_resume_name_their_fields(void **state)
{
	const struct api_method *watch = &api_methods[API_REGISTRY_WATCH];
	const struct api_method *subscribe = &api_methods[API_EVENT_SUBSCRIBE];
	const struct api_method *inbox = &api_methods[API_NOTICE_WATCH_INBOX];

	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		if (m != watch && m != subscribe && m != inbox) {
			assert_int_equal(m->event_id, -1);
			assert_int_equal(m->resume, -1);
			continue;
		}
		assert_string_equal(m->output->descriptor->fields[m->event_id].name, "cursor");
		assert_string_equal(m->input->descriptor->fields[m->resume].name, "after");
	}
}

static void methods_of_grpc_are_in_the_table(void **state)
{
	const struct api_method *m = &api_methods[API_GRPC_HEALTH_V1_HEALTH_WATCH];

	assert_string_equal(m->path, "/grpc.health.v1.Health/Watch");
	assert_false(m->client_streaming);
	assert_true(m->server_streaming);
	assert_int_equal(m->route_count, 0);
	m = &api_methods[API_GRPC_REFLECTION_V1ALPHA_SERVER_REFLECTION_SERVER_REFLECTION_INFO];
	assert_true(m->client_streaming);
	assert_true(m->server_streaming);
}

static const Google__Protobuf__FileDescriptorProto *file(
	const Google__Protobuf__FileDescriptorSet *set, const char *name)
{
	for (size_t i = 0; i < set->n_file; i++)
		if (strcmp(set->file[i]->name, name) == 0)
			return set->file[i];
	fail_msg("%s is not in the set", name);
	return NULL;
}

static void the_descriptor_set_is_the_true_schema(void **state)
{
	Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(
		NULL, api_descriptor_set.size, (const uint8_t *)api_descriptor_set.data);
	const Google__Protobuf__FileDescriptorProto *registry;
	size_t methods = 0;

	assert_non_null(set);
	for (size_t i = 0; i < set->n_file; i++) {
		assert_null(set->file[i]->source_code_info);
		for (size_t j = 0; j < set->file[i]->n_dependency; j++)
			file(set, set->file[i]->dependency[j]);
		for (size_t j = 0; j < set->file[i]->n_service; j++)
			methods += set->file[i]->service[j]->n_method;
	}
	assert_int_equal(methods, api_method_count);
	registry = file(set, "junction/v1/registry.proto");
	assert_string_equal(registry->message_type[1]->name, "RegisterServerRequest");
	assert_true(registry->message_type[1]->field[2]->proto3_optional);
	/* google.api.http and junction.v1.method */
	assert_int_equal(registry->service[0]->method[0]->options->base.n_unknown_fields, 2);
	google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
}

static void an_optional_field_tells_empty_from_absent(void **state)
{
	Registry__RegisterServerRequest in = REGISTRY__REGISTER_SERVER_REQUEST__INIT, *out;
	uint8_t wire[64];
	size_t size;

	in._port_case = REGISTRY__REGISTER_SERVER_REQUEST___PORT_PORT;
	in.port = 0;
	size = registry__register_server_request__pack(&in, wire);
	out = registry__register_server_request__unpack(NULL, size, wire);
	assert_non_null(out);
	assert_int_equal(out->_port_case, REGISTRY__REGISTER_SERVER_REQUEST___PORT_PORT);
	assert_int_equal(
		out->_protocol_case, REGISTRY__REGISTER_SERVER_REQUEST___PROTOCOL__NOT_SET);
	registry__register_server_request__free_unpacked(out, NULL);
}

static void types_with_a_json_form_of_their_own_are_known(void **state)
{
	assert_int_equal(api_message_named("google.protobuf.Any")->kind, API_ANY);
	assert_int_equal(api_message_named("google.protobuf.Timestamp")->kind, API_TIMESTAMP);
	assert_int_equal(api_message_named("google.protobuf.BytesValue")->kind, API_WRAPPER);
	assert_int_equal(api_message_named("google.protobuf.Empty")->kind, API_OBJECT);
	assert_int_equal(api_message_named("google.protobuf.Value")->fields[0].flags, API_NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_found_by_its_name),
		cmocka_unit_test(fields_stand_as_in_protobuf_c_descriptors),
		cmocka_unit_test(json_names_are_the_protos),
		cmocka_unit_test(second_names_are_the_protos),
		cmocka_unit_test(flags_say_raw_map_list_and_optional),
		cmocka_unit_test(flags_say_number_as_text_and_rest),
		cmocka_unit_test(headers_are_the_protos),
		cmocka_unit_test(a_map_field_knows_its_entry),
		cmocka_unit_test(types_with_a_json_form_of_their_own_are_known),
		cmocka_unit_test(a_method_has_its_types_and_rules),
		cmocka_unit_test(routes_stand_in_the_protos_order),
		cmocka_unit_test(the_bulk_form_names_the_map_field),
		cmocka_unit_test(streams_that_resume_name_their_fields),
		cmocka_unit_test(methods_of_grpc_are_in_the_table),
		cmocka_unit_test(the_descriptor_set_is_the_true_schema),
		cmocka_unit_test(an_optional_field_tells_empty_from_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
