/* Help texts. */
#ifndef SL_CLI_HELP_H
#define SL_CLI_HELP_H

#include "command.h"
#include "output.h"

#include <stdio.h>

/* The overview: what, three examples, all commands, all topics. */
void sl_help_all(FILE *out);

/* The commands of a noun. */
void sl_help_noun(FILE *out, const char *noun);

/* One command: examples, usage, flags. */
void sl_help_command(FILE *out, const struct sl_command *command);

#endif
