/* YAML within limits: what is refused, where, in which words, and how early. */
#include "io/yaml.h"

#include "base/err.h"
#include "base/limits.h"
#include "support/failing_alloc.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct sl_yaml_error error;

static int parse(struct sl_bytes text, struct sl_tree *out_tree) {
    return sl_yaml_parse(text, sl_alloc_system(), out_tree, &error);
}

static void assert_refused_bytes(struct sl_bytes text, int rc, uint32_t line, uint32_t column, const char *sentence) {
    struct sl_tree tree;
    int got = parse(text, &tree);
    cr_assert_eq(got, rc, "rc %d: %s", got, error.sentence);
    cr_assert_not_null(strstr(error.sentence, sentence), "%.*s: %s", (int)(text.size < 60 ? text.size : 60), (const char *)text.data, error.sentence);
    cr_assert(error.mark.line == line && error.mark.column == column, "%u:%u %s", error.mark.line, error.mark.column, error.sentence);
}

static void assert_refused(const char *text, uint32_t line, uint32_t column, const char *sentence) {
    assert_refused_bytes(sl_text(text), SL_E_BAD_INPUT, line, column, sentence);
}

static void assert_accepted(struct sl_bytes text) {
    struct sl_tree tree;
    int rc = parse(text, &tree);
    cr_assert_eq(rc, 0, "%u:%u: %s", error.mark.line, error.mark.column, error.sentence);
    sl_tree_fini(&tree);
}

/* `count` times the unit, between head and tail; the caller frees its data. */
static struct sl_bytes repeated(const char *head, const char *unit, size_t count, const char *tail) {
    size_t head_size = strlen(head), unit_size = strlen(unit), tail_size = strlen(tail);
    uint8_t *data = malloc(head_size + unit_size * count + tail_size + 1);
    cr_assert_not_null(data);
    memcpy(data, head, head_size);
    for (size_t i = 0; i < count; i++) memcpy(data + head_size + i * unit_size, unit, unit_size);
    memcpy(data + head_size + unit_size * count, tail, tail_size);
    return sl_bytes(data, head_size + unit_size * count + tail_size);
}

static void assert_mark(struct sl_mark mark, uint32_t line, uint32_t column, uint32_t length) {
    cr_assert(mark.line == line && mark.column == column && mark.length == length, "%u:%u+%u", mark.line, mark.column, mark.length);
}

static void count_repeat(void *context, const struct sl_yaml_error *why) {
    struct sl_mark *marks = context;
    while (marks->line) marks++;
    cr_assert_not_null(strstr(why->sentence, "is given twice; the first one is in line"));
    *marks = why->mark;
}

Test(yaml, every_repeated_key_is_told_and_left_out_by_who_reads_on) {
    struct sl_tree tree;
    struct sl_mark marks[4] = {{0}};
    const struct sl_yaml_repeats repeats = {.add = count_repeat, .context = marks};
    struct sl_bytes text = sl_text("a: 1\na: {x: 2, x: [3, {y: 4}]}\nb: 5\nb: 6\nc: 7\n");
    cr_assert_eq(sl_yaml_parse_whole(text, sl_alloc_system(), &repeats, &tree, &error), 0, "%s", error.sentence);
    assert_mark(marks[0], 2, 1, 1);
    assert_mark(marks[1], 2, 11, 1);
    assert_mark(marks[2], 4, 1, 1);
    cr_assert_eq(tree.root->count, 3);
    cr_assert(sl_bytes_is(sl_node_get(tree.root, "a")->text, "1"));
    cr_assert(sl_bytes_is(sl_node_get(tree.root, "b")->text, "5"));
    cr_assert(sl_bytes_is(sl_node_get(tree.root, "c")->text, "7"));
    sl_tree_fini(&tree);
    /* What is no YAML still ends the reading. */
    cr_assert_eq(sl_yaml_parse_whole(sl_text("a: 1\na: 2\nb: [\n"), sl_alloc_system(), &repeats, &tree, &error), SL_E_BAD_INPUT);
}

