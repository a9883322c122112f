#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/process_trial.h"

static enum process_state state_of(const char *name)
{
	return known(name).state;
}

static bool is_alive(const char *name)
{
	return pid_of(name) && !is_dead(pid_of(name));
}

/* --- ends and restarts ------------------------------------------------------------------------ */

static void how_it_ended_is_kept(void **state)
{
	write_script("code", "exit 3");
	write_script("signal", "kill -11 $$");
	trial_begin();
	WAIT_UNTIL(known("code").last_exit.size && known("signal").last_exit.size);
	assert_string_equal(known("code").last_exit.data, "exit 3");
	assert_string_equal(known("signal").last_exit.data, "signal 11");
	assert_int_equal(pid_of("code"), 0);
	assert_int_equal(state_of("code"), PROCESS_RESTARTING);
	assert_int_equal(known("code").restarts, 0);
}

static void each_restart_waits_twice_as_long(void **state)
{
	static const long waits[] = {10, 20, 40, 80, 160, 320, 640, 640, 640};
	const size_t count = sizeof(waits) / sizeof(waits[0]);

	write_script("die", "exit 1");
	trial.options.restart_ms = 10;
	trial_begin();
	WAIT_UNTIL(count_logged("extension ended") == count);
	for (size_t i = 0; i < count; i++) {
		long ms = logged_number("extension ended", i, "restart_ms");
		assert_in_range(ms, waits[i] - waits[i] / 10, waits[i] + waits[i] / 10);
	}
	assert_int_equal(known("die").restarts, count - 1);
}

/* The wait is not only logged. */
static void it_does_wait(void **state)
{
	write_script("die", "exit 1");
	trial.options.restart_ms = 300;
	int64_t before = clock_now();
	trial_begin();
	WAIT_UNTIL(count_logged("extension started") == 2);
	assert_true(clock_now() - before >= 270 * CLOCK_MS);
}

static void who_has_settled_begins_anew(void **state)
{
	write_script("die", "sleep 0.1; exit 1");
	trial.options.restart_ms = 10;
	trial.options.settle_ms = 50;
	trial_begin();
	WAIT_UNTIL(count_logged("extension ended") == 4);
	for (size_t i = 0; i < 4; i++)
		assert_in_range(logged_number("extension ended", i, "restart_ms"), 9, 11);
}

struct end {
	atomic_int count, pid;
};

static void on_end(void *arg, const char *name, int pid)
{
	struct end *e = arg;

	if (strcmp(name, "die") != 0 || pid <= 0)
		abort();
	atomic_store(&e->pid, pid);
	atomic_fetch_add(&e->count, 1);
}

static void each_end_is_told(void **state)
{
	struct end end = {0};

	write_script("die", "[ -e \"${0%/*}/stay\" ] && exec sleep 60; exit 1");
	trial.options.restart_ms = 30;
	trial.options.ended = on_end;
	trial.options.arg = &end;
	trial_begin();
	WAIT_UNTIL(atomic_load(&end.count) == 2);
	assert_int_equal(atomic_load(&end.pid), logged_number("extension started", 1, "pid"));
	write_file("stay", "", 0644);
	WAIT_UNTIL(is_alive("die") && known("die").restarts >= 2);
	int pid = pid_of("die"), count = atomic_load(&end.count);
	trial_end(0);
	assert_int_equal(atomic_load(&end.count), count + 1);
	assert_int_equal(atomic_load(&end.pid), pid);
}

static void what_it_leaves_in_its_group_is_killed(void **state)
{
	write_script("leave", "trap '' TERM; sleep 60 & echo $! >&2; exit 0");
	trial_begin();
	WAIT_UNTIL(known("leave").last_exit.size);
	WAIT_UNTIL(is_logged("stream=stderr"));
	int pid = (int)logged_number("extension output\" name=leave", 0, "line");
	assert_true(pid > 0);
	WAIT_UNTIL(is_dead(pid));
}

/* --- registration ----------------------------------------------------------------------------- */

static void it_starts_registers_and_is_known(void **state)
{
	write_script("stay", "exec sleep 60");
	trial_begin();
	int pid = pid_of("stay");
	assert_true(is_alive("stay"));
	assert_int_equal(state_of("stay"), PROCESS_STARTING);
	assert_false(processes_registered(trial.processes, TEXT("stay"), pid + 1));
	assert_false(processes_registered(trial.processes, TEXT("stay"), 0));
	assert_false(processes_registered(trial.processes, TEXT("other"), pid));
	assert_int_equal(state_of("stay"), PROCESS_STARTING);
	assert_true(processes_registered(trial.processes, TEXT("stay"), pid));
	assert_true(processes_registered(trial.processes, TEXT("stay"), pid));
	assert_int_equal(state_of("stay"), PROCESS_REGISTERED);
	kill(pid, SIGKILL);
	WAIT_UNTIL(pid_of("stay") == 0);
	assert_int_equal(state_of("stay"), PROCESS_RESTARTING);
	assert_false(processes_registered(trial.processes, TEXT("stay"), pid));
}

