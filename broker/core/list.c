/* A list of jobs: those that memory has, the newest first, then the ended ones of Redis, the last to end first, each read for its parts.
 * Which ended ones are wanted shows only in their records, so these are read page by page until each shard has given enough or has no
 * more. What does not fit into one answer follows the next question, by its cursor. A job that ends meanwhile moves to the end of the
 * list that is not told yet, so it may be told twice, and is not missed. */
#include "list_cursor.h"

/* A job whose facts are not in memory is wanted until they have been read. */
static bool is_of_tenant(const struct sl_job *job, struct sl_bytes tenant) {
    struct sl_facts facts;
    if (tenant.size == 0 || !job->facts) return true;
    return sl_facts_read(sl_blob_bytes(job->facts), &facts) == SL_OK && sl_bytes_equal(facts.tenant, tenant);
}

static bool wants(const struct sl_ev_query *query, const struct sl_job *job) {
    if (query->statuses && !(query->statuses >> job->state & 1u)) return false;
    if (query->name.size > 0 && !sl_bytes_equal(query->name, job->pipeline->pipeline->name)) return false;
    return is_of_tenant(job, query->tenant);
}

static bool wants_ended(const struct sl_ev_query *query) {
    uint32_t terminal = 1u << SL_JOB_COMPLETED | 1u << SL_JOB_FAILED | 1u << SL_JOB_CANCELLED;
    return !query->statuses || query->statuses & terminal;
}

static int note(struct sl_sched *self, struct sl_query *query, const struct sl_query_item *item) {
    if (query->item_count == query->item_capacity) {
        uint32_t capacity = query->item_capacity ? 2 * query->item_capacity : 64;
        void *items = self->alloc.resize(self->alloc.context, query->items, query->item_capacity * sizeof *query->items,
                                         capacity * sizeof *query->items);
        if (!items) return SL_E_NO_MEMORY;
        query->items = items;
        query->item_capacity = capacity;
    }
    query->items[query->item_count++] = *item;
    return SL_OK;
}

/* Those that memory had, then the ended ones; newest first; equal times by id, so that the order comes from no table, and within a shard
 * as Redis has them. */
static bool is_before(const struct sl_query_item *a, const struct sl_query_item *b) {
    if ((a->n == 0) != (b->n == 0)) return a->n == 0;
    if (a->at_ms != b->at_ms) return a->at_ms > b->at_ms;
    if (a->n != b->n) return a->n > b->n;
    if (a->same_n != b->same_n) return a->same_n < b->same_n;
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

/* How many live jobs are read: of those whose tenant is not in memory any may fall out. */
static uint32_t live_max(const struct sl_query *query) {
    return query->event->query.tenant.size ? SL_QUERY_HEADS_MAX : query->limit;
}

/* Keeps the newest; called before the kept would be more than twice the limit, so the cost stays linear. */
static void trim(struct sl_query *query) {
    sort(query->items, query->item_count);
    if (query->item_count > live_max(query)) query->item_count = live_max(query);
}

static bool is_behind(const struct sl_query *query, const struct sl_query_item *item) {
    struct sl_query_item after = {.at_ms = query->after_ms, .id = query->after_id};
    return !query->is_behind || is_before(&after, item);
}

static int gather_memory(struct sl_sched *self, struct sl_query *query) {
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        size_t cursor = 0;
        const struct sl_job *job;
        while ((job = sl_idmap_each(&self->shards[i].table.jobs, &cursor))) {
            struct sl_query_item item = {.at_ms = job->created_ms, .id = job->id};
            bool wanted = !job->removed && wants(&query->event->query, job);
            if (!wanted || !is_behind(query, &item)) continue;
            int rc = note(self, query, &item);
            if (rc) return rc;
            if (query->item_count >= 2 * live_max(query)) trim(query);
        }
    }
    trim(query);
    query->live_only = query->item_count == live_max(query);
    if (query->live_only) query->looked_at = query->items[query->item_count - 1];
    return SL_OK;
}

