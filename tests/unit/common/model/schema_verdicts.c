/* For schema_value_test.py: reads lines [schema, value] of JSON and writes for each the number of problems of the value, or
 * "unusable" and why. */
#include "base/err.h"
#include "base/limits.h"
#include "io/json.h"
#include "io/pattern.h"
#include "model/schema.h"

#include "base/msgpack.h"

#include <stdio.h>
#include <stdlib.h>

static void count(void *context, const struct sl_schema_place *place, const char *hint, const char *sentence) {
    (void)place, (void)hint, (void)sentence;
    ++*(unsigned *)context;
}

static void judge(struct sl_bytes line) {
    struct sl_buf pair;
    char error[1024];
    unsigned problems = 0;
    sl_buf_init(&pair, sl_alloc_system());
    if (sl_json_to_msgpack(line, &pair, error, sizeof error)) exit(EXIT_FAILURE);
    struct sl_mp_reader reader = sl_mp_reader(sl_buf_bytes(&pair));
    if (sl_mp_read_array(&reader, 2) != 2) exit(EXIT_FAILURE);
    struct sl_bytes schema = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX), value = sl_mp_read_raw(&reader, SL_VALUE_DEPTH_MAX);
    const struct sl_schema_report report = {.add = count, .context = &problems};
    if (sl_schema_check(schema, sl_pattern_match, error, sizeof error)) {
        (void)printf("unusable %s\n", error);
    } else if (sl_schema_validate(schema, value, sl_pattern_match, &report)) {
        exit(EXIT_FAILURE);
    } else {
        (void)printf("%u\n", problems);
    }
    sl_buf_fini(&pair);
}

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; (size = getline(&line, &capacity, stdin)) > 0;) judge(sl_bytes(line, (size_t)size));
    free(line);
    return EXIT_SUCCESS;
}
