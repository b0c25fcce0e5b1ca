/* Results that a broker does not acknowledge, in a real worker: kept in memory, above that in files, delivered whole. */
#include "worker_fixture.h"

#include "base/limits.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char pipeline[] = "name: tried\nversion: \"2026-01-15\"\nstages:\n  - {name: echo, type: echo}\n";

enum { LARGE = SL_VALUE_BYTES_MAX, COUNT = 24, IN_MEMORY = 15 /* of that size: 64 MiB hold no 16 and their ends */ };

static struct fixture fixture;
static struct sl_token tokens[COUNT];

static void set_up(void) {
    fixture_start(&fixture);
}

static void tear_down(void) {
    fixture_stop(&fixture);
}

TestSuite(worker_results, .init = set_up, .fini = tear_down, .timeout = 120);

static void make_value(struct sl_buf *value, int mark) {
    sl_buf_init(value, sl_alloc_system());
    cr_assert_eq(sl_buf_reserve(value, LARGE), 0);
    memset(value->data, 'a' + mark, LARGE);
    memcpy(value->data, "\xc6\x00\x3f\xff\xfb", 5); /* msgpack: bin 32 */
    value->size = LARGE;
}

static bool has_results(struct test_broker *broker, void *context) {
    return broker->beat.results == *(const uint32_t *)context && broker->beat.in_flight == 0;
}

static void wait_results(uint32_t count) {
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, has_results, &count), "%u results wait", fixture.broker.beat.results);
}

/* Large results, one after the other, none of which is acknowledged. */
static void make_results(int count) {
    fixture.broker.acks = false;
    for (int i = 0; i < count; i++) {
        struct sl_buf value;
        make_value(&value, i);
        tokens[i] = test_broker_assign(&fixture.broker, 0, 60000, sl_buf_bytes(&value));
        wait_results((uint32_t)i + 1);
        sl_buf_fini(&value);
    }
}

/* A new session: everything is offered, sent and acknowledged. */
static void take_results(int count) {
    fixture.broker.acks = true;
    test_broker_reset(&fixture.broker);
    test_broker_wait_hello(&fixture.broker, fixture.broker.hello_count + 1);
    for (int i = 0; i < count; i++) {
        struct sl_buf value;
        make_value(&value, i);
        const struct test_result *result = test_broker_wait_result(&fixture.broker, &tokens[i]);
        cr_assert_eq(result->outcome, SL_OUTCOME_DONE, "%s", result->error);
        cr_assert(sl_bytes_equal(sl_buf_bytes(&result->output), sl_buf_bytes(&value)), "result %d is another one", i);
        sl_buf_fini(&value);
    }
    wait_results(0);
}

/* How many files without a name the worker uses as memory. */
static int count_spooled(void) {
    char path[64], line[512];
    int count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)fixture.worker);
    FILE *maps = fopen(path, "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps)) count += strstr(line, "/data/spool-") && strstr(line, "(deleted)");
    (void)fclose(maps);
    return count;
}

Test(worker_results, above_64_MiB_are_spooled_and_arrive_whole) {
    fixture_worker(&fixture, pipeline, NULL);
    make_results(COUNT);
    cr_assert_eq(count_spooled(), COUNT - IN_MEMORY);
    cr_assert_eq(fixture.broker.beat.slots, 4, "more is taken");
    take_results(COUNT);
    cr_assert_eq(count_spooled(), 0);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

static bool has_slots(struct test_broker *broker, void *context) {
    return broker->beat.slots == *(const uint64_t *)context;
}

static void wait_slots(uint64_t slots) {
    cr_assert(test_broker_until(&fixture.broker, TEST_WAIT_MS, has_slots, &slots), "it offers %lu slots", (unsigned long)fixture.broker.beat.slots);
}

Test(worker_results, stay_in_memory_when_the_disk_has_no_room_and_nothing_new_is_taken) {
    fixture_worker(&fixture, pipeline, NULL);
    const struct rlimit small = {1 << 20, 1 << 20}; /* the worker may write no file as large as a result */
    cr_assert_eq(prlimit(fixture.worker, RLIMIT_FSIZE, &small, NULL), 0);
    make_results(IN_MEMORY + 1);
    cr_assert_eq(count_spooled(), 0);
    wait_slots(0);
    take_results(IN_MEMORY + 1);
    wait_slots(4);
    cr_assert_eq(fixture_leave(&fixture), 0);
}

Test(worker_results, without_a_spool_are_kept_in_memory) {
    const char *const further[] = {"--spool-size", "none", NULL};
    fixture_worker(&fixture, pipeline, further);
    make_results(IN_MEMORY + 1);
    cr_assert_eq(count_spooled(), 0);
    wait_slots(0);
    take_results(IN_MEMORY + 1);
    cr_assert_eq(fixture_leave(&fixture), 0);
}
