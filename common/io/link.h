/* ZeroMQ links: the broker's ROUTER, whose peers are clients or workers, and the peer's DEALER. One frame is one message. A send
 * that succeeded means nothing: only an answer of the other side's application counts. One thread uses a link. */
#ifndef SL_IO_LINK_H
#define SL_IO_LINK_H

#include "base/buf.h"
#include "base/bytes.h"

/* The process' ZeroMQ context, with one I/O thread. */
struct sl_link_context;

/* Makes the context for at most socket_count_max sockets, and seeds rand() first: from it ZeroMQ takes the start of the automatic
 * routing ids, which would else be the same at every start (reliability V35). Call it before threads exist and after signals were
 * blocked (sl_loop_new). 0, or SL_E_NO_MEMORY. */
int sl_link_context_new(int socket_count_max, struct sl_link_context **out_self);

/* Ends the context. Its links must have been freed; waits until what they still had to send is sent, or their linger is over. */
void sl_link_context_free(struct sl_link_context **self);

/* The broker's side. */
struct sl_router;

/* Binds. endpoint: "tcp://HOST:PORT" (PORT may be "*": any free one) or "ipc://PATH" (a path of at most 107 bytes; a socket file that
 * nobody serves is replaced). Frames above message_max are refused by ZeroMQ, which drops the connection they came by.
 * 0; SL_E_EXISTS: served by somebody else; SL_E_LIMIT: path too long; SL_E_REFUSED; SL_E_BAD_INPUT; SL_E_NO_MEMORY; SL_E_IO: each
 * with one sentence in error. */
int sl_router_open(struct sl_link_context *context, const char *endpoint, size_t message_max, struct sl_router **out_self,
                   char *error, size_t error_size);

/* Closes, and removes the socket file of an ipc endpoint. What was handed to ZeroMQ and has not left yet may leave for linger_ms more
 * (0: it is dropped). ZeroMQ closes behind the scenes: the endpoint is free again a moment later, at the latest when the context is
 * freed. */
void sl_router_free(struct sl_router **self, int linger_ms);

/* The endpoint that was bound, with its real port; borrowed until the router is freed. */
const char *sl_router_endpoint(const struct sl_router *self);

/* Takes the next frame. A peer is a number that stands for one connection of one other side: never used again, worthless in
 * another router, 0 for none. out_frame is borrowed until the next receive or free. Messages of more or less than one frame and peers
 * that chose their own routing id are counted and skipped, a bounded number a call.
 * 0, or SL_E_AGAIN when there is nothing to take. */
int sl_router_receive(struct sl_router *self, uint64_t *out_peer, struct sl_bytes *out_frame);

/* Sends a copy of a frame. 0; SL_E_NOT_FOUND: the peer is gone and forgotten; SL_E_AGAIN: the peer does not read, its queue is
 * full (the library does not say when that ends: try again when it has said something, or give it up); SL_E_LIMIT: above
 * message_max, nothing was sent. ZeroMQ learns of a lost peer while it receives: who never receives gets 0 and then SL_E_AGAIN for
 * ever for a peer that is long gone. */
int sl_router_send(struct sl_router *self, uint64_t peer, struct sl_bytes frame);

/* The same for what stands in a buffer of sl_alloc_system(): takes its memory when that saves a large copy. The buffer is empty
 * and usable afterwards; on failure it is as before. */
int sl_router_send_buf(struct sl_router *self, uint64_t peer, struct sl_buf *buf);

/* Forgets a peer. If it speaks again it is another peer. */
void sl_router_forget(struct sl_router *self, uint64_t peer);

/* Counters since the start. Peers that were silent longest are forgotten when there are too many; they then get other numbers. */
struct sl_router_stats {
    uint64_t received_count;
    uint64_t sent_count;
    uint64_t refused_count; /* messages of another shape than ours */
    uint64_t evicted_count; /* peers forgotten for want of room */
    uint64_t peer_count;    /* now known; not all need be connected */
};
struct sl_router_stats sl_router_stats(const struct sl_router *self);

/* A peer's side. */
struct sl_dealer;

/* Connects, now and again after each loss, for ever. Frames above message_max are refused in both directions. 0, or as
 * sl_router_open; that nobody listens is no error. */
int sl_dealer_open(struct sl_link_context *context, const char *endpoint, size_t message_max, struct sl_dealer **out_self,
                   char *error, size_t error_size);
void sl_dealer_free(struct sl_dealer **self, int linger_ms);

/* Takes the next frame, borrowed until the next receive or free; messages of another shape are counted and skipped. 0, or
 * SL_E_AGAIN. */
int sl_dealer_receive(struct sl_dealer *self, struct sl_bytes *out_frame);

/* Sends a copy of a frame. 0; SL_E_AGAIN: not connected, or the queue is full (try again when the link is woken); SL_E_LIMIT. */
int sl_dealer_send(struct sl_dealer *self, struct sl_bytes frame);
int sl_dealer_send_buf(struct sl_dealer *self, struct sl_buf *buf);
uint64_t sl_dealer_refused_count(const struct sl_dealer *self);

/* For those who wait otherwise than by sl_loop, which knows all this. The descriptor is edge-triggered (zmq_getsockopt, ZMQ_FD): it
 * becomes readable when something happened, not while there is something. After a wake-up receive until SL_E_AGAIN; and look
 * again before waiting after any send, which may have swallowed the news: `ready` says whether receiving, or a send that got
 * SL_E_AGAIN before, is worth trying. The socket is for zmq_poll. */
int sl_router_fd(const struct sl_router *self);
bool sl_router_is_ready(struct sl_router *self);
void *sl_router_socket(struct sl_router *self);
int sl_dealer_fd(const struct sl_dealer *self);
bool sl_dealer_is_ready(struct sl_dealer *self);
void *sl_dealer_socket(struct sl_dealer *self);

#endif
