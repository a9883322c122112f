#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/support/process_trial.h"

/* --- the folder and the user ----------------------------------------------------------------- */

static void names(char out[512])
{
	size_t count;
	struct process_info *list = processes_list(trial.processes, trial.arena, &count);

	*out = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(out + strlen(out), 512 - strlen(out), "%s ", list[i].name.data);
}

static void only_executables_of_the_folder_are_extensions(void **state)
{
	char found[512];
	int pid = -1;

	write_script("b.sh", "");
	write_script("a b", "");
	write_script("B", "");
	write_script(".hidden", "");
	write_file("README", "", 0644);
	write_file("of-the-owner", "", 0700);
	write_file("bad\xff", "", 0755);
	write_file("two\nlines", "", 0755);
	assert_int_equal(mkdir(in_folder("folder"), 0755), 0);
	assert_int_equal(symlink("b.sh", in_folder("link")), 0);
	assert_int_equal(symlink("/bin/true", in_folder("link-out")), 0);
	assert_int_equal(symlink("nowhere", in_folder("dangling")), 0);
	assert_int_equal(mkfifo(in_folder("pipe"), 0755), 0);
	trial_open();
	names(found);
	assert_string_equal(found, "B a b b.sh link link-out of-the-owner ");
	assert_int_equal(count_logged("left out"), 3);
	assert_true(is_logged("dangling\" reason=\"No such file") || is_logged("dangling reason="));
	assert_false(processes_find(trial.processes, TEXT("README"), &pid));
	assert_false(processes_find(trial.processes, TEXT("b.s"), &pid));
	assert_true(processes_find(trial.processes, TEXT("b.sh"), &pid));
	assert_int_equal(pid, 0);
	assert_int_equal(known("B").state, PROCESS_RESTARTING);
	assert_int_equal(known("B").last_exit.size, 0);
}

static void ten_are_started_at_most(void **state)
{
	char found[512];

	for (char name[] = "a"; *name <= 'l'; (*name)++)
		write_script(name, "");
	trial_open();
	names(found);
	assert_string_equal(found, "a b c d e f g h i j ");
	assert_int_equal(count_logged("level=error event=\"extension left out\""), 2);
	assert_true(is_logged("/l reason=\"there are too many"));
}

static void an_empty_folder_is_all_right(void **state)
{
	size_t count = 1;

	trial_begin();
	processes_list(trial.processes, trial.arena, &count);
	assert_int_equal(count, 0);
	processes_retire(trial.processes);
	trial_end(clock_now() + TRIAL_WAIT);
}

static void refused(const char *what)
{
	assert_null(processes_open(&trial.options));
	wait_logged("level=error event=\"cannot start extensions\"");
	if (!is_logged(what))
		fail_msg("it is not said that %s", what);
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
	trial.options.folder = in_folder("nowhere");
	refused("No such file or directory");
	write_file("file", "", 0755);
	trial.options.folder = in_folder("file");
	refused("Not a directory");
}

static void what_anybody_may_write_to_is_not_started(void **state)
{
	char found[512];

	write_script("good", "");
	write_script("open", "");
	assert_int_equal(chmod(in_folder("open"), 0757), 0);
	trial_open();
	names(found);
	assert_string_equal(found, "good ");
	assert_true(is_logged("open reason=\"anybody may write to it\""));
	processes_free(&trial.processes);
	assert_int_equal(chmod(trial.folder, 01777), 0);
	refused("option=--extension-folder");
	assert_int_equal(count_logged("anybody may write to it"), 2);
}

static void an_unknown_user_is_refused(void **state)
{
	trial.options.user = "no-such-user";
	refused("there is no such user");
}

static void root_is_refused(void **state)
{
	if (geteuid())
		skip();
	trial.options.user = "root";
	refused("extensions do not run as root");
}

