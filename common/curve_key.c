/* The mode of a secret is looked at on the open descriptor: what was checked is what is read. */
#include "common/curve_key.h"

#include "common/mem.h"
#include "common/z85.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 64, READ_STEP = 4096 };

static_assert(CURVE_KEY_BYTES == crypto_box_PUBLICKEYBYTES, "CURVE is Curve25519");
static_assert(CURVE_KEY_BYTES == crypto_box_SECRETKEYBYTES, "CURVE is Curve25519");

void curve_pair_make(struct curve_pair *ret_pair)
{
    if (sodium_init() < 0 || crypto_box_keypair(ret_pair->public_key, ret_pair->secret_key) != 0) {
        abort(); /* no randomness */
    }
}

/* reading */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text = bytes_slice(text, 1, text.len);
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static bool is_comment(struct bytes line)
{
    return line.data[0] == '#' && (line.len == 1 || is_blank(line.data[1]));
}

bool curve_line_next(struct bytes *text, size_t *line_number, struct bytes *ret_line)
{
    while (text->len > 0) {
        const uint8_t *end = memchr(text->data, '\n', text->len);
        size_t len = end == NULL ? text->len : (size_t)(end - text->data);
        struct bytes line = trimmed(bytes_slice(*text, 0, len));
        *text = bytes_slice(*text, end == NULL ? len : len + 1, text->len);
        ++*line_number;
        if (line.len > 0 && !is_comment(line)) {
            *ret_line = line;
            return true;
        }
    }
    return false;
}

struct bytes curve_word_next(struct bytes *line)
{
    *line = trimmed(*line);
    size_t len = 0;
    while (len < line->len && !is_blank(line->data[len])) {
        len++;
    }
    struct bytes word = bytes_slice(*line, 0, len);
    *line = trimmed(bytes_slice(*line, len, line->len));
    return word;
}

static enum status read_all(int fd, struct buf *content)
{
    ssize_t got = 0;
    do {
        uint8_t *space = buf_extend(content, READ_STEP);
        if (space == NULL) {
            errno = EFBIG;
            return STATUS_IO;
        }
        got = read(fd, space, READ_STEP);
        content->len -= (size_t)(READ_STEP - (got > 0 ? got : 0));
    } while (got > 0 && content->len <= CURVE_FILE_BYTES_MAX);
    if (got > 0) {
        errno = EFBIG;
    }
    return got == 0 ? STATUS_OK : STATUS_IO;
}

static void close_quietly(int fd)
{
    int error = errno;
    (void)close(fd);
    errno = error;
}

enum status curve_file_read(const char *path, struct buf *content)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return STATUS_IO;
    }
    enum status status = read_all(fd, content);
    close_quietly(fd);
    return status;
}

/* As curve_file_read, for secrets. */
static enum status read_secret_file(const char *path, struct buf *content)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return STATUS_IO;
    }
    enum status status = STATUS_IO;
    (void)buf_extend(content,
                     (size_t)2 * READ_STEP); /* in one place, so that wiping finds all of it */
    buf_clear(content);
    if (fstat(fd, &info) == 0) {
        bool open_to_others = (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
        status = open_to_others ? STATUS_DENIED : read_all(fd, content);
    }
    close_quietly(fd);
    return status;
}

static enum status explain(enum status status, const char *path, const char *text, struct buf *why)
{
    buf_append_str(why, path);
    buf_append_str(why, ": ");
    buf_append_str(why, text);
    return status;
}

static bool take_key(struct bytes *content, const char *label, uint8_t key[CURVE_KEY_BYTES])
{
    struct bytes line;
    size_t number = 0;
    return curve_line_next(content, &number, &line) &&
           bytes_equal(curve_word_next(&line), bytes_of_str(label)) &&
           z85_decode(line, key, CURVE_KEY_BYTES);
}

/* Both halves are in the file so that people can see whose it is; they must belong together. */
static bool parse_pair(struct bytes content, struct curve_pair *pair)
{
    uint8_t derived[CURVE_KEY_BYTES];
    struct bytes line;
    size_t number = 0;
    return take_key(&content, "public", pair->public_key) &&
           take_key(&content, "secret", pair->secret_key) &&
           !curve_line_next(&content, &number, &line) &&
           crypto_scalarmult_base(derived, pair->secret_key) == 0 &&
           sodium_memcmp(derived, pair->public_key, sizeof(derived)) == 0;
}

enum status curve_pair_read(const char *path, struct curve_pair *ret_pair, struct buf *why)
{
    struct curve_pair pair;
    struct buf content;
    buf_init(&content, CURVE_FILE_BYTES_MAX + READ_STEP);
    enum status status = read_secret_file(path, &content);
    if (status == STATUS_DENIED) {
        (void)explain(status, path,
                      "group or others may read this secret key; chmod 600 it, and make a new one "
                      "if they have",
                      why);
    } else if (status != STATUS_OK) {
        (void)explain(status, path, strerror(errno), why);
    } else if (!parse_pair(buf_bytes(&content), &pair)) {
        status = explain(STATUS_MALFORMED, path,
                         "is no key pair as splitrailctl keygen writes it (NAME.key)", why);
    } else {
        *ret_pair = pair;
    }
    if (content.data != NULL) {
        mem_wipe(content.data, content.capacity);
    }
    buf_fini(&content);
    mem_wipe(&pair, sizeof(pair));
    return status;
}

