/* Runs a fuzz target once over each file of the given folders, so that builds without a fuzzer keep
 * every known input passing. Where the target has a mutator, each input is also changed a few
 * times, always in the same way: that tries the mutator. Not searched: subfolders. */
#include "common/mem.h"
#include "tests/support/fuzz.h"
#include "tests/support/rng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096, MUTATIONS = 24, MUTATION_GROWTH = 512 };

/* Absent where a target has no structure to keep. */
#pragma weak LLVMFuzzerCustomMutator

/* Plain changes of one to four bytes, by the content: enough where nothing is searched for. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    struct rng rng = {size};
    if (size < max_size && (size == 0 || rng_below(&rng, 2) == 0)) {
        data[size++] = (uint8_t)rng_u64(&rng);
    }
    for (uint32_t left = 1 + rng_below(&rng, 4); left != 0; left--) {
        data[rng_below(&rng, (uint32_t)size)] ^= (uint8_t)rng_u64(&rng);
    }
    return size;
}

/* A copy of just this size lets a sanitizer see a read past its end. */
static void run_exact(struct bytes input)
{
    uint8_t *exact = mem_copy(input);
    LLVMFuzzerTestOneInput(exact, input.len);
    mem_free(exact);
}

static void run_mutations(struct bytes input)
{
    size_t max = input.len + MUTATION_GROWTH;
    uint8_t *room = mem_new(max, 1);
    size_t len = input.len;
    if (len != 0) {
        memcpy(room, input.data, len);
    }
    for (unsigned seed = 0; seed < MUTATIONS; seed++) {
        len = LLVMFuzzerCustomMutator(room, len, max, seed);
        if (len > max) {
            abort();
        }
        run_exact(bytes_of(room, len));
    }
    mem_free(room);
}

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
        run_exact(bytes_of(input, len));
    }
    if (good && LLVMFuzzerCustomMutator != NULL) {
        run_mutations(bytes_of(input, len));
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
        if (count < 1) {
            (void)fprintf(stderr, "%s: no input\n", argv[i]);
            return EXIT_FAILURE;
        }
        total += count;
    }
    printf("replayed %d inputs\n", total);
    return EXIT_SUCCESS;
}
