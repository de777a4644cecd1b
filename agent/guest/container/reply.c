/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/reply.h"
#include "agent/guest/manager.h"

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

static int reply_no_such_exec(struct varlink_connection *connection, const char *id, const char *exec)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, -ENOENT, ERROR_NO_SUCH_EXEC, exec, "container %s has no exec session %s", id,
                      exec);
    return refusal_reply(&refusal, connection);
}

bool find_program(struct manager *manager, struct varlink_connection *connection, const char *id,
                  const char *exec, struct container **ret_container, struct exec_session **ret_session,
                  int *ret_answer)
{
    *ret_session = NULL;
    *ret_container = manager_find(manager, id);
    if (*ret_container == NULL) {
        *ret_answer = reply_no_such_container(connection, id);
        return false;
    }
    if (exec == NULL)
        return true;
    *ret_session = exec_session_find(&(*ret_container)->execs, exec);
    if (*ret_session == NULL)
        *ret_answer = reply_no_such_exec(connection, id, exec);
    return *ret_session != NULL;
}
