/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/oci/bundle.h"
#include "agent/guest/oci/config.h"
#include "agent/guest/oci/runtime.h"
#include "proto/cleanup.h"
#include "tests/unit/guest_test.h"

/* The least that runs. */
#define CONFIG                                                                                               \
    "{\"ociVersion\": \"1.0.2\", \"root\": {\"path\": \"rootfs\"},"                                          \
    " \"process\": {\"user\": {\"uid\": 0, \"gid\": 0}, \"args\": [\"sh\"], \"cwd\": \"/\"},"                \
    " \"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"mount\"}, {\"type\": \"ipc\"},"         \
    " {\"type\": \"uts\"}]%s}}"
#define LIMITS ", \"resources\": {\"memory\": {\"limit\": 1048576}, \"pids\": {\"limit\": 7}}"

static char folder[] = "/tmp/czone-bundle-XXXXXX";
static struct varlink_fault fault;
static json_t *spawn;

static void set_up(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/czone-bundle-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    fault = (struct varlink_fault){ 0 };
    spawn = NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void tear_down(void)
{
    json_decref(spawn);
    ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void write_config(const char *text)
{
    char path[64];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_config_with(const char *resources)
{
    char text[1024];

    (void)snprintf(text, sizeof(text), CONFIG, resources);
    write_config(text);
}

/* Takes the request. */
static int expand(json_t *request)
{
    int r;

    ck_assert_ptr_nonnull(request);
    ck_assert_int_eq(bundle_check(request, &fault), 1);
    r = bundle_expand(request, &spawn, &fault);
    json_decref(request);
    return r;
}

static const struct {
    const char *request;
    int result;
    const char *parameter;
} requests[] = {
    { "{}", 0, NULL },
    { "{\"bundle\": null, \"args\": [\"a\"]}", 0, NULL },
    { "{\"bundle\": \"/b\"}", 1, NULL },
    { "{\"bundle\": \"/b\", \"args\": null, \"memory\": 1, \"id\": \"a\", \"tier\": \"any\", \"pids\": 1,"
      " \"key\": \"k\"}",
      1, NULL },
    { "{\"bundle\": \"b\"}", -EINVAL, "bundle" },
    { "{\"bundle\": \"\"}", -EINVAL, "bundle" },
    { "{\"bundle\": 1}", -EINVAL, "bundle" },
    { "{\"bundle\": [\"/b\"]}", -EINVAL, "bundle" },
    { "{\"bundle\": \"/a\\u0000b\"}", -EINVAL, "bundle" },
    { "{\"bundle\": \"/b\", \"args\": [\"sh\"]}", -EINVAL, "args" },
    { "{\"bundle\": \"/b\", \"env\": []}", -EINVAL, "env" },
    { "{\"bundle\": \"/b\", \"cwd\": \"/\"}", -EINVAL, "cwd" },
    { "{\"bundle\": \"/b\", \"user\": \"0\"}", -EINVAL, "user" },
    { "{\"bundle\": \"/b\", \"root\": \"/\"}", -EINVAL, "root" },
    { "{\"bundle\": \"/b\", \"hostname\": \"h\"}", -EINVAL, "hostname" },
    { "{\"bundle\": \"/b\", \"capabilities\": []}", -EINVAL, "capabilities" },
    { "{\"bundle\": \"/b\", \"colour\": \"red\"}", -EINVAL, "colour" },
};

START_TEST(what_config_json_says_is_not_said_beside_it)
{
    CLEANUP_JSON json_t *request = json_loads(requests[_i].request, JSON_ALLOW_NUL, NULL);

    ck_assert_ptr_nonnull(request);
    ck_assert_int_eq(bundle_check(request, &fault), requests[_i].result);
    if (requests[_i].parameter != NULL)
        ck_assert_str_eq(fault.parameter, requests[_i].parameter);
}
END_TEST

START_TEST(a_bundle_and_a_request_make_one_request)
{
    char root[64];

    write_config_with("");
    ck_assert_int_eq(expand(json_pack("{s:s, s:I, s:s, s:s, s:n}", "bundle", folder, "memory",
                                      (json_int_t)4096, "id", "web", "key", "k", "args")),
                     0);
    (void)snprintf(root, sizeof(root), "%s/rootfs", folder);
    ck_assert_str_eq(json_string_value(json_object_get(spawn, "root")), root);
    ck_assert_str_eq(json_string_value(json_object_get(spawn, "id")), "web");
    ck_assert_str_eq(json_string_value(json_object_get(spawn, "key")), "k");
    ck_assert_int_eq(json_integer_value(json_object_get(spawn, "memory")), 4096);
    ck_assert_int_eq(json_array_size(json_object_get(spawn, "args")), 1);
    ck_assert_ptr_null(json_object_get(spawn, "bundle"));
}
END_TEST

START_TEST(slashes_behind_a_bundle_do_not_matter)
{
    char path[64], root[64];

    write_config_with(LIMITS);
    (void)snprintf(path, sizeof(path), "%s///", folder);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", path)), 0);
    (void)snprintf(root, sizeof(root), "%s/rootfs", folder);
    ck_assert_str_eq(json_string_value(json_object_get(spawn, "root")), root);
}
END_TEST

START_TEST(limits_come_from_either_or_are_the_same)
{
    write_config_with(LIMITS);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(spawn, "memory")), 1048576);
    ck_assert_int_eq(json_integer_value(json_object_get(spawn, "pids")), 7);
    json_decref(spawn);
    spawn = NULL;
    ck_assert_int_eq(expand(json_pack("{s:s, s:i, s:i}", "bundle", folder, "memory", 1048576, "pids", 7)), 0);
    json_decref(spawn);
    spawn = NULL;
    ck_assert_int_eq(expand(json_pack("{s:s, s:i}", "bundle", folder, "memory", 2097152)), -EINVAL);
    ck_assert_str_eq(fault.parameter, "linux.resources.memory.limit");
    ck_assert_int_eq(expand(json_pack("{s:s, s:i}", "bundle", folder, "pids", 8)), -EINVAL);
    ck_assert_str_eq(fault.parameter, "linux.resources.pids.limit");
    ck_assert_ptr_null(spawn);
}
END_TEST

START_TEST(a_zone_needs_a_size_from_somewhere)
{
    write_config_with("");
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -EINVAL);
    ck_assert_str_eq(fault.parameter, "linux.resources.memory.limit");
}
END_TEST

