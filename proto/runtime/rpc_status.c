/* A detail is packed into an Any, since its type is known to its reader only. */
#include "proto/runtime/rpc_status.h"

#include "google/rpc/error_details.pb-c.h"
#include "proto/runtime/guard.h"

static Google__Protobuf__Any *pack_any(
	struct arena *a, const char *type_url, const ProtobufCMessage *message)
{
	Google__Protobuf__Any *any = arena_alloc(a, sizeof(*any));
	struct text packed = guard_pack(a, message);
	google__protobuf__any__init(any);
	any->type_url = (char *)type_url;
	any->value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	return any;
}

static Google__Protobuf__Any *bad_request(struct arena *a, const struct status *s)
{
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	violation.field = (char *)s->field;
	violation.description = (char *)s->message;
	bad.n_field_violations = 1;
	bad.field_violations = violations;
	return pack_any(a, "type.googleapis.com/google.rpc.BadRequest", &bad.base);
}

static Google__Protobuf__Any *error_info(struct arena *a, const struct status *s)
{
	Google__Rpc__ErrorInfo__MetadataEntry code = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *metadata[] = {&code};
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	code.key = (char *)"code";
	code.value = arena_printf(a, "%lld", (long long)s->remote_code);
	info.reason = (char *)"THIRD_PARTY_REFUSED";
	info.domain = (char *)"junction";
	info.n_metadata = 1;
	info.metadata = metadata;
	return pack_any(a, "type.googleapis.com/google.rpc.ErrorInfo", &info.base);
}

static Google__Protobuf__Any *retry_info(struct arena *a, const struct status *s)
{
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
	delay.seconds = s->retry_ms / 1000;
	delay.nanos = (int32_t)(s->retry_ms % 1000) * 1000000;
	info.retry_delay = &delay;
	return pack_any(a, "type.googleapis.com/google.rpc.RetryInfo", &info.base);
}

Google__Rpc__Status *rpc_status(struct arena *a, const struct status *s)
{
	Google__Rpc__Status *status = arena_alloc(a, sizeof(*status));

	google__rpc__status__init(status);
	status->code = (int32_t)s->code;
	status->message = (char *)s->message;
	status->details = arena_array(a, 3, sizeof(*status->details));
	if (s->field)
		status->details[status->n_details++] = bad_request(a, s);
	if (s->remote_code)
		status->details[status->n_details++] = error_info(a, s);
	if (s->retry_ms)
		status->details[status->n_details++] = retry_info(a, s);
	return status;
}
