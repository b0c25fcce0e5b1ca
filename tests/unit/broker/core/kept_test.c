/* Kept writes as bytes: written, read, damaged, at and above the limits. */
#include "base/err.h"
#include "core/kept.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct sl_buf file;

static struct sl_kept head(uint32_t count) {
    return (struct sl_kept){.shard = 7, .epoch = UINT64_MAX, .owner = {{1, 2}}, .from = 3, .durable = 40, .digest = {{5, 6}},
                            .found = 30, .wall_ms = 1700000000000u, .why = sl_text("because"), .held = count, .count = count};
}

static struct sl_kept_write sample(uint32_t i) {
    static const enum sl_ledger_verb verbs[] = {SL_LEDGER_COMMIT, SL_LEDGER_SETTLE, SL_LEDGER_BEAT, SL_LEDGER_RELEASE};
    return (struct sl_kept_write){.n = 41 + i, .verb = verbs[i % 4], .sealed = i % 3 != 2, .time_ms = UINT64_MAX - i, .ckpt = i,
                                  .digest = {{(uint8_t)i}}, .body = i % 4 < 2 ? sl_text("body") : sl_bytes(NULL, 0)};
}

static void write_file(const struct sl_kept *kept) {
    if (!file.alloc) sl_buf_init(&file, sl_alloc_system());
    sl_buf_clear(&file);
    sl_kept_begin(&file, kept);
    for (uint32_t i = 0; i < kept->count; i++) {
        struct sl_kept_write write = sample(i);
        sl_kept_add(&file, &write);
    }
    sl_kept_end(&file);
    cr_assert_not(file.failed);
}

/* The number of writes that a file holds, or an error. */
static int read_file(struct sl_bytes bytes) {
    struct sl_kept kept;
    struct sl_kept_reader reader;
    struct sl_kept_write write;
    int count = 0, rc = sl_kept_open(bytes, &kept, &reader);
    if (rc) return rc;
    while ((rc = sl_kept_next(&reader, &write)) == 1) count++;
    return rc < 0 ? rc : count;
}

static void seal_again(void) {
    file.size -= 4;
    sl_kept_end(&file);
}

Test(kept, what_is_written_is_read) {
    struct sl_kept wanted = head(9), kept;
    struct sl_kept_reader reader;
    struct sl_kept_write write;
    wanted.held = 11;
    write_file(&wanted);
    cr_assert_eq(sl_kept_open(sl_buf_bytes(&file), &kept, &reader), SL_OK);
    cr_assert(kept.shard == 7 && kept.epoch == UINT64_MAX && kept.from == 3 && kept.durable == 40 && kept.found == 30);
    cr_assert(kept.wall_ms == wanted.wall_ms && kept.held == 11 && kept.count == 9 && sl_bytes_is(kept.why, "because"));
    cr_assert(sl_digest_equal(kept.digest, wanted.digest) && memcmp(kept.owner.bytes, wanted.owner.bytes, 16) == 0);
    for (uint32_t i = 0; i < 9; i++) {
        struct sl_kept_write expected = sample(i);
        cr_assert_eq(sl_kept_next(&reader, &write), 1);
        cr_assert(write.n == expected.n && write.verb == expected.verb && write.sealed == expected.sealed);
        cr_assert(write.time_ms == expected.time_ms && write.ckpt == expected.ckpt);
        cr_assert(sl_digest_equal(write.digest, expected.digest) && sl_bytes_equal(write.body, expected.body));
    }
    cr_assert_eq(sl_kept_next(&reader, &write), 0);
}

