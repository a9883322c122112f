/*
 * Slots: requests to grpc for the next call.
 *
 * Every served method has slots on each queue, so that its calls arrive together with their
 * message. A few more slots take what is no served method: without them such a call would hang
 * until its client's deadline, since C core does not refuse it by itself. A slot is armed again
 * before the step of its call runs; calls beyond the armed slots wait inside of core.
 */
#include "server/rpc/internal.h"

#include <stdlib.h>

#include "base/check.h"

enum { SLOTS_UNARY = 16, SLOTS_STREAM = 2, SLOTS_UNKNOWN = 4 };

struct slot {
	struct tag tag;
	struct queue *queue;
	const struct api_method *method; /* NULL: whatever is not served */
	void *registered;
	call_step *step;
	/* Written by grpc. */
	grpc_call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
	grpc_byte_buffer *request;
	grpc_call_details details;
};

static void slot_arm(struct slot *s)
{
	struct rpc *rpc = s->queue->rpc;
	grpc_completion_queue *cq = s->queue->cq;
	grpc_call_error error;
	s->call = NULL;
	s->request = NULL;
	s->metadata.count = 0;
	TAG_GIVE(&s->tag);
	if (s->method)
		error = grpc_server_request_registered_call(rpc->server, s->registered, &s->call,
			&s->deadline, &s->metadata,
			s->method->client_streaming ? NULL : &s->request, cq, cq, &s->tag);
	else
		error = grpc_server_request_call(
			rpc->server, &s->call, &s->details, &s->metadata, cq, cq, &s->tag);
	CHECK(error == GRPC_CALL_OK);
}

/* HTTP/2 counts 32 bytes more for each entry. False with the status set. */
static bool metadata_fits(struct rpc_call *c, const grpc_metadata_array *metadata)
{
	size_t size = 0, limit = c->queue->rpc->options.metadata_limit;
	for (size_t i = 0; i < metadata->count; i++)
		size += GRPC_SLICE_LENGTH(metadata->metadata[i].key) +
			GRPC_SLICE_LENGTH(metadata->metadata[i].value) + 32;
	if (size > limit)
		return status_set(&c->base.status, c->base.arena, STATUS_RESOURCE_EXHAUSTED,
			"the metadata has more than %zu bytes", limit);
	return true;
}

/* The call that has arrived, all that the slot's next call would overwrite taken out of it. */
static struct rpc_call *slot_take(struct slot *s)
{
	struct text path;
	gpr_timespec deadline = s->deadline;
	if (s->method) {
		path = text_of(s->method->path);
	} else {
		path = (struct text){(const char *)GRPC_SLICE_START_PTR(s->details.method),
			GRPC_SLICE_LENGTH(s->details.method)};
		deadline = s->details.deadline;
	}
	struct rpc_call *c = rpc_call_new(s->queue, s->call, s->method, path, deadline);
	if (rpc_read_caller(c, &s->metadata) && c->base.status.code == STATUS_OK &&
		metadata_fits(c, &s->metadata) && !s->method)
		status_set(&c->base.status, c->base.arena, STATUS_UNIMPLEMENTED, "no method %.*s",
			TEXT_ARGS(c->path));
	return c;
}

static void slot_ready(struct tag *tag, bool ok)
{
	struct slot *s = TAG_OWNER(tag, struct slot, tag);
	struct rpc *rpc = s->queue->rpc;
	struct rpc_call *c = ok ? slot_take(s) : NULL;
	grpc_byte_buffer *request = s->request;
	if (!s->method) {
		grpc_call_details_destroy(&s->details);
		grpc_call_details_init(&s->details);
	}
	if (ok && !atomic_load(&rpc->stopping))
		slot_arm(s);
	else
		rpc_leave(rpc, &rpc->armed);
	if (c)
		rpc_call_begin(c, s->step, request);
	grpc_byte_buffer_destroy(request);
}

/* --- all of them ------------------------------------------------------------------------------ */

static size_t slots_of(const struct api_method *m)
{
	if (!m)
		return SLOTS_UNKNOWN;
	return m->client_streaming ? SLOTS_STREAM : SLOTS_UNARY;
}

static void slots_add(
	struct rpc *rpc, const struct api_method *method, void *registered, call_step *step)
{
	size_t count = slots_of(method) * (size_t)rpc->options.threads;
	for (size_t i = 0; i < count; i++) {
		struct slot *s = &rpc->slots[rpc->slot_count++];
		s->tag.run = slot_ready;
		s->queue = &rpc->queues[i % (size_t)rpc->options.threads];
		s->method = method;
		s->registered = registered;
		s->step = step;
		grpc_metadata_array_init(&s->metadata);
		grpc_call_details_init(&s->details);
	}
}

void slots_register(struct rpc *rpc)
{
	size_t count = slots_of(NULL);
	for (size_t i = 0; i < api_method_count; i++)
		if (rpc->steps[i])
			count += slots_of(&api_methods[i]);
	rpc->slots = check_calloc(count * (size_t)rpc->options.threads, sizeof(struct slot));
	for (size_t i = 0; i < api_method_count; i++) {
		const struct api_method *m = &api_methods[i];
		if (!rpc->steps[i])
			continue;
		void *registered = grpc_server_register_method(rpc->server, m->path, NULL,
			m->client_streaming ? GRPC_SRM_PAYLOAD_NONE
					    : GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER,
			0);
		CHECK(registered);
		slots_add(rpc, m, registered, rpc->steps[i]);
	}
	slots_add(rpc, NULL, NULL, NULL);
}

void slots_arm(struct rpc *rpc)
{
	atomic_store(&rpc->armed, (int)rpc->slot_count);
	for (size_t i = 0; i < rpc->slot_count; i++)
		slot_arm(&rpc->slots[i]);
}

void slots_free(struct rpc *rpc)
{
	for (size_t i = 0; i < rpc->slot_count; i++) {
		grpc_metadata_array_destroy(&rpc->slots[i].metadata);
		grpc_call_details_destroy(&rpc->slots[i].details);
	}
	free(rpc->slots);
}
