/* Plugins that misbehave, in a real worker: each costs its own attempt, says why, and leaves nothing behind, 200 times. */
#include "worker_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fixture fixture;

static void set_up(void) {
    fixture_start(&fixture);
}

static void tear_down(void) {
    fixture_stop(&fixture);
}

TestSuite(worker_misbehaviour, .init = set_up, .fini = tear_down, .timeout = 300);

/* What an attempt of a type ends as; the error begins so. */
struct expectation {
    const char *type;
    enum sl_outcome outcome;
    const char *error;
    uint32_t timeout_ms;
};

static const struct expectation expectations[] = {
    {"twice", SL_OUTCOME_DONE, "", 5000},
    {"nothing", SL_OUTCOME_DONE, "", 5000},
    {"garbage", SL_OUTCOME_PERMANENT, "invalid-value: the output is not exactly one msgpack object", 5000},
    {"large", SL_OUTCOME_PERMANENT, "value-too-large: the output has 4194305 bytes", 5000},
    {"deep", SL_OUTCOME_PERMANENT, "value-too-large: the output is deeper than 64", 5000},
    {"one_key", SL_OUTCOME_DONE, "", 5000},
    {"two_keys", SL_OUTCOME_DONE, "", 5000},
    {"missing_key", SL_OUTCOME_PERMANENT, "missing-key: the output is no map that holds \"b\"", 5000},
    {"early_state", SL_OUTCOME_PERMANENT, "undeclared-key: state keys are written in output_handler", 5000},
    {"undeclared", SL_OUTCOME_PERMANENT, "undeclared-key: \"b\" is no state key", 5000},
    {"handled", SL_OUTCOME_DONE, "", 5000},
    {"bad_handler", SL_OUTCOME_PERMANENT, "the stage's output_handler refused", 5000},
    {"negative", SL_OUTCOME_DONE, "", 5000},
    {"strange", SL_OUTCOME_PERMANENT, "the stage returned 7, which is no outcome", 5000},
    {"fails", SL_OUTCOME_RETRYABLE, "it did not \xef\xbf\xbd work", 5000},
    {"refuses", SL_OUTCOME_PERMANENT, "stage refuses of bad will not open", 5000},
    {"field", SL_OUTCOME_DONE, "", 5000},
    {"closes", SL_OUTCOME_CRASH, "the stage closed the socket of its host", 5000},
    {"overflow", SL_OUTCOME_CRASH, "the stage was killed by SIGSEGV", 5000},
    {"ignores", SL_OUTCOME_TIMEOUT, "timed out after 50 ms", 50},
    {"forks", SL_OUTCOME_CRASH, "the stage was killed by SIGKILL", 5000},
    {"daemon", SL_OUTCOME_CRASH, "the stage was killed by SIGKILL", 5000},
    {"regroups", SL_OUTCOME_TIMEOUT, "timed out after 50 ms", 50},
    {"executes", SL_OUTCOME_DONE, "", 5000},
    {"endless", SL_OUTCOME_TIMEOUT, "timed out after 50 ms", 50},
    {"exits", SL_OUTCOME_CRASH, "the stage ended its process with exit status 0", 5000},
    {"aborts", SL_OUTCOME_CRASH, "the stage was killed by SIGABRT", 5000},
    {"faults", SL_OUTCOME_CRASH, "the stage was killed by SIGSEGV", 5000},
    {"forges", SL_OUTCOME_CRASH, "the stage host answered for an attempt that it does not have", 5000},
    {"no_output", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"bad_output", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"bad_value", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"empty_value", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"bad_key", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"bad_field", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"many_fields", SL_OUTCOME_CRASH, "the stage host set more fields than an attempt may", 5000},
    {"nonsense", SL_OUTCOME_CRASH, "the stage wrote something of its own to the socket", 5000},
    {"cooperates", SL_OUTCOME_TIMEOUT, "timed out after 50 ms", 50},
};

enum { EXPECTATION_COUNT = sizeof expectations / sizeof expectations[0], FINE = EXPECTATION_COUNT, LEAVES_THREADS, LEAVES_PROCESS, SHORT };

