/* What `submit` of one job and of one job per file have in common. */
#ifndef SL_CLI_SUBMIT_H
#define SL_CLI_SUBMIT_H

#include "cli.h"

/* The request as the words and flags say it, without payload and keys. */
struct sl_submit_words {
    char pipeline[SL_NAME_MAX + 1];
    char version[SL_NAME_MAX + 1];
    struct sl_buf labels; /* owns: a msgpack map, or empty */
    struct sl_wire_submit message; /* views the members above and the flags */
};

/* Reads PIPELINE[@VERSION], --label, --tenant. 0, or an exit code after a sentence. Fini in every case. */
int sl_submit_words(const struct sl_cli *cli, struct sl_submit_words *out_words);
void sl_submit_words_fini(struct sl_submit_words *self);

/* One job per file. Returns an exit code. */
int sl_submit_each(struct sl_cli *cli, struct sl_submit_words *words);

/* Says that a pipeline is not known, with the nearest name, if the broker can be asked. */
void sl_submit_suggest(struct sl_cli *cli, const char *pipeline);

#endif
