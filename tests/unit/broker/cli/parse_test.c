/* The command line: what is understood, and the sentences on what is not. */
#include "cli/parse.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct sl_parsed parsed;

static int parse(const char *line) {
    static char words[1024];
    char *argv[32] = {"sluice"};
    int argc = 1;
    (void)snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    int rc = sl_parse(argc, argv, &parsed);
    cr_assert_eq(rc == SL_OK, parsed.sentence[0] == '\0', "a sentence exactly when it is refused: %s", line);
    return rc;
}

Test(parse, flags_may_stand_anywhere) {
    static const char *const lines[] = {
        "jobs show 0199 -o json --broker tcp://h:1", "-o json jobs show --broker tcp://h:1 0199",
        "--broker=tcp://h:1 -ojson jobs show 0199",  "jobs --output=json show --broker tcp://h:1 -- 0199",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert_eq(parse(lines[i]), SL_OK, "%s: %s", lines[i], parsed.sentence);
        cr_assert_str_eq(parsed.command->path, "jobs show");
        cr_assert_str_eq(parsed.values[SL_FLAG_OUTPUT], "json");
        cr_assert_str_eq(parsed.values[SL_FLAG_BROKER], "tcp://h:1");
        cr_assert_eq(parsed.argument_count, 1);
        cr_assert_str_eq(parsed.arguments[0], "0199");
        sl_parsed_fini(&parsed);
    }
}

Test(parse, words_behind_two_dashes_are_no_flags) {
    cr_assert_eq(parse("search -- -o --like"), SL_OK);
    cr_assert_eq(parsed.argument_count, 2);
    cr_assert_str_eq(parsed.arguments[0], "-o");
    sl_parsed_fini(&parsed);
    cr_assert_eq(parse("submit hello --input -"), SL_OK);
    cr_assert_str_eq(parsed.values[SL_FLAG_INPUT], "-");
    sl_parsed_fini(&parsed);
}

Test(parse, each_takes_files_with_and_without_a_value) {
    cr_assert_eq(parse("submit auto --watch --each a b c"), SL_OK);
    cr_assert_str_eq(parsed.values[SL_FLAG_EACH], "");
    cr_assert_eq(parsed.argument_count, 4);
    sl_parsed_fini(&parsed);
    cr_assert_eq(parse("submit auto --each=x* --each=y"), SL_OK);
    cr_assert_eq(parsed.use_count, 2);
    cr_assert_str_eq(parsed.uses[0].value, "x*");
    sl_parsed_fini(&parsed);
}

Test(parse, letters_may_be_joined) {
    cr_assert_eq(parse("jobs list -qojson"), SL_OK);
    cr_assert_not_null(parsed.values[SL_FLAG_QUIET]);
    cr_assert_str_eq(parsed.values[SL_FLAG_OUTPUT], "json");
    sl_parsed_fini(&parsed);
}

static const struct {
    const char *line;
    const char *part; /* of the sentence */
} mistakes[] = {
    {"sumbit", "did you mean \"sluice submit\"?"},
    {"jobs lsit", "did you mean \"sluice jobs list\"?"},
    {"job list", "did you mean \"sluice jobs\"?"},
    {"jobs", "list, show, output, events, cancel"},
    {"frobnicate", "\"sluice help\" lists them"},
    {"jobs list --stauts x", "did you mean --status?"},
    {"jobs list --frobnicate", "see: sluice"},
    {"jobs list -z", "there is no flag -z"},
    {"jobs list --watch", "\"jobs list\" takes no --watch"},
    {"jobs show", "needs more: sluice jobs show JOB"},
    {"jobs show a b", "\"b\" is one word too many"},
    {"jobs list b", "\"b\" is one word too many: sluice jobs list"},
    {"jobs list --bogus", "see: sluice jobs list --help"},
    {"submit --bogus", "see: sluice submit --help"},
    {"--bogus submit", "see: sluice --help"},
    {"jobs list --limit", "--limit needs a value"},
    {"jobs list --limit 1 --limit 2", "given twice"},
    {"wait x --quiet=yes", "takes no value"},
};

Test(parse, each_mistake_gets_a_sentence_that_helps) {
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        cr_assert_eq(parse(mistakes[i].line), SL_E_BAD_INPUT, "%s", mistakes[i].line);
        cr_assert_not_null(strstr(parsed.sentence, mistakes[i].part), "%s: %s", mistakes[i].line, parsed.sentence);
        cr_assert_neq(parsed.sentence[strlen(parsed.sentence) - 1], ' ', "%s", mistakes[i].line);
        sl_parsed_fini(&parsed);
    }
}

Test(parse, help_needs_no_arguments) {
    cr_assert_eq(parse("jobs show --help"), SL_OK);
    cr_assert_str_eq(parsed.command->path, "jobs show");
    sl_parsed_fini(&parsed);
    cr_assert_eq(parse("jobs -h"), SL_OK);
    cr_assert_null(parsed.command);
    sl_parsed_fini(&parsed);
}

Test(parse, long_words_do_no_harm) {
    char word[900];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    cr_assert_eq(parse(word), SL_E_BAD_INPUT);
    sl_parsed_fini(&parsed);
    word[0] = word[1] = '-';
    cr_assert_eq(parse(word), SL_E_BAD_INPUT);
    sl_parsed_fini(&parsed);
    word[1] = 'q';
    cr_assert_eq(parse(word), SL_E_BAD_INPUT);
    sl_parsed_fini(&parsed);
}

Test(parse, every_command_and_flag_is_found_and_unique) {
    size_t count;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(sl_command_find(commands[i].path), &commands[i], "%s stands twice", commands[i].path);
        cr_assert_not_null(strstr(commands[i].examples, commands[i].path), "%s has no example", commands[i].path);
        cr_assert_eq(commands[i].examples[strlen(commands[i].examples) - 1], '\n');
    }
    for (int a = 1; a < SL_FLAG_COUNT; a++)
        for (int b = a + 1; b < SL_FLAG_COUNT; b++) {
            const struct sl_flag_text *x = sl_flag_text(a), *y = sl_flag_text(b);
            cr_assert_str_neq(x->name, y->name);
            cr_assert(x->letter == 0 || x->letter != y->letter);
        }
}
