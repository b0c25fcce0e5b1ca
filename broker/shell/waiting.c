/* See waiting.h. */
#include "waiting.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES_MAX = 1024, BYTES_MAX = 16 << 20 };

void sl_waiting_init(struct sl_waiting *self) {
    sl_list_init(&self->messages);
    self->bytes = 0;
}

void sl_waiting_fini(struct sl_waiting *self) {
    struct sl_waiting_message *message;
    while ((message = sl_waiting_take(self))) free(message);
}

bool sl_waiting_is_full(const struct sl_waiting *self) {
    return self->messages.count >= MESSAGES_MAX || self->bytes >= BYTES_MAX;
}

bool sl_waiting_has(const struct sl_waiting *self, uint64_t peer) {
    for (struct sl_link *link = sl_list_first(&self->messages); link; link = sl_list_next(&self->messages, link)) {
        if (SL_CONTAINER(link, const struct sl_waiting_message, link)->peer == peer) return true;
    }
    return false;
}

void sl_waiting_put_back(struct sl_waiting *self, struct sl_waiting_message *message) {
    sl_list_append(&self->messages, &message->link);
    self->bytes += message->size;
}

void sl_waiting_put(struct sl_waiting *self, uint64_t peer, struct sl_bytes frame, bool asked) {
    struct sl_waiting_message *message = malloc(sizeof *message + frame.size);
    if (!message) return;
    *message = (struct sl_waiting_message){.peer = peer, .asked = asked, .size = frame.size};
    if (frame.size) memcpy(message->frame, frame.data, frame.size);
    sl_waiting_put_back(self, message);
}

struct sl_waiting_message *sl_waiting_take(struct sl_waiting *self) {
    struct sl_link *link = sl_list_first(&self->messages);
    if (!link) return NULL;
    struct sl_waiting_message *message = SL_CONTAINER(link, struct sl_waiting_message, link);
    sl_list_remove(&self->messages, link);
    self->bytes -= message->size;
    return message;
}
