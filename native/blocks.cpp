#include "blocks.h"

#include <cmath>
#include <cstring>

namespace pr1 {

const BlockFormat& format_of(BlockType type) {
  static const BlockFormat formats[kBlockTypes] = {
      {"F32", 1, 4, 0, 1, 4},    {"F16", 1, 2, 0, 1, 2},    {"BF16", 1, 2, 0, 1, 2},     {"Q8_0", 32, 34, 0, 1, 2},
      {"Q4_0", 32, 18, 0, 1, 2}, {"Q4_1", 32, 20, 0, 2, 2}, {"Q5_0", 32, 22, 0, 1, 2},   {"Q5_1", 32, 24, 0, 2, 2},
      {"Q4_K", 256, 144, 0, 2, 2}, {"Q5_K", 256, 176, 0, 2, 2}, {"Q6_K", 256, 210, 208, 1, 2},
  };
  return formats[static_cast<int>(type)];
}

/// Whether the numbers in pairs and fours are finite: all that can make a number of a block anything else.
static bool finite(const uint8_t* p, BlockType type) {
  uint32_t bits = 0;
  std::memcpy(&bits, p, type == BlockType::f32 ? 4 : 2);
  const uint32_t exponent = type == BlockType::f32 ? 0x7f800000u : type == BlockType::bf16 ? 0x7f80u : 0x7c00u;
  return (bits & exponent) != exponent;
}

/// float16 → float32: its bits are those of the number times 2^−112.
static float float16_value(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, size = static_cast<uint32_t>(half & 0x7fffu) << 13;
  const uint32_t scale = 0x77800000u;  // 2^112
  float x, factor;
  std::memcpy(&x, &size, 4);
  std::memcpy(&factor, &scale, 4);
  x *= factor;
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if (size >= 0x7c00u << 13) bits = size | 0x7f800000u;
  bits |= sign;
  std::memcpy(&x, &bits, 4);
  return x;
}

void widen(float* to, const uint8_t* from, BlockType type, size_t n) {
  if (type == BlockType::f32) {
    std::memcpy(to, from, n * sizeof(float));
    return;
  }
  for (size_t i = 0; i < n; i++) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, 2);
    if (type == BlockType::f16) {
      to[i] = float16_value(half);
    } else {
      const uint32_t bits = static_cast<uint32_t>(half) << 16;
      std::memcpy(to + i, &bits, 4);
    }
  }
}

/// A full exponent plus its lowest bit carries into the sign: an addition and an "or" a number, which compilers make vectors of.
template <class Bits>
static bool none_full(const uint8_t* numbers, size_t n, Bits exponent) {
  const Bits lowest = static_cast<Bits>(exponent & (~exponent + 1u));
  Bits carried = 0;
  for (size_t i = 0; i < n; i++) {
    Bits bits;
    std::memcpy(&bits, numbers + i * sizeof(Bits), sizeof(Bits));
    carried = static_cast<Bits>(carried | static_cast<Bits>((bits & exponent) + lowest));
  }
  return carried >> (8 * sizeof(Bits) - 1) == 0;
}

bool all_finite(const uint8_t* numbers, BlockType type, size_t n) {
  if (type == BlockType::f32) return none_full<uint32_t>(numbers, n, 0x7f800000u);
  return none_full<uint16_t>(numbers, n, type == BlockType::bf16 ? 0x7f80u : 0x7c00u);
}

/// Bytes from … to of a row's block, whole fours, to their places in the panel.
static void fours(uint8_t* panel, const uint8_t* block, int from, int to, int lane, uint32_t flipped) {
  for (int i = from; i < to; i += 4) {
    uint32_t four;
    std::memcpy(&four, block + i, 4);
    four ^= flipped;
    std::memcpy(panel + i * 16 + lane * 4, &four, 4);
  }
}

