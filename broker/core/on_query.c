/* Questions. Those about jobs read Redis, since jobs that ended live there; what memory knows of a live job counts above it. */
#include "query.h"

enum { PREFIX_DIGITS_MIN = 4, LIST_DEFAULT = 50, LIST_MAX = 1000 };

struct sl_query *sl_query_new(struct sl_sched *self, enum sl_query_purpose purpose, const struct sl_event *event) {
    struct sl_query *query = sl_pool_take(&self->pool, sizeof *query);
    if (!query) return NULL;
    query->purpose = purpose;
    if (!event) return query;
    query->event = sl_event_copy(self, event, &query->event_size);
    if (query->event) return query;
    sl_pool_give(&self->pool, query, sizeof *query);
    return NULL;
}

void sl_query_free(struct sl_sched *self, struct sl_query *query) {
    for (uint32_t i = 0; i < query->item_count; i++) sl_blob_drop(&self->alloc, &query->items[i].view);
    sl_alloc_give(&self->alloc, query->places, self->config.shard_count * sizeof *query->places);
    sl_alloc_give(&self->alloc, query->items, query->item_capacity * sizeof *query->items);
    if (query->event) sl_alloc_give(&self->alloc, query->event, query->event_size);
    sl_pool_give(&self->pool, query, sizeof *query);
}

/* Says which job the reply at hand is about. */
void sl_query_set_id(struct sl_query *query, struct sl_job_id id) {
    query->read_id = id;
}

uint64_t sl_query_asker(const struct sl_query *query, uint64_t *out_re) {
    bool cancel = query->purpose == SL_QUERY_FOR_CANCEL;
    *out_re = cancel ? query->event->cancel_job.message_id : query->event->query.message_id;
    return cancel ? query->event->cancel_job.peer : query->event->query.peer;
}

static struct sl_bytes asked_job(const struct sl_query *query) {
    return query->purpose == SL_QUERY_FOR_CANCEL ? query->event->cancel_job.job : query->event->query.job;
}

struct sl_job *sl_query_job(struct sl_sched *self, struct sl_job_id id) {
    struct sl_job *job = sl_job_find(&sl_shard_of(self, id)->table, id);
    return job && !job->removed ? job : NULL;
}

struct sl_query_moment sl_query_moment_of(struct sl_sched *self, struct sl_job_id id) {
    const struct sl_shard *shard = sl_shard_of(self, id);
    const struct sl_job *job = sl_query_job(self, id);
    return (struct sl_query_moment){.in_memory = job,
                                    .whole = job && !job->cold,
                                    .settling = job && job->settling,
                                    .unsettled = job && job->first_unsettled > 0,
                                    .at = job ? job->at : 0,
                                    .settle_n = shard->settle_n};
}

bool sl_query_is_late(struct sl_sched *self, struct sl_job_id id, const struct sl_query_moment *then) {
    const struct sl_shard *shard = sl_shard_of(self, id);
    const struct sl_job *job = sl_query_job(self, id);
    if (!sl_shard_is_open(shard)) return false;
    if (!job) return then->in_memory;
    return job->cold && (then->whole || then->settling || then->unsettled || then->at != job->at);
}

static int read_job(struct sl_sched *self, struct sl_query *query, struct sl_job_id id) {
    query->then = sl_query_moment_of(self, id);
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = sl_shard_of(self, id)->index, .job = id};
    int rc = sl_read_send(self, SL_READ_QUERY, call, query);
    if (!rc) query->pending++;
    return rc;
}

/* Prefixes of ids. */

struct prefix {
    char digits[33];
    size_t size;
};

static bool prefix_from_text(struct sl_bytes text, struct prefix *out) {
    out->size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '-') continue;
        if (c >= 'A' && c <= 'F') c = (uint8_t)(c - 'A' + 'a');
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!hex || out->size == 32) return false;
        out->digits[out->size++] = (char)c;
    }
    return out->size >= PREFIX_DIGITS_MIN;
}

static bool has_prefix(struct sl_job_id id, const struct prefix *prefix) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < prefix->size; i++) {
        unsigned nibble = i % 2 ? id.bytes[i / 2] & 15u : id.bytes[i / 2] >> 4;
        if (prefix->digits[i] != digits[nibble]) return false;
    }
    return true;
}

static void note_match(struct sl_query *query, struct sl_job_id id) {
    if (query->match_count > 0 && sl_job_id_equal(query->match, id)) return;
    query->match = id;
    query->match_count++;
}

