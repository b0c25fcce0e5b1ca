/* A real worker that is out of something, or is told what it cannot do: it says so, not too often, and goes on when it can. */
#include "worker_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const char pipeline[] = "name: tried\nversion: \"2026-01-15\"\nstages:\n  - {name: nothing, type: noop}\n";
enum { NOTHING };

static struct fixture fixture;

static void set_up(void) {
    fixture_start(&fixture);
}

static void tear_down(void) {
    fixture_stop(&fixture);
}

TestSuite(worker_shortage, .init = set_up, .fini = tear_down, .timeout = 120);

static int count_in_log(const char *words) {
    char line[4096];
    int count = 0;
    FILE *log = fopen(fixture.log, "r");
    cr_assert_not_null(log);
    while (fgets(line, sizeof line, log)) count += strstr(line, words) != NULL;
    (void)fclose(log);
    return count;
}

Test(worker_shortage, does_not_fill_the_log) {
    static struct sl_token tokens[200];
    fixture_worker(&fixture, pipeline, NULL);
    fixture.broker.shard = UINT16_MAX;
    test_broker_assign_many(&fixture.broker, NOTHING, 5000, sl_bytes(NULL, 0), 200, tokens);
    fixture.broker.shard = 3;
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    cr_assert_eq(count_in_log("cannot be followed"), 8, "the 1st, 2nd, 4th, ... 128th");
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static void limit_descriptors(rlim_t most) {
    const struct rlimit limit = {most, 4096};
    cr_assert_eq(prlimit(fixture.worker, RLIMIT_NOFILE, &limit, NULL), 0);
}

struct start {
    pid_t before;
    int complaints;
};

static bool was_tried(struct test_broker *broker, void *context) {
    const struct start *start = context;
    pid_t now = test_process_find("sluice-stagehos");
    (void)broker;
    return (now && now != start->before) || count_in_log("no stage host can be started") > start->complaints;
}

/* One more at a time: each of what a host needs is the first that is not there once. */
Test(worker_shortage, of_descriptors_is_over_when_there_are_some) {
    const char *const further[] = {"--slots", "1", NULL};
    fixture_worker(&fixture, pipeline, further);
    cr_assert_eq(fixture_attempt(&fixture, NOTHING, 5000)->outcome, SL_OUTCOME_DONE);
    size_t descriptors = test_process_descriptors(fixture.worker);
    for (rlim_t most = descriptors - 3; most < descriptors + 6; most++) {
        struct start start = {.before = test_process_find("sluice-stagehos"), .complaints = count_in_log("no stage host can be started")};
        limit_descriptors(most);
        cr_assert_eq(kill(start.before, SIGKILL), 0);
        cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, was_tried, &start));
        limit_descriptors(4096);
        cr_assert_eq(fixture_attempt(&fixture, NOTHING, 20000)->outcome, SL_OUTCOME_DONE);
    }
    cr_assert_gt(count_in_log("no stage host can be started"), 3);
    cr_assert_eq(test_process_descriptors(fixture.worker), descriptors);
    cr_assert_eq(fixture_leave(&fixture), 0);
}
