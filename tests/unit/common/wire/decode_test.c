/* Decoders, over every field of the table: limits, types, what is missing, what is too much, what is cut. */
#include "any.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { ROUND_COUNT = 300, FAR = 3 };

static struct sl_buf body, object, frame;
static struct sl_rng rng;

static void set_up(void) {
    sl_buf_init(&body, sl_alloc_system());
    sl_buf_init(&object, sl_alloc_system());
    sl_buf_init(&frame, sl_alloc_system());
    rng.state = 1;
}

static void tear_down(void) {
    sl_buf_fini(&body);
    sl_buf_fini(&object);
    sl_buf_fini(&frame);
}

TestSuite(decode, .init = set_up, .fini = tear_down);

#define FOR_EACH_TYPE(type)                                                                                \
    size_t type_count;                                                                                     \
    const struct any_type *all = any_types(&type_count);                                                   \
    for (const struct any_type *type = all; type < all + type_count; type++)

#define FOR_EACH_FIELD(type, field) \
    for (const struct any_field *field = type->fields; field < type->fields + type->field_count; field++)

/* What the decoder says of a body with `object` in that field. An empty object leaves it out. */
static int decode_with(const struct any_type *type, const struct any_field *field, bool twice) {
    struct any_recipe recipe = {.rng = &rng, .every_field = true, .twice = twice};
    recipe.type = type->name;
    recipe.field = field->name;
    recipe.object = sl_buf_bytes(&object);
    sl_buf_clear(&body);
    any_put(&body, any_message_of(type), &recipe);
    return any_decode(any_message_of(type), sl_buf_bytes(&body));
}

/* Makes `object` one of that field's kind and of that size, count or number. False: the kind has no such object. */
static bool make_object(const struct any_field *field, uint64_t amount) {
    sl_buf_clear(&object);
    if (field->kind == ANY_UINT) {
        sl_mp_uint(&object, amount);
        return true;
    }
    if (field->kind == ANY_LIST || field->kind == ANY_STRS || field->kind == ANY_TOKENS) {
        struct any_type list = {.number = 1, .field_count = 1, .fields = {*field}, .name = "list"};
        struct any_recipe recipe = {.rng = &rng, .every_field = true, .type = "", .field = ""};
        struct sl_mp_reader reader;
        sl_mp_array(&object, (uint32_t)amount);
        while (amount > 0) { /* bodies of a few members each, whose heads are left out */
            sl_buf_clear(&frame);
            any_put(&frame, &list, &recipe);
            reader = sl_mp_reader(sl_buf_bytes(&frame));
            (void)sl_mp_read_map(&reader, 1);
            (void)sl_mp_read_str(&reader, 64);
            uint32_t count = sl_mp_read_array(&reader, 16);
            for (; count > 0 && amount > 0; count--, amount--) sl_mp_raw(&object, sl_mp_read_raw(&reader, 16));
        }
        return true;
    }
    uint8_t *bytes = calloc(1, amount + 1);
    cr_assert_not_null(bytes);
    if (field->kind == ANY_STR) sl_mp_str(&object, sl_bytes(bytes, amount));
    if (field->kind == ANY_VALUE) sl_mp_bin(&object, sl_bytes(bytes, amount));
    if (field->kind == ANY_RAW) sl_mp_bin(&object, sl_bytes(bytes, amount - (amount > UINT16_MAX + 5 ? 5 : 3)));
    free(bytes);
    return object.size > 0;
}

Test(decode, every_limit_is_met_at_one_above_and_far_above) {
    FOR_EACH_TYPE(type) FOR_EACH_FIELD(type, field) {
        if (field->kind == ANY_UINT && field->limit == UINT64_MAX) continue;
        if (field->limit == 0 || !make_object(field, field->limit)) continue;
        cr_assert_eq(decode_with(type, field, false), SL_OK, "%s.%s at its limit", type->name, field->name);
        (void)make_object(field, field->limit + 1);
        cr_assert_eq(decode_with(type, field, false), SL_E_LIMIT, "%s.%s one above", type->name, field->name);
        (void)make_object(field, field->kind == ANY_UINT ? UINT64_MAX : FAR * field->limit);
        cr_assert_eq(decode_with(type, field, false), SL_E_LIMIT, "%s.%s far above", type->name, field->name);
    }
}

Test(decode, bytes_of_fixed_size_have_that_size) {
    FOR_EACH_TYPE(type) FOR_EACH_FIELD(type, field) {
        if (field->kind != ANY_ID && field->kind != ANY_DIGEST && field->kind != ANY_BIN16) continue;
        uint8_t bytes[300] = {1};
        static const struct {
            size_t size;
            int rc;
        } rows[] = {{16, SL_OK}, {15, SL_E_BAD_INPUT}, {0, SL_E_BAD_INPUT}, {17, SL_E_LIMIT}, {300, SL_E_LIMIT}};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            sl_buf_clear(&object);
            sl_mp_bin(&object, sl_bytes(bytes, rows[i].size));
            cr_assert_eq(decode_with(type, field, false), rows[i].rc, "%s.%s %zu", type->name, field->name, rows[i].size);
        }
    }
}

