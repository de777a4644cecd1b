/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container_reply.h"

#include <errno.h>

int reply_container(struct varlink_connection *connection, const struct container *container)
{
    return varlink_connection_reply(connection,
                                    json_pack("{s:o}", "container", container_to_json(container, true)));
}

int reply_no_such_container(struct varlink_connection *connection, const char *id)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, -ENOENT, ERROR_NO_SUCH_CONTAINER, id, "there is no container %s", id);
    return refusal_reply(&refusal, connection);
}

int reply_wrong_state(struct varlink_connection *connection, const struct container *container,
                      const char *what)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, -EINVAL, ERROR_WRONG_STATE, container->id, "container %s is %s: %s",
                      container->id, container_state_name(container->state), what);
    refusal.state = container_state_name(container->state);
    return refusal_reply(&refusal, connection);
}

int reply_no_signal(struct varlink_connection *connection, const char *name)
{
    struct varlink_fault fault;

    (void)varlink_fault_set(&fault, "signal", "%s is no signal", name);
    return varlink_connection_invalid_parameter(connection, &fault);
}
