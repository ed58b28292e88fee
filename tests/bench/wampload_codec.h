/* Growing buffers, and just enough of JSON, MsgPack and CBOR to write WAMP messages and to read the integers at
 * their head. Included by wampload.c only.
 */
#ifndef WAMPLOAD_CODEC_H
#define WAMPLOAD_CODEC_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The numbers are those of the RawSocket handshake (WAMP spec, "RawSocket Transport"). */
enum encoding { JSON = 1, MSGPACK = 2, CBOR = 3 };

struct buf {
  uint8_t *p;
  size_t n, cap;
  bool first; /* JSON: no comma before the next item */
};

static enum encoding encoding = MSGPACK;

static void reserve(struct buf *b, size_t more) {
  if (b->n + more <= b->cap) return;
  b->cap = (b->n + more) * 2 + 256;
  b->p = realloc(b->p, b->cap);
  if (!b->p) {
    fputs("wampload: out of memory\n", stderr);
    exit(2);
  }
}

static void put(struct buf *b, const void *data, size_t n) {
  reserve(b, n);
  memcpy(b->p + b->n, data, n);
  b->n += n;
}

static void put_byte(struct buf *b, unsigned c) {
  uint8_t byte = (uint8_t)c;
  put(b, &byte, 1);
}

static void put_big_endian(struct buf *b, uint64_t v, int size) {
  uint8_t t[8];
  for (int i = 0; i < size; i++) t[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
  put(b, t, (size_t)size);
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static void separate(struct buf *b) {
  if (encoding != JSON) return;
  if (!b->first) put_byte(b, ',');
  b->first = false;
}

static void open_list(struct buf *b, unsigned n) {
  separate(b);
  if (encoding == JSON) put_byte(b, '[');
  else put_byte(b, (encoding == MSGPACK ? 0x90 : 0x80) | n);
  b->first = true;
}

static void close_list(struct buf *b) {
  if (encoding == JSON) put_byte(b, ']');
  b->first = false;
}

static void open_map(struct buf *b, unsigned n) {
  separate(b);
  if (encoding == JSON) put_byte(b, '{');
  else put_byte(b, (encoding == MSGPACK ? 0x80 : 0xa0) | n);
  b->first = true;
}

static void close_map(struct buf *b) {
  if (encoding == JSON) put_byte(b, '}');
  b->first = false;
}

static void put_int(struct buf *b, uint64_t v) {
  static const struct { uint64_t below; int size; uint8_t msgpack, cbor; } FORMS[] = {
    {1ull << 8, 1, 0xcc, 0x18}, {1ull << 16, 2, 0xcd, 0x19}, {1ull << 32, 4, 0xce, 0x1a}, {UINT64_MAX, 8, 0xcf, 0x1b},
  };
  if (encoding == JSON) {
    char t[24];
    separate(b);
    put(b, t, (size_t)snprintf(t, sizeof t, "%" PRIu64, v));
    return;
  }
  if (v < (encoding == MSGPACK ? 128u : 24u)) {
    put_byte(b, (unsigned)v);
    return;
  }
  int i = 0;
  while (v >= FORMS[i].below && i < 3) i++;
  put_byte(b, encoding == MSGPACK ? FORMS[i].msgpack : FORMS[i].cbor);
  put_big_endian(b, v, FORMS[i].size);
}

/* A string without anything that JSON would have to escape, shorter than 65536 bytes. */
static void put_string(struct buf *b, const char *s, size_t n) {
  separate(b);
  if (encoding == JSON) {
    put_byte(b, '"');
    put(b, s, n);
    put_byte(b, '"');
    return;
  }
  bool msgpack = encoding == MSGPACK;
  if (n < (msgpack ? 32u : 24u)) put_byte(b, (msgpack ? 0xa0 : 0x60) | (unsigned)n);
  else if (n < 256) put_byte(b, msgpack ? 0xd9 : 0x78), put_big_endian(b, n, 1);
  else put_byte(b, msgpack ? 0xda : 0x79), put_big_endian(b, n, 2);
  put(b, s, n);
}

static void put_text(struct buf *b, const char *s) { put_string(b, s, strlen(s)); }

static void put_key(struct buf *b, const char *s) {
  put_text(b, s);
  if (encoding == JSON) put_byte(b, ':');
  b->first = true;
}

static void put_true(struct buf *b) {
  separate(b);
  if (encoding == JSON) put(b, "true", 4);
  else put_byte(b, encoding == MSGPACK ? 0xc3 : 0xf5);
}

static void put_empty_map(struct buf *b) {
  open_map(b, 0);
  close_map(b);
}

/* --- reading: the integers at the head of a message ------------------------------------------------------------ */

static const uint8_t *skip_list_head(const uint8_t *p, const uint8_t *end) {
  if (encoding == JSON || p >= end) return p;
  if (encoding == MSGPACK && *p == 0xdc) return p + 3;
  if (encoding == CBOR && *p == 0x98) return p + 2;
  return p + 1;
}

static const uint8_t *read_json_int(const uint8_t *p, const uint8_t *end, uint64_t *v) {
  while (p < end && (*p == '[' || *p == ',' || *p == ' ')) p++;
  if (p >= end || *p < '0' || *p > '9') return NULL;
  for (*v = 0; p < end && *p >= '0' && *p <= '9'; p++) *v = *v * 10 + (uint64_t)(*p - '0');
  return p;
}

/* Returns what follows the integer, or NULL where there is none. */
static const uint8_t *read_int(const uint8_t *p, const uint8_t *end, uint64_t *v) {
  if (!p || p >= end) return NULL;
  if (encoding == JSON) return read_json_int(p, end, v);
  uint8_t head = *p++;
  uint8_t smallest = encoding == MSGPACK ? 0xcc : 0x18;
  if (head < (encoding == MSGPACK ? 128 : 24)) {
    *v = head;
    return p;
  }
  if (head < smallest || head > smallest + 3) return NULL;
  int size = 1 << (head - smallest);
  if (end - p < size) return NULL;
  for (*v = 0; size; size--) *v = *v << 8 | *p++;
  return p;
}

#endif
