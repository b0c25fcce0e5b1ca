/* The table of followed jobs; each is on one of two lists, due or asked. */
#include "watches.h"

#include "base/err.h"

struct watch {
    struct sl_job_id job; /* first: the table's key */
    struct sl_link link;
    uint64_t n;
    uint32_t facts; /* checksum of the last snapshot */
    bool seen;
    bool is_due;
};

void sl_watches_init(struct sl_watches *self, const struct sl_alloc *alloc, uint64_t seed) {
    self->alloc = alloc;
    sl_idmap_init(&self->by_id, alloc, seed);
    sl_list_init(&self->due);
    sl_list_init(&self->asked);
}

static void free_list(struct sl_watches *self, struct sl_list *list) {
    struct sl_link *link;
    while ((link = sl_list_first(list))) {
        struct watch *watch = SL_CONTAINER(link, struct watch, link);
        sl_list_remove(list, link);
        sl_alloc_give(self->alloc, watch, sizeof *watch);
    }
}

void sl_watches_fini(struct sl_watches *self) {
    free_list(self, &self->due);
    free_list(self, &self->asked);
    sl_idmap_fini(&self->by_id);
}

int sl_watches_add(struct sl_watches *self, struct sl_job_id job, bool *out_added) {
    *out_added = false;
    if (sl_idmap_find(&self->by_id, job.bytes)) return SL_OK;
    if (sl_idmap_reserve(&self->by_id, 1)) return SL_E_NO_MEMORY;
    struct watch *watch = sl_alloc_take(self->alloc, sizeof *watch);
    if (!watch) return SL_E_NO_MEMORY;
    *watch = (struct watch){.job = job, .is_due = true};
    sl_idmap_insert(&self->by_id, watch);
    sl_list_append(&self->due, &watch->link);
    *out_added = true;
    return SL_OK;
}

void sl_watches_remove(struct sl_watches *self, struct sl_job_id job) {
    struct watch *watch = sl_idmap_remove(&self->by_id, job.bytes);
    if (!watch) return;
    sl_list_remove(watch->is_due ? &self->due : &self->asked, &watch->link);
    sl_alloc_give(self->alloc, watch, sizeof *watch);
}

void sl_watches_all_due(struct sl_watches *self) {
    struct sl_link *link;
    while ((link = sl_list_first(&self->asked))) {
        sl_list_remove(&self->asked, link);
        sl_list_append(&self->due, link);
        SL_CONTAINER(link, struct watch, link)->is_due = true;
    }
}

static void mark_asked(struct sl_watches *self, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct sl_link *link = sl_list_first(&self->due);
        sl_list_remove(&self->due, link);
        sl_list_append(&self->asked, link);
        SL_CONTAINER(link, struct watch, link)->is_due = false;
    }
}

bool sl_watches_next_frame(struct sl_watches *self, uint64_t message_id, struct sl_buf *items, struct sl_buf *frame) {
    if (self->due.count == 0) return false;
    sl_buf_clear(items);
    sl_buf_clear(frame);
    struct sl_wire_watch message = {.ends_only = self->ends_only};
    struct sl_link *link = sl_list_first(&self->due);
    for (; link && message.jobs.count < SL_WATCHES_PER_MESSAGE; link = sl_list_next(&self->due, link)) {
        sl_wire_job_ref_put(items, &(struct sl_wire_job_ref){.job = SL_CONTAINER(link, struct watch, link)->job});
        message.jobs.count++;
    }
    message.jobs.items = sl_buf_bytes(items);
    if (items->failed || sl_wire_watch_encode(frame, message_id, &message)) return false;
    mark_asked(self, message.jobs.count);
    return true;
}

bool sl_status_is_terminal(struct sl_bytes status) {
    return sl_bytes_is(status, "completed") || sl_bytes_is(status, "failed") || sl_bytes_is(status, "cancelled");
}

/* Two snapshots may rest on the same write: what was decided together becomes durable together. */
static uint32_t facts_of(const struct sl_wire_job_change *change) {
    const struct sl_bytes parts[] = {change->status, change->stages, change->reason, change->waiting};
    struct sl_digest digest = sl_digest_parts(parts, sizeof parts / sizeof *parts);
    return sl_crc32c(sl_bytes(digest.bytes, sizeof digest.bytes));
}

bool sl_watches_take(struct sl_watches *self, const struct sl_wire_job_change *change) {
    struct watch *watch = sl_idmap_find(&self->by_id, change->job.bytes);
    if (!watch) return false;
    bool unknown = sl_bytes_is(change->status, "unknown");
    uint32_t facts = facts_of(change);
    bool is_older = change->n < watch->n || (change->n == watch->n && facts == watch->facts);
    if (watch->seen && is_older && !unknown) return false;
    watch->seen = true;
    watch->n = change->n;
    watch->facts = facts;
    if (unknown || sl_status_is_terminal(change->status)) sl_watches_remove(self, change->job);
    return true;
}
