/* Writing of one msgpack value by msgpack-c into memory that never grows above the limit of a value. Errors are remembered,
 * so that a writer of many parts looks once, at its end. */
#ifndef SL_SDK_OUTPUT_H
#define SL_SDK_OUTPUT_H

#include <msgpack.h>

#include "attempt.h"
#include "span.h"

struct sl_output {
    char *data; /* owns */
    size_t size;
    size_t capacity;
    bool too_large; /* more than SLUICE_VALUE_BYTES_MAX was written */
    bool no_memory;
    uint32_t node_count;
    msgpack_packer packer;
};

/* An empty output; allocates nothing. It must not move afterwards: the packer points to it. */
void sl_output_init(struct sl_output *self);
void sl_output_fini(struct sl_output *self);

void sl_output_nil(struct sl_output *self);
void sl_output_uint(struct sl_output *self, uint64_t value);
void sl_output_number(struct sl_output *self, double value);
void sl_output_text(struct sl_output *self, const char *text);
void sl_output_span(struct sl_output *self, struct sl_span text);
void sl_output_bin(struct sl_output *self, const void *data, size_t size);
/* The head of a map or an array whose `count` members follow. */
void sl_output_map(struct sl_output *self, uint32_t count);
void sl_output_array(struct sl_output *self, uint32_t count);
/* An array whose length is known at its end only: open returns the place that close fills in. */
size_t sl_output_array_open(struct sl_output *self);
void sl_output_array_close(struct sl_output *self, size_t place, uint32_t count);
/* An object that stands in memory as a tree (part of an input). */
void sl_output_object(struct sl_output *self, const msgpack_object *object);
/* The value that another output holds, whole; its errors become this one's. */
void sl_output_append(struct sl_output *self, const struct sl_output *other);

/* Gives the value to the host as the attempt's output. SLUICE_DONE; or a failure with a sentence that names `what` (for
 * example "The document") when it is above the limits, memory ran out, or the host refuses it. */
sluice_outcome sl_output_send(const struct sl_output *self, const struct sl_attempt *attempt, const char *what);

#endif
