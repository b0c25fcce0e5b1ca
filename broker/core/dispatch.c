/* What can start, starts: stages of jobs under way before jobs that wait, oldest first, each to the worker with most free slots. */
#include "sched_state.h"

enum { ERROR_SIZE = 512, AHEAD_MIN = 16, WAVES_MIN = 2, WAVES_MAX = 16 };

/* The session with most free slots that offers the type, the first of equals; NULL: none has any. */
static struct sl_session *find_credit(const struct sl_type *type) {
    struct sl_session *best = NULL;
    size_t most = 0;
    for (struct sl_link *link = sl_list_first(&type->offers); link; link = sl_list_next(&type->offers, link)) {
        struct sl_session *session = SL_CONTAINER(link, struct sl_offer, in_type)->session;
        size_t taken = session->in_flight.count + session->held.count;
        size_t free = session->slots > taken ? session->slots - taken : 0;
        if (free > most) {
            most = free;
            best = session;
        }
    }
    return best;
}

static int define(struct sl_sched *self, struct sl_session *session, const struct sl_pipeline_entry *pipeline) {
    for (uint32_t i = session->defined_count; i > 0; i--) {
        if (sl_digest_equal(session->defined[i - 1], pipeline->digest)) return SL_OK;
    }
    if (session->defined_count == session->defined_capacity) {
        uint32_t capacity = session->defined_capacity ? 2 * session->defined_capacity : 8;
        void *grown = self->alloc.resize(self->alloc.context, session->defined,
                                         session->defined_capacity * sizeof *session->defined,
                                         capacity * sizeof *session->defined);
        if (!grown) return SL_E_NO_MEMORY;
        session->defined = grown;
        session->defined_capacity = capacity;
    }
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    session->defined[session->defined_count++] = pipeline->digest;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_DEFINE);
    effect->peer = session->peer;
    effect->define.digest = pipeline->digest;
    effect->define.canonical = pipeline->pipeline->canonical;
    return SL_OK;
}

static const struct sl_policy *find_policy(const struct sl_sched *self, struct sl_bytes name) {
    for (uint32_t i = 0; i < self->policy_count; i++) {
        if (sl_bytes_equal(self->policies[i].name, name)) return &self->policies[i];
    }
    return NULL;
}

/* A name that is not there is lint's business; an attempt that is due takes "default". */
static const struct sl_policy *policy_of(const struct sl_sched *self, const struct sl_stage *stage) {
    static const struct sl_policy fallback = {
        .attempts_max = 3, .timeout_ms = 30000, .backoff = {SL_BACKOFF_EXPONENTIAL, 500, 30000, true}};
    const struct sl_policy *policy = find_policy(self, stage->policy);
    if (!policy) policy = find_policy(self, sl_text("default"));
    return policy ? policy : &fallback;
}

static struct sl_transition make_started(struct sl_sched *self, const struct sl_job *job, uint16_t stage,
                                         const struct sl_session *session) {
    const struct sl_stage *declared = &job->pipeline->pipeline->stages[stage];
    const struct sl_policy *policy = policy_of(self, declared);
    struct sl_transition transition = sl_transition_of_job(self, job, SL_TR_STARTED);
    transition.stage = stage;
    transition.attempt = job->run ? job->run->stages[stage].attempt + 1 : 1;
    transition.started = (struct sl_tr_started){.nonce = sl_rng_next(&self->rng),
                                                .epoch = sl_shard_of(self, job->id)->epoch,
                                                .worker = sl_text(session->name),
                                                .attempts_max = policy->attempts_max,
                                                .crashes_max = SL_CRASHES_MAX,
                                                .timeout_ms = policy->timeout_ms,
                                                .backoff = policy->backoff,
                                                .idempotent = job->pipeline->types[stage]->known.idempotent};
    return transition;
}

static void assign(struct sl_sched *self, struct sl_stage_run *stage, struct sl_session *session,
                   struct sl_bytes input) {
    const struct sl_shard *shard = sl_shard_of(self, stage->job->id);
    struct sl_facts facts = {.kind = 0};
    int rc = sl_facts_read(sl_blob_bytes(stage->job->facts), &facts);
    SL_ASSERT(rc == SL_OK);
    sl_stage_assign(self, stage, session);
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_ASSIGN, shard);
    stage->started_n = effect->n;
    if (SL_BUG(self, 2)) effect->n = 0;
    effect->peer = session->peer;
    effect->assign = (struct sl_do_assign){.token = sl_attempt_token(self, stage),
                                           .definition = stage->job->pipeline->digest,
                                           .input = input,
                                           .timeout_ms = stage->timeout_ms,
                                           .tenant = facts.tenant,
                                           .doc_key = facts.kind == 2 ? facts.key : sl_bytes("", 0),
                                           .callable = stage->job->pipeline->types[stage->index]->known.callable};
}

