/* The worker's shell: one loop that carries what happens to the agent, and what the agent wants to the broker and to stage hosts. It
 * decides nothing about attempts. */
#ifndef SL_SHELL_WORKER_H
#define SL_SHELL_WORKER_H

#include "host.h"
#include "options.h"
#include "plugins.h"
#include "prober.h"
#include "spawner.h"
#include "spool.h"

#include "agent/agent.h"
#include "base/buf.h"
#include "io/loop.h"
#include "stagehost/runner.h"

/* An event that came up while effects were carried out; it is taken after them. */
struct sl_pending {
    struct sl_agent_event event;
    struct sl_buf text; /* owns what the event's views point at, if anything */
};

struct sl_worker {
    const struct sl_options *options;
    const struct sl_plugins *plugins;
    struct sl_spawner spawner;
    struct sl_loop *loop;
    struct sl_agent *agent;
    struct sl_spool spool;
    uint64_t now; /* of the newest event */
    int status;   /* to exit with */

    struct sl_host *hosts; /* options->slots */
    struct sl_buf setup;   /* the frame that every host gets first */

    /* The broker (session.c). */
    struct sl_link_context *context;
    struct sl_dealer *dealer;
    uint64_t next_message_id;
    uint8_t instance[16];
    struct sl_buf types; /* members of HELLO's list */
    uint32_t type_count;
    struct sl_buf callables; /* members of HELLO's other list */
    uint32_t callable_count;
    struct sl_buf results; /* members of the next RESULT */
    uint32_t result_count;
    struct sl_buf *unsent; /* owns; frames that the link did not take yet */
    uint32_t unsent_count;
    size_t unsent_bytes;
    uint64_t ignored_count; /* messages that could not be read */
    uint64_t refused_count; /* events that the agent could not take */

    /* Functions that pipelines name (callables.c). */
    struct sl_prober prober;
    struct sl_plugins functions; /* in the order in which they were told */
    uint32_t functions_looked;   /* the first so many were looked at */
    uint32_t functions_asked;    /* the prober is, or was last, asked for those before this one */

    /* Attempts in this process (inline.c). */
    struct sl_runner *runner;
    struct sl_attempt_sink sink;
    struct sl_agent_type *agent_types; /* owns */
    uint32_t agent_type_count;

    struct sl_pending *pending; /* owns */
    uint32_t pending_count;
    uint32_t pending_capacity;
};

/* worker.c */

/* Gives the agent an event (its time is filled in) and carries out what it wants, including what follows from that. */
void sl_worker_step(struct sl_worker *self, struct sl_agent_event event);
/* For events that come up while effects are carried out: taken right after them. text, if not empty, is copied, and the caller's
 * views into the event are made from the returned place, which is valid until the next call; NULL text leaves the event as it is. */
const uint8_t *sl_worker_later(struct sl_worker *self, const struct sl_agent_event *event, struct sl_bytes text);
/* Whether the thing that came `count` times is said again: at the 1st, 2nd, 4th, ... time; never a flood. */
bool sl_worker_is_said(uint64_t count);
/* Says that memory is out, and ends the process: the broker repeats what is lost. */
_Noreturn void sl_worker_out_of_memory(void);

/* session.c */
int sl_session_new(struct sl_worker *self, char *error, size_t error_size);
void sl_session_free(struct sl_worker *self);
void sl_session_reconnect(struct sl_worker *self);
void sl_session_hello(struct sl_worker *self, const struct sl_agent_beat *beat);
void sl_session_heartbeat(struct sl_worker *self, const struct sl_agent_beat *beat);
void sl_session_result(struct sl_worker *self, const struct sl_token *token, const struct sl_agent_result *result);
void sl_session_field(struct sl_worker *self, const struct sl_agent_effect *effect);
void sl_session_bye(struct sl_worker *self);
/* Makes HELLO's lists anew from the plugins and from the functions that were looked at. */
void sl_session_offer(struct sl_worker *self);
/* Sends the results gathered in this turn. */
void sl_session_flush(struct sl_worker *self);

/* callables.c: the prober, already started, joins the loop; a CALLABLES of the broker is acted on, 0 or the decoder's error. */
int sl_callables_new(struct sl_worker *self);
void sl_callables_free(struct sl_worker *self);
int sl_callables_told(struct sl_worker *self, struct sl_bytes body);

/* receive.c: a frame of the broker becomes events. */
void sl_session_receive(struct sl_worker *self, struct sl_bytes frame);

/* stages.c: stage hosts and the loop. */
int sl_stages_new(struct sl_worker *self);
void sl_stages_free(struct sl_worker *self);
void sl_stages_start(struct sl_worker *self, uint32_t host);
void sl_stages_define(struct sl_worker *self, uint32_t host, struct sl_digest digest, struct sl_bytes canonical);
void sl_stages_give(struct sl_worker *self, uint32_t host, const struct sl_agent_task *task);
void sl_stages_reclaim(struct sl_worker *self, uint32_t host, uint64_t nonce);
void sl_stages_end(struct sl_worker *self, uint32_t host);
void sl_stages_signal(struct sl_worker *self, uint32_t host, int number);
/* Writes the frames gathered in this turn. */
void sl_stages_flush(struct sl_worker *self);

/* inline.c */
int sl_inline_new(struct sl_worker *self);
void sl_inline_free(struct sl_worker *self);
void sl_inline_run(struct sl_worker *self, const struct sl_agent_effect *effect);

#endif