/* In a process of its own, which cannot become root again. */
static void another_user_takes_root(void **state)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (!geteuid() &&
			(setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
			_exit(3);
		trial.options.user = "bin";
		if (processes_open(&trial.options))
			_exit(1);
		trial.options.user = NULL;
		_exit(processes_open(&trial.options) ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(is_logged("only a server that runs as root"));
}

/* --- what a process gets ---------------------------------------------------------------------- */

static void its_environment_is_clean(void **state)
{
	setenv("JUNCTION_SECRET", "1", 1);
	write_script("env", "exec env");
	trial_begin();
	wait_logged("event=\"extension ended\" name=env");
	assert_true(has_said("env", "stdout", "\"EXTENSION_API_ADDR=127.0.0.1:3000\""));
	assert_true(has_said("env", "stdout", "\"PATH=/usr/local/bin:/usr/bin:/bin\""));
	assert_true(has_said("env", "stdout", "\"HOME=/\""));
	assert_true(has_said("env", "stdout", "\"LANG=C.UTF-8\""));
	/* The shell's own are two. */
	assert_int_equal(count_logged("extension output"),
		4 + count_logged("\"PWD=/\"") + count_logged("\"_=") + count_logged("\"OLDPWD=") +
			count_logged("SHLVL="));
}

static void it_inherits_no_descriptors(void **state)
{
	int more[40];

	for (int i = 0; i < 40; i++)
		more[i] = dup(STDOUT_FILENO);
	write_script("fds", "exec ls -l /proc/self/fd");
	trial_begin();
	wait_logged("event=\"extension ended\" name=fds");
	for (int i = 0; i < 40; i++)
		close(more[i]);
	assert_true(is_logged(" 0 -> /dev/null\""));
	assert_true(is_logged(" 1 -> pipe:["));
	assert_true(is_logged(" 2 -> pipe:["));
	assert_true(is_logged(" 3 -> /proc/")); /* the list itself */
	assert_int_equal(count_logged(" -> "), 4);
}

/* Standard descriptors that this process has closed are not mixed up with the pipes. */
static void it_has_its_own_descriptors_where_this_has_none(void **state)
{
	int kept = dup(STDIN_FILENO);

	write_script("say", "echo out; echo err >&2; cat");
	trial_open();
	close(STDIN_FILENO);
	processes_begin(trial.processes);
	wait_logged("event=\"extension ended\" name=say");
	if (kept >= 0) {
		dup2(kept, STDIN_FILENO);
		close(kept);
	}
	assert_true(has_said("say", "stdout", "out"));
	assert_true(has_said("say", "stderr", "err"));
	assert_true(is_logged("how=\"exit 0\""));
}

static void its_signals_are_as_ever(void **state)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	void (*child)(int) = signal(SIGCHLD, SIG_IGN);

	write_script("status", "exec grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status");
	trial_begin();
	wait_logged("event=\"extension ended\" name=status");
	signal(SIGPIPE, before);
	signal(SIGCHLD, child);
	assert_true(is_logged("line=\"SigBlk:\\t0000000000000000\""));
	assert_true(is_logged("line=\"SigIgn:\\t0000000000000000\""));
}

static void it_is_another_user_for_good(void **state)
{
	const char *user = geteuid() ? "" : "65534\\t65534\\t65534\\t65534";
	const gid_t more[] = {0, 4, 24};

	if (!geteuid())
		assert_int_equal(setgroups(3, more), 0);
	write_script(
		"status", "exec grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs)' /proc/self/status");
	trial_begin();
	wait_logged("event=\"extension ended\" name=status");
	assert_true(is_logged("line=\"NoNewPrivs:\\t1\""));
	assert_true(is_logged("line=\"CapAmb:\\t0000000000000000\""));
	assert_true(is_logged(arena_printf(trial.arena, "line=\"Uid:\\t%s", user)));
	assert_true(is_logged(arena_printf(trial.arena, "line=\"Gid:\\t%s", user)));
	if (!geteuid()) {
		assert_true(is_logged("line=\"CapEff:\\t0000000000000000\""));
		assert_true(is_logged("line=\"CapPrm:\\t0000000000000000\""));
		assert_true(is_logged("line=\"Groups:\\t \"") || is_logged("line=\"Groups:\\t\""));
	}
}

static void the_user_may_be_chosen(void **state)
{
	if (geteuid())
		skip();
	trial.options.user = "bin";
	write_script("id", "exec id");
	trial_begin();
	wait_logged("event=\"extension ended\" name=id");
	assert_true(has_said("id", "stdout", "\"uid=2(bin) gid=2(bin) groups=2(bin)\""));
}

/* As high as may be; gives what it was. */
static struct rlimit raise_limit(int which)
{
	struct rlimit before;

	getrlimit(which, &before);
	setrlimit(which, &(struct rlimit){before.rlim_max, before.rlim_max});
	return before;
}

static void its_surroundings_are_plain(void **state)
{
	struct rlimit files = raise_limit(RLIMIT_NOFILE), cores = raise_limit(RLIMIT_CORE);

	write_script("all", "pwd; umask; ulimit -c; ulimit -n; echo \"$0\"\n"
			    "echo $$ $(cut -d' ' -f5,6 /proc/$$/stat)");
	trial_begin();
	wait_logged("event=\"extension ended\" name=all");
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &cores);
	long pid = logged_number("extension started", 0, "pid");
	assert_true(has_said("all", "stdout", "/"));
	assert_true(has_said("all", "stdout", "0022"));
	assert_true(has_said("all", "stdout", "0"));
	assert_true(has_said("all", "stdout", "1024"));
	assert_true(has_said("all", "stdout", in_folder("all")));
	/* Group and session are its own. */
	assert_true(has_said(
		"all", "stdout", arena_printf(trial.arena, "\"%ld %ld %ld\"", pid, pid, pid)));
}

