/* Clients' messages that wait for a look at the catalog, and those of the same clients behind them: in the order of their coming, so that
 * other clients are served meanwhile and nobody's messages overtake each other. */
#ifndef SL_SHELL_WAITING_H
#define SL_SHELL_WAITING_H

#include "base/bytes.h"
#include "base/list.h"

#include <stdint.h>

/* Members are messages with a copy of their frame. */
struct sl_waiting {
    struct sl_list messages;
    size_t bytes;
};

struct sl_waiting_message {
    struct sl_link link;
    uint64_t peer;
    bool asked; /* it asked for a look, and is not to ask for a second one; else it stands behind one that did */
    size_t size;
    uint8_t frame[];
};

void sl_waiting_init(struct sl_waiting *self);
void sl_waiting_fini(struct sl_waiting *self);

/* Whether no more messages are to be read from the socket: 1,024 wait, or 16 MiB. */
bool sl_waiting_is_full(const struct sl_waiting *self);

/* Whether a message of that peer waits. */
bool sl_waiting_has(const struct sl_waiting *self, uint64_t peer);

/* Copies the frame. Without memory the message is dropped: a client that hears nothing sends it again. */
void sl_waiting_put(struct sl_waiting *self, uint64_t peer, struct sl_bytes frame, bool asked);

/* The oldest one, which the caller frees, or NULL. */
struct sl_waiting_message *sl_waiting_take(struct sl_waiting *self);

/* Puts back what was taken, at the end. */
void sl_waiting_put_back(struct sl_waiting *self, struct sl_waiting_message *message);

#endif
