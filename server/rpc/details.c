/* google.rpc.Status, as clients read it from the trailing metadata grpc-status-details-bin. */
#include "server/rpc/internal.h"

#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "proto/runtime/guard.h"

struct text rpc_status_details(struct arena *a, const struct status *s)
{
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = {&violation};
	violation.field = (char *)s->field;
	violation.description = (char *)s->message;
	Google__Rpc__BadRequest bad = GOOGLE__RPC__BAD_REQUEST__INIT;
	bad.n_field_violations = 1;
	bad.field_violations = violations;
	struct text packed = guard_pack(a, &bad.base);

	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Google__Protobuf__Any *details[] = {&any};
	any.type_url = (char *)"type.googleapis.com/google.rpc.BadRequest";
	any.value = (ProtobufCBinaryData){packed.size, (uint8_t *)packed.data};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	status.code = (int32_t)s->code;
	status.message = (char *)s->message;
	status.n_details = 1;
	status.details = details;
	return guard_pack(a, &status.base);
}
