/* The parser over the table of commands; everything it refuses it explains in one sentence. */
#include "parse.h"

#include "base/err.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 128, PATH_SIZE = 64 };

const struct sl_command *sl_command_find(const char *path) {
    size_t count;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].path, path) == 0) return &commands[i];
    return NULL;
}

int sl_command_is_noun(const char *word) {
    size_t count, size = strlen(word);
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strncmp(commands[i].path, word, size) == 0 && commands[i].path[size] == ' ') return 1;
    return 0;
}

/* The first words of all commands, or the second words of one noun's. */
static size_t collect_words(const char *noun, char words[WORDS_MAX][PATH_SIZE]) {
    size_t count, found = 0;
    const struct sl_command *commands = sl_commands(&count);
    for (size_t i = 0; i < count && found < WORDS_MAX; i++) {
        const char *path = commands[i].path;
        const char *space = strchr(path, ' ');
        size_t first = space ? (size_t)(space - path) : strlen(path);
        if (!noun) {
            (void)snprintf(words[found++], PATH_SIZE, "%.*s", (int)first, path);
        } else if (space && strlen(noun) == first && strncmp(path, noun, first) == 0) {
            (void)snprintf(words[found++], PATH_SIZE, "%s", space + 1);
        }
    }
    return found;
}

static void list_verbs(const char *noun, struct sl_parsed *out) {
    char words[WORDS_MAX][PATH_SIZE];
    size_t count = collect_words(noun, words);
    size_t used = (size_t)snprintf(out->sentence, sizeof out->sentence, "what about %s? say one of:", noun);
    for (size_t i = 0; i < count && used < sizeof out->sentence; i++)
        used += (size_t)snprintf(out->sentence + used, sizeof out->sentence - used, "%s %s", i ? "," : "", words[i]);
}

static int unknown_word(const char *noun, const char *word, struct sl_parsed *out) {
    char words[WORDS_MAX][PATH_SIZE];
    const char *candidates[WORDS_MAX];
    size_t count = collect_words(noun, words);
    for (size_t i = 0; i < count; i++) candidates[i] = words[i];
    const char *near = sl_text_suggest(sl_text(word), candidates, count);
    const char *space = noun ? " " : "";
    if (!noun) noun = "";
    if (near) {
        (void)snprintf(out->sentence, sizeof out->sentence, "there is no command \"%s%s%.64s\"; did you mean \"sluice %s%s%s\"?",
                       noun, space, word, noun, space, near);
    } else {
        (void)snprintf(out->sentence, sizeof out->sentence,
                       "there is no command \"%s%s%.64s\"; \"sluice help\" lists them", noun, space, word);
    }
    return SL_E_BAD_INPUT;
}

static bool takes(const struct sl_command *command, enum sl_flag flag) {
    if (sl_flag_is_global(flag) || !command) return true;
    for (int i = 0; i < SL_COMMAND_FLAGS_MAX && command->flags[i] != SL_FLAG_NONE; i++)
        if (command->flags[i] == flag) return true;
    return false;
}

/* The command that the words so far name; NULL: none yet. */
static const struct sl_command *command_so_far(const struct sl_parsed *parsed) {
    char path[PATH_SIZE];
    if (parsed->argument_count == 0) return NULL;
    const char *first = parsed->arguments[0];
    bool is_noun = sl_command_is_noun(first);
    if (is_noun && parsed->argument_count == 1) return NULL;
    (void)snprintf(path, sizeof path, "%s%s%s", first, is_noun ? " " : "", is_noun ? parsed->arguments[1] : "");
    return sl_command_find(path);
}