START_TEST(a_bundle_that_cannot_be_read_is_told_with_its_path)
{
    char path[64];

    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -ENOENT);
    ck_assert_str_eq(fault.parameter, "config.json");
    ck_assert_ptr_nonnull(strstr(fault.reason.text, folder));
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", "/no/such/bundle")), -ENOENT);

    (void)snprintf(path, sizeof(path), "%s/config.json", folder);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", path)), -ENOENT);
    /* It must not wait for a writer. */
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -EINVAL);
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -EINVAL);
    ck_assert_int_eq(remove(path), 0);
    write_config("");
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", path)), -ENOTDIR);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -EINVAL);
    ck_assert_ptr_null(spawn);
}
END_TEST

START_TEST(a_config_that_is_too_long_is_refused)
{
    CLEANUP_FREE char *text = malloc(OCI_CONFIG_MAX + 2);

    ck_assert_ptr_nonnull(text);
    memset(text, ' ', OCI_CONFIG_MAX + 1);
    text[OCI_CONFIG_MAX + 1] = '\0';
    write_config(text);
    ck_assert_int_eq(expand(json_pack("{s:s}", "bundle", folder)), -EINVAL);
    ck_assert_str_eq(fault.parameter, "config.json");
    ck_assert_ptr_nonnull(strstr(fault.reason.text, "longer"));
}
END_TEST

static int decode(struct spawn_request *request, json_t *parameters)
{
    int r;

    *request = (struct spawn_request)SPAWN_REQUEST_INIT;
    r = spawn_request_decode(request, parameters, &fault);
    json_decref(parameters);
    return r;
}

