/* Orders and cycles. */
#include "base/err.h"
#include "base/rng.h"
#include "model/graph.h"

#include <criterion/criterion.h>

enum { NODES_MAX = 64, EDGES_MAX = 4096 };

static int order(const char *const *predecessors, uint16_t count, uint16_t *out_order, uint16_t *out_cycle_count) {
    uint16_t edges[EDGES_MAX], scratch[NODES_MAX];
    uint32_t first[NODES_MAX + 1] = {0};
    for (uint16_t i = 0; i < count; i++) {
        first[i + 1] = first[i];
        for (const char *at = predecessors[i]; *at; at++) edges[first[i + 1]++] = (uint16_t)(*at - 'a');
    }
    struct sl_graph graph = {.edges = edges, .first = first, .node_count = count};
    return sl_graph_order(&graph, scratch, out_order, out_cycle_count);
}

static void assert_order(const char *const *predecessors, uint16_t count, const char *expected) {
    uint16_t out[NODES_MAX], cycle = 0;
    cr_assert_eq(order(predecessors, count, out, &cycle), 0);
    for (uint16_t i = 0; i < count; i++) cr_assert_eq(out[i], expected[i] - 'a', "place %u", i);
}

static void assert_cycle(const char *const *predecessors, uint16_t count, const char *expected) {
    uint16_t out[NODES_MAX], cycle = 0;
    cr_assert_eq(order(predecessors, count, out, &cycle), SL_E_BAD_INPUT);
    cr_assert_eq(cycle, strlen(expected));
    for (uint16_t i = 0; i < cycle; i++) cr_assert_eq(out[i], expected[i] - 'a', "place %u", i);
}

Test(graph, no_nodes_have_an_order) {
    assert_order(NULL, 0, "");
}

Test(graph, ties_go_by_index) {
    assert_order((const char *[]){"", "", ""}, 3, "abc");
    assert_order((const char *[]){"c", "", ""}, 3, "bca");
    assert_order((const char *[]){"", "d", "a", "a"}, 4, "acdb");
}

Test(graph, a_cycle_is_a_path_from_its_least_node) {
    assert_cycle((const char *[]){"c", "a", "b"}, 3, "abc");
    assert_cycle((const char *[]){"b", "c", "a"}, 3, "acb");
    assert_cycle((const char *[]){"", "ac", "b", "c"}, 4, "bc");
    assert_cycle((const char *[]){"", "b"}, 2, "b");
}

Test(graph, a_random_graph_is_ordered_or_has_a_cycle_of_edges) {
    struct sl_rng rng = {.state = 1};
    unsigned cyclic = 0;
    for (unsigned run = 0; run < 2000; run++) {
        uint16_t count = (uint16_t)(1 + sl_rng_below(&rng, 24)), edges[EDGES_MAX], out[NODES_MAX], scratch[NODES_MAX];
        uint16_t cycle = 0;
        uint32_t first[NODES_MAX + 1] = {0};
        bool has[NODES_MAX][NODES_MAX] = {{false}};
        for (uint16_t i = 0; i < count; i++) {
            first[i + 1] = first[i];
            for (uint16_t k = 0; k < count; k++) {
                bool forward = k < i;
                if (!sl_rng_chance(&rng, forward ? 20 : 1, forward ? 100 : 200)) continue;
                has[k][i] = true;
                edges[first[i + 1]++] = k;
            }
        }
        struct sl_graph graph = {.edges = edges, .first = first, .node_count = count};
        if (sl_graph_order(&graph, scratch, out, &cycle) == 0) {
            uint16_t place[NODES_MAX];
            for (uint16_t i = 0; i < count; i++) place[out[i]] = i;
            for (uint16_t i = 0; i < count; i++) {
                for (uint16_t k = 0; k < count; k++) cr_assert(!has[k][i] || place[k] < place[i]);
            }
        } else {
            cyclic++;
            cr_assert_gt(cycle, 0);
            for (uint16_t i = 0; i < cycle; i++) cr_assert(has[out[i]][out[(i + 1) % cycle]]);
        }
    }
    cr_assert_gt(cyclic, 100);
    cr_assert_lt(cyclic, 1900);
}