static int read_jobs(struct sl_sched *self, struct sl_query *query) {
    for (uint32_t i = 0; i < query->item_count; i++) {
        struct sl_query_item *item = &query->items[i];
        if (item->asked) continue;
        struct sl_ledger_call call = {
            .verb = SL_LEDGER_READ_JOB, .shard = sl_shard_of(self, item->id)->index, .job = item->id};
        int rc = sl_read_send(self, SL_READ_QUERY, call, query);
        if (rc) return rc;
        item->asked = true;
        item->then = sl_query_moment_of(self, item->id);
        query->pending++;
    }
    return SL_OK;
}

/* Forgets what was read and is not wanted. */
static void drop_unwanted(struct sl_query *query) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < query->item_count; i++) {
        if (query->items[i].view || !query->items[i].asked) query->items[kept++] = query->items[i];
    }
    query->item_count = kept;
}

static int refuse(struct sl_sched *self, struct sl_query *query) {
    uint64_t re, peer = sl_query_asker(query, &re);
    (void)sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY,
                    "the broker does not hold all shards any more that this rests on"); /* no memory: the client asks again */
    sl_query_free(self, query);
    return SL_OK;
}

/* What the answer holds: as many of the sorted items as were asked for and fit into a message. */
static uint32_t count_told(const struct sl_query *query) {
    enum { BYTES_MAX = SL_CLIENT_MESSAGE_MAX / 2 };
    size_t bytes = 0;
    uint32_t count = 0;
    for (; count < query->item_count && count < query->limit; count++) {
        bytes += query->items[count].view->size;
        if (count > 0 && bytes > BYTES_MAX) break;
    }
    return count;
}

/* Of the ended jobs, from items[first] on, the first are told. Appends the cursor if a shard has more. */
static void put_next_ended(struct sl_sched *self, struct sl_query *query, uint32_t first, uint32_t told, struct sl_buf *buf) {
    bool more = false;
    for (uint32_t i = first; i < query->item_count; i++) {
        struct sl_query_place *place = &query->places[sl_shard_of(self, query->items[i].id)->index];
        if (i >= told) {
            place->is_untold = true;
        } else {
            place->next_n = query->items[i].n;
            place->next_same_n = query->items[i].same_n;
        }
    }
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        struct sl_query_place *place = &query->places[i];
        if (!place->is_untold) {
            place->next_n = place->n;
            place->next_same_n = place->same_n;
            place->next_none = place->is_read;
        }
        more = more || place->is_untold || (!place->is_read && sl_shard_is_open(&self->shards[i]));
    }
    if (more) sl_list_cursor_ended(buf, query->places, self->config.shard_count);
}

static void put_next(struct sl_sched *self, struct sl_query *query, uint32_t told, struct sl_buf *buf) {
    uint32_t live = 0;
    while (live < query->item_count && query->items[live].n == 0) live++;
    if (told < live) {
        sl_list_cursor_live(buf, query->items[told - 1].at_ms, query->items[told - 1].id);
    } else if (query->live_only) {
        sl_list_cursor_live(buf, query->looked_at.at_ms, query->looked_at.id);
    } else if (wants_ended(&query->event->query)) {
        put_next_ended(self, query, live, told, buf);
    }
}

static int reply_with(struct sl_sched *self, struct sl_query *query) {
    struct sl_buf buf, next;
    uint32_t count = count_told(query);
    sl_buf_init(&buf, &self->alloc);
    sl_buf_init(&next, &self->alloc);
    sl_mp_array(&buf, count);
    for (uint32_t i = 0; i < count; i++) sl_mp_raw(&buf, sl_blob_bytes(query->items[i].view));
    put_next(self, query, count, &next);
    buf.failed |= next.failed;
    (void)sl_query_reply(self, &query->event->query, NULL, &buf, sl_buf_bytes(&next)); /* no memory: the client asks again */
    sl_buf_fini(&next);
    sl_buf_fini(&buf);
    sl_query_free(self, query);
    return SL_OK;
}

