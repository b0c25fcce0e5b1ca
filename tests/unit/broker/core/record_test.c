/* A job's record: what is written is read, and what was damaged is refused, at every byte, never a crash. */
#include "base/err.h"
#include "core/apply.h"
#include "core/pipeline_entry.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct sl_pool pool;
static struct sl_job_table table, other;
static struct sl_pipeline_entry entry;
static struct sl_buf record, state;

static struct sl_pipeline_entry *find(void *context, struct sl_digest digest) {
    (void)context;
    return sl_digest_equal(digest, entry.digest) ? &entry : NULL;
}

static void set_up(void) {
    sl_pool_init(&pool, sl_alloc_system());
    sl_job_table_init(&table, &pool, sl_alloc_system(), 1);
    sl_job_table_init(&other, &pool, sl_alloc_system(), 2);
    entry.pipeline = (struct sl_pipeline *)(uintptr_t)sim_shape(2);
    entry.digest = entry.pipeline->digest;
    sl_buf_init(&record, sl_alloc_system());
    sl_buf_init(&state, sl_alloc_system());
}

static void tear_down(void) {
    sl_job_table_fini(&table);
    sl_job_table_fini(&other);
    sl_pool_fini(&pool);
    sl_buf_fini(&record);
    sl_buf_fini(&state);
    sim_shapes_free();
}

TestSuite(record, .init = set_up, .fini = tear_down);

static struct sl_job *apply(uint64_t n, const struct sl_transition *transition) {
    struct sl_prepared prepared;
    cr_assert_eq(sl_apply_prepare(&table, transition, find, NULL, &prepared), SL_OK);
    return sl_apply(&table, n, transition, &prepared);
}

/* A job of the diamond: its first stage done, the second running, the third waiting for its second attempt. */
static struct sl_job *make_job(void) {
    struct sl_buf facts, output;
    struct sl_transition t = {.kind = SL_TR_SUBMITTED, .job = {{9}}, .wall_ms = 1000, .run = 1};
    sl_buf_init(&facts, sl_alloc_system());
    sl_buf_init(&output, sl_alloc_system());
    sl_facts_put(&facts, &(struct sl_facts){.tenant = sl_text("default"), .kind = 1, .key = sl_text("k"), .labels = sl_text("\x80")});
    t.submitted = (struct sl_tr_submitted){.pipeline = entry.digest, .request = {{8}}, .facts = sl_buf_bytes(&facts),
                                           .payload = sl_text("\xa7payload")};
    apply(5, &t);
    t = (struct sl_transition){.kind = SL_TR_STARTED, .job = {{9}}, .wall_ms = 1001, .run = 1, .attempt = 1};
    t.started = (struct sl_tr_started){.nonce = 77, .epoch = 2, .worker = sl_text("w1"), .attempts_max = 3, .crashes_max = 3,
                                       .timeout_ms = 1000, .idempotent = true};
    apply(6, &t);
    sl_mp_array(&output, 4);
    sl_mp_str(&output, sl_text("t0"));
    sl_mp_uint(&output, 1);
    sl_mp_map(&output, 0);
    sl_mp_nil(&output);
    sl_record_seal(&output, 0);
    struct sl_transition done = {.kind = SL_TR_SUCCEEDED, .job = {{9}}, .wall_ms = 1002, .run = 1, .attempt = 1};
    done.succeeded = (struct sl_tr_succeeded){.output = sl_buf_bytes(&output), .count = 1, .duration_ms = 3};
    apply(7, &done);
    t.stage = 1;
    apply(8, &t);
    t.stage = 2;
    apply(9, &t);
    struct sl_transition failed = {.kind = SL_TR_ATTEMPT_FAILED, .job = {{9}}, .wall_ms = 1003, .run = 1, .stage = 2, .attempt = 1};
    failed.failed = (struct sl_tr_failed){.outcome = SL_OUTCOME_CRASH, .until_ms = 55, .error = sl_text("signal 11")};
    struct sl_job *job = apply(10, &failed);
    struct sl_transition field = {.kind = SL_TR_FIELD_SET, .job = {{9}}, .wall_ms = 1004, .run = 1};
    field.field.name = sl_text("pdf_url");
    field.field.value = sl_text("\xa1x");
    apply(11, &field);
    sl_buf_fini(&facts);
    sl_buf_fini(&output);
    return job;
}

