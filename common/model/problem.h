/* Problems found in a file that a person wrote: severity, place, sentence, suggestion. Collected, then shown all at once. */
#ifndef SL_MODEL_PROBLEM_H
#define SL_MODEL_PROBLEM_H

#include "base/buf.h"
#include "base/node.h"
#include "base/text.h"

#include <stdarg.h>

enum sl_severity { SL_PROBLEM_ERROR, SL_PROBLEM_WARNING, SL_PROBLEM_NOTE };

struct sl_problem {
    enum sl_severity severity;
    struct sl_mark mark;      /* line 0: the file as a whole */
    struct sl_bytes sentence; /* owned by the list */
    struct sl_bytes hint;     /* e.g. did you mean "chunk"?; may be empty */
};

struct sl_problems {
    struct sl_problem *items; /* owns, sorted by place when shown */
    uint32_t count;
    uint32_t capacity;
    uint32_t error_count;
    bool incomplete;          /* memory or the limit of 100 problems ended the list early */
    bool no_memory;           /* it was memory */
    struct sl_tree texts;     /* owns the sentences */
};

void sl_problems_init(struct sl_problems *self, const struct sl_alloc *alloc);
void sl_problems_fini(struct sl_problems *self);

/* Adds a problem; hint may be NULL. When memory runs out the list is marked incomplete (and counts an error). */
void sl_problems_add(struct sl_problems *self, enum sl_severity severity, struct sl_mark mark, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same with the arguments of a printf as a list. */
void sl_problems_add_list(struct sl_problems *self, enum sl_severity severity, struct sl_mark mark, const char *hint,
                          const char *format, va_list arguments) __attribute__((format(printf, 5, 0)));

/* Writes `did you mean "chunk"?` to out and returns it, or returns NULL when no candidate is near (to one letter,
 * everything would be). */
enum { SL_HINT_SIZE = 96 };
const char *sl_hint_suggest(struct sl_bytes word, const char *const *candidates, size_t candidate_count,
                            char out[SL_HINT_SIZE]);

/* Appends the problems as text, sorted by place, each as
 *     path:27:9: error: stage "embed" depends on "chnk", which is not defined
 *        27 |       - chnk
 *           |         ^~~~ did you mean "chunk"?
 * `text` is the file's content. Control characters are escaped, long lines cut. Failure is kept in buf->failed. */
void sl_problems_show(struct sl_problems *self, const char *path, struct sl_bytes text, struct sl_buf *buf);

#endif
