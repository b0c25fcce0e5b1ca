/* Batches of transitions: what is written is read, and what was damaged is refused, never believed, never a crash. */
#include "base/err.h"
#include "base/limits.h"
#include "base/rng.h"
#include "core/transition.h"

#include <criterion/criterion.h>

static struct sl_buf batch, scratch;

static void set_up(void) {
    sl_buf_init(&batch, sl_alloc_system());
    sl_buf_init(&scratch, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&batch);
    sl_buf_fini(&scratch);
}

TestSuite(transition, .init = set_up, .fini = tear_down);

static struct sl_transition sample(enum sl_transition_kind kind) {
    struct sl_transition t = {.kind = kind, .job = {{1, 2, 3}}, .wall_ms = 1700000000123u, .run = 1};
    bool of_stage = kind == SL_TR_STARTED || kind == SL_TR_SUCCEEDED || kind == SL_TR_ATTEMPT_FAILED || kind == SL_TR_RETURNED;
    if (of_stage) {
        t.stage = 7;
        t.attempt = 3;
    }
    switch (kind) {
    case SL_TR_SUBMITTED:
        t.submitted = (struct sl_tr_submitted){.pipeline = {{4}}, .request = {{5}}, .facts = sl_text("facts"),
                                               .payload = sl_text("payload"), .once = true};
        break;
    case SL_TR_STARTED:
        t.started = (struct sl_tr_started){.nonce = UINT64_MAX, .epoch = 9, .worker = sl_text("w1"), .attempts_max = 3,
                                           .crashes_max = 2, .timeout_ms = 30000,
                                           .backoff = {SL_BACKOFF_LINEAR, 500, 30000, true}, .idempotent = true};
        break;
    case SL_TR_SUCCEEDED:
        t.succeeded = (struct sl_tr_succeeded){.output = sl_text("output"), .count = 12, .duration_ms = 34};
        break;
    case SL_TR_ATTEMPT_FAILED:
        t.failed = (struct sl_tr_failed){.outcome = SL_OUTCOME_CRASH, .duration_ms = 5, .final = false, .until_ms = 77,
                                         .error = sl_text("signal 11"), .detail = sl_text("last words")};
        break;
    case SL_TR_RETURNED:
        t.returned = sl_text("the worker leaves");
        break;
    case SL_TR_ENDED:
        t.ended.state = SL_JOB_FAILED;
        t.ended.reason = sl_text("s1: no");
        break;
    case SL_TR_FIELD_SET:
        t.field.name = sl_text("pdf_url");
        t.field.value = sl_text("value");
        break;
    case SL_TR_REMOVED:
    case SL_TR_NONE:
        break;
    }
    return t;
}

static void write_all(uint64_t before) {
    sl_buf_clear(&batch);
    sl_batch_begin(&batch, before, (struct sl_digest){{9, 8, 7}});
    for (int kind = SL_TR_SUBMITTED; kind <= SL_TR_REMOVED; kind++) {
        struct sl_transition t = sample((enum sl_transition_kind)kind);
        sl_batch_add(&batch, &scratch, &t);
    }
    sl_batch_end(&batch);
    cr_assert_not(batch.failed);
}

/* Reads a batch to its end. The number of transitions, or an error. */
static int read_all(struct sl_bytes bytes) {
    struct sl_batch_reader reader;
    struct sl_transition t;
    int count = 0, rc = sl_batch_open(bytes, &reader);
    if (rc) return rc;
    while ((rc = sl_batch_next(&reader, &t)) == 1) count++;
    return rc < 0 ? rc : count;
}

Test(transition, every_kind_is_read_as_it_was_written) {
    struct sl_batch_reader reader;
    struct sl_buf again;
    sl_buf_init(&again, sl_alloc_system());
    write_all(41);
    cr_assert_eq(sl_batch_open(sl_buf_bytes(&batch), &reader), SL_OK);
    cr_assert_eq(reader.before, 41);
    cr_assert(sl_digest_equal(reader.digest, (struct sl_digest){{9, 8, 7}}));
    sl_batch_begin(&again, 41, (struct sl_digest){{9, 8, 7}});
    for (int kind = SL_TR_SUBMITTED; kind <= SL_TR_REMOVED; kind++) {
        struct sl_transition t, wanted = sample((enum sl_transition_kind)kind);
        cr_assert_eq(sl_batch_next(&reader, &t), 1);
        cr_assert_eq(t.kind, wanted.kind);
        cr_assert(sl_job_id_equal(t.job, wanted.job));
        cr_assert_eq(t.wall_ms, wanted.wall_ms);
        cr_assert_eq(t.run, wanted.run);
        cr_assert_eq(t.stage, wanted.stage);
        cr_assert_eq(t.attempt, wanted.attempt);
        sl_batch_add(&again, &scratch, &t);
    }
    struct sl_transition none;
    cr_assert_eq(sl_batch_next(&reader, &none), 0);
    sl_batch_end(&again);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&batch), sl_buf_bytes(&again)), "reading and writing again gives the same bytes");
    sl_buf_fini(&again);
}