static void who_does_not_register_is_reported_and_goes_on(void **state)
{
	write_script("late", "exec sleep 60");
	write_script("soon", "exec sleep 60");
	trial.options.register_ms = 2000;
	trial_begin();
	int pid = pid_of("late");
	assert_true(processes_registered(trial.processes, TEXT("soon"), pid_of("soon")));
	wait_logged("level=warn event=\"extension did not register\" name=late");
	assert_int_equal(logged_number("did not register", 0, "pid"), pid);
	assert_int_equal(logged_number("did not register", 0, "ms"), 2000);
	assert_int_equal(state_of("late"), PROCESS_OVERDUE);
	assert_true(is_alive("late"));
	assert_true(processes_registered(trial.processes, TEXT("late"), pid));
	assert_int_equal(state_of("late"), PROCESS_REGISTERED);
	assert_false(is_logged("did not register\" name=soon"));
}

static void who_deregisters_has_to_register_again(void **state)
{
	write_script("stay", "exec sleep 60");
	trial.options.register_ms = 1000;
	trial_begin();
	int pid = pid_of("stay");
	assert_true(processes_registered(trial.processes, TEXT("stay"), pid));
	processes_deregistered(trial.processes, TEXT("stay"), pid + 1);
	assert_int_equal(state_of("stay"), PROCESS_REGISTERED);
	processes_deregistered(trial.processes, TEXT("other"), pid);
	processes_deregistered(trial.processes, TEXT("stay"), pid);
	assert_int_not_equal(state_of("stay"), PROCESS_REGISTERED);
	wait_logged("did not register");
	assert_int_equal(state_of("stay"), PROCESS_OVERDUE);
	processes_deregistered(trial.processes, TEXT("stay"), pid);
	assert_int_equal(state_of("stay"), PROCESS_OVERDUE);
}

/* --- the end ---------------------------------------------------------------------------------- */

static const char *const polite =
	"trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
static const char *const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.01; done";

static void it_is_asked_to_end(void **state)
{
	write_script("polite", polite);
	trial_begin();
	wait_logged("line=ready");
	trial_end(0);
	assert_true(has_said("polite", "stdout", "bye"));
	assert_true(is_logged("level=info event=\"extension ended\" name=polite"));
	assert_true(is_logged("how=\"exit 7\""));
	assert_int_equal(logged_number("extension ended", 0, "restart_ms"), -1);
	assert_false(is_logged("extension killed"));
}

static void who_does_not_end_is_killed(void **state)
{
	write_script("stubborn", stubborn);
	trial.options.stop_ms = 200;
	trial_begin();
	wait_logged("line=ready");
	int64_t before = clock_now();
	trial_end(0);
	assert_true(clock_now() - before >= 200 * CLOCK_MS);
	assert_true(is_logged("level=warn event=\"extension killed\" name=stubborn"));
	assert_true(is_logged("how=\"signal 9\""));
}

static void who_is_stopped_is_killed_too(void **state)
{
	write_script("stopped", "echo ready; kill -STOP $$");
	trial.options.stop_ms = 50;
	trial_begin();
	wait_logged("line=ready");
	trial_end(0);
	assert_true(is_logged("how=\"signal 9\"") || is_logged("how=\"signal 15\""));
}

static void what_it_started_ends_with_it(void **state)
{
	write_script("parent", "(trap '' TERM; while :; do sleep 0.01; done) & echo $!\n"
			       "trap 'exit 0' TERM; while :; do sleep 0.01; done");
	trial_begin();
	wait_logged("extension output");
	int pid = (int)logged_number("extension output", 0, "line");
	assert_false(is_dead(pid));
	trial_end(0);
	WAIT_UNTIL(is_dead(pid));
}

/* They were told by HTTP, and have until then. */
static void who_is_registered_gets_its_time(void **state)
{
	write_script("registered", polite);
	write_script("unknown", polite);
	trial_begin();
	WAIT_UNTIL(count_logged("line=ready") == 2);
	assert_true(
		processes_registered(trial.processes, TEXT("registered"), pid_of("registered")));
	int64_t term_at = clock_now() + 3 * CLOCK_SECOND;
	trial_end(term_at);
	assert_true(clock_now() >= term_at);
	assert_true(strstr(trial_log(), "ended\" name=unknown") <
		    strstr(trial_log(), "ended\" name=registered"));
	assert_int_equal(count_logged("line=bye"), 2);
}

static void who_ends_by_itself_gets_no_signal(void **state)
{
	write_script("leaves", "trap 'echo bye' TERM; echo ready\n"
			       "while [ ! -e \"${0%/*}/leave\" ]; do sleep 0.01; done");
	trial_begin();
	wait_logged("line=ready");
	assert_true(processes_registered(trial.processes, TEXT("leaves"), pid_of("leaves")));
	processes_retire(trial.processes);
	write_file("leave", "", 0644);
	trial_end(clock_now() + TRIAL_WAIT);
	assert_false(is_logged("line=bye"));
	assert_true(is_logged("how=\"exit 0\""));
}

