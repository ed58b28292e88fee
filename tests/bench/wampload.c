/* wampload: a load generator for WAMP routers over RawSocket and WebSocket (JSON, MsgPack, CBOR), for MQTT 3.1.1
 * brokers (QoS 0) and for a bare relay of bytes. One thread, epoll, a closed loop: at most WINDOW messages are under
 * way, so nobody is asked to buffer without bound, and a message that gets lost is noticed (the loop stands still).
 *
 *   cc -O2 -o wampload wampload.c
 *   wampload pubsub --tcp 127.0.0.1:8080 --encoding cbor --pubs 1 --subs 10 --bytes 32 --secs 5 --window 256
 *   wampload pubsub --tcp 127.0.0.1:8080 --path /ws --encoding json        (WebSocket, when a path is given)
 *   wampload rpc    --unix router.sock   --encoding json --callers 1 --window 64
 *   wampload hold   --tcp 127.0.0.1:8080 --subs 1000 --topics 100          (subscribes, holds until stdin ends)
 *
 * Prints one line of JSON: deliveries per second, latency in us, and what it cost the generator. Exit status: 0 well,
 * 1 the router answered with errors, 2 it could not run, 3 nothing came any more.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wampload_codec.h"

enum { HELLO = 1, WELCOME = 2, ABORT = 3, GOODBYE = 6, ERROR = 8, PUBLISH = 16, PUBLISHED = 17, SUBSCRIBE = 32,
       SUBSCRIBED = 33, EVENT = 36, CALL = 48, RESULT = 50, REGISTER = 64, REGISTERED = 65, INVOCATION = 68, YIELD = 70 };
enum { MARK_N = 8, DIGITS = 19 };
static const char MARK[] = "wampload";

enum protocol { RAWSOCKET, WEBSOCKET, MQTT, RELAY };
enum mode { PUBSUB, RPC, HOLD };
enum role { PUBLISHER, SUBSCRIBER, CALLER, CALLEE };
enum kind { DATA, PING, OTHER, CLOSE };

struct conn {
  int fd, id;
  enum role role;
  bool waits_to_write;
  struct buf in, out;
  size_t sent;
  uint64_t request, under_way;
};

struct frame {
  enum kind kind;
  size_t head, n; /* bytes before the payload, bytes of payload */
};

static enum protocol protocol = RAWSOCKET;
static enum mode mode = PUBSUB;
static int pubs = 1, subs = 1, callers = 1, bytes = 32, window = 256, topics = 1, spread = 1;
static bool acknowledge;
static double secs = 5, warm = 1;
static const char *tcp = "127.0.0.1:8080", *unix_path, *http_path, *realm = "realm1", *topic = "com.example.load",
                  *procedure = "com.example.echo";

