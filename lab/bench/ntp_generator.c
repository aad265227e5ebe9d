/* Asks an NTP server as fast as it can, or so many times a second, and prints one line of JSON.
 *
 * ntp_generator SERVER PORT FIRST_SOURCE SOURCES SECONDS closed WINDOW REQUESTS_FILE
 * ntp_generator SERVER PORT FIRST_SOURCE SOURCES SECONDS open   RATE   REQUESTS_FILE
 *
 * Asks from SOURCES addresses, counted up from FIRST_SOURCE, by a socket each. The file holds requests, each with its
 * length before it (16 bits, big-endian); they are sent in turn. What is measured of a reply: by how much the kernel
 * here received it later than its transmit timestamp says, which on one machine is the timestamp's error and some
 * tenths of a microsecond of a cable. Closed: a request follows each reply, WINDOW under way. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, MOST_SOURCES = 64, OCTETS = 1500, MOST_ERRORS = 1 << 20 };

static struct { int fd; long under_way; } sources[MOST_SOURCES];
static int source_count;
static struct { unsigned char *octets; int length; } *requests;
static long request_count, next_request, sent, answered, refused, other;
static int32_t errors_ns[MOST_ERRORS];
static long error_count;

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_iov[BATCH], in_iov[BATCH];
static unsigned char in_octets[BATCH][OCTETS];
static char control[BATCH][64];

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void read_requests(const char *path)
{
	FILE *file = fopen(path, "rb");
	unsigned char head[2];
	if (!file)
		fail(path);
	while (fread(head, 1, 2, file) == 2) {
		int length = head[0] << 8 | head[1];
		requests = realloc(requests, (request_count + 1) * sizeof *requests);
		requests[request_count].octets = malloc(length);
		requests[request_count].length = length;
		if (fread(requests[request_count++].octets, 1, length, file) != (size_t)length)
			fail("a request is cut");
	}
	fclose(file);
}

static void open_sources(const char *server, int port, const char *first, int count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	int one = 1, room = 4 << 20;
	inet_pton(AF_INET, server, &to.sin_addr);
	inet_pton(AF_INET, first, &from.sin_addr);
	for (source_count = 0; source_count < count; source_count++) {
		int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
		if (bind(fd, (struct sockaddr *)&from, sizeof from) || connect(fd, (struct sockaddr *)&to, sizeof to))
			fail("source");
		sources[source_count].fd = fd;
		from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + 1);
	}
}

static void send_some(int source, int count)
{
	for (int i = 0; i < count; i++) {
		long at = next_request++ % request_count;
		out_iov[i].iov_base = requests[at].octets;
		out_iov[i].iov_len = requests[at].length;
		out[i].msg_hdr.msg_iov = &out_iov[i];
		out[i].msg_hdr.msg_iovlen = 1;
	}
	int done = sendmmsg(sources[source].fd, out, count, 0);
	if (done > 0) {
		sent += done;
		sources[source].under_way += done;
	}
}

static void take_reply(const unsigned char *octets, int length, struct msghdr *head)
{
	if (length < 48 || (octets[0] & 7) != 4) {
		other++;
		return;
	}
	if (octets[1] == 0) {
		refused++;
		return;
	}
	answered++;
	struct cmsghdr *message = CMSG_FIRSTHDR(head);
	if (!message || error_count == MOST_ERRORS)
		return;
	struct timespec *stamp = (struct timespec *)CMSG_DATA(message);
	uint32_t seconds, fraction;
	memcpy(&seconds, octets + 40, 4);
	memcpy(&fraction, octets + 44, 4);
	int64_t left_ns = (int64_t)(ntohl(seconds) - 2208988800U) * 1000000000LL + ((uint64_t)ntohl(fraction) * 1000000000ULL >> 32);
	int64_t error_ns = stamp->tv_sec * 1000000000LL + stamp->tv_nsec - left_ns;
	if (error_ns > INT32_MAX)
		error_ns = INT32_MAX;
	if (error_ns < INT32_MIN)
		error_ns = INT32_MIN;
	errors_ns[error_count++] = error_ns;
}

static int receive_some(int source)
{
	for (int i = 0; i < BATCH; i++) {
		in_iov[i].iov_base = in_octets[i];
		in_iov[i].iov_len = OCTETS;
		in[i].msg_hdr.msg_iov = &in_iov[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_control = control[i];
		in[i].msg_hdr.msg_controllen = sizeof control[i];
	}
	int count = recvmmsg(sources[source].fd, in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++)
		take_reply(in_octets[i], in[i].msg_len, &in[i].msg_hdr);
	if (count > 0)
		sources[source].under_way -= count;
	return count > 0 ? count : 0;
}

static int by_size(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

static double quantile(double share)
{
	return error_count ? errors_ns[(long)(share * (error_count - 1))] / 1e3 : 0.0;
}

static int wait_for_replies(int64_t wait_ns)
{
	struct pollfd fds[MOST_SOURCES];
	struct timespec wait = { .tv_nsec = wait_ns };
	for (int i = 0; i < source_count; i++)
		fds[i] = (struct pollfd){ .fd = sources[i].fd, .events = POLLIN };
	return ppoll(fds, source_count, &wait, NULL);
}

static void ask_closed(int64_t begin_ns, int64_t end_ns, long window)
{
	long each = window / source_count > 0 ? window / source_count : 1;
	(void)begin_ns;
	while (now_ns(CLOCK_MONOTONIC) < end_ns) {
		int came = 0;
		for (int i = 0; i < source_count; i++) {
			came += receive_some(i);
			long room = each - sources[i].under_way;
			if (room > 0)
				send_some(i, room < BATCH ? room : BATCH);
		}
		if (!came && wait_for_replies(20000000) == 0)
			for (int i = 0; i < source_count; i++)
				sources[i].under_way = 0; /* lost */
	}
}

