/* Regular expressions over PCRE2; see pattern.h. */
#include "pattern.h"

#include "base/err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STEPS_MAX = 1000000, HEAP_KIB_MAX = 8192 };

static const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                                PCRE2_MATCH_UNSET_BACKREF;

static PCRE2_SPTR start_of(struct sl_bytes text) {
    return text.size ? text.data : (PCRE2_SPTR) "";
}

static int result_of(int rc) {
    switch (rc) {
    case PCRE2_ERROR_NOMATCH:
        return 0;
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        return SL_E_LIMIT;
    case PCRE2_ERROR_NOMEMORY:
        return SL_E_NO_MEMORY;
    default:
        return rc < 0 ? SL_E_BAD_INPUT : 1;
    }
}

int sl_pattern_match(struct sl_bytes pattern, struct sl_bytes text) {
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile(start_of(pattern), pattern.size, options, &error, &offset, NULL);
    if (!code) return error == PCRE2_ERROR_HEAP_FAILED ? SL_E_NO_MEMORY : SL_E_BAD_INPUT;
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(code, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    int rc = SL_E_NO_MEMORY;
    if (found && limits) {
        (void)pcre2_set_match_limit(limits, STEPS_MAX); /* these two cannot fail */
        (void)pcre2_set_heap_limit(limits, HEAP_KIB_MAX);
        rc = result_of(pcre2_match(code, start_of(text), text.size, 0, 0, found, limits));
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(found);
    pcre2_code_free(code);
    return rc;
}