static int poller;
static struct conn *conns;
static int nconns;
static struct buf scratch; /* the message being written */
static char *payload;
static uint64_t *latencies;
static size_t nlatencies, latencies_cap;
static uint64_t delivered, published, errors;
static bool measuring;
static unsigned sample_every = 1;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what) {
  fprintf(stderr, "wampload: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(2);
}

static void refuse(const char *what, const uint8_t *answer, size_t n) {
  fprintf(stderr, "wampload: %s; the answer was: %.*s\n", what, n > 400 ? 400 : (int)n, (const char *)answer);
  exit(2);
}

/* --- framing ------------------------------------------------------------------------------------------------- */

static void append_websocket(struct buf *out, unsigned opcode, const uint8_t *data, size_t n) {
  static uint32_t mask = 0x9e3779b9u; /* RFC 6455 5.3: a client masks, with a new key each time */
  mask ^= mask << 13, mask ^= mask >> 17, mask ^= mask << 5;
  put_byte(out, 0x80 | opcode);
  if (n < 126) put_byte(out, 0x80 | (unsigned)n);
  else if (n < 65536) put_byte(out, 0x80 | 126), put_big_endian(out, n, 2);
  else put_byte(out, 0x80 | 127), put_big_endian(out, n, 8);
  put_big_endian(out, mask, 4);
  reserve(out, n);
  uint8_t key[4] = {(uint8_t)(mask >> 24), (uint8_t)(mask >> 16), (uint8_t)(mask >> 8), (uint8_t)mask};
  for (size_t i = 0; i < n; i++) out->p[out->n + i] = data[i] ^ key[i & 3];
  out->n += n;
}

static void append_message(struct conn *c, const struct buf *message) {
  if (protocol == WEBSOCKET) {
    append_websocket(&c->out, encoding == JSON ? 1 : 2, message->p, message->n);
    return;
  }
  put_big_endian(&c->out, message->n, 4);
  put(&c->out, message->p, message->n);
}

static void append_pong(struct conn *c, const uint8_t *data, size_t n) {
  if (protocol == WEBSOCKET) {
    append_websocket(&c->out, 10, data, n);
    return;
  }
  put_big_endian(&c->out, 2u << 24 | (uint32_t)n, 4);
  put(&c->out, data, n);
}

static bool rawsocket_frame(const uint8_t *p, size_t n, struct frame *f) {
  if (n < 4) return false;
  f->head = 4;
  f->n = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
  f->kind = p[0] == 0 ? DATA : p[0] == 1 ? PING : OTHER;
  return true;
}

static bool websocket_frame(const uint8_t *p, size_t n, struct frame *f) {
  if (n < 2) return false;
  size_t length = p[1] & 127, extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (p[1] & 128) die("the router masked a frame");
  if (n < 2 + extra) return false;
  if (extra) length = 0;
  for (size_t i = 0; i < extra; i++) length = length << 8 | p[2 + i];
  f->head = 2 + extra;
  f->n = length;
  unsigned opcode = p[0] & 15;
  f->kind = opcode == 1 || opcode == 2 ? DATA : opcode == 9 ? PING : opcode == 8 ? CLOSE : OTHER;
  return true;
}

static bool mqtt_frame(const uint8_t *p, size_t n, struct frame *f) {
  size_t at = 1;
  f->n = 0;
  for (int shift = 0;; shift += 7) {
    if (at >= n) return false;
    f->n |= (size_t)(p[at] & 127) << shift;
    if (!(p[at++] & 128)) break;
  }
  f->head = at;
  f->kind = (p[0] & 0xf0) == 0x30 ? DATA : OTHER;
  return true;
}

/* Whether a whole frame stands at p. */
static bool find_frame(const uint8_t *p, size_t n, struct frame *f) {
  bool head = protocol == WEBSOCKET ? websocket_frame(p, n, f) : protocol == MQTT ? mqtt_frame(p, n, f) : rawsocket_frame(p, n, f);
  return head && n >= f->head + f->n;
}

/* --- opening connections (blocking) ---------------------------------------------------------------------------- */

static void read_some(struct conn *c) {
  reserve(&c->in, 65536);
  ssize_t r = read(c->fd, c->in.p + c->in.n, 65536);
  if (r < 0) die("read");
  errno = 0;
  if (r == 0) die("the router closed the connection");
  c->in.n += (size_t)r;
}

static void drop(struct buf *b, size_t n) {
  memmove(b->p, b->p + n, b->n - n);
  b->n -= n;
}

static void write_all(struct conn *c) {
  for (size_t at = 0; at < c->out.n;) {
    ssize_t r = send(c->fd, c->out.p + at, c->out.n - at, MSG_NOSIGNAL);
    if (r <= 0) die("write");
    at += (size_t)r;
  }
  c->out.n = 0;
}

static void connect_tcp(struct conn *c) {
  char host[64];
  int port, one = 1;
  if (sscanf(tcp, "%63[^:]:%d", host, &port) != 2) die("--tcp HOST:PORT, please");
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &a.sin_addr) != 1) die("--tcp wants an IPv4 address");
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void connect_unix(struct conn *c) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  if (strlen(unix_path) >= sizeof a.sun_path) die("--unix: the path is too long");
  strcpy(a.sun_path, unix_path);
  c->fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("connect");
}

/* Waits for the next frame that is no ping; it stands at in.p until it is dropped. */
static struct frame next_frame(struct conn *c) {
  struct frame f;
  for (;;) {
    while (!find_frame(c->in.p, c->in.n, &f)) read_some(c);
    if (f.kind != PING) return f;
    append_pong(c, c->in.p + f.head, f.n);
    write_all(c);
    drop(&c->in, f.head + f.n);
  }
}

static void expect(struct conn *c, uint64_t wanted, const char *what) {
  struct frame f = next_frame(c);
  const uint8_t *p = c->in.p + f.head, *end = p + f.n;
  uint64_t type = 0;
  if (!read_int(skip_list_head(p, end), end, &type) || type != wanted) refuse(what, p, f.n);
  drop(&c->in, f.head + f.n);
}

