/* A race of our own, in memory of libzmq's, for the thread sanitizer to find: what
 * tests/support/tsan.supp keeps it from looking at is what libzmq does, not what we do. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static void *write_unlocked(void *message)
{
    memset(zmq_msg_data(message), 1, zmq_msg_size(message));
    return NULL;
}

int main(void)
{
    zmq_msg_t message;
    pthread_t other;
    if (zmq_msg_init_size(&message, 4096) != 0 ||
        pthread_create(&other, NULL, write_unlocked, &message) != 0) {
        return EXIT_FAILURE;
    }
    (void)write_unlocked(&message);
    (void)pthread_join(other, NULL);
    return zmq_msg_close(&message) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
