/* Redis' settings against the durability that was asked for; see redis_check.h. Why each matters: deploy/redis.conf. */
#include "base/err.h"
#include "base/limits.h"
#include "ledger_reply.h"
#include "redis_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *const sl_redis_settings_command[SL_REDIS_SETTINGS_ARGC] = {
    "CONFIG",           "GET", "appendonly", "appendfsync", "no-appendfsync-on-rewrite",
    "maxmemory-policy", "proto-max-bulk-len", "client-query-buffer-limit"};

enum { ARGUMENT_BYTES_MIN = SL_RESULT_BYTES_MAX + SL_BATCH_BYTES_MAX }; /* the largest group of transitions */

static const struct {
    const char *word;
    enum sl_durability durability;
} durabilities[] = {{"disk", SL_DURABILITY_DISK}, {"process", SL_DURABILITY_PROCESS}, {"replica", SL_DURABILITY_REPLICA}};

int sl_durability_from_text(const char *text, enum sl_durability *out_durability) {
    for (size_t i = 0; i < sizeof durabilities / sizeof *durabilities; i++) {
        if (strcmp(text, durabilities[i].word) != 0) continue;
        *out_durability = durabilities[i].durability;
        return SL_OK;
    }
    return SL_E_BAD_INPUT;
}

const char *sl_durability_to_text(enum sl_durability durability) {
    for (size_t i = 0; i < sizeof durabilities / sizeof *durabilities; i++) {
        if (durabilities[i].durability == durability) return durabilities[i].word;
    }
    return "unknown";
}

/* What is compared, and the sentences that come of it. */
struct comparison {
    const redisReply *reply;
    const char *address;
    const char *durability;
    char *why;
    size_t used;
};

static void add_sentence(struct comparison *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_sentence(struct comparison *self, const char *format, ...) {
    size_t left = SL_REDIS_WHY_SIZE - self->used;
    if (self->used > 0 && left > 2) {
        memcpy(self->why + self->used, "\n", 2);
        self->used++;
        left--;
    }
    va_list args;
    va_start(args, format);
    int size = vsnprintf(self->why + self->used, left, format, args);
    va_end(args);
    if (size > 0) self->used += (size_t)size < left ? (size_t)size : left - 1;
}

/* The value of a setting as NUL-terminated text; NULL: Redis does not tell. */
static const char *value_of(const struct comparison *self, const char *name) {
    for (size_t i = 0; i + 1 < self->reply->elements; i += 2) {
        const redisReply *key = self->reply->element[i], *value = self->reply->element[i + 1];
        if (key->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) continue;
        if (strcmp(key->str, name) == 0) return value->str;
    }
    return NULL;
}

static void want(struct comparison *self, const char *name, const char *wanted, const char *why) {
    const char *value = value_of(self, name);
    if (value && strcmp(value, wanted) == 0) return;
    add_sentence(self,
                 "Redis at %s has `%s %s`, and %s needs `%s`: run CONFIG SET %s %s in redis-cli, and write `%s %s` into "
                 "redis.conf (deploy/redis.conf has it).",
                 self->address, name, value ? value : "(not told)", why, wanted, name, wanted, name, wanted);
}

static void want_bytes(struct comparison *self, const char *name, uint64_t least) {
    const char *text = value_of(self, name);
    uint64_t value = 0;
    if (text && sl_ledger_number(sl_text(text), &value) && value >= least) return;
    add_sentence(self,
                 "Redis at %s has `%s %s`, and one result may need %" PRIu64 " bytes: run CONFIG SET %s 134217728 in "
                 "redis-cli, and write `%s 128mb` into redis.conf (deploy/redis.conf has it).",
                 self->address, name, text ? text : "(not told)", least, name, name);
}

static void want_fsync(struct comparison *self, enum sl_durability durability) {
    const char *value = value_of(self, "appendfsync");
    bool is_process = durability == SL_DURABILITY_PROCESS;
    if (is_process && value && strcmp(value, "everysec") == 0) return;
    if (value && strcmp(value, "always") == 0) return;
    const char *wanted = is_process ? "everysec" : "always";
    const char *other = is_process ? "" : ", or start the broker with --durability process and lose up to two seconds at a power cut";
    add_sentence(self,
                 "Redis at %s has `appendfsync %s`, and durability `%s` needs `%s`: run CONFIG SET appendfsync %s in "
                 "redis-cli, and write it into redis.conf%s.",
                 self->address, value ? value : "(not told)", self->durability, wanted, wanted, other);
}

int sl_redis_check_settings(const redisReply *reply, enum sl_durability durability, const char *address,
                            char *out_why) {
    static const redisReply nothing = {.type = REDIS_REPLY_ARRAY};
    struct comparison self = {.reply = reply ? reply : &nothing,
                              .address = address,
                              .durability = sl_durability_to_text(durability),
                              .why = out_why};
    out_why[0] = '\0';
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        add_sentence(&self, "Redis at %s does not tell its settings (%.200s): give this user the right to `config|get`.",
                     address, reply->str);
        return SL_E_REFUSED;
    }
    if (self.reply->type != REDIS_REPLY_ARRAY) self.reply = &nothing;
    char durably[48];
    (void)snprintf(durably, sizeof durably, "durability `%s`", self.durability); /* fits */
    want(&self, "appendonly", "yes", durably);
    want_fsync(&self, durability);
    if (durability == SL_DURABILITY_DISK) want(&self, "no-appendfsync-on-rewrite", "no", durably);
    want(&self, "maxmemory-policy", "noeviction", "a ledger that may not forget");
    want_bytes(&self, "proto-max-bulk-len", ARGUMENT_BYTES_MIN);
    want_bytes(&self, "client-query-buffer-limit", ARGUMENT_BYTES_MIN);
    return self.used > 0 ? SL_E_REFUSED : SL_OK;
}
