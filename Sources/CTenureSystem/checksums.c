// CRC-32C, SipHash-2-4-128, and searches in bytes.
//
// CRC-32C uses the instruction of the processor where there is one, found out at run time, and
// eight tables otherwise. SipHash follows the reference by Aumasson and Bernstein.

#define _GNU_SOURCE
#include "CTenureSystem.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

static uint32_t table[8][256];
static int hardware;

static uint64_t load64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

__attribute__((constructor)) static void prepare(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78 & (0u - (crc & 1)));
        table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++) {
        for (int slice = 1; slice < 8; slice++) {
            uint32_t before = table[slice - 1][n];
            table[slice][n] = table[0][before & 0xff] ^ (before >> 8);
        }
    }
#if defined(__x86_64__)
    __builtin_cpu_init();
    hardware = __builtin_cpu_supports("sse4.2") != 0;
#elif defined(__aarch64__)
    hardware = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
}

uint32_t tenure_crc32c_table(uint32_t crc, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    crc = ~crc;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word = load64(at) ^ crc;
        crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff]
              ^ table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff]
              ^ table[2][(word >> 40) & 0xff] ^ table[1][(word >> 48) & 0xff]
              ^ table[0][word >> 56];
    }
    for (; count > 0; count--, at++) crc = table[0][(crc ^ *at) & 0xff] ^ (crc >> 8);
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t start, const void *bytes,
                                                                 size_t count) {
    const uint8_t *at = bytes;
    uint64_t crc = (uint32_t)~start;
    for (; count >= 8; count -= 8, at += 8) crc = _mm_crc32_u64(crc, load64(at));
    uint32_t rest = (uint32_t)crc;
    for (; count > 0; count--, at++) rest = _mm_crc32_u8(rest, *at);
    return ~rest;
}
#elif defined(__aarch64__)
__attribute__((target("crc"))) static uint32_t by_instruction(uint32_t start, const void *bytes,
                                                              size_t count) {
    const uint8_t *at = bytes;
    uint32_t crc = ~start;
    for (; count >= 8; count -= 8, at += 8) crc = __crc32cd(crc, load64(at));
    for (; count > 0; count--, at++) crc = __crc32cb(crc, *at);
    return ~crc;
}
#else
static uint32_t by_instruction(uint32_t start, const void *bytes, size_t count) {
    return tenure_crc32c_table(start, bytes, count);
}
#endif

uint32_t tenure_crc32c(uint32_t crc, const void *bytes, size_t count) {
    return hardware ? by_instruction(crc, bytes, count) : tenure_crc32c_table(crc, bytes, count);
}

static uint64_t rotate(uint64_t value, int bits) {
    return (value << bits) | (value >> (64 - bits));
}

static void round_of(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

void tenure_siphash128(const uint8_t *key, const void *bytes, size_t count, uint64_t *out) {
    const uint8_t *at = bytes;
    uint64_t first = load64(key), second = load64(key + 8);
    uint64_t v[4] = {
        0x736f6d6570736575 ^ first,
        0x646f72616e646f6d ^ second ^ 0xee,
        0x6c7967656e657261 ^ first,
        0x7465646279746573 ^ second,
    };
    uint64_t last = (uint64_t)count << 56;
    for (; count >= 8; count -= 8, at += 8) {
        uint64_t word = load64(at);
        v[3] ^= word;
        round_of(v);
        round_of(v);
        v[0] ^= word;
    }
    for (size_t n = 0; n < count; n++) last |= (uint64_t)at[n] << (8 * n);
    v[3] ^= last;
    round_of(v);
    round_of(v);
    v[0] ^= last;
    v[2] ^= 0xee;
    for (int n = 0; n < 4; n++) round_of(v);
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    for (int n = 0; n < 4; n++) round_of(v);
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

size_t tenure_length_without_zeros(const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    while (count % 8 != 0 && at[count - 1] == 0) count--;
    if (count % 8 != 0) return count;
    while (count >= 8 && load64(at + count - 8) == 0) count -= 8;
    while (count > 0 && at[count - 1] == 0) count--;
    return count;
}

void tenure_clear(void *bytes, size_t count) { memset(bytes, 0, count); }

int tenure_holds(const void *bytes, size_t count, const void *sought, size_t length) {
    return memmem(bytes, count, sought, length) != NULL;
}
