/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from signal to report, against a guest and a VMM that do what the test says: the guest on a real
 * socket, the VMM behind the driver's seam. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/host/clock.h"
#include "agent/host/host.h"
#include "agent/host/log.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

#define GIB         (UINT64_C(1) << 30)
#define INPUT_MAX   65536u
#define NO_SIGNAL   "io.czone.Host.NoSuchSignal"
#define TOO_MANY    "io.czone.Monitor.TooManyConnections"
#define NOT_CAUGHT  "io.czone.Host.FromAnotherRelease"
#define NONSENSE    "org.varlink.service.InvalidParameter"
#define QUIET_TURNS 200u

struct peer {
    int fd;
    size_t length;
    char input[INPUT_MAX];
};

static struct {
    char directory[32], path[64];
    struct event_base *base;
    struct host_options options;
    struct host *host;
    struct driver driver;
    bool vmm_ready;
    unsigned int plugs, unplugs;
    struct range unplugged; /* of the last unplug */
    driver_done done;       /* of the job that runs */
    void *done_userdata;
    int listener;
    struct peer attach, report;
} t;

static struct driver *vmm_free(struct driver *driver)
{
    (void)driver;
    return NULL;
}

static int vmm_start(struct driver *driver)
{
    (void)driver;
    return 0;
}

static bool vmm_is_ready(const struct driver *driver)
{
    (void)driver;
    return t.vmm_ready;
}

static bool vmm_device(const struct driver *driver, size_t index, struct driver_device *ret)
{
    (void)driver;
    (void)index;
    (void)ret;
    return false;
}

static uint64_t vmm_committed(const struct driver *driver)
{
    (void)driver;
    return 0;
}

static int job_begin(driver_done done, void *userdata, struct driver_job **ret_job)
{
    static char job;

    if (!t.vmm_ready)
        return -ENOTCONN;
    ck_assert_msg(t.done == NULL, "a second job while one runs");
    t.done = done;
    t.done_userdata = userdata;
    *ret_job = (struct driver_job *)&job;
    return 0;
}

static int vmm_plug(struct driver *driver, const struct driver_plug *plug, driver_done done, void *userdata,
                    struct driver_job **ret_job)
{
    (void)driver;
    (void)plug;
    t.plugs++;
    return job_begin(done, userdata, ret_job);
}

static int vmm_unplug(struct driver *driver, const struct range *range, driver_done done, void *userdata,
                      struct driver_job **ret_job)
{
    int r = job_begin(done, userdata, ret_job);

    (void)driver;
    if (r == 0) {
        t.unplugs++;
        t.unplugged = *range;
    }
    return r;
}

static void vmm_cancel(struct driver *driver, struct driver_job *job)
{
    (void)driver;
    (void)job;
}

static const struct driver_ops vmm = {
    .name = "test",
    .free = vmm_free,
    .start = vmm_start,
    .is_ready = vmm_is_ready,
    .device = vmm_device,
    .committed = vmm_committed,
    .plug = vmm_plug,
    .unplug = vmm_unplug,
    .cancel = vmm_cancel,
};

static void on_ready(void *userdata)
{
    (void)userdata;
}

static void on_attached(bool attached, void *userdata)
{
    (void)attached;
    (void)userdata;
}

static const struct host_hooks hooks = { on_ready, on_attached, on_ready };

static void peer_close(struct peer *peer)
{
    cleanup_fd(&peer->fd);
    *peer = (struct peer){ .fd = -EBADF };
}

static void peer_read(struct peer *peer)
{
    ssize_t n = recv(peer->fd, peer->input + peer->length, INPUT_MAX - 1 - peer->length, MSG_DONTWAIT);

    peer->length += n > 0 ? (size_t)n : 0;
}

static void turn(void)
{
    ck_assert_int_ge(event_base_loop(t.base, EVLOOP_NONBLOCK), 0);
    (void)usleep(500);
    peer_read(&t.attach);
    peer_read(&t.report);
}

#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        for (unsigned int turns_ = 0; !(condition) && turns_ < 6000; turns_++)                               \
            turn();                                                                                          \
        ck_assert_msg(condition, "never came: %s", #condition);                                              \
    } while (0)