START_TEST(a_fault_of_the_bundle_and_one_of_the_request_are_told_apart)
{
    struct spawn_request request;

    write_config_with(LIMITS ", \"sysctl\": {\"a\": \"1\"}");
    ck_assert_int_eq(decode(&request, json_pack("{s:s, s:s}", "bundle", folder, "key", "k")), -EBADMSG);
    ck_assert_str_eq(fault.parameter, "linux.sysctl.a");
    /* For the repeat of a request whose bundle has changed since. */
    ck_assert_str_eq(request.key, "k");
    ck_assert_str_eq(request.bundle, folder);
    spawn_request_done(&request);
    ck_assert_int_eq(decode(&request, json_pack("{s:s, s:s}", "bundle", folder, "cwd", "/")), -EINVAL);
    ck_assert_str_eq(fault.parameter, "cwd");
    spawn_request_done(&request);
    write_config_with(LIMITS);
    ck_assert_int_eq(decode(&request, json_pack("{s:s, s:s}", "bundle", folder, "id", "a/b")), -EINVAL);
    ck_assert_str_eq(fault.parameter, "id");
    spawn_request_done(&request);
}
END_TEST

START_TEST(a_key_stands_for_the_request_as_it_was_sent)
{
    struct fingerprint first, second;
    struct spawn_request request;

    write_config_with(LIMITS);
    (void)decode(&request, json_pack("{s:s}", "bundle", folder));
    ck_assert_int_eq(spawn_request_fingerprint(&request, &first), 0);
    spawn_request_done(&request);
    /* The bundle is another one now, the request is not. */
    write_config_with(", \"resources\": {\"memory\": {\"limit\": 2097152}}");
    (void)decode(&request, json_pack("{s:s}", "bundle", folder));
    ck_assert_int_eq(spawn_request_fingerprint(&request, &second), 0);
    spawn_request_done(&request);
    ck_assert_int_eq(memcmp(&first, &second, sizeof(first)), 0);
}
END_TEST

START_TEST(what_a_runtime_does_is_not_read_and_stays_in_the_request)
{
    struct spawn_request request = SPAWN_REQUEST_INIT, restored = SPAWN_REQUEST_INIT;

    write_config(
        "{\"process\": {\"args\": [\"sh\", \"-i\"], \"terminal\": true, \"apparmorProfile\": \"any\","
        " \"consoleSize\": {\"width\": 80, \"height\": 25}}, \"hooks\": {\"prestart\": [{}]},"
        " \"linux\": {\"seccomp\": {\"defaultAction\": 3}, \"resources\": {\"memory\": {\"limit\": 4096,"
        " \"swap\": 1}, \"pids\": {\"limit\": -1}}}}");
    ck_assert_int_eq(
        decode(&request, json_pack("{s:s, s:s, s:s}", "bundle", folder, "runtime", "runc", "id", "web")), 0);
    ck_assert_int_eq(request.runtime, OCI_RUNTIME_RUNC);
    ck_assert_str_eq(request.bundle, folder);
    ck_assert_str_eq(request.argv[1], "-i");
    ck_assert(request.tty);
    ck_assert_int_eq(request.columns, 80);
    ck_assert_int_eq(request.memory, 4096);
    ck_assert_int_eq(request.pids, 0);
    /* A restarted czoned needs no bundle any more. */
    write_config("");
    ck_assert_int_eq(spawn_request_restore(&restored, request.parameters, &fault), 0);
    ck_assert_int_eq(restored.runtime, OCI_RUNTIME_RUNC);
    ck_assert_str_eq(restored.bundle, folder);
    ck_assert_str_eq(restored.argv[0], "sh");
    spawn_request_done(&restored);
    spawn_request_done(&request);
}
END_TEST

/* For a runtime: what follows `process`, and the member that is named. */
static const struct {
    const char *process, *rest, *member;
} outlines[] = {
    { "null", "", "process" },
    { "[]", "", "process" },
    { "{}", "", "process.args" },
    { "{\"args\": []}", "", "process.args" },
    { "{\"args\": [\"a\"], \"terminal\": 1}", "", "process.terminal" },
    { "{\"args\": [\"a\"]}", "", "linux.resources.memory.limit" },
    { "{\"args\": [\"a\"]}", ", \"linux\": 1", "linux" },
    { "{\"args\": [\"a\"]}", ", \"linux\": {\"resources\": []}", "linux.resources" },
    { "{\"args\": [\"a\"]}", ", \"linux\": {\"resources\": {\"memory\": {\"limit\": \"1\"}}}",
      "linux.resources.memory.limit" },
    { "{\"args\": [\"a\"]}", ", \"linux\": {\"resources\": {\"cpu\": {\"mems\": \"0\"}}}",
      "linux.resources.cpu.mems" },
    { "{\"args\": [\"a\"]}", ", \"linux\": {\"resources\": {\"unified\": {\"cpuset.mems\": \"0\"}}}",
      "linux.resources.unified.cpuset.mems" },
    { "{\"args\": [\"a\"]}", ", \"linux\": {\"memoryPolicy\": {\"mode\": \"MPOL_BIND\"}}",
      "linux.memoryPolicy" },
};

