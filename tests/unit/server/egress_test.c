/* Which addresses Junction may connect to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "base/egress.h"

static struct sockaddr_storage address_of(const char *text, int port)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return storage;
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return storage;
}

static const char *refusal(const struct egress_policy *policy, const char *text, int port)
{
	static char reason[128];
	struct sockaddr_storage address = address_of(text, port);

	return egress_refusal(policy, (struct sockaddr *)&address, reason);
}

static void assert_refused(const struct egress_policy *policy, const char *text, const char *why)
{
	char expected[256];
	const char *got = refusal(policy, text, 80);

	snprintf(expected, sizeof(expected), "%s is %s", text, why);
	if (!got)
		fail_msg("%s was allowed", text);
	assert_string_equal(got, expected);
}

static void assert_allowed(const struct egress_policy *policy, const char *text)
{
	const char *got = refusal(policy, text, 80);

	if (got)
		fail_msg("%s was refused: %s", text, got);
}

static const struct egress_policy open_policy = {.loopback = true, .private_ranges = true};
static const struct egress_policy closed_policy = {.loopback = false, .private_ranges = false};

static void what_is_never_allowed_is_refused_whatever_the_options_say(void **state)
{
	static const struct {
		const char *address, *why;
	} rows[] = {
		{"0.0.0.0", "unspecified"},
		{"0.1.2.3", "unspecified"},
		{"169.254.0.1", "link-local"},
		{"169.254.169.254", "link-local"},
		{"168.63.129.16", "a metadata service"},
		{"100.100.100.200", "a metadata service"},
		{"192.0.0.192", "reserved"},
		{"192.0.2.1", "reserved"},
		{"192.88.99.1", "reserved"},
		{"198.18.0.1", "reserved"},
		{"198.19.255.255", "reserved"},
		{"198.51.100.7", "reserved"},
		{"203.0.113.7", "reserved"},
		{"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.254", "reserved"},
		{"255.255.255.255", "broadcast"},
		{"::", "unspecified"},
		{"fe80::1", "link-local"},
		{"febf::1", "link-local"},
		{"fec0::1", "reserved"},
		{"ff02::1", "multicast"},
		{"fd00:ec2::254", "a metadata service"},
		{"fd20:ce::254", "a metadata service"},
		{"2001:db8::1", "reserved"},
		{"2001::1", "reserved"},
		{"3fff::1", "reserved"},
		{"100::1", "reserved"},
		{"64:ff9b:1::a9fe:a9fe", "reserved"},
		{"4000::1", "reserved"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_refused(&open_policy, rows[i].address, rows[i].why);
}

static void an_ipv4_address_inside_ipv6_is_judged_by_itself(void **state)
{
	static const struct {
		const char *address, *why;
	} refused[] = {
		{"::ffff:169.254.169.254", "link-local"},
		{"::ffff:0.0.0.0", "unspecified"},
		{"::169.254.169.254", "link-local"},
		{"::ffff:224.0.0.1", "multicast"},
		{"64:ff9b::a9fe:a9fe", "link-local"},
		{"2002:a9fe:a9fe::1", "link-local"},
		{"2002:f000:1::1", "reserved"},
		{"::ffff:0:127.0.0.1", "reserved"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		const char *got = refusal(&open_policy, refused[i].address, 80);

		assert_non_null(got);
		assert_non_null(strstr(got, refused[i].why));
	}
	assert_allowed(&open_policy, "::ffff:127.0.0.1");
	assert_allowed(&open_policy, "::ffff:8.8.8.8");
	assert_allowed(&open_policy, "64:ff9b::808:808");
	assert_allowed(&open_policy, "2002:808:808::1");
	assert_non_null(refusal(&closed_policy, "::ffff:127.0.0.1", 80));
	assert_non_null(refusal(&closed_policy, "64:ff9b::7f00:1", 80));
	assert_non_null(refusal(&closed_policy, "2002:a00:1::1", 80));
	assert_null(refusal(&closed_policy, "::ffff:8.8.8.8", 80));
}

static void loopback_and_private_ranges_follow_their_options(void **state)
{
	static const char *const loopback[] = {"127.0.0.1", "127.255.255.254", "::1"};
	static const char *const private[] = {"10.0.0.1", "10.255.255.255", "172.16.0.1",
		"172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "fc00::1",
		"fdff::1"};
	const struct egress_policy only_loopback = {.loopback = true};
	const struct egress_policy only_private = {.private_ranges = true};

	for (size_t i = 0; i < sizeof(loopback) / sizeof(*loopback); i++) {
		assert_allowed(&only_loopback, loopback[i]);
		assert_refused(&only_private, loopback[i],
			"a loopback address, not allowed by configuration");
	}
	for (size_t i = 0; i < sizeof(private) / sizeof(*private); i++) {
		assert_allowed(&only_private, private[i]);
		assert_refused(&only_loopback, private[i],
			"a private address, not allowed by configuration");
	}
}

static void public_addresses_next_to_special_ranges_are_allowed(void **state)
{
	static const char *const rows[] = {"8.8.8.8", "1.0.0.1", "9.255.255.255", "11.0.0.1",
		"172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.255.255",
		"169.255.0.1", "192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255",
		"2600::1", "2001:200::1", "2a00:1450::1", "3ffe::1"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_allowed(&closed_policy, rows[i]);
}

static void an_own_listener_is_refused_at_its_address_and_port_only(void **state)
{
	const struct sockaddr_storage own[] = {
		address_of("127.0.0.1", 50051), address_of("::1", 3000)};
	const struct egress_policy policy = {.loopback = true, .own = own, .own_count = 2};

	assert_string_equal(refusal(&policy, "127.0.0.1", 50051),
		"127.0.0.1 is an address that Junction itself listens on");
	assert_non_null(refusal(&policy, "::ffff:127.0.0.1", 50051));
	assert_non_null(refusal(&policy, "::1", 3000));
	assert_null(refusal(&policy, "127.0.0.1", 3000));
	assert_null(refusal(&policy, "127.0.0.1", 50052));
	assert_null(refusal(&policy, "127.0.0.2", 50051));
	assert_null(refusal(&policy, "8.8.8.8", 50051));
}

/* The address of an interface that is not loopback, or NULL if the machine has none. */
static const char *interface_address(char text[INET_ADDRSTRLEN])
{
	struct ifaddrs *list;
	const char *found = NULL;

	assert_int_equal(getifaddrs(&list), 0);
	for (struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)i->ifa_addr;

		if (in && in->sin_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 != 127)
			found = inet_ntop(AF_INET, &in->sin_addr, text, INET_ADDRSTRLEN);
	}
	freeifaddrs(list);
	return found;
}

