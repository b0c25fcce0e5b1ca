/* The real worker against a broker that the test drives: what it says, and what it does when things end badly. */
#include "worker_fixture.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char probe_pipeline[] =
    "name: tried\nversion: \"2026-01-15\"\nstages:\n"
    "  - {name: nothing, type: noop}\n"
    "  - {name: echo, type: echo}\n"
    "  - {name: long, type: sleep, config: {seconds: 60}}\n"
    "  - {name: flaky, type: fail, config: {times: 1}}\n"
    "  - {name: segv, type: crash, config: {signal: SEGV}}\n"
    "  - {name: exit, type: crash, config: {signal: exit}}\n"
    "  - {name: stop, type: crash, config: {signal: STOP}}\n"
    "  - {name: short, type: sleep, config: {seconds: 0.4}}\n"
    "  - {name: around, type: surroundings}\n"
    "  - {name: hungry, type: hungry}\n"
    "  - {name: fills, type: fills}\n"
    "  - {name: opens, type: opens}\n"
    "  - {name: multiplies, type: multiplies}\n"
    "  - {name: aborts, type: aborts}\n"
    "  - {name: fails, type: fails}\n";
enum { NOTHING, ECHO, LONG, FLAKY, SEGV, EXIT, STOP, SHORT, AROUND, HUNGRY, FILLS, OPENS, MULTIPLIES, ABORTS, FAILS };

static struct fixture fixture;

static void set_up(void) {
    fixture_start(&fixture);
}

static void tear_down(void) {
    fixture_stop(&fixture);
}

TestSuite(worker, .init = set_up, .fini = tear_down, .timeout = 120);

Test(worker, says_what_it_offers_and_makes_an_attempt) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    cr_assert_eq(fixture.broker.slots, 4, "2 hosts and one waiting task each");
    cr_assert_not_null(strstr(fixture.broker.types, "noop "));
    cr_assert_not_null(strstr(fixture.broker.types, "undeclared "));
    const struct test_result *result = fixture_attempt(&fixture, NOTHING, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
    cr_assert_eq(result->output.size, 1);
    cr_assert_eq(result->output.data[0], 0xc0);
    cr_assert_eq(fixture_leave(&fixture), 0);
    cr_assert_eq(fixture.broker.bye_count, 1);
}

Test(worker, hands_a_large_value_through_and_back) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    struct sl_buf input;
    sl_buf_init(&input, sl_alloc_system());
    cr_assert_eq(sl_buf_reserve(&input, 4 << 20), SL_OK);
    memset(input.data, 'x', 4 << 20);
    memcpy(input.data, "\xc6\x00\x3f\xff\xfb", 5);
    input.size = 4 << 20;
    struct sl_token token = test_broker_assign(&fixture.broker, ECHO, 5000, sl_buf_bytes(&input));
    const struct test_result *result = test_broker_wait_result(&fixture.broker, &token);
    cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&result->output), sl_buf_bytes(&input)));
    sl_buf_fini(&input);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, makes_many_attempts_at_once) {
    static struct sl_token tokens[1000];
    const char *const further[] = {"--prefetch", "500", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 1000, tokens);
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(test_broker_wait_result(&fixture.broker, &tokens[i])->outcome, SL_OUTCOME_DONE);
    }
    cr_assert_eq(fixture.broker.result_count, 1000, "each once");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, runs_inline_what_may_run_inline) {
    const char *const further[] = {"--isolation", "inline", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_attempt(&fixture, SEGV, 5000)->outcome, SL_OUTCOME_CRASH, "what may not is made in a host");
    cr_assert_eq(fixture_attempt(&fixture, ECHO, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, reports_a_failure_with_its_sentence) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    const struct test_result *result = fixture_attempt(&fixture, FLAKY, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_RETRYABLE);
    cr_assert_str_eq(result->error, "Attempt 1 fails because config.times is 1.");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, reports_a_crash_by_signal_and_by_exit) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    const struct test_result *result = fixture_attempt(&fixture, SEGV, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_CRASH);
    cr_assert_str_eq(result->error, "the stage was killed by SIGSEGV");
    cr_assert_eq(strncmp(result->detail, "signal: SIGSEGV\n", 16), 0, "%s", result->detail);
    result = fixture_attempt(&fixture, EXIT, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_CRASH);
    cr_assert_str_eq(result->error, "the stage ended its process with exit status 3 instead of returning");
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE, "and goes on");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, ends_an_attempt_at_its_timeout) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    const struct test_result *result = fixture_attempt(&fixture, LONG, 300);
    cr_assert_eq(result->outcome, SL_OUTCOME_TIMEOUT);
    cr_assert_eq(strncmp(result->error, "timed out after 300 ms", 22), 0, "%s", result->error);
    cr_assert_geq(result->duration_ms, 300);
    cr_assert_lt(result->duration_ms, 5000);
    result = fixture_attempt(&fixture, STOP, 300);
    cr_assert_eq(result->outcome, SL_OUTCOME_TIMEOUT, "a process that was stopped is killed all the same");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static bool is_running(struct test_broker *broker, void *context) {
    return broker->beat.in_flight == *(const uint32_t *)context;
}

