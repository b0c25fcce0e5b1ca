/* JSON to msgpack. jansson parses; the numbers are taken from the text itself, in step with jansson's tree, because jansson
 * knows no integers above 2^63-1. */
#include "json.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <errno.h>
#include <jansson.h>
#include <sodium/utils.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_TEXT_MAX = 32 }; /* an integer of 64 bits is shorter */

struct reader {
    struct sl_bytes rest; /* of the text, behind the last number that was taken */
    struct sl_buf *out;
    uint32_t node_count;
    char *error;
    size_t error_size;
};

static int fail(struct reader *self, int rc, const char *sentence) {
    (void)snprintf(self->error, self->error_size, "%s", sentence); /* cut when too long */
    return rc;
}

static size_t string_size(struct sl_bytes text) {
    size_t at = 1;
    while (at < text.size && text.data[at] != '"') at += text.data[at] == '\\' ? 2 : 1;
    return at < text.size ? at + 1 : text.size;
}

/* The text of the next number. jansson found the text sound, so outside of strings a digit or a minus begins a number. */
static struct sl_bytes next_number(struct reader *self) {
    size_t at = 0, size = 0;
    struct sl_bytes rest = self->rest;
    while (at < rest.size && rest.data[at] != '-' && (rest.data[at] < '0' || rest.data[at] > '9')) {
        at += rest.data[at] == '"' ? string_size(sl_bytes(rest.data + at, rest.size - at)) : 1;
    }
    if (at > rest.size) at = rest.size;
    while (at + size < rest.size && memchr("+-.0123456789Ee", rest.data[at + size], 15)) size++;
    self->rest = sl_bytes(rest.data + at + size, rest.size - at - size);
    return sl_bytes(rest.data + at, size);
}

/* Writes the number exactly if it is an integer of 64 bits. */
static bool put_integer(struct sl_buf *out, struct sl_bytes number) {
    char text[NUMBER_TEXT_MAX];
    if (number.size >= sizeof text) return false;
    for (size_t i = 0; i < number.size; i++) {
        if (memchr(".eE", number.data[i], 3)) return false;
    }
    memcpy(text, number.data, number.size);
    text[number.size] = '\0';
    errno = 0;
    if (text[0] == '-') {
        long long value = strtoll(text, NULL, 10);
        if (errno == 0) sl_mp_int(out, value);
    } else {
        unsigned long long value = strtoull(text, NULL, 10);
        if (errno == 0) sl_mp_uint(out, value);
    }
    return errno == 0;
}

/* {"$bin": "base64"}: the bytes. */
static int put_bin(struct reader *self, const json_t *text) {
    static const char sentence[] = "the value of \"$bin\" must be base64 text";
    size_t text_size = json_string_length(text), size = 0;
    uint8_t *bytes = malloc(text_size + 1);
    if (!bytes) return fail(self, SL_E_NO_MEMORY, "out of memory");
    int rc = sodium_base642bin(bytes, text_size + 1, json_string_value(text), text_size, NULL, &size, NULL,
                               sodium_base64_VARIANT_ORIGINAL);
    if (rc == 0) sl_mp_bin(self->out, sl_bytes(bytes, size));
    free(bytes);
    return rc == 0 ? SL_OK : fail(self, SL_E_BAD_INPUT, sentence);
}

static int put_value(struct reader *self, const json_t *value, uint32_t depth);

static int put_object(struct reader *self, json_t *object, uint32_t depth) {
    const char *key;
    json_t *member;
    size_t count = json_object_size(object);
    json_t *bin = count == 1 ? json_object_get(object, "$bin") : NULL;
    if (bin && !json_is_string(bin)) return fail(self, SL_E_BAD_INPUT, "the value of \"$bin\" must be base64 text");
    if (bin) return put_bin(self, bin);
    sl_mp_map(self->out, (uint32_t)count);
    json_object_foreach(object, key, member) {
        sl_mp_key(self->out, key);
        self->node_count++;
        int rc = put_value(self, member, depth + 1);
        if (rc) return rc;
    }
    return SL_OK;
}

static int put_array(struct reader *self, const json_t *array, uint32_t depth) {
    size_t count = json_array_size(array);
    sl_mp_array(self->out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        int rc = put_value(self, json_array_get(array, i), depth + 1);
        if (rc) return rc;
    }
    return SL_OK;
}

static int put_value(struct reader *self, const json_t *value, uint32_t depth) {
    if (depth > SL_VALUE_DEPTH_MAX) return fail(self, SL_E_LIMIT, "the value is nested too deeply");
    if (++self->node_count > SL_VALUE_NODES_MAX) return fail(self, SL_E_LIMIT, "the value has too many parts");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(self, (json_t *)(uintptr_t)value, depth); /* iteration wants it writable, and changes nothing */
    case JSON_ARRAY:
        return put_array(self, value, depth);
    case JSON_STRING:
        sl_mp_str(self->out, sl_bytes(json_string_value(value), json_string_length(value)));
        return SL_OK;
    case JSON_INTEGER:
    case JSON_REAL:
        if (!put_integer(self->out, next_number(self))) sl_mp_double(self->out, json_number_value(value));
        return SL_OK;
    case JSON_TRUE:
    case JSON_FALSE:
        sl_mp_bool(self->out, json_is_true(value));
        return SL_OK;
    case JSON_NULL:
        break;
    }
    sl_mp_nil(self->out);
    return SL_OK;
}

int sl_json_to_msgpack(struct sl_bytes json, struct sl_buf *out, char *error, size_t error_size) {
    struct reader self = {.rest = json, .out = out, .error = error, .error_size = error_size};
    json_error_t problem;
    size_t size_before = out->size;
    if (out->failed) return fail(&self, SL_E_NO_MEMORY, "out of memory");
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_t *tree = json_loadb(json.size ? (const char *)json.data : "", json.size, flags, &problem);
    if (!tree) {
        bool too_deep = json_error_code(&problem) == json_error_stack_overflow;
        (void)snprintf(error, error_size, "not valid JSON: %s (line %d, column %d)", problem.text, problem.line, problem.column);
        return too_deep ? SL_E_LIMIT : json_error_code(&problem) == json_error_out_of_memory ? SL_E_NO_MEMORY : SL_E_BAD_INPUT;
    }
    int rc = put_value(&self, tree, 1);
    json_decref(tree);
    if (rc == SL_OK && out->failed) rc = fail(&self, SL_E_NO_MEMORY, "out of memory");
    if (rc) {
        out->size = size_before;
        out->failed = false;
    }
    return rc;
}
