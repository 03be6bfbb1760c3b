// Products of weights in blocks with rows in 8 bits: exact integer sums inside a block, blocks added in order.
//
// A row x goes in blocks of 32 numbers, as ggml's Q8_0 has them, with a scale in float32: d = max |x| / 127, q = x / d to
// nearest. A weight of a block is w = s (v - zero) + m. Then for each output and block
//   y += Σ q (v - zero) (s d), and of types with a minimum y += m (d Σ q),
// both rounded once. So a row's result depends on nothing but the row. Types with a scale for 16 numbers have two such sums.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../blocks.h"

namespace pr1 {

/// How the integers of a type are meant.
struct IntegerType {
  int zero;
  bool halves;   // a scale for 16 numbers
  bool minimum;
};
/// False for types of float16 and the like, which have none.
constexpr bool integer_type(BlockType type, IntegerType& out) {
  switch (type) {
    case BlockType::q8_0: out = {128, false, false}; return true;
    case BlockType::q4_0: out = {8, false, false}; return true;
    case BlockType::q5_0: out = {16, false, false}; return true;
    case BlockType::q4_1:
    case BlockType::q5_1:
    case BlockType::q4_k:
    case BlockType::q5_k: out = {0, false, true}; return true;
    case BlockType::q6_k: out = {32, true, false}; return true;
    default: return false;
  }
}

/// 32 numbers of 16 outputs, ready for products.
struct IntegerBlock {
  uint8_t v[8][16][4];  // four numbers that follow each other, of each output
  float s[2][16];       // scales of the first and the last 16 numbers
  float m[16];          // minimum
};

/// What the products need of 32 numbers of a row besides q: the scale, Σ q of the first and the last 16 and of all, d Σ q.
struct IntegerSums {
  float d, half[2], all, scaled;
};

/// Rows of x in blocks of 32.
struct IntegerRows {
  const int8_t* q;          // (rows, in)
  const IntegerSums* sums;  // (rows, in / 32)
  int in;
};

/// out (m1 − m0, 16): rows m0 … m1 times one panel (blocks.h) of a type with integers. room: in / 32 blocks.
void software_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1);

/// The same, bit for bit, with instructions that multiply bytes: of AVX512-VNNI, which not every CPU with AVX-512 has.
bool vnni_available();
void vnni_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1);

}  // namespace pr1
