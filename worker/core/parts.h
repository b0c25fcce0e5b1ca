/* What the files of the agent call in each other. Handlers change nothing when they return an error. */
#ifndef SL_AGENT_PARTS_H
#define SL_AGENT_PARTS_H

#include "state.h"

/* effect.c */

/* Makes room for every effect and token that one step can need. 0, or SL_E_NO_MEMORY. */
int sl_agent_reserve(struct sl_agent *self);
/* Adds an effect, for which room was reserved. */
struct sl_agent_effect *sl_agent_emit(struct sl_agent *self, enum sl_agent_effect_kind kind);
/* Adds HELLO or HEARTBEAT. */
void sl_agent_emit_beat(struct sl_agent *self, enum sl_agent_effect_kind kind);
/* Adds FIELD, when the broker may be told. */
void sl_agent_emit_field(struct sl_agent *self, struct field *field);

/* attempt.c */

/* The attempt of that token, or NULL. */
struct attempt *sl_agent_attempt_find(const struct sl_agent *self, const struct sl_token *token);
/* Whether another attempt's token is so like this one that the two cannot be told apart: the broker repeated a nonce. */
bool sl_agent_attempt_is_ambiguous(const struct sl_agent *self, const struct sl_token *token);
/* A new attempt that is on no list and in no map yet, with a copy of the task's texts (and of its input). */
int sl_agent_attempt_new(struct sl_agent *self, const struct sl_agent_task *task, bool with_input,
                         struct attempt **out_attempt);
/* Makes it known by its token. Room in the map was reserved by attempt_new. */
void sl_agent_attempt_add(struct sl_agent *self, struct attempt *attempt);
/* A result and the block that its views point into; the block is NULL when they point at texts of the program. */
struct outcome {
    struct sl_agent_result result;
    uint8_t *blob;
    size_t blob_size;
    bool is_spooled;
};
/* Copies a result's views into one block. 0, or SL_E_NO_MEMORY. */
int sl_agent_outcome_copy(struct sl_agent *self, const struct sl_agent_result *result, struct outcome *out_outcome);
/* Gives the block of a result back; NULL is allowed. */
void sl_agent_result_drop(struct sl_agent *self, uint8_t *blob, size_t size, bool is_spooled);
/* Ends an attempt: it leaves its list, its input is freed, its result is sent or held. Takes the outcome's block. */
void sl_agent_attempt_end(struct sl_agent *self, struct attempt *attempt, const struct outcome *outcome);
/* Whether it has ended and only its result is left. */
static inline bool sl_agent_attempt_has_ended(const struct attempt *attempt) {
    return attempt->state == ATTEMPT_HELD || attempt->state == ATTEMPT_UNSENT || attempt->state == ATTEMPT_ENDED;
}
/* Ends it as RETURNED, which costs no attempt. `error` is a text of the program. */
void sl_agent_attempt_return(struct sl_agent *self, struct attempt *attempt, const char *error);
/* Sends an ended one's result now, and puts it on the list of that repetition. The broker may be told. */
void sl_agent_attempt_send(struct sl_agent *self, struct attempt *attempt, uint32_t level);
/* Sends a held one's result when nothing holds it any more, or lets it wait for its turn. */
void sl_agent_attempt_release(struct sl_agent *self, struct attempt *attempt);
/* Puts what was sent before what was not yet: another session has heard of nothing. */
void sl_agent_attempts_unsend(struct sl_agent *self);
/* Sends results that were not sent, as many of each shard as may be under way. The broker may be told. */
void sl_agent_attempts_send(struct sl_agent *self);
/* Forgets it: its result is acknowledged. Another one may be sent. */
void sl_agent_attempt_forget(struct sl_agent *self, struct attempt *attempt);
/* Frees an attempt that was never added. */
void sl_agent_attempt_discard(struct sl_agent *self, struct attempt *attempt);
/* Back from a host to the front of the queue; one that was cancelled meanwhile ends. */
void sl_agent_attempt_requeue(struct sl_agent *self, struct attempt *attempt);
/* How many have not ended: what counts against the slots. */
size_t sl_agent_under_way(const struct sl_agent *self);

/* host.c */

void sl_agent_host_start(struct sl_agent *self, struct host *host);
/* Asks the host's process group to end (SIGTERM, later SIGKILL), and takes back what it has not begun. A broken
 * one is killed at once. */
void sl_agent_host_stop(struct sl_agent *self, struct host *host, enum stop_reason reason);
/* Lets a host that has nothing to do end by itself, if it is worn out. */
void sl_agent_host_retire(struct sl_agent *self, struct host *host);
/* Ends the host's process group at once. */
void sl_agent_host_kill(struct sl_agent *self, struct host *host);
/* Asks for what stands behind the head of its list. */
void sl_agent_host_reclaim(struct sl_agent *self, struct host *host);
/* Puts the host on the list that fits, and sets its timer. After every change of what it was given. */
void sl_agent_host_settle(struct sl_agent *self, struct host *host);
/* When a host that died should be started again. */
uint64_t sl_agent_host_restart_at(const struct sl_agent *self, const struct host *host);
/* The host's timer is due. */
void sl_agent_host_due(struct sl_agent *self, struct host *host);
/* Gives waiting tasks to hosts as long as one may take more. */
void sl_agent_give(struct sl_agent *self);
/* Whether no host can be started: then tasks are returned. */
bool sl_agent_is_broken(const struct sl_agent *self);

/* broker.c */

/* Forgets the fields of an attempt: nobody waits for them any more. */
void sl_agent_fields_drop(struct sl_agent *self, struct attempt *attempt);
/* Says again what was not acknowledged, and beats; at a tick it gives up a link on which nothing came. */
void sl_agent_broker_due(struct sl_agent *self, bool is_tick);
uint64_t sl_agent_broker_deadline(const struct sl_agent *self);

/* definition.c */

/* Frees one that is in no map. */
void sl_agent_definition_free(struct sl_agent *self, struct definition *definition);

/* drain.c */

/* Leaves when nothing is left to do, or no time to do it. */
void sl_agent_drain_due(struct sl_agent *self);

/* One handler an event. */
int sl_agent_on_connected(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_welcome(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_offers(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_reset(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_beat(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_broker_bye(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_assign(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_define(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_cancel(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_result_ack(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_field_ack(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_rejected(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_ready(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_done(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_progress(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_field(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_reclaimed(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_broken(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_host_died(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_inline_field(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_inline_done(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_drain(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_stop(struct sl_agent *self, const struct sl_agent_event *event);
int sl_agent_on_spawner_lost(struct sl_agent *self, const struct sl_agent_event *event);

#endif
