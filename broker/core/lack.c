/* What a job lacks. It names its pipeline by digest, and the broker may not have been told of that: another one stored it, or its name has
 * meant too many others since. Then it is read by its digest; replies come in the order of the calls, so what is read behind it finds it
 * known. A job whose pipeline Redis does not hold either, or whose record cannot be read, is parked. */
#include "sched_state.h"

static bool is_asked(const struct sl_sched *self) {
    for (struct sl_link *link = sl_list_first(&self->reads); link; link = sl_list_next(&self->reads, link)) {
        const struct sl_read *read = SL_CONTAINER(link, struct sl_read, link);
        if (read->purpose == SL_READ_PIPELINE && sl_digest_equal(read->call.digest, self->missed)) return true;
    }
    return false;
}

int sl_lack_ask(struct sl_sched *self, struct sl_shard *shard, enum sl_read_purpose purpose) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_READ_PIPELINE, .shard = shard->index, .digest = self->missed};
    if (purpose == SL_READ_PIPELINE && is_asked(self)) return SL_OK; /* many may ask for the same */
    return sl_read_send(self, purpose, call, NULL);
}

static bool is_noted(const struct sl_shard *shard, struct sl_digest digest) {
    for (struct sl_link *link = sl_list_first(&shard->absent); link; link = sl_list_next(&shard->absent, link)) {
        if (sl_digest_equal(SL_CONTAINER(link, struct sl_absent_pipeline, link)->digest, digest)) return true;
    }
    return false;
}

bool sl_lack_is_absent(const struct sl_sched *self, const struct sl_shard *shard) {
    return is_noted(shard, self->missed);
}

void sl_lack_forget(struct sl_sched *self, struct sl_shard *shard) {
    struct sl_link *link;
    while ((link = sl_list_first(&shard->absent))) {
        sl_list_remove(&shard->absent, link);
        sl_pool_give(&self->pool, SL_CONTAINER(link, struct sl_absent_pipeline, link), sizeof(struct sl_absent_pipeline));
    }
}

/* Without memory nothing is noted: who lacks it asks again. */
void sl_lack_read(struct sl_sched *self, struct sl_shard *shard, const struct sl_read *read,
                  const struct sl_ledger_reply *reply) {
    struct sl_digest digest = read->call.digest;
    if (reply->item_count > 0) {
        struct sl_event event = {.kind = SL_EV_PIPELINE};
        event.pipeline = (struct sl_ev_pipeline){.digest = digest, .canonical = reply->items[0].value};
        if (sl_on_pipeline(self, &event)) return;
    }
    if (read->purpose == SL_READ_PIPELINE || sl_pipeline_find(self, digest) || is_noted(shard, digest)) return;
    struct sl_absent_pipeline *absent = sl_pool_take(&self->pool, sizeof *absent);
    if (!absent) return;
    absent->digest = digest;
    sl_list_append(&shard->absent, &absent->link);
}

int sl_reject_lacking(struct sl_sched *self, struct sl_shard *shard, uint64_t peer, uint64_t re) {
    int rc = sl_lack_ask(self, shard, SL_READ_PIPELINE);
    if (rc) return rc;
    return sl_reject(self, peer, re, NULL, SL_REJECT_NOT_READY,
                     "the broker does not know this job's pipeline and asks Redis for it; if it stays so, apply the pipeline again");
}

static void tell_parked(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, bool lacks_pipeline) {
    char text[192] = "a job's record cannot be read; it is parked: ";
    static const char lacks[] = "a job's pipeline is not in Redis; it is parked until that is applied again and this broker is started anew: ";
    if (lacks_pipeline) memcpy(text, lacks, sizeof lacks);
    sl_id_to_text(id.bytes, text + strlen(text));
    sl_alarm(self, shard, text);
}

/* What was replayed of the job before it turned out that it cannot go on. */
static void leave_memory(struct sl_shard *shard, struct sl_job_id id) {
    struct sl_job *job = sl_job_find(&shard->table, id);
    if (!job) return;
    if (job->first_unsettled > 0) sl_list_remove(&shard->dirty, &job->dirty);
    sl_job_remove(&shard->table, job);
}

int sl_job_park(struct sl_sched *self, struct sl_shard *shard, struct sl_job_id id, bool lacks_pipeline) {
    SL_ASSERT(shard->state == SL_SHARD_RECOVERING);
    if (sl_idmap_find(&shard->parked, id.bytes)) return SL_OK;
    int rc = sl_idmap_reserve(&shard->parked, 1);
    if (rc) return rc;
    struct sl_parked_job *parked = sl_pool_take(&self->pool, sizeof *parked);
    if (!parked) return SL_E_NO_MEMORY;
    *parked = (struct sl_parked_job){.id = id, .lacks_pipeline = lacks_pipeline};
    sl_idmap_insert(&shard->parked, parked);
    leave_memory(shard, id);
    tell_parked(self, shard, id, lacks_pipeline);
    return SL_OK;
}

const char *sl_job_parked(struct sl_sched *self, struct sl_job_id id) {
    const struct sl_parked_job *parked = sl_idmap_find(&sl_shard_of(self, id)->parked, id.bytes);
    if (!parked) return NULL;
    return parked->lacks_pipeline ? "its pipeline is not in Redis: apply it again, then start the broker anew"
                                  : "its stored record cannot be read";
}

bool sl_job_refuse_parked(struct sl_sched *self, struct sl_job_id id, uint64_t peer, uint64_t re, int *out_rc) {
    const char *why = sl_job_parked(self, id);
    if (!why) return false;
    *out_rc = sl_reject(self, peer, re, sl_shard_of(self, id), SL_REJECT_DAMAGED, "this job is parked: %s", why);
    return true;
}

void sl_parked_clear(struct sl_sched *self, struct sl_shard *shard) {
    size_t cursor = 0;
    struct sl_parked_job *parked;
    uint64_t seed = shard->parked.seed;
    while ((parked = sl_idmap_each(&shard->parked, &cursor))) sl_pool_give(&self->pool, parked, sizeof *parked);
    sl_idmap_fini(&shard->parked);
    sl_idmap_init(&shard->parked, &self->alloc, seed);
    shard->held_from = 0;
}
