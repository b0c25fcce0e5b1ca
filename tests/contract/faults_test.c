/* Faults between an owner and Redis: cuts at every reply, kills, stalls, and each "not now". Nothing may be lost or done twice. */
#include "owner.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITES = 24 };

TestSuite(faults, .timeout = 300);

static struct both both;
static struct owner owner;

static void begin(const char *const *overrides, size_t writes, uint32_t reply_ms) {
    both_start_patient(&both, overrides, reply_ms);
    owner_begin(&owner, &both, writes);
}

static void finish(void) {
    owner_run(&owner);
    owner_end(&owner);
    both_end(&both);
}

/* One run of the owner with a cut at the nth reply. */
static void run_with_cut(void (*cut)(struct owner *), size_t nth) {
    begin(NULL, WRITES, 5000);
    owner.cut = cut;
    owner.cut_after = nth;
    owner_run(&owner);
    cr_assert(both.real.down_count == 1, "cut at reply %zu: %u cuts", nth, both.real.down_count);
    finish();
}

Test(faults, lose_nothing_when_the_connection_is_cut_at_any_reply) {
    for (size_t nth = 1; nth <= WRITES; nth++) run_with_cut(owner_cut_here, nth);
}

/* Redis closes every client's connection, whatever it carries. */
static void cut_from_redis(struct owner *self) {
    freeReplyObject(real_admin(&self->both->real, "CLIENT KILL TYPE normal SKIPME yes"));
}

Test(faults, lose_nothing_when_redis_closes_the_connection_at_any_reply) {
    for (size_t nth = 1; nth < WRITES; nth++) run_with_cut(cut_from_redis, nth);
}

static void kill_redis(struct owner *self) {
    redis_server_kill(self->both->real.server);
    cr_assert(redis_server_restart(self->both->real.server) == 0);
    real_admin_connect(&self->both->real);
}

Test(faults, lose_nothing_when_redis_is_killed_at_any_reply) {
    for (size_t nth = 1; nth < WRITES; nth += 3) run_with_cut(kill_redis, nth);
}

/* Cuts again and again, the answers to RESUME included, until all is done. */
static void cut_on(struct owner *self) {
    owner_cut_here(self);
    self->cut_after = self->replies + 2;
}

Test(faults, end_though_every_second_reply_is_a_cut) {
    begin(NULL, WRITES, 5000);
    owner.cut = cut_on;
    owner.cut_after = 1;
    owner_run(&owner);
    cr_assert(both.real.down_count >= 2); /* what was sent before a cut is performed all the same: the answer to RESUME says so */
    owner.cut_after = 0;
    real_wait_up(&both.real);
    finish();
}

Test(faults, hold_while_redis_stalls) {
    begin(NULL, WRITES, 200);
    redis_server_signal(both.real.server, SIGSTOP);
    real_send(&both.real, &owner.writes[0]);
    real_wait_down(&both.real, 1);
    cr_assert(strstr(both.real.why, "no answer within 200 ms"), "%s", both.real.why);
    redis_server_signal(both.real.server, SIGCONT);
    finish(); /* the first write was performed late */
}

/* The first write is refused with that word, and the connection cut; as often as is asked for. */
static void expect_refusals(const char *word, unsigned times) {
    for (unsigned i = 1; i <= times; i++) {
        real_wait_up(&both.real);
        real_send(&both.real, &owner.writes[0]);
        real_wait_down(&both.real, i);
        cr_assert(strstr(both.real.why, word), "%s", both.real.why);
        cr_assert(owner.unavailable == i && owner.n == 0);
    }
}

Test(faults, hold_while_redis_is_a_replica) {
    begin(NULL, WRITES, 5000);
    freeReplyObject(real_admin(&both.real, "REPLICAOF 127.0.0.1 1"));
    expect_refusals("READONLY", 3); /* greeted again, refused again: with pauses that grow */
    freeReplyObject(real_admin(&both.real, "REPLICAOF NO ONE"));
    finish();
}

