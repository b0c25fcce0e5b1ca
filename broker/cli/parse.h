/* Words of a command line to a command, its flags and its arguments. Flags may stand anywhere; "--" ends them. */
#ifndef SL_CLI_PARSE_H
#define SL_CLI_PARSE_H

#include "command.h"

enum { SL_PARSE_SENTENCE_SIZE = 512 };

struct sl_flag_use {
    enum sl_flag flag;
    const char *value; /* "" for a switch */
};

struct sl_parsed {
    const struct sl_command *command; /* NULL: none was named */
    const char *values[SL_FLAG_COUNT]; /* the last one given; "" for a switch; NULL: not given */
    struct sl_flag_use *uses;          /* owns; in the order given */
    int use_count;
    const char **arguments; /* owns the array */
    int argument_count;
    char sentence[SL_PARSE_SENTENCE_SIZE]; /* what was wrong, and what to type */
};

/* Parses argv[1..]. The texts are borrowed from argv. 0; or SL_E_BAD_INPUT with a sentence (the flags before the mistake are there,
 * so that --color and --help count); SL_E_NO_MEMORY. Fini in every case. */
int sl_parse(int argc, char *const *argv, struct sl_parsed *out_parsed);

void sl_parsed_fini(struct sl_parsed *self);

/* The command of that path, the whole of it, or NULL. */
const struct sl_command *sl_command_find(const char *path);

/* Whether some command's first word of two is this ("jobs"). */
int sl_command_is_noun(const char *word);

#endif
