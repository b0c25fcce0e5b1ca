/* Each verb of the ledger on Redis and on the twin: what it does, and each way in which it refuses. */
#include "both.h"

#include <criterion/criterion.h>

static struct both both;

static void start(void) {
    both_start(&both, NULL);
}

static void end(void) {
    both_end(&both);
}

TestSuite(ledger, .init = start, .fini = end, .timeout = 60);

static void expect(struct sl_ledger_call call, enum sl_ledger_status status, uint64_t n) {
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->status == status, "status %d, not %d: %.*s", (int)reply->status, (int)status, (int)reply->text.size,
              (const char *)reply->text.data);
    cr_assert(reply->n == n, "n is %llu, not %llu", (unsigned long long)reply->n, (unsigned long long)n);
}

static void expect_bad(struct sl_ledger_call call, const char *text) {
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->status == SL_LEDGER_FAILED);
    cr_assert(sl_bytes_is(reply->text, text), "%.*s", (int)reply->text.size, (const char *)reply->text.data);
}

Test(ledger, has_no_lease_at_first) {
    const struct sl_ledger_reply *reply = both_call(&both, resume_call());
    cr_assert(reply->status == SL_LEDGER_OK && reply->epoch == 0 && reply->n == 0 && reply->tries == 0);
    cr_assert(both_call(&both, read_call(SL_LEDGER_READ_LEASE))->epoch == 0);
    expect(commit_call(0, 'a', 0, "batch"), SL_LEDGER_FENCED, 0);
    expect(beat_call(1, 'a', 0), SL_LEDGER_FENCED, 0);
}

Test(ledger, is_acquired_and_committed_to) {
    const struct sl_ledger_reply *reply = both_call(&both, acquire_call(0, 0, 1, 'a'));
    cr_assert(reply->status == SL_LEDGER_OK && reply->epoch == 1 && reply->from == 0 && reply->tries == 1);
    expect(commit_call(1, 'a', 0, "first"), SL_LEDGER_OK, 1);
    expect(commit_call(1, 'a', 1, "second"), SL_LEDGER_OK, 2);
    expect(beat_call(1, 'a', 2), SL_LEDGER_OK, 3);
    reply = both_call(&both, resume_call());
    cr_assert(reply->n == 3 && reply->time_ms == 1002 && reply->digest.bytes[0] == 's');
    reply = both_call(&both, read_call(SL_LEDGER_READ_LOG));
    cr_assert(reply->item_count == 2 && reply->items[1].n == 2 && sl_bytes_is(reply->items[1].value, "second"));
}

Test(ledger, takes_a_batch_of_any_bytes_and_of_one_megabyte) {
    static char large[(1 << 20) + 1];
    memset(large, 'x', sizeof large - 1);
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    struct sl_ledger_call call = commit_call(1, 'a', 0, large);
    expect(call, SL_LEDGER_OK, 1);
    call = commit_call(1, 'a', 1, "");
    expect(call, SL_LEDGER_OK, 2);
    call = commit_call(1, 'a', 2, "\r\n$5");
    call.body = sl_bytes("\0\r\n*1\r\n\xff", 9);
    expect(call, SL_LEDGER_OK, 3);
    cr_assert(both_call(&both, read_call(SL_LEDGER_READ_LOG))->items[0].value.size == sizeof large - 1);
}

Test(ledger, fences_every_epoch_and_owner_but_the_lease_s) {
    expect(acquire_call(0, 0, 5, 'a'), SL_LEDGER_OK, 0);
    for (uint64_t epoch = 4; epoch <= 6; epoch++) {
        for (char owner = 'a'; owner <= 'b'; owner++) {
            if (epoch == 5 && owner == 'a') continue;
            expect(commit_call(epoch, owner, 0, "x"), SL_LEDGER_FENCED, 0);
            expect(beat_call(epoch, owner, 0), SL_LEDGER_FENCED, 0);
            expect(release_call(epoch, owner, 0), SL_LEDGER_FENCED, 0);
            settle_begin(&both);
            settle_add_text(&both, "HSET", "live", "f", "v");
            const struct sl_ledger_reply *reply = both_call(&both, settle_call(&both, epoch, owner, 0, 0));
            cr_assert(reply->status == SL_LEDGER_FENCED && reply->epoch == 5 && reply->owner.bytes[3] == 'a');
        }
    }
}

