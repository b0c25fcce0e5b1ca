/* A client submits a job. The job's id is its deduplication key, so the same request finds the same job, whenever it comes. */
#include "sched_state.h"

#include "base/text.h"

enum { NAMES_MAX = 256 };

struct sl_job_id sl_job_id_make(struct sl_bytes salt, struct sl_bytes tenant, const char *kind, struct sl_bytes key) {
    const struct sl_bytes parts[4] = {salt, tenant, sl_text(kind), key};
    struct sl_digest digest = sl_digest_parts(parts, 4);
    struct sl_job_id id;
    memcpy(id.bytes, digest.bytes, sizeof id.bytes);
    sl_id_mark_v8(id.bytes);
    return id;
}

/* The pipeline that a name means: the version asked for, else the newest version (versions sort as text). */
static struct sl_pipeline_entry *find_pipeline(struct sl_sched *self, struct sl_bytes name, struct sl_bytes version) {
    struct sl_pipeline_entry *best = NULL;
    for (struct sl_link *link = sl_list_first(&self->pipeline_list); link;
         link = sl_list_next(&self->pipeline_list, link)) {
        struct sl_pipeline_entry *entry = SL_CONTAINER(link, struct sl_pipeline_entry, link);
        const struct sl_pipeline *pipeline = entry->pipeline;
        if (!entry->current || !sl_bytes_equal(pipeline->name, name)) continue;
        if (version.size && !sl_bytes_equal(pipeline->version, version)) continue;
        if (!best || sl_bytes_compare(pipeline->version, best->pipeline->version) >= 0) best = entry;
    }
    return best;
}

static int reject_pipeline(struct sl_sched *self, const struct sl_ev_submit *submit) {
    const char *names[NAMES_MAX];
    size_t count = 0;
    struct sl_link *link = sl_list_first(&self->pipeline_list);
    for (; link && count < NAMES_MAX; link = sl_list_next(&self->pipeline_list, link)) {
        names[count++] = (const char *)SL_CONTAINER(link, struct sl_pipeline_entry, link)->pipeline->name.data;
    }
    const char *near = sl_text_suggest(submit->pipeline, names, count);
    int size = (int)submit->pipeline.size;
    const char *name = (const char *)submit->pipeline.data;
    if (submit->version.size) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_UNKNOWN_PIPELINE,
                         "there is no pipeline %.*s@%.*s; see: sluice pipelines list", size, name,
                         (int)submit->version.size, (const char *)submit->version.data);
    }
    if (near && !sl_bytes_is(submit->pipeline, near)) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_UNKNOWN_PIPELINE,
                         "there is no pipeline \"%.*s\"; did you mean \"%s\"?", size, name, near);
    }
    return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_UNKNOWN_PIPELINE,
                     "there is no pipeline \"%.*s\"; store one with: sluice pipelines apply FILE", size, name);
}

static struct sl_digest request_digest(const struct sl_ev_submit *submit) {
    const struct sl_bytes parts[4] = {submit->pipeline, submit->version, submit->payload, submit->labels};
    return sl_digest_parts(parts, 4);
}

static uint32_t missing_types(struct sl_sched *self, const struct sl_pipeline_entry *entry, const struct sl_bytes **out) {
    uint16_t count = entry->pipeline->stage_count;
    struct sl_bytes *missing = sl_step_block(self, count * sizeof *missing);
    uint32_t missing_count = 0;
    for (uint16_t i = 0; missing && i < count; i++) {
        if (entry->types[i]->offers.count > 0) continue;
        struct sl_bytes wanted = sl_binding_wanted(self, entry, i);
        bool again = false;
        for (uint32_t k = 0; k < missing_count; k++) again = again || sl_bytes_equal(missing[k], wanted);
        if (!again) missing[missing_count++] = wanted;
    }
    *out = missing;
    return missing_count;
}

static void accept(struct sl_sched *self, const struct sl_ev_submit *submit, const struct sl_job *job, bool duplicate) {
    const struct sl_bytes *missing = NULL;
    uint32_t missing_count = missing_types(self, job->pipeline, &missing);
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_ACCEPTED, sl_shard_of(self, job->id));
    if (SL_BUG(self, 1)) effect->n = 0;
    effect->peer = submit->peer;
    effect->re = submit->message_id;
    effect->accepted = (struct sl_do_accepted){.job = job->id,
                                               .run = job->run_number,
                                               .duplicate = duplicate,
                                               .state = (enum sl_job_state)job->state,
                                               .missing_types = missing,
                                               .missing_type_count = missing_count};
}

static int reject_conflict(struct sl_sched *self, const struct sl_ev_submit *submit) {
    return sl_reject(self, submit->peer, submit->message_id, sl_shard_of(self, submit->id), SL_REJECT_CONFLICT,
                     "this key was used for another input; use a new key, or submit the same input again");
}

/* The job is there. By its document it is the same whatever the input; by a key the input must be the same. */
static int answer_duplicate(struct sl_sched *self, const struct sl_ev_submit *submit, const struct sl_job *job) {
    struct sl_digest request = request_digest(submit);
    if (submit->doc_key.size == 0 && !sl_digest_equal(request, job->request)) return reject_conflict(self, submit);
    accept(self, submit, job, !submit->once);
    return SL_OK;
}

