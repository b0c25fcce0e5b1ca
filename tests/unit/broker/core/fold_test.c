/* Only the log changes jobs: a second state that does nothing but fold the batches is compared with the core's, byte for byte,
 * after every step of random lives. */
#include "base/rng.h"
#include "core/sched_state.h"
#include "core_driver.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { SHARDS = 2, STEPS = 400, RUNNING_MAX = 256, KEYS = 60 };

/* The second state. */
struct fold {
    struct sl_pool pool;
    struct sl_job_table tables[SHARDS];
    uint64_t sealed[SHARDS];   /* commits up to this number are folded */
    uint32_t begun[SHARDS];    /* transitions of the batch behind it that are folded */
    struct sl_buf live, folded; /* what is compared */
    uint64_t transitions, comparisons;
};

static struct core_driver driver;
static struct fold fold;
static struct sl_job_id jobs[KEYS];

static void fold_init(void) {
    fold = (struct fold){.transitions = 0};
    sl_pool_init(&fold.pool, sl_alloc_system());
    for (int i = 0; i < SHARDS; i++) sl_job_table_init(&fold.tables[i], &fold.pool, sl_alloc_system(), 99);
    sl_buf_init(&fold.live, sl_alloc_system());
    sl_buf_init(&fold.folded, sl_alloc_system());
}

static void fold_fini(void) {
    for (int i = 0; i < SHARDS; i++) sl_job_table_fini(&fold.tables[i]);
    sl_pool_fini(&fold.pool);
    sl_buf_fini(&fold.live);
    sl_buf_fini(&fold.folded);
}

/* Applies the transitions of a batch behind the first `skip`; how many there are. */
static uint32_t fold_batch(uint16_t shard, uint64_t n, struct sl_bytes batch, uint32_t skip) {
    struct sl_batch_reader reader;
    struct sl_transition transition;
    struct sl_prepared prepared;
    uint32_t count = 0;
    int rc = sl_batch_open(batch, &reader);
    cr_assert_eq(rc, SL_OK);
    while ((rc = sl_batch_next(&reader, &transition)) == 1) {
        if (count++ < skip) continue;
        cr_assert_eq(sl_apply_prepare(&fold.tables[shard], &transition, sl_pipeline_find, driver.core, &prepared), SL_OK);
        (void)sl_apply(&fold.tables[shard], n, &transition, &prepared);
        fold.transitions++;
    }
    cr_assert_eq(rc, 0);
    return count;
}

/* What was sealed since the step before, and what stands in the open batch. */
static void fold_shard(const struct sl_shard *shard) {
    uint16_t i = shard->index;
    for (struct sl_link *link = sl_list_first(&shard->writes); link; link = sl_list_next(&shard->writes, link)) {
        const struct sl_write *write = SL_CONTAINER(link, struct sl_write, link);
        if (write->verb != SL_LEDGER_COMMIT || write->n <= fold.sealed[i]) continue;
        (void)fold_batch(i, write->n, sl_blob_bytes(write->body), fold.begun[i]);
        fold.sealed[i] = write->n;
        fold.begun[i] = 0;
    }
    if (shard->batch_count == 0) return;
    struct sl_buf open;
    sl_buf_init(&open, sl_alloc_system());
    cr_assert_eq(sl_buf_append(&open, shard->batch.data, shard->batch.size), SL_OK);
    sl_batch_end(&open);
    fold.begun[i] = fold_batch(i, shard->n_sealed + 1, sl_buf_bytes(&open), fold.begun[i]);
    cr_assert_eq(fold.begun[i], shard->batch_count);
    sl_buf_fini(&open);
}

/* What the core holds of a part is what was folded; it may have given it back after a settle. */
static bool is_same_part(const struct sl_blob *live, const struct sl_blob *folded) {
    return !live || (folded && sl_bytes_equal(sl_blob_bytes(live), sl_blob_bytes(folded)));
}

