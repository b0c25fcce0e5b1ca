/* The life of one attempt in this worker, from its task to the acknowledgement of its result. */
#include "parts.h"

#include "base/err.h"

/* Waits between two sendings of a result. */
static const uint16_t resend_seconds[SL_AGENT_RESEND_LEVELS] = {1, 2, 4, 8, 10};

/* The nonce is random and new in every attempt; the rest guards against a broker that repeats one. */
static void make_key(const struct sl_token *token, uint8_t key[16]) {
    uint64_t rest;
    memcpy(&rest, token->job.bytes, sizeof rest);
    rest ^= ((uint64_t)token->stage << 48) ^ ((uint64_t)token->run << 24) ^ token->attempt;
    memcpy(key, &token->nonce, 8);
    memcpy(key + 8, &rest, 8);
}

struct attempt *sl_agent_attempt_find(const struct sl_agent *self, const struct sl_token *token) {
    uint8_t key[16];
    make_key(token, key);
    struct attempt *attempt = sl_idmap_find(&self->attempts, key);
    return attempt && sl_token_equal(&attempt->task.token, token) ? attempt : NULL;
}

bool sl_agent_attempt_is_ambiguous(const struct sl_agent *self, const struct sl_token *token) {
    uint8_t key[16];
    make_key(token, key);
    return sl_idmap_find(&self->attempts, key) && !sl_agent_attempt_find(self, token);
}

/* Copies bytes to *at, moves it on, and returns the view of the copy. */
static struct sl_bytes place(uint8_t **at, struct sl_bytes bytes) {
    uint8_t *start = *at;
    if (bytes.size) memcpy(start, bytes.data, bytes.size);
    *at += bytes.size;
    return sl_bytes(start, bytes.size);
}

int sl_agent_attempt_new(struct sl_agent *self, const struct sl_agent_task *task, bool with_input,
                         struct attempt **out_attempt) {
    if (sl_idmap_reserve(&self->attempts, 1)) return SL_E_NO_MEMORY;
    struct attempt *attempt = sl_pool_take(&self->pool, sizeof *attempt);
    if (!attempt) return SL_E_NO_MEMORY;
    attempt->task = *task;
    attempt->task.input = attempt->task.tenant = attempt->task.doc_key = attempt->task.callable = sl_bytes(NULL, 0);
    if (with_input) {
        attempt->blob_size = task->input.size + task->tenant.size + task->doc_key.size + task->callable.size + 1;
        attempt->blob = sl_pool_take(&self->pool, attempt->blob_size);
        if (!attempt->blob) {
            sl_pool_give(&self->pool, attempt, sizeof *attempt);
            return SL_E_NO_MEMORY;
        }
        uint8_t *at = attempt->blob;
        attempt->task.input = place(&at, task->input);
        attempt->task.tenant = place(&at, task->tenant);
        attempt->task.doc_key = place(&at, task->doc_key);
        attempt->task.callable = place(&at, task->callable);
    }
    make_key(&task->token, attempt->key);
    *out_attempt = attempt;
    return SL_OK;
}

void sl_agent_attempt_add(struct sl_agent *self, struct attempt *attempt) {
    sl_idmap_insert(&self->attempts, attempt);
}

/* A block for a result: memory, or the spool when enough of them are in memory, or memory when the spool has no room. */
static int take_result(struct sl_agent *self, struct outcome *outcome) {
    bool is_enough = self->result_bytes + outcome->blob_size > SL_AGENT_RESULT_BYTES_MAX;
    outcome->blob = is_enough && self->config.spool ? sl_alloc_take(self->config.spool, outcome->blob_size) : NULL;
    outcome->is_spooled = outcome->blob != NULL;
    if (!outcome->blob) outcome->blob = sl_pool_take(&self->pool, outcome->blob_size);
    return outcome->blob ? SL_OK : SL_E_NO_MEMORY;
}

void sl_agent_result_drop(struct sl_agent *self, uint8_t *blob, size_t size, bool is_spooled) {
    if (is_spooled) {
        sl_alloc_give(self->config.spool, blob, size);
    } else {
        sl_pool_give(&self->pool, blob, size);
    }
}

