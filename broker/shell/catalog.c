/* The catalog's reads and writes; see catalog.h. sl:pipelines: "name@version" -> digests of 16 bytes, the newest first, so that the
 * pipelines of jobs under way are found too. */
#include "catalog.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"
#include "broker.h"
#include "catalog_policy.h"
#include "catalog_type.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/log.h"
#include "io/yaml.h"
#include "known.h"
#include "ledger_command.h"
#include "model/lint.h"
#include "model/pipeline.h"
#include "wire/wire.h"

#include <dirent.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FIELD_SIZE = 2 * SL_NAME_MAX + 2, HISTORY_MAX = 64, AGE_MS_MAX = 1000 };

/* What name@version has meant, newest first. */
struct meaning {
    struct meaning *next;
    char field[FIELD_SIZE];
    struct sl_buf digests;
};

struct sl_catalog {
    struct sl_broker *broker;
    struct sl_known *known; /* owns */
    struct sl_stored_policies *policies; /* owns */
    struct meaning *meanings;
    struct meaning *asked; /* the one that was asked for last: most submissions are of the same pipeline; or NULL */
    uint32_t reads;   /* hashes and pipelines asked for and not here yet */
    uint32_t pending; /* applications without an answer */
    uint64_t read_at; /* ns; when the newest reading was begun, 0: none was */
    bool unsent;      /* it was begun in this turn: Redis has not seen it yet */
    /* Of each hash as it was last told to the core; zero: it must be told anew. */
    struct sl_digest pipelines_told, types_told, policies_told;
};

/* One application under way. */
struct application {
    struct sl_catalog *catalog;
    struct sl_pipeline *pipeline;
    uint64_t peer, re; /* peer 0: a file of the broker's own */
    char field[FIELD_SIZE];
    struct sl_buf value;    /* what the field shall hold */
    struct sl_buf warnings;
};

int sl_catalog_new(struct sl_broker *broker, struct sl_catalog **out_self) {
    struct sl_catalog *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    self->broker = broker;
    int rc = sl_known_new(&self->known);
    if (!rc) rc = sl_stored_policies_new(broker, self->known, &self->policies);
    if (rc) {
        sl_catalog_free(&self);
        return rc;
    }
    *out_self = self;
    return SL_OK;
}

void sl_catalog_free(struct sl_catalog **self) {
    if (!*self) return;
    while ((*self)->meanings) {
        struct meaning *meaning = (*self)->meanings;
        (*self)->meanings = meaning->next;
        sl_buf_fini(&meaning->digests);
        free(meaning);
    }
    sl_stored_policies_free(&(*self)->policies);
    sl_known_free(&(*self)->known);
    free(*self);
    *self = NULL;
}

int sl_catalog_add_policies(struct sl_catalog *self, const struct sl_policies *policies) {
    return sl_known_add_policies(self->known, policies);
}

int sl_catalog_own_policies(struct sl_catalog *self, struct sl_policies *policies) {
    int rc = sl_known_add_policies(self->known, policies);
    return rc ? rc : sl_stored_policies_own(self->policies, policies);
}

void sl_catalog_put_policies(struct sl_catalog *self) {
    sl_stored_policies_put(self->policies);
}

uint32_t sl_catalog_pending(const struct sl_catalog *self) {
    return self->pending + sl_stored_policies_pending(self->policies);
}

static struct meaning *find_meaning(struct sl_catalog *self, const char *field) {
    for (struct meaning *meaning = self->meanings; meaning; meaning = meaning->next) {
        if (strcmp(meaning->field, field) == 0) return meaning;
    }
    struct meaning *meaning = calloc(1, sizeof *meaning);
    if (!meaning) return NULL;
    (void)snprintf(meaning->field, sizeof meaning->field, "%s", field);
    sl_buf_init(&meaning->digests, sl_alloc_system());
    meaning->next = self->meanings;
    self->meanings = meaning;
    return meaning;
}

static void set_meaning(struct sl_catalog *self, const char *field, struct sl_bytes digests) {
    struct meaning *meaning = find_meaning(self, field);
    if (!meaning) return;
    sl_buf_clear(&meaning->digests);
    (void)sl_buf_append(&meaning->digests, digests.data, digests.size); /* no memory: the next write loses and reads again */
}

