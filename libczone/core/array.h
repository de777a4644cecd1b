/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_ARRAY_H
#define CZONE_CORE_ARRAY_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * Makes room for n_needed elements in an array from malloc(), at least doubling it, so that growing one by
 * one is O(1) each. Returns 0 or -ENOMEM, and then the array is as it was.
 */
static inline int array_reserve_bytes(void **array, size_t *capacity, size_t n_needed, size_t element_size)
{
    if (n_needed <= *capacity)
        return 0;

    size_t n = *capacity < SIZE_MAX / 2 ? 2 * *capacity : n_needed;
    if (n < n_needed)
        n = n_needed;
    if (n < 4)
        n = 4;
    void *grown = reallocarray(*array, n, element_size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *capacity = n;
    return 0;
}

/* array: a pointer variable; capacity: its size_t, in elements. */
#define array_reserve(array, capacity, n_needed)                                                             \
    ({                                                                                                       \
        void *grown_ = (array);                                                                              \
        int reserved_ = array_reserve_bytes(&grown_, &(capacity), (n_needed), sizeof(*(array)));             \
        (array) = grown_;                                                                                    \
        reserved_;                                                                                           \
    })

#endif
