/* The command line of sluice-worker. */
#include "shell/options.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct sl_options options;
static char error[512];

/* Reads words up to NULL. */
static int read_words(char *first, ...) {
    char *argv[16] = {"sluice-worker"};
    int argc = 1;
    va_list words;
    va_start(words, first);
    for (char *word = first; word; word = va_arg(words, char *)) argv[argc++] = word;
    va_end(words);
    error[0] = '\0';
    return sl_options_read(argc, argv, &options, error, sizeof error);
}

static void assert_refused(int rc, const char *part) {
    cr_assert_eq(rc, SL_E_BAD_INPUT);
    cr_assert_not_null(strstr(error, part), "%s", error);
}

Test(options, have_defaults) {
    unsetenv("SLUICE_WORKER_ENDPOINT");
    cr_assert_eq(read_words(NULL), SL_OK, "%s", error);
    cr_assert_str_eq(options.broker, "tcp://127.0.0.1:7441");
    cr_assert_geq(options.slots, 1);
    cr_assert_eq(options.prefetch, 1);
    cr_assert_eq(options.drain_ms, 30000);
    cr_assert_eq(options.grace_ms, 5000);
    cr_assert_eq(options.stage_limits.memory, (uint64_t)4 << 30);
    cr_assert_eq(options.stage_limits.file_size, (uint64_t)16 << 30);
    cr_assert_eq(options.stage_limits.files, 1024);
    cr_assert_eq(options.stage_limits.processes, 0, "as many as the user may");
    cr_assert_eq(options.spool_bytes, (uint64_t)1 << 30);
}

Test(options, take_values_in_both_forms) {
    cr_assert_eq(read_words("--slots", "3", "--prefetch=0", "--isolation", "inline", "--plugin", "a.so", "--plugin=b.so", NULL), SL_OK);
    cr_assert_eq(options.slots, 3);
    cr_assert_eq(options.prefetch, 0);
    cr_assert(options.is_inline);
    cr_assert_eq(options.plugin_count, 2);
    cr_assert_str_eq(options.plugins[1], "b.so");
}

Test(options, come_from_the_environment_and_the_flag_wins) {
    setenv("SLUICE_WORKER_SLOTS", "7", 1);
    setenv("SLUICE_DRAIN_TIMEOUT", "2s", 1);
    cr_assert_eq(read_words(NULL), SL_OK);
    cr_assert_eq(options.slots, 7);
    cr_assert_eq(options.drain_ms, 2000);
    cr_assert_eq(read_words("--slots", "5", NULL), SL_OK);
    cr_assert_eq(options.slots, 5);
    setenv("SLUICE_WORKER_SLOTS", "many", 1);
    assert_refused(read_words(NULL), "SLUICE_WORKER_SLOTS cannot be \"many\"");
}

Test(options, keep_the_installed_plugins_behind_those_of_the_environment) {
    static char longest[SL_PATH_SIZE * 2];
    unsetenv("SLUICE_PLUGIN_PATH");
    cr_assert_eq(read_words(NULL), SL_OK);
    char installed[sizeof options.plugin_path];
    (void)snprintf(installed, sizeof installed, "%s", options.plugin_path);
    setenv("SLUICE_PLUGIN_PATH", "/mine:/yours", 1);
    cr_assert_eq(read_words(NULL), SL_OK);
    cr_assert_eq(strncmp(options.plugin_path, "/mine:/yours:", 13), 0, "%s", options.plugin_path);
    cr_assert_str_eq(options.plugin_path + 13, installed);
    cr_assert_eq(read_words("--plugin-path", "/only", NULL), SL_OK);
    cr_assert_str_eq(options.plugin_path, "/only", "the flag says all of it");
    memset(longest, 'x', sizeof options.plugin_path - strlen(installed) - 2);
    setenv("SLUICE_PLUGIN_PATH", longest, 1);
    cr_assert_eq(read_words(NULL), SL_OK, "at the limit");
    strcat(longest, "x");
    setenv("SLUICE_PLUGIN_PATH", longest, 1);
    assert_refused(read_words(NULL), "SLUICE_PLUGIN_PATH is longer than");
}