/* The next reading tells all of that hash anew: there was no memory for it, or no connection. */
static void forget(struct sl_digest *told) {
    *told = (struct sl_digest){.bytes = {0}};
}

static void tell_pipeline(struct sl_catalog *self, struct sl_digest digest, struct sl_bytes canonical, bool current) {
    struct sl_event event = {.kind = SL_EV_PIPELINE};
    event.pipeline = (struct sl_ev_pipeline){.digest = digest, .canonical = canonical, .current = current};
    if (sl_broker_step(self->broker, &event)) forget(&self->pipelines_told);
}

/* Reading. */

struct reading {
    struct sl_catalog *catalog;
    struct meaning *meaning;
    struct sl_digest digest;
};

static void all_read(struct sl_catalog *self) {
    if (self->reads == 0) sl_broker_catalog_read(self->broker);
}

/* Whether a hash is what was told of it last; notes it as told if not. */
static bool is_told(const struct redisReply *reply, struct sl_digest *told) {
    struct sl_digest digest = {.bytes = {1}}; /* of an empty hash */
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *text = reply->element[i];
        digest = sl_digest_chain(digest, sl_bytes(text->str, text->str ? (size_t)text->len : 0));
    }
    bool same = sl_digest_equal(digest, *told);
    *told = digest;
    return same;
}

/* Whether name@version means this digest now; an application may have given it another meaning while the text was read. */
static bool is_current(const struct meaning *meaning, struct sl_digest digest) {
    return meaning->digests.size >= 16 && memcmp(meaning->digests.data, digest.bytes, 16) == 0;
}

static void on_pipeline(void *context, const struct redisReply *reply) {
    struct reading *reading = context;
    struct sl_catalog *self = reading->catalog;
    if (reply && reply->type == REDIS_REPLY_STRING) {
        tell_pipeline(self, reading->digest, sl_bytes(reply->str, (size_t)reply->len),
                      is_current(reading->meaning, reading->digest));
    } else if (reply) {
        sl_log(SL_LOG_ERROR, "a stored pipeline is missing in Redis; its jobs cannot go on");
    } else {
        forget(&self->pipelines_told);
    }
    free(reading);
    self->reads--;
    if (reply) all_read(self);
}

static void read_pipeline(struct sl_catalog *self, struct meaning *meaning, struct sl_digest digest) {
    char key[SL_PIPELINE_KEY_SIZE];
    struct reading *reading = malloc(sizeof *reading);
    if (!reading) {
        forget(&self->pipelines_told);
        return;
    }
    *reading = (struct reading){.catalog = self, .meaning = meaning, .digest = digest};
    sl_pipeline_key(digest, key);
    const char *const argv[] = {"GET", key};
    const size_t argvlen[] = {3, strlen(key)};
    if (sl_ledger_redis_command(self->broker->ledger, 2, argv, argvlen, on_pipeline, reading)) {
        free(reading);
        forget(&self->pipelines_told);
        return;
    }
    self->reads++;
}

static void read_meaning(struct sl_catalog *self, const char *field, struct sl_bytes digests) {
    struct meaning *meaning = find_meaning(self, field);
    if (!meaning) {
        forget(&self->pipelines_told);
        return;
    }
    set_meaning(self, field, digests);
    for (size_t k = digests.size / 16; k > 0; k--) { /* the oldest first: the newest is told last and stays the current one */
        struct sl_digest digest;
        memcpy(digest.bytes, digests.data + 16 * (k - 1), 16);
        read_pipeline(self, meaning, digest);
    }
}

static void on_pipelines(void *context, const struct redisReply *reply) {
    struct sl_catalog *self = context;
    self->reads--;
    if (!reply) return; /* the connection was cut: the next one reads again */
    bool told = is_told(reply, &self->pipelines_told);
    for (size_t i = 0; !told && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *field = reply->element[i], *value = reply->element[i + 1];
        if (field->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING) {
            read_meaning(self, field->str, sl_bytes(value->str, (size_t)value->len));
        }
    }
    all_read(self);
}