static void a_wildcard_listener_is_refused_at_every_local_address(void **state)
{
	static const char *const wildcards[] = {"0.0.0.0", "::", "::ffff:0.0.0.0"};
	char text[INET_ADDRSTRLEN];
	const char *interface = interface_address(text);

	for (size_t i = 0; i < sizeof(wildcards) / sizeof(*wildcards); i++) {
		const struct sockaddr_storage own = address_of(wildcards[i], 50051);
		const struct egress_policy policy = {
			.loopback = true, .private_ranges = true, .own = &own, .own_count = 1};

		assert_non_null(refusal(&policy, "127.0.0.1", 50051));
		assert_non_null(refusal(&policy, "127.4.5.6", 50051));
		assert_null(refusal(&policy, "127.0.0.1", 50052));
		assert_null(refusal(&policy, "8.8.8.8", 50051));
		if (interface)
			assert_non_null(refusal(&policy, interface, 50051));
	}
}

static void a_unix_socket_is_no_address_to_connect_to(void **state)
{
	const struct sockaddr address = {.sa_family = AF_UNIX};
	char reason[128];

	assert_non_null(egress_refusal(&open_policy, &address, reason));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_never_allowed_is_refused_whatever_the_options_say),
		cmocka_unit_test(an_ipv4_address_inside_ipv6_is_judged_by_itself),
		cmocka_unit_test(loopback_and_private_ranges_follow_their_options),
		cmocka_unit_test(public_addresses_next_to_special_ranges_are_allowed),
		cmocka_unit_test(an_own_listener_is_refused_at_its_address_and_port_only),
		cmocka_unit_test(a_wildcard_listener_is_refused_at_every_local_address),
		cmocka_unit_test(a_unix_socket_is_no_address_to_connect_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
