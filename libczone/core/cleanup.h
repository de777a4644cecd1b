/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_CLEANUP_H
#define CZONE_CORE_CLEANUP_H

#include <stddef.h>
#include <stdlib.h>

/* cleanup_free char *text = NULL; is freed when the scope ends, unless TAKE_PTR() took it. */
static inline void cleanup_free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))

/* The pointer's value; the variable becomes NULL, so that its cleanup does nothing. */
#define TAKE_PTR(pointer)                                                                                    \
    ({                                                                                                       \
        __typeof__(pointer) *take_from_ = &(pointer);                                                        \
        __typeof__(pointer) taken_ = *take_from_;                                                            \
        *take_from_ = NULL;                                                                                  \
        taken_;                                                                                              \
    })

#endif
