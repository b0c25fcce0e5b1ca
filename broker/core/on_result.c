/* A worker says how an attempt ended. Only the current attempt, by its whole token, has an effect; anything else is stale. */
#include "sched_state.h"

#include "base/outcome.h"

static struct sl_effect *acknowledge(struct sl_sched *self, const struct sl_shard *shard, uint64_t peer,
                                     const struct sl_token *token, bool stale) {
    struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_RESULT_ACK, shard);
    effect->peer = peer;
    effect->ack.token = *token;
    effect->ack.stale = stale;
    return effect;
}

static bool is_state_key(const struct sl_text_list *keys, struct sl_bytes key) {
    for (uint32_t i = 0; i < keys->count; i++) {
        if (sl_bytes_equal(keys->items[i], key)) return true;
    }
    return false;
}

/* Another registration of the stage's type may have become the one that counts since the attempt began. */
static bool is_key_of_other(struct sl_sched *self, const struct sl_stage_run *stage, struct sl_bytes key) {
    const struct sl_pipeline *pipeline = stage->job->pipeline->pipeline;
    struct sl_bytes type = pipeline->stages[stage->index].type;
    if (pipeline->plugin_count == 0 || pipeline->stages[stage->index].has_state_keys) return false;
    for (uint32_t i = 0; i < self->type_table.count; i++) {
        const struct sl_stage_type *known = self->type_table.items[i];
        if (sl_bytes_equal(known->type, type) && is_state_key(&known->state_keys, key)) return true;
    }
    return false;
}

/* What is wrong with a result that claims success; NULL: nothing. */
static const char *objection(struct sl_sched *self, const struct sl_stage_run *stage, const struct sl_ev_result *result) {
    static const char invalid[] = "invalid-value: the stage left an empty value, which is no msgpack";
    struct sl_text_list keys =
        sl_state_keys_resolve(stage->job->pipeline->pipeline, stage->index, &self->type_table);
    uint64_t bytes = result->output.size;
    for (uint32_t i = 0; i < result->value_count; i++) {
        if (!is_state_key(&keys, result->values[i].key) && !is_key_of_other(self, stage, result->values[i].key)) {
            return "undeclared-key: the stage wrote a state key that it does not declare";
        }
        if (result->values[i].value.size == 0) return invalid;
        bytes += result->values[i].value.size;
    }
    if (result->output.size == 0 && result->value_count != 1) return invalid;
    if (bytes > SL_RESULT_BYTES_MAX) return "result-too-large: the values of one result are above 16 MiB together";
    const struct sl_run *run = stage->job->run;
    for (uint16_t i = 0; i < run->stage_count; i++) bytes += sl_blob_bytes(run->stages[i].output).size;
    if (bytes > SL_STATE_BYTES_MAX) return "state-too-large: the run state would pass 16 MiB";
    return NULL;
}

static int put_output(struct sl_sched *self, const struct sl_stage_run *stage, const struct sl_ev_result *result) {
    struct sl_buf *buf = &self->output;
    sl_buf_clear(buf);
    sl_mp_array(buf, 4);
    sl_mp_str(buf, stage->job->pipeline->pipeline->stages[stage->index].type);
    sl_mp_uint(buf, result->count);
    sl_mp_map(buf, result->value_count);
    for (uint32_t i = 0; i < result->value_count; i++) {
        sl_mp_str(buf, result->values[i].key);
        sl_mp_bin(buf, result->values[i].value);
    }
    if (result->output.size) {
        sl_mp_bin(buf, result->output);
    } else {
        sl_mp_nil(buf);
    }
    sl_record_seal(buf, 0);
    return buf->failed ? SL_E_NO_MEMORY : SL_OK;
}

static int succeeded(struct sl_sched *self, struct sl_stage_run *stage, const struct sl_ev_result *result) {
    struct sl_job *job = stage->job;
    int rc = put_output(self, stage, result);
    if (rc) return rc;
    struct sl_transition transitions[2];
    transitions[0] = sl_transition_of_stage(self, stage, SL_TR_SUCCEEDED);
    transitions[0].succeeded = (struct sl_tr_succeeded){
        .output = sl_buf_bytes(&self->output), .count = result->count, .duration_ms = result->duration_ms};
    bool last = job->run->succeeded_count + 1 == job->run->stage_count;
    if (last) {
        transitions[1] = sl_transition_of_job(self, job, SL_TR_ENDED);
        transitions[1].ended.state = SL_JOB_COMPLETED;
        transitions[1].ended.reason = sl_bytes(NULL, 0);
    }
    return sl_decide(self, job, transitions, last ? 2 : 1);
}

