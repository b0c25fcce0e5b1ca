/* The byte-exact examples of tests/vectors: ours come back as they are, foreign forms are understood, bad ones refused. */
#include "any.h"

#include "base/err.h"
#include "wire/wire.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <strings.h>

static struct sl_buf frame, out;

static void set_up(void) {
    sl_buf_init(&frame, sl_alloc_system());
    sl_buf_init(&out, sl_alloc_system());
}

static void tear_down(void) {
    sl_buf_fini(&frame);
    sl_buf_fini(&out);
}

TestSuite(vectors, .init = set_up, .fini = tear_down);

static json_t *load(const char *path) {
    json_error_t error;
    json_t *rows = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(rows, "%s: %s", path, error.text);
    cr_assert_gt(json_array_size(rows), 0);
    return rows;
}

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    cr_assert_not_null(text, "no %s", key);
    return text;
}

/* Puts the row's bytes into `frame`. */
static void read_hex(const json_t *row) {
    const char *hex = text_of(row, "hex");
    sl_buf_clear(&frame);
    for (; *hex; hex += 2) {
        unsigned byte;
        cr_assert_eq(sscanf(hex, "%2x", &byte), 1);
        uint8_t octet = (uint8_t)byte;
        (void)sl_buf_append(&frame, &octet, 1);
    }
}

static const struct any_type *type_of(unsigned number) {
    size_t count;
    const struct any_type *types = any_types(&count);
    for (size_t i = 0; i < count; i++) {
        if (types[i].number == number) return &types[i];
    }
    cr_assert_fail("no type %u", number);
    return NULL;
}

/* Opens and recodes `frame` into `out`, under the row's own message id; the decoder's result. */
static int recode(const json_t *row) {
    struct sl_wire_prefix prefix;
    struct sl_bytes body;
    cr_assert_eq(sl_wire_open(sl_buf_bytes(&frame), &prefix, &body), SL_OK, "%s", text_of(row, "name"));
    cr_assert_str_eq(sl_wire_type_text(prefix.type), text_of(row, "type"));
    sl_buf_clear(&out);
    int rc = any_recode(type_of(prefix.type), body, &out);
    for (int i = 0; rc == SL_OK && i < 8; i++) out.data[8 + i] = (uint8_t)(prefix.message_id >> (8 * i));
    return rc;
}

Test(vectors, our_own_forms_come_back_byte_for_byte) {
    json_t *rows = load(VECTORS "/wire.json"), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        read_hex(row);
        cr_assert_eq(recode(row), SL_OK, "%s", text_of(row, "name"));
        cr_assert(sl_bytes_equal(sl_buf_bytes(&frame), sl_buf_bytes(&out)), "%s", text_of(row, "name"));
    }
    json_decref(rows);
}

Test(vectors, foreign_forms_mean_the_same_as_ours) {
    json_t *rows = load(VECTORS "/wire_foreign.json"), *ours = load(VECTORS "/wire.json"), *row, *other;
    size_t i, k;
    json_array_foreach(rows, i, row) {
        bool found = false;
        read_hex(row);
        cr_assert_eq(recode(row), SL_OK, "%s", text_of(row, "name"));
        json_array_foreach(ours, k, other) {
            if (strcmp(text_of(other, "name"), text_of(row, "means")) != 0) continue;
            read_hex(other);
            found = true;
            cr_assert(sl_bytes_equal(sl_buf_bytes(&frame), sl_buf_bytes(&out)), "%s", text_of(row, "name"));
        }
        cr_assert(found, "%s means nothing that is there", text_of(row, "name"));
    }
    json_decref(rows);
    json_decref(ours);
}

Test(vectors, bad_frames_are_refused_with_their_error) {
    json_t *rows = load(VECTORS "/wire_refused.json"), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        struct sl_wire_prefix prefix;
        struct sl_bytes body;
        read_hex(row);
        int rc = sl_wire_open(sl_buf_bytes(&frame), &prefix, &body);
        if (rc == SL_OK) rc = any_decode(type_of(prefix.type), body);
        cr_assert_str_eq(sl_err_text(rc), text_of(row, "error"), "%s", text_of(row, "name"));
    }
    json_decref(rows);
}
