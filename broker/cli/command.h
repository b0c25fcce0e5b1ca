/* The commands of `sluice` as one table, from which parsing, help and suggestions are made. */
#ifndef SL_CLI_COMMAND_H
#define SL_CLI_COMMAND_H

#include <stddef.h>

enum sl_exit {
#define SL_EXIT(name, code, text) SL_EXIT_##name = (code),
#include "exit_codes.def"
#undef SL_EXIT
};

enum sl_flag {
    SL_FLAG_NONE, /* ends a command's list */
#define SL_FLAG(id, name, letter, value, repeats, help) SL_FLAG_##id,
#include "flags.def"
#undef SL_FLAG
    SL_FLAG_COUNT
};

struct sl_cli;

enum { SL_COMMAND_FLAGS_MAX = 16, SL_ARGUMENTS_ANY = 1 << 30 };

struct sl_command {
    const char *path;      /* one or two words: "submit", "jobs list" */
    const char *arguments; /* as help shows them; "" for none */
    const char *summary;   /* one line without a full stop */
    const char *examples;  /* lines that run as they are */
    int argument_count_min;
    int argument_count_max;
    enum sl_flag flags[SL_COMMAND_FLAGS_MAX]; /* beside the global ones; ended by SL_FLAG_NONE */
    int (*run)(struct sl_cli *cli); /* returns an exit code */
    int asks_broker;                /* 0: --broker and --timeout have no effect, so help leaves them out */
};

/* The table and its length. Static. */
const struct sl_command *sl_commands(size_t *out_count);

struct sl_flag_text {
    const char *name;
    const char *value; /* NULL: a switch; "": a switch that may have a value (--each=GLOB) */
    const char *help;
    char letter;       /* 0: none */
    char repeats;
};

/* What is known of a flag. Static. */
const struct sl_flag_text *sl_flag_text(enum sl_flag flag);

/* Whether a flag is taken by every command. */
int sl_flag_is_global(enum sl_flag flag);

/* Each command: 0 to 130, an exit code. They are declared here and live in the file of their noun. */
int sl_run_bench(struct sl_cli *cli);
int sl_run_dev(struct sl_cli *cli);
int sl_run_help(struct sl_cli *cli);
int sl_run_jobs_cancel(struct sl_cli *cli);
int sl_run_jobs_events(struct sl_cli *cli);
int sl_run_jobs_list(struct sl_cli *cli);
int sl_run_jobs_output(struct sl_cli *cli);
int sl_run_jobs_show(struct sl_cli *cli);
int sl_run_pipelines_apply(struct sl_cli *cli);
int sl_run_pipelines_graph(struct sl_cli *cli);
int sl_run_pipelines_lint(struct sl_cli *cli);
int sl_run_pipelines_list(struct sl_cli *cli);
int sl_run_pipelines_show(struct sl_cli *cli);
int sl_run_plugin_info(struct sl_cli *cli);
int sl_run_plugin_list(struct sl_cli *cli);
int sl_run_search(struct sl_cli *cli);
int sl_run_stages_accept(struct sl_cli *cli);
int sl_run_stages_list(struct sl_cli *cli);
int sl_run_status(struct sl_cli *cli);
int sl_run_submit(struct sl_cli *cli);
int sl_run_version(struct sl_cli *cli);
int sl_run_wait(struct sl_cli *cli);
int sl_run_watch(struct sl_cli *cli);
int sl_run_workers_list(struct sl_cli *cli);

#endif