/* Makes a snapshot fail, for its file's name is taken by a folder; then Redis refuses writes. */
static void break_snapshots(void) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/dump.rdb", redis_server_folder(both.real.server)); /* fits */
    cr_assert(mkdir(path, 0700) == 0);
    (void)strcat(path, "/x");
    cr_assert(mkdir(path, 0700) == 0); /* a folder that is not empty cannot be renamed over */
    freeReplyObject(real_admin(&both.real, "CONFIG SET save %s", "3600 1000000"));
    freeReplyObject(real_admin(&both.real, "BGSAVE"));
    for (bool failed = false; !failed;) {
        redisReply *info = real_admin(&both.real, "INFO persistence");
        failed = strstr(info->str, "rdb_last_bgsave_status:err") != NULL;
        freeReplyObject(info);
    }
}

Test(faults, hold_while_redis_cannot_save) {
    begin(NULL, WRITES, 5000);
    break_snapshots();
    expect_refusals("MISCONF", 1);
    freeReplyObject(real_admin(&both.real, "CONFIG SET stop-writes-on-bgsave-error no"));
    finish();
}

Test(faults, hold_while_redis_is_busy) {
    begin((const char *const[]){"busy-reply-threshold", "20", NULL}, WRITES, 5000);
    redisContext *other = redisConnectUnix(redis_server_socket(both.real.server));
    cr_assert(other && !other->err);
    int done = 0;
    cr_assert(redisAppendCommand(other, "EVAL %s 0", "while true do end") == REDIS_OK);
    while (!done) cr_assert(redisBufferWrite(other, &done) == REDIS_OK);
    for (bool busy = false; !busy;) { /* until the script runs and its time is up */
        redisReply *reply = redisCommand(both.real.admin, "PING");
        busy = reply && reply->type == REDIS_REPLY_ERROR;
        freeReplyObject(reply);
    }
    expect_refusals("BUSY", 1);
    freeReplyObject(real_admin(&both.real, "SCRIPT KILL"));
    redisFree(other);
    finish();
}

Test(faults, hold_while_redis_is_loading) {
    begin(NULL, 1500, 5000);
    owner_run(&owner);
    redis_server_kill(both.real.server);
    real_wait_down(&both.real, 1);
    redis_server_override(both.real.server, "key-load-delay", "600"); /* microseconds a key */
    cr_assert(redis_server_begin(both.real.server) == 0);
    bool saw_loading = false;
    while (!both.real.up) {
        real_turn(&both.real);
        saw_loading = saw_loading || strstr(sl_ledger_redis_why(both.real.redis), "LOADING");
    }
    cr_assert(saw_loading, "Redis was ready before the client asked");
    real_admin_connect(&both.real);
    finish();
}

Test(faults, are_none_when_memory_is_full) {
    begin(NULL, WRITES, 5000);
    freeReplyObject(real_admin(&both.real, "CONFIG SET maxmemory 1"));
    redisReply *refused = redisCommand(both.real.admin, "SET x y");
    cr_assert(refused && refused->type == REDIS_REPLY_ERROR && strncmp(refused->str, "OOM", 3) == 0);
    freeReplyObject(refused);
    owner_run(&owner); /* every function may go above the limit */
    cr_assert(both.real.down_count == 0, "%s", both.real.why);
    freeReplyObject(real_admin(&both.real, "CONFIG SET maxmemory 0"));
    finish();
}

/* A Redis whose disk fills up ends (appendfsync always); with more room it starts again and holds what it acknowledged. */
Test(faults, lose_nothing_when_the_disk_is_full) {
    char folder[] = "/tmp/sluice-full.XXXXXX";
    cr_assert(mkdtemp(folder));
    if (mount("sluice-test", folder, "tmpfs", 0, "size=1m")) {
        (void)rmdir(folder); /* it is empty */
        cr_skip_test("a small file system cannot be mounted here: %s", strerror(errno));
    }
    begin((const char *const[]){"dir", folder, NULL}, 1200, 5000);
    for (size_t i = 0; i < 1200; i++) real_send(&both.real, &owner.writes[i]);
    while (!redis_server_wait_end(both.real.server, 0)) real_turn(&both.real);
    real_wait_down(&both.real, 1);
    cr_assert(owner.n > 100 && owner.n < 1200, "%llu writes fitted", (unsigned long long)owner.n);
    cr_assert(mount("sluice-test", folder, "tmpfs", MS_REMOUNT, "size=64m") == 0);
    cr_assert(redis_server_restart(both.real.server) == 0);
    real_admin_connect(&both.real);
    finish();
    cr_assert(umount2(folder, MNT_DETACH) == 0 && rmdir(folder) == 0);
}
