/* Questions to the ledger, in flight in the order in which they were asked, and the requests that wait for a job to be read. */
#include "sched_state.h"

#include "base/text.h"

static struct sl_read *read_of(struct sl_link *link) {
    return SL_CONTAINER(link, struct sl_read, link);
}

static void emit(struct sl_sched *self, struct sl_read *read) {
    struct sl_effect *effect = sl_effect_add(self, SL_DO_CALL);
    read->call.serial = ++self->next_serial;
    effect->shard = read->call.shard;
    effect->call = read->call;
}

/* Until RESUME has told that all is there that was acknowledged, a read could show a Redis that went back. */
static bool may_leave(const struct sl_sched *self, const struct sl_read *read) {
    return self->connected && !self->shards[read->call.shard].unsure;
}

/* Reads with serial 0 have not been sent on this connection. */
static void hold(struct sl_sched *self, struct sl_read *read) {
    read->call.serial = 0;
    self->reads_held++;
}

int sl_read_send(struct sl_sched *self, enum sl_read_purpose purpose, struct sl_ledger_call call, struct sl_query *query) {
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_read *read = sl_pool_take(&self->pool, sizeof *read);
    if (!read) return SL_E_NO_MEMORY;
    read->purpose = purpose;
    read->call = call;
    read->query = query;
    sl_list_append(&self->reads, &read->link);
    if (may_leave(self, read)) emit(self, read);
    else hold(self, read);
    return SL_OK;
}

bool sl_reads_are_full(struct sl_sched *self, uint64_t peer, uint64_t re, int *out_rc) {
    if (self->reads.count < SL_READS_MAX) return false;
    *out_rc = sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY,
                        "too many questions wait for Redis%s", self->connected ? "" : ", which is not connected");
    return true;
}

/* The connection is new: nothing asked on an older one will be answered. */
void sl_reads_again(struct sl_sched *self) {
    self->reads_held = 0;
    for (struct sl_link *link = sl_list_first(&self->reads); link; link = sl_list_next(&self->reads, link)) {
        hold(self, read_of(link));
    }
}

/* Sends what was held and may leave now. */
void sl_reads_send_held(struct sl_sched *self) {
    if (self->reads_held == 0 || !self->connected) return;
    if (sl_effects_reserve(self, self->reads_held)) return; /* the next turn tries again */
    for (struct sl_link *link = sl_list_first(&self->reads); link; link = sl_list_next(&self->reads, link)) {
        struct sl_read *read = read_of(link);
        if (read->call.serial != 0 || !may_leave(self, read)) continue;
        self->reads_held--;
        emit(self, read);
    }
}

/* A shard's recovery and what its owner asked are void; who waits for its jobs is told by the answers that still come. */
void sl_reads_forget(struct sl_sched *self, const struct sl_shard *shard) {
    struct sl_link *link = sl_list_first(&self->reads);
    while (link) {
        struct sl_link *next = sl_list_next(&self->reads, link);
        struct sl_read *read = read_of(link);
        bool of_owner = read->purpose == SL_READ_RECOVER || read->purpose == SL_READ_RECOVER_JOB ||
                        read->purpose == SL_READ_RETENTION || read->purpose == SL_READ_SWEEP || read->purpose == SL_READ_HEAD;
        if (of_owner && read->call.shard == shard->index) {
            if (read->call.serial == 0) self->reads_held--;
            sl_list_remove(&self->reads, link);
            sl_pool_give(&self->pool, read, sizeof *read);
        }
        link = next;
    }
}

/* Copies of requests. */

struct copier {
    uint8_t *at;  /* NULL: only counting */
    size_t size;
};

static void copy_view(struct copier *copier, struct sl_bytes *view) {
    if (copier->at) {
        if (view->size) memcpy(copier->at, view->data, view->size);
        view->data = copier->at;
        copier->at += view->size;
    }
    copier->size += view->size;
}

static void copy_views(struct copier *copier, struct sl_event *event) {
    switch (event->kind) {
    case SL_EV_SUBMIT:
        copy_view(copier, &event->submit.pipeline);
        copy_view(copier, &event->submit.version);
        copy_view(copier, &event->submit.tenant);
        copy_view(copier, &event->submit.key);
        copy_view(copier, &event->submit.doc_key);
        copy_view(copier, &event->submit.payload);
        copy_view(copier, &event->submit.labels);
        copy_view(copier, &event->submit.traceparent);
        return;
    case SL_EV_CANCEL_JOB:
        copy_view(copier, &event->cancel_job.job);
        copy_view(copier, &event->cancel_job.reason);
        return;
    case SL_EV_QUERY:
        copy_view(copier, &event->query.job);
        copy_view(copier, &event->query.name);
        copy_view(copier, &event->query.tenant);
        copy_view(copier, &event->query.cursor);
        return;
    default:
        SL_ASSERT(!"only requests wait");
    }
}

