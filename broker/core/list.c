/* A list of jobs, newest first: the live ones of memory and the ended ones of Redis, each read for its parts. */
#include "query.h"

static bool wants(const struct sl_ev_query *query, const struct sl_job *job) {
    if (query->statuses && !(query->statuses >> job->state & 1u)) return false;
    return query->name.size == 0 || sl_bytes_equal(query->name, job->pipeline->pipeline->name);
}

static int note(struct sl_sched *self, struct sl_query *query, struct sl_job_id id, uint64_t created_ms) {
    if (query->item_count == query->item_capacity) {
        uint32_t capacity = query->item_capacity ? 2 * query->item_capacity : 64;
        void *items = self->alloc.resize(self->alloc.context, query->items, query->item_capacity * sizeof *query->items,
                                         capacity * sizeof *query->items);
        if (!items) return SL_E_NO_MEMORY;
        query->items = items;
        query->item_capacity = capacity;
    }
    query->items[query->item_count++] = (struct sl_query_item){.created_ms = created_ms, .id = id};
    return SL_OK;
}

/* Newest first; equal times by id, so that the order comes from no table. */
static bool is_before(const struct sl_query_item *a, const struct sl_query_item *b) {
    if (a->created_ms != b->created_ms) return a->created_ms > b->created_ms;
    return memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes) < 0;
}

static void sift_down(struct sl_query_item *items, uint32_t place, uint32_t count) {
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= count) return;
        if (child + 1 < count && is_before(&items[child], &items[child + 1])) child++;
        if (!is_before(&items[place], &items[child])) return;
        struct sl_query_item swapped = items[place];
        items[place] = items[child];
        items[child] = swapped;
        place = child;
    }
}

/* Heap sort: in place, no recursion. */
static void sort(struct sl_query_item *items, uint32_t count) {
    for (uint32_t i = count / 2; i > 0; i--) sift_down(items, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        struct sl_query_item last = items[left - 1];
        items[left - 1] = items[0];
        items[0] = last;
        sift_down(items, 0, left - 1);
    }
}

/* Keeps the newest; called before the kept would be more than twice the limit, so the cost stays linear. */
static void trim(struct sl_query *query) {
    sort(query->items, query->item_count);
    if (query->item_count > query->limit) query->item_count = query->limit;
}

static int gather_memory(struct sl_sched *self, struct sl_query *query) {
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        size_t cursor = 0;
        const struct sl_job *job;
        while ((job = sl_idmap_each(&self->shards[i].table.jobs, &cursor))) {
            if (!wants(&query->event->query, job)) continue;
            int rc = note(self, query, job->id, job->created_ms);
            if (rc) return rc;
            if (query->item_count >= 2 * query->limit) trim(query);
        }
    }
    trim(query);
    return SL_OK;
}

static int read_jobs(struct sl_sched *self, struct sl_query *query) {
    for (uint32_t i = 0; i < query->item_count; i++) {
        struct sl_job_id id = query->items[i].id;
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_JOB, .shard = sl_shard_of(self, id)->index, .job = id};
        int rc = sl_read_send(self, SL_READ_QUERY, call, query);
        if (rc) return rc;
        query->pending++;
    }
    return SL_OK;
}

static int finish(struct sl_sched *self, struct sl_query *query) {
    struct sl_buf buf;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < query->item_count; i++) {
        if (query->items[i].view) query->items[kept++] = query->items[i];
    }
    query->item_count = kept;
    sort(query->items, kept);
    uint32_t count = kept < query->limit ? kept : query->limit;
    sl_buf_init(&buf, &self->alloc);
    sl_mp_array(&buf, count);
    for (uint32_t i = 0; i < count; i++) sl_mp_raw(&buf, sl_blob_bytes(query->items[i].view));
    (void)sl_query_reply(self, &query->event->query, NULL, &buf); /* no memory: the client asks again */
    sl_buf_fini(&buf);
    sl_query_free(self, query);
    return SL_OK;
}

static uint32_t terminal_bits(void) {
    return 1u << SL_JOB_COMPLETED | 1u << SL_JOB_FAILED | 1u << SL_JOB_CANCELLED;
}

int sl_query_list(struct sl_sched *self, struct sl_query *query) {
    uint32_t statuses = query->event->query.statuses;
    int rc = gather_memory(self, query);
    if (rc) return rc;
    if (!statuses || statuses & terminal_bits()) {
        for (uint16_t i = 0; i < self->config.shard_count; i++) {
            if (!sl_shard_is_open(&self->shards[i])) continue;
            struct sl_ledger_call call = {.verb = SL_LEDGER_READ_ENDED, .shard = i, .count = query->limit};
            rc = sl_read_send(self, SL_READ_QUERY, call, query);
            if (rc) return rc;
            query->pending++;
        }
    }
    if (query->pending > 0) return SL_OK;
    query->ended_asked = true;
    rc = read_jobs(self, query);
    if (rc || query->pending > 0) return rc;
    return finish(self, query);
}

static int take_ended(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    for (size_t i = 0; i < reply->item_count; i++) {
        struct sl_job_id id;
        if (reply->items[i].key.size != sizeof id.bytes) continue;
        memcpy(id.bytes, reply->items[i].key.data, sizeof id.bytes);
        if (sl_job_find(&sl_shard_of(self, id)->table, id)) continue; /* memory has it */
        int rc = note(self, query, id, 0);
        if (rc) return rc;
    }
    return SL_OK;
}

static int take_view(struct sl_sched *self, struct sl_query *query, const struct sl_job *job) {
    if (!wants(&query->event->query, job)) return SL_OK;
    for (uint32_t i = 0; i < query->item_count; i++) {
        struct sl_query_item *item = &query->items[i];
        if (item->view || !sl_job_id_equal(item->id, job->id)) continue;
        struct sl_buf buf;
        sl_buf_init(&buf, &self->alloc);
        sl_view_job(self, &buf, job);
        item->created_ms = job->created_ms;
        item->view = buf.failed ? NULL : sl_blob_new(&self->alloc, sl_buf_bytes(&buf));
        sl_buf_fini(&buf);
        return SL_OK;
    }
    return SL_OK;
}

static int take_job(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    struct sl_shard *shard = sl_shard_of(self, query->read_id);
    struct sl_job *job = sl_job_find(&shard->table, query->read_id);
    if (job) {
        bool fill = !job->facts && !job->loading && !job->corrupt;
        if (fill) sl_job_fill(self, job, reply);
        int rc = take_view(self, query, job);
        bool spare = job->state == SL_JOB_QUEUED && !job->ahead && !job->settling && job->first_unsettled == 0;
        if (fill && spare && !job->corrupt) sl_job_cool(&shard->table, job, true);
        return rc;
    }
    int rc = sl_job_from_reply(self, shard, query->read_id, reply, &job);
    if (rc) return rc == SL_E_NO_MEMORY ? rc : SL_OK; /* damaged, or removed meanwhile */
    rc = take_view(self, query, job);
    sl_job_free(&shard->table, &job);
    return rc;
}

int sl_query_listed(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    int rc = reply->verb == SL_LEDGER_READ_ENDED ? take_ended(self, query, reply) : take_job(self, query, reply);
    if (!rc && query->pending == 0 && !query->ended_asked) {
        query->ended_asked = true;
        rc = read_jobs(self, query);
    }
    if (!rc && query->pending == 0) return finish(self, query);
    return rc;
}
