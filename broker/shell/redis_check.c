/* The check before a broker serves; see redis_check.h. It uses hiredis' blocking connection, for nothing else runs yet. */
#include "redis_check.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "ledger_address.h"
#include "ledger_library.h"
#include "ledger_reply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* What to do about a cluster that another version of Sluice has made. */
#define OTHER_VERSION \
    "use a broker of the cluster's version, or begin anew with an empty Redis (sluice dev: another --data; quickstart: remove build/quickstart)."

enum { VERSION_MIN = 70015, SCAN_PAGE = 1000, HEX_SIZE = 33 };

/* One check: the connection, and where sentences go. */
struct check {
    const struct sl_redis_check *what;
    redisContext *redis;
    char address[SL_LEDGER_ADDRESS_TEXT_SIZE];
    char *why;
};

static int refuse(const struct check *self, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(const struct check *self, int rc, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(self->why, SL_REDIS_WHY_SIZE, format, args); /* a sentence that is cut is still a sentence */
    va_end(args);
    return rc;
}

static void free_reply(redisReply **reply) {
    if (*reply) freeReplyObject(*reply);
}

#define REPLY __attribute__((cleanup(free_reply))) redisReply

static uint32_t reply_ms(const struct sl_redis_check *what) {
    return what->reply_ms ? what->reply_ms : SL_REPLY_MS;
}

/* Waits until the connection that was begun stands. */
static int wait_connected(const struct check *self, int fd) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int failed = 0;
    socklen_t size = sizeof failed;
    int count = poll(&ready, 1, (int)reply_ms(self->what));
    if (count > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0) return SL_OK;
    return refuse(self, SL_E_UNREACHABLE, "no Redis answers at %s (%s): start redis-server, or say where Redis is.",
                  self->address, count > 0 ? strerror(failed) : "no answer in time");
}

static int connect_redis(struct check *self) {
    struct sl_ledger_address address;
    int rc = sl_ledger_address_parse(self->what->address, &address, self->why, SL_REDIS_WHY_SIZE);
    if (rc) return rc;
    sl_ledger_address_text(&address, self->address);
    int fd = -1;
    rc = sl_ledger_address_connect(&address, &fd, self->why, SL_REDIS_WHY_SIZE);
    if (rc) return rc;
    rc = wait_connected(self, fd);
    if (rc == SL_OK && fcntl(fd, F_SETFL, 0)) rc = refuse(self, SL_E_IO, "fcntl: %s", strerror(errno));
    if (rc == SL_OK) {
        self->redis = redisConnectFd(fd);
        if (!self->redis) rc = refuse(self, SL_E_NO_MEMORY, "out of memory");
    }
    if (rc) {
        (void)close(fd); /* nothing was written */
        return rc;
    }
    struct timeval timeout = {.tv_sec = reply_ms(self->what) / 1000, .tv_usec = (reply_ms(self->what) % 1000) * 1000};
    (void)redisSetTimeout(self->redis, timeout); /* without it a silent Redis is waited for longer */
    return SL_OK;
}

/* What to do about an error that Redis gives; "" when its own words must do. */
static const char *advice(const char *error) {
    static const struct {
        const char *word;
        const char *advice;
    } known[] = {
        {"OOM", "; it is full: raise its limit with CONFIG SET maxmemory in redis-cli and in redis.conf, then start again"},
        {"NOAUTH", "; brokers of this version know no password: give a Redis without one that only this machine reaches"},
        {"NOPERM", "; give this user the right to run it"},
        {"MISCONF", "; make room on its disk, then start again"},
        {"READONLY", "; give the address of its primary"},
        {"LOADING", "; wait until it has loaded its data, then start again"},
        {"BUSY", "; wait until its script has ended, or run FUNCTION KILL in redis-cli"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(error, known[i].word, strlen(known[i].word)) == 0) return known[i].advice;
    }
    return "";
}

