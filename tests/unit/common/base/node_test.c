/* Document trees and what their scalars mean. */
#include "base/err.h"
#include "base/msgpack.h"
#include "base/node.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>

static struct sl_failing_alloc memory;
static struct sl_tree tree;

static void set_up(void) {
    sl_counting_alloc_init(&memory);
    sl_tree_init(&tree, &memory.alloc);
}

static void tear_down(void) {
    sl_tree_fini(&tree);
    cr_assert_eq(memory.live_bytes, 0);
}

static struct sl_node *scalar(const char *text) {
    struct sl_node *node = sl_tree_node(&tree, SL_NODE_SCALAR, (struct sl_mark){1, 1, 1});
    node->text = sl_tree_copy(&tree, sl_text(text));
    return node;
}

static void put(struct sl_node *map, const char *key, struct sl_node *child) {
    child->key = sl_tree_copy(&tree, sl_text(key));
    sl_node_append(map, child);
}

TestSuite(node, .init = set_up, .fini = tear_down);

Test(node, scalars_mean_what_yaml_1_2_says) {
    static const struct {
        const char *text;
        enum sl_scalar_kind kind;
    } rows[] = {
        {"", SL_SCALAR_NULL}, {"~", SL_SCALAR_NULL}, {"null", SL_SCALAR_NULL}, {"NULL", SL_SCALAR_NULL},
        {"nUll", SL_SCALAR_TEXT}, {"true", SL_SCALAR_BOOL}, {"False", SL_SCALAR_BOOL}, {"yes", SL_SCALAR_TEXT},
        {"on", SL_SCALAR_TEXT}, {"no", SL_SCALAR_TEXT}, {"0", SL_SCALAR_INT}, {"-17", SL_SCALAR_INT},
        {"+3", SL_SCALAR_INT}, {"007", SL_SCALAR_INT}, {"-", SL_SCALAR_TEXT}, {"1.5", SL_SCALAR_FLOAT},
        {".5", SL_SCALAR_FLOAT}, {"5.", SL_SCALAR_FLOAT}, {"1e3", SL_SCALAR_FLOAT}, {"-1.5E-7", SL_SCALAR_FLOAT},
        {".", SL_SCALAR_TEXT}, {"1e", SL_SCALAR_TEXT}, {"1.2.3", SL_SCALAR_TEXT}, {"2026-01-15", SL_SCALAR_TEXT},
        {"0x1f", SL_SCALAR_TEXT}, {"1_000", SL_SCALAR_TEXT}, {"text", SL_SCALAR_TEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sl_node *node = scalar(rows[i].text);
        cr_assert_eq(sl_node_scalar_kind(node), rows[i].kind, "%s", rows[i].text);
        node->quoted = true;
        cr_assert_eq(sl_node_scalar_kind(node), SL_SCALAR_TEXT, "quoted %s", rows[i].text);
    }
}

Test(node, typed_reads_refuse_other_kinds) {
    bool truth = false;
    int64_t integer = 0;
    double real = 0;
    cr_assert_eq(sl_node_to_bool(scalar("True"), &truth), SL_OK);
    cr_assert(truth);
    cr_assert_eq(sl_node_to_bool(scalar("1"), &truth), SL_E_BAD_INPUT);
    cr_assert_eq(sl_node_to_int(scalar("-9223372036854775808"), &integer), SL_OK);
    cr_assert_eq(integer, INT64_MIN);
    cr_assert_eq(sl_node_to_int(scalar("9223372036854775808"), &integer), SL_E_BAD_INPUT);
    cr_assert_eq(sl_node_to_int(scalar("1.0"), &integer), SL_E_BAD_INPUT);
    cr_assert_eq(sl_node_to_double(scalar("1e3"), &real), SL_OK);
    cr_assert_eq(real, 1000);
    cr_assert_eq(sl_node_to_double(scalar("7"), &real), SL_OK);
    cr_assert_eq(real, 7);
    cr_assert_eq(sl_node_to_double(scalar("x"), &real), SL_E_BAD_INPUT);
    struct sl_node *map = sl_tree_node(&tree, SL_NODE_MAP, (struct sl_mark){0});
    cr_assert_eq(sl_node_to_bool(map, &truth), SL_E_BAD_INPUT);
    cr_assert_eq(sl_node_to_int(map, &integer), SL_E_BAD_INPUT);
    cr_assert_eq(sl_node_to_double(map, &real), SL_E_BAD_INPUT);
}

Test(node, members_are_found_by_key) {
    struct sl_node *map = sl_tree_node(&tree, SL_NODE_MAP, (struct sl_mark){0});
    put(map, "a", scalar("1"));
    put(map, "ab", scalar("2"));
    cr_assert(sl_bytes_is(sl_node_get(map, "ab")->text, "2"));
    cr_assert_null(sl_node_get(map, "b"));
    cr_assert_null(sl_node_get(NULL, "a"));
    cr_assert_null(sl_node_get(scalar("x"), "a"));
    cr_assert_eq(map->count, 2);
}

Test(node, msgpack_does_not_depend_on_the_order_of_keys) {
    struct sl_node *sequence = sl_tree_node(&tree, SL_NODE_SEQUENCE, (struct sl_mark){0});
    sl_node_append(sequence, scalar("true"));
    sl_node_append(sequence, scalar(""));
    sl_node_append(sequence, scalar("-5"));
    sl_node_append(sequence, scalar("1.5"));
    sl_node_append(sequence, scalar("99999999999999999999"));
    struct sl_node *map = sl_tree_node(&tree, SL_NODE_MAP, (struct sl_mark){0});
    put(map, "z", sequence);
    put(map, "a", scalar("text"));
    put(map, "ab", scalar("x"));
    struct sl_buf buf, expected;
    sl_buf_init(&buf, sl_alloc_system());
    sl_buf_init(&expected, sl_alloc_system());
    sl_node_to_msgpack(map, &buf);
    sl_mp_map(&expected, 3);
    sl_mp_key(&expected, "a");
    sl_mp_key(&expected, "text");
    sl_mp_key(&expected, "ab");
    sl_mp_key(&expected, "x");
    sl_mp_key(&expected, "z");
    sl_mp_array(&expected, 5);
    sl_mp_bool(&expected, true);
    sl_mp_nil(&expected);
    sl_mp_int(&expected, -5);
    sl_mp_double(&expected, 1.5);
    sl_mp_double(&expected, 1e20);
    cr_assert(sl_bytes_equal(sl_buf_bytes(&buf), sl_buf_bytes(&expected)));
    sl_buf_fini(&buf);
    sl_buf_fini(&expected);
}

Test(node, every_allocation_can_fail) {
    bool any_failed = false;
    for (uint64_t countdown = 0;; countdown++) {
        sl_failing_alloc_init(&memory, countdown);
        sl_tree_init(&tree, &memory.alloc);
        char large[20000];
        memset(large, 'x', sizeof large);
        for (int i = 0; i < 300; i++) (void)sl_tree_node(&tree, SL_NODE_SCALAR, (struct sl_mark){0});
        struct sl_bytes copy = sl_tree_copy(&tree, sl_bytes(large, sizeof large));
        if (copy.data) cr_assert_eq(copy.data[copy.size], 0);
        sl_tree_fini(&tree);
        cr_assert_eq(memory.live_blocks, 0);
        if (!memory.has_failed) break;
        any_failed = true;
    }
    cr_assert(any_failed);
}