struct sl_event *sl_event_copy(struct sl_sched *self, const struct sl_event *event, size_t *out_size) {
    struct sl_event counted = *event;
    struct copier copier = {.at = NULL};
    copy_views(&copier, &counted);
    size_t size = sizeof counted + copier.size;
    struct sl_event *copy = sl_alloc_take(&self->alloc, size);
    if (!copy) return NULL;
    *copy = *event;
    copier = (struct copier){.at = (uint8_t *)(copy + 1)};
    copy_views(&copier, copy);
    *out_size = size;
    return copy;
}

/* Lookups. */

static struct sl_lookup *find_lookup(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id) {
    struct sl_lookup *lookup = sl_idmap_find(&self->lookups, id.bytes);
    if (lookup) return lookup;
    if (sl_idmap_reserve(&self->lookups, 1)) return NULL;
    lookup = sl_pool_take(&self->pool, sizeof *lookup);
    if (!lookup) return NULL;
    lookup->id = id;
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = shard->index, .job = id};
    if (sl_read_send(self, SL_READ_LOOKUP, call, NULL)) {
        sl_pool_give(&self->pool, lookup, sizeof *lookup);
        return NULL;
    }
    sl_idmap_insert(&self->lookups, lookup);
    return lookup;
}

int sl_lookup_wait(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, const struct sl_event *event) {
    struct sl_waiter *waiter = sl_pool_take(&self->pool, sizeof *waiter);
    if (!waiter) return SL_E_NO_MEMORY;
    waiter->event = sl_event_copy(self, event, &waiter->event_size);
    struct sl_lookup *lookup = waiter->event ? find_lookup(self, shard, id) : NULL;
    if (!lookup) {
        if (waiter->event) sl_alloc_give(&self->alloc, waiter->event, waiter->event_size);
        sl_pool_give(&self->pool, waiter, sizeof *waiter);
        return SL_E_NO_MEMORY;
    }
    if (lookup->last) {
        lookup->last->next = waiter;
    } else {
        lookup->first = waiter;
    }
    lookup->last = waiter;
    self->undurable_bytes += waiter->event_size;
    return SL_OK;
}

/* No lookup: requests that wait for one read all that is stored of their job. */
static int load_head(struct sl_sched *self, struct sl_job *job) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_HEAD, .shard = sl_shard_of(self, job->id)->index, .job = job->id};
    int rc = sl_read_send(self, SL_READ_HEAD, call, NULL);
    if (!rc) job->loading = true;
    return rc;
}

int sl_job_load(struct sl_sched *self, struct sl_job *job) {
    if (job->loading) return SL_OK;
    if (job->state == SL_JOB_QUEUED && job->in_head) return load_head(self, job);
    if (!find_lookup(self, sl_shard_of(self, job->id), job->id)) return SL_E_NO_MEMORY;
    job->loading = true;
    return SL_OK;
}

/* Redis would not read the job. That is not to say that there is none: nothing may be decided. */
static int refuse_waiter(struct sl_sched *self, const struct sl_event *event) {
    bool submit = event->kind == SL_EV_SUBMIT, cancel = event->kind == SL_EV_CANCEL_JOB;
    uint64_t peer = submit ? event->submit.peer : cancel ? event->cancel_job.peer : event->query.peer;
    uint64_t re = submit ? event->submit.message_id : cancel ? event->cancel_job.message_id : event->query.message_id;
    return sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY, "Redis could not read this job; the broker's log says more");
}

static int handle_waiter(struct sl_sched *self, struct sl_waiter *waiter, const struct sl_ledger_reply *reply) {
    waiter->event->now = self->now;
    waiter->event->wall_ms = self->wall_ms;
    if (reply->status != SL_LEDGER_OK) return refuse_waiter(self, waiter->event);
    switch (waiter->event->kind) {
    case SL_EV_SUBMIT:
        return sl_on_submit(self, waiter->event, reply);
    case SL_EV_CANCEL_JOB:
        return sl_on_cancel_job(self, waiter->event);
    case SL_EV_QUERY:
        return sl_on_query(self, waiter->event);
    default:
        SL_ASSERT(!"only requests wait");
    }
    return SL_OK;
}