static void match_memory(struct sl_sched *self, struct sl_query *query, const struct prefix *prefix) {
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        size_t cursor = 0;
        const struct sl_job *job;
        while ((job = sl_idmap_each(&self->shards[i].table.jobs, &cursor))) {
            if (has_prefix(job->id, prefix)) note_match(query, job->id);
        }
        cursor = 0;
        const struct sl_parked_job *parked;
        while ((parked = sl_idmap_each(&self->shards[i].parked, &cursor))) {
            if (has_prefix(parked->id, prefix)) note_match(query, parked->id);
        }
    }
}

void sl_query_say_absent(struct sl_sched *self, const struct sl_query *query) {
    uint64_t re, peer = sl_query_asker(query, &re);
    struct sl_bytes text = asked_job(query);
    (void)sl_reject(self, peer, re, NULL, SL_REJECT_UNKNOWN_JOB, "there is no job \"%.*s\"; see: sluice jobs list", (int)text.size,
                    (const char *)text.data); /* no memory: the client asks again */
}

/* That no job begins so may be said by nobody but the owner of all shards, and it shows in a write of each that it still is that. */
static int prove_absent(struct sl_sched *self, struct sl_query *query) {
    size_t size = self->config.shard_count * sizeof *query->places;
    query->places = sl_alloc_take(&self->alloc, size);
    if (!query->places) return SL_E_NO_MEMORY;
    memset(query->places, 0, size);
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        struct sl_shard *shard = &self->shards[i];
        int rc = sl_shard_is_open(shard) ? sl_shard_prove(self, shard) : SL_E_AGAIN;
        if (rc == SL_E_AGAIN) {
            uint64_t re, peer = sl_query_asker(query, &re);
            (void)sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY,
                            "the broker does not hold all shards, so the job may be in another one"); /* no memory: as above */
            sl_query_free(self, query);
            return SL_OK;
        }
        if (rc) return rc;
        query->places[i].tag = sl_shard_tag(shard);
        query->places[i].epoch = shard->epoch;
    }
    return sl_query_finish(self, query);
}

static int finish_resolve(struct sl_sched *self, struct sl_query *query) {
    uint64_t re, peer = sl_query_asker(query, &re);
    struct sl_bytes text = asked_job(query);
    if (query->match_count == 0) return prove_absent(self, query);
    if (query->match_count == 1) {
        query->resolving = false;
        return read_job(self, query, query->match);
    }
    (void)sl_reject(self, peer, re, NULL, SL_REJECT_AMBIGUOUS_JOB, "%u jobs begin with \"%.*s\"; give more digits",
                    query->match_count, (int)text.size, (const char *)text.data); /* no memory: the client asks again */
    sl_query_free(self, query);
    return SL_OK;
}

/* Whether there is a shard left to look in. */
static bool find_shard(const struct sl_sched *self, struct sl_query *query) {
    while (query->shard < self->config.shard_count && !sl_shard_is_open(&self->shards[query->shard])) query->shard++;
    return query->shard < self->config.shard_count;
}

/* Looks through the ended jobs of one shard after the other, and when there is no such job, through what is left of removed ones. */
static int resolve_next(struct sl_sched *self, struct sl_query *query) {
    if (!find_shard(self, query) && !query->among_removed && query->match_count == 0) {
        query->among_removed = true;
        query->shard = 0;
    }
    if (!find_shard(self, query)) return finish_resolve(self, query);
    struct sl_ledger_call call = {.verb = query->among_removed ? SL_LEDGER_READ_GONE : SL_LEDGER_READ_ENDED,
                                  .shard = query->shard,
                                  .cursor = query->cursor,
                                  .count = SL_QUERY_HEADS_MAX};
    int rc = sl_read_send(self, SL_READ_QUERY, call, query);
    if (!rc) query->pending++;
    return rc;
}

static int resolve(struct sl_sched *self, struct sl_query *query) {
    struct prefix prefix;
    struct sl_job_id id;
    struct sl_bytes text = asked_job(query);
    if (sl_id_from_text(text, id.bytes) == SL_OK) return read_job(self, query, id);
    if (!prefix_from_text(text, &prefix)) {
        uint64_t re, peer = sl_query_asker(query, &re);
        (void)sl_reject(self, peer, re, NULL, SL_REJECT_BAD_REQUEST,
                        "\"%.*s\" is no job id: give at least %d of its hex digits", (int)text.size,
                        (const char *)text.data, PREFIX_DIGITS_MIN);
        sl_query_free(self, query);
        return SL_OK;
    }
    query->resolving = true;
    match_memory(self, query, &prefix);
    return resolve_next(self, query);
}