Test(yaml, a_document_becomes_a_tree_with_places) {
    struct sl_tree tree;
    cr_assert_eq(parse(sl_text("# comment\nname: x\nlist:\n  - 'öä'\n  - {k: \"v\"}\n"), &tree), 0);
    const struct sl_node *root = tree.root, *list = sl_node_get(root, "list");
    cr_assert_eq(root->kind, SL_NODE_MAP);
    cr_assert_eq(root->count, 2);
    assert_mark(root->mark, 2, 1, 1);
    assert_mark(root->first->key_mark, 2, 1, 4);
    assert_mark(root->first->mark, 2, 7, 1);
    cr_assert_not(root->first->quoted);
    cr_assert_eq(list->kind, SL_NODE_SEQUENCE);
    cr_assert_eq(list->count, 2);
    cr_assert(list->first->quoted);
    cr_assert_str_eq((const char *)list->first->text.data, "öä");
    assert_mark(list->first->mark, 4, 5, 4);
    assert_mark(list->last->mark, 5, 5, 1);
    assert_mark(sl_node_get(list->last, "k")->mark, 5, 9, 3);
    sl_tree_fini(&tree);
}

Test(yaml, an_empty_text_is_an_empty_document) {
    static const char *const texts[] = {"", "\n\n", "# only this\n", "\xef\xbb\xbf"};
    for (size_t i = 0; i < 4; i++) {
        struct sl_tree tree;
        cr_assert_eq(parse(sl_text(texts[i]), &tree), 0);
        cr_assert_null(tree.root);
        sl_tree_fini(&tree);
    }
    cr_assert_eq(sl_yaml_parse(sl_bytes(NULL, 0), sl_alloc_system(), &(struct sl_tree){0}, &error), 0);
}

Test(yaml, a_byte_order_mark_does_not_move_columns) {
    assert_refused("\xef\xbb\xbf*a", 1, 1, "aliases");
}

Test(yaml, what_is_not_allowed_is_named_with_its_place) {
    assert_refused("a: &x 1\n", 1, 4, "anchors (&name) are not allowed");
    assert_refused("a: 1\nb: *x\n", 2, 4, "aliases (*name) are not allowed");
    assert_refused("&x a: 1\n", 1, 1, "anchors");
    assert_refused("- &x [1]\n", 1, 3, "anchors");
    assert_refused("- &x {a: 1}\n", 1, 3, "anchors");
    assert_refused("a: !!str 1\n", 1, 4, "tags (!name) are not allowed");
    assert_refused("a: ! 1\n", 1, 4, "tags");
    assert_refused("a: !x [1]\n", 1, 4, "tags");
    assert_refused("a: !x {}\n", 1, 4, "tags");
    assert_refused("a: !e!x y\n", 1, 4, "tag");
    assert_refused("%YAML 1.2\n---\na: 1\n", 1, 1, "directives are not allowed");
    assert_refused("a: 1\n%TAG ! x\n", 2, 1, "directives are not allowed");
    assert_refused("---\na: 1\n---\nb: 2\n", 3, 1, "one document only");
    assert_refused("a: 1\nb: 2\na: 3\n", 3, 1, "key \"a\" is given twice; the first one is in line 1, column 1");
    assert_refused("x: {k: 1, \"k\": 2}\n", 1, 11, "key \"k\" is given twice; the first one is in line 1, column 5");
    assert_refused("[a]: 1\n", 1, 1, "a key must be text");
    assert_refused("? {a: 1}\n: 2\n", 1, 3, "a key must be text");
    assert_refused("?\n: 1\n", 1, 2, "a key is missing");
    assert_refused("a: [1, 2\nb: 3\n", 2, 2, "this is not valid YAML: while parsing a flow sequence");
    assert_refused("a:\n\t- b\n", 2, 1, "a tab must not indent a line");
    assert_refused("a: \"x\n", 2, 1, "this is not valid YAML: while scanning a quoted scalar");
    assert_refused("a: b: c\n", 1, 5, "mapping values are not allowed");
}

