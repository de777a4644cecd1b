/* SPDX-License-Identifier: Apache-2.0 */
/* The log in files: what one writes another reads, meanwhile and afterwards. */
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "agent/guest/keeper/log_file.h"
#include "tests/unit/launch_fixture.h"

/* The least a segment may have, and room for two. */
#define SEGMENT (INT64_C(24) + LOG_RECORD_MAX)

static struct fixture fixture;
static int run_dir;
static struct log_writer writer;
static struct log_reader reader;
static char buffer[LOG_RECORD_MAX * 2];
static struct log_chunk chunk;

static void set_up(void)
{
    fixture_set_up(&fixture);
    run_dir = open(fixture.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(run_dir, 0);
    writer = (struct log_writer)LOG_WRITER_INIT;
    reader = (struct log_reader)LOG_READER_INIT;
}

static void tear_down(void)
{
    log_writer_close(&writer);
    log_reader_close(&reader);
    (void)close(run_dir);
    fixture_tear_down(&fixture);
}

static void open_log(void)
{
    ck_assert_int_eq(log_writer_open(&writer, run_dir, INT64_C(3) * SEGMENT, SEGMENT), 0);
}

static void append(enum log_stream stream, const char *text)
{
    log_writer_append(&writer, stream, text, strlen(text), 7);
}

/* A record of that many bytes, which tell where in the log they are. */
static void append_bytes(size_t length)
{
    static char bytes[LOG_RECORD_MAX];

    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)((writer.end + (int64_t)i) % 251);
    log_writer_append(&writer, LOG_STDOUT, bytes, length, 7);
}

static void expect_bytes(int64_t offset, size_t length)
{
    ck_assert_int_eq(chunk.offset, offset);
    ck_assert_uint_eq(chunk.length, length);
    for (size_t i = 0; i < length; i++)
        ck_assert_int_eq(buffer[i], (char)((offset + (int64_t)i) % 251));
}

static int read_up_to(size_t size)
{
    memset(&chunk, 0, sizeof(chunk));
    return log_reader_read(&reader, run_dir, buffer, size, &chunk);
}

static int read_some(void)
{
    return read_up_to(sizeof(buffer));
}

START_TEST(a_log_has_a_bound_that_makes_sense)
{
    ck_assert_int_eq(log_writer_open(&writer, run_dir, SEGMENT, SEGMENT), -EINVAL);
    ck_assert_int_eq(log_writer_open(&writer, run_dir, INT64_C(4) * SEGMENT, SEGMENT - 1), -EINVAL);
    ck_assert_int_eq(log_writer_open(&writer, run_dir, INT64_MAX, INT64_MAX), -EINVAL);
    ck_assert_int_eq(log_writer_open(&writer, run_dir, -1, -1), -EINVAL);
    ck_assert_int_eq(log_writer_open(&writer, run_dir, INT64_C(2) * SEGMENT, SEGMENT), 0);
}
END_TEST

START_TEST(a_reader_may_be_there_first)
{
    ck_assert_int_eq(read_some(), 0);
    open_log();
    ck_assert_int_eq(read_some(), 0);
    append(LOG_STDERR, "hello");
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, 0);
    ck_assert_int_eq(chunk.stream, LOG_STDERR);
    ck_assert_int_eq(chunk.time_ns, 7);
    ck_assert_uint_eq(chunk.length, 5);
    ck_assert_mem_eq(buffer, "hello", 5);
    ck_assert_int_eq(read_some(), 0);
    append(LOG_STDERR, " you");
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, 5);
}
END_TEST

START_TEST(records_of_one_stream_are_read_together)
{
    open_log();
    append(LOG_STDOUT, "one ");
    append(LOG_STDOUT, "two");
    append(LOG_STDERR, "other");
    append(LOG_STDOUT, "three");
    ck_assert_int_eq(read_some(), 1);
    ck_assert_uint_eq(chunk.length, 7);
    ck_assert_mem_eq(buffer, "one two", 7);
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.stream, LOG_STDERR);
    ck_assert_mem_eq(buffer, "other", 5);
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, 12);
    ck_assert_int_eq(read_some(), 0);
}
END_TEST

START_TEST(a_small_buffer_gets_it_in_pieces)
{
    int64_t at = 0;

    open_log();
    append_bytes(10);
    append_bytes(1);
    append_bytes(12);
    while (read_up_to(4) == 1) {
        expect_bytes(at, chunk.length);
        ck_assert_uint_le(chunk.length, 4);
        at += (int64_t)chunk.length;
    }
    ck_assert_int_eq(at, 23);
}
END_TEST