Test(ledger, says_where_it_stands_to_a_number_below_or_above) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    expect(commit_call(1, 'a', 0, "one"), SL_LEDGER_OK, 1);
    expect(commit_call(1, 'a', 1, "two"), SL_LEDGER_OK, 2);
    for (uint64_t n = 0; n <= 4; n++) {
        if (n == 2) continue;
        expect(commit_call(1, 'a', n, "other"), SL_LEDGER_AT, 2);
        expect(beat_call(1, 'a', n), SL_LEDGER_AT, 2);
        settle_begin(&both);
        const struct sl_ledger_reply *reply = both_call(&both, settle_call(&both, 1, 'a', n, 0));
        cr_assert(reply->status == SL_LEDGER_AT && reply->n == 2 && reply->digest.bytes[0] == 't');
    }
    expect(commit_call(1, 'a', UINT64_MAX - 1, "far"), SL_LEDGER_AT, 2);
}

Test(ledger, performs_the_late_twin_of_a_write_once) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    expect(commit_call(1, 'a', 0, "once"), SL_LEDGER_OK, 1);
    expect(commit_call(1, 'a', 0, "once"), SL_LEDGER_AT, 1);
    cr_assert(both_call(&both, read_call(SL_LEDGER_READ_LOG))->item_count == 1);
    settle_begin(&both);
    settle_add_text(&both, "HSET", "live", "f", "v");
    expect(settle_call(&both, 1, 'a', 1, 1), SL_LEDGER_OK, 2);
    expect(settle_call(&both, 1, 'a', 1, 1), SL_LEDGER_AT, 2);
}

Test(ledger, goes_to_one_of_two_takers) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    const struct sl_ledger_reply *reply = both_call(&both, acquire_call(0, 0, 1, 'b'));
    cr_assert(reply->status == SL_LEDGER_LOST && reply->epoch == 1 && reply->owner.bytes[0] == 'a');
    expect(commit_call(1, 'a', 0, "x"), SL_LEDGER_OK, 1);
    expect(acquire_call(1, 0, 2, 'b'), SL_LEDGER_LOST, 1); /* n moved on: the owner lives */
    expect(acquire_call(1, 1, 2, 'b'), SL_LEDGER_OK, 1);
    expect(acquire_call(1, 1, 2, 'c'), SL_LEDGER_LOST, 1);
    expect(commit_call(1, 'a', 1, "y"), SL_LEDGER_FENCED, 1);
    expect(commit_call(2, 'b', 1, "y"), SL_LEDGER_OK, 2);
}

Test(ledger, refuses_an_epoch_that_is_not_higher) {
    expect(acquire_call(0, 0, 0, 'a'), SL_LEDGER_LOST, 0);
    expect(acquire_call(0, 0, 10, 'a'), SL_LEDGER_OK, 0);
    expect(acquire_call(10, 0, 9, 'b'), SL_LEDGER_LOST, 0);
    expect(acquire_call(10, 0, 10, 'b'), SL_LEDGER_LOST, 0);
    expect(acquire_call(10, 0, (1ull << 53) + 1, 'b'), SL_LEDGER_OK, 0);
    expect(acquire_call((1ull << 53) + 1, 0, 1ull << 53, 'c'), SL_LEDGER_LOST, 0);
    expect(acquire_call((1ull << 53) + 1, 0, (1ull << 53) + 2, 'c'), SL_LEDGER_OK, 0);
    expect(acquire_call((1ull << 53) + 2, 0, UINT64_MAX, 'd'), SL_LEDGER_OK, 0);
}