Test(yaml, only_utf8_and_plain_line_ends_are_read) {
    assert_refused_bytes(sl_bytes("a: b\nc: \xff\n", 10), SL_E_BAD_INPUT, 2, 4, "byte 0xff is not UTF-8");
    assert_refused_bytes(sl_bytes("ä: \xc3", 5), SL_E_BAD_INPUT, 1, 4, "byte 0xc3 is not UTF-8");
    assert_refused_bytes(sl_bytes("\xff\xfe" "a\0", 4), SL_E_BAD_INPUT, 1, 1, "byte 0xff is not UTF-8");
    assert_refused_bytes(sl_bytes("a\0b", 3), SL_E_BAD_INPUT, 1, 2, "control character 0x00");
    assert_refused("a: \x1b[31m\n", 1, 4, "control character 0x1b");
    assert_refused("a: \xc2\x80\n", 1, 4, "control character 0x80");
    assert_refused("a: 1\rb: 2\n", 1, 5, "lines must end with LF");
    assert_refused("a: 1\xc2\x85", 1, 5, "lines must end with LF");
    assert_refused("a: 1\xe2\x80\xa8", 1, 5, "lines must end with LF");
    assert_refused("a: \xef\xbf\xbe\n", 0, 0, "is not allowed in YAML");
    assert_accepted(sl_text("a: 1\r\nb: \"\\0\"\r\n"));
}

Test(yaml, size_at_above_and_far_above_its_limit) {
    static const size_t sizes[] = {SL_PIPELINE_TEXT_MAX, SL_PIPELINE_TEXT_MAX + 1, 64 << 20};
    for (size_t i = 0; i < 3; i++) {
        struct sl_bytes text = repeated("#", "x", sizes[i] - 1, "");
        if (i == 0) {
            assert_accepted(text);
        } else {
            assert_refused_bytes(text, SL_E_LIMIT, 0, 0, "bytes; at most 262144 are allowed");
            cr_assert_eq(error.event_count, 0);
        }
        free((void *)text.data);
    }
}

Test(yaml, depth_at_above_and_far_above_its_limit) {
    static const char *const openings[] = {"[", "- "};
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < 3; i++) {
            size_t depth = i == 0 ? SL_YAML_DEPTH_MAX : i == 1 ? SL_YAML_DEPTH_MAX + 1 : SL_PIPELINE_TEXT_MAX / 2 - 1;
            struct sl_bytes text = repeated("", openings[k], depth, k == 0 && i < 2 ? &"]]]]]]]]]]]]]]]]]"[i == 0] : "x");
            if (i == 0) {
                assert_accepted(text);
            } else {
                uint32_t column = (uint32_t)(SL_YAML_DEPTH_MAX * strlen(openings[k]) + 1);
                assert_refused_bytes(text, SL_E_LIMIT, 1, column, "nested at most 16 deep");
                cr_assert_leq(error.event_count, SL_YAML_DEPTH_MAX + 3);
            }
            free((void *)text.data);
        }
    }
}

Test(yaml, events_at_above_and_far_above_their_limit) {
    /* Stream, document and list have a start and an end each. */
    static const size_t counts[] = {SL_YAML_EVENTS_MAX - 6, SL_YAML_EVENTS_MAX - 5, 120000};
    for (size_t i = 0; i < 3; i++) {
        struct sl_bytes text = repeated("[", "a,", counts[i], "]");
        if (i == 0) {
            assert_accepted(text);
            cr_assert_eq(error.event_count, SL_YAML_EVENTS_MAX);
        } else {
            struct sl_tree tree;
            cr_assert_eq(parse(text, &tree), SL_E_LIMIT);
            cr_assert_str_eq(error.sentence, "the text has more than 20000 parts");
            cr_assert_eq(error.event_count, SL_YAML_EVENTS_MAX + 1);
        }
        free((void *)text.data);
    }
}

