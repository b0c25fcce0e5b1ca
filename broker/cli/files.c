/* Documents from files: globs and folders, contents, media types by name. */
#include "files.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "io/file.h"
#include "io/path.h"

#include <dirent.h>
#include <glob.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Room that the map around the bytes takes at most. */
enum { ENVELOPE_BYTES = 64 + SL_DOC_KEY_MAX };

/* What stands behind the path in a document's key: the digest, and the time that --again adds. */
enum { KEY_ENVELOPE = 128 };

static int add_path(struct sl_files *self, const char *path) {
    if (self->count == self->capacity) {
        size_t capacity = self->capacity ? self->capacity * 2 : 64;
        char **paths = realloc(self->paths, capacity * sizeof *paths);
        if (!paths) return SL_E_NO_MEMORY;
        self->paths = paths;
        self->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy) return SL_E_NO_MEMORY;
    self->paths[self->count++] = copy;
    return SL_OK;
}

void sl_files_fini(struct sl_files *self) {
    for (size_t i = 0; i < self->count; i++) free(self->paths[i]);
    free(self->paths);
    *self = (struct sl_files){0};
}

static int add_folder(struct sl_files *self, const char *folder, char *error, size_t error_size) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, NULL, alphasort);
    size_t before = self->count;
    int rc = SL_OK;
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat facts;
        int size = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        bool fits = size > 0 && (size_t)size < sizeof path;
        if (entries[i]->d_name[0] != '.' && fits && stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && rc == SL_OK)
            rc = add_path(self, path);
        free(entries[i]);
    }
    free(entries);
    if (rc) return rc;
    if (count < 0) {
        (void)snprintf(error, error_size, "%s cannot be read", folder);
        return SL_E_NOT_FOUND;
    }
    if (self->count > before) return SL_OK;
    (void)snprintf(error, error_size, "the folder %s has no files; name files, or a glob such as '%s/*/*'", folder, folder);
    return SL_E_NOT_FOUND;
}

static int add_glob(struct sl_files *self, const char *pattern, char *error, size_t error_size) {
    glob_t found;
    int code = glob(pattern, GLOB_TILDE, NULL, &found);
    if (code == GLOB_NOSPACE) return SL_E_NO_MEMORY;
    int rc = SL_OK;
    if (code) {
        (void)snprintf(error, error_size, "there is no file %s", pattern);
        return SL_E_NOT_FOUND;
    }
    for (size_t i = 0; i < found.gl_pathc && rc == SL_OK; i++) {
        struct stat facts;
        if (stat(found.gl_pathv[i], &facts) == 0 && S_ISDIR(facts.st_mode)) continue;
        rc = add_path(self, found.gl_pathv[i]);
    }
    globfree(&found);
    return rc;
}

int sl_files_add(struct sl_files *self, const char *word, char *error, size_t error_size) {
    struct stat facts;
    if (stat(word, &facts)) return add_glob(self, word, error, error_size);
    return S_ISDIR(facts.st_mode) ? add_folder(self, word, error, error_size) : add_path(self, word);
}

static const char *media_type_of(const char *path) {
    static const char *const types[][2] = {
        {".txt", "text/plain"},       {".md", "text/markdown"},         {".markdown", "text/markdown"},
        {".html", "text/html"},       {".htm", "text/html"},            {".xhtml", "application/xhtml+xml"},
        {".xml", "application/xml"},  {".nxml", "application/jats+xml"}, {".json", "application/json"},
        {".pdf", "application/pdf"},
    };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot, types[i][0]) == 0) return types[i][1];
    return NULL;
}

static void put_document(const char *name, struct sl_bytes contents, struct sl_buf *payload) {
    const char *media_type = media_type_of(name);
    sl_mp_map(payload, media_type ? 3 : 2);
    sl_mp_key(payload, "name");
    sl_mp_str(payload, sl_text(name));
    if (media_type) {
        sl_mp_key(payload, "media_type");
        sl_mp_str(payload, sl_text(media_type));
    }
    sl_mp_key(payload, "bytes");
    sl_mp_bin(payload, contents);
}

static void put_doc_key(const char *name, struct sl_bytes contents, struct sl_buf *doc_key) {
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    (void)crypto_hash_sha256(digest, contents.data, contents.size);
    (void)sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    (void)sl_buf_format(doc_key, "%s@sha256:%s", name, hex);
}

static int check_name(const char *path, char *name, size_t name_size, char *error, size_t error_size) {
    int rc = sl_path_absolute(path, name, name_size);
    if (rc == SL_OK && sl_utf8_is_valid(sl_text(name))) return SL_OK;
    (void)snprintf(error, error_size, rc ? "the path %.200s is too long" : "the path of %.200s is no UTF-8; rename the file", path);
    return rc ? rc : SL_E_BAD_INPUT;
}

/* A pipe or a device would be waited for, perhaps for ever; whatever else is wrong shows when the file is read. */
static int check_kind(const char *path, char *error, size_t error_size) {
    struct stat facts;
    if (stat(path, &facts) || S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)) return SL_OK;
    (void)snprintf(error, error_size, "%.200s is no regular file; store its contents in one first", path);
    return SL_E_BAD_INPUT;
}

int sl_file_to_document(const char *path, struct sl_buf *payload, struct sl_buf *doc_key, char *error, size_t error_size) {
    char name[SL_DOC_KEY_MAX - KEY_ENVELOPE];
    int rc = check_name(path, name, sizeof name, error, error_size);
    if (!rc) rc = check_kind(path, error, error_size);
    if (rc) return rc;
    struct sl_buf contents;
    sl_buf_init(&contents, sl_alloc_system());
    rc = sl_file_read(path, SL_VALUE_BYTES_MAX - ENVELOPE_BYTES, &contents, error, error_size);
    if (rc == SL_E_LIMIT)
        (void)snprintf(error, error_size, "%s is larger than the limit of %d bytes: split it into smaller files", path,
                       (int)(SL_VALUE_BYTES_MAX - ENVELOPE_BYTES));
    if (rc == SL_OK && contents.size == 0) {
        (void)snprintf(error, error_size, "%s is empty: there is nothing to submit", path);
        rc = SL_E_BAD_INPUT;
    }
    if (rc == SL_OK) {
        put_document(name, sl_buf_bytes(&contents), payload);
        put_doc_key(name, sl_buf_bytes(&contents), doc_key);
        if (payload->failed || doc_key->failed) rc = SL_E_NO_MEMORY;
    }
    if (rc == SL_E_NO_MEMORY) (void)snprintf(error, error_size, "out of memory for %s", path);
    sl_buf_fini(&contents);
    return rc;
}