static void on_types(void *context, const struct redisReply *reply) {
    struct sl_catalog *self = context;
    self->reads--;
    if (!reply) return;
    bool told = is_told(reply, &self->types_told);
    for (size_t i = 0; !told && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const redisReply *value = reply->element[i + 1];
        struct sl_decoded_type decoded;
        struct sl_event event = {.kind = SL_EV_TYPE};
        if (value->type != REDIS_REPLY_STRING) continue;
        if (sl_decode_type(sl_bytes(value->str, (size_t)value->len), &decoded)) {
            sl_log(SL_LOG_ERROR, "a stage type recorded in Redis cannot be read; the next worker that offers it defines it");
            continue;
        }
        (void)sl_known_put_type(self->known, sl_bytes(value->str, (size_t)value->len)); /* no memory: one warning too many */
        event.type = decoded.type;
        if (sl_broker_step(self->broker, &event)) forget(&self->types_told);
    }
    all_read(self);
}

static void on_policies(void *context, const struct redisReply *reply) {
    struct sl_catalog *self = context;
    self->reads--;
    if (!reply) return;
    bool told = is_told(reply, &self->policies_told);
    if (!told && !sl_stored_policies_take(self->policies, reply)) forget(&self->policies_told);
    all_read(self);
}

static void ask(struct sl_catalog *self, const char *key, void (*callback)(void *, const struct redisReply *)) {
    const char *const argv[] = {"HGETALL", key};
    const size_t argvlen[] = {7, strlen(key)};
    if (sl_ledger_redis_command(self->broker->ledger, 2, argv, argvlen, callback, self) == SL_OK) self->reads++;
}

static void read_changes(struct sl_catalog *self, uint64_t now) {
    ask(self, "sl:policies", on_policies);
    ask(self, "sl:types", on_types);
    ask(self, "sl:pipelines", on_pipelines);
    self->read_at = now;
    self->unsent = true;
}

void sl_catalog_sent(struct sl_catalog *self) {
    self->unsent = false;
}

void sl_catalog_read(struct sl_catalog *self) {
    forget(&self->pipelines_told);
    forget(&self->types_told);
    forget(&self->policies_told);
    read_changes(self, sl_clock_now_ns());
}

bool sl_catalog_refresh(struct sl_catalog *self, uint32_t age_ms_max) {
    uint64_t now = sl_clock_now_ns();
    if (!self->broker->ledger_up) return false;
    if (!self->unsent && now - self->read_at >= age_ms_max * 1000000ull) read_changes(self, now);
    return self->reads > 0;
}

/* Whether it is what this name, and this version unless that is empty, means. */
static bool is_of(const struct meaning *meaning, struct sl_bytes name, struct sl_bytes version) {
    const char *field = meaning->field;
    if (meaning->digests.size == 0) return false; /* it was to be stored, and was not */
    if (strncmp(field, (const char *)name.data, name.size) != 0 || field[name.size] != '@') return false;
    return version.size == 0 || sl_bytes_is(version, field + name.size + 1);
}

bool sl_catalog_must_look(struct sl_catalog *self, struct sl_bytes name, struct sl_bytes version) {
    struct meaning *meaning = self->asked;
    if (!meaning || !is_of(meaning, name, version)) {
        for (meaning = self->meanings; meaning && !is_of(meaning, name, version);) meaning = meaning->next;
        self->asked = meaning;
    }
    return sl_catalog_refresh(self, meaning ? AGE_MS_MAX : 0);
}

/* Applying. */

static void end(struct application *application) {
    application->catalog->pending--;
    sl_pipeline_free(&application->pipeline);
    sl_buf_fini(&application->value);
    sl_buf_fini(&application->warnings);
    struct sl_broker *broker = application->catalog->broker;
    free(application);
    sl_broker_applied(broker);
}

static void fail(struct application *application, enum sl_reject code, const char *sentence) {
    if (application->peer) {
        sl_reply_rejected(application->catalog->broker, application->peer, application->re, code, sentence);
    } else {
        sl_log(SL_LOG_ERROR, "%s%s%s", application->field, application->field[0] ? ": " : "", sentence);
    }
    end(application);
}