Test(yaml, scalars_and_keys_at_above_and_far_above_their_limit) {
    static const size_t sizes[] = {SL_YAML_SCALAR_MAX, SL_YAML_SCALAR_MAX + 1, 200000};
    for (size_t i = 0; i < 3; i++) {
        struct sl_bytes value = repeated("a: ", "x", sizes[i], "\n"), quoted = repeated("a: '", "x", sizes[i], "'\n");
        struct sl_bytes key = repeated("? ", "x", sizes[i], "\n: 1\n");
        if (i == 0) {
            assert_accepted(value);
            assert_accepted(quoted);
            assert_accepted(key);
        } else {
            assert_refused_bytes(value, SL_E_LIMIT, 1, 4, "a value or key may have at most 16384 bytes");
            assert_refused_bytes(quoted, SL_E_LIMIT, 1, 4, "a value or key may have at most 16384 bytes");
            assert_refused_bytes(key, SL_E_LIMIT, 1, 3, "a value or key may have at most 16384 bytes");
        }
        free((void *)value.data);
        free((void *)quoted.data);
        free((void *)key.data);
    }
}

Test(yaml, keys_of_one_map_at_above_and_far_above_their_limit) {
    static const unsigned counts[] = {SL_YAML_KEYS_MAX, SL_YAML_KEYS_MAX + 1, 9000};
    for (size_t i = 0; i < 3; i++) {
        struct sl_buf buf;
        sl_buf_init(&buf, sl_alloc_system());
        for (unsigned k = 0; k < counts[i]; k++) cr_assert_eq(sl_buf_format(&buf, "k%u: 1\n", k), 0);
        if (i == 0) {
            assert_accepted(sl_buf_bytes(&buf));
        } else {
            assert_refused_bytes(sl_buf_bytes(&buf), SL_E_LIMIT, SL_YAML_KEYS_MAX + 1, 1, "at most 1024 keys");
        }
        sl_buf_fini(&buf);
    }
}

/* A megabyte of each is refused before libyaml sees a byte; a quarter of it, the most that is read, within a few events. */
Test(yaml, bombs_are_refused_early) {
    static const char *const units[] = {"[", "{", "[\n", "- ", "? ", "*a ", "&a ", "- &a x\n", "!a ", "!%41", "%TAG !a! b\n", "---\n",
                                        "\"", ": ", "{a: ", "[? ", "'a': "};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t size = strlen(units[i]);
        struct sl_bytes large = repeated("", units[i], (1 << 20) / size, ""), largest = repeated("", units[i], SL_PIPELINE_TEXT_MAX / size, "");
        struct sl_tree tree;
        cr_assert_eq(parse(large, &tree), SL_E_LIMIT);
        cr_assert_eq(error.event_count, 0);
        cr_assert_neq(parse(largest, &tree), SL_OK, "%s", units[i]);
        cr_assert_leq(error.event_count, 3 * SL_YAML_DEPTH_MAX, "%s: %u", units[i], error.event_count);
        free((void *)large.data);
        free((void *)largest.data);
    }
}

Test(yaml, memory_that_runs_out_is_told_and_nothing_leaks) {
    struct sl_bytes text = repeated("", "- {a: [1, two, \"three\"], b: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}\n", 200, "");
    for (uint64_t countdown = 0;; countdown++) {
        struct sl_failing_alloc failing;
        struct sl_tree tree;
        sl_failing_alloc_init(&failing, countdown);
        int rc = sl_yaml_parse(text, &failing.alloc, &tree, &error);
        if (rc == SL_OK) sl_tree_fini(&tree);
        cr_assert_eq(failing.live_blocks, 0);
        if (rc == SL_OK) {
            cr_assert_geq(countdown, 3);
            break;
        }
        cr_assert_eq(rc, SL_E_NO_MEMORY);
    }
    free((void *)text.data);
}
