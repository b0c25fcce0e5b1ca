/* The pipelines of the simulated worlds: chains, fans, diamonds and random graphs, made once a process. Every stage has a type of its
 * own position ("t0", "t1", ...), and a type has one state key of its own ("k0", "k1", ...). */
#ifndef SIM_SHAPES_H
#define SIM_SHAPES_H

#include "model/inputs.h"
#include "model/pipeline.h"

enum { SIM_SHAPE_COUNT = 24, SIM_TYPE_COUNT = 10, SIM_SHAPE_STAGES_MAX = SIM_TYPE_COUNT, SIM_TYPE_ONCE = 6 };

/* The shape of that index; made by the first call, kept until the process ends. Shapes 0 to 3 are the stories': one stage, a chain of
 * two, a diamond, a fan-in of three. */
const struct sl_pipeline *sim_shape(uint32_t index);

/* What the workers register about type "t<index>". The type SIM_TYPE_ONCE is not idempotent. */
const struct sl_stage_type *sim_type(uint32_t index);

/* The index of a stage's type. */
uint32_t sim_type_index(struct sl_bytes type);

void sim_shapes_free(void);

#endif
