/* The table of commands. Examples come first in help, so each has one that runs. */
#include "command.h"

#define ANY SL_ARGUMENTS_ANY

enum { ALONE, ASKS /* a broker */ };

static const struct sl_command commands[] = {
    {"dev", "[FILE|DIR ...]", "Start a whole cluster on this machine: Redis, a broker, workers",
     "sluice dev\n"
     "sluice dev deploy/pipelines --data /tmp/sluice --workers 2 --slots 4\n",
     0, ANY,
     {SL_FLAG_DATA, SL_FLAG_LISTEN, SL_FLAG_WORKERS, SL_FLAG_SLOTS, SL_FLAG_ISOLATION, SL_FLAG_POLICIES, SL_FLAG_PLUGINS,
      SL_FLAG_RETENTION_TIME, SL_FLAG_RETENTION_BYTES, SL_FLAG_TIMING, SL_FLAG_READY_FD, SL_FLAG_READY_FILE, SL_FLAG_INSECURE},
     sl_run_dev, ALONE},
    {"submit", "PIPELINE[@VERSION] [FILE|GLOB ...]", "Queue a job, or one job per file",
     "sluice submit auto --each /usr/share/doc/a*/copyright --watch\n"
     "echo '{\"n\": 1}' | sluice submit hello --input - --wait -o json\n"
     "sluice submit hello --key order-17\n"
     "sluice submit auto --each ~/notes/*.md --again\n",
     1, ANY,
     {SL_FLAG_INPUT, SL_FLAG_EACH, SL_FLAG_AGAIN, SL_FLAG_KEY, SL_FLAG_DOC_KEY, SL_FLAG_LABEL, SL_FLAG_TENANT, SL_FLAG_WAIT,
      SL_FLAG_WATCH, SL_FLAG_IN_FLIGHT},
     sl_run_submit, ASKS},
    {"watch", "JOB ...", "Follow jobs until they end; the exit code is the outcome", "sluice watch 0199a1b2\n", 1, ANY,
     {0}, sl_run_watch, ASKS},
    {"wait", "JOB ...", "Wait until jobs end; the exit code is the outcome",
     "sluice wait 0199a1b2 --timeout 2m\n"
     "sluice wait $(sluice submit hello -q) -o json\n",
     1, ANY, {SL_FLAG_FOR}, sl_run_wait, ASKS},
    {"jobs list", "", "List jobs: those under way, the newest first, then the ended ones, the last to end first",
     "sluice jobs list --status failed,processing\n"
     "sluice jobs list --all -o jsonl\n",
     0, 0, {SL_FLAG_STATUS, SL_FLAG_LIMIT, SL_FLAG_ALL, SL_FLAG_TENANT}, sl_run_jobs_list, ASKS},
    {"jobs show", "JOB", "Show everything that is known of a job",
     "sluice jobs show 0199a1b2\n"
     "sluice jobs show 0199a1b2 -o json\n",
     1, 1, {0}, sl_run_jobs_show, ASKS},
    {"jobs output", "JOB [STATE_KEY]", "Print what a job's stages produced",
     "sluice jobs output 0199a1b2 entities -o json\n"
     "sluice jobs output 0199a1b2\n",
     1, 2, {0}, sl_run_jobs_output, ASKS},
    {"jobs events", "JOB", "Print what happened to a job, in order", "sluice jobs events 0199a1b2\n", 1, 1, {0},
     sl_run_jobs_events, ASKS},
    {"jobs cancel", "JOB ...", "Cancel jobs that have not ended", "sluice jobs cancel 0199a1b2 --reason 'wrong file'\n", 1,
     ANY, {SL_FLAG_REASON}, sl_run_jobs_cancel, ASKS},
    {"pipelines list", "", "List the pipelines that the cluster has", "sluice pipelines list\n", 0, 0, {0},
     sl_run_pipelines_list, ASKS},
    {"pipelines show", "PIPELINE[@VERSION]", "Show the stages of a pipeline, of its newest version if none is named",
     "sluice pipelines show auto\nsluice pipelines show auto@2026-01-15 -o json\n", 1, 1, {0},
     sl_run_pipelines_show, ASKS},
    {"pipelines lint", "FILE ...", "Check pipeline files, and configs by this machine's plugins, without a broker", "sluice pipelines lint deploy/pipelines/auto.yaml\n"
     "sluice pipelines lint deploy/pipelines/auto.yaml -o jsonl\n",
     1, ANY, {SL_FLAG_STRICT, SL_FLAG_POLICIES}, sl_run_pipelines_lint, ALONE},
    {"pipelines apply", "FILE ...", "Store pipeline files; the cluster checks their policies, and their types by what workers ever offered",
     "sluice pipelines apply deploy/pipelines/auto.yaml\n", 1, ANY, {SL_FLAG_STRICT}, sl_run_pipelines_apply, ASKS},
    {"pipelines graph", "PIPELINE[@VERSION]|FILE", "Draw a pipeline: -o tree, dot or mermaid",
     "sluice pipelines graph deploy/pipelines/auto.yaml\n"
     "sluice pipelines graph auto -o dot | dot -Tsvg > auto.svg\n",
     1, 1, {0}, sl_run_pipelines_graph, ASKS},
    {"stages list", "", "List stage types and the workers that offer them", "sluice stages list\n", 0, 0, {0},
     sl_run_stages_list, ASKS},
    {"stages accept", "TYPE", "Take another registration of a stage type as the right one from now on",
     "sluice stages accept parse\nsluice stages accept libacme.so:register_example_stage/example-stage\n", 1, 1, {0}, sl_run_stages_accept, ASKS},
    {"workers list", "", "List connected workers", "sluice workers list\n", 0, 0, {0}, sl_run_workers_list, ASKS},
    {"plugin list", "", "List the plugins of this machine, also those that do not load",
     "sluice plugin list --plugin-path build/lib/sluice/plugins\n", 0, 0, {SL_FLAG_PLUGINS}, sl_run_plugin_list, ALONE},
    {"plugin info", "TYPE|FILE", "Show what a stage type or a plugin file offers", "sluice plugin info parse\n", 1, 1,
     {SL_FLAG_PLUGINS}, sl_run_plugin_info, ALONE},
    {"search", "[WORD ...]", "Search the index of a data folder, also when nothing runs",
     "sluice search apache licence\n"
     "sluice search --like 'permission is hereby granted' --limit 5\n",
     0, ANY, {SL_FLAG_DATA, SL_FLAG_LIKE, SL_FLAG_LIMIT}, sl_run_search, ALONE},
    {"status", "", "Say how the cluster is",
     "sluice status\n"
     "sluice status --ready && echo ready\n",
     0, 0, {SL_FLAG_READY}, sl_run_status, ASKS},
    {"bench", "", "Measure a running cluster with stages that do nothing",
     "sluice bench --workload chain --jobs 1000 --in-flight 100\n"
     "sluice bench --workload dag --jobs 1000 --payload 100 --isolation host -o json\n",
     0, 0, {SL_FLAG_WORKLOAD, SL_FLAG_JOBS, SL_FLAG_IN_FLIGHT, SL_FLAG_PAYLOAD, SL_FLAG_ISOLATION}, sl_run_bench, ASKS},
    {"help", "[COMMAND|TOPIC]", "Help on a command, or on exit-codes, environment, output",
     "sluice help submit\n"
     "sluice help exit-codes\n",
     0, 2, {0}, sl_run_help, ALONE},
    {"version", "", "Print versions", "sluice version -o json\n", 0, 0, {0}, sl_run_version, ALONE},
};

const struct sl_command *sl_commands(size_t *out_count) {
    *out_count = sizeof commands / sizeof *commands;
    return commands;
}

static const struct sl_flag_text flag_texts[] = {
    [SL_FLAG_NONE] = {"", NULL, "", 0, 0},
#define SL_FLAG(id, name, letter, value, repeats, help) [SL_FLAG_##id] = {name, value, help, letter, repeats},
#include "flags.def"
#undef SL_FLAG
};

const struct sl_flag_text *sl_flag_text(enum sl_flag flag) {
    return &flag_texts[flag];
}

int sl_flag_is_global(enum sl_flag flag) {
    return flag >= SL_FLAG_BROKER && flag <= SL_FLAG_VERSION;
}
