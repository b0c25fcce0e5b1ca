/* The program `sluice`: words to a command, and its exit code. */
#include "cli.h"
#include "help.h"

#include "base/err.h"
#include "base/text.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int set_format(struct sl_cli *cli) {
    static const char *const names[] = {"table", "json", "jsonl", "name"};
    const char *text = sl_cli_flag(cli, SL_FLAG_OUTPUT);
    if (!text || cli->parsed.command->run == sl_run_pipelines_graph) return SL_EXIT_DONE; /* graph has formats of its own */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        cli->format = (enum sl_format)i;
        return SL_EXIT_DONE;
    }
    const char *near = sl_text_suggest(sl_text(text), names, sizeof names / sizeof *names);
    return sl_cli_fail(cli, SL_EXIT_USAGE, "there is no output format \"%.32s\"; %s%s%s", text,
                       near ? "did you mean \"" : "say table, json, jsonl or name", near ? near : "", near ? "\"?" : "");
}

static int set_timeout(struct sl_cli *cli) {
    const char *text = sl_cli_flag(cli, SL_FLAG_TIMEOUT);
    if (!text) return SL_EXIT_DONE;
    if (sl_text_to_duration_ms(text, &cli->timeout_ms) || cli->timeout_ms > (uint64_t)366 * 86400 * 1000)
        return sl_cli_fail(cli, SL_EXIT_USAGE, "--timeout \"%.32s\" is no time; write 250ms, 5s, 2m or 1h", text);
    cli->timeout_given = true;
    return SL_EXIT_DONE;
}

static int set_color(struct sl_cli *cli) {
    const char *when = sl_cli_flag(cli, SL_FLAG_COLOR);
    bool known = !when || strcmp(when, "auto") == 0 || strcmp(when, "always") == 0 || strcmp(when, "never") == 0;
    struct sl_terminal_facts out = sl_terminal_facts(stdout, known ? when : NULL);
    struct sl_terminal_facts err = sl_terminal_facts(stderr, known ? when : NULL);
    cli->color_out = sl_terminal_has_color(&out);
    cli->color_err = sl_terminal_has_color(&err);
    if (known) return SL_EXIT_DONE;
    return sl_cli_fail(cli, SL_EXIT_USAGE, "--color \"%.32s\" is not known; say auto, always or never", when);
}

static int run_command(struct sl_cli *cli) {
    int code = set_format(cli);
    if (code == SL_EXIT_DONE) code = set_timeout(cli);
    if (code) return code;
    cli->quiet = sl_cli_flag(cli, SL_FLAG_QUIET) != NULL;
    const char *broker = sl_cli_flag(cli, SL_FLAG_BROKER);
    const char *environment = getenv("SLUICE_BROKER");
    if (!broker) broker = environment && *environment ? environment : SL_CLIENT_ENDPOINT_DEFAULT;
    cli->endpoint = broker;
    code = cli->parsed.command->run(cli);
    sl_client_free(&cli->client);
    return code;
}

static int run(struct sl_cli *cli, int argc, char **argv) {
    int rc = sl_parse(argc, argv, &cli->parsed);
    int code = set_color(cli);
    if (code) return code;
    if (rc == SL_E_NO_MEMORY) return sl_cli_fail(cli, SL_EXIT_FAILURE, "out of memory");
    if (rc) return sl_cli_fail(cli, SL_EXIT_USAGE, "%s", cli->parsed.sentence);
    const struct sl_command *command = cli->parsed.command;
    if (sl_cli_flag(cli, SL_FLAG_VERSION)) return sl_run_version(cli);
    if (command && sl_cli_flag(cli, SL_FLAG_HELP)) {
        sl_help_command(stdout, command);
    } else if (sl_cli_flag(cli, SL_FLAG_HELP) && sl_cli_argument(cli, 0)) {
        sl_help_noun(stdout, sl_cli_argument(cli, 0)); /* a word alone that is no command is a noun, or it was refused */
    } else if (sl_cli_flag(cli, SL_FLAG_HELP)) {
        sl_help_all(stdout);
    } else if (!command) {
        sl_help_all(stderr);
        return SL_EXIT_USAGE;
    } else {
        return run_command(cli);
    }
    return SL_EXIT_DONE;
}

/* What was printed must have arrived: a full disk is a failure, a reader that went away is none. */
static int flush_output(const struct sl_cli *cli, int code) {
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed || code != SL_EXIT_DONE) return code;
    return sl_cli_fail(cli, SL_EXIT_FAILURE, "cannot write to stdout");
}

/* Widths of characters in tables come from the locale; where it knows only ASCII, UTF-8 is still what we print. */
static void set_locale(void) {
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) (void)setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv) {
    set_locale();
    (void)signal(SIGPIPE, SIG_DFL); /* "sluice jobs list | head" ends quietly, whatever the parent ignored */
    struct sl_cli cli = {0};
    int code = flush_output(&cli, run(&cli, argc, argv));
    sl_parsed_fini(&cli.parsed);
    return code;
}