static void handshake_rawsocket(struct conn *c) {
  uint8_t hello[4] = {0x7f, 0xf0 | (uint8_t)encoding, 0, 0};
  put(&c->out, hello, 4);
  write_all(c);
  while (c->in.n < 4) read_some(c);
  if (c->in.p[0] != 0x7f || (c->in.p[1] & 15) != encoding) die("the RawSocket handshake was refused");
  drop(&c->in, 4);
}

/* The Sec-WebSocket-Accept of the answer is not checked: whoever listens is a router under test. */
static void handshake_websocket(struct conn *c) {
  static const char *NAMES[] = {"", "wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor"};
  char request[512], *end = NULL;
  int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Protocol: %s\r\n\r\n", http_path, unix_path ? "localhost" : tcp, NAMES[encoding]);
  if (n >= (int)sizeof request) die("--path is too long");
  put(&c->out, request, (size_t)n);
  write_all(c);
  while (!end) {
    read_some(c);
    end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
  }
  if (memcmp(c->in.p, "HTTP/1.1 101", 12)) refuse("the WebSocket handshake was refused", c->in.p, c->in.n);
  drop(&c->in, (size_t)((uint8_t *)end + 4 - c->in.p));
}

static void handshake_mqtt(struct conn *c) {
  char id[32];
  unsigned n = (unsigned)snprintf(id, sizeof id, "load%d", c->id), t = (unsigned)strlen(topic);
  uint8_t hello[] = {0x10, (uint8_t)(12 + n), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, (uint8_t)n};
  put(&c->out, hello, sizeof hello);
  put(&c->out, id, n);
  write_all(c);
  struct frame f = next_frame(c);
  if (c->in.p[0] != 0x20 || c->in.p[3]) die("the MQTT broker refused the connection");
  drop(&c->in, f.head + f.n);
  if (c->role != SUBSCRIBER) return;
  uint8_t subscribe[] = {0x82, (uint8_t)(5 + t), 0, 1, 0, (uint8_t)t};
  put(&c->out, subscribe, sizeof subscribe);
  put(&c->out, topic, t);
  put_byte(&c->out, 0);
  write_all(c);
  f = next_frame(c);
  if (c->in.p[0] != 0x90) die("the MQTT broker refused the subscription");
  drop(&c->in, f.head + f.n);
}

/* The relay is told by one byte who receives and who sends, and says when it knows. */
static void handshake_relay(struct conn *c) {
  put_byte(&c->out, c->role == SUBSCRIBER || c->role == CALLEE ? 'r' : 's');
  write_all(c);
  while (c->in.n < 1) read_some(c);
  drop(&c->in, 1);
}

static void join(struct conn *c) {
  static const char *ROLES[] = {"publisher", "subscriber", "caller", "callee"};
  scratch.n = 0, scratch.first = true;
  open_list(&scratch, 3);
  put_int(&scratch, HELLO);
  put_text(&scratch, realm);
  open_map(&scratch, 1);
  put_key(&scratch, "roles");
  open_map(&scratch, 4);
  for (int i = 0; i < 4; i++) {
    put_key(&scratch, ROLES[i]);
    put_empty_map(&scratch);
  }
  close_map(&scratch);
  close_map(&scratch);
  close_list(&scratch);
  append_message(c, &scratch);
  write_all(c);
  expect(c, WELCOME, "the router did not welcome the session");
}

static void append_request(struct conn *c, unsigned type, const char *uri) {
  scratch.n = 0, scratch.first = true;
  open_list(&scratch, 4);
  put_int(&scratch, type);
  put_int(&scratch, c->request++);
  put_empty_map(&scratch);
  put_text(&scratch, uri);
  close_list(&scratch);
  append_message(c, &scratch);
}

static const char *topic_name(uint64_t number) {
  static char name[256];
  if (number == 0) return topic;
  snprintf(name, sizeof name, "%s.%" PRIu64, topic, number);
  return name;
}

/* A holder's topics are its own; other subscribers share theirs. */
static void subscribe_all(struct conn *c) {
  uint64_t base = mode == HOLD ? (uint64_t)c->id * (uint64_t)topics + 1 : 0;
  int wanted = mode == HOLD ? topics : spread;
  for (int done = 0; done < wanted;) {
    int batch = wanted - done < 256 ? wanted - done : 256;
    for (int i = 0; i < batch; i++) append_request(c, SUBSCRIBE, topic_name(base + (uint64_t)(done + i)));
    write_all(c);
    for (int i = 0; i < batch; i++) expect(c, SUBSCRIBED, "the router refused a subscription");
    done += batch;
  }
}