Test(ledger, continues_after_a_release) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    expect(commit_call(1, 'a', 0, "x"), SL_LEDGER_OK, 1);
    expect(release_call(1, 'a', 1), SL_LEDGER_OK, 2);
    expect(commit_call(1, 'a', 2, "y"), SL_LEDGER_FENCED, 2);
    const struct sl_ledger_reply *reply = both_call(&both, resume_call());
    cr_assert(reply->epoch == 1 && reply->owner.bytes[0] == 0 && reply->n == 2);
    reply = both_call(&both, acquire_call(1, 2, 2, 'b'));
    cr_assert(reply->status == SL_LEDGER_OK && reply->from == 2 && reply->n == 2 && reply->time_ms == 1001);
    expect(commit_call(2, 'b', 2, "y"), SL_LEDGER_OK, 3);
}

Test(ledger, names_the_newest_commit_whatever_is_written_behind_it) {
    cr_assert(both_call(&both, acquire_call(0, 0, 1, 'a'))->last == 0);
    expect(beat_call(1, 'a', 0), SL_LEDGER_OK, 1);
    cr_assert(both_call(&both, resume_call())->last == 0);
    expect(commit_call(1, 'a', 1, "x"), SL_LEDGER_OK, 2);
    expect(beat_call(1, 'a', 2), SL_LEDGER_OK, 3);
    settle_begin(&both);
    expect(settle_call(&both, 1, 'a', 3, 2), SL_LEDGER_OK, 4);
    cr_assert(both_call(&both, resume_call())->last == 2);
    expect(release_call(1, 'a', 4), SL_LEDGER_OK, 5);
    cr_assert(both_call(&both, acquire_call(1, 5, 2, 'b'))->last == 2);
}

Test(ledger, counts_tries_until_a_settle) {
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        cr_assert(both_call(&both, acquire_call(epoch, 0, epoch + 1, 'a'))->tries == epoch + 1);
    }
    expect(beat_call(3, 'a', 0), SL_LEDGER_OK, 1);
    cr_assert(both_call(&both, resume_call())->tries == 3);
    settle_begin(&both);
    expect(settle_call(&both, 3, 'a', 1, 0), SL_LEDGER_OK, 2);
    cr_assert(both_call(&both, resume_call())->tries == 0);
    cr_assert(both_call(&both, acquire_call(3, 2, 4, 'a'))->tries == 1);
}

Test(ledger, alternates_between_two_owners) {
    uint64_t n = 0;
    for (uint64_t epoch = 1; epoch <= 20; epoch++) {
        char owner = epoch % 2 ? 'a' : 'b', other = epoch % 2 ? 'b' : 'a';
        expect(acquire_call(epoch - 1, n, epoch, owner), SL_LEDGER_OK, n);
        expect(commit_call(epoch - 1, other, n, "late"), SL_LEDGER_FENCED, n);
        expect(commit_call(epoch, owner, n, "mine"), SL_LEDGER_OK, n + 1);
        settle_begin(&both);
        settle_add_text(&both, "HSET", "live", epoch % 3 ? "f" : "g", "v");
        expect(settle_call(&both, epoch, owner, n + 1, n), SL_LEDGER_OK, n + 2);
        n += 2;
    }
}

Test(ledger, trims_exactly_up_to_the_checkpoint) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    for (uint64_t n = 0; n < 300; n++) expect(commit_call(1, 'a', n, "batch"), SL_LEDGER_OK, n + 1);
    const uint64_t ckpts[] = {0, 1, 1, 2, 150, 299, 300};
    for (size_t i = 0; i < sizeof ckpts / sizeof *ckpts; i++) {
        settle_begin(&both);
        expect(settle_call(&both, 1, 'a', 300 + i, ckpts[i]), SL_LEDGER_OK, 301 + i);
        const struct sl_ledger_reply *reply = both_call(&both, read_call(SL_LEDGER_READ_LOG));
        cr_assert(reply->item_count == 300 - ckpts[i]);
        if (reply->item_count) cr_assert(reply->items[0].n == ckpts[i] + 1);
    }
    cr_assert(both_call(&both, resume_call())->ckpt == 300);
}

