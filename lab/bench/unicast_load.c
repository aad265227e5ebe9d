/* Unicast clients for the bench: so many ask one master for Announce, Sync and Delay_Resp, and count what comes.
 *
 * unicast_load INTERFACE MASTER_MAC OWN_MAC MASTER_IP CLIENTS LOG_INTERVAL SETTLE_S SECONDS DOMAIN PID
 *
 * Every client has an IP address of its own (10.1.0.0 and up) behind one MAC, so frames are made and read on a raw
 * socket; the master routes 10.1.0.0/16 here. Delay_Reqs are spread evenly. Prints one JSON line over the SECONDS that
 * are counted: cpu_s is of process PID, own_cpu_s of this one, dropped what the socket here had no room for,
 * off_interval counts the Syncs that came more than 30 % early or late behind the one before (IEEE 1588-2019 7.7.2.1),
 * clients_granted those who hold all three grants.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IP = 14, UDP = 34, PTP = 42, ROOM = 128, BATCH = 64, MOST = 65534 };
enum { EVENT = 319, GENERAL = 320, SYNC = 0, DELAY_REQ = 1, FOLLOW_UP = 8, DELAY_RESP = 9, ANNOUNCE = 11, SIGNALING = 12 };

static uint8_t master_mac[6], own_mac[6];
static uint32_t master_ip;
static int fd, domain;
static double last_sync[MOST];
static uint16_t granted[MOST];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void put16(uint8_t *at, unsigned value) { at[0] = value >> 8; at[1] = value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16); put16(at + 2, value); }
static unsigned get16(const uint8_t *at) { return at[0] << 8 | at[1]; }

static void parse_mac(const char *text, uint8_t *mac) {
  unsigned part[6];
  sscanf(text, "%x:%x:%x:%x:%x:%x", part, part + 1, part + 2, part + 3, part + 4, part + 5);
  for (int i = 0; i < 6; i++) mac[i] = part[i];
}

/* The CPU time of a process, ns, by the scheduler's account of its threads. */
static double cpu_s(int pid) {
  char path[64];
  double total;
  snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
  FILE *file = fopen(path, "r");
  if (!file || fscanf(file, "%lf", &total) != 1) total = 0;
  if (file) fclose(file);
  return total * 1e-9;
}

static double own_cpu_s(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

/* Frames that found no room since this was asked last. */
static unsigned dropped(void) {
  struct tpacket_stats seen = {0};
  socklen_t size = sizeof seen;
  getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &seen, &size);
  return seen.tp_drops;
}

/* Ethernet, IP, UDP and the PTP header of a client's frame with so many octets of PTP. */
static int frame(uint8_t *at, int client, int type, int length, unsigned sequence) {
  memset(at, 0, PTP + length);
  memcpy(at, master_mac, 6);
  memcpy(at + 6, own_mac, 6);
  put16(at + 12, ETHERTYPE_IP);
  at[IP] = 0x45;
  put16(at + IP + 2, 28 + length);
  at[IP + 8] = 64;
  at[IP + 9] = IPPROTO_UDP;
  put32(at + IP + 12, 0x0a010000u + client + 1);
  memcpy(at + IP + 16, &master_ip, 4);
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += get16(at + IP + i);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  put16(at + IP + 10, ~sum);
  int port = type < 8 ? EVENT : GENERAL;
  put16(at + UDP, port);
  put16(at + UDP + 2, port);
  put16(at + UDP + 4, 8 + length);
  uint8_t *ptp = at + PTP;
  ptp[0] = type;
  ptp[1] = 2;
  put16(ptp + 2, length);
  ptp[4] = domain;
  ptp[6] = 4;
  ptp[20] = 2;
  put32(ptp + 24, client + 1);
  put16(ptp + 28, 1);
  put16(ptp + 30, sequence);
  ptp[32] = type == DELAY_REQ ? 1 : 5;
  ptp[33] = 0x7f;
  return PTP + length;
}

static void ask(int client, int type, int log_interval) {
  uint8_t out[ROOM];
  int size = frame(out, client, SIGNALING, 54, type);
  uint8_t *ptp = out + PTP;
  memset(ptp + 34, 0xff, 10);
  put16(ptp + 44, 4);
  put16(ptp + 46, 6);
  ptp[48] = type << 4;
  ptp[49] = log_interval;
  put32(ptp + 50, 300);
  send(fd, out, size, 0);
}

