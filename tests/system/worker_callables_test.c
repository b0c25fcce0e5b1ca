/* The real worker and the functions that a broker tells it: looked at in a process of its own, offered, and never looked for outside the
 * plugin path. */
#include "worker_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLABLES_MAX = 256 };

static struct fixture fixture;

static void set_up(void) {
    char command[512], path[256];
    fixture_start(&fixture);
    (void)snprintf(command, sizeof command, "mkdir %s/plugins && cp %s/misbehave.so %s/crash_load.so %s/plugins", fixture.directory,
                   SLUICE_BAD_PLUGINS, SLUICE_BAD_PLUGINS, fixture.directory);
    cr_assert_eq(system(command), 0);
    (void)snprintf(path, sizeof path, "%s/plugins:%s", fixture.directory, SLUICE_PLUGINS);
    const char *const further[] = {"--plugin-path", path, NULL};
    fixture_worker(&fixture, "name: p\nversion: \"2026-01-15\"\nstages:\n  - {name: a, type: nothing}\n", further);
}

static void tear_down(void) {
    fixture_stop(&fixture);
}

TestSuite(worker_callables, .init = set_up, .fini = tear_down, .timeout = 120);

static void tell(const char *const *callables, uint32_t count) {
    uint32_t hellos = fixture.broker.hello_count;
    test_broker_callables(&fixture.broker, callables, count);
    test_broker_wait_hello(&fixture.broker, hellos + 1);
}

Test(worker_callables, are_looked_at_and_offered) {
    static const char *const callables[] = {"misbehave.so:replacement", "misbehave.so:nowhere", "absent.so:register", "crash_load.so:register",
                                            "../plugins/misbehave.so:replacement", "/etc/misbehave.so:f", "python.module:f"};
    cr_assert_null(strstr(fixture.broker.types, "/"));
    tell(callables, sizeof callables / sizeof callables[0]);
    cr_assert_eq(fixture.broker.hello_callables, 4, "what names no library of the plugin path is not looked for");
    cr_assert_not_null(strstr(fixture.broker.types, "misbehave.so:replacement/nothing "));
    cr_assert_null(strstr(fixture.broker.types, "nowhere/"));
    cr_assert_null(strstr(fixture.broker.types, "crash_load.so"));
    cr_assert_not_null(strstr(fixture.broker.types, "noop "), "it offers the rest as before");
    const struct test_result *result = fixture_attempt(&fixture, 0, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_callables, are_told_again_when_they_are_asked_for_again) {
    static const char *const callables[] = {"misbehave.so:replacement"};
    for (int i = 0; i < 3; i++) {
        tell(callables, 1);
        cr_assert_eq(fixture.broker.hello_callables, 1);
    }
    test_broker_reset(&fixture.broker);
    test_broker_wait_hello(&fixture.broker, 5);
    cr_assert_eq(fixture.broker.hello_callables, 1, "a HELLO of any reason names them");
}

/* As many as there may be, and then as many others, of another broker for example: the newest list counts. */
Test(worker_callables, of_several_lists_are_those_of_the_newest) {
    static char names[2 * CALLABLES_MAX][32];
    const char *callables[2 * CALLABLES_MAX];
    for (int i = 0; i < 2 * CALLABLES_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "absent%d.so:f", i);
        callables[i] = names[i];
    }
    callables[0] = callables[CALLABLES_MAX + 1] = "misbehave.so:replacement";
    tell(callables, CALLABLES_MAX);
    cr_assert_eq(fixture.broker.hello_callables, CALLABLES_MAX);
    tell(callables + CALLABLES_MAX, 1);
    cr_assert_eq(fixture.broker.hello_callables, 1);
    tell(callables + CALLABLES_MAX, CALLABLES_MAX);
    cr_assert_eq(fixture.broker.hello_callables, CALLABLES_MAX);
    cr_assert_not_null(strstr(fixture.broker.types, "misbehave.so:replacement/nothing "));
}

static bool names_one(struct test_broker *broker, void *context) {
    (void)context;
    return broker->hello_callables == 1;
}

Test(worker_callables, cannot_be_looked_at_without_a_prober_and_the_worker_goes_on) {
    static const char *const callables[] = {"misbehave.so:replacement"};
    pid_t prober = test_process_find("sluice-prober");
    cr_assert_gt(prober, 0);
    cr_assert_eq(kill(prober, SIGKILL), 0);
    test_broker_callables(&fixture.broker, callables, 1);
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, names_one, NULL), "it does not say that it has looked");
    cr_assert_null(strstr(fixture.broker.types, "/"));
    const struct test_result *result = fixture_attempt(&fixture, 0, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_callables, leave_no_prober_when_the_worker_is_killed) {
    cr_assert_eq(kill(fixture.worker, SIGKILL), 0);
    (void)test_process_wait(fixture.worker, TEST_WAIT_MS);
    fixture.worker = 0;
    cr_assert(test_process_gone("sluice-prober", TEST_WAIT_MS));
}