/* A settle takes history from its front. */
static bool is_same_history(const struct sl_job *live, const struct sl_job *folded) {
    if (live->history_size == 0) return true;
    if (live->history_size > folded->history_size) return false;
    const uint8_t *tail = folded->history->data + folded->history_size - live->history_size;
    return memcmp(live->history->data, tail, live->history_size) == 0;
}

static const char *difference_of_job(const struct sl_job *live, const struct sl_job *folded) {
    if (!folded) return "the log does not know a job";
    sl_buf_clear(&fold.live);
    sl_buf_clear(&fold.folded);
    sl_record_state(&fold.live, live);
    sl_record_state(&fold.folded, folded);
    if (!sl_bytes_equal(sl_buf_bytes(&fold.live), sl_buf_bytes(&fold.folded))) return "a record";
    if (!is_same_part(live->facts, folded->facts)) return "the facts";
    if (!is_same_part(live->payload, folded->payload)) return "a payload";
    if (!is_same_history(live, folded)) return "a history";
    for (uint16_t i = 0; live->run && i < live->run->stage_count; i++) {
        if (!is_same_part(live->run->stages[i].output, folded->run->stages[i].output)) return "an output";
        if (live->run->stages[i].pending != folded->run->stages[i].pending) return "what a stage waits for";
    }
    return NULL;
}

/* Where the two states differ; NULL: nowhere. Jobs that ended leave the core's memory. */
static const char *difference(void) {
    for (uint16_t i = 0; i < SHARDS; i++) {
        const struct sl_job_table *live = &driver.core->shards[i].table;
        size_t cursor = 0;
        const struct sl_job *job;
        while ((job = sl_idmap_each(&live->jobs, &cursor))) {
            const char *what = difference_of_job(job, sl_job_find(&fold.tables[i], job->id));
            if (what) return what;
            fold.comparisons++;
        }
        cursor = 0;
        while ((job = sl_idmap_each(&fold.tables[i].jobs, &cursor))) {
            bool ended = sl_job_state_is_terminal((enum sl_job_state)job->state);
            if (!ended && !sl_job_find(live, job->id)) return "the core has forgotten a job";
        }
    }
    return NULL;
}

static void after_step(struct core_driver *self) {
    for (uint16_t i = 0; i < SHARDS; i++) fold_shard(&self->core->shards[i]);
    const char *what = difference();
    cr_assert(what == NULL, "%s is not what the log says", what);
}

static void begin(void) {
    driver_init(&driver, 0);
    fold_init();
    for (uint16_t i = 0; i < SHARDS; i++) cr_assert(sl_shard_is_open(&driver.core->shards[i]));
    driver.after_step = after_step;
}

static void end(void) {
    fold_fini();
    driver_fini(&driver);
}

/* A random attempt that a worker has; false: there is none. */
static bool pick_attempt(struct sl_rng *rng, struct sl_token *out_token) {
    struct sl_token tokens[RUNNING_MAX];
    uint64_t count = 0;
    for (uint16_t i = 0; i < SHARDS; i++) {
        const struct sl_shard *shard = &driver.core->shards[i];
        size_t cursor = 0;
        const struct sl_job *job;
        while ((job = sl_idmap_each(&shard->table.jobs, &cursor))) {
            for (uint16_t k = 0; job->run && k < job->run->stage_count && count < RUNNING_MAX; k++) {
                const struct sl_stage_run *stage = &job->run->stages[k];
                bool there = stage->state == SL_STAGE_RUNNING && stage->session && stage->started_n <= shard->n_durable;
                if (there) tokens[count++] = sl_attempt_token(driver.core, stage);
            }
        }
    }
    if (count) *out_token = tokens[sl_rng_below(rng, count)];
    return count > 0;
}

static void end_attempt(struct sl_rng *rng) {
    static const enum sl_outcome outcomes[] = {
        SL_OUTCOME_DONE,      SL_OUTCOME_DONE,  SL_OUTCOME_DONE,    SL_OUTCOME_DONE,    SL_OUTCOME_DONE,
        SL_OUTCOME_RETRYABLE, SL_OUTCOME_CRASH, SL_OUTCOME_TIMEOUT, SL_OUTCOME_RETURNED, SL_OUTCOME_PERMANENT};
    if (pick_attempt(rng, &driver.assigned)) driver_result(&driver, outcomes[sl_rng_below(rng, sizeof outcomes / sizeof *outcomes)]);
}

