/* Reading of a stage's `config` in open: every wrong or unknown key is one sentence in the caller's error buffer. */
#ifndef SL_SDK_OPTION_H
#define SL_SDK_OPTION_H

#include "input.h"

struct sl_options {
    struct sl_input input;
    const char *stage; /* borrowed from the definition, for sentences */
    char *error;       /* borrowed: the caller's buffer */
    size_t error_size;
};

/* Opens the config of a definition. `keys` is NULL-terminated: the only keys that are allowed. 0, or -1 with a sentence. On 0
 * the caller closes it. The error buffer must outlive the options. */
int sl_options_open(struct sl_options *self, const sluice_definition *definition, const char *const *keys, char *error,
                    size_t error_size);
void sl_options_close(struct sl_options *self);

/* The member, or NULL when the config does not have it. */
const msgpack_object *sl_options_member(const struct sl_options *self, const char *key);

/* Each of these leaves *out_value as it is when the config does not have the key, so that the caller sets the default first.
 * 0, or -1 with a sentence when the member is of another type or out of range. */
int sl_options_uint(const struct sl_options *self, const char *key, uint64_t min, uint64_t max, uint64_t *out_value);
int sl_options_number(const struct sl_options *self, const char *key, double min, double max, double *out_value);
int sl_options_text(const struct sl_options *self, const char *key, struct sl_span *out_value);
/* One of a NULL-terminated list of words; the result is its place in the list. */
int sl_options_choice(const struct sl_options *self, const char *key, const char *const *words, unsigned *out_index);

/* Ends an `open` whose instance is nothing but its config: closes the options, and if `rc` is 0 gives a copy of the config, which free()
 * frees. 0, or -1 with a sentence. */
int sl_options_keep(struct sl_options *self, int rc, const void *config, size_t size, void **out_self);

/* Writes a sentence, made by a printf format, that begins with the stage's name, into the error buffer; returns -1. */
int sl_options_refuse(const struct sl_options *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
