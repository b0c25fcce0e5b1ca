/* The check before a broker serves: each Redis that does not fit gets its sentence, and the first broker makes the cluster. */
#include "base/err.h"
#include "base/limits.h"
#include "shell/ledger_library.h"
#include "shell/redis_check.h"
#include "support/redis_server.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(redis_check, .timeout = 60);

static struct redis_server *server;
static struct sl_redis_check check;
static struct sl_cluster cluster;
static char why[SL_REDIS_WHY_SIZE];

static void start(const char *const *overrides) {
    cr_assert(redis_server_start(overrides, &server) == 0);
    check = (struct sl_redis_check){.address = redis_server_socket(server), .create = true};
}

static void expect(int rc, const char *sentence) {
    int got = sl_redis_check(&check, &cluster, why);
    cr_assert(got == rc, "%s: %s", sl_err_text(got), why);
    cr_assert(strstr(why, sentence), "`%s` is not in: %s", sentence, why);
    cr_assert(rc == 0 || why[0], "a refusal without a sentence");
}

static void command(const char *text) {
    redisContext *redis = redisConnectUnix(redis_server_socket(server));
    redisReply *reply = redis && !redis->err ? redisCommand(redis, text) : NULL;
    cr_assert(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", text, reply ? reply->str : "no reply");
    freeReplyObject(reply);
    redisFree(redis);
}

Test(redis_check, makes_a_cluster_once) {
    start(NULL);
    expect(SL_OK, "");
    cr_assert(cluster.shards == SL_SHARDS_DEFAULT);
    struct sl_cluster first = cluster;
    expect(SL_OK, "");
    cr_assert(memcmp(first.salt, cluster.salt, sizeof first.salt) == 0 && cluster.shards == first.shards);
    check.create = false;
    expect(SL_OK, "");
    redis_server_kill(server);
    cr_assert(redis_server_restart(server) == 0);
    expect(SL_OK, "");
    redis_server_free(&server);
}

Test(redis_check, keeps_the_number_of_shards) {
    start(NULL);
    check.shards = 3;
    expect(SL_OK, "");
    cr_assert(cluster.shards == 3);
    check.shards = 0;
    expect(SL_OK, "");
    cr_assert(cluster.shards == 3);
    check.shards = 4;
    expect(SL_E_REFUSED, "has 3 shards, which cannot change");
    check.shards = SL_SHARDS_MAX + 1;
    expect(SL_E_BAD_INPUT, "at most 1024 shards");
    redis_server_free(&server);
}

Test(redis_check, gives_each_cluster_its_own_salt) {
    uint8_t salt[SL_CLUSTER_SALT_SIZE];
    start(NULL);
    expect(SL_OK, "");
    memcpy(salt, cluster.salt, sizeof salt);
    command("FLUSHALL");
    expect(SL_OK, ""); /* the library is there still, the cluster is new */
    cr_assert(memcmp(salt, cluster.salt, sizeof salt) != 0);
    redis_server_free(&server);
}

Test(redis_check, makes_nothing_when_it_may_not) {
    start(NULL);
    check.create = false;
    expect(SL_E_REFUSED, "--no-create forbids");
    check.create = true;
    expect(SL_OK, "");
    command("FUNCTION FLUSH");
    check.create = false;
    expect(SL_E_REFUSED, "has no function library sluice1");
    check.create = true;
    expect(SL_OK, "");
    redis_server_free(&server);
}

Test(redis_check, refuses_another_cluster_s_rest) {
    start(NULL);
    command("SET sl:{s01}:s x");
    expect(SL_E_REFUSED, "holds keys of a cluster");
    command("DEL sl:{s01}:s");
    command("SET other x"); /* what is not ours does not matter */
    expect(SL_OK, "");
    command("HSET sl:cluster format 2");
    expect(SL_E_REFUSED, "has format 2");
    command("HDEL sl:cluster format");
    expect(SL_E_REFUSED, "sl:cluster in Redis");
    redis_server_free(&server);
}

Test(redis_check, refuses_another_library) {
    start(NULL);
    expect(SL_OK, "");
    command("HSET sl:cluster library 00");
    expect(SL_E_REFUSED, "runs function library 00 and this broker brings");
    command("DEL sl:cluster");
    command("FUNCTION FLUSH");
    redisContext *redis = redisConnectUnix(check.address);
    redisReply *reply = redisCommand(redis, "FUNCTION LOAD %s",
                                     "#!lua name=sluice1\nredis.register_function('sluice1_commit', function() end)");
    cr_assert(reply && reply->type != REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(redis);
    expect(SL_E_REFUSED, "another function library sluice1");
    redis_server_free(&server);
}

Test(redis_check, refuses_what_is_less_durable_than_asked_for) {
    start((const char *const[]){"appendfsync", "everysec", NULL});
    expect(SL_E_REFUSED, "needs `always`");
    check.durability = SL_DURABILITY_PROCESS;
    expect(SL_OK, "");
    command("CONFIG SET appendfsync no");
    expect(SL_E_REFUSED, "needs `everysec`");
    command("CONFIG SET appendfsync always");
    expect(SL_OK, "");
    check.durability = SL_DURABILITY_REPLICA;
    expect(SL_E_BAD_INPUT, "not built yet");
    redis_server_free(&server);
}

Test(redis_check, names_every_setting_that_does_not_fit) {
    start((const char *const[]){"appendonly", "no", "maxmemory-policy", "allkeys-lru", "no-appendfsync-on-rewrite", "yes",
                                "proto-max-bulk-len", "2mb", "client-query-buffer-limit", "2mb", NULL});
    expect(SL_E_REFUSED, "CONFIG SET appendonly yes");
    cr_assert(strstr(why, "CONFIG SET maxmemory-policy noeviction"));
    cr_assert(strstr(why, "CONFIG SET no-appendfsync-on-rewrite no"));
    cr_assert(strstr(why, "CONFIG SET proto-max-bulk-len 134217728"));
    cr_assert(strstr(why, "CONFIG SET client-query-buffer-limit 134217728"));
    size_t lines = 1;
    for (const char *at = why; *at; at++) lines += *at == '\n';
    cr_assert(lines == 5, "%zu sentences", lines);
    redis_server_free(&server);
}

Test(redis_check, refuses_a_replica) {
    start(NULL);
    command("REPLICAOF 127.0.0.1 1");
    expect(SL_E_REFUSED, "is a replica");
    redis_server_free(&server);
}

Test(redis_check, refuses_a_redis_that_wants_a_password) {
    start(NULL);
    command("CONFIG SET requirepass secret");
    expect(SL_E_NOT_ALLOWED, "NOAUTH");
    redis_server_free(&server);
}

Test(redis_check, says_when_nobody_is_there) {
    start(NULL);
    redis_server_kill(server);
    expect(SL_E_UNREACHABLE, "no Redis listens on");
    check.address = "/tmp/there is no such socket";
    expect(SL_E_UNREACHABLE, "there is no Redis socket");
    check.address = "127.0.0.1:1";
    expect(SL_E_UNREACHABLE, "no Redis answers at 127.0.0.1:1");
    check.address = "no-such-host.invalid:6379";
    expect(SL_E_UNREACHABLE, "is not known");
    check.address = "127.0.0.1:0";
    expect(SL_E_BAD_INPUT, "no address of Redis");
    check.address = "";
    expect(SL_E_BAD_INPUT, "no address of Redis");
    redis_server_free(&server);
}

/* A program that takes connections and says nothing. */
Test(redis_check, does_not_wait_for_ever) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/sluice-silent.XXXXXX";
    cr_assert(mkdtemp(folder));
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s/s", folder); /* fits */
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert(bind(fd, (const struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 4) == 0);
    check = (struct sl_redis_check){.address = name.sun_path, .reply_ms = 100};
    expect(SL_E_AGAIN, "does not answer INFO");
    cr_assert(close(fd) == 0 && unlink(name.sun_path) == 0 && rmdir(folder) == 0);
}

Test(ledger_library, is_the_text_that_the_program_was_built_with) {
    struct sl_bytes text = sl_ledger_library_text();
    cr_assert(text.size > 1000 && memcmp(text.data, "#!lua name=sluice1\n", 19) == 0);
    cr_assert(text.data[text.size - 1] == '\n' && text.data[text.size] == '\0');
    size_t lines = 0;
    for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n';
    cr_assert(lines < 100, "the library has %zu lines", lines);
}