enum status curve_public_read(const char *path, uint8_t ret_key[CURVE_KEY_BYTES], struct buf *why)
{
    uint8_t key[CURVE_KEY_BYTES];
    struct buf content;
    struct bytes line;
    size_t number = 0;
    buf_init(&content, CURVE_FILE_BYTES_MAX + READ_STEP);
    enum status status = curve_file_read(path, &content);
    struct bytes rest = buf_bytes(&content);
    if (status != STATUS_OK) {
        (void)explain(status, path, strerror(errno), why);
    } else if (!curve_line_next(&rest, &number, &line) ||
               !z85_decode(curve_word_next(&line), key, CURVE_KEY_BYTES)) {
        status = explain(STATUS_MALFORMED, path,
                         "does not begin with a public key as splitrailctl keygen writes it "
                         "(NAME.pub)",
                         why);
    } else {
        memcpy(ret_key, key, sizeof(key));
    }
    buf_fini(&content);
    return status;
}

/* writing */

static void append_key(struct buf *out, const uint8_t key[CURVE_KEY_BYTES])
{
    char text[CURVE_KEY_CHARS];
    z85_encode(key, CURVE_KEY_BYTES, text);
    buf_append(out, bytes_of(text, sizeof(text)));
    mem_wipe(text, sizeof(text));
}

static bool name_is_good(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && byte != '.' && byte != '_' && byte != '-') {
            return false;
        }
    }
    return name.len >= 1 && name.len <= NAME_BYTES_MAX;
}

/* A new file with all of it, on the disk, or none. */
static enum status write_new(const char *path, mode_t mode, struct bytes content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return errno == EEXIST ? STATUS_EXISTS : STATUS_IO;
    }
    ssize_t written = write(fd, content.data, content.len);
    bool good = written == (ssize_t)content.len && fsync(fd) == 0;
    close_quietly(fd);
    if (!good) {
        (void)unlink(path); /* ours, and half written */
        return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status write_file(const char *stem, const char *ending, mode_t mode,
                              struct buf *content, struct buf *why)
{
    struct buf path;
    buf_init(&path, 0);
    buf_append_str(&path, stem);
    buf_append_str(&path, ending);
    buf_append_byte(&path, 0);
    const char *name = (const char *)path.data;
    enum status status = write_new(name, mode, buf_bytes(content));
    if (status != STATUS_OK) {
        (void)explain(status, name,
                      status == STATUS_EXISTS ? "is there already and is not overwritten"
                                              : strerror(errno),
                      why);
    }
    buf_fini(&path);
    return status;
}

static void remove_file(const char *stem, const char *ending)
{
    struct buf path;
    buf_init(&path, 0);
    buf_append_str(&path, stem);
    buf_append_str(&path, ending);
    buf_append_byte(&path, 0);
    (void)unlink((const char *)path.data); /* ours, from a moment ago */
    buf_fini(&path);
}

static void pair_text(const struct curve_pair *pair, struct bytes name, struct buf *key,
                      struct buf *pub)
{
    buf_append_str(key, "# Splitrail CURVE key pair of ");
    buf_append(key, name);
    buf_append_str(key, ". Secret: for its owner's eyes only.\npublic ");
    append_key(key, pair->public_key);
    buf_append_str(key, "\nsecret ");
    append_key(key, pair->secret_key);
    buf_append_byte(key, '\n');
    append_key(pub, pair->public_key);
    buf_append_byte(pub, ' ');
    buf_append(pub, name);
    buf_append_byte(pub, '\n');
}

enum status curve_pair_write(const char *stem, const struct curve_pair *pair, struct buf *why)
{
    const char *slash = strrchr(stem, '/');
    struct bytes name = bytes_of_str(slash == NULL ? stem : slash + 1);
    struct buf key;
    struct buf pub;
    if (!name_is_good(name)) {
        return explain(STATUS_MALFORMED, stem, "a name is 1 to 64 of A-Z a-z 0-9 . _ -", why);
    }
    buf_init(&key, 0);
    buf_init(&pub, 0);
    pair_text(pair, name, &key, &pub);
    enum status status = write_file(stem, ".pub", 0644, &pub, why);
    if (status == STATUS_OK) {
        status = write_file(stem, ".key", 0600, &key, why);
        if (status != STATUS_OK) {
            remove_file(stem, ".pub");
        }
    }
    mem_wipe(key.data, key.capacity);
    buf_fini(&key);
    buf_fini(&pub);
    return status;
}
