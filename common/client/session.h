/* What a client has asked and not been told yet, as a pure state machine: no socket, no clock. It sends every request again until
 * there is an answer or its deadline comes, and keeps watches alive over lost messages, lost connections and new brokers.
 *
 * Steps (start, watch, receive, reset, tick) change the state; sl_session_next then says, one effect at a time, what is to be done. All
 * effects must be taken before the next step; what an effect shows is borrowed until the next call. Times are monotonic ns. */
#ifndef SL_CLIENT_SESSION_H
#define SL_CLIENT_SESSION_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/id.h"
#include "wire/wire.h"

enum {
    SL_SESSION_WINDOW_MAX = 65536,
    SL_SESSION_BYTES_MAX = 64 << 20, /* frames of all open requests together */
    SL_SESSION_RESEND_MS = 1000,
    SL_SESSION_RETRY_MS = 100
};

struct sl_session_cfg {
    uint64_t seed;      /* of message ids and jitter */
    uint32_t window;    /* open requests at once; 1 to SL_SESSION_WINDOW_MAX */
    uint32_t resend_ms; /* silence after which a request is sent again; doubles with each time, up to eight times this */
};

enum sl_call_end {
    SL_CALL_ANSWERED, /* type and body are the reply's */
    SL_CALL_REFUSED,  /* refused is the last answer; nothing has happened */
    SL_CALL_UNKNOWN,  /* it was sent, the deadline came, and no answer: it may have happened */
    SL_CALL_UNSENT    /* the deadline came before it left: nothing has happened */
};

enum sl_session_effect_kind {
    SL_SESSION_CONNECT, /* close the connection, open a new one */
    SL_SESSION_SEND,
    SL_SESSION_CHANGE,  /* a watched job's newer state; a terminal or unknown one is not watched any longer */
    SL_SESSION_DONE     /* a request is over; its id will not come again */
};

struct sl_session_done {
    uint64_t id;
    enum sl_call_end end;
    uint16_t type;
    struct sl_bytes body;
    struct sl_wire_rejected refused;
};

struct sl_session_effect {
    enum sl_session_effect_kind kind;
    union {
        struct sl_bytes frame;
        struct sl_wire_job_change change;
        struct sl_session_done done;
    };
};

struct sl_session;

/* A session that has asked nothing. The caller owns *out_self. 0, or SL_E_NO_MEMORY. */
int sl_session_new(const struct sl_alloc *alloc, const struct sl_session_cfg *cfg, struct sl_session **out_self);
void sl_session_free(struct sl_session **self);

/* The message id that the next request must be encoded with. */
uint64_t sl_session_next_id(const struct sl_session *self);

/* Takes a request's frame, encoded with sl_session_next_id, to be sent now and again until `deadline`. The frame is copied.
 * 0; SL_E_AGAIN when the window is full; SL_E_NO_MEMORY. On failure nothing has changed. */
int sl_session_start(struct sl_session *self, uint64_t now, struct sl_bytes frame, uint64_t deadline);

/* From now on watches tell about a job's state now and about its end only: for those who count ends. */
void sl_session_watch_ends_only(struct sl_session *self);

/* Follows a job until it is terminal or unknown; watching it already is fine. 0, or SL_E_NO_MEMORY. */
int sl_session_watch(struct sl_session *self, uint64_t now, struct sl_job_id job);

/* Stops following a job. */
void sl_session_unwatch(struct sl_session *self, struct sl_job_id job);

/* A message from the broker. The frame must stay until sl_session_next returned false. 0, or SL_E_BAD_INPUT for one that a
 * client does not understand: it is ignored. */
int sl_session_receive(struct sl_session *self, uint64_t now, struct sl_bytes frame);

/* The connection was lost and is open again (or will be): what was on its way may be gone. */
void sl_session_reset(struct sl_session *self, uint64_t now);

/* Time has passed. */
void sl_session_tick(struct sl_session *self, uint64_t now);

/* When sl_session_tick is wanted; UINT64_MAX: not at all. */
uint64_t sl_session_deadline(const struct sl_session *self);

/* The next effect; false when there is none. While the connection takes nothing (can_send is false), what is to be sent waits. */
bool sl_session_next(struct sl_session *self, uint64_t now, bool can_send, struct sl_session_effect *out_effect);

/* The SEND that sl_session_next gave last did not leave: it is as if it had not been given. */
void sl_session_send_failed(struct sl_session *self);

/* Requests that are open, and whether another one may start now. */
uint32_t sl_session_open_count(const struct sl_session *self);
bool sl_session_has_room(const struct sl_session *self);

/* Jobs that are followed. */
size_t sl_session_watch_count(const struct sl_session *self);

/* When a message came last; 0: never. */
uint64_t sl_session_heard_at(const struct sl_session *self);

#endif
