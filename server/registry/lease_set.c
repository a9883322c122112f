/*
 * The leases of a service are a list, at hand in a table by "namespace NUL service NUL": a service
 * goes without a look at all the others.
 */
#include "server/registry/lease_set.h"

#include <stdlib.h>

#include "base/check.h"

#define NAME_MOST (64 + 255 + 255 + 3)

struct lease_service {
	struct lease *first;
	size_t name_size;
	char name[];
};

/* Texts, each followed by NUL. Without data if they are too long. */
static struct text write_name(char name[NAME_MOST], const struct text *parts, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++) {
		if (parts[i].size + 1 > NAME_MOST - size)
			return (struct text){0};
		memcpy(name + size, parts[i].data, parts[i].size);
		size += parts[i].size;
		name[size++] = '\0';
	}
	return (struct text){name, size};
}

static struct text lease_name(const struct lease *lease)
{
	return (struct text){lease->name, lease->name_size};
}

struct lease *lease_set_find(
	const struct lease_set *set, struct text space, struct text service, struct text node)
{
	char name[NAME_MOST];
	struct text text = write_name(name, (const struct text[]){space, service, node}, 3);

	return text.data ? table_get(&set->leases, text) : NULL;
}

/* --- by service ------------------------------------------------------------------------------ */

static struct text service_name(const struct lease *lease)
{
	return (struct text){lease->name, lease->space.size + lease->service_key.size + 2};
}

static void join_service(struct lease_set *set, struct lease *lease)
{
	struct text name = service_name(lease);
	struct lease_service *service = table_get(&set->services, name);

	if (!service) {
		service = check_malloc(sizeof *service + name.size);
		service->first = NULL;
		service->name_size = name.size;
		memcpy(service->name, name.data, name.size);
		table_put(&set->services, (struct text){service->name, name.size}, service);
	}
	lease->sister = service->first;
	lease->link = &service->first;
	if (lease->sister)
		lease->sister->link = &lease->sister;
	service->first = lease;
}

static void leave_service(struct lease_set *set, struct lease *lease)
{
	struct lease_service *service = table_get(&set->services, service_name(lease));

	*lease->link = lease->sister;
	if (lease->sister)
		lease->sister->link = lease->link;
	if (service->first)
		return;
	table_remove(&set->services, (struct text){service->name, service->name_size});
	free(service);
}

void lease_set_drop_service(struct lease_set *set, struct text space, struct text service)
{
	char name[NAME_MOST];
	struct text text = write_name(name, (const struct text[]){space, service}, 2);
	const struct lease_service *of = text.data ? table_get(&set->services, text) : NULL;

	for (struct lease *lease = of ? of->first : NULL, *next; lease; lease = next) {
		next = lease->sister;
		lease_set_drop(set, lease);
	}
}

/* --- coming and going ------------------------------------------------------------------------ */

struct lease *lease_set_add(
	struct lease_set *set, struct text space, struct text service, struct text node)
{
	char name[NAME_MOST];
	struct text text = write_name(name, (const struct text[]){space, service, node}, 3);
	struct lease *lease;

	if (!text.data)
		return NULL;
	lease = check_malloc(sizeof *lease + text.size);
	*lease = (struct lease){.references = 1, .asked = true, .name_size = text.size};
	memcpy(lease->name, text.data, text.size);
	lease->space = (struct text){lease->name, space.size};
	lease->service_key = (struct text){lease->name + space.size + 1, service.size};
	lease->node_key = (struct text){lease->service_key.data + service.size + 1, node.size};
	table_put(&set->leases, lease_name(lease), lease);
	join_service(set, lease);
	return lease;
}

void lease_set_due(struct lease_set *set, struct lease *lease, int64_t due)
{
	if (!lease->asked)
		schedule_remove(&set->expiries, &lease->expiry);
	lease->asked = false;
	lease->expiry.due = due;
	schedule_add(&set->expiries, &lease->expiry);
}

struct lease *lease_set_take_due(struct lease_set *set, int64_t now)
{
	struct lease *lease = (struct lease *)schedule_due(&set->expiries, now);

	if (!lease)
		return NULL;
	schedule_remove(&set->expiries, &lease->expiry);
	lease->asked = true;
	return lease;
}

void lease_release(struct lease *lease)
{
	if (--lease->references == 0)
		free(lease);
}

void lease_set_drop(struct lease_set *set, struct lease *lease)
{
	table_remove(&set->leases, lease_name(lease));
	leave_service(set, lease);
	if (!lease->asked)
		schedule_remove(&set->expiries, &lease->expiry);
	lease->gone = true;
	lease_release(lease);
}

void lease_set_drop_old(struct lease_set *set)
{
	struct table_cursor cursor = {0};
	struct lease *lease = table_next(&set->leases, &cursor);

	while (lease) {
		struct lease *next = table_next(&set->leases, &cursor);
		if (lease->load != set->load)
			lease_set_drop(set, lease);
		lease = next;
	}
}

void lease_set_clear(struct lease_set *set)
{
	set->load++;
	lease_set_drop_old(set);
	table_clear(&set->leases);
	table_clear(&set->services);
	schedule_clear(&set->expiries);
}
