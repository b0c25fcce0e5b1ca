/* Reading of a stage's `config`. */
#include "option.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_BYTES_MAX = 64 };

int sl_options_refuse(const struct sl_options *self, const char *format, ...) {
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (self->error_size > 0) {
        (void)snprintf(self->error, self->error_size, "Stage `%s`: %s", self->stage, sentence);
    }
    return -1;
}

static int check_keys(const struct sl_options *self, const char *const *keys) {
    const msgpack_object_map *map = &self->input.root->via.map;
    for (uint32_t i = 0; i < map->size; i++) {
        struct sl_span name;
        if (!sl_input_text(&map->ptr[i].key, &name)) return sl_options_refuse(self, "the keys of `config` must be texts.");
        const char *const *key = keys;
        while (*key && !sl_span_is(name, *key)) key++;
        if (!*key) {
            return sl_options_refuse(self, "`config.%.*s` is not known here; remove it.",
                                     sl_span_print(name, SHOWN_BYTES_MAX), name.data);
        }
    }
    return 0;
}

int sl_options_open(struct sl_options *self, const sluice_definition *definition, const char *const *keys, char *error,
                    size_t error_size) {
    *self = (struct sl_options){.stage = definition->name, .error = error, .error_size = error_size};
    if (sl_input_parse(&self->input, definition->config) != 0) {
        return sl_options_refuse(self, "`config` is not a readable value.");
    }
    int rc = self->input.root->type == MSGPACK_OBJECT_MAP ? check_keys(self, keys)
                                                          : sl_options_refuse(self, "`config` must be a map.");
    if (rc != 0) sl_options_close(self);
    return rc;
}

void sl_options_close(struct sl_options *self) {
    sl_input_fini(&self->input);
}

const msgpack_object *sl_options_member(const struct sl_options *self, const char *key) {
    return sl_input_member(self->input.root, key);
}

int sl_options_uint(const struct sl_options *self, const char *key, uint64_t min, uint64_t max, uint64_t *out_value) {
    const msgpack_object *member = sl_options_member(self, key);
    uint64_t value;
    if (!member) return 0;
    if (!sl_input_uint(member, max, &value) || value < min) {
        return sl_options_refuse(self, "`config.%s` must be an integer from %llu to %llu.", key, (unsigned long long)min,
                                 (unsigned long long)max);
    }
    *out_value = value;
    return 0;
}

int sl_options_number(const struct sl_options *self, const char *key, double min, double max, double *out_value) {
    const msgpack_object *member = sl_options_member(self, key);
    if (!member) return 0;
    double value;
    if (member->type == MSGPACK_OBJECT_POSITIVE_INTEGER) value = (double)member->via.u64;
    else if (member->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) value = (double)member->via.i64;
    else if (member->type == MSGPACK_OBJECT_FLOAT32 || member->type == MSGPACK_OBJECT_FLOAT64) value = member->via.f64;
    else return sl_options_refuse(self, "`config.%s` must be a number, not %s.", key, sl_input_kind(member));
    if (!(value >= min && value <= max)) {
        return sl_options_refuse(self, "`config.%s` must be a number from %g to %g.", key, min, max);
    }
    *out_value = value;
    return 0;
}

int sl_options_text(const struct sl_options *self, const char *key, struct sl_span *out_value) {
    const msgpack_object *member = sl_options_member(self, key);
    if (!member || sl_input_text(member, out_value)) return 0;
    return sl_options_refuse(self, "`config.%s` must be a text, not %s.", key, sl_input_kind(member));
}

int sl_options_choice(const struct sl_options *self, const char *key, const char *const *words, unsigned *out_index) {
    struct sl_span word = {0};
    char list[256] = "";
    size_t used = 0;
    if (!sl_options_member(self, key)) return 0;
    if (sl_options_text(self, key, &word) != 0) return -1;
    for (unsigned i = 0; words[i]; i++) {
        if (sl_span_is(word, words[i])) {
            *out_index = i;
            return 0;
        }
        int length = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
        if (length > 0 && (size_t)length < sizeof list - used) used += (size_t)length;
    }
    return sl_options_refuse(self, "`config.%s` is \"%.*s\"; it must be one of: %s.", key,
                             sl_span_print(word, SHOWN_BYTES_MAX), word.data, list);
}

int sl_options_keep(struct sl_options *self, int rc, const void *config, size_t size, void **out_self) {
    void *copy = rc == 0 ? malloc(size) : NULL;
    if (rc == 0 && !copy) rc = sl_options_refuse(self, "no memory.");
    if (rc == 0) {
        memcpy(copy, config, size);
        *out_self = copy;
    }
    sl_options_close(self);
    return rc;
}