static void start(const char *const *further) {
    char yaml[8192] = "name: bad\nversion: \"2026-01-15\"\nstages:\n";
    for (int i = 0; i < EXPECTATION_COUNT; i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "  - {name: %s, type: %s}\n", expectations[i].type, expectations[i].type);
        strcat(yaml, line);
    }
    strcat(yaml, "  - {name: fine, type: noop}\n  - {name: threads, type: leaves_threads}\n  - {name: process, type: leaves_process}\n"
                 "  - {name: short, type: sleep, config: {seconds: 0.2}}\n");
    fixture_worker(&fixture, yaml, further);
}

static void expect(const struct test_result *result, const struct expectation *wanted) {
    cr_assert_eq(result->outcome, wanted->outcome, "%s: outcome %d, %s\n%s", wanted->type, result->outcome, result->error,
                 result->detail);
    cr_assert_eq(strncmp(result->error, wanted->error, strlen(wanted->error)), 0, "%s: %s\n%s", wanted->type, result->error,
                 result->detail);
}

Test(worker_misbehaviour, costs_one_attempt_and_is_named) {
    start(NULL);
    for (int i = 0; i < EXPECTATION_COUNT; i++) {
        expect(fixture_attempt(&fixture, (uint16_t)i, expectations[i].timeout_ms), &expectations[i]);
        const struct test_result *fine = fixture_attempt(&fixture, FINE, 5000);
        cr_assert_eq(fine->outcome, SL_OUTCOME_DONE, "after %s: %s", expectations[i].type, fine->error);
    }
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static uint16_t index_of(const char *type) {
    for (uint16_t i = 0; i < EXPECTATION_COUNT; i++) {
        if (strcmp(expectations[i].type, type) == 0) return i;
    }
    cr_assert_fail("no type %s", type);
    return 0;
}

static const struct test_result *attempt(const char *type) {
    uint16_t index = index_of(type);
    return fixture_attempt(&fixture, index, expectations[index].timeout_ms);
}

Test(worker_misbehaviour, gives_state_keys_and_counts) {
    start(NULL);
    const struct test_result *result = attempt("one_key");
    cr_assert_eq(result->value_count, 1);
    cr_assert_str_eq(result->key, "a");
    cr_assert_eq(result->output.size, 0, "the value of the only key is not sent twice");
    cr_assert_eq(result->count, 1);
    result = attempt("two_keys");
    cr_assert_eq(result->value_count, 2);
    cr_assert_eq(result->output.data[0], 0x82);
    result = attempt("handled");
    cr_assert_eq(result->value.size, 4);
    cr_assert_eq(attempt("negative")->count, 0);
    cr_assert_eq(attempt("twice")->output.data[0], 0x81, "the second output replaces the first");
    result = attempt("field");
    cr_assert_eq(fixture.broker.field_count, 1);
    cr_assert_str_eq(fixture.broker.field_name, "pdf_ready");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_misbehaviour, with_a_field_that_the_broker_refuses_is_heard_all_the_same) {
    start(NULL);
    fixture.broker.refuses_fields = true;
    cr_assert_eq(attempt("field")->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture.broker.field_count, 1);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_misbehaviour, is_reported_with_the_last_lines) {
    start(NULL);
    cr_assert_str_eq(attempt("aborts")->detail, "signal: SIGABRT\nline one\nthe reason\n");
    cr_assert_str_eq(attempt("fails")->detail, "warning: look\\x09here\n");
    const struct test_result *result = attempt("endless");
    cr_assert_gt(strlen(result->detail), 7000);
    cr_assert_leq(strlen(result->detail), 8192);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static bool has_processes(struct test_broker *broker, void *context) {
    (void)broker;
    return test_process_count(NULL) == *(const size_t *)context;
}

/* Every misbehaviour again and again, several at once; then nothing may be left but what was there before. */
Test(worker_misbehaviour, leaves_nothing_behind_when_repeated) {
    static struct sl_token tokens[EXPECTATION_COUNT];
    const char *const further[] = {"--slots", "8", "--prefetch", "8", "--grace", "50ms", NULL};
    start(further);
    size_t processes = 3 + 8; /* the worker, its prober and spawner, and a host a slot */
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, has_processes, &processes), "%zu run", test_process_count(NULL));
    pid_t spawner = test_process_find("sluice-spawner");
    size_t spawner_descriptors = test_process_descriptors(spawner);
    size_t descriptors = test_process_descriptors(fixture.worker);
    for (int round = 0; round < REPEATED; round++) {
        for (uint16_t i = 0; i < EXPECTATION_COUNT; i++) {
            tokens[i] = test_broker_assign(&fixture.broker, i, expectations[i].timeout_ms, sl_bytes(NULL, 0));
        }
        for (int i = 0; i < EXPECTATION_COUNT; i++) expect(test_broker_wait_result(&fixture.broker, &tokens[i]), &expectations[i]);
    }
    for (int i = 0; i < 8; i++) cr_assert_eq(fixture_attempt(&fixture, FINE, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, has_processes, &processes), "%zu run", test_process_count(NULL));
    cr_assert_eq(test_process_descriptors(spawner), spawner_descriptors);
    cr_assert_eq(test_process_descriptors(fixture.worker), descriptors);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_misbehaviour, of_one_slot_is_not_noticed_by_another) {
    struct sl_token crash;
    const char *const further[] = {"--prefetch", "8", NULL};
    start(further);
    struct sl_token slow = test_broker_assign(&fixture.broker, index_of("cooperates"), 2000, sl_bytes(NULL, 0));
    for (int i = 0; i < 10; i++) {
        crash = test_broker_assign(&fixture.broker, index_of("faults"), 5000, sl_bytes(NULL, 0));
        cr_assert_eq(test_broker_wait_result(&fixture.broker, &crash)->outcome, SL_OUTCOME_CRASH);
        cr_assert_null(test_broker_find(&fixture.broker, &slow));
    }
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &slow)->outcome, SL_OUTCOME_TIMEOUT);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static bool says(struct test_broker *broker, void *context) {
    static char text[256 << 10];
    (void)broker;
    FILE *log = fopen(fixture.log, "r");
    size_t size = log ? fread(text, 1, sizeof text - 1, log) : 0;
    if (log) (void)fclose(log);
    text[size] = '\0';
    return strstr(text, context) != NULL;
}