/* What an error of Redis means to a broker that starts: some pass by themselves, others must be dealt with by somebody. */
static int rc_of(const redisReply *error) {
    static const struct {
        const char *word;
        int rc;
    } rows[] = {{"NOAUTH", SL_E_NOT_ALLOWED}, {"NOPERM", SL_E_NOT_ALLOWED},  {"WRONGPASS", SL_E_NOT_ALLOWED}, {"OOM", SL_E_REFUSED},
                {"READONLY", SL_E_REFUSED},   {"NOREPLICAS", SL_E_REFUSED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strncmp(error->str, rows[i].word, strlen(rows[i].word)) == 0) return rows[i].rc;
    return sl_ledger_is_unavailable(error) ? SL_E_AGAIN : SL_E_REFUSED;
}

/* One command. NULL with a sentence and *out_rc when there is no reply or an error; else the caller frees. */
static redisReply *ask(const struct check *self, int *out_rc, int argc, const char **argv, const size_t *sizes) {
    redisReply *reply = redisCommandArgv(self->redis, argc, argv, sizes);
    if (!reply) {
        *out_rc = refuse(self, SL_E_AGAIN, "Redis at %s does not answer %s: %s.", self->address, argv[0],
                         self->redis->errstr);
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ERROR) return reply;
    int size = (int)strcspn(reply->str, "\r\n");
    while (size > 0 && reply->str[size - 1] == '.') size--;
    *out_rc = refuse(self, rc_of(reply), "Redis at %s refuses %s: %.*s%s.", self->address, argv[0],
                     size < 500 ? size : 500, reply->str, advice(reply->str));
    freeReplyObject(reply);
    return NULL;
}

static redisReply *ask_words(const struct check *self, int *out_rc, int argc, const char *const *words) {
    const char *argv[16];
    size_t sizes[16];
    SL_ASSERT(argc <= 16);
    for (int i = 0; i < argc; i++) {
        argv[i] = words[i];
        sizes[i] = strlen(words[i]);
    }
    return ask(self, out_rc, argc, argv, sizes);
}

/* The server. */

/* The text behind "NAME:" at the start of a line of INFO; NULL: there is none. */
static const char *info_of(const char *info, const char *name) {
    size_t size = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, name, size) == 0 && line[size] == ':') return line + size + 1;
    }
    return NULL;
}

static int check_server(const struct check *self) {
    int rc = SL_OK;
    REPLY *reply = ask_words(self, &rc, 1, (const char *const[]){"INFO"});
    if (!reply) return rc;
    const char *info = reply->type == REDIS_REPLY_STRING ? reply->str : "";
    const char *version = info_of(info, "redis_version"), *role = info_of(info, "role"), *loading = info_of(info, "loading");
    unsigned major = 0, minor = 0, patch = 0;
    if (!version || sscanf(version, "%u.%u.%u", &major, &minor, &patch) != 3) {
        return refuse(self, SL_E_REFUSED, "what answers at %s does not say that it is Redis 7.0.15 or newer.", self->address);
    }
    if (major * 10000 + minor * 100 + patch < VERSION_MIN) {
        return refuse(self, SL_E_REFUSED, "Redis at %s is version %u.%u.%u: install 7.0.15 or newer.", self->address, major,
                      minor, patch);
    }
    if (loading && *loading == '1') {
        return refuse(self, SL_E_AGAIN, "Redis at %s is still loading its data: wait until it has.", self->address);
    }
    if (!role || strncmp(role, "master", 6) != 0) {
        return refuse(self, SL_E_REFUSED,
                      "Redis at %s is a replica and takes no writes: give the address of its primary, or promote it with "
                      "REPLICAOF NO ONE.", self->address);
    }
    return SL_OK;
}

static int check_settings(const struct check *self) {
    int rc = SL_OK;
    REPLY *reply = ask_words(self, &rc, SL_REDIS_SETTINGS_ARGC, sl_redis_settings_command);
    if (!reply) return rc;
    return sl_redis_check_settings(reply, self->what->durability, self->address, self->why);
}

/* The cluster. */

static void library_hex(char out_hex[HEX_SIZE]) {
    struct sl_digest digest = sl_ledger_library_digest();
    for (size_t i = 0; i < sizeof digest.bytes; i++) (void)snprintf(out_hex + 2 * i, 3, "%02x", digest.bytes[i]); /* fits */
}