Test(decode, a_value_of_another_type_is_refused) {
    FOR_EACH_TYPE(type) FOR_EACH_FIELD(type, field) {
        if (field->kind == ANY_RAW) continue;
        sl_buf_clear(&object);
        if (field->kind == ANY_BOOL) {
            sl_mp_uint(&object, 1);
        } else {
            sl_mp_bool(&object, true);
        }
        cr_assert_eq(decode_with(type, field, false), SL_E_BAD_INPUT, "%s.%s", type->name, field->name);
        sl_buf_clear(&object);
        sl_mp_nil(&object);
        int expected = field->required ? SL_E_BAD_INPUT : SL_OK;
        cr_assert_eq(decode_with(type, field, false), expected, "%s.%s nil", type->name, field->name);
        if (field->kind != ANY_UINT) continue;
        sl_buf_clear(&object);
        sl_mp_int(&object, -1);
        cr_assert_eq(decode_with(type, field, false), SL_E_BAD_INPUT, "%s.%s negative", type->name, field->name);
    }
}

Test(decode, what_is_required_must_be_there_and_what_is_optional_need_not) {
    FOR_EACH_TYPE(type) {
        bool required_follows = false;
        for (size_t i = type->field_count; i > 0; i--) {
            const struct any_field *field = &type->fields[i - 1];
            required_follows = field->required || (!type->number && required_follows); /* an item ends before the field */
            sl_buf_clear(&object);
            int expected = required_follows ? SL_E_BAD_INPUT : SL_OK;
            cr_assert_eq(decode_with(type, field, false), expected, "%s without %s", type->name, field->name);
        }
    }
}

/* Makes `object` one that may stand in that field. */
static void make_ordinary(const struct any_field *field) {
    struct any_type alone = {.number = 1, .field_count = 1, .fields = {*field}, .name = "alone"};
    struct any_recipe recipe = {.rng = &rng, .every_field = true};
    sl_buf_clear(&object);
    any_put(&object, &alone, &recipe);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&object));
    (void)sl_mp_read_map(&reader, 1);
    (void)sl_mp_read_str(&reader, 64);
    size_t head = (size_t)(reader.at - object.data);
    memmove(object.data, object.data + head, object.size - head);
    object.size -= head;
}

Test(decode, a_key_that_comes_twice_is_refused) {
    FOR_EACH_TYPE(type) FOR_EACH_FIELD(type, field) {
        if (!type->number) continue;
        make_ordinary(field);
        cr_assert_eq(decode_with(type, field, true), SL_E_BAD_INPUT, "%s.%s", type->name, field->name);
    }
}

static void make_body(const struct any_type *type) {
    struct any_recipe recipe = {.rng = &rng, .every_field = sl_rng_chance(&rng, 1, 4)};
    sl_buf_clear(&body);
    any_put(&body, type, &recipe);
}

Test(decode, random_messages_come_back_byte_for_byte) {
    FOR_EACH_TYPE(type) {
        if (!type->number) continue;
        for (int i = 0; i < ROUND_COUNT; i++) {
            make_body(type);
            sl_buf_clear(&frame);
            cr_assert_eq(any_recode(type, sl_buf_bytes(&body), &frame), SL_OK, "%s", type->name);
            cr_assert_eq(frame.size, 16 + body.size, "%s", type->name);
            cr_assert_arr_eq(frame.data + 16, body.data, body.size, "%s", type->name);
        }
    }
}

Test(decode, every_truncation_is_refused_and_so_is_a_byte_too_many) {
    FOR_EACH_TYPE(type) {
        if (!type->number) continue;
        for (int i = 0; i < 20; i++) {
            make_body(type);
            for (size_t size = 0; size < body.size; size++) {
                uint8_t *copy = malloc(size + 1); /* its own block, so that a read behind it is seen */
                cr_assert_not_null(copy);
                memcpy(copy, body.data, size);
                cr_assert_lt(any_decode(type, sl_bytes(copy, size)), 0, "%s, %zu bytes", type->name, size);
                free(copy);
            }
            sl_mp_nil(&body);
            cr_assert_eq(any_decode(type, sl_buf_bytes(&body)), SL_E_BAD_INPUT, "%s", type->name);
        }
    }
}

