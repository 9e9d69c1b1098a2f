/* Runs a fuzz target once over each file of the given folders, so that builds without a fuzzer keep
 * every known input passing. Not searched: subfolders. */
#include "common/mem.h"
#include "tests/support/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

/* True when `path` was a readable file. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    uint8_t *input = mem_new(INPUT_BYTES_MAX, 1);
    size_t len = fread(input, 1, INPUT_BYTES_MAX, file);
    int good = ferror(file) == 0;
    (void)fclose(file);
    if (good) {
        /* A copy of just this size lets a sanitizer see a read past its end. */
        uint8_t *exact = mem_copy(bytes_of(input, len));
        LLVMFuzzerTestOneInput(exact, len);
        mem_free(exact);
    }
    mem_free(input);
    return good;
}

/* Number of files replayed, or -1. */
static int replay_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[PATH_BYTES_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && len > 0 && (size_t)len < sizeof(path)) {
            count += replay_file(path);
        }
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 0) {
            return EXIT_FAILURE;
        }
        total += count;
    }
    printf("replayed %d inputs\n", total);
    return EXIT_SUCCESS;
}
