/* What follows the end of an attempt that did not succeed: another one after a wait, or the end of the stage and of the job. */
#include "sched_state.h"

#include "base/outcome.h"

static bool is_crash(unsigned outcome) {
    return outcome == SL_OUTCOME_CRASH || outcome == SL_OUTCOME_LOST;
}

/* Whether the stage may not be tried again after this. */
static bool is_final(const struct sl_stage_run *stage, unsigned outcome) {
    if (outcome == SL_OUTCOME_PERMANENT) return true;
    if (stage->tries >= stage->attempts_max) return true;
    if (is_crash(outcome) && stage->crashes + 1u >= stage->crashes_max) return true;
    /* Whether it had its effect is not known, and it may not have it twice. */
    bool unknown = is_crash(outcome) || outcome == SL_OUTCOME_TIMEOUT;
    return unknown && !stage->idempotent;
}

static uint64_t wait_ms(struct sl_sched *self, const struct sl_stage_run *stage, unsigned outcome) {
    if (outcome == SL_OUTCOME_LOST) return 0; /* not the stage's doing */
    return sl_backoff_ms(&stage->backoff, stage->tries, &self->rng);
}

/* The job's reason: which stage, how, why. */
static struct sl_bytes job_reason(struct sl_sched *self, const struct sl_stage_run *stage, unsigned outcome,
                                  struct sl_bytes error) {
    struct sl_buf *buf = &self->output;
    sl_buf_clear(buf);
    (void)sl_buf_append(buf, stage->job->pipeline->pipeline->stages[stage->index].name.data,
                        stage->job->pipeline->pipeline->stages[stage->index].name.size);
    (void)sl_buf_append(buf, ": ", 2);
    if (error.size) {
        (void)sl_buf_append(buf, error.data, error.size);
    } else {
        const char *word = sl_outcome_text(outcome);
        (void)sl_buf_append(buf, word, strlen(word));
    }
    if (stage->tries > 1) {
        char count[24];
        size_t size = sl_decimal(stage->tries, count);
        (void)sl_buf_append(buf, " (after ", 8);
        (void)sl_buf_append(buf, count, size);
        (void)sl_buf_append(buf, " attempts)", 10);
    }
    struct sl_bytes reason = sl_buf_bytes(buf);
    if (reason.size > SL_REASON_MAX) reason = sl_utf8_cut(reason, SL_REASON_MAX);
    return buf->failed ? sl_bytes(NULL, 0) : reason;
}

/* The attempts of a job that workers make, but one: before the decision, which takes them off their lists. */
static uint32_t list_attempts(const struct sl_sched *self, const struct sl_job *job, const struct sl_stage_run *but,
                              struct sl_token *tokens, struct sl_session **sessions) {
    uint32_t count = 0;
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) {
        struct sl_stage_run *stage = &job->run->stages[i];
        if (stage == but || stage->state != SL_STAGE_RUNNING || !stage->session) continue;
        tokens[count] = sl_attempt_token(self, stage);
        sessions[count++] = stage->session;
    }
    return count;
}

/* Decides the transitions that end a job, and stops what still runs of it. */
static int decide_end(struct sl_sched *self, struct sl_job *job, const struct sl_stage_run *but,
                      const struct sl_transition *transitions, uint32_t count) {
    uint32_t running = job->run ? job->run->running_count : 0;
    struct sl_token *tokens = running ? sl_step_block(self, running * sizeof *tokens) : NULL;
    struct sl_session **sessions = running ? sl_step_block(self, running * sizeof *sessions) : NULL;
    if (running && (!tokens || !sessions)) return SL_E_NO_MEMORY;
    uint32_t cancel_count = list_attempts(self, job, but, tokens, sessions);
    int rc = sl_effects_reserve(self, cancel_count + 16);
    if (!rc) rc = sl_decide(self, job, transitions, count);
    if (rc) return rc;
    struct sl_shard *shard = sl_shard_of(self, job->id);
    for (uint32_t i = 0; i < cancel_count; i++) {
        struct sl_effect *effect = sl_effect_add_tagged(self, SL_DO_CANCEL, shard);
        effect->peer = sessions[i]->peer;
        effect->token = tokens[i];
        sl_session_hold(self, sessions[i], &tokens[i]);
    }
    return SL_OK;
}

int sl_attempt_failed(struct sl_sched *self, struct sl_stage_run *stage, unsigned outcome, uint32_t duration_ms,
                      struct sl_bytes error, struct sl_bytes detail) {
    struct sl_job *job = stage->job;
    struct sl_transition transitions[2];
    bool final = stage->state != SL_STAGE_RUNNING || is_final(stage, outcome);
    uint64_t now_ms = sl_shard_time(sl_shard_of(self, job->id), self->now);
    transitions[0] = sl_transition_of_stage(self, stage, SL_TR_ATTEMPT_FAILED);
    transitions[0].failed = (struct sl_tr_failed){.outcome = outcome,
                                                  .duration_ms = duration_ms,
                                                  .final = final,
                                                  .until_ms = final ? 0 : now_ms + wait_ms(self, stage, outcome),
                                                  .error = error,
                                                  .detail = detail};
    if (!final) return sl_decide(self, job, transitions, 1);
    transitions[1] = sl_transition_of_job(self, job, SL_TR_ENDED);
    transitions[1].ended.state = SL_JOB_FAILED;
    transitions[1].ended.reason = job_reason(self, stage, outcome, error);
    return decide_end(self, job, stage, transitions, 2);
}

int sl_attempt_returned(struct sl_sched *self, struct sl_stage_run *stage, const char *why) {
    if (stage->returns >= SL_RETURNS_MAX) {
        return sl_attempt_failed(self, stage, SL_OUTCOME_LOST, 0, sl_text("no worker kept the attempt"), sl_text(why));
    }
    struct sl_transition transition = sl_transition_of_stage(self, stage, SL_TR_RETURNED);
    transition.returned = sl_text(why);
    return sl_decide(self, stage->job, &transition, 1);
}

int sl_job_end(struct sl_sched *self, struct sl_job *job, enum sl_job_state state, struct sl_bytes reason) {
    struct sl_transition transition = sl_transition_of_job(self, job, SL_TR_ENDED);
    transition.ended.state = state;
    transition.ended.reason = reason;
    return decide_end(self, job, NULL, &transition, 1);
}
