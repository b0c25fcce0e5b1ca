/* The client library: submit jobs, ask about them, follow them. One thread, no callbacks: start requests, then take events until those
 * that matter have come. Every request is repeated with the same identity until it is answered or its time is over, over lost
 * messages, lost connections, and restarts of the broker and of Redis; a result that is not known is reported as such. */
#ifndef SL_CLIENT_CLIENT_H
#define SL_CLIENT_CLIENT_H

#include "session.h"

#include <stdint.h>

#define SL_CLIENT_ENDPOINT_DEFAULT "tcp://127.0.0.1:7440"

enum { SL_CLIENT_SENTENCE_SIZE = 1024, SL_CLIENT_TIMEOUT_MS = 30000, SL_CLIENT_WINDOW = 256 };

struct sl_client_cfg {
    const char *endpoint; /* where the broker serves clients: tcp://HOST:PORT or ipc://PATH; borrowed until new returns */
    uint32_t window;      /* open requests at once; 0: SL_CLIENT_WINDOW */
};

/* A client that is not connected yet: it connects by itself, and as often as needed. The caller owns *out_self.
 * 0; SL_E_BAD_INPUT for an endpoint that is none; SL_E_NO_MEMORY; SL_E_IO. out_sentence says why, in one sentence. */
struct sl_client;
int sl_client_new(const struct sl_client_cfg *cfg, struct sl_client **out_self,
                  char out_sentence[SL_CLIENT_SENTENCE_SIZE]);

/* Closes the connection. Requests that are open stay open questions. */
void sl_client_free(struct sl_client **self);

/* Start a request that has timeout_ms to be answered; its end comes as SL_SESSION_DONE with *out_id. What the message views is
 * copied. 0; SL_E_AGAIN when the window is full (take events first); SL_E_LIMIT or SL_E_BAD_INPUT when the message is above
 * a limit of wire.def or not sound; SL_E_NO_MEMORY. */
int sl_client_submit(struct sl_client *self, const struct sl_wire_submit *submit, uint64_t timeout_ms, uint64_t *out_id);
int sl_client_query(struct sl_client *self, const struct sl_wire_query *query, uint64_t timeout_ms, uint64_t *out_id);
int sl_client_cancel(struct sl_client *self, const struct sl_wire_cancel_job *cancel, uint64_t timeout_ms, uint64_t *out_id);
int sl_client_apply(struct sl_client *self, const struct sl_wire_apply *apply, uint64_t timeout_ms, uint64_t *out_id);
int sl_client_accept_type(struct sl_client *self, const struct sl_wire_accept_type *accept, uint64_t timeout_ms,
                          uint64_t *out_id);

/* Whether another request may start. */
bool sl_client_has_room(const struct sl_client *self);

/* From now on watches tell about a job's state now and about its end only: for those who count ends. */
void sl_client_watch_ends_only(struct sl_client *self);

/* Follows a job until it ends: SL_SESSION_CHANGE for its state now and for every change. 0, or SL_E_NO_MEMORY. */
int sl_client_watch(struct sl_client *self, struct sl_job_id job);
void sl_client_unwatch(struct sl_client *self, struct sl_job_id job);

/* Waits for the next event, a CHANGE or a DONE; its views are borrowed until the next call. 0; SL_E_TIMEOUT at `until`
 * (sl_client_now's time); SL_E_CLOSED when wake_fd (-1: none) became readable; SL_E_IO. */
int sl_client_next(struct sl_client *self, uint64_t until, int wake_fd, struct sl_session_effect *out_event);

/* Waits for the end of one request and throws other events away: for programs that ask one thing at a time.
 * As sl_client_next, without SL_E_TIMEOUT, since every request ends. */
int sl_client_call(struct sl_client *self, uint64_t id, int wake_fd, struct sl_session_done *out_done);

/* Monotonic time in ns, as `until` means it. */
uint64_t sl_client_now(void);

/* Whether the broker has said anything yet, on any connection. */
bool sl_client_was_heard(const struct sl_client *self);

/* When it said something last (sl_client_now's time); 0: never. */
uint64_t sl_client_heard_at(const struct sl_client *self);

/* Whether nobody listens at the endpoint at this moment (a connection is refused, or the socket's file is not there). */
bool sl_client_is_refused(const struct sl_client *self);

/* One sentence on a request that was not carried out (REFUSED, UNKNOWN, UNSENT), in words for a person. */
void sl_client_explain(const struct sl_client *self, const struct sl_session_done *done,
                       char out_sentence[SL_CLIENT_SENTENCE_SIZE]);

#endif