static void take_matches(struct sl_query *query, const struct sl_ledger_reply *reply) {
    struct prefix prefix;
    query->heads_read += (uint32_t)reply->item_count;
    query->cursor = query->heads_read < SL_QUERY_HEADS_MAX ? reply->cursor : 0;
    if (query->cursor == 0) { /* of ended jobs there is one page */
        query->shard++;
        query->heads_read = 0;
    }
    if (!prefix_from_text(asked_job(query), &prefix)) return;
    for (size_t i = 0; i < reply->item_count; i++) {
        struct sl_job_id id;
        if (reply->items[i].key.size != sizeof id.bytes) continue;
        memcpy(id.bytes, reply->items[i].key.data, sizeof id.bytes);
        if (has_prefix(id, &prefix)) note_match(query, id);
    }
}

/* Who asks what. A function that returns an error has left the query to its caller; one that ended it returns 0, also when there was no
 * memory for the answer: the client, hearing nothing, asks again. */

static int begin(struct sl_sched *self, struct sl_query *query, int (*first)(struct sl_sched *, struct sl_query *)) {
    uint64_t re, peer;
    int refused;
    if (!query) return SL_E_NO_MEMORY;
    peer = sl_query_asker(query, &re);
    if (sl_reads_are_full(self, peer, re, &refused)) {
        sl_query_free(self, query);
        return refused;
    }
    int rc = first(self, query);
    if (rc == SL_OK) return SL_OK;
    query->given_up = query->pending > 0; /* what it has asked already comes back to it */
    if (query->given_up) return SL_OK;
    sl_query_free(self, query);
    return rc;
}

int sl_query_cancel(struct sl_sched *self, const struct sl_event *event) {
    return begin(self, sl_query_new(self, SL_QUERY_FOR_CANCEL, event), resolve);
}

int sl_query_watch(struct sl_sched *self, uint64_t peer, struct sl_job_id id) {
    if (self->reads.count >= SL_READS_MAX) return SL_OK; /* the follower asks again after a silence */
    struct sl_query *query = sl_query_new(self, SL_QUERY_FOR_WATCH, NULL);
    if (!query) return SL_E_NO_MEMORY;
    query->peer = peer;
    int rc = read_job(self, query, id);
    if (rc) sl_query_free(self, query);
    return rc;
}

/* A list of a part of the jobs looks like one of all. What is quarantined is nobody's to tell, so that the rest can be listed. */
static int list(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_query *asked = &event->query;
    uint32_t elsewhere = 0, limit = asked->limit ? asked->limit : LIST_DEFAULT;
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        elsewhere += !sl_shard_is_open(&self->shards[i]) && self->shards[i].state != SL_SHARD_QUARANTINED;
    }
    if (elsewhere > 0) {
        return sl_reject(self, asked->peer, asked->message_id, NULL, SL_REJECT_NOT_READY,
                         "this broker does not hold %u of the %u shards: ask the one that does, or wait until it has taken over",
                         elsewhere, (unsigned)self->config.shard_count);
    }
    struct sl_query *query = sl_query_new(self, SL_QUERY_FOR_ANSWER, event);
    if (query) query->limit = limit < LIST_MAX ? limit : LIST_MAX;
    return begin(self, query, sl_query_list);
}

int sl_on_query(struct sl_sched *self, const struct sl_event *event) {
    switch (event->query.what) {
    case SL_QUERY_JOB:
    case SL_QUERY_EVENTS:
    case SL_QUERY_OUTPUT:
        return begin(self, sl_query_new(self, SL_QUERY_FOR_ANSWER, event), resolve);
    case SL_QUERY_JOBS:
        return list(self, event);
    case SL_QUERY_STAGES:
    case SL_QUERY_WORKERS:
    case SL_QUERY_STATUS:
    case SL_QUERY_PIPELINES:
        return sl_query_cluster(self, event);
    }
    return SL_OK;
}

/* Answers. */

