#include "crc32.h"

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

}  // namespace

uint32_t crc32(uint32_t crc, const uint8_t* data, size_t n) {
  crc = ~crc;
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
