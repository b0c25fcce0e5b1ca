/* Reading of the payload's shape. */
#include "payload.h"

static const char shape[] = "{\"name\": text, \"media_type\": text, \"bytes\": bytes}";

const msgpack_object *sl_ingest_single(const struct sl_attempt *attempt, const msgpack_object *root) {
    msgpack_object_array array;
    if (!sl_input_array(root, &array)) return root;
    if (array.size == 1) return &array.ptr[0];
    (void)sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                          array.size == 0 ? "The payload holds no document; submit one document a job."
                                          : "The payload holds %u documents; one job is one document: use "
                                            "`sluice submit --each` to make one job of each.",
                          array.size);
    return NULL;
}

sluice_outcome sl_ingest_check_name(const struct sl_attempt *attempt, struct sl_span name) {
    if (name.size == 0) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The payload's `name` is empty; give the document a name.");
    }
    if (name.size <= SL_INGEST_NAME_MAX) return SLUICE_DONE;
    return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT,
                           "The payload's `name` has %zu bytes; a document's name has at most %d.", name.size,
                           SL_INGEST_NAME_MAX);
}

sluice_outcome sl_ingest_payload(const struct sl_attempt *attempt, const msgpack_object *payload,
                                 struct sl_ingest_document *out_document) {
    struct sl_ingest_document document = {.media_type = sl_span_of("")};
    if (payload->type != MSGPACK_OBJECT_MAP) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The payload is %s; the adapter `payload` needs %s.",
                               sl_input_kind(payload), shape);
    }
    if (!sl_input_text(sl_input_member(payload, "name"), &document.name)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The payload has no text `name`; the adapter needs %s.",
                               shape);
    }
    sluice_outcome outcome = sl_ingest_check_name(attempt, document.name);
    if (outcome != SLUICE_DONE) return outcome;
    const int name_size = sl_span_print(document.name, 200);
    const msgpack_object *media_type = sl_input_member(payload, "media_type");
    if (media_type && media_type->type != MSGPACK_OBJECT_NIL && !sl_input_text(media_type, &document.media_type)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The `media_type` of %.*s is %s; it must be a text.",
                               name_size, document.name.data, sl_input_kind(media_type));
    }
    if (!sl_input_bytes(sl_input_member(payload, "bytes"), &document.bytes)) {
        return sl_attempt_fail(attempt, SLUICE_FAILED_PERMANENT, "The document %.*s has no `bytes`; the adapter needs %s.",
                               name_size, document.name.data, shape);
    }
    *out_document = document;
    return SLUICE_DONE;
}