static void answer_applied(struct application *application, bool changed) {
    struct sl_broker *broker = application->catalog->broker;
    const struct sl_pipeline *pipeline = application->pipeline;
    struct sl_bytes warnings = sl_buf_bytes(&application->warnings);
    if (!application->peer) {
        if (changed) sl_log(SL_LOG_INFO, "pipeline %s is stored", application->field);
        if (warnings.size) sl_log(SL_LOG_WARNING, "%.*s", (int)warnings.size, (const char *)warnings.data);
        end(application);
        return;
    }
    struct sl_wire_applied applied = {.re = application->re,
                                      .name = pipeline->name,
                                      .version = pipeline->version,
                                      .digest = pipeline->digest,
                                      .changed = changed,
                                      .warnings = sl_utf8_cut(warnings, SL_REASON_MAX)};
    sl_buf_clear(&broker->frame);
    if (sl_wire_applied_encode(&broker->frame, 0, &applied) == SL_OK) {
        sl_reply_frame(broker, application->peer, sl_buf_bytes(&broker->frame));
    }
    end(application);
}

static void put_meaning(struct application *application);

static void on_put(void *context, const struct redisReply *reply) {
    struct application *application = context;
    struct sl_catalog *self = application->catalog;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) {
        fail(application, SL_REJECT_NOT_READY, "Redis did not answer; apply again");
        return;
    }
    if (strcmp(reply->element[0]->str, "OK") != 0) { /* another broker was first: what it wrote is what ours goes before */
        const redisReply *now = reply->elements > 1 ? reply->element[1] : NULL;
        set_meaning(self, application->field, now ? sl_bytes(now->str, (size_t)now->len) : sl_bytes(NULL, 0));
        put_meaning(application);
        return;
    }
    set_meaning(self, application->field, sl_buf_bytes(&application->value));
    tell_pipeline(self, application->pipeline->digest, application->pipeline->canonical, true);
    answer_applied(application, true);
}

/* Makes name@version mean the new digest, by compare-and-set. */
static void put_meaning(struct application *application) {
    struct sl_catalog *self = application->catalog;
    struct meaning *meaning = find_meaning(self, application->field);
    if (!meaning) {
        fail(application, SL_REJECT_NOT_READY, "out of memory");
        return;
    }
    struct sl_bytes before = sl_buf_bytes(&meaning->digests);
    const struct sl_digest *digest = &application->pipeline->digest;
    if (before.size >= 16 && memcmp(before.data, digest->bytes, 16) == 0) {
        tell_pipeline(self, *digest, application->pipeline->canonical, true);
        answer_applied(application, false);
        return;
    }
    size_t kept = before.size > 16 * (HISTORY_MAX - 1) ? 16 * (HISTORY_MAX - 1) : before.size;
    sl_buf_clear(&application->value);
    (void)sl_buf_append(&application->value, digest->bytes, 16);
    (void)sl_buf_append(&application->value, before.data, kept);
    const char *const argv[] = {"FCALL", "sluice1_put", "1", "sl:pipelines", application->field,
                                before.data ? (const char *)before.data : "", (const char *)application->value.data};
    const size_t argvlen[] = {5, 11, 1, 12, strlen(application->field), before.size, application->value.size};
    bool failed = application->value.failed;
    if (failed || sl_ledger_redis_command(self->broker->ledger, 7, argv, argvlen, on_put, application)) {
        fail(application, SL_REJECT_NOT_READY, "Redis is not reachable; apply again");
    }
}

static void on_stored(void *context, const struct redisReply *reply) {
    struct application *application = context;
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        fail(application, SL_REJECT_NOT_READY, "Redis did not store the pipeline; apply again");
        return;
    }
    put_meaning(application);
}

/* The text is durable before any job names it. */
static void store(struct application *application) {
    char key[SL_PIPELINE_KEY_SIZE];
    sl_pipeline_key(application->pipeline->digest, key);
    struct sl_bytes canonical = application->pipeline->canonical;
    const char *const argv[] = {"SET", key, (const char *)canonical.data};
    const size_t argvlen[] = {3, strlen(key), canonical.size};
    if (sl_ledger_redis_command(application->catalog->broker->ledger, 3, argv, argvlen, on_stored, application)) {
        fail(application, SL_REJECT_NOT_READY, "Redis is not reachable; apply again");
    }
}

