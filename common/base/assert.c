/* The one place where a broken assertion ends the process. */
#include "assert.h"

#include <stdio.h>
#include <stdlib.h>

void sl_assert_failed(const char *condition, const char *file, int line) {
    fprintf(stderr, "sluice: bug: %s is false at %s:%d\n", condition, file, line);
    abort();
}
