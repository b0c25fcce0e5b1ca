/* What `submit` of one job and of one job per file have in common. */
#ifndef SL_CLI_SUBMIT_H
#define SL_CLI_SUBMIT_H

#include "cli.h"

/* How many submits of --each are on their way at once, and at most. */
enum { SL_SUBMITS_AT_ONCE = 64, SL_SUBMITS_AT_ONCE_MAX = 4096 };

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

/* After a version was refused: says which ones the pipeline has, if it is there at all. */
void sl_submit_say_versions(struct sl_cli *cli, const struct sl_submit_words *words);

#endif