enum { CPU_WAIT_MS = 120000 }; /* for some seconds of every processor, on a busy machine */

/* No timeout is left to end them: the processor time that their attempt was allowed does. */
Test(worker_misbehaviour, that_leaves_threads_running_ends_its_host_when_it_is_idle) {
    const char *const further[] = {"--slots", "1", NULL};
    start(further);
    cr_assert_eq(fixture_attempt(&fixture, LEAVES_THREADS, 500)->outcome, SL_OUTCOME_DONE);
    cr_assert(test_broker_until(&fixture.broker, CPU_WAIT_MS, says, "by SIGXCPU: a stage that had returned left a thread running in it"));
    cr_assert_eq(fixture_attempt(&fixture, FINE, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_misbehaviour, that_leaves_a_process_running_does_not_have_it_for_ever) {
    const char *const further[] = {"--slots", "1", NULL};
    size_t with_it = 5, without = 4; /* the worker, its prober and spawner, and a host */
    start(further);
    cr_assert_eq(fixture_attempt(&fixture, LEAVES_PROCESS, 500)->outcome, SL_OUTCOME_DONE);
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, has_processes, &with_it));
    cr_assert(test_broker_until(&fixture.broker, CPU_WAIT_MS, has_processes, &without), "it still runs");
    cr_assert_eq(fixture_attempt(&fixture, FINE, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

/* So do leaks: a host that has made many attempts, and is not young, is replaced when it is free, and nobody notices. */
Test(worker_misbehaviour, does_not_pile_up_in_a_host_for_ever) {
    static struct sl_token many[1000];
    const char *const further[] = {"--slots", "1", "--prefetch", "999", NULL};
    start(further);
    test_broker_assign_many(&fixture.broker, FINE, 5000, sl_bytes(NULL, 0), 1000, many);
    for (int i = 0; i < 1000; i++) cr_assert_eq(test_broker_wait_result(&fixture.broker, &many[i])->outcome, SL_OUTCOME_DONE);
    pid_t first = test_process_find("sluice-stagehos");
    for (int i = 0; i < 100 && test_process_find("sluice-stagehos") == first; i++) {
        cr_assert_eq(fixture_attempt(&fixture, SHORT, 5000)->outcome, SL_OUTCOME_DONE);
    }
    cr_assert_neq(test_process_find("sluice-stagehos"), first, "it is still the same");
    cr_assert_not(says(&fixture.broker, "a stage host ended"), "it is no event to warn of");
    cr_assert_eq(fixture_leave(&fixture), 0);
}
