/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3) and sd_listen_fds(3), seen from the service manager's side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/guest/listener.h"
#include "agent/guest/log.h"
#include "agent/guest/notify.h"
#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

static char path[64];
static struct event_base *base;
static struct notify notify = NOTIFY_INIT;

static void set_up(void)
{
    (void)snprintf(path, sizeof(path), "/tmp/czone-notify-%d", (int)getpid());
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
}

static void tear_down(void)
{
    notify_close(&notify);
    event_base_free(base);
    (void)unlink(path);
}

/* The service manager's socket; a name that begins with '@' is abstract. */
static int manager_socket(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                     0);
    return fd;
}

static void expect_message(int fd, const char *text)
{
    char buffer[256];
    ssize_t n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);

    ck_assert_int_gt(n, 0);
    buffer[n] = '\0';
    ck_assert_str_eq(buffer, text);
}

START_TEST(messages_reach_a_socket_in_the_file_system_and_an_abstract_one)
{
    char abstract[80];
    const char *const names[] = { path, abstract };

    (void)snprintf(abstract, sizeof(abstract), "@czone-notify-%d", (int)getpid());
    for (size_t i = 0; i < 2; i++) {
        int fd = manager_socket(names[i]);

        ck_assert_int_eq(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        ck_assert_int_eq(notify_open(&notify, base), 0);
        notify_send(&notify, "READY=1\nSTATUS=%s", "x");
        expect_message(fd, "READY=1\nSTATUS=x");
        notify_close(&notify);
        (void)close(fd);
    }
}
END_TEST

START_TEST(children_do_not_inherit_the_variables)
{
    int fd = manager_socket(path);

    ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "1000000", 1), 0);
    ck_assert_int_eq(notify_open(&notify, base), 0);
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
    (void)close(fd);
}
END_TEST

START_TEST(the_watchdog_is_fed_at_half_its_period)
{
    const struct timeval limit = { .tv_usec = 90000 };
    int fd = manager_socket(path);

    ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "100000", 1), 0);
    ck_assert_int_eq(notify_open(&notify, base), 0);
    (void)event_base_loopexit(base, &limit);
    (void)event_base_dispatch(base);
    expect_message(fd, "WATCHDOG=1");
    (void)close(fd);
}
END_TEST

START_TEST(without_a_watchdog_for_us_there_is_no_timer)
{
    int fd = manager_socket(path);

    ck_assert_int_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "100000", 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_PID", "1", 1), 0);
    ck_assert_int_eq(notify_open(&notify, base), 0);
    ck_assert_ptr_null(notify.watchdog);
    (void)close(fd);
}
END_TEST

START_TEST(without_a_service_manager_nothing_happens)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_int_eq(notify_open(&notify, base), 0);
    notify_send(&notify, "READY=1");
    ck_assert_int_lt(notify.fd, 0);
}
END_TEST

START_TEST(a_socket_of_a_kind_we_do_not_speak_is_an_error)
{
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1), 0);
    ck_assert_int_eq(notify_open(&notify, base), -EAFNOSUPPORT);
}
END_TEST

/* Makes fd 3 what a service manager would pass, and says so. */
static void inherit(int fd, const char *pid)
{
    ck_assert_int_eq(dup2(fd, 3), 3);
    ck_assert_int_eq(setenv("LISTEN_FDS", "1", 1), 0);
    ck_assert_int_eq(setenv("LISTEN_PID", pid, 1), 0);
}

static int listen_on(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

static int open_listeners(const struct options *settings, struct listeners *listeners)
{
    static struct manager manager;

    manager = (struct manager){ .options = settings, .base = base };
    return listeners_open(listeners, &manager);
}

START_TEST(an_inherited_socket_is_used_and_its_file_left_alone)
{
    struct options settings = { 0 };
    struct listeners listeners;
    char pid[16];
    int fd;

    log_set_level(LOG_EMERG);
    fd = listen_on(path);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    inherit(fd, pid);
    ck_assert_int_eq(open_listeners(&settings, &listeners), 0);
    ck_assert_uint_eq(listeners.n, 1);
    ck_assert_int_eq(listeners.items[0].fd, 3);
    listeners_close(&listeners);
    ck_assert_int_eq(access(path, F_OK), 0);
    (void)close(fd);
}
END_TEST

START_TEST(an_inherited_fd_that_is_no_listening_socket_is_refused)
{
    struct options settings = { 0 };
    struct listeners listeners;
    char pid[16];

    log_set_level(LOG_EMERG);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    inherit(STDIN_FILENO, pid);
    ck_assert_int_lt(open_listeners(&settings, &listeners), 0);
    listeners_close(&listeners);
}
END_TEST

START_TEST(sockets_for_another_process_are_not_ours)
{
    struct options settings = { .n_listen = 1, .listen = { { .type = ADDRESS_UNIX } } };
    struct listeners listeners;

    log_set_level(LOG_EMERG);
    (void)snprintf(settings.listen[0].path, sizeof(settings.listen[0].path), "%s", path);
    inherit(STDIN_FILENO, "1");
    ck_assert_int_eq(open_listeners(&settings, &listeners), 0);
    ck_assert_uint_eq(listeners.n, 1);
    ck_assert_int_ne(listeners.items[0].fd, 3);
    listeners_close(&listeners);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("notify");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, messages_reach_a_socket_in_the_file_system_and_an_abstract_one);
    tcase_add_test(tests, children_do_not_inherit_the_variables);
    tcase_add_test(tests, the_watchdog_is_fed_at_half_its_period);
    tcase_add_test(tests, without_a_watchdog_for_us_there_is_no_timer);
    tcase_add_test(tests, without_a_service_manager_nothing_happens);
    tcase_add_test(tests, a_socket_of_a_kind_we_do_not_speak_is_an_error);
    tcase_add_test(tests, an_inherited_socket_is_used_and_its_file_left_alone);
    tcase_add_test(tests, an_inherited_fd_that_is_no_listening_socket_is_refused);
    tcase_add_test(tests, sockets_for_another_process_are_not_ours);
    return guest_test_main(tests, "guest_notify");
}