/* --- what cannot be started ------------------------------------------------------------------- */

static void why_it_cannot_be_started_is_told(void **state)
{
	write_file("no-interpreter", "#!/no/such/interpreter\n", 0755);
	write_file("no-program", "neither\n", 0755);
	write_file("not-for-it", "#!/bin/sh\n", 0700);
	trial.options.restart_ms = 20;
	trial_begin();
	assert_true(is_logged("event=\"extension not started\" name=no-interpreter "
			      "reason=\"cannot be started: No such file or directory\""));
	assert_true(is_logged("name=no-program reason=\"cannot be started: Exec format error\""));
	if (!geteuid())
		assert_true(is_logged(
			"name=not-for-it reason=\"cannot be started: Permission denied\""));
	WAIT_UNTIL(count_logged("name=no-interpreter") > 3);
	processes_retire(trial.processes);
	struct process_info info = known("no-interpreter");
	assert_string_equal(info.last_exit.data, "cannot be started: No such file or directory");
	assert_int_equal(info.state, PROCESS_RESTARTING);
	assert_int_equal(info.pid, 0);
	assert_in_range(logged_number("name=no-interpreter", 0, "restart_ms"), 18, 22);
	assert_in_range(logged_number("name=no-interpreter", 2, "restart_ms"), 72, 88);
}

static void nothing_is_left_open_when_it_cannot_be_started(void **state)
{
	write_file("no-interpreter", "#!/no/such/interpreter\n", 0755);
	trial.options.restart_ms = 1;
	trial_begin();
	WAIT_UNTIL(known("no-interpreter").restarts >= 5);
	trial_end(0); /* trial_teardown() counts */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, trial_setup, trial_teardown)
		TEST(only_executables_of_the_folder_are_extensions),
		TEST(ten_are_started_at_most),
		TEST(an_empty_folder_is_all_right),
		TEST(a_folder_that_is_not_there_is_refused),
		TEST(what_anybody_may_write_to_is_not_started),
		TEST(an_unknown_user_is_refused),
		TEST(root_is_refused),
		TEST(another_user_takes_root),
		TEST(its_environment_is_clean),
		TEST(it_inherits_no_descriptors),
		TEST(it_has_its_own_descriptors_where_this_has_none),
		TEST(its_signals_are_as_ever),
		TEST(it_is_another_user_for_good),
		TEST(the_user_may_be_chosen),
		TEST(its_surroundings_are_plain),
		TEST(why_it_cannot_be_started_is_told),
		TEST(nothing_is_left_open_when_it_cannot_be_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
