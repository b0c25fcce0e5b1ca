/* A growable text. Errors are remembered in `failed`, so that a writer of many parts looks once, at its end. */
#ifndef SL_SDK_STRING_H
#define SL_SDK_STRING_H

#include "span.h"

struct sl_string {
    char *data; /* owns */
    size_t size;
    size_t capacity;
    bool failed; /* an append found no memory since the last clear */
};

/* A zeroed struct is an empty string. */
void sl_string_append(struct sl_string *self, struct sl_span text);
void sl_string_append_char(struct sl_string *self, char c);
/* A code point as UTF-8; U+FFFD for what is none. */
void sl_string_append_code(struct sl_string *self, unsigned code);
/* Appends with white space collapsed: runs become one space, none at the beginning, none doubled. */
void sl_string_append_words(struct sl_string *self, struct sl_span text);
/* Forgets the text, keeps the memory. */
void sl_string_clear(struct sl_string *self);
void sl_string_fini(struct sl_string *self);

static inline struct sl_span sl_string_span(const struct sl_string *self) {
    return sl_span(self->data, self->size);
}

#endif
