/* A pseudo-terminal for tests, which the crate itself cannot make: the calls for it are not safe ones.
 * Makes one, prints the path of its terminal side and a line feed, then passes on what comes in on standard input as typing, and
 * writes to standard output what a person would see. Ends at the end of its input. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pass(int from, int to) {
    char buffer[4096];
    ssize_t length = read(from, buffer, sizeof buffer);
    for (ssize_t at = 0; at < length;) {
        ssize_t written = write(to, buffer + at, (size_t)(length - at));
        if (written <= 0) return -1;
        at += written;
    }
    return length > 0 ? 0 : -1;
}

int main(void) {
    char name[64], line[80];
    int person = posix_openpt(O_RDWR | O_NOCTTY);
    if (person < 0 || grantpt(person) || unlockpt(person) || ptsname_r(person, name, sizeof name)) {
        perror("pseudo-terminal");
        return 1;
    }
    /* Held open, so that the terminal is there before and after the program under test has it. */
    int held = open(name, O_RDWR | O_NOCTTY);
    int length = snprintf(line, sizeof line, "%s\n", name);
    if (held < 0 || write(1, line, (size_t)length) != length) {
        perror("terminal");
        return 1;
    }
    for (;;) {
        struct pollfd both[2] = {{.fd = 0, .events = POLLIN}, {.fd = person, .events = POLLIN}};
        if (poll(both, 2, -1) < 0) return 1;
        if (both[1].revents && pass(person, 1)) return 1;
        if (both[0].revents && pass(0, person)) return 0;
    }
}