START_TEST(a_reader_stands_at_any_offset)
{
    open_log();
    for (int i = 0; i < 40; i++)
        append_bytes(4000);
    for (int64_t offset = writer.begin; offset < writer.end; offset += 997) {
        log_reader_seek(&reader, offset);
        ck_assert_int_eq(read_up_to(100), 1);
        expect_bytes(offset, chunk.length);
    }
    log_reader_seek(&reader, writer.end);
    ck_assert_int_eq(read_some(), 0);
    log_reader_seek(&reader, writer.end + 1000);
    ck_assert_int_eq(read_some(), 0);
    append_bytes(2000);
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, 161000);
    log_reader_seek(&reader, 0);
    ck_assert_int_eq(read_up_to(1), 1);
    ck_assert_int_eq(chunk.offset, writer.begin);
}
END_TEST

static int64_t disk_bytes(int *ret_files)
{
    DIR *dir = opendir(fixture_path(&fixture, "/log"));
    struct dirent *entry;
    int64_t bytes = 0;

    *ret_files = 0;
    while ((entry = readdir(dir))) {
        struct stat st;

        ck_assert_int_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
        if (!S_ISREG(st.st_mode))
            continue;
        bytes += st.st_size;
        ++*ret_files;
    }
    (void)closedir(dir);
    return bytes;
}

START_TEST(the_oldest_is_removed_to_keep_the_bound)
{
    int files;

    open_log();
    for (int i = 0; i < 1000; i++) {
        append_bytes(1 + (size_t)i * 37 % 5000);
        ck_assert_int_le(disk_bytes(&files), INT64_C(3) * SEGMENT);
    }
    ck_assert_int_eq(files, 3);
    ck_assert_int_eq(writer.lost, 0);
    ck_assert_int_gt(writer.begin, 0);
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, writer.begin);
}
END_TEST

START_TEST(a_reader_that_lags_behind_sees_a_gap_and_goes_on)
{
    int64_t at;

    open_log();
    append_bytes(60000);
    ck_assert_int_eq(read_up_to(10), 1);
    for (int i = 0; i < 5; i++)
        append_bytes(60000);
    /* What it has open it still reads. */
    ck_assert_int_eq(read_some(), 1);
    expect_bytes(10, 59990);
    ck_assert_int_eq(read_some(), 1);
    ck_assert_int_eq(chunk.offset, writer.begin);
    ck_assert_int_gt(chunk.offset, 60000);
    at = chunk.offset + (int64_t)chunk.length;
    while (read_some() == 1) {
        expect_bytes(at, chunk.length);
        at += (int64_t)chunk.length;
    }
    ck_assert_int_eq(at, writer.end);
}
END_TEST

START_TEST(a_full_disk_leaves_gaps_and_what_fits_is_there)
{
    char path[PATH_MAX];
    int64_t read_bytes = 0, at = 0;
    int filler, gaps = 0;

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", fixture.root, "tmpfs", 0, "size=160k"), 0);
    (void)close(run_dir);
    run_dir = open(fixture.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/filler", fixture.root);
    open_log();
    append_bytes(30000);
    filler = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(filler, buffer, 4096) > 0)
        ;
    for (int i = 0; i < 10; i++)
        append_bytes(3000);
    ck_assert_int_gt(writer.lost, 0);
    ck_assert_int_eq(ftruncate(filler, 0), 0);
    append_bytes(1000);
    while (read_some() == 1) {
        gaps += chunk.offset != at;
        expect_bytes(chunk.offset, chunk.length);
        read_bytes += (int64_t)chunk.length;
        at = chunk.offset + (int64_t)chunk.length;
    }
    ck_assert_int_eq(at, writer.end);
    ck_assert_int_eq(gaps, 1);
    ck_assert_int_eq(read_bytes, writer.end - writer.lost);
    (void)close(filler);
    (void)close(run_dir);
    run_dir = -1;
    log_writer_close(&writer);
    log_reader_close(&reader);
    ck_assert_int_eq(umount2(fixture.root, MNT_DETACH), 0);
}
END_TEST

