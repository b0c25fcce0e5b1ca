/* msgpack to JSON, in one walk with an explicit stack: nothing is built in between. */
#include "json.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>

struct level {
    uint32_t left; /* members, or pairs, not yet begun */
    bool is_map;
    bool is_empty; /* nothing written yet */
};

struct writer {
    struct sl_mp_reader reader;
    struct sl_buf *out;
    bool pretty;
    uint32_t depth;
    struct level levels[SL_VALUE_DEPTH_MAX];
};

/* Appends; failure is kept in out->failed and looked at once, at the end. */
static void put(struct sl_buf *out, const char *text) {
    (void)sl_buf_append(out, text, strlen(text));
}

static void put_character(struct sl_buf *out, struct sl_bytes character) {
    uint8_t c = character.data[0];
    if (c == '"' || c == '\\') {
        (void)sl_buf_format(out, "\\%c", c);
    } else if (c == '\n') {
        put(out, "\\n");
    } else if (c == '\t') {
        put(out, "\\t");
    } else if (sl_text_control(character) > 0) { /* JSON may be printed to a terminal */
        (void)sl_buf_format(out, "\\u%04x", character.data[character.size - 1]); /* U+0080 is C2 80, and so on */
    } else {
        (void)sl_buf_append(out, character.data, character.size);
    }
}

void sl_json_put_text(struct sl_buf *out, struct sl_bytes text) {
    put(out, "\"");
    for (size_t at = 0; at < text.size;) {
        struct sl_bytes rest = sl_bytes(text.data + at, text.size - at);
        size_t size = sl_utf8_size(rest);
        if (size) {
            put_character(out, sl_bytes(rest.data, size));
        } else {
            put(out, "\xef\xbf\xbd");
        }
        at += size ? size : 1;
    }
    put(out, "\"");
}

/* As few of 15 to 17 digits as read back as the same number, marked as a float by a point or an exponent. */
static void put_double(struct writer *self, double value) {
    char text[40];
    if (!isfinite(value)) {
        sl_mp_fail(&self->reader, SL_E_BAD_INPUT);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    put(self->out, text);
    if (!strpbrk(text, ".e")) put(self->out, ".0");
}

static void put_bin(struct sl_buf *out, struct sl_bytes bytes) {
    size_t size = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_ORIGINAL); /* with a NUL */
    put(out, "{\"$bin\":\"");
    if (sl_buf_reserve(out, size)) {
        out->failed = true;
        return;
    }
    (void)sodium_bin2base64((char *)out->data + out->size, size, bytes.data, bytes.size, sodium_base64_VARIANT_ORIGINAL);
    out->size += size - 1;
    put(out, "\"}");
}

static void put_scalar(struct writer *self, const struct sl_mp_object *object) {
    switch (object->type) {
    case SL_MP_NIL: put(self->out, "null"); break;
    case SL_MP_BOOL: put(self->out, object->boolean ? "true" : "false"); break;
    case SL_MP_UINT: (void)sl_buf_format(self->out, "%" PRIu64, object->uint); break;
    case SL_MP_INT: (void)sl_buf_format(self->out, "%" PRId64, object->sint); break;
    case SL_MP_DOUBLE: put_double(self, object->real); break;
    case SL_MP_STR: sl_json_put_text(self->out, object->bytes); break;
    case SL_MP_BIN: put_bin(self->out, object->bytes); break;
    case SL_MP_ARRAY:
    case SL_MP_MAP: sl_mp_fail(&self->reader, SL_E_BAD_INPUT); break; /* containers are no keys */
    }
}

static void new_line(struct writer *self) {
    if (!self->pretty) return;
    put(self->out, "\n");
    for (uint32_t i = 0; i < self->depth; i++) put(self->out, "  ");
}

static void put_key(struct writer *self) {
    struct sl_mp_object key;
    if (sl_mp_next(&self->reader, &key)) return;
    bool quotes = key.type != SL_MP_STR;
    if (key.type == SL_MP_BIN) sl_mp_fail(&self->reader, SL_E_BAD_INPUT);
    if (quotes) put(self->out, "\"");
    put_scalar(self, &key);
    put(self->out, quotes ? "\":" : ":");
    if (self->pretty) put(self->out, " ");
}

static void open_container(struct writer *self, const struct sl_mp_object *object) {
    bool is_map = object->type == SL_MP_MAP;
    self->levels[self->depth++] = (struct level){.left = object->count, .is_map = is_map, .is_empty = true};
    put(self->out, is_map ? "{" : "[");
}

static void close_container(struct writer *self) {
    struct level level = self->levels[--self->depth];
    if (!level.is_empty) new_line(self);
    put(self->out, level.is_map ? "}" : "]");
}

/* What comes before a member: the comma, the line, the key. */
static void begin_member(struct writer *self) {
    struct level *level = &self->levels[self->depth - 1];
    if (!level->is_empty) put(self->out, ",");
    level->is_empty = false;
    level->left--;
    new_line(self);
    if (level->is_map) put_key(self);
}

static void put_object(struct writer *self) {
    struct sl_mp_object object;
    if (sl_mp_next(&self->reader, &object)) return;
    if (self->depth == SL_VALUE_DEPTH_MAX) {
        sl_mp_fail(&self->reader, SL_E_LIMIT);
        return;
    }
    if (object.type == SL_MP_ARRAY || object.type == SL_MP_MAP) {
        open_container(self, &object);
    } else {
        put_scalar(self, &object);
    }
}

int sl_msgpack_to_json(struct sl_bytes value, bool pretty, struct sl_buf *out) {
    struct writer self = {.reader = sl_mp_reader(value), .out = out, .pretty = pretty};
    size_t size_before = out->size;
    if (out->failed) return SL_E_NO_MEMORY;
    put_object(&self);
    while (self.depth > 0 && self.reader.rc == SL_OK && !out->failed) {
        if (self.levels[self.depth - 1].left == 0) {
            close_container(&self);
        } else {
            begin_member(&self);
            put_object(&self);
        }
    }
    int rc = out->failed ? SL_E_NO_MEMORY : sl_mp_end(&self.reader);
    if (rc) {
        out->size = size_before;
        out->failed = false;
    }
    return rc;
}