static int unknown_flag(const char *word, size_t size, struct sl_parsed *out) {
    if (!out->command) out->command = command_so_far(out);
    const char *names[SL_FLAG_COUNT];
    size_t count = 0;
    for (int i = 1; i < SL_FLAG_COUNT; i++)
        if (takes(out->command, (enum sl_flag)i)) names[count++] = sl_flag_text((enum sl_flag)i)->name;
    const char *near = size > 2 ? sl_text_suggest(sl_bytes(word + 2, size - 2), names, count) : NULL;
    const char *path = out->command ? out->command->path : "";
    const char *space = out->command ? " " : "";
    if (near) {
        (void)snprintf(out->sentence, sizeof out->sentence, "there is no flag %.*s here; did you mean --%s?",
                       (int)(size < 64 ? size : 64), word, near);
    } else {
        (void)snprintf(out->sentence, sizeof out->sentence, "there is no flag %.*s here; see: sluice %s%s--help",
                       (int)(size < 64 ? size : 64), word, path, space);
    }
    return SL_E_BAD_INPUT;
}

static enum sl_flag flag_by_name(const char *name, size_t size) {
    for (int i = 1; i < SL_FLAG_COUNT; i++) {
        const char *candidate = sl_flag_text((enum sl_flag)i)->name;
        if (strlen(candidate) == size && strncmp(candidate, name, size) == 0) return (enum sl_flag)i;
    }
    return SL_FLAG_NONE;
}

static enum sl_flag flag_by_letter(char letter) {
    for (int i = 1; i < SL_FLAG_COUNT; i++)
        if (sl_flag_text((enum sl_flag)i)->letter == letter) return (enum sl_flag)i;
    return SL_FLAG_NONE;
}

static void note_use(struct sl_parsed *out, enum sl_flag flag, const char *value) {
    out->values[flag] = value;
    out->uses[out->use_count++] = (struct sl_flag_use){.flag = flag, .value = value};
}

/* One flag with its value, which may be the next word. *at is the index of the flag's word and is moved behind what was used. */
static int take_flag(enum sl_flag flag, const char *attached, int argc, char *const *argv, int *at,
                     struct sl_parsed *out) {
    const struct sl_flag_text *text = sl_flag_text(flag);
    if (out->values[flag] && !text->repeats) {
        (void)snprintf(out->sentence, sizeof out->sentence, "--%s is given twice; say it once", text->name);
        return SL_E_BAD_INPUT;
    }
    if (!text->value && attached) {
        (void)snprintf(out->sentence, sizeof out->sentence, "--%s takes no value; write just --%s", text->name, text->name);
        return SL_E_BAD_INPUT;
    }
    bool needs = text->value && text->value[0] != '\0';
    if (needs && !attached) {
        if (*at + 1 >= argc) {
            (void)snprintf(out->sentence, sizeof out->sentence, "--%s needs a value: --%s %s", text->name, text->name,
                           text->value);
            return SL_E_BAD_INPUT;
        }
        attached = argv[++*at];
    }
    note_use(out, flag, attached ? attached : "");
    return SL_OK;
}

static int take_long(int argc, char *const *argv, int *at, struct sl_parsed *out) {
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t size = equals ? (size_t)(equals - word) : strlen(word);
    enum sl_flag flag = flag_by_name(word + 2, size - 2);
    if (flag == SL_FLAG_NONE) return unknown_flag(word, size, out);
    return take_flag(flag, equals ? equals + 1 : NULL, argc, argv, at, out);
}

/* -q, -qo json, -ojson: switches may be joined, the last one may have a value. */
static int take_letters(int argc, char *const *argv, int *at, struct sl_parsed *out) {
    const char *word = argv[*at];
    for (const char *c = word + 1; *c; c++) {
        enum sl_flag flag = flag_by_letter(*c);
        if (flag == SL_FLAG_NONE) return unknown_flag(word, strlen(word), out);
        bool needs = sl_flag_text(flag)->value != NULL;
        const char *attached = needs && c[1] ? c + 1 + (c[1] == '=') : NULL;
        int rc = take_flag(flag, attached, argc, argv, at, out);
        if (rc || needs) return rc;
    }
    return SL_OK;
}