Test(ledger, reads_the_log_in_pages_behind_a_number) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    for (uint64_t n = 0; n < 20; n += 2) {
        expect(commit_call(1, 'a', n, "batch"), SL_LEDGER_OK, n + 1);
        expect(beat_call(1, 'a', n + 1), SL_LEDGER_OK, n + 2);
    }
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_LOG);
    call.count = 4;
    size_t seen = 0;
    for (size_t count = 4; count == 4; seen += count) {
        const struct sl_ledger_reply *reply = both_call(&both, call);
        count = reply->item_count;
        if (count) call.n = reply->items[count - 1].n;
    }
    cr_assert(seen == 10 && call.n == 19);
    call.n = UINT64_MAX;
    cr_assert(both_call(&both, call)->item_count == 0);
    call.n = 0;
    call.count = 0;
    cr_assert(both_call(&both, call)->item_count == 1);
}

Test(ledger, settles_every_kind_of_operation) {
    struct sl_job_id job = job_of(77);
    struct sl_bytes id = sl_bytes(job.bytes, 16);
    uint8_t own[18] = "j:";
    memcpy(own + 2, job.bytes, 16);
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    expect(commit_call(1, 'a', 0, "x"), SL_LEDGER_OK, 1);
    settle_begin(&both);
    settle_add(&both, "HSET", sl_bytes(own, 18), 4,
               (struct sl_bytes[]){sl_text("p"), sl_text("payload"), sl_text("o.1.0.0"), sl_bytes("\0\xff", 2)});
    settle_add(&both, "HSET", sl_text("live"), 2, (struct sl_bytes[]){id, sl_text("head")});
    settle_add(&both, "HSET", sl_text("live"), 2, (struct sl_bytes[]){id, sl_text("newer head")});
    settle_add(&both, "HSET", sl_text("gone"), 2, (struct sl_bytes[]){id, sl_text("tombstone")});
    settle_add(&both, "ZADD", sl_text("ended"), 2, (struct sl_bytes[]){sl_text("1"), id});
    settle_add_text(&both, "SET", "s", "text", NULL);
    expect(settle_call(&both, 1, 'a', 1, 1), SL_LEDGER_OK, 2);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_JOB);
    call.job = job;
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 4 && sl_bytes_is(reply->items[1].value, "newer head"));
    settle_begin(&both);
    settle_add(&both, "HDEL", sl_text("live"), 1, &id);
    settle_add(&both, "HDEL", sl_text("gone"), 1, &id);
    settle_add(&both, "ZREM", sl_text("ended"), 1, &id);
    settle_add(&both, "DEL", sl_bytes(own, 18), 0, NULL);
    settle_add_text(&both, "DEL", "s", NULL, NULL);
    settle_add_text(&both, "DEL", "never there", NULL, NULL);
    expect(settle_call(&both, 1, 'a', 2, 1), SL_LEDGER_OK, 3);
    cr_assert(both_call(&both, call)->item_count == 0);
}

