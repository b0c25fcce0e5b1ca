/* Tombstones: what is written is read, what was damaged is refused, and people are told in one sentence. */
#include "base/err.h"
#include "base/limits.h"
#include "core/record.h"
#include "core/tombstone.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct sl_tombstone sample = {.at = 1234567, .state = SL_JOB_FAILED, .kind = 2, .run = 3, .request = {{7, 8, 9}},
                                           .removed_ms = UINT64_MAX, .wall_ms = 1700000000123u};

Test(tombstone, is_read_as_it_was_written) {
    struct sl_buf buf;
    struct sl_tombstone read;
    sl_buf_init(&buf, sl_alloc_system());
    sl_tombstone_put(&buf, &sample);
    cr_assert_not(buf.failed);
    cr_assert_eq(sl_tombstone_read(sl_buf_bytes(&buf), &read), SL_OK);
    cr_assert_eq(read.at, sample.at);
    cr_assert_eq(read.state, sample.state);
    cr_assert_eq(read.kind, sample.kind);
    cr_assert_eq(read.run, sample.run);
    cr_assert(sl_digest_equal(read.request, sample.request));
    cr_assert_eq(read.removed_ms, sample.removed_ms);
    cr_assert_eq(read.wall_ms, sample.wall_ms);
    cr_assert_leq(buf.size, 64, "there may be millions of them");
    sl_buf_fini(&buf);
}

Test(tombstone, a_damaged_one_is_refused) {
    struct sl_buf buf;
    struct sl_tombstone read;
    sl_buf_init(&buf, sl_alloc_system());
    sl_tombstone_put(&buf, &sample);
    for (size_t bit = 0; bit < buf.size * 8; bit++) {
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(sl_tombstone_read(sl_buf_bytes(&buf), &read), SL_E_DAMAGED, "bit %zu", bit);
        buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < buf.size; size++)
        cr_assert_eq(sl_tombstone_read(sl_bytes(buf.data, size), &read), SL_E_DAMAGED, "cut at %zu", size);
    sl_buf_fini(&buf);
}

static int read_with(uint64_t state, uint64_t kind, uint64_t run) {
    struct sl_buf buf;
    struct sl_tombstone read;
    const uint8_t request[16] = {0};
    sl_buf_init(&buf, sl_alloc_system());
    sl_mp_array(&buf, 8);
    sl_mp_uint(&buf, 1);
    sl_mp_uint(&buf, 5);
    sl_mp_uint(&buf, state);
    sl_mp_uint(&buf, kind);
    sl_mp_uint(&buf, run);
    sl_mp_bin(&buf, sl_bytes(request, sizeof request));
    sl_mp_uint(&buf, 6);
    sl_mp_uint(&buf, 7);
    sl_record_seal(&buf, 0);
    int rc = sl_tombstone_read(sl_buf_bytes(&buf), &read);
    sl_buf_fini(&buf);
    return rc;
}

Test(tombstone, says_an_end_and_nothing_else) {
    cr_assert_eq(read_with(SL_JOB_CANCELLED, 2, UINT32_MAX), SL_OK);
    cr_assert_eq(read_with(SL_JOB_STATE_COUNT, 2, 1), SL_E_DAMAGED);
    cr_assert_eq(read_with(UINT64_MAX, 2, 1), SL_E_DAMAGED);
    cr_assert_eq(read_with(SL_JOB_PROCESSING, 2, 1), SL_E_DAMAGED, "a job under way is not removed");
    cr_assert_eq(read_with(SL_JOB_CANCELLED, 3, 1), SL_E_DAMAGED);
    cr_assert_eq(read_with(SL_JOB_CANCELLED, 2, (uint64_t)UINT32_MAX + 1), SL_E_DAMAGED);
}

Test(tombstone, is_one_sentence_for_people) {
    char text[SL_TOMBSTONE_TEXT_SIZE];
    struct sl_job_id id = {{0x01, 0x99}};
    sl_tombstone_text(&sample, id, text);
    cr_assert(strstr(text, "failed at 2023-11-14") && strstr(text, "--retention-time") && strstr(text, "01990000"), "%s", text);
    cr_assert_lt(strlen(text), SL_TOMBSTONE_TEXT_SIZE - 1u, "it is not cut");
    struct sl_tombstone cancelled = sample;
    cancelled.state = SL_JOB_CANCELLED;
    sl_tombstone_text(&cancelled, id, text);
    cr_assert(strstr(text, "was cancelled at"), "%s", text);
}