static void open_conn(struct conn *c, enum role role, int id) {
  static void (*const HANDSHAKES[])(struct conn *) = {handshake_rawsocket, handshake_websocket, handshake_mqtt, handshake_relay};
  *c = (struct conn){.role = role, .id = id, .request = 1};
  if (unix_path) connect_unix(c);
  else connect_tcp(c);
  HANDSHAKES[protocol](c);
  if (protocol == RAWSOCKET || protocol == WEBSOCKET) {
    join(c);
    if (role == SUBSCRIBER) subscribe_all(c);
    if (role == CALLEE) {
      append_request(c, REGISTER, procedure);
      write_all(c);
      expect(c, REGISTERED, "the router refused the registration");
    }
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
}

/* --- the loop ------------------------------------------------------------------------------------------------- */

static void flush_out(struct conn *c) {
  while (c->sent < c->out.n) {
    ssize_t r = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
    if (r < 0 && errno == EAGAIN) break;
    if (r < 0) die("send");
    c->sent += (size_t)r;
  }
  bool waits = c->sent < c->out.n;
  if (!waits) c->sent = c->out.n = 0;
  if (waits == c->waits_to_write) return;
  c->waits_to_write = waits;
  struct epoll_event e = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u), .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e)) die("epoll_ctl");
}

/* The payload begins with the mark and the time in 19 digits; only a message to be sampled gets a new time. */
static void stamp(void) {
  if (published % sample_every) {
    payload[MARK_N] = '-';
    return;
  }
  uint64_t t = now_ns();
  for (int i = MARK_N + DIGITS - 1; i >= MARK_N; i--, t /= 10) payload[i] = (char)('0' + t % 10);
}

static void sample(const uint8_t *p, size_t n) {
  delivered++;
  if (!measuring) return;
  const uint8_t *m = memmem(p, n, MARK, MARK_N);
  if (!m || m + MARK_N + DIGITS > p + n || m[MARK_N] == '-') return;
  uint64_t t = 0;
  for (int i = MARK_N; i < MARK_N + DIGITS; i++) t = t * 10 + (uint64_t)(m[i] - '0');
  if (nlatencies == latencies_cap) {
    latencies_cap = latencies_cap ? latencies_cap * 2 : 1 << 16;
    latencies = realloc(latencies, latencies_cap * sizeof *latencies);
    if (!latencies) die("memory");
  }
  latencies[nlatencies++] = now_ns() - t;
}

static void send_mqtt(struct conn *c) {
  size_t t = strlen(topic), left = 2 + t + (size_t)bytes;
  put_byte(&c->out, 0x30);
  do {
    put_byte(&c->out, (left & 127) | (left > 127 ? 128 : 0));
    left >>= 7;
  } while (left);
  put_big_endian(&c->out, t, 2);
  put(&c->out, topic, t);
  put(&c->out, payload, (size_t)bytes);
}

static void send_one(struct conn *c) {
  stamp();
  if (protocol == MQTT) send_mqtt(c);
  else {
    bool publisher = c->role == PUBLISHER;
    scratch.n = 0, scratch.first = true;
    open_list(&scratch, 5);
    put_int(&scratch, publisher ? PUBLISH : CALL);
    put_int(&scratch, c->request++);
    open_map(&scratch, publisher && acknowledge ? 1 : 0);
    if (publisher && acknowledge) {
      put_key(&scratch, "acknowledge");
      put_true(&scratch);
    }
    close_map(&scratch);
    put_text(&scratch, publisher ? topic_name(published % (uint64_t)spread) : procedure);
    open_list(&scratch, 1);
    put_string(&scratch, payload, (size_t)bytes);
    close_list(&scratch);
    close_list(&scratch);
    append_message(c, &scratch);
  }
  published++;
}

static void answer_call(struct conn *c, uint64_t request, const uint8_t *p, size_t n) {
  const uint8_t *m = memmem(p, n, MARK, MARK_N);
  size_t have = m ? (size_t)(p + n - m) : 0, echo = have < (size_t)bytes ? have : (size_t)bytes;
  scratch.n = 0, scratch.first = true;
  open_list(&scratch, 4);
  put_int(&scratch, YIELD);
  put_int(&scratch, request);
  put_empty_map(&scratch);
  open_list(&scratch, 1);
  put_string(&scratch, (const char *)m, echo);
  close_list(&scratch);
  close_list(&scratch);
  append_message(c, &scratch);
}

