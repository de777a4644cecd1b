/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over every file of the directories given: the corpus as a regression test, without a
 * fuzzing engine. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX ((size_t)1024 * 1024)

/* The input has exactly its size, so that a sanitizer sees one byte too far. */
static int run_file(const char *path)
{
    uint8_t *buffer = malloc(INPUT_MAX), *input;
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file || !buffer) {
        (void)fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
        free(buffer);
        return -1;
    }
    size = fread(buffer, 1, INPUT_MAX, file);
    (void)fclose(file);
    input = malloc(size > 0 ? size : 1);
    if (input) {
        memcpy(input, buffer, size);
        (void)LLVMFuzzerTestOneInput(input, size);
    }
    free(buffer);
    free(input);
    return input ? 1 : -1;
}

/* Returns the number of files, or -1. */
static int run_folder(const char *path)
{
    struct dirent *entry;
    DIR *folder = opendir(path);
    int n = 0, r = 0;

    if (!folder) {
        (void)fprintf(stderr, "cannot open %s: %s\n", path, strerror(errno));
        return -1;
    }
    while (r >= 0 && (entry = readdir(folder))) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        r = run_file(name);
        n += r;
    }
    (void)closedir(folder);
    return r < 0 ? -1 : n;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int n = run_folder(argv[i]);

        if (n < 0)
            return EXIT_FAILURE;
        total += n;
    }
    (void)printf("%d inputs\n", total);
    /* A corpus that has gone missing must not pass. */
    return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
