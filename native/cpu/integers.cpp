#include "integers.h"

#include <cmath>
#include <cstring>

namespace pr1 {

namespace {

float half_at(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float size = exponent ? std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25) : std::ldexp(static_cast<float>(mantissa), -24);
  return bits & 0x8000 ? -size : size;
}

/// One output's share of a panel's block: bytes in fours from `fours` on, scales of two bytes.
struct Lane {
  const uint8_t* block;
  int lane, fours;
  int byte(int i) const { return block[(i - (i - fours) % 4) * 16 + lane * 4 + (i - fours) % 4]; }
  float half(int i) const { return half_at(block + i * 16 + lane * 2); }
};

int nibble(const Lane& b, int qs, int fifth, int i) {
  const int q = i < 16 ? b.byte(qs + i) & 15 : b.byte(qs + i - 16) >> 4;
  return fifth < 0 ? q : q | (b.byte(fifth + i / 8) >> i % 8 & 1) << 4;
}

/// Number i of 32 `part` of a block.
int integer(const Lane& b, BlockType type, int part, int i) {
  switch (type) {
    case BlockType::q8_0: return b.byte(2 + i);
    case BlockType::q4_0: return nibble(b, 2, -1, i);
    case BlockType::q4_1: return nibble(b, 4, -1, i);
    case BlockType::q5_0: return nibble(b, 6, 2, i);
    case BlockType::q5_1: return nibble(b, 8, 4, i);
    case BlockType::q4_k: return b.byte(16 + part / 2 * 32 + i) >> part % 2 * 4 & 15;
    case BlockType::q5_k: return (b.byte(48 + part / 2 * 32 + i) >> part % 2 * 4 & 15) | (b.byte(16 + i) >> part & 1) << 4;
    default: {
      const int half = part / 4, quarter = part % 4;
      const int low = b.byte(half * 64 + quarter % 2 * 32 + i) >> quarter / 2 * 4 & 15;
      return low | (b.byte(128 + half * 32 + i) >> quarter * 2 & 3) << 4;
    }
  }
}

struct Scale {
  float s[2], m;
};
Scale scale_of(const Lane& b, BlockType type, int part) {
  if (type == BlockType::q6_k) {
    const int at = 192 + part / 4 * 8 + part % 4 * 2;
    const float d = b.half(208);
    return {{d * static_cast<int8_t>(b.byte(at)), d * static_cast<int8_t>(b.byte(at + 1))}, 0.0f};
  }
  const float d = b.half(0);
  if (type == BlockType::q4_1 || type == BlockType::q5_1) return {{d, d}, b.half(2)};
  if (type != BlockType::q4_k && type != BlockType::q5_k) return {{d, d}, 0.0f};
  const int low = b.byte(part < 4 ? 4 + part : 8 + part), high = part < 4 ? 0 : b.byte(part) >> 6;
  const int min = b.byte(part < 4 ? 8 + part : 8 + part), top = part < 4 ? 0 : b.byte(4 + part) >> 6;
  const float s = d * static_cast<float>(part < 4 ? low & 63 : (low & 15) | high << 4);
  return {{s, s}, -b.half(2) * static_cast<float>(part < 4 ? min & 63 : min >> 4 | top << 4)};
}

}  // namespace

static void unpack(IntegerBlock* to, BlockType type, const uint8_t* panel, int in) {
  const BlockFormat& f = format_of(type);
  for (int k = 0; k < in; k += 32, to++) {
    for (int lane = 0; lane < 16; lane++) {
      const Lane b{panel + static_cast<size_t>(k / f.elements) * f.bytes * 16, lane, f.wide_at > 0 ? 0 : f.wide * f.width};
      const int part = k % f.elements / 32;
      for (int i = 0; i < 32; i++) to->v[i / 4][lane][i % 4] = static_cast<uint8_t>(integer(b, type, part, i));
      const Scale scale = scale_of(b, type, part);
      to->s[0][lane] = scale.s[0];
      to->s[1][lane] = scale.s[1];
      to->m[lane] = scale.m;
    }
  }
}

static void rows(float* out, const IntegerBlock* panel, const IntegerType& type, const IntegerRows& x, int m0, int m1) {
  const int blocks = x.in / 32;
  for (int m = m0; m < m1; m++, out += 16) {
    for (int lane = 0; lane < 16; lane++) {
      float y = 0.0f;
      for (int b = 0; b < blocks; b++) {
        const size_t at = x.at(m, b);
        const int8_t* q = x.q + at * 32;
        int dots[2] = {0, 0};
        for (int i = 0; i < 32; i++) dots[i / 16] += q[i] * (panel[b].v[i / 4][lane][i % 4] - type.zero);
        const float d = x.scales[at].d, s0 = panel[b].s[0][lane] * d, s1 = panel[b].s[1][lane] * d;
        if (type.halves) {
          y = std::fma(static_cast<float>(dots[0]), s0, y);
          y = std::fma(static_cast<float>(dots[1]), s1, y);
        } else {
          y = std::fma(static_cast<float>(dots[0] + dots[1]), s0, y);
        }
        if (type.minimum) y = std::fma(panel[b].m[lane], x.scales[at].scaled, y);
      }
      out[lane] = y;
    }
  }
}

void software_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  IntegerType of{};
  integer_type(type, of);
  unpack(room, type, from, x.in);
  rows(out, room, of, x, m0, m1);
}

}  // namespace pr1