/* A stage whose input cannot be had fails for good, and its job with it. */
static int fail_start(struct sl_sched *self, struct sl_job *job, uint16_t stage, const char *error) {
    if (!job->run) return sl_job_end(self, job, SL_JOB_FAILED, sl_text(error));
    return sl_attempt_failed(self, &job->run->stages[stage], 2, 0, sl_text(error), sl_bytes(NULL, 0));
}

/* Starts a stage of a job that is in memory. */
static int start(struct sl_sched *self, struct sl_job *job, uint16_t stage, struct sl_session *session) {
    char error[ERROR_SIZE] = "";
    struct sl_bytes input;
    int rc = sl_input_assemble(self, job, stage, &input, error, sizeof error);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc) return fail_start(self, job, stage, error);
    rc = sl_effects_reserve(self, 4);
    if (!rc) rc = define(self, session, job->pipeline);
    if (rc) return rc;
    struct sl_transition transition = make_started(self, job, stage, session);
    rc = sl_decide(self, job, &transition, 1);
    if (rc) return rc;
    assign(self, &job->run->stages[stage], session, input);
    return SL_OK;
}

/* Stages of jobs under way. A job whose parts are not in memory is asked for, and its stage waits behind the others; so does one that
 * finds no memory, since a smaller one may. The first failure is told. */
static int start_ready(struct sl_sched *self, struct sl_type *type) {
    size_t left = type->ready.count;
    int first_rc = SL_OK;
    struct sl_session *session;
    while (left-- > 0 && (session = find_credit(type))) {
        struct sl_link *link = sl_list_first(&type->ready);
        struct sl_stage_run *stage = SL_CONTAINER(link, struct sl_stage_run, link);
        int rc;
        bool cold = stage->job->cold;
        rc = cold ? sl_job_load(self, stage->job) : start(self, stage->job, stage->index, session);
        if (cold || rc) {
            sl_list_remove(&type->ready, link);
            sl_list_append(&type->ready, link);
        }
        if (!first_rc) first_rc = rc;
    }
    return first_rc;
}

static uint16_t first_root(const struct sl_pipeline *pipeline) {
    return pipeline->topological[0];
}

/* Keeps the first jobs of a queue in memory: as many as can start soon, and many more light ones while there is room, since what is read
 * comes behind Redis' next fsync, and slots are filled several times until then. */
void sl_pipeline_ahead(struct sl_sched *self, struct sl_pipeline_entry *pipeline) {
    if (!pipeline->ahead_end) return;
    uint64_t soon = WAVES_MIN * self->slots_total + AHEAD_MIN;
    bool has_room = sl_hot_bytes(self) < self->config.hot_bytes_max / 2;
    uint64_t window = has_room ? WAVES_MAX * self->slots_total + AHEAD_MIN : soon;
    while (pipeline->ahead_end && pipeline->ahead_count < window) {
        struct sl_job *job = SL_CONTAINER(pipeline->ahead_end, struct sl_job, queue);
        if (pipeline->ahead_count >= soon && job->cold && !job->light) return;
        if (job->cold && sl_job_load(self, job)) return; /* no memory: the next step tries again */
        pipeline->ahead_end = sl_list_next(&pipeline->queue, pipeline->ahead_end);
        job->ahead = true;
        pipeline->ahead_count++;
    }
}

static int start_queued(struct sl_sched *self, struct sl_pipeline_entry *pipeline) {
    uint16_t root = first_root(pipeline->pipeline);
    struct sl_link *link;
    struct sl_session *session;
    sl_pipeline_ahead(self, pipeline);
    while ((link = sl_list_first(&pipeline->queue)) && (session = find_credit(pipeline->types[root]))) {
        struct sl_job *job = SL_CONTAINER(link, struct sl_job, queue);
        if (job->cold) return job->loading ? SL_OK : sl_job_load(self, job);
        int rc = start(self, job, root, session);
        if (rc) return rc;
        sl_pipeline_ahead(self, pipeline);
    }
    return SL_OK;
}

int sl_dispatch(struct sl_sched *self) {
    int first_rc = SL_OK;
    if (self->draining || self->slots_used >= self->slots_total) return SL_OK;
    struct sl_link *link = sl_list_first(&self->types_waiting);
    while (link) {
        struct sl_link *next = sl_list_next(&self->types_waiting, link);
        int rc = start_ready(self, SL_CONTAINER(link, struct sl_type, waiting));
        if (!first_rc) first_rc = rc;
        link = next;
    }
    if (self->queued_total == 0) return first_rc;
    link = sl_list_first(&self->pipeline_list);
    for (; link && self->slots_used < self->slots_total; link = sl_list_next(&self->pipeline_list, link)) {
        struct sl_pipeline_entry *pipeline = SL_CONTAINER(link, struct sl_pipeline_entry, link);
        int rc = pipeline->queue.count ? start_queued(self, pipeline) : SL_OK;
        if (!first_rc) first_rc = rc;
    }
    return first_rc;
}
