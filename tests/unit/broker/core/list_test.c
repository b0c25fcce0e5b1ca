/* Lists of jobs: what is wanted is found behind any number of others, page after page. */
#include "base/msgpack.h"
#include "core/list_cursor.h"
#include "core_driver.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct core_driver driver;

enum { OTHERS = 40 };

/* One job that fails, then many that do not, all of them settled and out of memory. */
static void set_up(void) {
    driver_init(&driver, 0);
    (void)driver_submit(&driver, 0, "fails", false);
    driver_result(&driver, SL_OUTCOME_PERMANENT);
    for (int i = 0; i < OTHERS; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        (void)driver_submit(&driver, 0, key, false);
        driver_result(&driver, SL_OUTCOME_DONE);
    }
    driver_wait(&driver, 200);
}

static void tear_down(void) {
    driver_fini(&driver);
}

TestSuite(list, .init = set_up, .fini = tear_down);

static void ask(uint32_t statuses, const char *tenant, uint32_t limit, const char *cursor) {
    struct sl_event query = {.kind = SL_EV_QUERY};
    char copy[256]; /* driver.next changes with the answer */
    snprintf(copy, sizeof copy, "%s", cursor);
    query.query = (struct sl_ev_query){.peer = DRIVER_PEER_CLIENT, .message_id = 2, .what = SL_QUERY_JOBS, .statuses = statuses,
                                       .tenant = sl_text(tenant), .limit = limit, .cursor = sl_text(copy)};
    driver_step(&driver, &query);
}

static uint32_t count(uint32_t statuses, const char *tenant, uint32_t limit) {
    uint32_t answers = driver.said[SL_DO_ANSWER];
    ask(statuses, tenant, limit, "");
    cr_assert_eq(driver.said[SL_DO_ANSWER], answers + 1);
    return driver.answer_count;
}

/* The jobs that pages told, in order. */
enum { TOLD_MAX = 200, ID_SIZE = 37 };
static struct {
    char id[ID_SIZE], status[16];
} told[TOLD_MAX];
static uint32_t told_count;

static void note(struct core_driver *of, struct sl_bytes items) {
    (void)of;
    struct sl_mp_reader reader = sl_mp_reader(items);
    for (uint32_t left = sl_mp_read_array(&reader, TOLD_MAX); left > 0; left--) {
        cr_assert_lt(told_count, TOLD_MAX);
        for (uint32_t members = sl_mp_read_map(&reader, 64); members > 0; members--) {
            struct sl_bytes key = sl_mp_read_str(&reader, SL_NAME_MAX), value = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
            struct sl_mp_reader inner = sl_mp_reader(value);
            bool id = sl_bytes_is(key, "job_id"), status = sl_bytes_is(key, "status");
            if (!id && !status) continue;
            struct sl_bytes text = sl_mp_read_str(&inner, SL_NAME_MAX);
            snprintf(id ? told[told_count].id : told[told_count].status, id ? ID_SIZE : 16, "%.*s", (int)text.size,
                     (const char *)text.data);
        }
        told_count++;
    }
}

/* All pages; `between` is called after each. Returns how many there were. */
static uint32_t page_through(uint32_t statuses, const char *tenant, uint32_t limit, void (*between)(uint32_t page)) {
    uint32_t pages = 0;
    told_count = 0;
    driver.on_answer = note;
    driver.next[0] = '\0';
    do {
        uint32_t before = told_count, answers = driver.said[SL_DO_ANSWER];
        ask(statuses, tenant, limit, driver.next);
        cr_assert_eq(driver.said[SL_DO_ANSWER], answers + 1);
        cr_assert_leq(told_count - before, limit);
        pages++;
        cr_assert_lt(pages, TOLD_MAX, "it ends");
        if (between) between(pages);
    } while (driver.next[0]);
    driver.on_answer = NULL;
    return pages;
}

static uint32_t times_told(const char *id) {
    uint32_t times = 0;
    for (uint32_t i = 0; i < told_count; i++) times += strcmp(told[i].id, id) == 0;
    return times;
}

Test(list, finds_the_old_job_that_failed_behind_many_that_did_not) {
    cr_assert_eq(count(1u << SL_JOB_FAILED, "", 2), 1);
    cr_assert_eq(count(1u << SL_JOB_COMPLETED, "", 1000), OTHERS);
    cr_assert_eq(count(1u << SL_JOB_QUEUED, "", 10), 0);
}

Test(list, gives_as_many_as_were_asked_for) {
    for (uint32_t limit = 1; limit <= 7; limit++) cr_assert_eq(count(0, "", limit), limit);
    cr_assert_eq(count(0, "", 1000), OTHERS + 1);
}

Test(list, holds_the_jobs_of_one_tenant) {
    cr_assert_eq(count(0, "default", 1000), OTHERS + 1);
    cr_assert_eq(count(0, "somebody", 1000), 0);
    (void)driver_submit(&driver, 0, "live", false);
    cr_assert_eq(count(0, "default", 1000), OTHERS + 2);
    cr_assert_eq(count(0, "somebody", 1000), 0);
}

enum { LIVE = 9 };

static void submit_live(uint32_t jobs) {
    for (uint32_t i = 0; i < jobs; i++) {
        char key[16];
        snprintf(key, sizeof key, "live-%u", (unsigned)i);
        (void)driver_submit(&driver, 0, key, false);
        driver_wait(&driver, 10);
    }
}

