/*
 * The floor: what the kernel takes to write one framed buffer to every socket, and nothing else.
 *
 * floor PORT-FILE BYTES: listens, answers the handshake (with a fixed accept key, which the load generator does
 * not check), greets, and for every line "N J" on stdin sends N frames to all: one write a frame, or, with J = 1,
 * one write for all N.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX = 20000 };
static int clients[MAX];
static int count;

static void write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, bytes, length);
    if (n <= 0) return;
    bytes += n;
    length -= (size_t)n;
  }
}

static void greet(int fd) {
  static const char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: x\r\n\r\n\x81\x0b\"connected\"";
  char request[4096];
  if (read(fd, request, sizeof request) <= 0) return;
  write_all(fd, answer, sizeof answer - 1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int bytes = atoi(argv[2]);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  if (bind(server, (struct sockaddr *)&at, size) || listen(server, 4096)) return 1;
  getsockname(server, (struct sockaddr *)&at, &size);
  FILE *port = fopen(argv[1], "w");
  if (!port) return 1;
  fprintf(port, "%d\n", ntohs(at.sin_port));
  fclose(port);

  char *frame = malloc((size_t)(bytes + 4) * 64);
  if (!frame) return 1;
  for (int i = 0; i < 64; i++) {
    char *one = frame + (size_t)i * (size_t)(bytes + 4);
    one[0] = (char)0x81;
    one[1] = 126;
    one[2] = (char)(bytes >> 8);
    one[3] = (char)bytes;
    memset(one + 4, 'x', (size_t)bytes);
  }
  struct pollfd waiting[2] = {{.fd = server, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  char line[64];
  for (;;) {
    poll(waiting, 2, -1);
    if (waiting[0].revents & POLLIN) {
      int fd = accept(server, NULL, NULL);
      int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      greet(fd);
      if (count < MAX) clients[count++] = fd;
    }
    if (waiting[1].revents & (POLLIN | POLLHUP)) {
      ssize_t n = read(0, line, sizeof line - 1);
      if (n <= 0) return 0;
      line[n] = 0;
      int times = 1, joined = 0;
      sscanf(line, "%d %d", &times, &joined);
      size_t one = (size_t)bytes + 4;
      if (joined) {
        for (int c = 0; c < count; c++) write_all(clients[c], frame, one * (size_t)times);
      } else {
        for (int i = 0; i < times; i++)
          for (int c = 0; c < count; c++) write_all(clients[c], frame, one);
      }
    }
  }
}