static void ask_open(int64_t begin_ns, int64_t end_ns, double rate)
{
	int64_t now;
	int source = 0;
	while ((now = now_ns(CLOCK_MONOTONIC)) < end_ns) {
		long due = (now - begin_ns) * 1e-9 * rate - sent;
		for (; due > 0; due--, source = (source + 1) % source_count)
			send_some(source, 1);
		for (int i = 0; i < source_count; i++)
			receive_some(i);
		int64_t next = begin_ns + (int64_t)((sent + 1) / rate * 1e9) - now_ns(CLOCK_MONOTONIC);
		if (next > 0) {
			struct timespec wait = { .tv_nsec = next < 100000000 ? next : 100000000 };
			nanosleep(&wait, NULL);
		}
	}
}

int main(int count, char **argument)
{
	if (count != 9)
		return 2;
	read_requests(argument[8]);
	open_sources(argument[1], atoi(argument[2]), argument[3], atoi(argument[4]));
	int64_t begin_ns = now_ns(CLOCK_MONOTONIC);
	int64_t end_ns = begin_ns + (int64_t)(atof(argument[5]) * 1e9);
	if (!strcmp(argument[6], "closed"))
		ask_closed(begin_ns, end_ns, atol(argument[7]));
	else
		ask_open(begin_ns, end_ns, atof(argument[7]));
	double seconds = (now_ns(CLOCK_MONOTONIC) - begin_ns) * 1e-9;
	double cpu_s = now_ns(CLOCK_PROCESS_CPUTIME_ID) * 1e-9;
	struct timespec rest = { .tv_nsec = 50000000 };
	nanosleep(&rest, NULL);
	for (int i = 0; i < source_count; i++)
		while (receive_some(i) > 0)
			;
	qsort(errors_ns, error_count, sizeof *errors_ns, by_size);
	printf("{\"sent\": %ld, \"answered\": %ld, \"refused\": %ld, \"other\": %ld, \"seconds\": %.6f, \"busy\": %.3f, "
	       "\"late_us\": [%.2f, %.2f, %.2f, %.2f, %.2f]}\n",
	       sent, answered, refused, other, seconds, cpu_s / seconds,
	       quantile(0.01), quantile(0.25), quantile(0.5), quantile(0.75), quantile(0.99));
	return 0;
}
