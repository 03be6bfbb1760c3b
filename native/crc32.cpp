#include "crc32.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <array>
#include <cstring>

namespace pr1 {
namespace {

constexpr uint32_t kPolynomial = 0xedb88320u;
constexpr int kAtATime = 16;
using Tables = std::array<std::array<uint32_t, 256>, kAtATime>;

/// tables[i][b]: byte b followed by i zeros.
Tables make_tables() {
  Tables tables{};
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t x = b;
    for (int bit = 0; bit < 8; bit++) x = x & 1 ? x >> 1 ^ kPolynomial : x >> 1;
    tables[0][b] = x;
  }
  for (uint32_t b = 0; b < 256; b++) {
    for (size_t i = 1; i < kAtATime; i++) tables[i][b] = tables[i - 1][b] >> 8 ^ tables[0][tables[i - 1][b] & 255];
  }
  return tables;
}
const Tables tables = make_tables();

/// a b modulo the polynomial; the highest bit is x^0.
uint32_t multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? b >> 1 ^ kPolynomial : b >> 1;
  }
  return product;
}

#if defined(__x86_64__)
/// The state after n bytes, a multiple of 64, by folding with carry-less products: V. Gopal et al., "Fast CRC Computation for Generic
/// Polynomials Using PCLMULQDQ Instruction", Intel 2009, whose constants for this polynomial these are.
__attribute__((target("pclmul,sse4.1"))) uint32_t fold(uint32_t state, const uint8_t* data, size_t n) {
  const __m128i by_512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4), by_128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_64 = _mm_set_epi64x(0, 0x0163cd6124), reduce = _mm_set_epi64x(0x01f7011641, 0x01db710641);
  const __m128i low = _mm_setr_epi32(~0, 0, ~0, 0);
  auto at = [&](size_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + i * 16)); };
  __m128i sums[4] = {_mm_xor_si128(at(0), _mm_cvtsi32_si128(static_cast<int>(state))), at(1), at(2), at(3)};
  for (n -= 64, data += 64; n > 0; n -= 64, data += 64) {
    for (size_t i = 0; i < 4; i++) {
      const __m128i low_part = _mm_clmulepi64_si128(sums[i], by_512, 0x00), high_part = _mm_clmulepi64_si128(sums[i], by_512, 0x11);
      sums[i] = _mm_xor_si128(_mm_xor_si128(low_part, high_part), at(i));
    }
  }
  __m128i x = sums[0];
  for (size_t i = 1; i < 4; i++) {
    const __m128i low_part = _mm_clmulepi64_si128(x, by_128, 0x00), high_part = _mm_clmulepi64_si128(x, by_128, 0x11);
    x = _mm_xor_si128(_mm_xor_si128(low_part, high_part), sums[i]);
  }
  x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, by_128, 0x10));
  x = _mm_xor_si128(_mm_srli_si128(x, 4), _mm_clmulepi64_si128(_mm_and_si128(x, low), by_64, 0x00));
  __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, low), reduce, 0x10);
  quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low), reduce, 0x00);
  return static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(x, quotient), 1));
}
#endif

}  // namespace

uint32_t crc32(uint32_t crc, const uint8_t* data, size_t n) {
  crc = ~crc;
#if defined(__x86_64__)
  static const bool folds = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
  const size_t whole = n / 64 * 64;
  if (folds && whole > 0) {
    crc = fold(crc, data, whole);
    data += whole;
    n -= whole;
  }
#endif
  for (; n >= kAtATime; n -= kAtATime, data += kAtATime) {
    uint32_t next = 0;
    for (int i = 0; i < kAtATime; i++) {
      const uint8_t byte = i < 4 ? static_cast<uint8_t>(data[i] ^ crc >> 8 * i) : data[i];
      next ^= tables[static_cast<size_t>(kAtATime - 1 - i)][byte];
    }
    crc = next;
  }
  for (; n > 0; n--, data++) crc = crc >> 8 ^ tables[0][(crc ^ *data) & 255];
  return ~crc;
}

uint32_t crc32_join(uint32_t first, uint32_t second, uint64_t n) {
  uint32_t shift = 1u << 31, power = 1u << 23;  // x^0, and x^8: one byte
  for (; n > 0; n >>= 1, power = multiply(power, power)) {
    if (n & 1) shift = multiply(shift, power);
  }
  return multiply(shift, first) ^ second;
}

}  // namespace pr1
