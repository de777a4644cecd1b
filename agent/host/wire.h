/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_WIRE_H
#define HOST_WIRE_H

/*
 * io.czone.Host as structs: what Attach streams, what Report carries. Pure. All that comes from the guest is
 * bounded here; texts of the guest go to logs and back to the guest, nowhere else.
 */

#include <jansson.h>

#include "agent/host/driver.h"
#include "proto/fields.h"

#define WIRE_SESSION_MAX 128
#define WIRE_ZONE_MAX    128
#define WIRE_TIER_MAX    32

enum wire_kind {
    WIRE_PLUG,
    WIRE_UNPLUG,
    WIRE_CANCEL,
};

struct wire_signal {
    int64_t id;
    enum wire_kind kind;
    struct range range;           /* start is 0 unless unplug */
    char tier[WIRE_TIER_MAX + 1]; /* as sent; "" unless plug */
    char zone[WIRE_ZONE_MAX + 1];
};

struct wire_attach {
    char session[WIRE_SESSION_MAX + 1];
    uint64_t block_size;
    bool has_signal;
    struct wire_signal signal;
};

/*
 * Decodes one reply to Attach. Members that are not known are ignored, as Varlink asks of clients.
 *
 * Returns 0 or -EINVAL, with the fault: a member is missing, ill-typed or out of bounds, the block size is no
 * power of two, a range passes the end of what int64 holds.
 */
int wire_attach_decode(json_t *parameters, struct wire_attach *ret, struct varlink_fault *fault);

/* Do both ask for the same? Ids are not looked at. */
bool wire_signal_alike(const struct wire_signal *a, const struct wire_signal *b);

const char *wire_kind_name(enum wire_kind kind);

/* The parameters of Report; NULL without memory. */
json_t *wire_report_encode(const char *session, const struct wire_signal *signal,
                           const struct driver_answer *answer);

#endif
