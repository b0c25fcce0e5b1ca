/* Small helpers for text that people type and read. */
#ifndef SL_BASE_TEXT_H
#define SL_BASE_TEXT_H

#include "buf.h"
#include "bytes.h"

#include <stdarg.h>

/* The candidate that a mistyped word most likely meant: smallest edit distance (insertions, deletions, changes, swapped
 * neighbours), at most a third of the word's length (at least 1). NULL when none is near. Words above 64 bytes: NULL. */
const char *sl_text_suggest(struct sl_bytes word, const char *const *candidates, size_t candidate_count);

/* Whether text is 1 to SL_NAME_MAX bytes of [A-Za-z0-9_-]. */
bool sl_text_is_name(struct sl_bytes text);

/* Where a run state has the outputs of stages without a state key. */
#define SL_RESULTS_KEY "results"

/* Whether text is a state key: [A-Za-z_][A-Za-z0-9_]* but SL_RESULTS_KEY, at most SL_NAME_MAX bytes (seed, row 9). */
bool sl_text_is_state_key(struct sl_bytes text);

/* Whether text is a ledger field: [A-Za-z_][A-Za-z0-9_.]*, at most SL_NAME_MAX bytes. */
bool sl_text_is_field(struct sl_bytes text);

/* Reads "250ms", "5s", "2m", "1h" or a bare number of seconds ("1.5"); 0, or SL_E_BAD_INPUT. */
int sl_text_to_duration_ms(const char *text, uint64_t *out_ms);

/* Reads "64k", "16M", "1G" (powers of 1024) or a bare number of bytes; 0, or SL_E_BAD_INPUT. */
int sl_text_to_size(const char *text, uint64_t *out_bytes);

/* Reads a whole decimal number of at most max; 0, or SL_E_BAD_INPUT. */
int sl_text_to_uint(const char *text, uint64_t max, uint64_t *out_value);

/* As snprintf, for pure code: writes at most size bytes, NUL included, and cuts what does not fit. */
void sl_text_format(char *out_text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sl_text_format_list(char *out_text, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* How many bytes the control character has (C0, DEL, C1) with which UTF-8 text begins; 0: it begins with none. */
size_t sl_text_control(struct sl_bytes text);

/* Appends text with the bytes of control characters (C0, DEL and C1, which some terminals obey as UTF-8 too) as \xNN, so that it cannot
 * move a terminal's cursor or break a log line. Bytes that are not UTF-8 are escaped too. Failure is kept in buf->failed. */
void sl_text_escape(struct sl_buf *buf, struct sl_bytes text);

/* Appends text from outside as UTF-8 of at most size_max bytes: each byte that is no UTF-8 becomes U+FFFD, and what is too long is
 * cut between two characters. Control characters stay. Failure is kept in buf->failed. */
void sl_text_clean(struct sl_buf *buf, struct sl_bytes text, size_t size_max);

/* For "%.*s" in sentences: how much of somebody's text is shown (whole characters, at most 64 bytes), and the text. */
#define SL_SHOWN(text) sl_text_shown_size(text), sl_text_shown(text)
int sl_text_shown_size(struct sl_bytes text);
const char *sl_text_shown(struct sl_bytes text);

/* Writes milliseconds since 1970 as RFC 3339 UTC with milliseconds ("2026-01-15T10:00:00.123Z") and a NUL. Pure. */
enum { SL_TIME_TEXT_SIZE = 25 };
void sl_text_time(uint64_t wall_ms, char out_text[SL_TIME_TEXT_SIZE]);

#endif
