// Products of bfloat16 in the arithmetic of Intel's matrix units, against a plain statement of it, bit for bit.
// Usage: tiles_test [isa]. Prints a line a shape, exits 1 on the first mismatch. Built and run by test/native/ops.proof.ts.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../ops.h"
#include "../threads.h"

using namespace pr1;
using Floats = std::vector<float>;

static std::mt19937 rng(11);

/// Numbers of many sizes: with 0, with such as are denormal in bfloat16, with products that are.
static Floats random_floats(size_t n, int lowest, int highest) {
  std::uniform_int_distribution<int> exponent(lowest, highest);
  std::normal_distribution<double> normal;
  Floats x(n);
  for (float& v : x) v = rng() % 50 == 0 ? 0.0f : static_cast<float>(std::ldexp(normal(rng), exponent(rng)));
  return x;
}

static float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

static float rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  std::memcpy(&x, &bits, 4);
  return flushed(x);
}

/// Onto c: Σ a(k) b(k) for k below n.
template <class A, class B>
static float product(float c, int n, A&& a, B&& b) {
  for (int k = 0; k < n; k += 32) {
    float sums[2] = {0.0f, 0.0f};
    for (int i = 0; i < 32; i++) {
      const float x = k + i < n ? rounded(a(k + i)) : 0.0f, y = k + i < n ? rounded(b(k + i)) : 0.0f;
      sums[i % 2] = flushed(std::fma(x, y, sums[i % 2]));
    }
    c = flushed(flushed(c) + flushed(sums[0] + sums[1]));
  }
  return c;
}

static void expect_same(const std::string& what, const Floats& got, const Floats& want) {
  for (size_t i = 0; i < want.size(); i++) {
    if (std::memcmp(&got[i], &want[i], 4) == 0 || (got[i] == 0.0f && want[i] == 0.0f)) continue;
    std::printf("FAILED %s: element %zu is %.9g, expected %.9g\n", what.c_str(), i, got[i], want[i]);
    std::exit(1);
  }
  std::printf("ok %s\n", what.c_str());
}

struct Weight {
  Ops& ops;
  Floats values, gradient;
  Matrix m;
  Weight(Ops& ops, int out, int in, int lowest, int highest)
      : ops(ops), values(random_floats(static_cast<size_t>(out) * in, lowest, highest)), gradient(random_floats(values.size(), -4, 4)) {
    m = {out, in, values.data(), gradient.data(), ops.allocate(ops.forward_floats(out, in)), ops.allocate(ops.backward_floats(out, in))};
    ops.pack(m);
  }
  ~Weight() {
    ops.release(m.forward);
    ops.release(m.backward);
  }
};

static void linear(Ops& ops, int M, int in, int out, int lowest, int highest) {
  Weight w(ops, out, in, lowest, highest);
  const size_t rows = static_cast<size_t>(M);
  const Floats x = random_floats(rows * in, lowest, highest), dy = random_floats(rows * out, lowest, highest);
  const Floats bias = random_floats(out, 0, 2), residual = random_floats(rows * out, 0, 2), before = w.gradient;
  Floats y(rows * out), dx(rows * in), dbias(out), want_y(y.size()), want_dx(dx.size()), want_dw(before.size());
  ops.linear_forward(y.data(), x.data(), w.m, bias.data(), residual.data(), M);
  ops.linear_backward_input(dx.data(), dy.data(), w.m, M);
  ops.linear_backward_weight(w.m, dbias.data(), dy.data(), x.data(), M);
  for (int m = 0; m < M; m++) {
    for (int o = 0; o < out; o++) {
      const float sum = product(0.0f, in, [&](int k) { return x[m * in + k]; }, [&](int k) { return w.values[o * in + k]; });
      want_y[m * out + o] = (sum + bias[o]) + residual[m * out + o];
    }
    for (int i = 0; i < in; i++) {
      want_dx[m * in + i] = product(0.0f, out, [&](int k) { return dy[m * out + k]; }, [&](int k) { return w.values[k * in + i]; });
    }
  }
  for (int o = 0; o < out; o++) {
    for (int i = 0; i < in; i++) {
      want_dw[o * in + i] = product(before[o * in + i], M, [&](int t) { return dy[t * out + o]; }, [&](int t) { return x[t * in + i]; });
    }
  }
  const std::string shape = std::to_string(M) + " x " + std::to_string(in) + " x " + std::to_string(out) + ", 2^" + std::to_string(lowest);
  expect_same("forward " + shape, y, want_y);
  expect_same("gradient of the input " + shape, dx, want_dx);
  expect_same("gradient of the weight " + shape, w.gradient, want_dw);
}

int main(int argc, char** argv) {
  ThreadPool threads(2);
  const char* why = "";
  const char* isa = argc > 1 ? argv[1] : "amx-bf16";
  std::unique_ptr<Ops> ops(make_cpu_ops(isa, threads, &why, Precision::bf16));
  if (!ops) {
    std::printf("unavailable: %s\n", why);
    return 2;
  }
  std::printf("isa %s\n", ops->isa());
  for (int M : {1, 2, 15, 16, 17, 31, 32, 33, 47}) linear(*ops, M, 40, 24, -8, 8);
  linear(*ops, 7, 33, 131, -8, 8);
  linear(*ops, 61, 130, 50, -8, 8);
  linear(*ops, 700, 48, 80, -8, 8);
  linear(*ops, 33, 160, 96, -30, 30);
  // Products around the smallest normal number, and inputs below it.
  linear(*ops, 40, 96, 64, -66, -60);
  linear(*ops, 40, 96, 64, -130, 4);
  std::printf("done\n");
  return 0;
}