static void wait_running(uint32_t count) {
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, is_running, &count), "%u attempts run", fixture.broker.beat.in_flight);
}

Test(worker, stops_what_is_cancelled_and_costs_no_attempt) {
    struct sl_token tokens[3];
    fixture_worker(&fixture, probe_pipeline, NULL);
    test_broker_assign_many(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0), 3, tokens);
    wait_running(2);
    for (int i = 2; i >= 0; i--) test_broker_cancel(&fixture.broker, &tokens[i]); /* the last one waits */
    for (int i = 0; i < 3; i++) {
        const struct test_result *result = test_broker_wait_result(&fixture.broker, &tokens[i]);
        cr_assert_eq(result->outcome, SL_OUTCOME_RETURNED);
        cr_assert_str_eq(result->error, "cancelled");
    }
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, returns_what_it_has_no_slot_for) {
    struct sl_token tokens[6];
    fixture_worker(&fixture, probe_pipeline, NULL);
    test_broker_assign_many(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0), 6, tokens);
    for (int i = 4; i < 6; i++) {
        const struct test_result *result = test_broker_wait_result(&fixture.broker, &tokens[i]);
        cr_assert_eq(result->outcome, SL_OUTCOME_RETURNED);
        cr_assert_str_eq(result->error, "no free slot");
    }
    cr_assert_eq(fixture.broker.result_count, 2);
}

Test(worker, ignores_a_task_that_it_has_and_repeats_a_result_that_it_gave) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    fixture.broker.acks = false;
    struct sl_token token = test_broker_assign(&fixture.broker, SHORT, 5000, sl_bytes(NULL, 0));
    test_broker_repeat(&fixture.broker, &token, 5000);
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &token)->outcome, SL_OUTCOME_DONE);
    uint32_t before = test_broker_count(&fixture.broker, &token);
    test_broker_repeat(&fixture.broker, &token, 5000);
    struct sl_token other = test_broker_assign(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0));
    (void)test_broker_wait_result(&fixture.broker, &other);
    cr_assert_geq(test_broker_count(&fixture.broker, &token), before + 1);
    fixture.broker.acks = true;
}

static bool came_again(struct test_broker *broker, void *context) {
    return test_broker_count(broker, context) >= 2;
}

Test(worker, repeats_a_result_until_it_is_acknowledged) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    fixture.broker.acks = false;
    struct sl_token token = test_broker_assign(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0));
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, came_again, &token), "the result came once only");
    fixture.broker.acks = true;
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, refuses_an_owner_that_was_replaced) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    fixture.broker.epoch = 5;
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    fixture.broker.epoch = 4;
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_RETURNED);
}