bool interleave(const Blocks& to, const uint8_t* rows) {
  const BlockFormat& f = format_of(to.type);
  const size_t row_bytes = to.row_bytes(), blocks = row_bytes / f.bytes;
  const int wide_end = f.wide_at + f.wide * f.width;
  const uint32_t flipped = to.type == BlockType::q8_0 ? 0x80808080u : 0;
  bool all_finite = true;
  for (int first = 0; first < to.out; first += 16) {
    const int lanes = to.out - first < 16 ? to.out - first : 16;
    uint8_t* panel = to.panels + static_cast<size_t>(first) * row_bytes;
    if (lanes < 16) std::memset(panel, 0, to.panel_bytes());
    for (size_t b = 0; b < blocks; b++, panel += f.bytes * 16) {
      for (int lane = 0; lane < lanes; lane++) {
        const uint8_t* block = rows + (first + lane) * row_bytes + b * f.bytes;
        fours(panel, block, 0, f.wide_at, lane, flipped);
        for (int i = f.wide_at; i < wide_end; i += f.width) {
          std::memcpy(panel + i * 16 + lane * f.width, block + i, static_cast<size_t>(f.width));
          all_finite &= finite(block + i, to.type);
        }
        fours(panel, block, wide_end, f.bytes, lane, flipped);
      }
    }
  }
  return all_finite;
}

// ---- Quantising ----

/// float32 → float16, to nearest, ties to even.
static uint16_t float16_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (size >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (size < 0x38800000u) {
    // Below 2^-14: a multiple of 2^-24, which an addition to 1/2 rounds to.
    float y;
    std::memcpy(&y, &size, 4);
    y += 0.5f;
    std::memcpy(&bits, &y, 4);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  const uint32_t rounded = size - 0x38000000u + 0xfffu + (size >> 13 & 1u);
  return static_cast<uint16_t>(sign | rounded >> 13);
}

/// float32 → bfloat16, to nearest, ties to even; NaN stays NaN.
static uint16_t bfloat16_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

bool quantizes(BlockType type) {
  return type == BlockType::f32 || type == BlockType::bf16 || type == BlockType::q8_0 || type == BlockType::q4_0;
}

/// A block of 32 numbers that are not all finite: its scale is NaN, so all of it is. False: they are.
static bool quantize_nan(uint8_t* to, const float* x, size_t bytes) {
  float sum = 0;
  for (int i = 0; i < 32; i++) sum += x[i] * 0.0f;
  if (sum == 0.0f) return false;
  const uint16_t nan = 0x7e00u;
  std::memset(to, 0, bytes);
  std::memcpy(to, &nan, 2);
  return true;
}

/// quantize_row_q8_0_ref: the largest of 32 becomes 127.
static void quantize_q8_0(uint8_t* to, const float* x) {
  float largest = 0;
  for (int i = 0; i < 32; i++) largest = std::fmax(largest, std::fabs(x[i]));
  const float d = largest / 127.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
  const uint16_t scale = float16_bits(d);
  std::memcpy(to, &scale, 2);
  for (int i = 0; i < 32; i++) to[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(x[i] * inverse)));
}

/// quantize_row_q4_0_ref: the first of the largest of 32 becomes −8. Two numbers a byte, i and i + 16.
static void quantize_q4_0(uint8_t* to, const float* x) {
  float largest = 0;
  for (int i = 0; i < 32; i++) {
    if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
  }
  const float d = largest / -8.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
  const uint16_t scale = float16_bits(d);
  std::memcpy(to, &scale, 2);
  // ggml is compiled with a fused multiply-add here; a product of two floats is exact in double.
  auto nibble = [&](float v) {
    const int q = static_cast<int>(static_cast<double>(v) * inverse + 8.5);
    return static_cast<uint8_t>(q < 15 ? q : 15);
  };
  for (int i = 0; i < 16; i++) to[2 + i] = static_cast<uint8_t>(nibble(x[i]) | nibble(x[16 + i]) << 4);
}

void quantize(uint8_t* to, const float* from, BlockType type, size_t n) {
  const BlockFormat& f = format_of(type);
  for (size_t at = 0; at < n; at += static_cast<size_t>(f.elements), to += f.bytes) {
    const float* x = from + at;
    if (f.elements == 32 && quantize_nan(to, x, static_cast<size_t>(f.bytes))) continue;
    if (type == BlockType::q8_0) {
      quantize_q8_0(to, x);
    } else if (type == BlockType::q4_0) {
      quantize_q4_0(to, x);
    } else if (type == BlockType::bf16) {
      const uint16_t bits = bfloat16_bits(*x);
      std::memcpy(to, &bits, 2);
    } else {
      std::memcpy(to, x, 4);
    }
  }
}

}  // namespace pr1
