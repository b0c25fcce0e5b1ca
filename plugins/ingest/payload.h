/* The payload adapter: the job's payload is the document. */
#ifndef SL_INGEST_PAYLOAD_H
#define SL_INGEST_PAYLOAD_H

#include "sdk/attempt.h"
#include "sdk/input.h"

enum { SL_INGEST_NAME_MAX = 1024 };

/* One document as it enters the pipeline. Everything is borrowed. */
struct sl_ingest_document {
    struct sl_span name;
    struct sl_span media_type; /* empty when nobody said it */
    struct sl_span bytes;
};

/* Sees to it that the upstream is one thing: an array of one is that one. NULL with a sentence when it is none or several. */
const msgpack_object *sl_ingest_single(const struct sl_attempt *attempt, const msgpack_object *root);

/* Reads {"name", "media_type", "bytes"}. SLUICE_DONE, or a failure with a sentence. */
sluice_outcome sl_ingest_payload(const struct sl_attempt *attempt, const msgpack_object *payload,
                                 struct sl_ingest_document *out_document);

/* Whether the name can be a document's id: 1 to SL_INGEST_NAME_MAX bytes. SLUICE_DONE, or a failure with a sentence. */
sluice_outcome sl_ingest_check_name(const struct sl_attempt *attempt, struct sl_span name);

#endif
