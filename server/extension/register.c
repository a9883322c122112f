/*
 * RegisterExtension, DeregisterExtension. Both have the rows read when theirs is committed, so that
 * what was answered is seen by the next invocation.
 */
#include "base/log.h"
#include "base/option.h"
#include "junction/v1/extension.pb-c.h"
#include "server/extension/extension.h"
#include "server/extension/extension_store.h"
#include "server/registry/validate.h"
#include "steps.gen.h"

struct registration {
	struct text name, address;
	int port;
	int pid; /* 0: nobody knows */
	uint64_t ticket;
	call_step *then; /* when the rows are read */
};

static enum next have_read(struct call *c, const struct rows *rows)
{
	const struct registration *r = c->state;

	extension_take(r->ticket, rows);
	return r->then(c);
}

static enum next read_again(struct call *c, call_step *then)
{
	struct registration *r = c->state;

	r->ticket = known_ticket();
	r->then = then;
	return extension_find_all(c, have_read);
}

/* --- RegisterExtension ------------------------------------------------------------------------ */

/* Extensions send no credentials. Who may open the unix socket is here, too. */
static bool is_here(const struct call *c)
{
	const struct caller *caller = &c->caller;

	if (caller->forwarded)
		return false;
	return caller->address.size > 0 ? option_local(arena_string(c->arena, caller->address))
					: caller->bridge;
}

static bool check_name(struct call *c, struct text name)
{
	const struct validation v = {c->arena, &c->status, ""};

	if (text_utf8_error(name) < name.size)
		return status_field(&c->status, c->arena, "name", "must be UTF-8");
	if (!valid_service_name(&v, "name", name))
		return false;
	if (text_equal(name, TEXT(".")) || text_equal(name, TEXT("..")))
		return status_field(&c->status, c->arena, "name", "must not be \".\" or \"..\"");
	return true;
}

/* Digits without a leading zero. */
static bool read_port(struct text digits, int *port)
{
	int64_t number;

	if (digits.size == 0 || digits.size > 5 || digits.data[0] < '1' || digits.data[0] > '9' ||
		!text_to_int64(digits, &number))
		return false;
	*port = (int)number;
	return true;
}

static bool check_address(struct call *c, struct text address, int *port)
{
	const struct extension_options *o = extension_settings();
	const struct validation v = {c->arena, &c->status, ""};
	const struct text loopback = TEXT("127.0.0.1:");

	if (!valid_required(&v, "address", address))
		return false;
	if (!text_starts(address, loopback) ||
		!read_port(text_from(address, loopback.size), port) || *port < o->first_port ||
		*port > o->last_port)
		return status_field(&c->status, c->arena, "address",
			"must be 127.0.0.1:PORT, PORT from %d to %d", o->first_port, o->last_port);
	return true;
}

static bool check_process(struct call *c, struct registration *r)
{
	struct processes *processes = extension_processes();

	if (!processes)
		return true;
	if (!processes_find(processes, r->name, &r->pid))
		return status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
			"name: \"%.*s\" is not one that was started from --extension-folder",
			TEXT_ARGS(r->name));
	return r->pid || status_set(&c->status, c->arena, STATUS_FAILED_PRECONDITION,
				 "name: the process of \"%.*s\" does not run", TEXT_ARGS(r->name));
}

static enum next refused(struct call *c, struct text why, struct text other)
{
	const struct registration *r = c->state;

	if (text_equal(why, TEXT("port")))
		return fail(c, STATUS_ALREADY_EXISTS,
			"address: port %d is the one of extension \"%.*s\"", r->port,
			TEXT_ARGS(other));
	return fail(c, STATUS_RESOURCE_EXHAUSTED,
		"name: this host has %d other extensions, and may have no more", EXTENSIONS_MAX);
}

static enum next registered(struct call *c)
{
	const struct extension_options *o = extension_settings();
	Extension__RegisterExtensionResponse out = EXTENSION__REGISTER_EXTENSION_RESPONSE__INIT;
	Extension__ExtensionError none = EXTENSION__EXTENSION_ERROR__INIT;

	out.function_name = (char *)o->function_name;
	out.function_version = (char *)o->function_version;
	out.handler = (char *)o->function_handler;
	out.error_info = &none;
	return REPLY(c, &out);
}

static enum next stored(struct call *c, const struct rows *rows)
{
	const struct registration *r = c->state;
	struct text other, why = extension_refusal(rows, &other);

	if (why.size > 0)
		return refused(c, why, other);
	if (r->pid && !processes_registered(extension_processes(), r->name, r->pid)) {
		extension_look();
		return fail(c, STATUS_FAILED_PRECONDITION,
			"name: the process of \"%.*s\" has ended", TEXT_ARGS(r->name));
	}
	log_event(LOG_INFO, "extension registered", LOG_SLICE("name", r->name),
		LOG_SLICE("address", r->address));
	return read_again(c, registered);
}

enum next registry_register_extension(struct call *c)
{
	const Extension__RegisterExtensionRequest *in =
		call_request(c, Extension__RegisterExtensionRequest);
	struct registration *r = ARENA_NEW(c->arena, struct registration);

	if (!is_here(c))
		return fail(c, STATUS_PERMISSION_DENIED,
			"extensions register from their own host, and through no proxy");
	c->state = r;
	r->name = text_of(in->name);
	r->address = text_of(in->address);
	if (!check_name(c, r->name) || !check_address(c, r->address, &r->port))
		return failed(c);
	if (!extension_ready())
		return fail(c, STATUS_UNAVAILABLE, "the extensions are not loaded yet");
	if (!check_process(c, r))
		return failed(c);
	return extension_put(c, r->name, r->port, r->pid, stored);
}

/* --- DeregisterExtension ---------------------------------------------------------------------- */

static enum next deregistered(struct call *c)
{
	Extension__DeregisterExtensionResponse out = EXTENSION__DEREGISTER_EXTENSION_RESPONSE__INIT;
	Extension__ExtensionError none = EXTENSION__EXTENSION_ERROR__INIT;

	out.error_info = &none;
	return REPLY(c, &out);
}

static enum next deleted(struct call *c, const struct rows *rows)
{
	const struct registration *r = c->state;
	int pid;

	if (!extension_deleted(rows, &pid))
		return fail(c, STATUS_NOT_FOUND, "no extension \"%.*s\" is registered",
			TEXT_ARGS(r->name));
	if (pid && extension_processes())
		processes_deregistered(extension_processes(), r->name, pid);
	log_event(LOG_INFO, "extension deregistered", LOG_SLICE("name", r->name));
	return read_again(c, deregistered);
}

enum next registry_deregister_extension(struct call *c)
{
	const Extension__DeregisterExtensionRequest *in =
		call_request(c, Extension__DeregisterExtensionRequest);
	struct registration *r = ARENA_NEW(c->arena, struct registration);

	c->state = r;
	r->name = text_of(in->name);
	if (!check_name(c, r->name))
		return failed(c);
	if (!extension_ready())
		return fail(c, STATUS_UNAVAILABLE, "the extensions are not loaded yet");
	return extension_delete(c, r->name, deleted);
}