/* A relay hands on what it gets, so that PUBLISH arrives where a router sends EVENT, and so on. */
static void on_message(struct conn *c, const uint8_t *p, size_t n) {
  uint64_t type = 0, request = 0;
  const uint8_t *end = p + n, *rest = read_int(skip_list_head(p, end), end, &type);
  if (!rest) die("the router sent something that is no message");
  switch (type) {
  case EVENT: case PUBLISH:
    sample(p, n);
    break;
  case RESULT: case YIELD:
    sample(p, n);
    c->under_way--;
    break;
  case PUBLISHED:
    c->under_way--;
    break;
  case INVOCATION: case CALL:
    read_int(rest, end, &request);
    answer_call(c, request, p, n);
    break;
  case ERROR:
    if (errors++ < 3) fprintf(stderr, "wampload: the router answered: %.*s\n", n > 400 ? 400 : (int)n, (const char *)p);
    if (c->under_way) c->under_way--;
    break;
  case ABORT: case GOODBYE:
    refuse("the router ended the session", p, n);
  }
}

static size_t on_frames(struct conn *c) {
  struct frame f;
  size_t at = 0;
  while (find_frame(c->in.p + at, c->in.n - at, &f)) {
    const uint8_t *p = c->in.p + at + f.head;
    if (f.kind == DATA && protocol == MQTT) sample(p, f.n);
    else if (f.kind == DATA) on_message(c, p, f.n);
    else if (f.kind == PING) append_pong(c, p, f.n);
    else if (f.kind == CLOSE) refuse("the router closed the WebSocket", p, f.n);
    at += f.head + f.n;
  }
  return at;
}

static void on_readable(struct conn *c) {
  for (int rounds = 0; rounds < 8; rounds++) {
    reserve(&c->in, 65536);
    ssize_t r = recv(c->fd, c->in.p + c->in.n, 65536, 0);
    if (r < 0 && errno == EAGAIN) break;
    if (r < 0) die("recv");
    errno = 0;
    if (r == 0) die("the router closed the connection");
    c->in.n += (size_t)r;
    drop(&c->in, on_frames(c));
    if (r < 65536) break;
  }
  if (c->sent < c->out.n) flush_out(c);
}

/* At most 64 messages at once, so that a wide window does not leave in one lump. */
static void fill_window(struct conn *c) {
  uint64_t fan = (uint64_t)subs, room = (uint64_t)window;
  bool answered = mode == RPC || acknowledge;
  for (int sent = 0; sent < 64; sent++) {
    if (answered ? c->under_way >= room : published * fan - delivered >= room * fan) break;
    send_one(c);
    if (answered) c->under_way++;
  }
  if (c->sent < c->out.n) flush_out(c);
}

static void poll_once(int timeout_ms) {
  struct epoll_event events[256];
  int n = epoll_wait(poller, events, 256, timeout_ms);
  for (int i = 0; i < n; i++) {
    struct conn *c = events[i].data.ptr;
    if (!c) exit(0); /* stdin ended: whoever started us has enough */
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
    if (events[i].events & EPOLLOUT) flush_out(c);
  }
}

static void hold(void) {
  struct epoll_event e = {.events = EPOLLIN | EPOLLHUP, .data.ptr = NULL};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e)) die("hold wants a pipe or a terminal as stdin");
  for (;;) poll_once(-1);
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static double percentile(double share) {
  return nlatencies ? (double)latencies[(size_t)((double)(nlatencies - 1) * share)] / 1e3 : 0;
}

static void run(int first_sender) {
  uint64_t start = now_ns(), since = start, before = 0, last_progress = start, seen = 0, now;
  uint64_t begin = start + (uint64_t)(warm * 1e9), stop = begin + (uint64_t)(secs * 1e9);
  double cpu = 0;
  while ((now = now_ns()) < stop) {
    if (!measuring && now >= begin) {
      measuring = true, since = now, before = delivered, cpu = cpu_seconds();
    }
    if (delivered != seen) seen = delivered, last_progress = now;
    if (now - last_progress > 3000000000u) {
      fprintf(stderr, "wampload: nothing came for 3 s; %" PRIu64 " sent, %" PRIu64 " received\n", published, delivered);
      exit(3);
    }
    for (int i = first_sender; i < nconns; i++) fill_window(&conns[i]);
    poll_once(100);
  }
  double elapsed = (double)(now - since) / 1e9;
  cpu = cpu_seconds() - cpu;
  qsort(latencies, nlatencies, sizeof *latencies, by_size);
  printf("{\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"samples\":%zu,\"delivered\":%" PRIu64
         ",\"published\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"generator_cpu\":%.3f}\n",
         (double)(delivered - before) / elapsed, percentile(.5), percentile(.99), percentile(1), nlatencies, delivered,
         published, errors, cpu / elapsed);
}

