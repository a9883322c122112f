#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "junction/v1/audit.pb-c.h"
#include "server/audit/field.h"

static void fields_are_those_of_a_record_in_their_order(void **state)
{
	const ProtobufCMessageDescriptor *record = &audit__audit_record__descriptor;

	assert_int_equal(record->n_fields, AUDIT_FIELDS);
	for (unsigned i = 0; i < record->n_fields; i++) {
		assert_int_equal(record->fields[i].id, i + 1);
		assert_true(audit_fields[i].name.size > 0);
		assert_int_equal(audit_field_named(audit_fields[i].name), i);
	}
}

static void names_are_exact(void **state)
{
	assert_int_equal(audit_field_named(TEXT("message")), AUDIT_CONTENT);
	assert_int_equal(audit_field_named(TEXT("content")), AUDIT_CONTENT);
	assert_int_equal(audit_field_named(TEXT("sourceNode")), AUDIT_SOURCE_NODE);
	assert_int_equal(audit_field_named(TEXT("source_node")), -1);
	assert_int_equal(audit_field_named(TEXT("ext.a")), -1);
	assert_int_equal(audit_field_named(TEXT("Id")), -1);
	assert_int_equal(audit_field_named(TEXT("")), -1);
}

static void severities_are_words_or_the_numbers_of_syslog(void **state)
{
	static const char *const words[] = {
		"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"};

	for (int i = 0; i < 8; i++) {
		char digit[2] = {(char)('0' + i), '\0'};

		assert_string_equal(audit_severity_word(text_of(digit)), words[i]);
		assert_string_equal(audit_severity_word(text_of(words[i])), words[i]);
	}
	assert_string_equal(audit_severity_word(TEXT("WaRnInG")), "warning");
}

static void other_severities_are_none(void **state)
{
	static const char *const none[] = {
		"", "8", "-1", "04", "4 ", " 4", "warn", "warnings", "fatal", "4.0"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(audit_severity_word(text_of(none[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_those_of_a_record_in_their_order),
		cmocka_unit_test(names_are_exact),
		cmocka_unit_test(severities_are_words_or_the_numbers_of_syslog),
		cmocka_unit_test(other_severities_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
