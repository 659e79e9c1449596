/* The limit that a fan-out is compared with: one send() per socket for each message, and nothing else.
 *
 *     fanout N
 *
 * Listens on a free loopback port, which it prints. The first N connections are receivers; the one after them is the
 * sender. Whatever comes from the sender in one read goes to all receivers as it is, eight times with FANOUT_BURST=8
 * set: once for each message of a burst, as a program without coalescing does it. Ends when the sender closes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 1000;
    const char *burst_text = getenv("FANOUT_BURST");
    int burst = burst_text ? atoi(burst_text) : 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 4096)) return perror("listen"), 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    int *receivers = calloc(count, sizeof *receivers);
    for (int i = 0; i < count; i++) {
        receivers[i] = accept(listener, NULL, NULL);
        setsockopt(receivers[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    int sender = accept(listener, NULL, NULL);
    static char message[65536];
    ssize_t length;
    while ((length = read(sender, message, sizeof message)) > 0)
        for (int repeat = 0; repeat < burst; repeat++)
            for (int i = 0; i < count; i++)
                if (send(receivers[i], message, length, MSG_NOSIGNAL) != length) return perror("send"), 1;
    return 0;
}