static const redisReply *field_of(const redisReply *hash, const char *name) {
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        if (strcmp(hash->element[i]->str, name) == 0) return hash->element[i + 1];
    }
    return NULL;
}

/* What sl:cluster says, when it is there and fits this program. */
static int compare_cluster(const struct check *self, const redisReply *hash, struct sl_cluster *out_cluster) {
    const redisReply *format = field_of(hash, "format"), *shards = field_of(hash, "shards"),
                     *salt = field_of(hash, "salt"), *library = field_of(hash, "library");
    uint64_t shard_count = 0, format_number = 0;
    bool whole = format && shards && salt && library && salt->len == SL_CLUSTER_SALT_SIZE &&
                 sl_ledger_number(sl_bytes(shards->str, shards->len), &shard_count) && shard_count > 0 &&
                 shard_count <= SL_SHARDS_MAX && sl_ledger_number(sl_bytes(format->str, format->len), &format_number);
    if (!whole) {
        return refuse(self, SL_E_REFUSED,
                      "the key sl:cluster in Redis at %s is damaged: restore it from a backup, or give another Redis.",
                      self->address);
    }
    if (format_number != SL_CLUSTER_FORMAT) {
        return refuse(self, SL_E_REFUSED,
                      "the cluster in Redis at %s has format %" PRIu64 " and this broker reads %d: " OTHER_VERSION, self->address,
                      format_number, SL_CLUSTER_FORMAT);
    }
    char hex[HEX_SIZE];
    library_hex(hex);
    if (strcmp(library->str, hex) != 0) {
        return refuse(self, SL_E_REFUSED,
                      "the cluster in Redis at %s runs function library %.40s and this broker brings %s: " OTHER_VERSION, self->address,
                      library->str, hex);
    }
    if (self->what->shards && self->what->shards != shard_count) {
        return refuse(self, SL_E_REFUSED,
                      "the cluster in Redis at %s has %" PRIu64 " shards, which cannot change: leave --shards out.",
                      self->address, shard_count);
    }
    out_cluster->shards = (uint16_t)shard_count;
    memcpy(out_cluster->salt, salt->str, sizeof out_cluster->salt);
    return SL_OK;
}

/* Keys of ours without sl:cluster are the rest of something: nothing is made among them. */
static int check_no_keys(const struct check *self) {
    char cursor[24] = "0", page[8];
    (void)snprintf(page, sizeof page, "%d", SCAN_PAGE); /* fits */
    do {
        int rc = SL_OK;
        REPLY *reply =
            ask_words(self, &rc, 6, (const char *const[]){"SCAN", cursor, "MATCH", "sl:*", "COUNT", page});
        if (!reply) return rc;
        bool shaped = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->len < sizeof cursor;
        if (!shaped || reply->element[1]->elements > 0) {
            return refuse(self, SL_E_REFUSED,
                          "Redis at %s holds keys of a cluster (sl:*) but no sl:cluster: restore it from a backup, or give "
                          "an empty Redis.", self->address);
        }
        memcpy(cursor, reply->element[0]->str, reply->element[0]->len + 1);
    } while (strcmp(cursor, "0") != 0);
    return SL_OK;
}

/* Loads the library unless it is there; another text under its name is refused. */
static int check_library(const struct check *self) {
    int rc = SL_OK;
    REPLY *list = ask_words(self, &rc, 5,
                            (const char *const[]){"FUNCTION", "LIST", "LIBRARYNAME", SL_LEDGER_LIBRARY_NAME, "WITHCODE"});
    if (!list) return rc;
    struct sl_bytes text = sl_ledger_library_text();
    if (list->type == REDIS_REPLY_ARRAY && list->elements > 0) {
        const redisReply *library = list->element[0], *code = library->type == REDIS_REPLY_ARRAY ? field_of(library, "library_code") : NULL;
        if (code && sl_bytes_equal(sl_bytes(code->str, code->len), text)) return SL_OK;
        return refuse(self, SL_E_REFUSED,
                      "Redis at %s runs another function library %s than this broker brings: " OTHER_VERSION, self->address,
                      SL_LEDGER_LIBRARY_NAME);
    }
    if (!self->what->create) {
        return refuse(self, SL_E_REFUSED,
                      "Redis at %s has no function library %s, and --no-create forbids to load it: start one broker without "
                      "--no-create first.", self->address, SL_LEDGER_LIBRARY_NAME);
    }
    const char *argv[] = {"FUNCTION", "LOAD", (const char *)text.data};
    REPLY *loaded = ask(self, &rc, 3, argv, (const size_t[]){8, 4, text.size});
    if (loaded) return SL_OK;
    return strstr(self->why, "already exists") ? check_library(self) : rc; /* another broker was faster */
}