Test(record, a_head_is_read_as_it_was_written) {
    struct sl_job *job = make_job(), *again;
    struct sl_buf second;
    sl_buf_init(&second, sl_alloc_system());
    sl_record_head(&record, job);
    cr_assert_eq(sl_record_read_head(&other, sl_buf_bytes(&record), find, NULL, &again), SL_OK);
    again->id = job->id;
    sl_record_head(&second, again);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&record), sl_buf_bytes(&second)), "reading and writing again gives the same bytes");
    cr_assert_eq(again->at, 11);
    cr_assert_eq(again->run->stages[2].state, SL_STAGE_BACKOFF);
    cr_assert_eq(again->run->stages[2].crashes, 1);
    cr_assert_eq(again->run->stages[2].until_ms, 55);
    cr_assert_eq(again->run->stages[3].pending, 2);
    sl_job_free(&other, &again);
    sl_buf_fini(&second);
}

static int read_only(struct sl_bytes bytes) {
    struct sl_job *job;
    int rc = sl_record_read_head(&other, bytes, find, NULL, &job);
    if (rc == SL_OK) sl_job_free(&other, &job);
    return rc;
}

Test(record, every_flipped_bit_is_noticed) {
    sl_record_head(&record, make_job());
    for (size_t bit = 0; bit < record.size * 8; bit++) {
        record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(read_only(sl_buf_bytes(&record)), SL_E_DAMAGED, "bit %zu", bit);
        record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(read_only(sl_buf_bytes(&record)), SL_OK);
}

Test(record, a_record_that_is_cut_anywhere_is_damaged) {
    sl_record_head(&record, make_job());
    for (size_t size = 0; size < record.size; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        memcpy(cut, record.data, size);
        cr_assert_eq(read_only(sl_bytes(cut, size)), SL_E_DAMAGED, "cut at %zu", size);
        free(cut);
    }
}

Test(record, nonsense_behind_a_right_crc_never_crashes) {
    struct sl_rng rng = {.state = 7};
    struct sl_job *job = make_job();
    for (int round = 0; round < 20000; round++) {
        sl_buf_clear(&record);
        sl_record_head(&record, job);
        record.size -= 4;
        for (uint64_t flips = 1 + sl_rng_below(&rng, 4); flips > 0; flips--)
            record.data[sl_rng_below(&rng, record.size)] = (uint8_t)sl_rng_next(&rng);
        sl_record_seal(&record, 0);
        int rc = read_only(sl_buf_bytes(&record));
        cr_assert(rc == SL_OK || rc == SL_E_DAMAGED || rc == SL_E_NOT_FOUND, "%d", rc);
    }
}

Test(record, an_ended_record_gives_its_head_and_outputs) {
    struct sl_job *job = make_job();
    struct sl_ended ended;
    struct sl_transition end = {.kind = SL_TR_ENDED, .job = {{9}}, .wall_ms = 1005, .run = 1};
    end.ended.state = SL_JOB_CANCELLED;
    end.ended.reason = sl_text("enough");
    apply(12, &end);
    uint64_t upto = sl_record_ended(&record, job, 777, 1000);
    cr_assert_eq(sl_record_read_ended(sl_buf_bytes(&record), &ended), SL_OK);
    cr_assert_eq(read_only(ended.head), SL_OK);
    cr_assert_eq(ended.output_count, 1);
    cr_assert_eq(ended.retained.since_ms, 777);
    cr_assert_eq(ended.retained.upto, upto);
    cr_assert_eq(ended.retained.bytes, upto - 1000);
    cr_assert(ended.retained.bytes >= record.size && ended.retained.bytes < record.size + 64, "it counts itself: %llu of %zu",
              (unsigned long long)ended.retained.bytes, record.size);
    for (size_t bit = 0; bit < record.size * 8; bit++) {
        record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_neq(sl_record_read_ended(sl_buf_bytes(&record), &ended), SL_OK, "bit %zu", bit);
        record.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

Test(record, an_ended_record_of_before_retention_is_read) {
    struct sl_ended ended;
    make_job();
    sl_mp_array(&record, 4);
    sl_mp_uint(&record, 1);
    sl_mp_bin(&record, sl_text("head"));
    sl_mp_bin(&record, sl_text("history"));
    sl_mp_map(&record, 0);
    sl_record_seal(&record, 0);
    cr_assert_eq(sl_record_read_ended(sl_buf_bytes(&record), &ended), SL_OK);
    cr_assert(sl_bytes_is(ended.head, "head") && sl_bytes_is(ended.history, "history"));
    cr_assert(ended.retained.since_ms == 0 && ended.retained.bytes == 0 && ended.retained.upto == 0);
}

Test(record, a_removal_fits_an_ended_job_once) {
    struct sl_job *job = make_job();
    struct sl_prepared prepared;
    struct sl_transition removed = {.kind = SL_TR_REMOVED, .job = {{9}}, .wall_ms = 1006, .run = 1};
    struct sl_transition end = {.kind = SL_TR_ENDED, .job = {{9}}, .wall_ms = 1005, .run = 1};
    end.ended.state = SL_JOB_CANCELLED;
    cr_assert_eq(sl_apply_prepare(&table, &removed, find, NULL, &prepared), SL_E_DAMAGED, "it has not ended");
    apply(12, &end);
    removed.run = 2;
    cr_assert_eq(sl_apply_prepare(&table, &removed, find, NULL, &prepared), SL_E_DAMAGED, "of another run");
    removed.run = 1;
    uint32_t history_size = job->history_size;
    apply(13, &removed);
    cr_assert(job->removed && job->at == 13 && job->updated_ms == 1005 && job->history_size == history_size);
    cr_assert_eq(sl_apply_prepare(&table, &removed, find, NULL, &prepared), SL_E_DAMAGED, "it was removed before");
    struct sl_transition other = removed;
    other.job = (struct sl_job_id){{8}};
    cr_assert_eq(sl_apply_prepare(&table, &other, find, NULL, &prepared), SL_E_DAMAGED, "there is no such job");
}

Test(record, an_illegal_transition_is_refused_before_anything_changes) {
    struct sl_job *job = make_job();
    struct sl_prepared prepared;
    sl_record_state(&state, job);
    static const struct { enum sl_transition_kind kind; uint16_t stage; uint32_t attempt; } rows[] = {
        {SL_TR_SUBMITTED, 0, 0}, {SL_TR_STARTED, 0, 2}, {SL_TR_STARTED, 1, 2}, {SL_TR_STARTED, 3, 1}, {SL_TR_STARTED, 2, 3},
        {SL_TR_SUCCEEDED, 0, 1}, {SL_TR_SUCCEEDED, 1, 2}, {SL_TR_SUCCEEDED, 2, 1}, {SL_TR_RETURNED, 3, 1}, {SL_TR_RETURNED, 9, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_transition t = {.kind = rows[i].kind, .job = {{9}}, .run = 1, .stage = rows[i].stage, .attempt = rows[i].attempt};
        cr_assert_eq(sl_apply_prepare(&table, &t, find, NULL, &prepared), SL_E_DAMAGED, "row %zu", i);
    }
    sl_record_state(&record, job);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&record), sl_buf_bytes(&state)));
}
