/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/driver.h"

uint64_t bytes_round(uint64_t bytes, uint64_t block)
{
    return bytes > UINT64_MAX - (block - 1) ? 0 : (bytes + block - 1) & ~(block - 1);
}

const char *refusal_name(enum refusal refusal)
{
    static const char *const names[] = {
        [REFUSAL_NONE] = "",
        [REFUSAL_LIMIT] = "limit",
        [REFUSAL_RATE] = "rate",
        [REFUSAL_NO_DEVICE] = "no-device",
        [REFUSAL_VMM] = "vmm",
        [REFUSAL_TIMEOUT] = "timeout",
        [REFUSAL_UNKNOWN_RANGE] = "unknown-range",
    };

    return names[refusal];
}