/* Makes sl:cluster, unless another broker has in the same moment. */
static int make_cluster(const struct check *self) {
    uint8_t salt[SL_CLUSTER_SALT_SIZE];
    char shards[8], format[8], hex[HEX_SIZE];
    if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt) {
        return refuse(self, SL_E_IO, "the system gives no random bytes: %s.", strerror(errno));
    }
    (void)snprintf(shards, sizeof shards, "%u", self->what->shards ? self->what->shards : SL_SHARDS_DEFAULT); /* fits */
    (void)snprintf(format, sizeof format, "%d", SL_CLUSTER_FORMAT);                                            /* fits */
    library_hex(hex);
    const char *argv[] = {"HSET", "sl:cluster", "shards", shards, "salt", (const char *)salt, "format", format, "library", hex};
    size_t sizes[] = {4, 10, 6, strlen(shards), 4, sizeof salt, 6, strlen(format), 7, strlen(hex)};
    int rc = SL_OK;
    REPLY *watched = ask_words(self, &rc, 2, (const char *const[]){"WATCH", "sl:cluster"});
    REPLY *exists = watched ? ask_words(self, &rc, 2, (const char *const[]){"EXISTS", "sl:cluster"}) : NULL;
    if (!exists) return rc;
    if (exists->integer != 0) return SL_OK;
    REPLY *multi = ask_words(self, &rc, 1, (const char *const[]){"MULTI"});
    REPLY *queued = multi ? ask(self, &rc, 10, argv, sizes) : NULL;
    REPLY *done = queued ? ask_words(self, &rc, 1, (const char *const[]){"EXEC"}) : NULL;
    return done ? SL_OK : rc; /* nil: another broker was faster, what it made counts */
}

static int check_cluster(const struct check *self, struct sl_cluster *out_cluster) {
    for (int round = 0; round < 2; round++) {
        int rc = SL_OK;
        REPLY *hash = ask_words(self, &rc, 2, (const char *const[]){"HGETALL", "sl:cluster"});
        if (!hash) return rc;
        if (hash->type == REDIS_REPLY_ARRAY && hash->elements > 0) {
            rc = compare_cluster(self, hash, out_cluster);
            return rc ? rc : check_library(self);
        }
        if (!self->what->create) {
            return refuse(self, SL_E_REFUSED,
                          "Redis at %s holds no cluster, and --no-create forbids to make one: start one broker without "
                          "--no-create first.", self->address);
        }
        rc = check_no_keys(self);
        if (!rc) rc = check_library(self);
        if (!rc) rc = make_cluster(self);
        if (rc) return rc;
    }
    return refuse(self, SL_E_AGAIN, "Redis at %s lost sl:cluster while it was made: start again.", self->address);
}

int sl_redis_check(const struct sl_redis_check *what, struct sl_cluster *out_cluster, char *out_why) {
    struct check self = {.what = what, .why = out_why};
    out_why[0] = '\0';
    if (what->durability == SL_DURABILITY_REPLICA) {
        return refuse(&self, SL_E_BAD_INPUT,
                      "durability `replica` is not built yet: choose `disk`, or `process` to survive crashes but not power cuts.");
    }
    if (what->shards > SL_SHARDS_MAX) {
        return refuse(&self, SL_E_BAD_INPUT, "a cluster has at most %d shards.", SL_SHARDS_MAX);
    }
    int rc = connect_redis(&self);
    if (rc) return rc;
    rc = check_server(&self);
    if (!rc) rc = check_settings(&self);
    if (!rc) rc = check_cluster(&self, out_cluster);
    redisFree(self.redis);
    return rc;
}