static int create(struct sl_sched *self, const struct sl_ev_submit *submit, struct sl_pipeline_entry *entry) {
    struct sl_facts facts = {.tenant = submit->tenant,
                             .kind = submit->once ? 0 : submit->doc_key.size ? 2 : 1,
                             .key = submit->doc_key.size ? submit->doc_key : submit->key,
                             .labels = submit->labels,
                             .traceparent = submit->traceparent};
    sl_buf_clear(&self->output);
    sl_facts_put(&self->output, &facts);
    if (self->output.failed) return SL_E_NO_MEMORY;
    struct sl_transition transition = {
        .kind = SL_TR_SUBMITTED, .job = submit->id, .wall_ms = self->wall_ms, .run = 1};
    transition.submitted = (struct sl_tr_submitted){.pipeline = entry->digest,
                                                    .request = request_digest(submit),
                                                    .facts = sl_buf_bytes(&self->output),
                                                    .payload = submit->payload,
                                                    .once = submit->once};
    struct sl_job *job;
    int rc = sl_decide_new(self, sl_shard_of(self, submit->id), &transition, &job);
    if (rc) return rc;
    accept(self, submit, job, false);
    return SL_OK;
}

/* The job was there, and retention has removed it: the same answers, from what is left of it. */
static int answer_removed(struct sl_sched *self, const struct sl_ev_submit *submit, const struct sl_tombstone *tombstone) {
    struct sl_digest request = request_digest(submit);
    if (submit->doc_key.size == 0 && !sl_digest_equal(request, tombstone->request)) return reject_conflict(self, submit);
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_ACCEPTED, sl_shard_of(self, submit->id));
    effect->peer = submit->peer;
    effect->re = submit->message_id;
    effect->accepted = (struct sl_do_accepted){
        .job = submit->id, .run = tombstone->run, .duplicate = !submit->once, .state = tombstone->state};
    return SL_OK;
}

/* A job that Redis holds and memory does not: it has ended. */
static int answer_stored(struct sl_sched *self, const struct sl_ev_submit *submit, const struct sl_ledger_reply *found) {
    struct sl_shard *shard = sl_shard_of(self, submit->id);
    struct sl_job *job;
    struct sl_tombstone tombstone;
    if (sl_tombstone_of(found, &tombstone) == SL_OK) return answer_removed(self, submit, &tombstone);
    int rc = sl_job_from_reply(self, shard, submit->id, found, &job);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc == SL_E_AGAIN) return sl_reject_lacking(self, shard, submit->peer, submit->message_id);
    if (rc) {
        return sl_reject(self, submit->peer, submit->message_id, shard, SL_REJECT_DAMAGED,
                         "this job's stored record cannot be read");
    }
    rc = answer_duplicate(self, submit, job);
    sl_job_free(&shard->table, &job);
    return rc;
}

static int refuse_early(struct sl_sched *self, const struct sl_ev_submit *submit, bool *out_refused) {
    const struct sl_shard *shard = sl_shard_of(self, submit->id);
    *out_refused = true;
    if (self->draining) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_NOT_READY, "the broker is stopping");
    }
    if (!sl_shard_is_open(shard)) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_NOT_READY,
                         "the broker does not hold this job's shard yet");
    }
    if (submit->payload.size > SL_VALUE_BYTES_MAX) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_TOO_LARGE,
                         "the payload has %zu bytes, at most %d are allowed", submit->payload.size, SL_VALUE_BYTES_MAX);
    }
    *out_refused = false;
    return SL_OK;
}

int sl_on_submit(struct sl_sched *self, const struct sl_event *event, const struct sl_ledger_reply *found) {
    const struct sl_ev_submit *submit = &event->submit;
    bool refused;
    int rc = sl_effects_reserve(self, 1);
    if (!rc) rc = refuse_early(self, submit, &refused);
    if (!rc && !refused && submit->once && submit->again) rc = sl_once_note(self, submit->id);
    if (rc || refused) return rc;
    struct sl_shard *shard = sl_shard_of(self, submit->id);
    const struct sl_job *job = sl_job_find(&shard->table, submit->id);
    if (job) return answer_duplicate(self, submit, job);
    if (sl_job_refuse_parked(self, submit->id, submit->peer, submit->message_id, &rc)) return rc;
    if (found && found->item_count > 0 && !SL_BUG(self, 36)) return answer_stored(self, submit, found);
    struct sl_pipeline_entry *entry = find_pipeline(self, submit->pipeline, submit->version);
    if (!entry) return reject_pipeline(self, submit);
    bool full = self->pressure || self->undurable_bytes >= SL_UNDURABLE_BYTES_PRESSURE;
    if (full) {
        return sl_reject(self, submit->peer, submit->message_id, NULL, SL_REJECT_BACKPRESSURE,
                         self->pressure ? "Redis is nearly full and nothing was queued: raise its maxmemory, or let jobs end"
                                        : "more was decided than Redis has stored yet, and this was not queued");
    }
    bool may_be_stored = !submit->once || submit->again || sl_once_may_be_late(self, shard, submit->id);
    if (found || !may_be_stored) return create(self, submit, entry);
    if (sl_reads_are_full(self, submit->peer, submit->message_id, &rc)) return rc;
    return sl_lookup_wait(self, shard, submit->id, event);
}
