/* The broker process: one loop around the core. Inside of broker/shell. */
#ifndef SL_SHELL_BROKER_H
#define SL_SHELL_BROKER_H

#include "base/buf.h"
#include "core/outbox.h"
#include "core/sched.h"
#include "io/link.h"
#include "io/loop.h"
#include "ledger_redis.h"
#include "redis_check.h"
#include "waiting.h"

struct sl_catalog;
struct sl_pipeline_watch;

/* The core tells peers apart by one number, the routers by one each: the lowest bit says which router. */
enum { SL_PEER_OF_WORKER = 1 };

/* What is gathered for one peer during a turn, so that many items share a message. */
struct sl_peer_batch {
    uint64_t peer;
    unsigned kind; /* SL_WIRE_ASSIGN, RESULT_ACK, CANCEL or CHANGED */
    uint32_t count;
    uint32_t lost; /* CHANGED items that the peer did not take */
    struct sl_buf items;
};

struct sl_options;

struct sl_broker {
    const struct sl_options *options; /* borrows */
    struct sl_loop *loop;
    struct sl_link_context *links;
    struct sl_router *front; /* clients */
    struct sl_router *back;  /* workers */
    struct sl_ledger_redis *ledger;
    struct sl_sched *sched;
    struct sl_outbox *outbox;
    struct sl_catalog *catalog;
    struct sl_pipeline_watch *pipeline_watch; /* NULL: the system has no more watches to give */
    struct sl_cluster cluster;
    struct sl_incarnation incarnation;

    struct sl_peer_batch *batches; /* owns, one a peer that was written to in this turn */
    uint32_t batch_count, batch_capacity;
    struct sl_buf frame;   /* the message that is being made */
    struct sl_buf batch_frame; /* the message that a batch becomes */
    struct sl_buf items;   /* an item that is being made */
    uint64_t *gone;        /* owns: peers that a send did not find, told to the core at the end of the turn */
    uint32_t gone_count, gone_capacity;
    struct sl_buf decoded; /* arrays of decoded tokens, types and values */

    struct sl_waiting waiting; /* clients' messages that wait for the catalog to be read */
    bool looked;               /* the message that is taken has asked for that, and waited */

    bool ledger_up;       /* of the connection */
    bool serving;         /* the catalog is read, the core knows that the ledger is up */
    bool announced;       /* the ready line was written */
    uint64_t standby_at;  /* ns; when it is to be said that it stands by, UINT64_MAX: it was */
    uint64_t shards_said; /* how many shards we held when that was last looked at */
    bool stopping;
    uint64_t refused_frames;
    uint64_t memory_asked_at; /* ns; when Redis' memory was asked for */
    uint64_t transitions_asked; /* how many there had been then */
    bool pressed;               /* it was nearly full */
    bool listening; /* to clients */
    uint64_t hot_bytes_peak; /* of payloads and outputs in memory since it was last given back */
    uint64_t trimmed_at;     /* ns; when that was */
    uint32_t why_said; /* checksum of the newest reason for not being connected to Redis that was logged; 0: none */
};

/* Gives the core an event (time is filled in) and carries out what it wants. 0, or why it was not taken, which is logged: nothing has
 * changed then. */
int sl_broker_step(struct sl_broker *self, struct sl_event *event);

/* The catalog was read: the core may take shards. And: an application, or the storing of a policy, ended. */
void sl_broker_catalog_read(struct sl_broker *self);
void sl_broker_applied(struct sl_broker *self);

/* Makes the ledger's client; and runs until stopped. */
int sl_broker_open_ledger(struct sl_broker *self, char *why, size_t why_size);
int sl_broker_run(struct sl_broker *self);

/* effects.c: carries out effects in the order given. */
void sl_effects_carry_out(struct sl_broker *self, const struct sl_effects *effects);
/* Sends what was gathered in this turn. */
void sl_effects_flush(struct sl_broker *self);
void sl_effects_fini(struct sl_broker *self);

/* Replies that rest on no job and come from the shell itself: refusals of form, answers of the catalog. */
void sl_reply_rejected(struct sl_broker *self, uint64_t peer, uint64_t re, enum sl_reject code, const char *message);
/* Refuses a message that did not decode for the reason rc. */
void sl_reply_malformed(struct sl_broker *self, uint64_t peer, uint64_t re, unsigned type, int rc);
void sl_reply_frame(struct sl_broker *self, uint64_t peer, struct sl_bytes frame);

/* front.c, back.c: what peers say, as events. */
void sl_front_ready(void *broker);
/* The messages that wait for the catalog are taken now. */
void sl_front_resume(struct sl_broker *self);
void sl_back_ready(void *broker);

#endif
