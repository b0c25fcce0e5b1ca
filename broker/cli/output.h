/* Records on stdout in the format that was asked for: table, JSON, one JSON object a line, or names only. */
#ifndef SL_CLI_OUTPUT_H
#define SL_CLI_OUTPUT_H

#include "cli.h"

/* One column of a table: its title, and the member of the record that it shows (a path with dots). */
struct sl_column {
    const char *title;
    const char *member;
    enum sl_column_kind {
        SL_COLUMN_TEXT,
        SL_COLUMN_NUMBER, /* to the right */
        SL_COLUMN_STATUS, /* in its colour */
        SL_COLUMN_SHORT_ID, /* the first 8 hex digits */
        SL_COLUMN_AGO,    /* RFC 3339 as a distance from now */
        SL_COLUMN_LIST,   /* an array of texts, joined */
        SL_COLUMN_STAGES, /* the job's stages as done/all */
        SL_COLUMN_DOCUMENT /* a document's key, its digest shortened; gives way on a narrow terminal */
    } kind;
};

/* Prints an array of records. `name` is the member that -o name, or -q alone, prints. Returns an exit code. */
int sl_output_list(const struct sl_cli *cli, const json_t *records, const struct sl_column *columns, size_t column_count,
                   const char *name);

/* The same for what the broker answered; JSON is exact. */
int sl_output_records(const struct sl_cli *cli, const struct sl_records *records, const struct sl_column *columns,
                      size_t column_count, const char *name);

/* Says on stderr why a list is empty: a sentence, unless there are records, or only what was asked for is wanted (-q). */
void sl_output_say_none(const struct sl_cli *cli, const json_t *records, const char *sentence);

/* Prints one msgpack value as JSON, exactly. Returns an exit code. */
int sl_output_msgpack(const struct sl_cli *cli, struct sl_bytes value);

/* Prints one value as JSON (for json and jsonl). Returns an exit code. */
int sl_output_json(const struct sl_cli *cli, const json_t *value);

/* For json and jsonl: one record for each of several words, so an array; of a single word the record itself. Returns an exit code. */
int sl_output_each(const struct sl_cli *cli, const json_t *records);

/* "4m", "2h", "3d": a distance in seconds, written into 16 bytes. */
void sl_output_distance(double seconds, char out_text[16]);

/* Seconds since 1970 of an RFC 3339 UTC time; 0 when it is none. */
double sl_output_time(const char *text);

/* The text of a member of a record ("" when absent), borrowed from it. */
const char *sl_output_member(const json_t *record, const char *name);

#endif