Test(options, name_what_is_wrong) {
    assert_refused(read_words("--solts", "3", NULL), "unknown option --solts, did you mean --slots?");
    assert_refused(read_words("--zzzzzz", NULL), "unknown option --zzzzzz; see");
    assert_refused(read_words("stray", NULL), "unknown option stray");
    assert_refused(read_words("--slots", NULL), "--slots needs a value (N)");
    assert_refused(read_words("--slots", "0", NULL), "--slots cannot be \"0\"");
    assert_refused(read_words("--slots", "257", NULL), "--slots cannot be \"257\"");
    assert_refused(read_words("--slots", "1000000", NULL), "--slots cannot be");
    assert_refused(read_words("--insecure=yes", NULL), "--insecure takes no value");
    assert_refused(read_words("--broker", "http://x", NULL), "--broker cannot be \"http://x\"");
    assert_refused(read_words("--slots", "256", "--prefetch", "16", NULL), "above 4096");
    assert_refused(read_words("--isolation", "none", NULL), "--isolation cannot be \"none\"");
    assert_refused(read_words("--pass-env", "A=b", NULL), "--pass-env cannot be");
    cr_assert_eq(read_words("--slots", "256", "--prefetch", "15", NULL), SL_OK, "at the limit");
}

Test(options, limit_what_a_stage_may_use) {
    cr_assert_eq(read_words("--stage-memory", "512M", "--stage-file-size", "2G", "--stage-files", "64", "--stage-user", "x",
                            "--stage-processes", "32", NULL), SL_OK, "%s", error);
    cr_assert_eq(options.stage_limits.memory, 512 << 20);
    cr_assert_eq(options.stage_limits.file_size, (uint64_t)2 << 30);
    cr_assert_eq(options.stage_limits.files, 64);
    cr_assert_eq(options.stage_limits.processes, 32);
    cr_assert_eq(read_words("--stage-memory", "none", "--stage-file-size", "none", NULL), SL_OK);
    cr_assert_eq(options.stage_limits.memory, 0);
    cr_assert_eq(options.stage_limits.file_size, 0);
    cr_assert_eq(read_words("--stage-memory", "64M", "--stage-file-size", "1M", "--stage-files", "16", NULL), SL_OK, "at the limit");
    assert_refused(read_words("--stage-memory", "63M", NULL), "--stage-memory cannot be \"63M\"");
    assert_refused(read_words("--stage-memory", "much", NULL), "--stage-memory cannot be \"much\"");
    assert_refused(read_words("--stage-file-size", "0", NULL), "--stage-file-size cannot be \"0\"");
    assert_refused(read_words("--stage-files", "15", NULL), "--stage-files cannot be \"15\"");
    assert_refused(read_words("--stage-files", "none", NULL), "--stage-files cannot be");
    assert_refused(read_words("--stage-user", "x", "--stage-processes", "0", NULL), "--stage-processes cannot be \"0\"");
    assert_refused(read_words("--stage-processes", "32", NULL), "give stages one of their own with --stage-user");
}

/* Without a minimum the worker did nothing but connect. */
Test(options, refuse_times_that_leave_none_for_work) {
    cr_assert_eq(read_words("--heartbeat", "10ms", "--lost", "50ms", NULL), SL_OK, "at the limit");
    assert_refused(read_words("--heartbeat", "9ms", NULL), "--heartbeat cannot be \"9ms\"");
    assert_refused(read_words("--heartbeat", "0s", NULL), "--heartbeat cannot be \"0s\"");
    assert_refused(read_words("--lost", "49ms", NULL), "--lost cannot be \"49ms\"");
    assert_refused(read_words("--lost", "2000h", NULL), "--lost cannot be \"2000h\"");
    cr_assert_eq(read_words("--grace", "0s", "--drain-timeout", "0s", NULL), SL_OK);
}

Test(options, limit_the_spool) {
    cr_assert_eq(read_words("--spool-size", "16M", NULL), SL_OK, "at the limit");
    cr_assert_eq(options.spool_bytes, 16 << 20);
    cr_assert_eq(read_words("--spool-size", "none", NULL), SL_OK);
    cr_assert_eq(options.spool_bytes, 0);
    assert_refused(read_words("--spool-size", "15M", NULL), "--spool-size cannot be \"15M\"");
}

Test(options, do_not_send_plain_text_to_another_machine) {
    assert_refused(read_words("--broker", "tcp://10.1.2.3:7441", NULL), "nothing would be encrypted");
    cr_assert_eq(read_words("--broker", "tcp://10.1.2.3:7441", "--insecure", NULL), SL_OK);
    cr_assert_eq(read_words("--broker", "tcp://127.0.0.1:7441", NULL), SL_OK);
    cr_assert_eq(read_words("--broker", "tcp://localhost:7441", NULL), SL_OK);
    cr_assert_eq(read_words("--broker", "tcp://[::1]:7441", NULL), SL_OK);
    cr_assert_eq(read_words("--broker", "ipc:///run/x", NULL), SL_OK);
}