/* Such an answer rests on several shards, and a message can wait for one only: so the query itself waits until all of it is durable. */
int sl_query_finish(struct sl_sched *self, struct sl_query *query) {
    bool durable = true;
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        const struct sl_query_place *place = &query->places[i];
        const struct sl_shard *shard = &self->shards[i];
        if (place->tag == 0) continue;
        if (!sl_shard_is_open(shard) || shard->epoch != place->epoch) return refuse(self, query);
        durable = durable && shard->n_durable >= place->tag;
    }
    if (durable && !query->resolving) return reply_with(self, query);
    if (durable) {
        sl_query_say_absent(self, query);
        sl_query_free(self, query);
        return SL_OK;
    }
    sl_list_append(&self->held_queries, &query->link);
    return SL_OK;
}

void sl_query_send_held(struct sl_sched *self) {
    for (size_t left = self->held_queries.count; left > 0; left--) {
        struct sl_link *link = sl_list_first(&self->held_queries);
        sl_list_remove(&self->held_queries, link);
        (void)sl_query_finish(self, SL_CONTAINER(link, struct sl_query, link));
    }
}

/* The next page of ended jobs of each shard that has more. */
static int read_ended(struct sl_sched *self, struct sl_query *query) {
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        struct sl_query_place *place = &query->places[i];
        if (place->over || !sl_shard_is_open(&self->shards[i])) continue;
        struct sl_ledger_call call = {.verb = SL_LEDGER_READ_ENDED,
                                      .shard = i,
                                      .n = place->n ? place->n + 1 : 0,
                                      .cursor = place->same_n,
                                      .count = query->limit};
        int rc = sl_read_send(self, SL_READ_QUERY, call, query);
        if (rc) return rc;
        query->pending++;
    }
    return SL_OK;
}

/* Redis has a shard's jobs in the order in which they ended; the wall clock, which merges the shards, may have gone back since. */
static void order_ended(struct sl_sched *self, struct sl_query *query) {
    for (uint16_t i = 0; i < self->config.shard_count; i++) query->places[i].least_ms = UINT64_MAX;
    for (uint32_t i = 0; i < query->item_count; i++) {
        struct sl_query_item *item = &query->items[i];
        uint64_t *least_ms = &query->places[sl_shard_of(self, item->id)->index].least_ms;
        if (item->n == 0) continue;
        if (item->at_ms > *least_ms) item->at_ms = *least_ms;
        *least_ms = item->at_ms;
    }
}

/* All that was asked has been answered: ask for what follows from it, or answer. */
static int go_on(struct sl_sched *self, struct sl_query *query) {
    int rc = read_jobs(self, query);
    if (rc || query->pending > 0) return rc;
    drop_unwanted(query);
    if (!query->live_only && query->heads_read < SL_QUERY_HEADS_MAX) rc = read_ended(self, query);
    if (rc || query->pending > 0) return rc;
    order_ended(self, query);
    sort(query->items, query->item_count);
    return sl_query_finish(self, query);
}

static int refuse_cursor(struct sl_sched *self, struct sl_query *query) {
    const struct sl_ev_query *asked = &query->event->query;
    (void)sl_reject(self, asked->peer, asked->message_id, NULL, SL_REJECT_BAD_REQUEST,
                    "the cursor is not from an answer of this cluster; begin the list anew"); /* no memory: the client asks again */
    sl_query_free(self, query);
    return SL_OK;
}

int sl_query_list(struct sl_sched *self, struct sl_query *query) {
    size_t size = self->config.shard_count * sizeof *query->places;
    query->places = sl_alloc_take(&self->alloc, size);
    if (!query->places) return SL_E_NO_MEMORY;
    memset(query->places, 0, size);
    if (sl_list_cursor_read(query, query->event->query.cursor, self->config.shard_count)) return refuse_cursor(self, query);
    for (uint16_t i = 0; i < self->config.shard_count; i++) {
        struct sl_query_place *place = &query->places[i];
        place->next_n = place->n;
        place->next_same_n = place->same_n;
        place->over = place->is_read || !wants_ended(&query->event->query);
    }
    int rc = query->ended_only ? SL_OK : gather_memory(self, query);
    if (!rc && !query->live_only) rc = read_ended(self, query);
    if (rc || query->pending > 0) return rc;
    return go_on(self, query);
}