static void peer_accept(struct peer *peer)
{
    peer_close(peer);
    UNTIL(peer->fd >= 0 || (peer->fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
}

/* The parameters of the next call on it. */
static json_t *peer_call(struct peer *peer, const char *method)
{
    CLEANUP_JSON json_t *call = NULL;
    size_t length;

    UNTIL(memchr(peer->input, '\0', peer->length));
    length = strlen(peer->input) + 1;
    call = json_loads(peer->input, 0, NULL);
    peer->length -= length;
    memmove(peer->input, peer->input + length, peer->length);
    ck_assert_str_eq(json_string_value(json_object_get(call, "method")), method);
    return json_incref(json_object_get(call, "parameters"));
}

static void peer_send(struct peer *peer, json_t *message)
{
    CLEANUP_JSON json_t *owned = message;
    CLEANUP_FREE char *text = json_dumps(owned, JSON_COMPACT);

    ck_assert_int_eq(send(peer->fd, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
}

static void attach(void)
{
    peer_accept(&t.attach);
    json_decref(peer_call(&t.attach, "io.czone.Host.Attach"));
    peer_send(&t.attach, json_pack("{s{ss si} sb}", "parameters", "session", "s", "block_size", 128 << 20,
                                   "continues", 1));
}

static void signal_send(int id, const char *kind, uint64_t start)
{
    peer_send(&t.attach, json_pack("{s{ss si s{si ss sI ss sI ss}} sb}", "parameters", "session", "s",
                                   "block_size", 128 << 20, "signal", "id", id, "kind", kind, "bytes",
                                   (json_int_t)GIB, "tier", strcmp(kind, "plug") == 0 ? "any" : "", "start",
                                   (json_int_t)start, "zone", "z", "continues", 1));
}

/* The next report is about this signal. */
static void report_expect(int id)
{
    CLEANUP_JSON json_t *report = peer_call(&t.report, "io.czone.Host.Report");

    ck_assert_int_eq(json_integer_value(json_object_get(report, "id")), id);
    ck_assert(json_is_true(json_object_get(report, "ok")));
}

/* error NULL: the guest has taken it. */
static void report_answer(const char *error)
{
    peer_send(&t.report,
              error ? json_pack("{ss s{}}", "error", error, "parameters") : json_pack("{s{}}", "parameters"));
}

static void job_end(enum refusal refusal)
{
    struct driver_answer answer = { .refusal = refusal, .range = { 4 * GIB, GIB }, .bytes = GIB };
    driver_done done = t.done;

    ck_assert_ptr_nonnull(done);
    t.done = NULL;
    done(&answer, t.done_userdata);
}

static void vmm_lose(void)
{
    struct reason reason = { .text = "QEMU closed QMP" };

    t.vmm_ready = false;
    if (t.done)
        job_end(REFUSAL_VMM);
    host_driver_hooks.lost(&reason, t.host);
}

static void vmm_find(void)
{
    t.vmm_ready = true;
    host_driver_hooks.ready(t.host);
}

static void setup(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char text[80];

    memset(&t, 0, sizeof(t));
    t.attach.fd = t.report.fd = -EBADF;
    (void)snprintf(t.directory, sizeof(t.directory), "/tmp/czone-host.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.directory));
    (void)snprintf(t.path, sizeof(t.path), "%s/vm", t.directory);
    memcpy(address.sun_path, t.path, sizeof(t.path));
    t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(t.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(t.listener, 4), 0);
    (void)snprintf(text, sizeof(text), "unix:%s", t.path);
    ck_assert_int_eq(address_parse(text, &t.options.vm, NULL), 0);
    t.driver.ops = &vmm;
    log_setup(false);
    t.base = event_base_new();
    ck_assert_int_eq(host_new(t.base, &t.options, &hooks, NULL, &t.host), 0);
    ck_assert_int_eq(host_start(t.host, &t.driver), 0);
    vmm_find();
    attach();
}

static void teardown(void)
{
    host_free(t.host);
    event_base_free(t.base);
    peer_close(&t.attach);
    peer_close(&t.report);
    (void)close(t.listener);
    (void)unlink(t.path);
    (void)rmdir(t.directory);
}

static void nothing_more_comes(void)
{
    for (unsigned int i = 0; i < QUIET_TURNS; i++)
        turn();
    ck_assert_int_lt(accept4(t.listener, NULL, NULL, SOCK_CLOEXEC), 0);
    ck_assert_uint_eq(t.report.length, 0);
}

/* Up to the report of a plug, which waits for its answer. */
static void plug(int id)
{
    unsigned int before = t.plugs;

    signal_send(id, "plug", 0);
    UNTIL(t.plugs == before + 1);
    if (t.report.fd < 0)
        peer_accept(&t.report);
    job_end(REFUSAL_NONE);
    report_expect(id);
}

static const char *const no_answers[] = { TOO_MANY, NOT_CAUGHT };

START_TEST(a_plug_whose_report_met_no_answer_is_reported_again_and_stays)
{
    plug(1);
    report_answer(no_answers[_i]);
    peer_accept(&t.report);
    report_expect(1);
    report_answer(NULL);
    nothing_more_comes();
    ck_assert_uint_eq(t.unplugs, 0);
}
END_TEST

START_TEST(an_unplug_whose_report_met_no_answer_is_reported_again)
{
    signal_send(1, "unplug", 4 * GIB);
    UNTIL(t.unplugs == 1);
    peer_accept(&t.report);
    job_end(REFUSAL_NONE);
    report_expect(1);
    report_answer(no_answers[_i]);
    peer_accept(&t.report);
    report_expect(1);
    report_answer(NULL);
    nothing_more_comes();
    ck_assert_uint_eq(t.unplugs, 1);
}
END_TEST

START_TEST(a_guest_that_never_answers_is_asked_ever_more_seldom)
{
    uint64_t end_us = clock_us() + 1000000u;
    unsigned int attempts = 1;

    plug(1);
    report_answer(TOO_MANY);
    while (clock_us() < end_us) {
        int fd = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            peer_close(&t.report);
            t.report.fd = fd;
            report_expect(1);
            report_answer(TOO_MANY);
            attempts++;
        }
        turn();
    }
    ck_assert_uint_ge(attempts, 3);
    ck_assert_uint_le(attempts, 6);
}
END_TEST

static const char *const refusals[] = { NO_SIGNAL, NONSENSE, "io.czone.Host.BadReport" };

START_TEST(a_plug_whose_report_the_guest_refuses_is_undone)
{
    plug(1);
    report_answer(refusals[_i]);
    UNTIL(t.unplugs == 1);
    ck_assert_uint_eq(t.unplugged.start, 4 * GIB);
    ck_assert_uint_eq(t.unplugged.bytes, GIB);
    job_end(REFUSAL_NONE);
    nothing_more_comes();
    ck_assert_uint_eq(t.unplugs, 1);
}
END_TEST

START_TEST(an_undo_waits_for_a_vmm_that_is_away)
{
    plug(1);
    vmm_lose();
    report_answer(NO_SIGNAL);
    nothing_more_comes();
    ck_assert_uint_eq(t.unplugs, 0);
    vmm_find();
    ck_assert_uint_eq(t.unplugs, 1);
    ck_assert_uint_eq(t.unplugged.start, 4 * GIB);
    job_end(REFUSAL_NONE);
    vmm_lose();
    vmm_find();
    ck_assert_uint_eq(t.unplugs, 1);
}
END_TEST

START_TEST(an_undo_that_was_cut_off_is_begun_again)
{
    plug(1);
    report_answer(NO_SIGNAL);
    UNTIL(t.unplugs == 1);
    vmm_lose();
    vmm_find();
    ck_assert_uint_eq(t.unplugs, 2);
    /* What the guest does not let go of is its own to offer. */
    job_end(REFUSAL_TIMEOUT);
    vmm_lose();
    vmm_find();
    ck_assert_uint_eq(t.unplugs, 2);
}
END_TEST

START_TEST(a_repeated_signal_is_carried_out_once)
{
    int id = _i == 0 ? 1 : 70001; /* of a czoned that was restarted */

    signal_send(1, "plug", 0);
    UNTIL(t.plugs == 1);
    peer_accept(&t.report);
    peer_close(&t.attach);
    attach();
    signal_send(id, "plug", 0);
    nothing_more_comes();
    job_end(REFUSAL_NONE);
    peer_accept(&t.report);
    report_expect(id);
    ck_assert_uint_eq(t.plugs, 1);
}
END_TEST

static unsigned int lines_in(int fd)
{
    static char text[1 << 20];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    unsigned int lines = 0;

    ck_assert(n >= 0 && n < (ssize_t)sizeof(text));
    for (ssize_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

START_TEST(a_guest_cannot_fill_the_log)
{
    FILE *log = tmpfile();
    uint64_t start_us = clock_us();

    ck_assert_ptr_nonnull(log);
    ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0); /* the test has a process of its own */
    /* Plugged, not wanted, taken back: three lines each time, none of them a refusal. */
    for (int id = 1; id <= 300; id++) {
        plug(id);
        report_answer(NO_SIGNAL);
        UNTIL(t.done);
        job_end(REFUSAL_NONE);
    }
    ck_assert_uint_ge(lines_in(fileno(log)), 100);
    /* With each line that comes later goes one that says how many did not. */
    ck_assert_uint_le(lines_in(fileno(log)),
                      LOG_GUEST_BURST + LOG_GUEST_RATE * ((clock_us() - start_us) / 1000000u + 1) * 2);
    (void)fclose(log);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/host");
    TCase *tcase = tcase_create("host");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, a_plug_whose_report_met_no_answer_is_reported_again_and_stays, 0,
                        (int)ELEMENTS(no_answers));
    tcase_add_loop_test(tcase, an_unplug_whose_report_met_no_answer_is_reported_again, 0,
                        (int)ELEMENTS(no_answers));
    tcase_add_test(tcase, a_guest_that_never_answers_is_asked_ever_more_seldom);
    tcase_add_loop_test(tcase, a_plug_whose_report_the_guest_refuses_is_undone, 0, (int)ELEMENTS(refusals));
    tcase_add_test(tcase, an_undo_waits_for_a_vmm_that_is_away);
    tcase_add_test(tcase, an_undo_that_was_cut_off_is_begun_again);
    tcase_add_loop_test(tcase, a_repeated_signal_is_carried_out_once, 0, 2);
    tcase_add_test(tcase, a_guest_cannot_fill_the_log);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
