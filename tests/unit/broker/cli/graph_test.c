/* Pictures of pipelines, as golden texts. */
#include "cli/graph.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <string.h>

static const char diamond[] = "{\"name\": \"d\", \"version\": \"1\", \"stages\": ["
                              "{\"name\": \"a\", \"type\": \"noop\", \"depends_on\": []},"
                              "{\"name\": \"b\", \"type\": \"b\", \"depends_on\": [\"a\"]},"
                              "{\"name\": \"c\", \"type\": \"c\", \"depends_on\": [\"a\"]},"
                              "{\"name\": \"d\", \"type\": \"d\", \"depends_on\": [\"b\", \"c\"]},"
                              "{\"name\": \"e\", \"type\": \"e\"}]}";

static void check(const char *json, enum sl_graph_format format, const char *expected) {
    json_t *pipeline = json_loads(json, 0, NULL);
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    cr_assert_eq(sl_graph_show(pipeline, format, &text), SL_OK);
    (void)sl_buf_append(&text, "", 1);
    cr_assert_str_eq((char *)text.data, expected);
    sl_buf_fini(&text);
    json_decref(pipeline);
}

Test(graph, as_a_tree_each_stage_stands_once) {
    check(diamond, SL_GRAPH_TREE,
          "d 1\n"
          "\xe2\x94\x9c\xe2\x94\x80 a [noop]\n"
          "\xe2\x94\x82  \xe2\x94\x9c\xe2\x94\x80 b\n"
          "\xe2\x94\x82  \xe2\x94\x82  \xe2\x94\x94\xe2\x94\x80 d  (also after c)\n"
          "\xe2\x94\x82  \xe2\x94\x94\xe2\x94\x80 c\n"
          "\xe2\x94\x94\xe2\x94\x80 e\n");
}

Test(graph, as_dot) {
    check(diamond, SL_GRAPH_DOT,
          "digraph \"d\" {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n"
          "  \"a\" [label=\"a\\nnoop\"];\n  \"b\" [label=\"b\"];\n  \"c\" [label=\"c\"];\n  \"d\" [label=\"d\"];\n"
          "  \"e\" [label=\"e\"];\n  \"a\" -> \"b\";\n  \"a\" -> \"c\";\n  \"b\" -> \"d\";\n  \"c\" -> \"d\";\n}\n");
}

Test(graph, as_mermaid) {
    check(diamond, SL_GRAPH_MERMAID,
          "flowchart LR\n  s_a[\"a\"]\n  s_b[\"b\"]\n  s_c[\"c\"]\n  s_d[\"d\"]\n  s_e[\"e\"]\n"
          "  s_a --> s_b\n  s_a --> s_c\n  s_b --> s_d\n  s_c --> s_d\n");
}

Test(graph, a_cycle_or_an_unknown_name_ends_all_the_same) {
    json_t *pipeline = json_loads("{\"name\": \"x\", \"stages\": [{\"name\": \"a\", \"depends_on\": [\"b\"]},"
                                  "{\"name\": \"b\", \"depends_on\": [\"a\", \"nobody\", 7]}]}", 0, NULL);
    struct sl_buf text;
    sl_buf_init(&text, sl_alloc_system());
    for (int format = 0; format < SL_GRAPH_FORMAT_COUNT; format++)
        cr_assert_eq(sl_graph_show(pipeline, format, &text), SL_OK);
    cr_assert_eq(sl_graph_show(json_null(), SL_GRAPH_TREE, &text), SL_E_BAD_INPUT);
    sl_buf_fini(&text);
    json_decref(pipeline);
}
