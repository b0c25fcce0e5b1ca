/* Help, made from the tables of commands, flags and exit codes. Examples come first. */
#include "help.h"

#include "base/limits.h"
#include "base/text.h"
#include "wire/wire.h"

#include <string.h>

static const struct {
    int code;
    const char *text;
} exit_codes[] = {
#define SL_EXIT(name, code, text) {code, text},
#include "exit_codes.def"
#undef SL_EXIT
};

static void print_exit_codes(FILE *out) {
    (void)fputs("Exit codes of sluice:\n\n", out);
    for (size_t i = 0; i < sizeof exit_codes / sizeof *exit_codes; i++)
        (void)fprintf(out, "  %3d  %s\n", exit_codes[i].code, exit_codes[i].text);
}

static void print_environment(FILE *out) {
    (void)fputs("Environment of sluice (a flag ranks above it):\n\n"
                "  SLUICE_BROKER       where clients find the broker (default " SL_CLIENT_ENDPOINT_DEFAULT ")\n"
                "  SLUICE_PLUGIN_PATH  folders of plugins, separated by colons, before the installed ones\n"
                "  XDG_STATE_HOME      \"sluice dev\" keeps its data in sluice/dev below it (default ~/.local/state)\n"
                "  XDG_RUNTIME_DIR     \"sluice dev\" keeps its sockets in a folder below it (default /tmp)\n"
                "  NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS  as everywhere\n",
                out);
}

static void print_output_help(FILE *out) {
    (void)fputs("Output of sluice: data on stdout, all else on stderr.\n\n"
                "  -o table   for people (default)\n"
                "  -o json    one JSON value: an array for lists, an object for one thing\n"
                "  -o jsonl   one JSON object a line\n"
                "  -o name    ids or names, one a line\n"
                "  -q         only what was asked for: \"submit -q\" prints ids\n\n"
                "Times are RFC 3339 UTC. Binary values are {\"$bin\": \"base64\"}.\n"
                "A job may be named by its id or by any unique start of it of at least 4 hex digits.\n",
                out);
}

static const struct {
    const char *name;
    const char *summary;
    void (*print)(FILE *out);
} topics[] = {
    {"exit-codes", "what the exit code of a command means", print_exit_codes},
    {"environment", "variables that are read", print_environment},
    {"output", "formats, streams, references to jobs", print_output_help},
};

static void print_flag(FILE *out, enum sl_flag flag) {
    const struct sl_flag_text *text = sl_flag_text(flag);
    char left[64], letter[8] = "    ";
    if (text->letter) (void)snprintf(letter, sizeof letter, "-%c, ", text->letter);
    const char *value = text->value ? text->value : "";
    (void)snprintf(left, sizeof left, "%s--%s%s%s", letter, text->name, *value ? " " : "", value);
    (void)fprintf(out, "  %-28s %s\n", left, text->help);
}

/* Whether a flag that every command takes has an effect on this one. */
static bool has_effect(const struct sl_command *command, enum sl_flag flag) {
    bool about_broker = flag == SL_FLAG_BROKER || flag == SL_FLAG_TIMEOUT;
    return flag != SL_FLAG_VERSION && (command->asks_broker || !about_broker);
}

void sl_help_command(FILE *out, const struct sl_command *command) {
    (void)fprintf(out, "%s\n\n", command->summary);
    for (const char *line = command->examples; *line;) {
        const char *end = strchr(line, '\n');
        (void)fprintf(out, "  $ %.*s\n", (int)(end - line), line);
        line = end + 1;
    }
    (void)fprintf(out, "\nusage: sluice %s%s%s [FLAGS]\n\nflags:\n", command->path, *command->arguments ? " " : "",
                  command->arguments);
    for (int i = 0; i < SL_COMMAND_FLAGS_MAX && command->flags[i] != SL_FLAG_NONE; i++) print_flag(out, command->flags[i]);
    for (int i = 1; i < SL_FLAG_COUNT; i++)
        if (sl_flag_is_global((enum sl_flag)i) && has_effect(command, (enum sl_flag)i)) print_flag(out, (enum sl_flag)i);
}

void sl_help_all(FILE *out) {
    (void)fputs("sluice runs pipelines durably: " "a job that was accepted is never lost.\n\n"
                "  $ sluice dev deploy/pipelines &\n"
                "  $ sluice submit auto --each README.md --watch\n"
                "  $ sluice search sluice\n\ncommands:\n",
                out);
    size_t count;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++) (void)fprintf(out, "  %-18s %s\n", commands[i].path, commands[i].summary);
    (void)fputs("\ntopics (sluice help TOPIC):\n", out);
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        (void)fprintf(out, "  %-18s %s\n", topics[i].name, topics[i].summary);
    (void)fputs("\nEvery command has --help.\n", out);
}

void sl_help_noun(FILE *out, const char *noun) {
    size_t count, size = strlen(noun);
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(commands[i].path, noun, size) == 0 && commands[i].path[size] == ' ')
            (void)fprintf(out, "  %-18s %s\n", commands[i].path, commands[i].summary);
    (void)fputs("\nEvery command has --help.\n", out);
}

static int unknown_topic(const struct sl_cli *cli, const char *word) {
    const char *candidates[256];
    size_t count, used = 0;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count && used < 200; i++) candidates[used++] = commands[i].path;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) candidates[used++] = topics[i].name;
    const char *near = sl_text_suggest(sl_text(word), candidates, used);
    if (near) return sl_cli_fail(cli, SL_EXIT_USAGE, "there is no help on \"%.64s\"; did you mean \"sluice help %s\"?", word, near);
    return sl_cli_fail(cli, SL_EXIT_USAGE, "there is no help on \"%.64s\"; \"sluice help\" lists what there is", word);
}

int sl_run_help(struct sl_cli *cli) {
    const char *first = sl_cli_argument(cli, 0), *second = sl_cli_argument(cli, 1);
    if (!first) {
        sl_help_all(stdout);
        return SL_EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        if (second || strcmp(topics[i].name, first) != 0) continue;
        topics[i].print(stdout);
        return SL_EXIT_DONE;
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s%s%s", first, second ? " " : "", second ? second : "");
    const struct sl_command *command = sl_command_find(path);
    if (command) {
        sl_help_command(stdout, command);
    } else if (!second && sl_command_is_noun(first)) {
        sl_help_noun(stdout, first);
    } else {
        return unknown_topic(cli, path);
    }
    return SL_EXIT_DONE;
}

int sl_run_version(struct sl_cli *cli) {
    if (cli->format == SL_FORMAT_TABLE || cli->format == SL_FORMAT_NAME) {
        (void)puts(cli->format == SL_FORMAT_NAME ? SLUICE_VERSION : "sluice " SLUICE_VERSION);
        return SL_EXIT_DONE;
    }
    json_t *versions = json_pack("{s:s, s:i}", "sluice", SLUICE_VERSION, "wire", (int)SL_WIRE_VERSION);
    int code = versions ? sl_output_json(cli, versions) : (int)SL_EXIT_FAILURE;
    json_decref(versions);
    return code;
}
