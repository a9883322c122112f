/* The members are Moleculer's. Left out of them: the command line beyond the program's name, which
 * may hold secrets. */
#include "server/registry/node_health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

static char hostname[256];
static char name[300];
static int64_t begun; /* on clock_now() */

/* Before main(), so that the start's time in the name is the process's. */
__attribute__((constructor)) static void find_name(void)
{
	if (gethostname(hostname, sizeof(hostname) - 1) != 0)
		strcpy(hostname, "localhost");
	begun = clock_now();
	snprintf(name, sizeof(name), "%s-%lld", hostname, (long long)clock_unix_ms());
}

struct text node_name(void)
{
	return text_of(name);
}

struct text node_hostname(void)
{
	return text_of(hostname);
}

double node_uptime(void)
{
	return (double)(clock_now() - begun) / (double)CLOCK_SECOND;
}

void node_client_write(struct buffer *b)
{
	buffer_add_text(b, TEXT("{\"type\":\"junction\",\"version\":\"" JUNCTION_VERSION
				"\",\"langVersion\":\"C17\"}"));
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static void write_address(struct buffer *b, const struct sockaddr *address)
{
	char shown[INET6_ADDRSTRLEN];
	const void *bytes;

	if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
		is_loopback(address))
		return;
	bytes = address->sa_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)address)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
	json_write_comma(b);
	json_write_string(b, text_of(inet_ntop(address->sa_family, bytes, shown, sizeof(shown))));
}

void node_addresses_write(struct buffer *b)
{
	struct ifaddrs *list = NULL;

	buffer_add_char(b, '[');
	if (getifaddrs(&list) == 0) {
		for (struct ifaddrs *i = list; i; i = i->ifa_next)
			write_address(b, i->ifa_addr);
		freeifaddrs(list);
	}
	buffer_add_char(b, ']');
}

static void write_cpu(struct buffer *b)
{
	double load[3] = {0};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (getloadavg(load, 3) != 3)
		load[0] = load[1] = load[2] = 0;
	buffer_printf(b,
		"\"cpu\":{\"load1\":%.2f,\"load5\":%.2f,\"load15\":%.2f,\"cores\":%ld,"
		"\"utilization\":%d}",
		load[0], load[1], load[2], cores,
		(int)(load[0] * 100 / (double)(cores > 0 ? cores : 1)));
}

static void write_memory(struct buffer *b, const struct sysinfo *info)
{
	unsigned long long unit = info->mem_unit;
	unsigned long long total = info->totalram * unit;
	unsigned long long available = info->freeram * unit;

	buffer_printf(b, ",\"mem\":{\"free\":%llu,\"total\":%llu,\"percent\":%.2f}", available,
		total, total ? 100.0 * (double)available / (double)total : 0.0);
}

static void write_system(struct buffer *b, const struct sysinfo *info)
{
	struct utsname system = {0};

	uname(&system);
	buffer_printf(b, ",\"os\":{\"uptime\":%ld,\"type\":", info->uptime);
	json_write_string(b, text_of(system.sysname));
	json_write_name(b, TEXT("release"));
	json_write_string(b, text_of(system.release));
	json_write_name(b, TEXT("hostname"));
	json_write_string(b, node_hostname());
	json_write_name(b, TEXT("arch"));
	json_write_string(b, text_of(system.machine));
	buffer_printf(b, ",\"platform\":\"linux\",\"user\":{\"uid\":%u}}", (unsigned)geteuid());
}

static void write_process(struct buffer *b)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_SELF, &usage);
	buffer_printf(b,
		",\"process\":{\"pid\":%d,\"memory\":{\"maxRss\":%lld},\"uptime\":%.3f,"
		"\"argv\":[",
		(int)getpid(), usage.ru_maxrss * 1024LL, node_uptime());
	json_write_string(b, text_of(program_invocation_short_name));
	buffer_add_text(b, TEXT("]},\"client\":"));
	node_client_write(b);
}

static void write_time(struct buffer *b)
{
	int64_t now = clock_unix_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	char text[64] = "";

	gmtime_r(&seconds, &utc);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	buffer_printf(b, ",\"time\":{\"now\":%lld,\"iso\":\"%s\",\"utc\":\"%s\"}", (long long)now,
		clock_iso(b->arena, now), text);
}

void node_health_write(struct buffer *b)
{
	struct sysinfo info = {0};

	sysinfo(&info);
	buffer_add_char(b, '{');
	write_cpu(b);
	write_memory(b, &info);
	write_system(b, &info);
	write_process(b);
	buffer_add_text(b, TEXT(",\"net\":{\"ip\":"));
	node_addresses_write(b);
	buffer_add_char(b, '}');
	write_time(b);
	buffer_add_char(b, '}');
}