int sl_agent_outcome_copy(struct sl_agent *self, const struct sl_agent_result *result, struct outcome *out_outcome) {
    struct outcome outcome = {.result = *result};
    outcome.blob_size = result->values.size + result->output.size + result->error.size + result->detail.size + 1;
    if (take_result(self, &outcome)) return SL_E_NO_MEMORY;
    uint8_t *at = outcome.blob;
    outcome.result.values = place(&at, result->values);
    outcome.result.output = place(&at, result->output);
    outcome.result.error = place(&at, result->error);
    outcome.result.detail = place(&at, result->detail);
    *out_outcome = outcome;
    return SL_OK;
}

static struct shard *shard_of(struct sl_agent *self, const struct attempt *attempt) {
    SL_ASSERT(attempt->task.token.shard < SL_SHARDS_MAX);
    return &self->shards[attempt->task.token.shard];
}

static struct sl_list *list_of(struct sl_agent *self, struct attempt *attempt) {
    switch (attempt->state) {
    case ATTEMPT_WAITING: return &self->waiting;
    case ATTEMPT_INLINE: return &self->inlined;
    case ATTEMPT_HELD: return &self->held;
    case ATTEMPT_UNSENT: return &shard_of(self, attempt)->unsent;
    case ATTEMPT_GIVEN: return &self->hosts[attempt->place].given;
    case ATTEMPT_ENDED: return &self->ended[attempt->place];
    }
    SL_ASSERT(!"an attempt is in one of its states");
    return NULL;
}

static void leave(struct sl_agent *self, struct attempt *attempt) {
    if (!sl_link_is_on(&attempt->link)) return;
    sl_list_remove(list_of(self, attempt), &attempt->link);
    if (attempt->state == ATTEMPT_ENDED) shard_of(self, attempt)->sent_bytes -= attempt->result_size;
    if (attempt->state == ATTEMPT_UNSENT) self->unsent_count--;
}

void sl_agent_attempt_send(struct sl_agent *self, struct attempt *attempt, uint32_t level) {
    SL_ASSERT(self->link == LINK_WELCOMED);
    leave(self, attempt);
    if (level >= SL_AGENT_RESEND_LEVELS) level = SL_AGENT_RESEND_LEVELS - 1;
    attempt->state = ATTEMPT_ENDED;
    attempt->place = level;
    attempt->resend_at = self->now + agent_ms(1000u * resend_seconds[level]);
    sl_list_append(&self->ended[level], &attempt->link);
    shard_of(self, attempt)->sent_bytes += attempt->result_size;
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_RESULT);
    effect->token = attempt->task.token;
    effect->result = attempt->result;
}

static void free_blob(struct sl_agent *self, struct attempt *attempt) {
    sl_pool_give(&self->pool, attempt->blob, attempt->blob_size);
    attempt->blob = NULL;
    attempt->blob_size = 0;
    attempt->task.input = attempt->task.tenant = attempt->task.doc_key = attempt->task.callable = sl_bytes(NULL, 0);
}

void sl_agent_attempt_end(struct sl_agent *self, struct attempt *attempt, const struct outcome *outcome) {
    SL_ASSERT(!sl_agent_attempt_has_ended(attempt));
    leave(self, attempt);
    free_blob(self, attempt);
    attempt->result = outcome->result;
    attempt->result_blob = outcome->blob;
    attempt->result_size = outcome->blob_size;
    attempt->is_spooled = outcome->is_spooled;
    if (!attempt->is_spooled) self->result_bytes += outcome->blob_size;
    attempt->state = ATTEMPT_HELD;
    sl_list_append(&self->held, &attempt->link);
    if (attempt->cancelled) sl_agent_fields_drop(self, attempt);
    sl_agent_attempt_release(self, attempt);
}

/* A broker that comes back would be given everything at once, and ZeroMQ would hold a copy of it all. */
static bool may_be_sent(const struct shard *shard, const struct attempt *attempt) {
    return shard->sent_bytes == 0 || shard->sent_bytes + attempt->result_size <= SL_AGENT_SENT_BYTES_MAX;
}