static int check_flags(struct sl_parsed *out) {
    for (int i = 0; i < out->use_count; i++) {
        enum sl_flag flag = out->uses[i].flag;
        if (takes(out->command, flag)) continue;
        (void)snprintf(out->sentence, sizeof out->sentence, "\"%s\" takes no --%s; see: sluice %s --help",
                       out->command->path, sl_flag_text(flag)->name, out->command->path);
        return SL_E_BAD_INPUT;
    }
    return SL_OK;
}

/* Takes the command's words off the front of the arguments. */
static int name_command(struct sl_parsed *out) {
    if (out->argument_count == 0) return SL_OK;
    const char *first = out->arguments[0];
    int used = 1;
    if (sl_command_is_noun(first)) {
        if (out->argument_count == 1) {
            if (out->values[SL_FLAG_HELP]) return SL_OK;
            list_verbs(first, out);
            return SL_E_BAD_INPUT;
        }
        char path[PATH_SIZE];
        (void)snprintf(path, sizeof path, "%s %s", first, out->arguments[1]);
        out->command = sl_command_find(path);
        if (!out->command) return unknown_word(first, out->arguments[1], out);
        used = 2;
    } else {
        out->command = sl_command_find(first);
        if (!out->command) return unknown_word(NULL, first, out);
    }
    out->argument_count -= used;
    memmove(out->arguments, out->arguments + used, (size_t)out->argument_count * sizeof *out->arguments);
    return SL_OK;
}

static int check_arguments(struct sl_parsed *out) {
    const struct sl_command *command = out->command;
    if (!command || out->values[SL_FLAG_HELP]) return SL_OK;
    if (out->argument_count < command->argument_count_min) {
        (void)snprintf(out->sentence, sizeof out->sentence, "\"%s\" needs more: sluice %s %s", command->path, command->path,
                       command->arguments);
        return SL_E_BAD_INPUT;
    }
    if (out->argument_count > command->argument_count_max) {
        (void)snprintf(out->sentence, sizeof out->sentence, "\"%.64s\" is one word too many: sluice %s%s%s",
                       out->arguments[command->argument_count_max], command->path, *command->arguments ? " " : "",
                       command->arguments);
        return SL_E_BAD_INPUT;
    }
    return SL_OK;
}

static int take_words(int argc, char *const *argv, struct sl_parsed *out) {
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        int rc = SL_OK;
        if (strcmp(word, "--") == 0) {
            for (i++; i < argc; i++) out->arguments[out->argument_count++] = argv[i];
        } else if (strncmp(word, "--", 2) == 0) {
            rc = take_long(argc, argv, &i, out);
        } else if (word[0] == '-' && word[1] != '\0') {
            rc = take_letters(argc, argv, &i, out);
        } else {
            out->arguments[out->argument_count++] = word;
        }
        if (rc) return rc;
    }
    return SL_OK;
}

int sl_parse(int argc, char *const *argv, struct sl_parsed *out_parsed) {
    *out_parsed = (struct sl_parsed){0};
    size_t letters = 0;
    for (int i = 1; i < argc; i++) letters += strlen(argv[i]) + 1; /* one word may hold a flag for each letter */
    out_parsed->uses = calloc(letters + 1, sizeof *out_parsed->uses);
    out_parsed->arguments = calloc((size_t)argc + 1, sizeof *out_parsed->arguments);
    if (!out_parsed->uses || !out_parsed->arguments) return SL_E_NO_MEMORY;
    int rc = take_words(argc, argv, out_parsed);
    if (rc == SL_OK) rc = name_command(out_parsed);
    if (rc == SL_OK && out_parsed->command) rc = check_flags(out_parsed);
    return rc ? rc : check_arguments(out_parsed);
}

void sl_parsed_fini(struct sl_parsed *self) {
    free(self->uses);
    free(self->arguments);
    self->uses = NULL;
    self->arguments = NULL;
}