Test(ledger, refuses_a_settle_before_it_writes_anything) {
    static struct sl_bytes many[1002];
    for (size_t i = 0; i < 1002; i++) many[i] = sl_text("x");
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    settle_begin(&both);
    settle_add_text(&both, "HSET", "live", "f", "v");
    expect_bad(settle_call(&both, 1, 'a', 0, 1), "BAD ckpt");
    expect_bad(settle_call(&both, 1, 'a', 0, UINT64_MAX), "BAD ckpt");
    const struct {
        const char *verb, *key;
        size_t count;
    } bad[] = {{"GET", "live", 1},  {"hset", "live", 2},  {"", "live", 2},      {"HSET", "live", 0}, {"HSET", "live", 1},
               {"HSET", "live", 3}, {"HDEL", "live", 0},  {"DEL", "live", 1},   {"SET", "s", 0},     {"SET", "s", 2},
               {"ZREM", "z", 0},    {"ZADD", "z", 1},     {"ZADD", "z", 2},     {"HDEL", "live", 1001},
               {"HSET", "lease", 2}, {"DEL", "log", 0},   {"HSET", "live", 1002}, {"FLUSHALL", "live", 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settle_begin(&both);
        settle_add_text(&both, "HSET", "live", "f", "v");
        settle_add(&both, bad[i].verb, sl_text(bad[i].key), bad[i].count, many);
        settle_add_text(&both, "DEL", "live", NULL, NULL);
        expect_bad(settle_call(&both, 1, 'a', 0, 0), "BAD 4");
    }
    cr_assert(both_read_live(&both) == 0);
    settle_begin(&both);
    settle_add(&both, "HDEL", sl_text("live"), 1000, many);
    settle_add(&both, "HSET", sl_text("live"), 1000, many);
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
}

Test(ledger, takes_whole_numbers_as_scores_only) {
    const char *const bad[] = {"", "-1", "1.5", "0x10", " 1", "1 ", "inf", "1e3", "1000000000000000"};
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settle_begin(&both);
        settle_add_text(&both, "ZADD", "ended", bad[i], "member");
        expect_bad(settle_call(&both, 1, 'a', 0, 0), "BAD 3");
    }
    settle_begin(&both);
    settle_add_text(&both, "ZADD", "ended", "999999999999999", "0123456789abcdef");
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    cr_assert(both_call(&both, read_call(SL_LEDGER_READ_ENDED))->items[0].n == 999999999999999u);
}

Test(ledger, refuses_a_settle_whose_body_is_malformed) {
    const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"", 0}, {"\xc0", 1}, {"\x91", 1}, {"\x90\x90", 2}, {"\x91\x92\xa3" "DEL\xa1" "k", 7}, {"\xdd\xff\xff\xff\xff", 5},
               {"\x91\x93\xa3" "DEL\x01\x90", 7}, {"\x91\x93\xa3" "DEL\xa1k\x01", 8}, {"\x91\x93\xa3" "SET\xa1k\x91\x01", 9},
               {"\x91\x94\xa3" "DEL\xa1k\x90\xc0", 9}, {"\x91\x93\xc4\x03" "DEL\xa1k\x90", 9}, {"\xc1", 1}};
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    settle_begin(&both);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sl_ledger_call call = settle_call(&both, 1, 'a', 0, 0);
        call.body = sl_bytes(bad[i].bytes, bad[i].size);
        expect_bad(call, "BAD args");
        call.ckpt = 5;
        expect_bad(call, "BAD ckpt");
        call.n = 3;
        expect(call, SL_LEDGER_AT, 0);
    }
}

Test(ledger, keeps_the_limits_of_a_settle) {
    static char key[258];
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    memset(key, 'k', 257);
    settle_begin(&both);
    settle_add_text(&both, "DEL", key, NULL, NULL);
    expect_bad(settle_call(&both, 1, 'a', 0, 0), "BAD args");
    key[256] = '\0';
    settle_begin(&both);
    settle_add_text(&both, "DEL", key, NULL, NULL);
    for (int i = 1; i < 4096; i++) settle_add_text(&both, "SET", "s", "v", NULL);
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    settle_add_text(&both, "SET", "s", "v", NULL);
    expect_bad(settle_call(&both, 1, 'a', 1, 0), "BAD args");
}

Test(ledger, keeps_what_stood_before_an_operation_on_a_key_of_another_kind) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    settle_begin(&both);
    settle_add_text(&both, "SET", "s", "text", NULL);
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    settle_begin(&both);
    settle_add_text(&both, "HSET", "live", "f", "v");
    settle_add_text(&both, "HSET", "s", "f", "v");
    settle_add_text(&both, "HSET", "live", "g", "v");
    cr_assert(both_call(&both, settle_call(&both, 1, 'a', 1, 1))->status == SL_LEDGER_FAILED);
    cr_assert(both_read_live(&both) == 1);
    cr_assert(both_call(&both, resume_call())->n == 1);
    settle_begin(&both);
    settle_add_text(&both, "SET", "live", "a string now", NULL);
    expect(settle_call(&both, 1, 'a', 1, 1), SL_LEDGER_OK, 2);
    cr_assert(both_call(&both, read_call(SL_LEDGER_READ_LIVE))->status == SL_LEDGER_FAILED);
}