int main(int count, char **word) {
  if (count != 11) return 2;
  parse_mac(word[2], master_mac);
  parse_mac(word[3], own_mac);
  inet_pton(AF_INET, word[4], &master_ip);
  int clients = atoi(word[5]), log_interval = atoi(word[6]), pid = atoi(word[10]);
  double settle = atof(word[7]), seconds = atof(word[8]), interval = 1.0 / (1 << -log_interval);
  domain = atoi(word[9]);
  if (clients < 1 || clients > MOST) return 2;
  fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct ifreq request = {0};
  strncpy(request.ifr_name, word[1], IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFINDEX, &request)) return 3;
  struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_IP), .sll_ifindex = request.ifr_ifindex};
  int room = 64 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (bind(fd, (struct sockaddr *)&place, sizeof place)) return 4;
  static uint8_t in[BATCH][2048], out[BATCH][ROOM];
  static struct mmsghdr arrive[BATCH], leave[BATCH];
  static struct iovec in_at[BATCH], out_at[BATCH];
  for (int i = 0; i < BATCH; i++) {
    in_at[i] = (struct iovec){in[i], sizeof in[i]};
    arrive[i].msg_hdr = (struct msghdr){.msg_iov = in_at + i, .msg_iovlen = 1};
    leave[i].msg_hdr = (struct msghdr){.msg_iov = out_at + i, .msg_iovlen = 1};
  }
  long got[16] = {0}, refused = 0, requests = 0, off_interval = 0;
  double begin = now(), counted_from = begin + settle, end = counted_from + seconds, cpu_before = 0, own_before = 0;
  double next_request = begin + settle / 2;
  int asked = 0, client = 0, counting = 0;
  unsigned sequence = 0;
  for (;;) {
    double at = now();
    if (at >= end) break;
    if (!counting && at >= counted_from) {
      counting = 1;
      memset(got, 0, sizeof got);
      requests = 0;
      off_interval = 0;
      dropped();
      cpu_before = cpu_s(pid);
      own_before = own_cpu_s();
      counted_from = at;
    }
    /* The first quarter of settling: all ask, evenly spread. */
    int due = (at - begin) / (settle / 4) * clients * 3;
    for (; asked < due && asked < clients * 3; asked++) {
      static const int kinds[] = {ANNOUNCE, SYNC, DELAY_RESP};
      int kind = kinds[asked / clients];
      ask(asked % clients, kind, kind == ANNOUNCE ? 0 : log_interval);
    }
    int n = 0;
    double step = interval / clients;
    while (n < BATCH && next_request <= at) {
      out_at[n] = (struct iovec){out[n], frame(out[n], client, DELAY_REQ, 44, sequence)};
      n++;
      next_request += step;
      if (++client == clients) client = 0, sequence++;
    }
    if (n) {
      int sent = sendmmsg(fd, leave, n, 0);
      if (counting && sent > 0) requests += sent;
    }
    int arrived = recvmmsg(fd, arrive, BATCH, MSG_DONTWAIT, NULL);
    double came = now();
    for (int i = 0; i < arrived; i++) {
      uint8_t *ptp = in[i] + PTP;
      unsigned port = get16(in[i] + UDP + 2);
      if (arrive[i].msg_len < PTP + 44 || in[i][IP + 9] != IPPROTO_UDP || (port != EVENT && port != GENERAL)) continue;
      int type = ptp[0] & 15;
      unsigned to = (get16(in[i] + IP + 16) << 16 | get16(in[i] + IP + 18)) - 0x0a010001u;
      if (to >= (unsigned)clients) continue;
      got[type]++;
      if (type == SYNC) {
        double gap = came - last_sync[to];
        if (last_sync[to] && (gap < 0.7 * interval || gap > 1.3 * interval)) off_interval++;
        last_sync[to] = came;
      }
      if (type == SIGNALING && arrive[i].msg_len >= PTP + 56 && get16(ptp + 44) == 5) {
        uint32_t duration = (uint32_t)get16(ptp + 50) << 16 | get16(ptp + 52);
        if (duration) granted[to] |= 1 << (ptp[48] >> 4); else refused++;
      }
    }
    if (n < BATCH && arrived < BATCH) {
      struct pollfd wait = {.fd = fd, .events = POLLIN};
      struct timespec most = {0, 500000};
      ppoll(&wait, 1, &most, NULL);
    }
  }
  double elapsed = now() - counted_from, cpu = cpu_s(pid) - cpu_before, own_cpu = own_cpu_s() - own_before;
  int clients_granted = 0;
  for (int i = 0; i < clients; i++) clients_granted += granted[i] == (1 << ANNOUNCE | 1 << SYNC | 1 << DELAY_RESP);
  printf("{\"seconds\": %.4f, \"cpu_s\": %.6f, \"own_cpu_s\": %.6f, \"dropped\": %u, \"requests\": %ld, "
         "\"announce\": %ld, \"sync\": %ld, \"off_interval\": %ld, \"follow_up\": %ld, \"delay_resp\": %ld, "
         "\"clients_granted\": %d, \"refused\": %ld}\n",
         elapsed, cpu, own_cpu, dropped(), requests, got[ANNOUNCE], got[SYNC], off_interval, got[FOLLOW_UP],
         got[DELAY_RESP], clients_granted, refused);
  return 0;
}
