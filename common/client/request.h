/* One open request of a session: its frame, when it is due, and whether it may have been carried out already. */
#ifndef SL_CLIENT_REQUEST_H
#define SL_CLIENT_REQUEST_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/heap.h"
#include "base/list.h"

/* The list that a request is on names its state:
 *
 *   start --> OUTBOX --sent--> SENT --answer, deadline--> ENDED
 *               ^                |
 *               |<-- silence ----|--refused for now--> DELAYED
 *               |<-------------- its time came -----------| */
enum sl_request_state { SL_REQUEST_OUTBOX, SL_REQUEST_SENT, SL_REQUEST_DELAYED, SL_REQUEST_ENDED };

struct sl_request {
    uint64_t id;
    uint64_t deadline; /* ns */
    uint8_t *frame;    /* owns */
    size_t frame_size;
    enum sl_request_state state;
    uint32_t sent_count;
    uint32_t refused_count; /* answers that said: not now */
    uint64_t sent_at;       /* ns, the last time */

    struct sl_link link;        /* in the list of its state */
    struct sl_link by_id;       /* in its bucket */
    struct sl_heap_node timer;  /* when something is due; none while it waits in the outbox beyond its deadline */
    struct sl_bytes last_refusal; /* owns: body of the last REJECTED, empty when there was none */
};

/* A request with a copy of the frame. NULL: no memory. */
struct sl_request *sl_request_new(const struct sl_alloc *alloc, uint64_t id, struct sl_bytes frame, uint64_t deadline);

/* Frees a request that is in no list and no heap. */
void sl_request_free(const struct sl_alloc *alloc, struct sl_request *self);

/* Makes the frame of a SUBMIT say that it was sent before (`again`), so that the broker looks for its job whatever its kind; other
 * messages stay as they are. 0, or SL_E_NO_MEMORY with nothing changed. */
int sl_request_mark_again(const struct sl_alloc *alloc, struct sl_request *self);

/* Keeps a copy of the body of the refusal; without memory only the older one is forgotten. */
void sl_request_keep_refusal(const struct sl_alloc *alloc, struct sl_request *self, struct sl_bytes body);

/* Whether a copy that was sent has had no answer, so that its effect is not known. */
static inline bool sl_request_is_uncertain(const struct sl_request *self) {
    return self->sent_count > self->refused_count;
}

#endif
