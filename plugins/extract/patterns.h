/* Compiled patterns of one stage, from its config or from a built-in set. */
#ifndef SL_EXTRACT_PATTERNS_H
#define SL_EXTRACT_PATTERNS_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "sdk/option.h"

enum { SL_PATTERNS_MAX = 256, SL_PATTERN_SIZE_MAX = 4096, SL_PATTERN_KINDS_MAX = 8 };

/* One pattern as text. NULL members are absent. */
struct sl_pattern_source {
    const char *type;    /* of the entities that it finds */
    const char *pattern; /* PCRE2, with (?m): ^ and $ match at lines. Its first group is the entity, else the whole match */
    const char *as;      /* the entity's text instead of what was found; $1 to $9 stand for groups */
    const char *claim;   /* predicate of a claim: document -> entity */
    const char *kinds;   /* kinds of blocks that it looks at, apart by spaces; NULL: all but those that are skipped */
    bool is_lower;       /* ASCII letters of the text become small */
};

struct sl_pattern {
    struct sl_pattern_source source; /* borrowed: from static data, or from `texts` of the set */
    pcre2_code *code;
};

struct sl_patterns {
    struct sl_pattern *items; /* owns */
    size_t count;
    char **texts; /* owns: copies of what the config said */
    size_t text_count;
    const char *skip_kinds; /* kinds that patterns without `kinds` do not look at */
    uint64_t match_limit;
};

/* Compiles what `config.patterns`, `config.skip_kinds` and `config.match_limit` say. 0, or -1 with a sentence that names the
 * pattern. On 0 the caller frees with _fini; on -1 nothing is owned. */
int sl_patterns_init(struct sl_patterns *self, const struct sl_options *options);
void sl_patterns_fini(struct sl_patterns *self);

/* Whether a pattern looks at blocks of this kind. */
bool sl_patterns_apply(const struct sl_patterns *self, const struct sl_pattern *pattern, struct sl_span kind);

/* The built-in set `licences`: licences, copyright holders, years, e-mail addresses, URLs. */
extern const struct sl_pattern_source sl_licence_patterns[];
extern const size_t sl_licence_pattern_count;

#endif