START_TEST(logs_leave_room_for_others)
{
    struct statvfs disk;

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", fixture.root, "tmpfs", 0, "size=800k"), 0);
    (void)close(run_dir);
    run_dir = open(fixture.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_eq(log_writer_open(&writer, run_dir, LOG_LIMIT_DEFAULT, LOG_SEGMENT_DEFAULT), 0);
    for (int i = 0; i < 300; i++)
        append_bytes(3000);
    ck_assert_int_gt(writer.end - writer.lost, 600000);
    ck_assert_int_gt(writer.lost, 0);
    ck_assert_int_eq(fstatvfs(run_dir, &disk), 0);
    ck_assert_uint_ge(disk.f_bavail * disk.f_frsize, (800 << 10) / 8);
    (void)close(run_dir);
    run_dir = -1;
    log_writer_close(&writer);
    ck_assert_int_eq(umount2(fixture.root, MNT_DETACH), 0);
}
END_TEST

/* A keeper that was killed in the middle of a write. */
START_TEST(half_a_record_is_none)
{
    int fd;

    open_log();
    append_bytes(100);
    log_writer_close(&writer);
    for (off_t size = 123; size > 0; size--) {
        ck_assert_int_eq(truncate(fixture_path(&fixture, "/log/00000000000000000000"), size), 0);
        log_reader_seek(&reader, 0);
        ck_assert_int_eq(read_some(), 0);
        ck_assert_int_eq(read_up_to(1), 0);
    }
    /* Nor is what another has left there. */
    fd = open(fixture_path(&fixture, "/log/12"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    (void)close(fd);
    ck_assert_int_eq(read_some(), 0);
}
END_TEST

/* So far, of this process. */
static long count_reads(void)
{
    char line[64];
    long n = -1;
    FILE *file = fopen("/proc/self/io", "re");

    ck_assert_ptr_nonnull(file);
    while (n < 0 && fgets(line, sizeof(line), file))
        (void)sscanf(line, "syscr: %ld", &n);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_ge(n, 0);
    return n;
}

/* A segment has 40,000 records then. */
START_TEST(single_bytes_are_not_read_one_by_one)
{
    long before;

    ck_assert_int_eq(log_writer_open(&writer, run_dir, LOG_LIMIT_DEFAULT, LOG_SEGMENT_DEFAULT), 0);
    while (writer.n_segments < 3)
        append_bytes(1);
    before = count_reads();
    log_reader_seek(&reader, 2 * (LOG_SEGMENT_DEFAULT / 25) - 5);
    ck_assert_int_eq(read_up_to(5), 1);
    expect_bytes(2 * (LOG_SEGMENT_DEFAULT / 25) - 5, 5);
    log_reader_seek(&reader, 0);
    ck_assert_int_eq(read_some(), 1);
    expect_bytes(0, LOG_SEGMENT_DEFAULT / 25);
    ck_assert_int_eq(log_reader_end(run_dir), writer.end);
    ck_assert_int_lt(count_reads() - before, 100);
}
END_TEST

START_TEST(the_end_of_a_log_is_that_of_its_last_complete_record)
{
    ck_assert_int_eq(log_reader_end(run_dir), 0);
    open_log();
    ck_assert_int_eq(log_reader_end(run_dir), 0);
    for (int i = 0; i < 20; i++) {
        append_bytes(20000);
        ck_assert_int_eq(log_reader_end(run_dir), writer.end);
    }
    ck_assert_int_eq(ftruncate(writer.fd, writer.segments[writer.n_segments - 1].size - 1), 0);
    ck_assert_int_eq(log_reader_end(run_dir), writer.end - 20000);
}
END_TEST

static const struct log_record damaged[] = {
    { .offset = 0, .length = 0, .stream = 1 },  { .offset = 0, .length = LOG_RECORD_MAX + 1, .stream = 1 },
    { .offset = -1, .length = 1, .stream = 1 }, { .offset = 0, .length = 1, .stream = 0 },
    { .offset = 0, .length = 1, .stream = 3 },
};

START_TEST(a_damaged_segment_is_said_to_be_one)
{
    fixture_dir(&fixture, "/log");
    fixture_bytes(&fixture, "/log/00000000000000000000", 0600, &damaged[_i], sizeof(damaged[_i]));
    ck_assert_int_eq(read_some(), -EBADMSG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_log");
    TCase *tests = tcase_create("log");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_log_has_a_bound_that_makes_sense);
    tcase_add_test(tests, a_reader_may_be_there_first);
    tcase_add_test(tests, records_of_one_stream_are_read_together);
    tcase_add_test(tests, a_small_buffer_gets_it_in_pieces);
    tcase_add_test(tests, a_reader_stands_at_any_offset);
    tcase_add_test(tests, the_oldest_is_removed_to_keep_the_bound);
    tcase_add_test(tests, a_reader_that_lags_behind_sees_a_gap_and_goes_on);
    tcase_add_test(tests, a_full_disk_leaves_gaps_and_what_fits_is_there);
    tcase_add_test(tests, logs_leave_room_for_others);
    tcase_add_test(tests, half_a_record_is_none);
    tcase_add_test(tests, single_bytes_are_not_read_one_by_one);
    tcase_add_test(tests, the_end_of_a_log_is_that_of_its_last_complete_record);
    tcase_add_loop_test(tests, a_damaged_segment_is_said_to_be_one, 0, sizeof(damaged) / sizeof(damaged[0]));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
