/* What the broker asks for: tasks, and that some of them stop. */
#include "parts.h"

#include "base/err.h"

/* Why the task is not taken, or NULL. */
static const char *refusal(struct sl_agent *self, const struct sl_agent_task *task, const struct definition *definition) {
    if (task->token.epoch < self->epochs[task->token.shard]) return "assigned by an owner of the shard that was replaced";
    if (self->draining) return "the worker is leaving";
    if (sl_agent_is_broken(self)) return "no stage host can be started on this worker";
    if (self->result_bytes > SL_AGENT_RESULT_BYTES_MAX) return "too many results wait for their acknowledgement";
    if (sl_agent_under_way(self) >= self->config.host_count * (1 + self->config.prefetch)) return "no free slot";
    if (!definition) return "the pipeline's definition has not arrived";
    if (task->token.stage >= definition->pipeline->stage_count) return "the pipeline has no such stage";
    return NULL;
}

static void start_inline(struct sl_agent *self, struct attempt *attempt, const struct definition *definition) {
    attempt->state = ATTEMPT_INLINE;
    sl_list_append(&self->inlined, &attempt->link);
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_INLINE);
    effect->token = attempt->task.token;
    effect->give.task = &attempt->task;
    effect->give.digest = definition->pipeline->digest;
    effect->give.canonical = definition->pipeline->canonical;
}

static void again(struct sl_agent *self, struct attempt *attempt) {
    if (attempt->state == ATTEMPT_ENDED && self->link == LINK_WELCOMED) sl_agent_attempt_send(self, attempt, attempt->place);
}

int sl_agent_on_assign(struct sl_agent *self, const struct sl_agent_event *event) {
    const struct sl_agent_task *task = &event->task;
    if (task->token.shard >= SL_SHARDS_MAX) return SL_E_BAD_INPUT;
    struct attempt *attempt = sl_agent_attempt_find(self, &task->token);
    if (attempt) {
        again(self, attempt);
        return SL_OK;
    }
    if (sl_agent_attempt_is_ambiguous(self, &task->token)) return SL_E_BAD_INPUT;
    if (self->attempts.count >= SL_AGENT_RESULTS_MAX) return SL_E_LIMIT;
    const struct definition *definition = sl_idmap_find(&self->definitions, task->definition.bytes);
    const char *refused = refusal(self, task, definition);
    if (sl_agent_attempt_new(self, task, !refused, &attempt)) return SL_E_NO_MEMORY;
    sl_agent_attempt_add(self, attempt);
    uint64_t *epoch = &self->epochs[task->token.shard];
    if (task->token.epoch > *epoch) *epoch = task->token.epoch;
    if (refused) {
        sl_agent_attempt_return(self, attempt, refused);
    } else if (definition->runs_inline[task->token.stage]) {
        start_inline(self, attempt, definition);
    } else {
        attempt->state = ATTEMPT_WAITING;
        sl_list_append(&self->waiting, &attempt->link);
    }
    return SL_OK;
}

int sl_agent_on_inline_done(struct sl_agent *self, const struct sl_agent_event *event) {
    struct attempt *attempt = sl_agent_attempt_find(self, &event->done.token);
    SL_ASSERT(attempt && attempt->state == ATTEMPT_INLINE);
    struct outcome outcome;
    if (sl_agent_outcome_copy(self, &event->done.result, &outcome)) return SL_E_NO_MEMORY;
    sl_agent_attempt_end(self, attempt, &outcome);
    return SL_OK;
}

/* One that is given and not the first may still be taken back before the host begins it. */
static void cancel_given(struct sl_agent *self, struct attempt *attempt) {
    struct host *host = &self->hosts[attempt->place];
    attempt->cancelled = true;
    if (host_head(host) == attempt) {
        sl_agent_host_stop(self, host, STOP_CANCEL);
        return;
    }
    struct sl_agent_effect *effect = sl_agent_emit(self, SL_AGENT_DO_HOST_RECLAIM);
    effect->host = host->index;
    effect->token = attempt->task.token;
}

/* Its fields are those of a job that nobody wants any more. */
static void cancel_held(struct sl_agent *self, struct attempt *attempt) {
    sl_agent_fields_drop(self, attempt);
    sl_agent_attempt_release(self, attempt);
}

int sl_agent_on_cancel(struct sl_agent *self, const struct sl_agent_event *event) {
    struct attempt *attempt = sl_agent_attempt_find(self, &event->token);
    if (!attempt) return SL_OK;
    if (attempt->state == ATTEMPT_WAITING) sl_agent_attempt_return(self, attempt, "cancelled");
    if (attempt->state == ATTEMPT_HELD) cancel_held(self, attempt);
    if (attempt->state == ATTEMPT_GIVEN) cancel_given(self, attempt);
    return SL_OK;
}