static void set_field(struct sl_rng *rng) {
    struct sl_event field = {.kind = SL_EV_FIELD};
    if (!pick_attempt(rng, &field.field.token)) return;
    field.field.peer = DRIVER_PEER_WORKER;
    field.field.message_id = 5;
    field.field.name = sl_text(sl_rng_chance(rng, 1, 2) ? "ready" : "url");
    field.field.value = sl_text(sl_rng_chance(rng, 1, 2) ? "\xc3" : "\xa3yes");
    driver_step(&driver, &field);
}

static void cancel(struct sl_rng *rng) {
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(jobs[sl_rng_below(rng, KEYS)].bytes, text);
    struct sl_event event = {.kind = SL_EV_CANCEL_JOB};
    event.cancel_job = (struct sl_ev_cancel_job){.peer = DRIVER_PEER_CLIENT, .message_id = 3, .job = sl_text(text)};
    driver_step(&driver, &event);
}

static void lose_worker(void) {
    struct sl_event gone = {.kind = SL_EV_WORKER_GONE, .peer = DRIVER_PEER_WORKER};
    driver_step(&driver, &gone);
    driver_hello(&driver);
}

static void submit(struct sl_rng *rng) {
    char key[16];
    uint32_t number = (uint32_t)sl_rng_below(rng, KEYS); /* some twice */
    snprintf(key, sizeof key, "job-%u", number);
    jobs[number] = driver_submit(&driver, number % 4, key, false);
}

/* In one leap, past every timeout, or in ticks. */
static void pass_time(uint32_t leap_ms, uint32_t ms) {
    driver.now += leap_ms * 1000000ull;
    driver_wait(&driver, ms);
}

static void live(uint64_t seed) {
    struct sl_rng rng = {.state = seed};
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = sl_rng_below(&rng, 100);
        if (what < 25) submit(&rng);
        else if (what < 70) end_attempt(&rng);
        else if (what < 74) cancel(&rng);
        else if (what < 80) set_field(&rng);
        else if (what < 82) lose_worker();
        else if (what < 90) driver.holds = !driver.holds && sl_rng_chance(&rng, 1, 2);
        else pass_time(what == 99 ? 12000 : 0, 10 * (1 + (uint32_t)sl_rng_below(&rng, 5)));
    }
    driver.holds = false;
    driver_wait(&driver, 300);
}

Test(fold, what_the_log_says_is_what_the_core_holds_after_every_step) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        begin();
        live(seed);
        cr_assert_gt(fold.transitions, 100, "too little happened");
        cr_assert_gt(fold.comparisons, 500, "too little was compared");
        end();
    }
}

/* A job with a run and an output, whose stages are not settled yet. */
static struct sl_job *job_under_way(void) {
    struct sl_job_id id = driver_submit(&driver, 1, "job", false);
    driver_result(&driver, SL_OUTCOME_DONE);
    struct sl_job *job = sl_job_find(&sl_shard_of(driver.core, id)->table, id);
    cr_assert(job && job->run && job->run->stages[0].output);
    cr_assert_null(difference());
    return job;
}

Test(fold, a_change_that_went_around_the_log_is_seen) {
    begin();
    struct sl_job *job = job_under_way();
    job->run->stages[1].tries++;
    cr_assert_str_eq(difference(), "a record");
    job->run->stages[1].tries--;
    job->run->stages[0].output->data[0] ^= 1;
    cr_assert_str_eq(difference(), "an output");
    job->run->stages[0].output->data[0] ^= 1;
    job->history->data[0] ^= 1;
    cr_assert_str_eq(difference(), "a history");
    job->history->data[0] ^= 1;
    cr_assert_null(difference());
    end();
}
