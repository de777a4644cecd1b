/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program_refusal.h"

#include <errno.h>

#include "proto/fields.h"

/* The element of a list that the launcher means; NULL if it is not there. */
static const char *layer_of(const struct launch_request *request, size_t index)
{
    size_t n = 0;

    while (request->layers != NULL && request->layers[n] != NULL)
        n++;
    return index < n ? request->layers[index] : NULL;
}

int program_refuse(const struct launch_failure *failure, const struct launch_request *request,
                   struct refusal *refusal)
{
    static const struct {
        enum launch_trouble trouble;
        const char *id;
    } ids[] = {
        { LAUNCH_NO_PROGRAM, ERROR_NO_SUCH_PROGRAM }, { LAUNCH_NO_ROOT, ERROR_NO_SUCH_ROOT },
        { LAUNCH_NO_USER, ERROR_NO_SUCH_USER },       { LAUNCH_NO_LAYER, ERROR_NO_SUCH_LAYER },
        { LAUNCH_NO_SOURCE, ERROR_NO_SUCH_SOURCE },
    };
    const char *id = ERROR_SYSTEM, *subject = NULL;

    for (size_t i = 0; i < ELEMENTS(ids); i++)
        if (ids[i].trouble == failure->trouble)
            id = ids[i].id;
    if (failure->trouble == LAUNCH_NO_PROGRAM && (failure->error == -EACCES || failure->error == -ENOEXEC))
        id = ERROR_NOT_EXECUTABLE;
    if (failure->trouble == LAUNCH_NO_PROGRAM)
        subject = request->args[0];
    else if (failure->trouble == LAUNCH_NO_ROOT)
        subject = request->root != NULL ? request->root : "/";
    else if (failure->trouble == LAUNCH_NO_USER)
        subject = request->user;
    else if (failure->trouble == LAUNCH_NO_LAYER)
        subject = layer_of(request, failure->index);
    else if (failure->trouble == LAUNCH_NO_SOURCE && failure->index < request->n_mounts)
        subject = request->mounts[failure->index].source;
    return refusal_set(refusal, failure->error, id, subject, "%s", failure->message);
}
