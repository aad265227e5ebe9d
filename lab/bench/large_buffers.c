/* To be preloaded: every socket gets a receive buffer of 4 MB, as by sysctl net.core.rmem_default for that program alone.
 *
 * Transmit stamps are charged to the receive buffer: where requests have filled it, ptp4l gets none.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
  int (*next)(int, int, int) = dlsym(RTLD_NEXT, "socket");
  int fd = next(domain, type, protocol), room = 4 << 20;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  return fd;
}