Test(worker, greets_again_after_a_reset_and_offers_what_it_has) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    fixture.broker.acks = false;
    struct sl_token done = test_broker_assign(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0));
    (void)test_broker_wait_result(&fixture.broker, &done);
    struct sl_token running = test_broker_assign(&fixture.broker, SHORT, 5000, sl_bytes(NULL, 0));
    wait_running(1);
    uint8_t instance[16];
    memcpy(instance, fixture.broker.instance, sizeof instance);
    test_broker_reset(&fixture.broker);
    test_broker_wait_hello(&fixture.broker, 2);
    cr_assert_arr_eq(instance, fixture.broker.instance, sizeof instance);
    cr_assert_eq(fixture.broker.hello_results, 1);
    cr_assert_eq(fixture.broker.hello_in_flight, 1);
    fixture.broker.acks = true;
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &running)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, finds_a_broker_that_was_killed_and_came_back) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    struct sl_token running = test_broker_assign(&fixture.broker, SHORT, 5000, sl_bytes(NULL, 0));
    wait_running(1);
    test_broker_restart(&fixture.broker);
    test_broker_wait_hello(&fixture.broker, 2);
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &running)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, gives_a_silent_broker_up_and_goes_on_running) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    struct sl_token running = test_broker_assign(&fixture.broker, SHORT, 5000, sl_bytes(NULL, 0));
    wait_running(1);
    fixture.broker.beats = false;
    fixture.broker.acks = false;
    test_broker_wait_hello(&fixture.broker, 2);
    fixture.broker.beats = fixture.broker.acks = true;
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &running)->outcome, SL_OUTCOME_DONE);
}

Test(worker, drains_on_sigterm) {
    struct sl_token tokens[4];
    fixture_worker(&fixture, probe_pipeline, NULL);
    test_broker_assign_many(&fixture.broker, SHORT, 5000, sl_bytes(NULL, 0), 4, tokens);
    wait_running(2);
    cr_assert_eq(fixture_leave(&fixture), 0);
    uint32_t done = 0, returned = 0;
    for (int i = 0; i < 4; i++) {
        const struct test_result *result = test_broker_wait_result(&fixture.broker, &tokens[i]);
        done += result->outcome == SL_OUTCOME_DONE;
        returned += result->outcome == SL_OUTCOME_RETURNED;
    }
    cr_assert_eq(done, 2);
    cr_assert_eq(returned, 2);
    cr_assert_eq(fixture.broker.beat.slots, 0);
}

Test(worker, stops_what_outlives_the_drain_time_and_returns_it) {
    const char *const further[] = {"--drain-timeout", "200ms", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    struct sl_token token = test_broker_assign(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0));
    wait_running(1);
    cr_assert_eq(fixture_leave(&fixture), 0);
    cr_assert_neq(test_broker_wait_result(&fixture.broker, &token)->outcome, SL_OUTCOME_CRASH);
}

static bool takes_nothing(struct test_broker *broker, void *context) {
    (void)context;
    return broker->beat.slots == 0;
}

Test(worker, leaves_at_once_on_the_second_sigterm) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    struct sl_token token = test_broker_assign(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0));
    wait_running(1);
    (void)kill(fixture.worker, SIGTERM);
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, takes_nothing, NULL), "the worker still takes tasks");
    cr_assert_eq(fixture_leave(&fixture), 0);
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &token)->outcome, SL_OUTCOME_RETURNED);
}

Test(worker, leaves_nothing_alive_when_it_is_killed) {
    struct sl_token tokens[2];
    fixture_worker(&fixture, probe_pipeline, NULL);
    test_broker_assign_many(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0), 2, tokens);
    wait_running(2);
    cr_assert_eq(test_process_count("sluice-stagehos"), 2);
    (void)kill(fixture.worker, SIGKILL);
    cr_assert(test_process_gone(NULL, 3000), "a stage host outlived its worker");
    fixture.worker = 0;
}

Test(worker, ends_with_an_error_when_its_spawner_is_killed) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    struct sl_token token = test_broker_assign(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0));
    wait_running(1);
    (void)kill(test_process_find("sluice-spawner"), SIGKILL);
    cr_assert_eq(test_broker_wait_result(&fixture.broker, &token)->outcome, SL_OUTCOME_CRASH);
    int status = test_process_wait(fixture.worker, TEST_WAIT_MS);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_assert(test_process_gone(NULL, 3000), "a stage host outlived its spawner");
    fixture.worker = 0;
}