/* Adds a pair to the body's map. */
static int decode_with_pair(const struct any_type *type, const char *key, struct sl_bytes value) {
    make_body(type);
    body.data[0]++;
    sl_mp_key(&body, key);
    sl_mp_raw(&body, value);
    return any_decode(type, sl_buf_bytes(&body));
}

static void make_nested(uint32_t depth) {
    sl_buf_clear(&object);
    for (uint32_t i = 1; i < depth; i++) sl_mp_array(&object, 1);
    sl_mp_nil(&object);
}

static void make_wide(uint32_t node_count) {
    sl_buf_clear(&object);
    sl_mp_array(&object, node_count - 1);
    for (uint32_t i = 1; i < node_count; i++) sl_mp_nil(&object);
}

Test(decode, unknown_keys_are_skipped_within_the_limits_of_control_parts) {
    const struct any_type *bye = any_find("bye");
    char key[SL_NAME_MAX + 2] = {0};
    make_nested(SL_CONTROL_DEPTH_MAX);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_OK);
    make_nested(SL_CONTROL_DEPTH_MAX + 1);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_E_LIMIT);
    make_nested(100000);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_E_LIMIT);
    make_wide(SL_CONTROL_NODES_MAX);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_OK);
    make_wide(SL_CONTROL_NODES_MAX + 1);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_E_LIMIT);
    make_wide(50 * SL_CONTROL_NODES_MAX);
    cr_assert_eq(decode_with_pair(bye, "new", sl_buf_bytes(&object)), SL_E_LIMIT);
    memset(key, 'k', SL_NAME_MAX);
    cr_assert_eq(decode_with_pair(bye, key, sl_text("\xc0")), SL_OK);
    key[SL_NAME_MAX] = 'k';
    cr_assert_eq(decode_with_pair(bye, key, sl_text("\xc0")), SL_E_LIMIT);
    cr_assert_eq(decode_with_pair(bye, "", sl_text("\xc0")), SL_OK);
    cr_assert_eq(decode_with_pair(bye, "new", sl_text("\xc1")), SL_E_BAD_INPUT);
    cr_assert_eq(decode_with_pair(bye, "new", sl_text("\xd4\x01\x01")), SL_E_BAD_INPUT);
    cr_assert_eq(decode_with_pair(bye, "new", sl_text("\xa1\xff")), SL_E_BAD_INPUT);
}

Test(decode, objects_that_are_not_looked_into_have_limits_too) {
    const struct any_type *answer = any_find("answer");
    const struct any_field *items = &answer->fields[1];
    cr_assert_str_eq(items->name, "items");
    make_nested(SL_CONTROL_DEPTH_MAX);
    cr_assert_eq(decode_with(answer, items, false), SL_OK);
    make_nested(SL_CONTROL_DEPTH_MAX + 1);
    cr_assert_eq(decode_with(answer, items, false), SL_E_LIMIT);
    make_wide(SL_VALUE_NODES_MAX);
    cr_assert_eq(decode_with(answer, items, false), SL_OK);
    make_wide(SL_VALUE_NODES_MAX + 1);
    cr_assert_eq(decode_with(answer, items, false), SL_E_LIMIT);
}

Test(decode, an_item_that_is_longer_than_we_know_is_read_as_far_as_we_know) {
    FOR_EACH_TYPE(type) {
        if (type->number) continue;
        const struct any_type *message = any_message_of(type);
        if (strcmp(type->name, "state_value") == 0 || message->field_count > 1) continue;
        sl_buf_clear(&body);
        sl_mp_map(&body, 1);
        sl_mp_key(&body, message->fields[0].name);
        sl_mp_array(&body, 1);
        sl_buf_clear(&object);
        struct any_recipe recipe = {.rng = &rng, .every_field = true};
        any_put(&object, type, &recipe);
        sl_mp_array(&body, (uint32_t)type->field_count + 2);
        sl_mp_raw(&body, sl_bytes(object.data + 1, object.size - 1));
        sl_mp_key(&body, "appended");
        sl_mp_array(&body, 0);
        cr_assert_eq(any_decode(message, sl_buf_bytes(&body)), SL_OK, "%s", type->name);
    }
}

Test(decode, a_body_that_is_no_map_is_refused) {
    FOR_EACH_TYPE(type) {
        if (!type->number) continue;
        cr_assert_eq(any_decode(type, sl_text("\xc0")), SL_E_BAD_INPUT);
        cr_assert_eq(any_decode(type, sl_text("\x90")), SL_E_BAD_INPUT);
        cr_assert_eq(any_decode(type, sl_bytes(NULL, 0)), SL_E_TRUNCATED);
        cr_assert_eq(any_decode(type, sl_text("\x81\x01\x01")), SL_E_BAD_INPUT);
        cr_assert_eq(any_decode(type, sl_text("\xdf\xff\xff\xff\xff")), SL_E_TRUNCATED);
    }
}
