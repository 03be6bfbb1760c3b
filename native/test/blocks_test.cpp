// Products with weights in blocks and their rows, every type, against a plain float64 reading of ggml's formats.
// Usage: blocks_test [isa]. Prints a line a case, exits 1 on the first mismatch. Built and run by test/native/ops.proof.ts.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../blocks.h"
#include "../ops.h"
#include "../threads.h"
#include "digest.h"

using namespace pr1;
using Bytes = std::vector<uint8_t>;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;

static std::mt19937 rng(11);
static Floats random_floats(size_t n) {
  std::normal_distribution<float> normal;
  Floats x(n);
  for (float& v : x) v = normal(rng);
  return x;
}
static void check(bool ok, const std::string& what) {
  if (ok) return;
  std::printf("FAILED %s\n", what.c_str());
  std::exit(1);
}

// ---- ggml's formats in float64, as dequantize_row_* of ggml-quants.c has them ----

static double half64(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
  return bits & 0x8000 ? -size : size;
}

static void block64(double* y, const uint8_t* b, BlockType type) {
  switch (type) {
    case BlockType::f32: {
      float x;
      std::memcpy(&x, b, 4);
      *y = x;
      return;
    }
    case BlockType::f16: *y = half64(b); return;
    case BlockType::bf16: {
      const uint32_t bits = static_cast<uint32_t>(b[0] | b[1] << 8) << 16;
      float x;
      std::memcpy(&x, &bits, 4);
      *y = x;
      return;
    }
    case BlockType::q8_0:
      for (int i = 0; i < 32; i++) y[i] = half64(b) * static_cast<int8_t>(b[2 + i]);
      return;
    case BlockType::q4_0:
    case BlockType::q4_1:
    case BlockType::q5_0:
    case BlockType::q5_1: {
      const bool five = type == BlockType::q5_0 || type == BlockType::q5_1;
      const bool min = type == BlockType::q4_1 || type == BlockType::q5_1;
      const uint8_t *qh = b + (min ? 4 : 2), *qs = qh + (five ? 4 : 0);
      for (int i = 0; i < 32; i++) {
        int q = i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
        if (five) q |= (qh[i / 8] >> i % 8 & 1) << 4;
        y[i] = min ? half64(b) * q + half64(b + 2) : half64(b) * (q - (five ? 16 : 8));
      }
      return;
    }
    case BlockType::q4_k:
    case BlockType::q5_k: {
      const bool five = type == BlockType::q5_k;
      const uint8_t *s = b + 4, *qh = b + 16, *qs = b + (five ? 48 : 16);
      for (int j = 0; j < 8; j++) {
        const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        const int low = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
        for (int l = 0; l < 32; l++) {
          int q = qs[j / 2 * 32 + l] >> j % 2 * 4 & 15;
          if (five) q |= (qh[l] >> j & 1) << 4;
          y[j * 32 + l] = half64(b) * scale * q - half64(b + 2) * low;
        }
      }
      return;
    }
    case BlockType::q6_k: {
      const uint8_t *ql = b, *qh = b + 128;
      const int8_t* sc = reinterpret_cast<const int8_t*>(b + 192);
      for (int n = 0; n < 256; n += 128, y += 128, ql += 64, qh += 32, sc += 8) {
        for (int l = 0; l < 32; l++) {
          const int q[4] = {(ql[l] & 15) | (qh[l] & 3) << 4, (ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4,
                            ql[l] >> 4 | (qh[l] >> 4 & 3) << 4, ql[l + 32] >> 4 | (qh[l] >> 6 & 3) << 4};
          for (int i = 0; i < 4; i++) y[l + 32 * i] = half64(b + 208) * sc[l / 16 + 2 * i] * (q[i] - 32);
        }
      }
      return;
    }
  }
}

static Doubles rows64(const Bytes& rows, BlockType type, size_t n) {
  Doubles y(n);
  const BlockFormat& f = format_of(type);
  for (size_t i = 0; i < n / f.elements; i++) block64(y.data() + i * f.elements, rows.data() + i * f.bytes, type);
  return y;
}

// ---- The tests ----

/// Rows of blocks of random bits with scales between subnormal and 1, of both signs.
static Bytes random_rows(BlockType type, int out, int in) {
  const BlockFormat& f = format_of(type);
  Bytes rows(Blocks{type, out, in, nullptr}.row_bytes() * static_cast<size_t>(out));
  for (uint8_t& byte : rows) byte = static_cast<uint8_t>(rng());
  for (size_t at = 0; at < rows.size(); at += f.bytes) {
    for (int i = 0; i < f.wide; i++) {
      uint8_t& top = rows[at + f.wide_at + (i + 1) * f.width - 1];
      const int exponent = type == BlockType::f16 || f.elements > 1 ? static_cast<int>(rng() % 12) << 2 : 0x3c;
      top = static_cast<uint8_t>((top & 0x83) | exponent);
    }
  }
  return rows;
}

struct Held {
  Ops& ops;
  Blocks blocks;
  Held(Ops& ops, BlockType type, int out, int in, const Bytes& rows) : ops(ops), blocks{type, out, in, nullptr} {
    blocks.panels = reinterpret_cast<uint8_t*>(ops.allocate(blocks.bytes() / sizeof(float)));
    check(interleave(blocks, rows.data()), "interleaving finite blocks");
  }
  ~Held() { ops.release(reinterpret_cast<float*>(blocks.panels)); }
};

/// Two weights of one width, one above the other, and their numbers.
struct Stacked {
  const Bytes above, below;
  const Held a, b;
  const Blocks parts[2];
  Doubles numbers;
  Stacked(Ops& ops, BlockType first, BlockType second, int N1, int N2, int K)
      : above(random_rows(first, N1, K)), below(random_rows(second, N2, K)), a(ops, first, N1, K, above), b(ops, second, N2, K, below),
        parts{a.blocks, b.blocks}, numbers(rows64(above, first, static_cast<size_t>(N1) * K)) {
    const Doubles more = rows64(below, second, static_cast<size_t>(N2) * K);
    numbers.insert(numbers.end(), more.begin(), more.end());
  }
};

/// Two weights of different types, stacked, and any number of rows.
static void product(Ops& ops, BlockType first, BlockType second, int M, int N1, int N2, int K) {
  const int N = N1 + N2;
  const std::string name = std::string(format_of(first).name) + " over " + format_of(second).name + ", " + std::to_string(M) + "x" +
                           std::to_string(N1) + "+" + std::to_string(N2) + "x" + std::to_string(K);
  const Stacked weights(ops, first, second, N1, N2, K);
  const Doubles& w = weights.numbers;
  const Floats x = random_floats(static_cast<size_t>(M) * K), bias = random_floats(N), residual = random_floats(static_cast<size_t>(M) * N);
  Floats y = residual;
  ops.blocks_forward(y.data(), x.data(), weights.parts, 2, bias.data(), y.data(), M);
  const std::string digest = Digest().add(y).text();
  double worst = 0;
  for (int m = 0; m < M; m++) {
    for (int n = 0; n < N; n++) {
      double sum = bias[n] + static_cast<double>(residual[m * N + n]), size = std::fabs(sum);
      for (int k = 0; k < K; k++) {
        const double term = static_cast<double>(x[m * K + k]) * w[static_cast<size_t>(n) * K + k];
        sum += term;
        size += std::fabs(term);
      }
      worst = std::fmax(worst, std::fabs(y[m * N + n] - sum) / size);
    }
  }
  check(worst < 3e-7 * std::sqrt(K), name + ": " + std::to_string(worst) + " from float64, relative to the sum of sizes");
  // Any number of rows gives the same bits.
  Floats single(N);
  for (int m = 0; m < M; m += 3) {
    ops.blocks_forward(single.data(), x.data() + m * K, weights.parts, 2, bias.data(), residual.data() + m * N, 1);
    check(std::memcmp(single.data(), y.data() + m * N, sizeof(float) * N) == 0, name + ": a row differs when computed alone");
  }
  // And so do float32 weights of the same values.
  Floats values(w.begin(), w.end()), again(y.size());
  Matrix matrix;
  matrix.out = N, matrix.in = K, matrix.weight = values.data(), matrix.forward = ops.allocate(ops.forward_floats(N, K));
  ops.pack(matrix);
  ops.linear_forward(again.data(), x.data(), matrix, bias.data(), residual.data(), M);
  ops.release(matrix.forward);
  check(again == y, name + ": float32 weights of the same values give other bits");
  // Rows: the nearest float32 of each value.
  const int ids[3] = {N1 - 1, 0, N1 / 2};
  Floats picked(3 * static_cast<size_t>(K));
  ops.blocks_rows(picked.data(), weights.a.blocks, ids, 1.0f, 3);
  for (int i = 0; i < 3; i++) {
    check(std::memcmp(picked.data() + i * K, values.data() + static_cast<size_t>(ids[i]) * K, sizeof(float) * K) == 0, name + ": a row");
  }
  ops.blocks_rows(picked.data(), weights.a.blocks, ids, 2.5f, 1);
  for (int k = 0; k < K; k++) check(picked[k] == 2.5f * values[static_cast<size_t>(ids[0]) * K + k], name + ": a scaled row");
  std::printf("ok %s %s (%.2g)\n", name.c_str(), digest.c_str(), worst);
}

/// x as rows in 8 bits have it: 32 numbers with the scale max |x| / 127.
static Floats rounded_rows(const Floats& x) {
  Floats y(x.size());
  for (size_t at = 0; at < x.size(); at += 32) {
    float largest = 0;
    for (size_t i = at; i < at + 32; i++) largest = std::fmax(largest, std::fabs(x[i]));
    const float d = largest / 127.0f, inverse = d > 0 ? 1.0f / d : 0.0f;
    for (size_t i = at; i < at + 32; i++) y[i] = std::nearbyint(x[i] * inverse) * d;
  }
  return y;
}

/// Rows in 8 bits: float64 over the rounded rows, the same bits for any number of rows, and on `other` instructions.
static void byte_product(Ops& ops, Ops& other, BlockType first, BlockType second, int M, int N1, int N2, int K) {
  const int N = N1 + N2;
  const std::string name = std::string("rows in 8 bits, ") + format_of(first).name + " over " + format_of(second).name + ", " + std::to_string(M) +
                           "x" + std::to_string(N1) + "+" + std::to_string(N2) + "x" + std::to_string(K);
  const Stacked weights(ops, first, second, N1, N2, K);
  const Doubles& w = weights.numbers;
  Floats x = random_floats(static_cast<size_t>(M) * K);
  for (int k = 0; k < 32; k++) x[k] = 0;
  const Floats bias = random_floats(N), rounded = rounded_rows(x);
  Floats y(static_cast<size_t>(M) * N), again(y.size());
  ops.blocks_forward(y.data(), x.data(), weights.parts, 2, bias.data(), nullptr, M);
  const std::string digest = Digest().add(y).text();
  double worst = 0;
  for (int m = 0; m < M; m++) {
    for (int n = 0; n < N; n++) {
      const bool whole = format_of(n < N1 ? first : second).elements > 1;
      double sum = bias[n], size = std::fabs(sum);
      for (int k = 0; k < K; k++) {
        const double term = static_cast<double>((whole ? rounded : x)[m * K + k]) * w[static_cast<size_t>(n) * K + k];
        sum += term;
        size += std::fabs(term);
      }
      worst = std::fmax(worst, std::fabs(y[m * N + n] - sum) / size);
    }
  }
  check(worst < 3e-7 * std::sqrt(K), name + ": " + std::to_string(worst) + " from float64, relative to the sum of sizes");
  Floats single(N);
  for (int m = 0; m < M; m += 3) {
    ops.blocks_forward(single.data(), x.data() + m * K, weights.parts, 2, bias.data(), nullptr, 1);
    check(std::memcmp(single.data(), y.data() + m * N, sizeof(float) * N) == 0, name + ": a row differs when computed alone");
  }
  other.blocks_forward(again.data(), x.data(), weights.parts, 2, bias.data(), nullptr, M);
  const bool exact = format_of(first).elements > 1 && format_of(second).elements > 1;
  check(!exact || again == y, name + ": other bits in portable C++");
  x[static_cast<size_t>(M) * K - 1] = NAN;
  ops.blocks_forward(y.data(), x.data(), weights.parts, 2, bias.data(), nullptr, M);
  check(std::isnan(y[static_cast<size_t>(M) * N - 1]), name + ": a NaN is lost");
  std::printf("ok %s %s (%.2g)\n", name.c_str(), digest.c_str(), worst);
}

/// What is not finite is seen wherever it is, and nothing else is taken for it.
static void refusals(BlockType type) {
  const BlockFormat& f = format_of(type);
  const int in = f.elements * 2;
  const Bytes good = random_rows(type, 19, in);
  Bytes panels(Blocks{type, 19, in, nullptr}.bytes());
  const Blocks blocks{type, 19, in, panels.data()};
  check(interleave(blocks, good.data()), "finite blocks");
  for (int i = 0; i < f.wide; i++) {
    for (const uint8_t top : {0x7f, 0xff}) {
      Bytes bad = good;
      uint8_t* scale = bad.data() + blocks.row_bytes() * 17 + f.wide_at + i * f.width;
      scale[f.width - 1] = top;
      scale[f.width - 2] |= 0x80;
      check(!interleave(blocks, bad.data()), std::string(f.name) + " with a scale that is not finite");
    }
  }
}

/// Numbers of every size, ties and a row of zeros: no number is further away than its block's steps allow.
static void quantising(BlockType type, double steps) {
  const BlockFormat& f = format_of(type);
  Floats x = random_floats(32 * 200);
  for (size_t i = 0; i < x.size(); i++) x[i] *= std::ldexp(1.0f, static_cast<int>(i / 320) - 15);
  for (int i = 0; i < 32; i++) x[i] = 0, x[32 + i] = static_cast<float>(i % 16 - 8), x[64 + i] = static_cast<float>(127 - 4 * i) / 2;
  Bytes rows(x.size() / f.elements * f.bytes);
  quantize(rows.data(), x.data(), type, x.size());
  const Doubles y = rows64(rows, type, x.size());
  for (size_t i = 0; i < x.size(); i++) {
    double largest = 0;
    for (size_t j = i / f.elements * f.elements; j < (i / f.elements + 1) * f.elements; j++) largest = std::fmax(largest, std::fabs(x[j]));
    // A scale is rounded to 11 bits, or to a multiple of 2^-24.
    const double allowed = largest * (0.5 / steps + std::ldexp(1, -11)) + (f.elements > 1 ? std::ldexp(steps, -25) : 0);
    check(std::fabs(y[i] - x[i]) <= allowed, std::string(f.name) + ": quantised too far away");
  }
  std::printf("ok quantising to %s\n", f.name);
}

int main(int argc, char** argv) {
  ThreadPool threads(2);
  const char* why = "";
  std::unique_ptr<Ops> ops(make_cpu_ops(argc > 1 ? argv[1] : "", threads, &why));
  if (!ops) {
    std::printf("unavailable: %s\n", why);
    return 2;
  }
  std::printf("isa %s\n", ops->isa());
  for (int i = 0; i < kBlockTypes; i++) {
    const BlockType type = static_cast<BlockType>(i), other = static_cast<BlockType>((i + 3) % kBlockTypes);
    const int wide = format_of(type).elements == 256 || format_of(other).elements == 256 ? 512 : 96;
    product(*ops, type, other, 1, 37, 20, wide);
    product(*ops, type, type, 7, 48, 17, 256);
    product(*ops, type, other, 61, 130, 33, wide);
    product(*ops, type, type, 300, 33, 16, 256);
    refusals(type);
  }
  std::unique_ptr<Ops> plain(make_cpu_ops("portable", threads, &why));
  ops->block_rows(BlockRows::int8);
  plain->block_rows(BlockRows::int8);
  for (int i = 0; i < kBlockTypes; i++) {
    const BlockType type = static_cast<BlockType>(i), other = static_cast<BlockType>((i + 3) % kBlockTypes);
    const int wide = format_of(type).elements == 256 || format_of(other).elements == 256 ? 512 : 96;
    byte_product(*ops, *plain, type, other, 1, 37, 20, wide);
    byte_product(*ops, *plain, type, type, 7, 48, 17, 256);
    byte_product(*ops, *plain, type, other, 61, 130, 33, wide);
  }
  // Numbers of rows around those at which instructions change, and columns that go by no number of them.
  for (const BlockType type : {BlockType::q8_0, BlockType::q4_1, BlockType::q5_0}) {
    for (const int M : {2, 3, 4, 5, 6, 8, 9, 12, 13, 15, 16, 17, 20, 31, 32, 33}) byte_product(*ops, *plain, type, type, M, 17, 16, 160);
    byte_product(*ops, *plain, type, type, 23, 33, 16, 832);
    byte_product(*ops, *plain, type, type, 259, 16, 17, 64);
  }
  for (const BlockType type : {BlockType::q4_k, BlockType::q5_k, BlockType::q6_k}) byte_product(*ops, *plain, type, type, 23, 33, 16, 1280);
  ops->block_rows(BlockRows::float32);
  // Blocks of one number go by no multiple of 32.
  for (const BlockType type : {BlockType::f32, BlockType::f16, BlockType::bf16}) product(*ops, type, BlockType::bf16, 50, 19, 70, 331);
  quantising(BlockType::f32, 1e30);
  quantising(BlockType::bf16, 128);
  quantising(BlockType::q8_0, 127);
  quantising(BlockType::q4_0, 4);
  std::printf("done\n");
  return 0;
}