START_TEST(what_czoned_must_know_or_cannot_let_a_runtime_do_is_named)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "{\"process\": %s%s}", outlines[_i].process, outlines[_i].rest);
    write_config(text);
    ck_assert_int_eq(expand(json_pack("{s:s, s:s}", "bundle", folder, "runtime", "crun")), -EINVAL);
    ck_assert_str_eq(fault.parameter, outlines[_i].member);
}
END_TEST

/* A runtime that is there: an executable file in one of the folders. */
static void make_runtime(const char *name, mode_t mode)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void assert_words(const struct oci_command *command, const char *words)
{
    char line[512] = "";

    for (const char **word = command->args; *word != NULL; word++)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s",
                       word == command->args ? "" : " ", *word);
    /* Its folder is another one each time. */
    ck_assert_int_eq(strncmp(line, folder, strlen(folder)), 0);
    ck_assert_str_eq(line + strlen(folder), words);
}

START_TEST(each_runtime_is_told_in_its_own_words)
{
    static const char *const args[] = { "ls", "-l", NULL }, *const env[] = { "A=b", NULL };
    struct oci_exec exec = { .args = args, .env = env, .cwd = "/tmp", .user = "1:2", .tty = true };
    struct oci_container container = { .runtime = OCI_RUNTIME_CRUN, .state = "/state", .id = "web" };
    struct oci_command command = { 0 };
    char search[64];

    (void)snprintf(search, sizeof(search), "/no/such:%s", folder);
    container.search = search;
    make_runtime("crun", 0644);
    ck_assert_int_eq(oci_command_run(&command, &container, "/b"), -ENOENT);
    oci_command_clear(&command);
    make_runtime("crun", 0755);
    make_runtime("runc", 0755);
    ck_assert_int_eq(oci_command_run(&command, &container, "/b"), 0);
    assert_words(&command, "/crun --root /state --cgroup-manager=cgroupfs run --bundle /b web");
    oci_command_clear(&command);
    ck_assert_int_eq(oci_command_exec(&command, &container, &exec), 0);
    assert_words(&command,
                 "/crun --root /state --cgroup-manager=cgroupfs exec --tty --cwd /tmp --user 1:2 --env A=b"
                 " --env PATH=" LAUNCH_DEFAULT_PATH " web ls -l");
    oci_command_clear(&command);
    container.runtime = OCI_RUNTIME_RUNC;
    ck_assert_int_eq(oci_command_run(&command, &container, "/b"), 0);
    assert_words(&command, "/runc --root /state run --bundle /b web");
    oci_command_clear(&command);
    exec = (struct oci_exec){ .args = args };
    ck_assert_int_eq(oci_command_exec(&command, &container, &exec), 0);
    assert_words(&command, "/runc --root /state exec web ls -l");
    oci_command_clear(&command);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("bundle");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, what_config_json_says_is_not_said_beside_it, 0, ELEMENTS(requests));
    tcase_add_test(tests, a_bundle_and_a_request_make_one_request);
    tcase_add_test(tests, slashes_behind_a_bundle_do_not_matter);
    tcase_add_test(tests, limits_come_from_either_or_are_the_same);
    tcase_add_test(tests, a_zone_needs_a_size_from_somewhere);
    tcase_add_test(tests, a_bundle_that_cannot_be_read_is_told_with_its_path);
    tcase_add_test(tests, a_config_that_is_too_long_is_refused);
    tcase_add_test(tests, a_fault_of_the_bundle_and_one_of_the_request_are_told_apart);
    tcase_add_test(tests, a_key_stands_for_the_request_as_it_was_sent);
    tcase_add_test(tests, what_a_runtime_does_is_not_read_and_stays_in_the_request);
    tcase_add_loop_test(tests, what_czoned_must_know_or_cannot_let_a_runtime_do_is_named, 0,
                        ELEMENTS(outlines));
    tcase_add_test(tests, each_runtime_is_told_in_its_own_words);
    return guest_test_main(tests, "guest/bundle");
}
