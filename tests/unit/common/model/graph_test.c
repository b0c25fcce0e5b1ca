/* Orders and cycles. */
#include "base/err.h"
#include "base/rng.h"
#include "model/graph.h"

#include <criterion/criterion.h>

enum { NODES_MAX = 64, EDGES_MAX = 4096 };

/* A graph whose node i has the predecessors that the letters of predecessors[i] name. */
struct letters {
    uint16_t edges[EDGES_MAX];
    uint32_t first[NODES_MAX + 1];
    struct sl_graph graph;
};

static void letters_init(struct letters *self, const char *const *predecessors, uint16_t count) {
    self->first[0] = 0;
    for (uint16_t i = 0; i < count; i++) {
        self->first[i + 1] = self->first[i];
        for (const char *at = predecessors[i]; *at; at++) self->edges[self->first[i + 1]++] = (uint16_t)(*at - 'a');
    }
    self->graph = (struct sl_graph){.edges = self->edges, .first = self->first, .node_count = count};
}

static void assert_order(const char *const *predecessors, uint16_t count, const char *expected) {
    struct letters letters;
    uint16_t out[NODES_MAX], scratch[NODES_MAX];
    letters_init(&letters, predecessors, count);
    cr_assert_eq(sl_graph_order(&letters.graph, scratch, out), 0);
    for (uint16_t i = 0; i < count; i++) cr_assert_eq(out[i], expected[i] - 'a', "place %u", i);
}

/* Expected: the cycles apart by blanks. */
static void assert_cycles(const char *const *predecessors, uint16_t count, const char *expected) {
    struct letters letters;
    uint16_t out[NODES_MAX], scratch[NODES_MAX];
    uint64_t reach[NODES_MAX * NODES_MAX / 64] = {0};
    char found[NODES_MAX * 2] = "";
    size_t used = 0;
    letters_init(&letters, predecessors, count);
    cr_assert_eq(sl_graph_order(&letters.graph, scratch, out), SL_E_BAD_INPUT);
    sl_graph_reach(&letters.graph, reach);
    for (uint16_t node = 0; node < count; node++) {
        uint16_t length = sl_graph_cycle(&letters.graph, reach, node, scratch, out);
        if (length > 0 && used > 0) found[used++] = ' ';
        for (uint16_t i = 0; i < length; i++) found[used++] = (char)('a' + out[i]);
    }
    cr_assert_str_eq(found, expected);
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
    assert_cycles((const char *[]){"c", "a", "b"}, 3, "abc");
    assert_cycles((const char *[]){"b", "c", "a"}, 3, "acb");
    assert_cycles((const char *[]){"", "ac", "b", "c"}, 4, "bc");
    assert_cycles((const char *[]){"", "b"}, 2, "b");
}

Test(graph, each_strongly_connected_component_gives_one_cycle) {
    assert_cycles((const char *[]){"b", "a", "d", "bc", ""}, 5, "ab cd");
    assert_cycles((const char *[]){"a", "b", "c"}, 3, "a b c");
    /* Two loops that share a node are one component; the shorter way round is shown. */
    assert_cycles((const char *[]){"cd", "a", "b", "a"}, 4, "ad");
    /* What only comes after a cycle is not part of it. */
    assert_cycles((const char *[]){"b", "a", "b", "c", "e"}, 5, "ab e");
}

Test(graph, a_random_graph_is_ordered_or_has_a_cycle_of_edges) {
    struct sl_rng rng = {.state = 1};
    unsigned cyclic = 0;
    for (unsigned run = 0; run < 2000; run++) {
        uint16_t count = (uint16_t)(1 + sl_rng_below(&rng, 24)), edges[EDGES_MAX], out[NODES_MAX], scratch[NODES_MAX];
        uint32_t first[NODES_MAX + 1] = {0};
        uint64_t reach[NODES_MAX] = {0};
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
        if (sl_graph_order(&graph, scratch, out) == 0) {
            uint16_t place[NODES_MAX];
            for (uint16_t i = 0; i < count; i++) place[out[i]] = i;
            for (uint16_t i = 0; i < count; i++) {
                for (uint16_t k = 0; k < count; k++) cr_assert(!has[k][i] || place[k] < place[i]);
            }
        } else {
            unsigned cycles = 0;
            cyclic++;
            sl_graph_reach(&graph, reach);
            for (uint16_t node = 0; node < count; node++) {
                uint16_t cycle = sl_graph_cycle(&graph, reach, node, scratch, out);
                cycles += cycle > 0;
                for (uint16_t i = 0; i < cycle; i++) cr_assert(has[out[i]][out[(i + 1) % cycle]]);
            }
            cr_assert_gt(cycles, 0);
        }
    }
    cr_assert_gt(cyclic, 100);
    cr_assert_lt(cyclic, 1900);
}