static void tell_failure(struct sl_sched *self, const struct sl_ledger_reply *reply) {
    char text[256];
    sl_text_format(text, sizeof text, "Redis refused a read: %.*s", (int)reply->text.size, (const char *)reply->text.data);
    sl_alarm(self, &self->shards[reply->shard], text);
}

/* What a load brought. A reply that failed brings no part: the job is parked, and not asked for for ever. */
static void fill_loading(struct sl_sched *self, struct sl_job_id id, const struct sl_ledger_reply *reply) {
    struct sl_job *job = sl_job_find(&sl_shard_of(self, id)->table, id);
    if (!job || !job->loading) return;
    job->loading = false;
    (void)sl_job_fill(self, job, reply); /* no memory: it is loaded again */
}

static int lookup_reply(struct sl_sched *self, struct sl_job_id id, const struct sl_ledger_reply *reply) {
    struct sl_lookup *lookup = sl_idmap_remove(&self->lookups, id.bytes);
    SL_ASSERT(lookup);
    fill_loading(self, id, reply);
    struct sl_waiter *waiter = lookup->first;
    sl_pool_give(&self->pool, lookup, sizeof *lookup);
    while (waiter) {
        struct sl_waiter *next = waiter->next;
        /* A request that finds no memory now is dropped: its client asks again. */
        (void)handle_waiter(self, waiter, reply);
        size_t size = waiter->event_size;
        self->undurable_bytes -= self->undurable_bytes < size ? self->undurable_bytes : size;
        sl_alloc_give(&self->alloc, waiter->event, size);
        sl_pool_give(&self->pool, waiter, sizeof *waiter);
        waiter = next;
    }
    return SL_OK;
}

/* A reply comes once, so what finds no memory here is given up in a way that heals: a poll and a recovery begin again, a client that
 * hears nothing asks again. */
static void dispatch_reply(struct sl_sched *self, const struct sl_read *read, const struct sl_ledger_reply *reply) {
    struct sl_shard *shard = &self->shards[read->call.shard];
    bool recovering = shard->state == SL_SHARD_RECOVERING && !shard->unsure; /* RESUME begins it anew */
    if (read->call.verb == SL_LEDGER_READ_PIPELINE) {
        sl_lack_read(self, shard, read, reply);
        return;
    }
    switch (read->purpose) {
    case SL_READ_POLL:
        (void)sl_owner_polled(self, shard, reply);
        return;
    case SL_READ_RECOVER:
        if (recovering) (void)sl_recover_read(self, shard, reply);
        return;
    case SL_READ_RECOVER_JOB:
        if (recovering) (void)sl_recover_job(self, shard, read, reply);
        return;
    case SL_READ_LOOKUP:
        (void)lookup_reply(self, read->call.job, reply);
        return;
    case SL_READ_HEAD:
        fill_loading(self, read->call.job, reply);
        return;
    case SL_READ_QUERY:
        sl_query_set_id(read->query, read->call.job);
        sl_on_query_read(self, read->query, reply);
        return;
    case SL_READ_RETENTION:
        sl_retention_read(self, shard, read, reply);
        return;
    case SL_READ_SWEEP:
        sl_sweep_read(self, shard, reply);
        return;
    case SL_READ_PIPELINE:
        break;
    }
    SL_ASSERT(!"a read has a purpose");
}

static bool about_jobs(const struct sl_read *read) {
    return read->purpose == SL_READ_LOOKUP || read->purpose == SL_READ_HEAD || read->purpose == SL_READ_QUERY || read->purpose == SL_READ_RETENTION ||
           read->purpose == SL_READ_SWEEP;
}

int sl_read_reply(struct sl_sched *self, const struct sl_ledger_reply *reply) {
    struct sl_link *link = sl_list_first(&self->reads);
    while (link && read_of(link)->call.serial != reply->serial) link = sl_list_next(&self->reads, link);
    if (!link || reply->status == SL_LEDGER_UNAVAILABLE) return SL_OK; /* forgotten; or asked again after the cut */
    if (about_jobs(read_of(link)) && self->shards[read_of(link)->call.shard].unsure) {
        hold(self, read_of(link)); /* it may be of a Redis that went back, or of another owner's doing */
        return SL_OK;
    }
    struct sl_read read = *read_of(link);
    sl_list_remove(&self->reads, link);
    sl_pool_give(&self->pool, read_of(link), sizeof read);
    if (reply->status == SL_LEDGER_FAILED) tell_failure(self, reply);
    dispatch_reply(self, &read, reply);
    return SL_OK;
}
