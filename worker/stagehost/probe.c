/* What `sluice-stagehost --probe FILE [FUNCTION]` does; see probe.h. */
#include "probe.h"

#include "attempt.h"
#include "load.h"

#include "base/err.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FILE_INVALID = 9, ERROR_SIZE = 1024, MEMBER_COUNT = 9 };

static void put_text(struct sl_buf *buf, const char *key, const char *text) {
    sl_mp_key(buf, key);
    sl_mp_key(buf, text ? text : "");
}

static void put_names(struct sl_buf *buf, const char *key, const char *const *names) {
    uint32_t count = 0;
    while (names && names[count]) count++;
    sl_mp_key(buf, key);
    sl_mp_array(buf, count);
    for (uint32_t i = 0; i < count; i++) sl_mp_key(buf, names[i]);
}

static void put_type(struct sl_buf *buf, const sluice_registration *type) {
    sl_mp_map(buf, MEMBER_COUNT);
    put_text(buf, "type", type->stage_type);
    put_text(buf, "description", type->description);
    put_text(buf, "version", type->version ? type->version : "0.0.0");
    put_names(buf, "state_keys", type->state_keys);
    put_names(buf, "dependencies", type->dependencies);
    put_text(buf, "config_schema", type->config_schema);
    put_text(buf, "resources", type->resources);
    sl_mp_key(buf, "idempotent");
    sl_mp_bool(buf, type->idempotent != 0);
    sl_mp_key(buf, "inline");
    sl_mp_bool(buf, type->isolation == SLUICE_ISOLATION_INLINE);
}

static int write_all(int fd, struct sl_bytes bytes) {
    while (bytes.size) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return SL_E_IO;
        bytes = sl_bytes(bytes.data + size, bytes.size - (size_t)size);
    }
    return SL_OK;
}

int sl_probe(const char *path, const char *function, int fd) {
    char error[ERROR_SIZE] = "";
    struct sl_library library;
    struct sl_buf buf;
    sl_buf_init(&buf, sl_alloc_system());
    int rc = sl_library_load(path, function, sl_attempt_host(), &library, error, sizeof error);
    sl_mp_array(&buf, 2);
    sl_mp_bool(&buf, rc == SL_OK);
    if (rc) {
        struct sl_buf sentence;
        sl_buf_init(&sentence, sl_alloc_system());
        sl_text_clean(&sentence, sl_text(error), SL_REASON_MAX);
        sl_mp_str(&buf, sl_buf_bytes(&sentence));
        sl_buf_fini(&sentence);
    } else {
        sl_mp_array(&buf, library.type_count);
        for (uint32_t i = 0; i < library.type_count; i++) put_type(&buf, &library.types[i]);
        sl_library_fini(&library);
    }
    int written = buf.failed ? SL_E_NO_MEMORY : write_all(fd, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    return rc || written ? EXIT_FILE_INVALID : 0;
}
