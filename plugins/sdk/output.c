/* Writing of one msgpack value within the limits of sluice/stage.h. */
#include "output.h"

#include <stdlib.h>

static int append(void *context, const char *data, size_t size) {
    struct sl_output *self = context;
    if (self->too_large || self->no_memory) return -1;
    if (size > SLUICE_VALUE_BYTES_MAX - self->size) {
        self->too_large = true;
        return -1;
    }
    if (self->size + size > self->capacity) {
        size_t capacity = self->capacity ? self->capacity : 1024;
        while (capacity < self->size + size) capacity *= 2;
        char *grown = realloc(self->data, capacity);
        if (!grown) {
            self->no_memory = true;
            return -1;
        }
        self->data = grown;
        self->capacity = capacity;
    }
    memcpy(self->data + self->size, data, size);
    self->size += size;
    return 0;
}

/* The errors of the packer's calls below are those of append, which remembers them in the output. */
static void count_node(struct sl_output *self) {
    if (self->node_count == SLUICE_VALUE_NODES_MAX) self->too_large = true;
    else self->node_count++;
}

void sl_output_init(struct sl_output *self) {
    *self = (struct sl_output){0};
    msgpack_packer_init(&self->packer, self, append);
}

void sl_output_fini(struct sl_output *self) {
    free(self->data);
    self->data = NULL;
    self->size = self->capacity = 0;
}

void sl_output_nil(struct sl_output *self) {
    count_node(self);
    (void)msgpack_pack_nil(&self->packer);
}

void sl_output_uint(struct sl_output *self, uint64_t value) {
    count_node(self);
    (void)msgpack_pack_uint64(&self->packer, value);
}

void sl_output_number(struct sl_output *self, double value) {
    count_node(self);
    (void)msgpack_pack_double(&self->packer, value);
}

void sl_output_text(struct sl_output *self, const char *text) {
    sl_output_span(self, sl_span_of(text));
}

void sl_output_span(struct sl_output *self, struct sl_span text) {
    count_node(self);
    (void)msgpack_pack_str(&self->packer, text.size);
    if (text.size > 0) (void)msgpack_pack_str_body(&self->packer, text.data, text.size);
}

void sl_output_bin(struct sl_output *self, const void *data, size_t size) {
    count_node(self);
    (void)msgpack_pack_bin(&self->packer, size);
    if (size > 0) (void)msgpack_pack_bin_body(&self->packer, data, size);
}

void sl_output_map(struct sl_output *self, uint32_t count) {
    count_node(self);
    (void)msgpack_pack_map(&self->packer, count);
}

void sl_output_array(struct sl_output *self, uint32_t count) {
    count_node(self);
    (void)msgpack_pack_array(&self->packer, count);
}

size_t sl_output_array_open(struct sl_output *self) {
    static const char head_unknown[5] = {(char)0xdd, 0, 0, 0, 0};
    count_node(self);
    size_t place = self->size;
    (void)append(self, head_unknown, sizeof head_unknown);
    return place;
}

void sl_output_array_close(struct sl_output *self, size_t place, uint32_t count) {
    if (self->too_large || self->no_memory) return;
    for (int i = 0; i < 4; i++) self->data[place + 1 + (size_t)i] = (char)(count >> (24 - 8 * i));
}

void sl_output_object(struct sl_output *self, const msgpack_object *object) {
    count_node(self);
    (void)msgpack_pack_object(&self->packer, *object);
}

void sl_output_append(struct sl_output *self, const struct sl_output *other) {
    self->too_large = self->too_large || other->too_large;
    self->no_memory = self->no_memory || other->no_memory;
    self->node_count += other->node_count;
    if (self->node_count > SLUICE_VALUE_NODES_MAX) self->too_large = true;
    if (other->size > 0) (void)append(self, other->data, other->size);
}

sluice_outcome sl_output_send(const struct sl_output *self, const struct sl_attempt *attempt, const char *what) {
    if (self->no_memory) return sl_attempt_no_memory(attempt);
    if (self->too_large) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                               "%s is above the limit of one value (%u MiB, %d parts): split it into smaller files.", what,
                               SLUICE_VALUE_BYTES_MAX >> 20, SLUICE_VALUE_NODES_MAX);
    }
    if (attempt->host->out_write(attempt->out, self->data, self->size) == 0) return SLUICE_DONE;
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "%s is not a value that the host accepts.", what);
}