/* Types count for what a client sends; the broker's own files are read before any worker could have offered one. */
static int check(const struct sl_pipeline_rules *rules, struct sl_bytes text, struct sl_problems *problems,
                 struct sl_pipeline **out) {
    struct sl_tree tree;
    struct sl_yaml_error error;
    int rc = sl_yaml_parse(text, sl_alloc_system(), &tree, &error);
    if (rc == SL_E_NO_MEMORY) return rc;
    if (rc) {
        sl_problems_add(problems, SL_PROBLEM_ERROR, error.mark, NULL, "%s", error.sentence);
        return rc;
    }
    rc = sl_pipeline_check(&tree, rules, sl_alloc_system(), problems, out);
    sl_tree_fini(&tree);
    return rc;
}

void sl_catalog_apply(struct sl_catalog *self, uint64_t peer, uint64_t re, struct sl_bytes text, struct sl_bytes path,
                      bool strict) {
    struct application *application = calloc(1, sizeof *application);
    struct sl_problems problems;
    char name[256];
    if (!application) return;
    self->pending++;
    application->catalog = self;
    application->peer = peer;
    application->re = re;
    sl_buf_init(&application->value, sl_alloc_system());
    sl_buf_init(&application->warnings, sl_alloc_system());
    sl_problems_init(&problems, sl_alloc_system());
    const struct sl_stage_types *types = peer ? sl_known_types(self->known) : NULL;
    const struct sl_pipeline_rules rules = {.types = types, .policies = sl_known_policies(self->known), .strict = strict};
    int rc = check(&rules, text, &problems, &application->pipeline);
    (void)snprintf(name, sizeof name, "%.*s", (int)path.size, path.size ? (const char *)path.data : "");
    sl_problems_show(&problems, name[0] ? name : "pipeline", text, &application->warnings);
    sl_problems_fini(&problems);
    if (rc) {
        (void)sl_buf_append(&application->warnings, "", 1);
        application->warnings.data[sl_utf8_cut(sl_buf_bytes(&application->warnings), SL_REASON_MAX - 1).size] = '\0';
        fail(application, SL_REJECT_INVALID_FILE, (const char *)application->warnings.data);
        return;
    }
    (void)snprintf(application->field, sizeof application->field, "%s@%s",
                   (const char *)application->pipeline->name.data, (const char *)application->pipeline->version.data);
    store(application);
}

static void apply_file(struct sl_catalog *self, const char *path) {
    struct sl_buf text;
    char error[512];
    sl_buf_init(&text, sl_alloc_system());
    if (sl_file_read(path, SL_PIPELINE_TEXT_MAX, &text, error, sizeof error)) {
        sl_log(SL_LOG_ERROR, "%s", error);
    } else {
        sl_catalog_apply(self, 0, 0, sl_buf_bytes(&text), sl_text(path), false);
    }
    sl_buf_fini(&text);
}