Test(worker, takes_a_task_back_from_a_host_that_is_busy_for_long) {
    static struct sl_token quick[64];
    const char *const further[] = {"--prefetch", "100", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 64, quick);
    for (int i = 0; i < 64; i++) (void)test_broker_wait_result(&fixture.broker, &quick[i]);
    /* Both hosts count as quick now; one gets a long attempt, with quick ones behind it. */
    struct sl_token slow = test_broker_assign(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0));
    test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 64, quick);
    for (int i = 0; i < 64; i++) cr_assert_eq(test_broker_wait_result(&fixture.broker, &quick[i])->outcome, SL_OUTCOME_DONE);
    cr_assert_null(test_broker_find(&fixture.broker, &slow));
}

Test(worker, waits_for_a_broker_that_comes_later) {
    test_broker_restart(&fixture.broker); /* nobody has connected yet; from here on everybody is unknown */
    fixture_worker(&fixture, probe_pipeline, NULL);
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, starts_a_host_again_that_was_killed_and_reports_what_ran_in_it) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    for (int i = 0; i < 20; i++) {
        pid_t host = test_process_find("sluice-stagehos");
        if (host) (void)kill(host, SIGKILL);
        cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE, "what had not begun costs nothing");
    }
    struct sl_token tokens[2];
    test_broker_assign_many(&fixture.broker, LONG, 60000, sl_bytes(NULL, 0), 2, tokens);
    wait_running(2);
    cr_assert_eq(test_process_count("sluice-stagehos"), 2);
    (void)kill(test_process_find("sluice-stagehos"), SIGKILL);
    uint32_t one = 1;
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, is_running, &one));
    for (int i = 0; i < 2; i++) {
        const struct test_result *result = test_broker_find(&fixture.broker, &tokens[i]);
        if (!result) continue;
        cr_assert_eq(result->outcome, SL_OUTCOME_CRASH);
        cr_assert_str_eq(result->error, "the stage was killed by SIGKILL");
    }
    cr_assert_eq(fixture.broker.result_count, 21);
}

