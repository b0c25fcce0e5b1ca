/* The chain of a shard's log, as its next owner reads it: what Redis lost or changed is noticed and named, and nothing else is. */
#include "core/sched_state.h"
#include "core_driver.h"
#include "sim/shapes.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { JOBS = 24, ENTRIES_MAX = 64 };

static struct core_driver driver;
static uint64_t n[ENTRIES_MAX];
static uint32_t count;

/* The log of a shard, as the twin holds it now. */
static size_t read_log(uint16_t shard, struct sl_ledger_item *out, struct sl_ledger_reply *lease) {
    struct sl_ledger_call ask = {.verb = SL_LEDGER_RESUME, .shard = shard}, read = {.verb = SL_LEDGER_READ_LOG, .shard = shard};
    struct sl_ledger_reply log;
    cr_assert_eq(ledger_twin_call(driver.twin, &ask, lease), 0);
    read.n = lease->ckpt;
    read.count = ENTRIES_MAX;
    cr_assert_eq(ledger_twin_call(driver.twin, &read, &log), 0);
    memcpy(out, log.items, log.item_count * sizeof *out);
    return log.item_count;
}

/* A shard with some commits behind its checkpoint: their numbers are n[0] to n[count - 1]. */
static void write_log(void) {
    struct sl_ledger_item items[ENTRIES_MAX];
    struct sl_ledger_reply lease;
    char key[16];
    driver_init(&driver, 0);
    for (uint32_t i = 0; i < JOBS; i++) {
        (void)snprintf(key, sizeof key, "job%u", (unsigned)i); /* fits */
        (void)driver_submit(&driver, 3, key, false);
    }
    count = (uint32_t)read_log(0, items, &lease);
    for (uint32_t i = 0; i < count; i++) n[i] = items[i].n;
    cr_assert_geq(count, 3, "%u entries behind %d, last %d, n %d", (unsigned)count, (int)lease.ckpt, (int)lease.last, (int)lease.n);
    cr_assert_eq(lease.ckpt, 0);
    cr_assert_eq(lease.last, n[count - 1]);
}

static uint64_t open_shards(void) {
    struct sl_sched_figures figures;
    sl_sched_figures(driver.core, &figures);
    return figures.shards_open;
}

/* The next owner quarantines the shard, and says so once, with these words. */
static void expect_damage(const char *words) {
    driver_succeed(&driver, DRIVER_SHAPES);
    cr_assert_eq(open_shards(), 1, "the other shard is served");
    cr_assert_eq(driver.said[SL_DO_ALARM], 1);
    cr_assert_not_null(strstr(driver.alarm, "shard 0 is quarantined"), "%s", driver.alarm);
    cr_assert_not_null(strstr(driver.alarm, words), "\"%s\" does not say \"%s\"", driver.alarm, words);
    driver_fini(&driver);
}

Test(chain, an_entry_that_is_missing_is_named_wherever_it_stood) {
    for (uint32_t lost = 0; lost == 0 || lost < count; lost++) {
        char words[128];
        write_log();
        cr_assert(ledger_twin_lose_entry(driver.twin, 0, n[lost]));
        if (lost < count - 1) {
            (void)snprintf(words, sizeof words, "entry %d is missing in its log: entry %d was written behind it", (int)n[lost], (int)n[lost + 1]);
        } else {
            (void)snprintf(words, sizeof words, "the lease names entry %d as the newest of its log, which ends at entry %d", (int)n[lost],
                           (int)n[lost - 1]);
        }
        expect_damage(words);
    }
}

Test(chain, a_log_that_is_gone_as_a_whole_is_noticed) {
    char words[128];
    write_log();
    for (uint32_t i = 0; i < count; i++) cr_assert(ledger_twin_lose_entry(driver.twin, 0, n[i]));
    (void)snprintf(words, sizeof words, "the lease names entry %d as the newest of its log, which ends at entry 0", (int)n[count - 1]);
    expect_damage(words);
}

/* Sound in itself: its checksums are right, its head is that of the entry that stood there. */
Test(chain, an_entry_with_other_bytes_is_named_wherever_it_stands) {
    for (uint32_t changed = 0; changed == 0 || changed < count; changed++) {
        struct sl_ledger_item items[ENTRIES_MAX];
        struct sl_ledger_reply lease;
        struct sl_batch_reader reader;
        struct sl_buf other;
        char words[128];
        write_log();
        cr_assert_eq(read_log(0, items, &lease), count);
        cr_assert_eq(sl_batch_open(items[changed].value, &reader), SL_OK);
        sl_buf_init(&other, sl_alloc_system());
        sl_batch_begin(&other, reader.before, reader.digest);
        sl_batch_end(&other);
        cr_assert(ledger_twin_change_entry(driver.twin, 0, n[changed], sl_buf_bytes(&other)));
        sl_buf_fini(&other);
        (void)snprintf(words, sizeof words, "entry %d of its log is not the one that was written: %s says digest", (int)n[changed],
                       changed == count - 1 ? "the lease" : "the entry behind it");
        expect_damage(words);
    }
}

Test(chain, an_entry_that_cannot_be_read_is_named) {
    static const struct { const char *bytes; const char *words; } rows[] = {
        {"nonsense", "cannot be read: its bytes do not fit their checksum"}, {"", "cannot be read"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_log();
        cr_assert(ledger_twin_change_entry(driver.twin, 0, n[2], sl_text(rows[i].bytes)));
        expect_damage(rows[i].words);
    }
}

Test(chain, an_entry_above_the_lease_s_number_is_named) {
    struct sl_ledger_item items[ENTRIES_MAX];
    struct sl_ledger_reply lease;
    write_log();
    cr_assert_eq(read_log(0, items, &lease), count);
    cr_assert(ledger_twin_move_entry(driver.twin, 0, n[count - 1], lease.n + 7));
    expect_damage("its log has an entry");
}

/* Beats and settles leave gaps in the entries' numbers; a checkpoint may stand in the middle of the log, or behind all of it. */
Test(chain, what_is_whole_raises_no_alarm) {
    for (uint32_t wait_ms = 0; wait_ms < 4000; wait_ms += 437) {
        write_log();
        driver_wait(&driver, wait_ms);
        (void)driver_submit(&driver, 3, "one more", false);
        (void)driver_submit(&driver, 0, "and one", false);
        driver_succeed(&driver, DRIVER_SHAPES);
        cr_assert_eq(open_shards(), 2, "after %u ms", (unsigned)wait_ms);
        cr_assert_eq(driver.said[SL_DO_ALARM], 0, "%s", driver.alarm);
        driver_wait(&driver, 2000);
        driver_succeed(&driver, DRIVER_SHAPES);
        cr_assert_eq(open_shards(), 2, "after %u ms", (unsigned)wait_ms);
        cr_assert_eq(driver.said[SL_DO_ALARM], 0, "%s", driver.alarm);
        driver_fini(&driver);
    }
}