/* A job that was live when the list began may have ended, and left memory, since. */
static bool is_noted(const struct sl_query *query, struct sl_job_id id) {
    for (uint32_t i = 0; i < query->item_count; i++) {
        if (sl_job_id_equal(query->items[i].id, id)) return true;
    }
    return false;
}

static int take_ended(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    struct sl_query_place *place = &query->places[reply->shard];
    query->heads_read += (uint32_t)reply->item_count;
    place->is_read = place->over = reply->item_count < query->limit;
    for (size_t i = 0; i < reply->item_count; i++) {
        struct sl_job_id id;
        place->same_n = reply->items[i].n == place->n ? place->same_n + 1 : 1;
        place->n = reply->items[i].n;
        if (reply->items[i].key.size != sizeof id.bytes) continue;
        memcpy(id.bytes, reply->items[i].key.data, sizeof id.bytes);
        if (sl_query_job(self, id)) continue; /* memory has it */
        if (is_noted(query, id)) continue;
        struct sl_query_item item = {.id = id, .n = place->n, .same_n = place->same_n};
        int rc = note(self, query, &item);
        if (rc) return rc;
    }
    return SL_OK;
}

/* The item whose record was asked for and is not here yet. */
static struct sl_query_item *awaited(struct sl_query *query, struct sl_job_id id) {
    for (uint32_t i = 0; i < query->item_count; i++) {
        struct sl_query_item *item = &query->items[i];
        if (item->asked && !item->view && sl_job_id_equal(item->id, id)) return item;
    }
    return NULL;
}

static int take_view(struct sl_sched *self, struct sl_query *query, struct sl_query_item *item, const struct sl_job *job) {
    const struct sl_shard *shard = sl_shard_of(self, job->id);
    struct sl_query_place *place = &query->places[shard->index];
    struct sl_buf buf;
    if (!wants(&query->event->query, job)) return SL_OK;
    sl_buf_init(&buf, &self->alloc);
    sl_view_job(self, &buf, job);
    item->at_ms = item->n ? job->updated_ms : job->created_ms;
    item->view = buf.failed ? NULL : sl_blob_new(&self->alloc, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    if (!item->view) return SL_E_NO_MEMORY;
    place->tag = sl_shard_tag(shard);
    place->epoch = shard->epoch;
    if (sl_job_state_is_terminal((enum sl_job_state)job->state)) place->found++;
    if (place->found >= query->limit) place->over = true;
    return SL_OK;
}

static int take_job(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    struct sl_shard *shard = sl_shard_of(self, query->read_id);
    struct sl_job *job = sl_query_job(self, query->read_id);
    struct sl_query_item *item = awaited(query, query->read_id);
    SL_ASSERT(item);
    if (sl_query_is_late(self, item->id, &item->then)) {
        item->asked = false;
        return item->again_count++ < SL_QUERY_AGAIN_MAX ? SL_OK : SL_E_AGAIN;
    }
    if (job) {
        bool fill = !job->facts && !job->corrupt;
        int rc = fill ? sl_job_fill(self, job, reply) : SL_OK;
        if (!rc) rc = take_view(self, query, item, job);
        bool spare = job->state == SL_JOB_QUEUED && !job->ahead && !job->settling && job->first_unsettled == 0;
        if (fill && spare && !job->loading && !job->corrupt) sl_job_cool(&shard->table, job, true);
        return rc;
    }
    int rc = sl_job_from_reply(self, shard, query->read_id, reply, &job);
    if (rc == SL_E_AGAIN && item->again_count++ < SL_QUERY_AGAIN_MAX) { /* read again behind its pipeline */
        item->asked = false;
        return sl_lack_ask(self, shard, SL_READ_PIPELINE);
    }
    if (rc) return rc == SL_E_NO_MEMORY ? rc : SL_OK; /* damaged, without a pipeline, or removed meanwhile */
    rc = take_view(self, query, item, job);
    sl_job_free(&shard->table, &job);
    return rc;
}

int sl_query_listed(struct sl_sched *self, struct sl_query *query, const struct sl_ledger_reply *reply) {
    int rc = reply->verb == SL_LEDGER_READ_ENDED ? take_ended(self, query, reply) : take_job(self, query, reply);
    return rc || query->pending > 0 ? rc : go_on(self, query);
}