/* What the type "surroundings" says of its process. */
static void surroundings(char *out, size_t size) {
    const struct test_result *result = fixture_attempt(&fixture, AROUND, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
    size_t taken = result->output.size - 3 < size - 1 ? result->output.size - 3 : size - 1;
    memcpy(out, result->output.data + 3, taken);
    out[taken] = '\0';
}

Test(worker, gives_a_stage_nothing_that_it_need_not_have) {
    static char text[20000];
    const char *const further[] = {"--pass-env", "CHOSEN", NULL};
    setenv("CHOSEN", "yes", 1);
    setenv("SECRET", "no", 1);
    fixture_worker(&fixture, probe_pipeline, further);
    surroundings(text, sizeof text);
    cr_assert_eq(strncmp(text, "fds: 0 1 2 3 \n", 14), 0, "%s", text);
    cr_assert_not_null(strstr(text, " leads 1 privileges 0 core 0"), "%s", text);
    cr_assert_not_null(strstr(text, " CHOSEN=yes "));
    cr_assert_not_null(strstr(text, "PATH="));
    cr_assert_null(strstr(text, "SECRET"));
    cr_assert_eq(fixture_leave(&fixture), 0);
}

/* Whether that user gets to the programs of this build, wherever it stands. */
static bool may_execute(const struct passwd *user) {
    pid_t pid = fork();
    if (pid == 0) _exit(setuid(user->pw_uid) == 0 && access(SLUICE_BIN "/sluice-stagehost", X_OK) == 0 ? 0 : 1);
    return test_process_wait(pid, TEST_WAIT_MS) == 0;
}

Test(worker, runs_stages_as_another_user) {
    static char text[20000];
    char wanted[32];
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) cr_skip_test("only root can give a stage to another user");
    if (!may_execute(nobody)) cr_skip_test("the user nobody does not get to this build");
    const char *const further[] = {"--stage-user", "nobody", "--plugin", SLUICE_BAD_PLUGINS "/root_load.so", NULL};
    cr_assert_eq(chmod(fixture.directory, 0755), 0);
    fixture_worker(&fixture, probe_pipeline, further);
    cr_assert_not_null(strstr(fixture.broker.types, "root_load "), "a plugin was looked at with the rights of the worker");
    surroundings(text, sizeof text);
    (void)snprintf(wanted, sizeof wanted, "\nuid %d ", (int)nobody->pw_uid);
    cr_assert_not_null(strstr(text, wanted), "%s", text);
    cr_assert_eq(fixture_attempt(&fixture, SEGV, 5000)->outcome, SL_OUTCOME_CRASH);
    cr_assert_eq(fixture_attempt(&fixture, LONG, 200)->outcome, SL_OUTCOME_TIMEOUT);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, limits_the_processes_of_the_user_of_its_stages) {
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) cr_skip_test("only root can give a stage to another user");
    if (!may_execute(nobody)) cr_skip_test("the user nobody does not get to this build");
    const char *const further[] = {"--stage-user", "nobody", "--stage-processes", "64", NULL};
    cr_assert_eq(chmod(fixture.directory, 0755), 0);
    fixture_worker(&fixture, probe_pipeline, further);
    const struct test_result *result = fixture_attempt(&fixture, MULTIPLIES, 5000);
    cr_assert_eq(result->outcome, SL_OUTCOME_RETRYABLE, "%s", result->error);
    cr_assert_str_eq(result->error, "Resource temporarily unavailable after some children");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, ends_a_stage_that_takes_memory_without_end) {
#if defined(__SANITIZE_ADDRESS__)
    cr_skip_test("a sanitized program needs more address space than any limit");
#endif
    const char *const further[] = {"--stage-memory", "256M", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    const struct test_result *result = fixture_attempt(&fixture, HUNGRY, 20000);
    cr_assert_eq(result->outcome, SL_OUTCOME_CRASH, "%s", result->error);
    cr_assert_str_eq(result->error, "the stage was killed by SIGABRT");
    cr_assert_eq(strncmp(result->detail, "signal: SIGABRT\nno memory after 2", 33), 0, "%s", result->detail);
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE, "and goes on");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

/* A host that is given several quick tasks begins the next one before the worker knows of the last one's end. */
Test(worker, keeps_the_last_lines_of_a_crash_among_quick_attempts) {
    static struct sl_token before[24], after[24];
    const char *const further[] = {"--slots", "1", "--prefetch", "100", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    for (int round = 0; round < REPEATED / 4; round++) {
        test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 24, before);
        struct sl_token crash = test_broker_assign(&fixture.broker, ABORTS, 5000, sl_bytes(NULL, 0));
        struct sl_token failure = test_broker_assign(&fixture.broker, FAILS, 5000, sl_bytes(NULL, 0));
        test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 24, after);
        cr_assert_str_eq(test_broker_wait_result(&fixture.broker, &crash)->detail, "signal: SIGABRT\nline one\nthe reason\n");
        cr_assert_str_eq(test_broker_wait_result(&fixture.broker, &failure)->detail, "warning: look\\x09here\n");
        for (int i = 0; i < 24; i++) cr_assert_eq(test_broker_wait_result(&fixture.broker, &after[i])->outcome, SL_OUTCOME_DONE);
    }
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, limits_the_files_of_a_stage) {
    const char *const further[] = {"--stage-file-size", "2M", "--stage-files", "32", NULL};
    fixture_worker(&fixture, probe_pipeline, further);
    const struct test_result *result = fixture_attempt(&fixture, FILLS, 20000);
    cr_assert_eq(result->outcome, SL_OUTCOME_CRASH, "%s", result->error);
    cr_assert_str_eq(result->error, "the stage was killed by SIGXFSZ: it wrote a file above --stage-file-size");
    cr_assert_str_eq(fixture_attempt(&fixture, OPENS, 5000)->error, "28 more files could be opened");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker, survives_messages_that_make_no_sense) {
    fixture_worker(&fixture, probe_pipeline, NULL);
    test_broker_raw(&fixture.broker, sl_text("x"));
    test_broker_raw(&fixture.broker, sl_text("SLU1\x16\x00\x01\x00        garbage"));
    test_broker_raw(&fixture.broker, sl_text("a frame that is long enough but begins otherwise"));
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(fixture_leave(&fixture), 0);
}
