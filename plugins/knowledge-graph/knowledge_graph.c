/* The stage `knowledge-graph`: puts what one document mentions and claims into the graph in index.sqlite, in place of what its
 * last version said. */
#include "graph.h"
#include "rows.h"
#include "sdk/option.h"
#include "sdk/output.h"
#include "store/store.h"

static const sluice_host *host;

static int graph_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    static const char *const keys[] = {NULL};
    struct sl_options options;
    if (sl_options_open(&options, definition, keys, error, error_size) != 0) return -1;
    struct sl_store *store = definition->data_directory ? sl_store_new(definition->data_directory) : NULL;
    int rc = store ? 0 : sl_options_refuse(&options, "the worker has no data directory, or no memory.");
    if (rc == 0) *out_self = store;
    sl_options_close(&options);
    return rc;
}

static void graph_close(void *self) {
    struct sl_store *store = self;
    sl_store_free(&store);
}

static sluice_outcome fail_store(const struct sl_attempt *attempt, const struct sl_store *store, int rc) {
    char sentence[1024];
    sl_store_explain(store, rc, sentence, sizeof sentence);
    return sl_attempt_fail(attempt, sl_store_is_transient(rc) ? SLUICE_FAILED_RETRYABLE : SLUICE_FAILED_PERMANENT, "%s", sentence);
}

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

static sluice_outcome write_graph(struct sl_store *store, const struct sl_attempt *attempt, const struct sl_graph *graph) {
    struct sl_graph_change change;
    sqlite3 *db;
    if (sl_attempt_cancelled(attempt, 0, 0)) return SLUICE_FAILED_RETRYABLE;
    int rc = sl_store_begin(store, sl_store_patience_ms(host->task(attempt->ctx)->timeout_ms), &db);
    if (rc != SQLITE_OK) return fail_store(attempt, store, rc);
    rc = sl_graph_rows_replace(db, graph, &change);
    if (rc == SQLITE_OK) rc = sl_store_commit(store);
    else sl_store_rollback(store);
    return rc == SQLITE_OK ? send_receipt(attempt, graph, &change) : fail_store(attempt, store, rc);
}

static sluice_outcome graph_execute(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out) {
    const struct sl_attempt attempt = {host, ctx, out};
    struct sl_input input;
    struct sl_graph graph;
    if (sl_input_parse(&input, upstream) != 0) {
        return sl_attempt_fail(&attempt, SLUICE_FAILED_PERMANENT, "What came in is not a readable value.");
    }
    sluice_outcome outcome = sl_graph_open(&graph, &attempt, input.root);
    if (outcome == SLUICE_DONE) {
        outcome = write_graph(self, &attempt, &graph);
        sl_graph_close(&graph);
    }
    sl_input_fini(&input);
    return outcome;
}

/* How many edges the document has in the graph. */
static int64_t graph_count(sluice_bytes output) {
    struct sl_input input;
    uint64_t count = 0;
    if (sl_input_parse(&input, output) != 0) return 0;
    (void)sl_input_uint(sl_input_member(input.root, "edges"), INT64_MAX, &count);
    sl_input_fini(&input);
    return (int64_t)count;
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
    .open = graph_open,
    .execute = graph_execute,
    .close = graph_close,
    .output_counter = graph_count,
};

static const sluice_registration *const registrations[] = {&knowledge_graph};

static const sluice_registration_list list = {
    .size = sizeof list,
    .abi_major = SLUICE_ABI_MAJOR,
    .abi_minor = SLUICE_ABI_MINOR,
    .count = 1,
    .registrations = registrations,
};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *host_table) {
    host = host_table;
    return &list;
}