/* One without a block of its own says that a task is returned: the broker should know soon, and it is small. */
void sl_agent_attempt_release(struct sl_agent *self, struct attempt *attempt) {
    if (attempt->state != ATTEMPT_HELD || attempt->field_count) return;
    struct shard *shard = shard_of(self, attempt);
    bool is_next = shard->unsent.count == 0 || !attempt->result_blob;
    if (self->link == LINK_WELCOMED && is_next && may_be_sent(shard, attempt)) {
        sl_agent_attempt_send(self, attempt, 0);
        return;
    }
    leave(self, attempt);
    attempt->state = ATTEMPT_UNSENT;
    sl_list_append(&shard->unsent, &attempt->link);
    self->unsent_count++;
}

void sl_agent_attempts_unsend(struct sl_agent *self) {
    for (size_t level = SL_AGENT_RESEND_LEVELS; level-- > 0;) {
        while (self->ended[level].count) {
            struct attempt *attempt = attempt_of(self->ended[level].head.prev);
            leave(self, attempt);
            attempt->state = ATTEMPT_UNSENT;
            sl_list_prepend(&shard_of(self, attempt)->unsent, &attempt->link);
            self->unsent_count++;
        }
    }
}

static void send_of_shard(struct sl_agent *self, struct shard *shard) {
    while (shard->unsent.count) {
        struct attempt *attempt = attempt_of(sl_list_first(&shard->unsent));
        if (!may_be_sent(shard, attempt)) return;
        sl_agent_attempt_send(self, attempt, 0);
    }
}

void sl_agent_attempts_send(struct sl_agent *self) {
    for (size_t i = 0; i < SL_SHARDS_MAX && self->unsent_count; i++) send_of_shard(self, &self->shards[i]);
}

void sl_agent_attempt_return(struct sl_agent *self, struct attempt *attempt, const char *error) {
    struct outcome outcome = {.result = {.outcome = SL_OUTCOME_RETURNED, .error = sl_text(error)}};
    sl_agent_attempt_end(self, attempt, &outcome);
}

void sl_agent_attempt_forget(struct sl_agent *self, struct attempt *attempt) {
    SL_ASSERT(sl_agent_attempt_has_ended(attempt));
    SL_ASSERT(attempt->is_spooled || self->result_bytes >= attempt->result_size);
    struct shard *shard = shard_of(self, attempt);
    leave(self, attempt);
    if (!attempt->is_spooled) self->result_bytes -= attempt->result_size;
    void *removed = sl_idmap_remove(&self->attempts, attempt->key);
    SL_ASSERT(removed == attempt);
    sl_agent_result_drop(self, attempt->result_blob, attempt->result_size, attempt->is_spooled);
    sl_pool_give(&self->pool, attempt, sizeof *attempt);
    if (self->link == LINK_WELCOMED) send_of_shard(self, shard);
}

void sl_agent_attempt_discard(struct sl_agent *self, struct attempt *attempt) {
    free_blob(self, attempt);
    sl_pool_give(&self->pool, attempt, sizeof *attempt);
}

void sl_agent_attempt_requeue(struct sl_agent *self, struct attempt *attempt) {
    SL_ASSERT(attempt->state == ATTEMPT_GIVEN);
    if (attempt->cancelled) {
        sl_agent_attempt_return(self, attempt, "cancelled");
        return;
    }
    if (self->draining) {
        sl_agent_attempt_return(self, attempt, "the worker is leaving");
        return;
    }
    leave(self, attempt);
    attempt->state = ATTEMPT_WAITING;
    sl_list_insert(&self->waiting, &self->waiting.head, &attempt->link);
}

size_t sl_agent_under_way(const struct sl_agent *self) {
    size_t ended = self->held.count + self->unsent_count;
    for (size_t i = 0; i < SL_AGENT_RESEND_LEVELS; i++) ended += self->ended[i].count;
    SL_ASSERT(self->attempts.count >= ended);
    return self->attempts.count - ended;
}