/* --- the command line ------------------------------------------------------------------------------------------ */

static void choose_encoding(const char *name) {
  if (!strcmp(name, "json")) encoding = JSON;
  else if (!strcmp(name, "msgpack")) encoding = MSGPACK;
  else if (!strcmp(name, "cbor")) encoding = CBOR;
  else die("--encoding json, msgpack or cbor, please");
}

static void set_option(const char *name, const char *value) {
  static const struct { const char *name; int *value; } INTS[] = {
    {"--pubs", &pubs}, {"--subs", &subs}, {"--callers", &callers}, {"--bytes", &bytes}, {"--window", &window},
    {"--topics", &topics}, {"--spread", &spread},
  };
  static const struct { const char *name; const char **value; } TEXTS[] = {
    {"--tcp", &tcp}, {"--unix", &unix_path}, {"--path", &http_path}, {"--realm", &realm}, {"--topic", &topic},
    {"--procedure", &procedure},
  };
  for (size_t i = 0; i < sizeof INTS / sizeof *INTS; i++)
    if (!strcmp(name, INTS[i].name)) {
      *INTS[i].value = atoi(value);
      if (*INTS[i].value < 1) die("counts and sizes are whole numbers from 1");
      return;
    }
  for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
    if (!strcmp(name, TEXTS[i].name)) {
      *TEXTS[i].value = value;
      return;
    }
  if (!strcmp(name, "--secs")) secs = atof(value);
  else if (!strcmp(name, "--warm")) warm = atof(value);
  else if (!strcmp(name, "--encoding")) choose_encoding(value);
  else {
    fprintf(stderr, "wampload: no option %s\n", name);
    exit(2);
  }
}

static void read_options(int argc, char **argv) {
  static const char *MODES[] = {"pubsub", "rpc", "hold"};
  int found = -1;
  for (int i = 0; argc > 1 && i < 3; i++)
    if (!strcmp(argv[1], MODES[i])) found = i;
  if (found < 0) {
    fputs("usage: wampload pubsub|rpc|hold [--tcp HOST:PORT | --unix PATH] [--path HTTP-PATH | --mqtt | --relay]\n"
          "  [--encoding json|msgpack|cbor] [--pubs N] [--subs N] [--callers N] [--bytes N] [--window N] [--ack]\n"
          "  [--spread TOPICS-PUBLISHED-IN-TURN] [--topics TOPICS-OF-A-HOLDER] [--secs S] [--warm S]\n"
          "  [--realm NAME] [--topic URI] [--procedure URI]\n", stderr);
    exit(2);
  }
  mode = (enum mode)found;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "--ack")) acknowledge = true;
    else if (!strcmp(argv[i], "--mqtt")) protocol = MQTT;
    else if (!strcmp(argv[i], "--relay")) protocol = RELAY;
    else if (i + 1 == argc) die("the last option has no value");
    else {
      set_option(argv[i], argv[i + 1]);
      i++;
    }
  }
  if (http_path) protocol = WEBSOCKET;
  if (protocol == MQTT && mode != PUBSUB) die("MQTT knows pubsub only");
  if (bytes < MARK_N + DIGITS || bytes > 65000) die("--bytes: 27 to 65000");
}

int main(int argc, char **argv) {
  errno = 0;
  read_options(argc, argv);
  payload = malloc((size_t)bytes);
  memset(payload, 'x', (size_t)bytes);
  memcpy(payload, MARK, MARK_N);
  if (window > 16) sample_every = 16;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(0);
  int receivers = mode == RPC ? 1 : subs, senders = mode == RPC ? callers : mode == HOLD ? 0 : pubs;
  nconns = receivers + senders;
  conns = calloc((size_t)nconns, sizeof *conns);
  uint64_t start = now_ns();
  for (int i = 0; i < receivers; i++) open_conn(&conns[i], mode == RPC ? CALLEE : SUBSCRIBER, i);
  for (int i = receivers; i < nconns; i++) open_conn(&conns[i], mode == RPC ? CALLER : PUBLISHER, i);
  if (mode == HOLD) {
    printf("{\"sessions\":%d,\"subscriptions\":%d,\"seconds\":%.3f}\n", subs, subs * topics, (double)(now_ns() - start) / 1e9);
    fflush(stdout);
    hold();
  }
  run(receivers);
  return errors > 0;
}
