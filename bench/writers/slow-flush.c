/*
 * A disk that takes 2 ms to flush, as one on a network does: preloaded into Postgres, each flush waits that long
 * before it is the real one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static void wait_for_the_network(void) {
  const struct timespec two_ms = {0, 2 * 1000 * 1000};
  nanosleep(&two_ms, 0);
}

int fsync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  wait_for_the_network();
  return next(fd);
}

int fdatasync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  wait_for_the_network();
  return next(fd);
}
