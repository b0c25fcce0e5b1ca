/* Reads and compare-and-sets of sl:policies; see catalog_policy.h. */
#include "catalog_policy.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/text.h"
#include "broker.h"
#include "io/log.h"
#include "known.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

enum put_state { TO_PUT, ON_ITS_WAY, PUT };

/* A policy of the broker's file. */
struct own {
    struct sl_stored_policies *self;
    const struct sl_policy *policy;
    enum put_state state;
};

struct sl_stored_policies {
    struct sl_broker *broker;
    struct sl_known *known;
    struct sl_policies file;
    struct own *own; /* owns, one a policy of the file */
};

int sl_stored_policies_new(struct sl_broker *broker, struct sl_known *known, struct sl_stored_policies **out_self) {
    struct sl_stored_policies *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    *self = (struct sl_stored_policies){.broker = broker, .known = known};
    *out_self = self;
    return SL_OK;
}

void sl_stored_policies_free(struct sl_stored_policies **self) {
    if (!*self) return;
    free((*self)->own);
    sl_policies_fini(&(*self)->file);
    free(*self);
    *self = NULL;
}

int sl_stored_policies_own(struct sl_stored_policies *self, struct sl_policies *file) {
    SL_ASSERT(!self->own);
    struct own *own = calloc(file->count + 1, sizeof *own);
    if (!own) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < file->count; i++) {
        own[i] = (struct own){.self = self, .policy = &file->items[i], .state = TO_PUT};
    }
    self->own = own;
    self->file = *file;
    *file = (struct sl_policies){.count = 0};
    return SL_OK;
}

uint32_t sl_stored_policies_pending(const struct sl_stored_policies *self) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->file.count; i++) count += self->own[i].state != PUT;
    return count;
}

static void end(struct own *own) {
    own->state = PUT;
    sl_broker_applied(own->self->broker);
}

static void put(struct own *own, struct sl_bytes expected);

static void on_put(void *context, const struct redisReply *reply) {
    struct own *own = context;
    if (!reply) { /* the connection was cut: the next one puts it, and finds it there if it was put after all */
        own->state = TO_PUT;
        return;
    }
    const redisReply *word = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 ? reply->element[0] : reply;
    if (word != reply && strcmp(word->str, "LOST") == 0 && reply->elements > 1) {
        put(own, sl_bytes(reply->element[1]->str, (size_t)reply->element[1]->len));
        return;
    }
    if (word == reply) {
        sl_log(SL_LOG_ERROR, "policy %s counts for this broker only: Redis did not store it: %s",
               (const char *)own->policy->name.data, reply->str ? reply->str : "no answer that is understood");
    }
    end(own);
}

/* Makes the name mean what the file says, in place of what is there; who lost reads that, and decides again. */
static void put(struct own *own, struct sl_bytes expected) {
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    sl_policy_to_msgpack(own->policy, &value);
    if (!value.failed && sl_bytes_equal(sl_buf_bytes(&value), expected)) {
        sl_buf_fini(&value);
        end(own);
        return;
    }
    const char *const argv[] = {"FCALL", "sluice1_put", "1", "sl:policies", (const char *)own->policy->name.data,
                                expected.size ? (const char *)expected.data : "", (const char *)value.data};
    const size_t argvlen[] = {5, 11, 1, 11, own->policy->name.size, expected.size, value.size};
    bool asked = !value.failed && sl_ledger_redis_command(own->self->broker->ledger, 7, argv, argvlen, on_put, own) == SL_OK;
    own->state = asked ? ON_ITS_WAY : TO_PUT;
    sl_buf_fini(&value);
}

void sl_stored_policies_put(struct sl_stored_policies *self) {
    for (uint32_t i = 0; i < self->file.count; i++) {
        if (self->own[i].state == TO_PUT) put(&self->own[i], sl_bytes(NULL, 0));
    }
}

/* Until the file's policy is there, what is there is older. */
static bool is_overruled(const struct sl_stored_policies *self, struct sl_bytes name) {
    for (uint32_t i = 0; i < self->file.count; i++) {
        if (self->own[i].state != PUT && sl_bytes_equal(self->own[i].policy->name, name)) return true;
    }
    return false;
}

static int take(struct sl_stored_policies *self, struct sl_bytes name, struct sl_bytes value) {
    struct sl_event event = {.kind = SL_EV_POLICY, .policy = {.name = name}};
    if (is_overruled(self, name)) return SL_OK;
    if (!sl_text_is_name(name) || sl_policy_from_msgpack(value, &event.policy)) {
        sl_log(SL_LOG_ERROR,
               "policy \"%.*s\" in Redis cannot be read: what was known of it stays; start a broker with --policies to store it anew",
               (int)name.size, (const char *)name.data);
        return SL_OK;
    }
    struct sl_policies one = {.items = &event.policy, .count = 1};
    int rc = sl_known_add_policies(self->known, &one);
    return rc ? rc : sl_broker_step(self->broker, &event);
}

bool sl_stored_policies_take(struct sl_stored_policies *self, const struct redisReply *fields) {
    int failed = SL_OK;
    for (size_t i = 0; fields->type == REDIS_REPLY_ARRAY && i + 1 < fields->elements; i += 2) {
        const redisReply *name = fields->element[i], *value = fields->element[i + 1];
        if (name->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING) continue;
        int rc = take(self, sl_bytes(name->str, (size_t)name->len), sl_bytes(value->str, (size_t)value->len));
        if (rc) failed = rc;
    }
    return !failed;
}