static int is_yaml(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && entry->d_name[0] != '.' && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

void sl_catalog_apply_path(struct sl_catalog *self, const char *path) {
    struct stat info;
    struct dirent **entries;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        apply_file(self, path);
        return;
    }
    int count = scandir(path, &entries, is_yaml, alphasort);
    for (int i = 0; i < count; i++) {
        char *file;
        if (asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0) {
            apply_file(self, file);
            free(file);
        }
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

/* Types. */

static void on_type_put(void *context, const struct redisReply *reply) {
    struct sl_catalog *self = context;
    bool lost = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                reply->element[0]->str && strcmp(reply->element[0]->str, "LOST") == 0;
    if (!lost) return;
    sl_log(SL_LOG_DEBUG, "a stage type was recorded by another broker first");
    (void)sl_catalog_refresh(self, AGE_MS_MAX); /* nobody waits for it */
}

void sl_catalog_put_type(struct sl_catalog *self, const struct sl_stage_type *type) {
    struct sl_buf value;
    sl_buf_init(&value, sl_alloc_system());
    sl_encode_type(&value, type);
    if (!value.failed) (void)sl_known_put_type(self->known, sl_buf_bytes(&value)); /* no memory: one warning too many */
    char key[SL_TYPE_KEY_MAX + 1];
    sl_stage_type_key(type->callable, type->type, key);
    const char *const argv[] = {"FCALL", "sluice1_put", "1", "sl:types", key, "", (const char *)value.data};
    const size_t argvlen[] = {5, 11, 1, 8, strlen(key), 0, value.size};
    /* Without a connection it is recorded when a worker says HELLO to a broker that has one. */
    if (!value.failed) (void)sl_ledger_redis_command(self->broker->ledger, 7, argv, argvlen, on_type_put, self);
    sl_buf_fini(&value);
}

/* A type's replacement on its way: what it shall be, as sl:types will hold it. */
struct replacement {
    struct sl_catalog *catalog;
    uint64_t peer, re;
    char key[SL_TYPE_KEY_MAX + 1];
    struct sl_buf value;
};

static void end_replacement(struct replacement *replacement) {
    sl_buf_fini(&replacement->value);
    free(replacement);
}

static void on_type_replaced(void *context, const struct redisReply *reply) {
    struct replacement *replacement = context;
    struct sl_broker *broker = replacement->catalog->broker;
    struct sl_decoded_type decoded;
    struct sl_bytes value = sl_buf_bytes(&replacement->value);
    bool stored = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->str &&
                  strcmp(reply->element[0]->str, "OK") == 0;
    if (!stored || sl_decode_type(value, &decoded)) {
        sl_reply_rejected(broker, replacement->peer, replacement->re, SL_REJECT_NOT_READY,
                          "the stage type could not be recorded: Redis, or another broker, was in the way");
        end_replacement(replacement);
        return;
    }
    (void)sl_known_put_type(replacement->catalog->known, value); /* no memory: one warning too many */
    struct sl_event event = {.kind = SL_EV_TYPE, .type = decoded.type};
    sl_broker_step(broker, &event);
    struct sl_wire_type_accepted accepted = {
        .re = replacement->re, .type = sl_text(replacement->key), .digest = decoded.type.digest};
    sl_buf_clear(&broker->frame);
    if (sl_wire_type_accepted_encode(&broker->frame, 0, &accepted) == SL_OK) {
        sl_reply_frame(broker, replacement->peer, sl_buf_bytes(&broker->frame));
    }
    end_replacement(replacement);
}

static void on_type_read(void *context, const struct redisReply *reply) {
    struct replacement *replacement = context;
    if (reply && reply->type == REDIS_REPLY_STRING) {
        const char *const argv[] = {"FCALL", "sluice1_put", "1", "sl:types", replacement->key, reply->str,
                                    (const char *)replacement->value.data};
        const size_t argvlen[] = {5, 11, 1, 8, strlen(replacement->key), (size_t)reply->len, replacement->value.size};
        if (sl_ledger_redis_command(replacement->catalog->broker->ledger, 7, argv, argvlen, on_type_replaced, replacement) == SL_OK) return;
    }
    on_type_replaced(replacement, NULL);
}

void sl_catalog_replace_type(struct sl_catalog *self, uint64_t peer, uint64_t re, const struct sl_stage_type *type) {
    struct replacement *replacement = malloc(sizeof *replacement);
    if (!replacement) return; /* the client asks again */
    *replacement = (struct replacement){.catalog = self, .peer = peer, .re = re};
    sl_buf_init(&replacement->value, sl_alloc_system());
    sl_stage_type_key(type->callable, type->type, replacement->key);
    sl_encode_type(&replacement->value, type);
    const char *const argv[] = {"HGET", "sl:types", replacement->key};
    const size_t argvlen[] = {4, 8, strlen(replacement->key)};
    bool asked = !replacement->value.failed &&
                 sl_ledger_redis_command(self->broker->ledger, 3, argv, argvlen, on_type_read, replacement) == SL_OK;
    if (!asked) on_type_replaced(replacement, NULL);
}