static int cancel_found(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    const struct sl_ev_cancel_job *cancel = &query->event->cancel_job;
    struct sl_job_id id = query->read_id;
    struct sl_shard *shard = sl_shard_of(self, id);
    char text[SL_ID_TEXT_SIZE];
    sl_id_to_text(id.bytes, text);
    if (sl_job_find(&shard->table, id)) {
        struct sl_event whole = *query->event;
        whole.cancel_job.job = sl_text(text);
        return sl_on_cancel_job(self, &whole);
    }
    struct sl_job *job;
    struct sl_tombstone tombstone;
    if (sl_shard_is_open(shard) && sl_tombstone_of(reply, &tombstone) == SL_OK) {
        return sl_reject_removed(self, cancel->peer, cancel->message_id, id, &tombstone);
    }
    int rc;
    if (sl_job_refuse_parked(self, id, cancel->peer, cancel->message_id, &rc)) return rc;
    rc = sl_job_from_reply(self, shard, id, reply, &job);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc == SL_E_AGAIN) return sl_reject_lacking(self, shard, cancel->peer, cancel->message_id);
    if (!sl_shard_is_open(shard) || (rc && sl_shard_prove(self, shard) == SL_E_AGAIN)) {
        if (!rc) sl_job_free(&shard->table, &job);
        return sl_reject(self, cancel->peer, cancel->message_id, NULL, SL_REJECT_NOT_READY,
                         "the broker does not hold this job's shard any more");
    }
    if (rc) {
        return sl_reject(self, cancel->peer, cancel->message_id, shard, SL_REJECT_UNKNOWN_JOB,
                         "there is no job %s; see: sluice jobs list", text);
    }
    rc = sl_effects_reserve(self, 1);
    if (!rc) {
        struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCELLED, shard);
        effect->peer = cancel->peer;
        effect->re = cancel->message_id;
        effect->cancelled.job = id;
        effect->cancelled.state = (enum sl_job_state)job->state;
    }
    sl_job_free(&shard->table, &job);
    return rc;
}

static int watch_found(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    struct sl_job *job = sl_job_find(&sl_shard_of(self, query->read_id)->table, query->read_id);
    if (!job) return sl_watch_found(self, query->peer, query->read_id, reply);
    int rc = SL_OK;
    if (!sl_job_state_is_terminal((enum sl_job_state)job->state)) {
        rc = sl_watch_add(self, job, (struct sl_follower){.peer = query->peer});
    }
    return rc ? rc : sl_watch_tell(self, job, query->peer);
}

/* Besides, the history of a job in memory is whole only with what a settle took from it, and that may have been on its way. */
static bool has_hole(struct sl_sched *self, const struct sl_query *query) {
    bool history = query->purpose == SL_QUERY_FOR_ANSWER && query->event->query.what == SL_QUERY_EVENTS;
    const struct sl_shard *shard = sl_shard_of(self, query->read_id);
    if (!history || query->again_count >= SL_QUERY_AGAIN_MAX || !sl_query_job(self, query->read_id)) return false;
    return query->then.settling || query->then.settle_n != shard->settle_n;
}

/* Redis would not read: that is no answer. A follower hears nothing, and asks again. */
static int refuse(struct sl_sched *self, const struct sl_query *query, const char *why) {
    if (query->purpose == SL_QUERY_FOR_WATCH) return SL_OK;
    uint64_t re, peer = sl_query_asker(query, &re);
    return sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY, "%s", why);
}

static int take_reply(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    if (reply->status != SL_LEDGER_OK) {
        (void)refuse(self, query, "Redis could not be read; the broker's log says more"); /* no memory: the client asks again */
        return SL_E_AGAIN;
    }
    if (query->resolving) {
        take_matches(query, reply);
        return resolve_next(self, query);
    }
    if (query->purpose == SL_QUERY_FOR_ANSWER && query->event->query.what == SL_QUERY_JOBS) {
        int rc = sl_query_listed(self, query, reply);
        if (rc == SL_E_AGAIN) (void)refuse(self, query, "a job of this list changes faster than it can be read"); /* as above */
        return rc;
    }
    bool again = query->purpose != SL_QUERY_FOR_WATCH &&
                 (sl_query_is_late(self, query->read_id, &query->then) || has_hole(self, query));
    if (again && query->again_count == SL_QUERY_AGAIN_MAX) {
        (void)refuse(self, query, "this job changes faster than it can be read"); /* no memory: the client asks again */
        return SL_E_AGAIN;
    }
    if (again) {
        query->again_count++;
        return read_job(self, query, query->read_id);
    }
    if (query->purpose == SL_QUERY_FOR_CANCEL) (void)cancel_found(self, query, reply);
    if (query->purpose == SL_QUERY_FOR_WATCH) (void)watch_found(self, query, reply);
    if (query->purpose == SL_QUERY_FOR_ANSWER) (void)sl_query_answer(self, query, reply);
    sl_query_free(self, query);
    return SL_OK;
}

/* A reply comes once: a query that finds no memory, or no answer, is given up, and freed with its last reply. */
void sl_on_query_read(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    SL_ASSERT(query->pending > 0);
    query->pending--;
    if (!query->given_up && take_reply(self, query, reply) == SL_OK) return;
    query->given_up = true;
    if (query->pending == 0) sl_query_free(self, query);
}