/* A worker that gives a task back may have missed the pipeline's definition: it is sent again before the next task. */
static void define_again(struct sl_session *session, struct sl_digest pipeline) {
    for (uint32_t i = 0; i < session->defined_count; i++) {
        if (!sl_digest_equal(session->defined[i], pipeline)) continue;
        session->defined[i] = session->defined[--session->defined_count];
        return;
    }
}

static int ended(struct sl_sched *self, struct sl_session *session, struct sl_stage_run *stage,
                 const struct sl_ev_result *result) {
    const char *why = result->outcome == SL_OUTCOME_DONE ? objection(self, stage, result) : NULL;
    if (why) {
        return sl_attempt_failed(self, stage, SL_OUTCOME_PERMANENT, result->duration_ms, sl_text(why),
                                 sl_bytes(NULL, 0));
    }
    switch (result->outcome) {
    case SL_OUTCOME_DONE:
        return succeeded(self, stage, result);
    case SL_OUTCOME_RETURNED:
        define_again(session, stage->job->pipeline->digest);
        return sl_attempt_returned(self, stage, "its worker gave it back");
    case SL_OUTCOME_RETRYABLE:
    case SL_OUTCOME_PERMANENT:
    case SL_OUTCOME_CRASH:
    case SL_OUTCOME_TIMEOUT:
        return sl_attempt_failed(self, stage, result->outcome, result->duration_ms, result->error, result->detail);
    default:
        return sl_attempt_failed(self, stage, SL_OUTCOME_PERMANENT, result->duration_ms,
                                 sl_text("the worker reported an outcome that this broker does not know"), result->detail);
    }
}

#ifdef SLUICE_PLANTED_BUGS
/* Planted bug 23: a result that comes twice counts twice for what waits for it. */
__attribute__((noinline)) static void count_again(struct sl_sched *self, const struct sl_token *token) {
    struct sl_job *job = sl_job_find(&sl_shard_of(self, token->job)->table, token->job);
    if (!job || !job->run || sl_job_state_is_terminal((enum sl_job_state)job->state)) return;
    if (job->run->stages[token->stage].state != SL_STAGE_SUCCEEDED) return;
    const struct sl_stage *declared = &job->pipeline->pipeline->stages[token->stage];
    for (uint16_t i = 0; i < declared->successor_count; i++) {
        struct sl_stage_run *stage = &job->run->stages[declared->successors[i]];
        if (stage->state != SL_STAGE_WAITING || --stage->pending > 0) continue;
        stage->state = SL_STAGE_READY;
        job->run->ready_count++;
        sl_stage_join(self, stage);
    }
}
#endif

int sl_on_result(struct sl_sched *self, const struct sl_event *event) {
    const struct sl_ev_result *result = &event->result;
    int rc = sl_effects_reserve(self, 1);
    if (rc) return rc;
    struct sl_session *session = sl_session_of_peer(self, result->peer);
    if (!session) {
        sl_effect_add(self, SL_DO_RESET)->peer = result->peer;
        return SL_OK;
    }
    session->heard_at = self->now;
    sl_session_let_go(self, session, &result->token);
    if (result->token.shard >= self->config.shard_count) return SL_OK;
    struct sl_shard *shard = &self->shards[result->token.shard];
    if (!sl_shard_is_open(shard)) return SL_OK; /* the worker keeps it and sends it again */
    struct sl_stage_run *stage = sl_attempt_find(self, &result->token);
    if (!stage) {
        self->figures.stale++;
#ifdef SLUICE_PLANTED_BUGS
        if (SL_BUG(self, 23)) count_again(self, &result->token);
#endif
        acknowledge(self, shard, result->peer, &result->token, true);
        return SL_OK;
    }
    if (SL_BUG(self, 3)) acknowledge(self, shard, result->peer, &result->token, false)->n = 0;
    rc = ended(self, session, stage, result);
    if (rc) return rc;
    acknowledge(self, shard, result->peer, &result->token, false);
    return SL_OK;
}
