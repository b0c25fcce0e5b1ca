/* Checks of one registration; see registration.h. */
#include "registration.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool is_blank(const char *text) {
    return !text || text[strspn(text, " \t\r\n")] == '\0';
}

/* Why a text cannot travel, or NULL. */
static const char *text_problem(const char *text, size_t size_max) {
    size_t size = text ? strnlen(text, size_max + 1) : 0;
    if (size > size_max) return "is too long";
    return sl_utf8_is_valid(sl_bytes(text, size)) ? NULL : "is no UTF-8";
}

static bool is_dependency(const char *name) {
    if (strcmp(name, "@ledger") == 0 || strcmp(name, "@payload") == 0 || strcmp(name, "@state") == 0) return true;
    return sl_text_is_name(sl_text(name));
}

static bool is_state_key(const char *name) {
    return sl_text_is_state_key(sl_text(name));
}

/* A NULL-terminated list of at most count_max names, each fine and none twice. Writes the wrong one to out_name. */
static bool list_is_fine(const char *const *names, size_t count_max, bool (*is_fine)(const char *name),
                         const char **out_name) {
    for (size_t i = 0; names && names[i]; i++) {
        *out_name = names[i];
        if (i == count_max || !is_fine(names[i])) return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(names[k], names[i]) == 0) return false;
        }
    }
    return true;
}

static int refuse(char *error, size_t error_size, const char *type, const char *format, const char *word) {
    char reason[192];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(reason, sizeof reason, format, word);
#pragma GCC diagnostic pop
    (void)snprintf(error, error_size, "stage type \"%.64s\" %s", type, reason);
    return SL_E_REFUSED;
}

static int check_names(const sluice_registration *copy, char *error, size_t error_size) {
    const char *type = copy->stage_type;
    const char *name = "";
    if (copy->state_keys && !copy->state_keys[0]) {
        return refuse(error, error_size, type, "has an empty list of state keys: use NULL for none%s", "");
    }
    if (!list_is_fine(copy->state_keys, SL_STATE_KEYS_MAX, is_state_key, &name)) {
        return refuse(error, error_size, type,
                      "has the state key \"%.64s\": at most 16 different ones of [A-Za-z_][A-Za-z0-9_]* are allowed, and not " SL_RESULTS_KEY, name);
    }
    if (!list_is_fine(copy->dependencies, SL_DEPENDENCIES_MAX, is_dependency, &name)) {
        return refuse(error, error_size, type,
                      "depends on \"%.64s\": at most 16 different stage types, @ledger, @payload or @state are allowed", name);
    }
    return SL_OK;
}

static int check_texts(const sluice_registration *copy, char *error, size_t error_size) {
    const char *type = copy->stage_type;
    const char *problem;
    if (is_blank(copy->description)) return refuse(error, error_size, type, "has no description%s", "");
    if ((problem = text_problem(copy->description, SL_REASON_MAX))) {
        return refuse(error, error_size, type, "has a description that %s", problem);
    }
    if ((problem = text_problem(copy->version, SL_NAME_MAX))) {
        return refuse(error, error_size, type, "has a version that %s", problem);
    }
    if ((problem = text_problem(copy->config_schema, SL_SCHEMA_BYTES_MAX))) {
        return refuse(error, error_size, type, "has a config schema that %s", problem);
    }
    if ((problem = text_problem(copy->resources, SL_REASON_MAX))) {
        return refuse(error, error_size, type, "has resources whose text %s", problem);
    }
    return SL_OK;
}

int sl_registration_copy(const sluice_registration *registration, sluice_registration *out_copy, char *error,
                         size_t error_size) {
    size_t size_min = offsetof(sluice_registration, execute) + sizeof registration->execute;
    if (!registration) {
        (void)snprintf(error, error_size, "its list holds NULL instead of a registration");
        return SL_E_REFUSED;
    }
    if (registration->size < size_min || registration->size > SL_STRUCT_SIZE_MAX) {
        (void)snprintf(error, error_size, "a registration has an impossible size (%u bytes): set .size = sizeof it",
                       registration->size);
        return SL_E_REFUSED;
    }
    sluice_registration copy;
    memset(&copy, 0, sizeof copy);
    memcpy(&copy, registration, registration->size < sizeof copy ? registration->size : sizeof copy);
    if (!copy.stage_type || !sl_text_is_name(sl_text(copy.stage_type))) {
        (void)snprintf(error, error_size, "the stage type \"%.64s\" is not 1 to 64 of A-Z a-z 0-9 _ -",
                       copy.stage_type ? copy.stage_type : "");
        return SL_E_REFUSED;
    }
    if (!copy.execute) return refuse(error, error_size, copy.stage_type, "has no execute function%s", "");
    int rc = check_names(&copy, error, error_size);
    if (rc == SL_OK) rc = check_texts(&copy, error, error_size);
    if (rc == SL_OK) *out_copy = copy;
    return rc;
}
