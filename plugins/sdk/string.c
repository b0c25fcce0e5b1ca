/* A growable text. */
#include "string.h"

#include <stdlib.h>

void sl_string_append(struct sl_string *self, struct sl_span text) {
    if (self->failed || text.size == 0) return;
    if (text.size > self->capacity - self->size) {
        size_t capacity = self->capacity ? self->capacity * 2 : 256;
        while (capacity < self->size + text.size) capacity *= 2;
        char *grown = realloc(self->data, capacity);
        if (!grown) {
            self->failed = true;
            return;
        }
        self->data = grown;
        self->capacity = capacity;
    }
    memcpy(self->data + self->size, text.data, text.size);
    self->size += text.size;
}

void sl_string_append_char(struct sl_string *self, char c) {
    sl_string_append(self, sl_span(&c, 1));
}

void sl_string_append_code(struct sl_string *self, unsigned code) {
    char bytes[4];
    size_t size = 0;
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) code = 0xfffd;
    if (code < 0x80) {
        bytes[size++] = (char)code;
    } else if (code < 0x800) {
        bytes[size++] = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        bytes[size++] = (char)(0xe0 | code >> 12);
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        bytes[size++] = (char)(0xf0 | code >> 18);
        bytes[size++] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[size++] = (char)(0x80 | (code >> 6 & 0x3f));
    }
    if (code >= 0x80) bytes[size++] = (char)(0x80 | (code & 0x3f));
    sl_string_append(self, sl_span(bytes, size));
}

void sl_string_append_words(struct sl_string *self, struct sl_span text) {
    size_t at = 0;
    while (at < text.size) {
        if (sl_span_is_space(text.data[at])) {
            while (at < text.size && sl_span_is_space(text.data[at])) at++;
            if (self->size > 0 && self->data[self->size - 1] != ' ') sl_string_append_char(self, ' ');
            continue;
        }
        size_t start = at;
        while (at < text.size && !sl_span_is_space(text.data[at])) at++;
        sl_string_append(self, sl_span(text.data + start, at - start));
    }
}

void sl_string_clear(struct sl_string *self) {
    self->size = 0;
    self->failed = false;
}

void sl_string_fini(struct sl_string *self) {
    free(self->data);
    *self = (struct sl_string){0};
}