Test(ledger, gives_every_live_record_over_its_pages) {
    static struct sl_job_id jobs[5000];
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    cr_assert(both_read_live(&both) == 0);
    for (uint64_t n = 0; n < 10; n++) {
        settle_begin(&both);
        for (uint64_t i = n * 500; i < n * 500 + 500; i++) {
            jobs[i] = job_of(i * 0x9e3779b97f4a7c15u);
            settle_add(&both, "HSET", sl_text("live"), 2,
                       (struct sl_bytes[]){sl_bytes(jobs[i].bytes, 16), sl_text("a record of some bytes")});
        }
        expect(settle_call(&both, 1, 'a', n, 0), SL_LEDGER_OK, n + 1);
    }
    cr_assert(both_read_live(&both) == 5000);
}

Test(ledger, lists_ended_jobs_newest_first_and_through_equal_numbers) {
    struct sl_job_id jobs[60];
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    settle_begin(&both);
    for (uint64_t i = 0; i < 60; i++) {
        char score[8];
        snprintf(score, sizeof score, "%u", (unsigned)(i / 7 + 1));
        jobs[i] = job_of(i * 0x9e3779b97f4a7c15u);
        settle_add(&both, "ZADD", sl_text("ended"), 2,
                   (struct sl_bytes[]){sl_text(score), sl_bytes(jobs[i].bytes, 16)});
    }
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_ENDED);
    call.count = 10;
    for (call.cursor = 0; call.cursor < 70; call.cursor += 10) {
        cr_assert(both_call(&both, call)->item_count == (call.cursor < 60 ? 10 : 0));
    }
    call.cursor = 0;
    call.n = 5;
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 10 && reply->items[0].n == 4);
    call.n = 1;
    cr_assert(both_call(&both, call)->item_count == 0);
    call.n = 0;
    call.cursor = UINT64_MAX;
    cr_assert(both_call(&both, call)->item_count == 0);
}

Test(ledger, lists_ended_jobs_oldest_first_behind_those_passed_over) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_OLDEST);
    call.count = 3;
    cr_assert(both_call(&both, call)->item_count == 0, "there is no such key yet");
    settle_begin(&both);
    for (uint64_t i = 0; i < 20; i++) {
        char score[8];
        struct sl_job_id job = job_of((i + 1) * 0x9e3779b97f4a7c15u);
        snprintf(score, sizeof score, "%u", (unsigned)(20 - i / 3));
        settle_add(&both, "ZADD", sl_text("ended"), 2, (struct sl_bytes[]){sl_text(score), sl_bytes(job.bytes, 16)});
    }
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 3 && reply->items[0].n == 14 && reply->items[2].n == 15);
    for (call.cursor = 0; call.cursor < 24; call.cursor += 3) (void)both_call(&both, call); /* compares */
    call.cursor = UINT64_MAX;
    cr_assert(both_call(&both, call)->item_count == 0);
}

Test(ledger, gives_the_record_of_an_ended_job_alone) {
    struct sl_job_id job = job_of(77);
    uint8_t own[18] = {'j', ':'};
    memcpy(own + 2, job.bytes, 16);
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_RECORD);
    call.job = job;
    cr_assert(both_call(&both, call)->item_count == 0);
    settle_begin(&both);
    settle_add(&both, "HSET", sl_bytes(own, 18), 4,
               (struct sl_bytes[]){sl_text("p"), sl_text("payload"), sl_text("r"), sl_bytes("\0\xff", 2)});
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 1 && sl_bytes_is(reply->items[0].key, "r") && reply->items[0].value.size == 2);
}

