/* The stage `knowledge-graph`: puts what one document mentions and claims into the graph in index.sqlite, in place of what its
 * last version said. */
#include "graph.h"
#include "rows.h"
#include "sdk/output.h"
#include "sdk/plugin.h"
#include "store/stage.h"

static sluice_outcome send_receipt(const struct sl_attempt *attempt, const struct sl_graph *graph,
                                   const struct sl_graph_change *change) {
    const struct {
        const char *key;
        uint64_t count;
    } members[] = {{"edges", graph->edge_count},
                   {"nodes_written", change->nodes_written},
                   {"edges_written", change->edges_written},
                   {"nodes_removed", change->nodes_removed},
                   {"edges_removed", change->edges_removed}};
    struct sl_output output;
    sl_output_init(&output);
    sl_output_map(&output, 6);
    sl_output_text(&output, "document");
    sl_output_span(&output, graph->document);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        sl_output_text(&output, members[i].key);
        sl_output_uint(&output, members[i].count);
    }
    sluice_outcome outcome = sl_output_send(&output, attempt, "The receipt");
    sl_output_fini(&output);
    return outcome;
}

/* What is written, and what that changed. */
struct writing {
    const struct sl_graph *graph;
    struct sl_graph_change change;
};

static int write_rows(sqlite3 *db, void *what) {
    struct writing *writing = what;
    return sl_graph_rows_replace(db, writing->graph, &writing->change);
}

static sluice_outcome write_graph(struct sl_store *store, const struct sl_attempt *attempt, const struct sl_graph *graph) {
    struct writing writing = {.graph = graph};
    sluice_outcome outcome = sl_store_stage_write(store, attempt, write_rows, &writing);
    return outcome == SLUICE_DONE ? send_receipt(attempt, graph, &writing.change) : outcome;
}

static sluice_outcome graph_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {sl_host, ctx, out};
    struct sl_input input;
    struct sl_graph graph;
    sluice_outcome outcome = sl_attempt_read(&attempt, upstream, &input);
    if (outcome != SLUICE_DONE) return outcome;
    outcome = sl_graph_open(&graph, &attempt, input.root);
    if (outcome == SLUICE_DONE) {
        outcome = write_graph(self, &attempt, &graph);
        sl_graph_close(&graph);
    }
    sl_input_fini(&input);
    return outcome;
}

/* How many edges the document has in the graph. */
static int64_t graph_count(sluice_bytes output) {
    return sl_input_count(output, "edges");
}

static const char *const state_keys[] = {"graph_receipt", NULL};
static const char *const dependencies[] = {"extract", NULL};

static const sluice_registration knowledge_graph = {
    .size = sizeof knowledge_graph,
    .stage_type = "knowledge-graph",
    .description = "Puts entities and claims into the graph of this worker's host, nodes and edges in SQLite",
    .version = SLUICE_VERSION,
    .state_keys = state_keys,
    .dependencies = dependencies,
    .config_schema = "{\"type\":\"object\",\"additionalProperties\":false}",
    .idempotent = 1,
    .open = sl_store_stage_open,
    .execute = graph_execute,
    .close = sl_store_stage_close,
    .output_counter = graph_count,
};

const sluice_registration *const sl_plugin_stages[] = {&knowledge_graph, NULL};
