/* Help is made from the tables, and says what they say. */
#include "cli/help.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(void (*print)(FILE *, const void *), const void *context) {
    static char *text;
    static size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out, context);
    (void)fclose(out);
    return text;
}

static void print_command(FILE *out, const void *command) {
    sl_help_command(out, command);
}

Test(help, shows_an_example_in_its_first_fifteen_lines) {
    size_t count;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        char *text = text_of(print_command, &commands[i]);
        char *example = strstr(text, "  $ ");
        cr_assert_not_null(example, "%s", commands[i].path);
        int lines = 0;
        for (char *c = text; c < example; c++) lines += *c == '\n';
        cr_assert_lt(lines, 15);
        cr_assert_not_null(strstr(text, "usage: sluice "));
        free(text);
    }
}

Test(help, names_every_flag_that_the_command_takes) {
    size_t count;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        char *text = text_of(print_command, &commands[i]);
        for (int k = 0; k < SL_COMMAND_FLAGS_MAX && commands[i].flags[k] != SL_FLAG_NONE; k++) {
            char flag[64];
            (void)snprintf(flag, sizeof flag, "--%s", sl_flag_text(commands[i].flags[k])->name);
            cr_assert_not_null(strstr(text, flag), "%s %s", commands[i].path, flag);
        }
        free(text);
    }
}

Test(help, leaves_out_flags_about_a_broker_that_is_not_asked) {
    static const char *const alone[] = {"dev", "pipelines lint", "plugin list", "plugin info", "search", "help", "version"};
    size_t count, left_out = 0;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        bool asks = true;
        for (size_t k = 0; k < sizeof alone / sizeof *alone; k++) asks = asks && strcmp(commands[i].path, alone[k]) != 0;
        char *text = text_of(print_command, &commands[i]);
        cr_assert_eq(strstr(text, "--broker ") != NULL, asks, "%s", commands[i].path);
        cr_assert_eq(strstr(text, "--timeout ") != NULL, asks, "%s", commands[i].path);
        cr_assert_not_null(strstr(text, "--output "));
        left_out += !asks;
        free(text);
    }
    cr_assert_eq(left_out, sizeof alone / sizeof *alone);
}

/* The table of the issue and of the design pages, once more: when one of the two changes, the other must follow. */
static const struct {
    int code;
    const char *word;
} promised[] = {{0, "done"},      {1, "other failure"}, {2, "wrong usage"}, {3, "no such thing"}, {4, "not allowed"},
                {5, "job failed"}, {6, "cancelled"},    {7, "timed out"},   {8, "not reachable"}, {9, "file invalid"},
                {10, "conflict"},  {130, "interrupted"}};

Test(help, exit_codes_are_the_promised_ones, .init = cr_redirect_stdout) {
    const char *words[] = {"exit-codes"};
    struct sl_cli cli = {.parsed = {.arguments = words, .argument_count = 1}};
    cr_assert_eq(sl_run_help(&cli), SL_EXIT_DONE);
    (void)fflush(stdout);
    char expected[1024];
    size_t used = 0, lines = 0;
#define SL_EXIT(name, number, meaning)                                                                                  \
    used += (size_t)snprintf(expected + used, sizeof expected - used, "  %3d  %s\n", number, meaning);                     \
    cr_assert_eq(number, promised[lines].code);                                                                        \
    cr_assert_not_null(strstr(meaning, promised[lines].word), "%s", meaning);                                          \
    lines++;
    used = (size_t)snprintf(expected, sizeof expected, "Exit codes of sluice:\n\n");
#include "cli/exit_codes.def"
#undef SL_EXIT
    cr_assert_eq(lines, sizeof promised / sizeof *promised);
    cr_assert_stdout_eq_str(expected);
}