Test(ledger, gives_the_head_of_a_live_job_alone) {
    struct sl_job_id job = job_of(78);
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_HEAD);
    call.job = job;
    cr_assert_eq(both_call(&both, call)->item_count, 0);
    settle_begin(&both);
    settle_add(&both, "HSET", sl_text("live"), 2, (struct sl_bytes[]){sl_bytes(job.bytes, 16), sl_bytes("\0\xff", 2)});
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 1 && sl_bytes_is(reply->items[0].key, "live") && reply->items[0].value.size == 2);
}

Test(ledger, gives_a_pipeline_by_its_digest) {
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_PIPELINE);
    call.digest = (struct sl_digest){{0x0f, 0xf0, 0xa5}};
    cr_assert_eq(both_call(&both, call)->item_count, 0);
    struct sl_bytes canonical = sl_bytes("\x91\0\xff", 3);
    ledger_twin_put_pipeline(both.twin, call.digest, canonical);
    freeReplyObject(real_admin(&both.real, "SET sl:p:0ff0a500000000000000000000000000 %b", canonical.data, canonical.size));
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->status == SL_LEDGER_OK && reply->item_count == 1 && reply->items[0].value.size == 3);
    freeReplyObject(real_admin(&both.real, "DEL sl:p:0ff0a500000000000000000000000000"));
    ledger_twin_put_pipeline(both.twin, call.digest, sl_bytes(NULL, 0));
    cr_assert_eq(both_call(&both, call)->item_count, 0);
}

Test(ledger, gives_the_tombstones_in_pages) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    struct sl_ledger_call call = read_call(SL_LEDGER_READ_GONE);
    cr_assert(both_call(&both, call)->item_count == 0);
    settle_begin(&both);
    for (uint64_t i = 0; i < 20; i++) {
        struct sl_job_id job = job_of(i);
        settle_add(&both, "HSET", sl_text("gone"), 2, (struct sl_bytes[]){sl_bytes(job.bytes, 16), sl_text("tombstone")});
    }
    expect(settle_call(&both, 1, 'a', 0, 0), SL_LEDGER_OK, 1);
    const struct sl_ledger_reply *reply = both_call(&both, call);
    cr_assert(reply->item_count == 20 && reply->cursor == 0 && sl_bytes_is(reply->items[7].value, "tombstone"));
}

Test(ledger, keeps_its_shards_apart) {
    const uint16_t shards[] = {0, 7, 10, 99, 100, 1023};
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        struct sl_ledger_call call = acquire_call(0, 0, 1, 'a');
        call.shard = shards[i];
        expect(call, SL_LEDGER_OK, 0);
        call = commit_call(1, 'a', 0, "batch");
        call.shard = shards[i];
        expect(call, SL_LEDGER_OK, 1);
    }
}

Test(ledger, keeps_everything_over_a_kill_of_redis) {
    expect(acquire_call(0, 0, 1, 'a'), SL_LEDGER_OK, 0);
    expect(commit_call(1, 'a', 0, "one"), SL_LEDGER_OK, 1);
    settle_begin(&both);
    settle_add_text(&both, "HSET", "live", "f", "v");
    settle_add_text(&both, "ZADD", "ended", "1", "0123456789abcdef");
    expect(settle_call(&both, 1, 'a', 1, 1), SL_LEDGER_OK, 2);
    expect(commit_call(1, 'a', 2, "two"), SL_LEDGER_OK, 3);
    redis_server_kill(both.real.server);
    real_wait_down(&both.real, 1);
    cr_assert(redis_server_restart(both.real.server) == 0);
    real_admin_connect(&both.real);
    real_wait_up(&both.real);
    both_compare_dumps(&both);
    cr_assert(both_call(&both, resume_call())->n == 3);
    expect(commit_call(1, 'a', 3, "three"), SL_LEDGER_OK, 4);
}