Test(list, pages_hold_each_job_once_in_one_order) {
    submit_live(LIVE);
    page_through(0, "", 1000, NULL);
    cr_assert_eq(told_count, OTHERS + 1 + LIVE);
    char whole[TOLD_MAX][ID_SIZE];
    for (uint32_t i = 0; i < told_count; i++) memcpy(whole[i], told[i].id, ID_SIZE);
    for (uint32_t limit = 1; limit <= OTHERS + LIVE + 2; limit += limit < 12 ? 1 : 7) {
        for (int tenants = 0; tenants < 2; tenants++) {
            page_through(0, tenants ? "default" : "", limit, NULL);
            cr_assert_eq(told_count, OTHERS + 1 + LIVE, "%u of them by %u", told_count, limit);
            for (uint32_t i = 0; i < told_count; i++) cr_assert_str_eq(told[i].id, whole[i], "place %u by %u", i, limit);
        }
    }
    for (uint32_t i = 0; i < told_count; i++) {
        bool live = strcmp(told[i].status, "completed") != 0 && strcmp(told[i].status, "failed") != 0;
        cr_assert_eq(live, i < LIVE, "live jobs come first");
    }
}

/* The worker's job ends, is written and leaves memory. */
static void end_one(uint32_t page) {
    if (page > 2) return;
    driver_result(&driver, SL_OUTCOME_DONE);
    driver_wait(&driver, 200);
}

Test(list, a_wall_clock_that_goes_back_costs_no_job) {
    submit_live(LIVE);
    driver.wall_back_ms = 3600000;
    for (int i = 0; i < 4; i++) end_one(0);
    page_through(0, "", 1000, NULL);
    char whole[TOLD_MAX][ID_SIZE];
    for (uint32_t i = 0; i < told_count; i++) memcpy(whole[i], told[i].id, ID_SIZE);
    uint32_t count_whole = told_count;
    for (uint32_t limit = 1; limit < 9; limit++) {
        page_through(0, "", limit, NULL);
        cr_assert_eq(told_count, count_whole, "by %u", limit);
        for (uint32_t i = 0; i < told_count; i++) cr_assert_eq(times_told(whole[i]), 1, "place %u by %u", i, limit);
    }
}

Test(list, pages_of_some_statuses_end) {
    submit_live(LIVE);
    cr_assert_eq(page_through(1u << SL_JOB_FAILED, "", 2, NULL), 1, "the only one, and nothing follows");
    cr_assert_eq(told_count, 1);
    page_through(1u << SL_JOB_FAILED, "", 1, NULL);
    cr_assert_eq(told_count, 1);
    page_through(1u << SL_JOB_QUEUED | 1u << SL_JOB_PROCESSING, "", 2, NULL);
    cr_assert_eq(told_count, LIVE);
    page_through(0, "somebody", 3, NULL);
    cr_assert_eq(told_count, 0);
}

Test(list, a_job_that_ends_between_pages_is_not_missed) {
    submit_live(LIVE);
    page_through(0, "", 1000, NULL);
    char whole[TOLD_MAX][ID_SIZE];
    uint32_t count_before = told_count;
    for (uint32_t i = 0; i < told_count; i++) memcpy(whole[i], told[i].id, ID_SIZE);
    page_through(0, "", 2, end_one);
    for (uint32_t i = 0; i < count_before; i++) cr_assert_geq(times_told(whole[i]), 1, "job %u of %u", i, count_before);
}

Test(list, refuses_cursors_that_are_none) {
    const char *const bad[] = {"x", "l", "l1", "l1.", "l1.0011", "e", "e-", "e-,-,-", "e1.1", "e1.1,", "e1,1.1", "e1.1,1.1x",
                               "e0.1,-", "e1.0,-", "e20000000000000.1,-", "e1.1001,-", "eG.1,-", "e11111111111111111.1,-",
                               "l1.00112233445566778899aabbccddeeff0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t answers = driver.said[SL_DO_ANSWER], refusals = driver.said[SL_DO_REJECTED];
        ask(0, "", 10, bad[i]);
        cr_assert_eq(driver.said[SL_DO_ANSWER], answers, "%s", bad[i]);
        cr_assert_eq(driver.said[SL_DO_REJECTED], refusals + 1, "%s", bad[i]);
        cr_assert_eq(driver.rejected, SL_REJECT_BAD_REQUEST);
    }
    const char *const good[] = {"l0.00112233445566778899aabbccddeeff", "e-,-", "e0.0,-", "e1fffffffffffff.1000,1.1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint32_t answers = driver.said[SL_DO_ANSWER];
        ask(0, "", 10, good[i]);
        cr_assert_eq(driver.said[SL_DO_ANSWER], answers + 1, "%s", good[i]);
    }
}

Test(list, the_longest_cursor_fits_the_wire) {
    static struct sl_query_place places[SL_SHARDS_MAX];
    struct sl_buf buf;
    for (uint32_t i = 0; i < SL_SHARDS_MAX; i++)
        places[i] = (struct sl_query_place){.next_n = UINT64_C(0x1fffffffffffff), .next_same_n = SL_BATCH_TRANSITIONS_MAX};
    sl_buf_init(&buf, sl_alloc_system());
    sl_list_cursor_ended(&buf, places, SL_SHARDS_MAX);
    cr_assert_leq(buf.size, SL_CURSOR_MAX);
    struct sl_query query = {.places = places};
    cr_assert_eq(sl_list_cursor_read(&query, sl_buf_bytes(&buf), SL_SHARDS_MAX), 0);
    cr_assert_eq(places[SL_SHARDS_MAX - 1].n, UINT64_C(0x1fffffffffffff));
    sl_buf_fini(&buf);
}