/* Its time to come back passes while the other has its own. */
static void nothing_is_started_once_they_are_retired(void **state)
{
	write_script("die", "exit 1");
	write_script("stay", "exec sleep 60");
	trial.options.restart_ms = 2000;
	trial_begin();
	assert_true(processes_registered(trial.processes, TEXT("stay"), pid_of("stay")));
	WAIT_UNTIL(pid_of("die") == 0);
	processes_retire(trial.processes);
	assert_int_equal(count_logged("extension started"), 2);
	processes_stop(trial.processes, clock_now() + 3 * CLOCK_SECOND);
	assert_int_equal(count_logged("extension started"), 2);
	assert_int_equal(known("die").restarts, 0);
}

static void they_may_be_asked_for_when_they_are_gone(void **state)
{
	write_script("stay", "exec sleep 60");
	trial_begin();
	int pid = pid_of("stay");
	processes_stop(trial.processes, 0);
	assert_int_equal(pid_of("stay"), 0);
	assert_int_equal(state_of("stay"), PROCESS_RESTARTING);
	assert_false(processes_registered(trial.processes, TEXT("stay"), pid));
	processes_deregistered(trial.processes, TEXT("stay"), pid);
	processes_retire(trial.processes);
	processes_stop(trial.processes, 0);
}

static void what_waits_for_its_start_does_not_hold_up_the_end(void **state)
{
	write_script("die", "exit 1");
	trial_begin();
	WAIT_UNTIL(pid_of("die") == 0);
	int64_t before = clock_now();
	trial_end(clock_now() + TRIAL_WAIT);
	assert_true(clock_now() - before < 10 * CLOCK_SECOND);
}

/* --- a server that is killed --------------------------------------------------------------------
 */

static void they_die_with_the_server(void **state)
{
	int status;
	write_script("stubborn", stubborn);
	pid_t server = fork();

	if (server == 0) {
		trial_begin();
		pause();
	}
	wait_logged("line=ready");
	int pid = (int)logged_number("extension started", 0, "pid");
	assert_false(is_dead(pid));
	kill(server, SIGKILL);
	assert_int_equal(waitpid(server, &status, 0), server);
	WAIT_UNTIL(is_dead(pid));
}

/* --- many threads ------------------------------------------------------------------------------
 */

static atomic_bool enough;

static void *ask(void *arg)
{
	struct arena *arena = arena_new(0);

	while (!atomic_load(&enough)) {
		size_t count;
		int pid;
		struct process_info *list = processes_list(trial.processes, arena, &count);
		for (size_t i = 0; i < count; i++)
			if (processes_find(trial.processes, list[i].name, &pid) && pid &&
				processes_registered(trial.processes, list[i].name, pid))
				processes_deregistered(trial.processes, list[i].name, pid);
		arena_clear(arena);
		sched_yield();
	}
	arena_free(&arena);
	return NULL;
}

static void many_threads_ask_while_they_come_and_go(void **state)
{
	pthread_t threads[4];

	for (char name[] = "a"; *name <= 'j'; (*name)++)
		write_script(name, *name <= 'e' ? "exit 1" : "exec sleep 60");
	trial.options.restart_ms = 5;
	trial.options.register_ms = 20;
	trial.options.settle_ms = 1;
	trial_begin();
	atomic_store(&enough, false);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
	WAIT_UNTIL(known("a").restarts >= 10 && known("e").restarts >= 10);
	processes_stop(trial.processes, clock_now() + 20 * CLOCK_MS);
	atomic_store(&enough, true);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (char name[] = "a"; *name <= 'j'; (*name)++)
		assert_int_equal(pid_of(name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)
		TEST(how_it_ended_is_kept),
		TEST(each_restart_waits_twice_as_long),
		TEST(it_does_wait),
		TEST(who_has_settled_begins_anew),
		TEST(each_end_is_told),
		TEST(what_it_leaves_in_its_group_is_killed),
		TEST(it_starts_registers_and_is_known),
		TEST(who_does_not_register_is_reported_and_goes_on),
		TEST(who_deregisters_has_to_register_again),
		TEST(it_is_asked_to_end),
		TEST(who_does_not_end_is_killed),
		TEST(who_is_stopped_is_killed_too),
		TEST(what_it_started_ends_with_it),
		TEST(who_is_registered_gets_its_time),
		TEST(who_ends_by_itself_gets_no_signal),
		TEST(nothing_is_started_once_they_are_retired),
		TEST(they_may_be_asked_for_when_they_are_gone),
		TEST(what_waits_for_its_start_does_not_hold_up_the_end),
		TEST(they_die_with_the_server),
		TEST(many_threads_ask_while_they_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