Test(kept, a_file_that_is_cut_or_changed_anywhere_is_damaged) {
    struct sl_kept kept = head(4);
    write_file(&kept);
    for (size_t size = 0; size < file.size; size++) {
        uint8_t *cut = malloc(size ? size : 1); /* of exactly that size: reading beyond it would be seen */
        memcpy(cut, file.data, size);
        cr_assert_eq(read_file(sl_bytes(cut, size)), SL_E_DAMAGED, "cut at %zu", size);
        free(cut);
    }
    for (size_t bit = 0; bit < file.size * 8; bit++) {
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_eq(read_file(sl_buf_bytes(&file)), SL_E_DAMAGED, "bit %zu", bit);
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert_eq(read_file(sl_buf_bytes(&file)), 4);
}

Test(kept, nonsense_behind_a_right_checksum_never_crashes) {
    struct sl_kept kept = head(4);
    for (uint32_t round = 0; round < 20000; round++) {
        write_file(&kept);
        file.data[8 + round % (file.size - 12)] = (uint8_t)(round * 2654435761u >> 24);
        seal_again();
        int rc = read_file(sl_buf_bytes(&file));
        cr_assert(rc >= 0 || rc == SL_E_DAMAGED || rc == SL_E_VERSION || rc == SL_E_LIMIT, "%d", rc);
    }
}

Test(kept, more_or_fewer_writes_than_it_says_are_damage) {
    for (int more = -1; more <= 1; more++) {
        struct sl_kept kept = head(4);
        struct sl_kept_write write = sample(0);
        kept.count = kept.held = (uint32_t)(4 + more);
        if (!file.alloc) sl_buf_init(&file, sl_alloc_system());
        sl_buf_clear(&file);
        sl_kept_begin(&file, &kept);
        for (int i = 0; i < 4; i++) sl_kept_add(&file, &write);
        sl_kept_end(&file);
        cr_assert_eq(read_file(sl_buf_bytes(&file)), more == 0 ? 4 : SL_E_DAMAGED);
    }
}

Test(kept, a_format_of_tomorrow_is_told_from_damage) {
    struct sl_kept kept = head(1);
    write_file(&kept);
    file.data[9]++; /* behind the magic and the array's head */
    seal_again();
    cr_assert_eq(read_file(sl_buf_bytes(&file)), SL_E_VERSION);
}

Test(kept, the_number_of_writes_has_a_limit) {
    static const struct { uint32_t count; int read; } rows[] = {
        {SL_KEPT_WRITES_MAX, SL_KEPT_WRITES_MAX}, {SL_KEPT_WRITES_MAX + 1, SL_E_LIMIT}, {4 * SL_KEPT_WRITES_MAX, SL_E_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_kept kept = head(rows[i].count);
        write_file(&kept);
        cr_assert_eq(read_file(sl_buf_bytes(&file)), rows[i].read, "%u", (unsigned)rows[i].count);
    }
}

Test(kept, its_bytes_have_a_limit) {
    static const struct { size_t more; int read; } rows[] = {{0, 1}, {1, SL_E_LIMIT}, {32 << 20, SL_E_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_kept kept = head(1);
        struct sl_kept_write write = sample(0);
        write_file(&kept);
        size_t beside = file.size - write.body.size + 3; /* the length of a large one takes three bytes more */
        size_t size = SL_KEPT_BYTES_MAX - beside + rows[i].more;
        uint8_t *body = calloc(1, size);
        write.body = sl_bytes(body, size);
        sl_buf_clear(&file);
        sl_kept_begin(&file, &kept);
        sl_kept_add(&file, &write);
        sl_kept_end(&file);
        cr_assert_eq(file.size, SL_KEPT_BYTES_MAX + rows[i].more);
        cr_assert_eq(read_file(sl_buf_bytes(&file)), rows[i].read);
        free(body);
    }
}

Test(kept, the_bounds_on_sizes_hold) {
    struct sl_kept kept = head(0);
    uint8_t why[SL_KEPT_WHY_MAX];
    memset(why, 'w', sizeof why);
    kept = (struct sl_kept){.shard = UINT16_MAX, .epoch = UINT64_MAX, .from = UINT64_MAX, .durable = UINT64_MAX, .found = UINT64_MAX,
                            .wall_ms = UINT64_MAX, .why = sl_bytes(why, sizeof why), .held = UINT32_MAX};
    write_file(&kept);
    cr_assert_leq(file.size, SL_KEPT_HEAD_MAX + sizeof why);
    size_t before = file.size;
    sl_kept_add(&file, &(struct sl_kept_write){.n = UINT64_MAX, .verb = SL_LEDGER_RELEASE, .time_ms = UINT64_MAX, .ckpt = UINT64_MAX});
    cr_assert_leq(file.size - before, SL_KEPT_WRITE_FIXED_MAX);
}