Test(transition, the_facts_of_a_start_are_kept) {
    struct sl_batch_reader reader;
    struct sl_transition t = sample(SL_TR_STARTED);
    sl_batch_begin(&batch, 0, (struct sl_digest){{0}});
    sl_batch_add(&batch, &scratch, &t);
    sl_batch_end(&batch);
    cr_assert_eq(sl_batch_open(sl_buf_bytes(&batch), &reader), SL_OK);
    cr_assert_eq(sl_batch_next(&reader, &t), 1);
    cr_assert_eq(t.started.nonce, UINT64_MAX);
    cr_assert_eq(t.started.epoch, 9);
    cr_assert_eq(t.started.attempts_max, 3);
    cr_assert_eq(t.started.crashes_max, 2);
    cr_assert_eq(t.started.timeout_ms, 30000);
    cr_assert_eq(t.started.backoff.strategy, SL_BACKOFF_LINEAR);
    cr_assert_eq(t.started.backoff.maximum_ms, 30000);
    cr_assert(t.started.idempotent);
}

Test(transition, a_batch_that_is_cut_anywhere_is_damaged) {
    write_all(7);
    for (size_t size = 0; size < batch.size; size++) {
        uint8_t *cut = malloc(size ? size : 1); /* of exactly that size: reading beyond it would be seen */
        memcpy(cut, batch.data, size);
        cr_assert_eq(read_all(sl_bytes(cut, size)), SL_E_DAMAGED, "cut at %zu", size);
        free(cut);
    }
}

Test(transition, every_single_flipped_bit_is_noticed) {
    write_all(7);
    for (size_t bit = 0; bit < batch.size * 8; bit++) {
        batch.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(read_all(sl_buf_bytes(&batch)), SL_E_DAMAGED, "bit %zu", bit);
        batch.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(read_all(sl_buf_bytes(&batch)), SL_TR_REMOVED);
}

/* With the outer CRC made right again the inner checks stand alone. */
static void seal_again(void) {
    uint32_t crc = sl_crc32c(sl_bytes(batch.data, batch.size - 4));
    for (int i = 0; i < 4; i++) batch.data[batch.size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

Test(transition, nonsense_behind_a_right_crc_never_crashes) {
    struct sl_rng rng = {.state = 42};
    for (int round = 0; round < 20000; round++) {
        write_all(7);
        for (uint64_t flips = 1 + sl_rng_below(&rng, 4); flips > 0; flips--)
            batch.data[sl_rng_below(&rng, batch.size - 4)] = (uint8_t)sl_rng_next(&rng);
        seal_again();
        int rc = read_all(sl_buf_bytes(&batch));
        cr_assert(rc >= 0 || rc == SL_E_DAMAGED || rc == SL_E_VERSION, "%d", rc);
    }
}

Test(transition, a_format_of_tomorrow_is_told_from_damage) {
    struct sl_batch_reader reader;
    for (uint32_t fields = 1; fields <= 4; fields++) { /* whatever else stands in its head */
        sl_buf_clear(&batch);
        sl_mp_array(&batch, fields);
        sl_mp_uint(&batch, 2);
        for (uint32_t i = 1; i < fields; i++) sl_mp_uint(&batch, 0);
        sl_batch_end(&batch);
        cr_assert_eq(sl_batch_open(sl_buf_bytes(&batch), &reader), SL_E_VERSION);
    }
}

Test(transition, the_bound_on_its_size_holds) {
    for (int kind = SL_TR_SUBMITTED; kind <= SL_TR_REMOVED; kind++) {
        struct sl_transition t = sample((enum sl_transition_kind)kind);
        t.wall_ms = UINT64_MAX;
        t.run = t.attempt = UINT32_MAX;
        sl_buf_clear(&batch);
        sl_batch_begin(&batch, 0, (struct sl_digest){{0}});
        size_t before = batch.size;
        sl_batch_add(&batch, &scratch, &t);
        cr_assert_leq(batch.size - before, sl_transition_size_max(&t), "%s", sl_transition_word(t.kind));
    }
}

Test(transition, limits_are_kept_when_reading) {
    struct sl_transition t = sample(SL_TR_STARTED);
    static char name[SL_NAME_MAX * 64];
    memset(name, 'w', sizeof name);
    static const struct { size_t size; int count; } rows[] = {
        {SL_NAME_MAX, 1}, {SL_NAME_MAX + 1, SL_E_DAMAGED}, {sizeof name, SL_E_DAMAGED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        t.started.worker = sl_bytes(name, rows[i].size);
        sl_buf_clear(&batch);
        sl_batch_begin(&batch, 0, (struct sl_digest){{0}});
        sl_batch_add(&batch, &scratch, &t);
        sl_batch_end(&batch);
        cr_assert_eq(read_all(sl_buf_bytes(&batch)), rows[i].count, "%zu", rows[i].size);
    }
}

Test(transition, a_stage_index_above_the_limit_is_damage) {
    struct sl_transition t = sample(SL_TR_RETURNED);
    for (uint32_t stage = SL_STAGES_MAX - 1; stage <= SL_STAGES_MAX; stage++) {
        t.stage = (uint16_t)stage;
        sl_buf_clear(&batch);
        sl_batch_begin(&batch, 0, (struct sl_digest){{0}});
        sl_batch_add(&batch, &scratch, &t);
        sl_batch_end(&batch);
        cr_assert_eq(read_all(sl_buf_bytes(&batch)), stage < SL_STAGES_MAX ? 1 : SL_E_DAMAGED);
    }
}
