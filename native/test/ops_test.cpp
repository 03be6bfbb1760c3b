// Every op against a plain float64 statement of it, every backward against central differences of that statement.
// Usage: ops_test [isa [precision [digests]]]. With a precision other than f32 the products only. Prints a line an op with a digest of what
// it computed, exits 1 on the first mismatch. `digests`: nothing is compared with float64, which takes most of the time. Built and run by
// test/native/ops.proof.ts and arm.proof.ts.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../ops.h"
#include "../threads.h"
#include "digest.h"

using namespace pr1;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;

static std::mt19937 rng(7);
static Floats random_floats(size_t n, double scale = 1.0) {
  std::normal_distribution<double> normal(0.0, scale);
  Floats x(n);
  for (float& v : x) v = static_cast<float>(normal(rng));
  return x;
}
static Doubles widen(const Floats& x) { return Doubles(x.begin(), x.end()); }

static bool only_digests = false;

static void expect_close(const std::string& what, const Floats& got, const Doubles& want, double tolerance) {
  const std::string digest = Digest().add(got).text();
  if (only_digests) {
    std::printf("ok %s %s\n", what.c_str(), digest.c_str());
    return;
  }
  double scale = 1e-3, worst = 0;
  size_t at = 0;
  for (double w : want) scale = std::max(scale, std::fabs(w));
  for (size_t i = 0; i < want.size(); i++) {
    double error = std::fabs(got[i] - want[i]) / scale;
    if (!(error <= worst)) worst = error, at = i;
  }
  if (!(worst <= tolerance)) {
    std::printf("FAILED %s: element %zu is %.9g, expected %.9g (relative to the largest: %.3g, allowed %.3g)\n", what.c_str(), at,
                got[at], want[at], worst, tolerance);
    std::exit(1);
  }
  std::printf("ok %s %s (%.2g)\n", what.c_str(), digest.c_str(), worst);
}

/// Central differences of loss = Σ r · f(x) with respect to x.
static Doubles differences(const Doubles& x, const Floats& r, const std::function<Doubles(const Doubles&)>& f) {
  Doubles gradient(x.size());
  if (only_digests) return gradient;
  Doubles point = x;
  const double h = 1e-5;
  for (size_t i = 0; i < x.size(); i++) {
    double loss[2];
    for (int side = 0; side < 2; side++) {
      point[i] = x[i] + (side ? h : -h);
      Doubles y = f(point);
      loss[side] = 0;
      for (size_t j = 0; j < y.size(); j++) loss[side] += r[j] * y[j];
    }
    point[i] = x[i];
    gradient[i] = (loss[1] - loss[0]) / (2 * h);
  }
  return gradient;
}

static const double kForward = 3e-6, kBackward = 2e-5;

// ---- float64 statements ----

static Doubles rmsnorm64(const Doubles& x, const Doubles& w, int T, int C, double eps, double offset = 0) {
  Doubles y(x.size());
  for (int t = 0; t < T && !only_digests; t++) {
    double sum = 0;
    for (int c = 0; c < C; c++) sum += x[t * C + c] * x[t * C + c];
    double r = 1 / std::sqrt(sum / C + eps);
    for (int c = 0; c < C; c++) y[t * C + c] = x[t * C + c] * r * (w[c] + offset);
  }
  return y;
}

static Doubles linear64(const Doubles& x, const Doubles& w, const Doubles* bias, const Doubles* residual, int M, int N, int K) {
  Doubles y(static_cast<size_t>(M) * N);
  for (int m = 0; m < M && !only_digests; m++) {
    for (int n = 0; n < N; n++) {
      double sum = 0;
      for (int k = 0; k < K; k++) sum += x[m * K + k] * w[n * K + k];
      y[m * N + n] = sum + (bias ? (*bias)[n] : 0) + (residual ? (*residual)[m * N + n] : 0);
    }
  }
  return y;
}

static Doubles rope64(const Doubles& qkv, const Doubles* qn, const Doubles* kn, const Floats& cos, const Floats& sin,
                      const std::vector<int>& positions, Heads h, double eps, double offset) {
  Doubles out = qkv;
  const int width = h.qkv_width(), half = h.dim / 2;
  for (size_t t = 0; t < positions.size(); t++) {
    for (int head = 0; head < h.heads + h.kv_heads; head++) {
      const Doubles* norm = head < h.heads ? qn : kn;
      double* x = out.data() + t * width + head * h.dim;
      if (norm) {
        Doubles row(x, x + h.dim);
        row = rmsnorm64(row, *norm, 1, h.dim, eps, offset);
        std::copy(row.begin(), row.end(), x);
      }
      for (int i = 0; i < half; i++) {
        double c = cos[positions[t] * half + i], s = sin[positions[t] * half + i];
        double a = x[i], b = x[half + i];
        x[i] = a * c - b * s;
        x[half + i] = b * c + a * s;
      }
    }
  }
  return out;
}

/// visible[t]: rows that token t sees.
static Doubles attention64(const Doubles& qkv, const std::vector<std::vector<int>>& visible, Heads h) {
  const int T = static_cast<int>(visible.size()), width = h.qkv_width(), group = h.heads / h.kv_heads;
  Doubles out(static_cast<size_t>(T) * h.q_width());
  for (int t = 0; t < T && !only_digests; t++) {
    for (int head = 0; head < h.heads; head++) {
      const double* q = qkv.data() + t * width + head * h.dim;
      const int k_at = h.q_width() + head / group * h.dim, v_at = k_at + h.kv_width();
      Doubles p;
      double top = -1e300, sum = 0;
      for (int j : visible[t]) {
        double s = 0;
        for (int d = 0; d < h.dim; d++) s += q[d] * qkv[j * width + k_at + d];
        p.push_back(h.scale > 0 ? s * h.scale : s / std::sqrt(static_cast<double>(h.dim)));
        top = std::max(top, p.back());
      }
      for (double& s : p) sum += (s = std::exp(s - top));
      for (size_t j = 0; j < p.size(); j++) {
        for (int d = 0; d < h.dim; d++) {
          out[t * h.q_width() + head * h.dim + d] += p[j] / sum * qkv[visible[t][j] * width + v_at + d];
        }
      }
    }
  }
  return out;
}

static Doubles gated64(const Doubles& x, Activation activation, int T, int F) {
  Doubles y(static_cast<size_t>(T) * F);
  for (int t = 0; t < T; t++) {
    for (int f = 0; f < F; f++) {
      const double g = x[t * 2 * F + f], up = x[t * 2 * F + F + f];
      // As torch has them: silu, and gelu with approximate="tanh".
      const double tanh_of = std::sqrt(2 / 3.14159265358979323846) * (g + 0.044715 * g * g * g);
      y[t * F + f] = up * (activation == Activation::silu ? g / (1 + std::exp(-g)) : 0.5 * g * (1 + std::tanh(tanh_of)));
    }
  }
  return y;
}

static Doubles logprob64(const Doubles& logits, const std::vector<int>& targets, const std::vector<std::vector<int>>& excluded,
                         double temperature, int V, Doubles* entropy) {
  Doubles out;
  for (size_t r = 0; r < targets.size(); r++) {
    Doubles row(logits.begin() + r * V, logits.begin() + (r + 1) * V);
    for (double& l : row) l /= temperature;
    for (int id : excluded[r]) row[id] = -INFINITY;
    double top = -INFINITY, sum = 0, h = 0;
    for (double l : row) top = std::max(top, l);
    for (double l : row) sum += std::exp(l - top);
    for (double l : row) {
      double p = std::exp(l - top) / sum;
      if (p > 0) h -= p * std::log(p);
    }
    out.push_back(row[targets[r]] - top - std::log(sum));
    if (entropy) entropy->push_back(h);
  }
  return out;
}

// ---- The tests ----

static float round_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  std::memcpy(&x, &bits, 4);
  return x;
}

struct Test {
  Ops& ops;
  Precision precision = Precision::f32;

  /// What a product reads in the place of x.
  Floats read_as(const Floats& x) {
    Floats y = x;
    if (precision == Precision::bf16) {
      for (float& v : y) v = round_bf16(v);
    }
    return y;
  }

  /// Op buffers that free themselves.
  struct Held {
    Ops& ops;
    float* p;
    ~Held() { ops.release(p); }
  };
  Held hold(size_t n) { return Held{ops, ops.allocate(n)}; }

  void rmsnorm(int T, int C, float offset, bool added) {
    Floats x = random_floats(T * C), w = random_floats(C), r = random_floats(T * C), y(T * C), rstd(T);
    const Floats residual = random_floats(T * C);
    const NormWeight weight{w.data(), offset, 1e-6f};
    ops.rmsnorm_forward(y.data(), rstd.data(), x.data(), weight, added ? residual.data() : nullptr, T, C);
    std::string name = "rmsnorm " + std::to_string(T) + "x" + std::to_string(C) + (offset > 0 ? ", 1 + w" : "") + (added ? ", added" : "");
    auto statement = [&](const Doubles& v, const Doubles& weights) { return rmsnorm64(v, weights, T, C, 1e-6, offset); };
    Doubles want = statement(widen(x), widen(w));
    for (size_t i = 0; added && i < want.size(); i++) want[i] += residual[i];
    expect_close(name, y, want, kForward);
    Floats dx = random_floats(T * C), dw = random_floats(C), dx0 = dx, dw0 = dw;
    ops.rmsnorm_backward(dx.data(), dw.data(), r.data(), x.data(), weight, rstd.data(), T, C);
    want = differences(widen(x), r, [&](const Doubles& v) { return statement(v, widen(w)); });
    for (size_t i = 0; i < want.size(); i++) want[i] += dx0[i];
    expect_close(name + " dx", dx, want, kBackward);
    want = differences(widen(w), r, [&](const Doubles& v) { return statement(widen(x), v); });
    for (size_t i = 0; i < want.size(); i++) want[i] += dw0[i];
    expect_close(name + " dw", dw, want, kBackward);
  }

  void linear(int M, int N, int K) {
    Floats x = random_floats(M * K), w = random_floats(N * K), bias = random_floats(N), residual = random_floats(M * N);
    Floats y(M * N), r = random_floats(M * N), dx(M * K), dw = random_floats(N * K), dw0 = dw, db = random_floats(N), db0 = db;
    Held forward = hold(ops.forward_floats(N, K)), backward = hold(ops.backward_floats(N, K));
    Matrix m;
    m.out = N, m.in = K, m.weight = w.data(), m.gradient = dw.data(), m.forward = forward.p, m.backward = backward.p;
    ops.pack(m);
    ops.linear_forward(y.data(), x.data(), m, bias.data(), residual.data(), M);
    std::string name = "linear " + std::to_string(M) + "x" + std::to_string(N) + "x" + std::to_string(K);
    Doubles b64 = widen(bias), r64 = widen(residual);
    const Floats xr = read_as(x), wr = read_as(w), rr = read_as(r);
    expect_close(name, y, linear64(widen(xr), widen(wr), &b64, &r64, M, N, K), kForward * std::sqrt(K));
    // Any number of rows gives the same bits.
    Floats single(N);
    for (int row = 0; row < M; row += 3) {
      ops.linear_forward(single.data(), x.data() + row * K, m, bias.data(), residual.data() + row * N, 1);
      if (std::memcmp(single.data(), y.data() + row * N, sizeof(float) * N) != 0) {
        std::printf("FAILED %s: row %d differs when computed alone\n", name.c_str(), row);
        std::exit(1);
      }
    }
    ops.linear_backward_input(dx.data(), r.data(), m, M);
    ops.linear_backward_weight(m, db.data(), r.data(), x.data(), M);
    // The statement is linear: its derivative is exact, no differences needed, but they are taken where they are cheap.
    Doubles want(M * K), wantw(N * K), wantb(N);
    for (int i = 0; i < M && !only_digests; i++) {
      for (int n = 0; n < N; n++) {
        wantb[n] += r[i * N + n];
        for (int k = 0; k < K; k++) {
          want[i * K + k] += static_cast<double>(rr[i * N + n]) * wr[n * K + k];
          wantw[n * K + k] += static_cast<double>(rr[i * N + n]) * xr[i * K + k];
        }
      }
    }
    if (M * N * K < 20000 && precision == Precision::f32 && !only_digests) {
      Doubles fd = differences(widen(x), r, [&](const Doubles& v) { return linear64(v, widen(w), &b64, &r64, M, N, K); });
      Floats exact(want.begin(), want.end());
      expect_close(name + " differences", exact, fd, 1e-6);
    }
    for (size_t i = 0; i < wantw.size(); i++) wantw[i] += dw0[i];
    for (size_t i = 0; i < wantb.size(); i++) wantb[i] += db0[i];
    expect_close(name + " dx", dx, want, kForward * std::sqrt(N));
    expect_close(name + " dw", dw, wantw, kForward * std::sqrt(M) * 2);
    expect_close(name + " dbias", db, wantb, kForward * std::sqrt(M));
    // Gradients in two halves have the bits of the whole; in bfloat16 tokens are added in pairs, and no cut parts one.
    Floats dw2 = dw0, db2 = db0;
    m.gradient = dw2.data();
    int half = M / 2;
    if (precision == Precision::bf16) half -= half & 1;
    if (half > 0) ops.linear_backward_weight(m, db2.data(), r.data(), x.data(), half);
    ops.linear_backward_weight(m, db2.data(), r.data() + half * N, x.data() + half * K, M - half);
    if (std::memcmp(dw2.data(), dw.data(), sizeof(float) * dw.size()) != 0 || std::memcmp(db2.data(), db.data(), sizeof(float) * db.size()) != 0) {
      std::printf("FAILED %s: two micro-batches differ from one\n", name.c_str());
      std::exit(1);
    }
  }

  /// A matrix whose outputs are columns `at` … of rows `stride` floats wide, as an adapter's second one is.
  void beside(int M, int N, int K, int stride, int at) {
    const std::string name = "beside " + std::to_string(M) + "x" + std::to_string(N) + "x" + std::to_string(K);
    Floats x = random_floats(M * K), w = random_floats(N * K), y = random_floats(M * stride), y0 = y, r = random_floats(M * stride);
    Floats dx = random_floats(M * K), dx0 = dx, dw = random_floats(N * K), dw0 = dw;
    Held forward = hold(ops.forward_floats(N, K)), backward = hold(ops.backward_floats(N, K)), filled = hold(ops.backward_floats(N, K));
    Matrix m;
    m.out = N, m.in = K, m.weight = w.data(), m.gradient = dw.data(), m.forward = forward.p, m.backward = backward.p;
    ops.pack(m);
    // The copy that gradients of inputs read, from rows in pieces.
    Matrix from_rows = m;
    from_rows.backward = filled.p;
    for (int first = 0; first < N; first += 6) ops.fill_backward(from_rows, first, std::min(6, N - first), w.data() + first * K);
    check(std::memcmp(filled.p, backward.p, sizeof(float) * ops.backward_floats(N, K)) == 0, name + ": rows in pieces are packed otherwise");
    ops.add_forward(y.data() + at, stride, x.data(), m, M);
    const Floats xr = read_as(x), wr = read_as(w), rr = read_as(r);
    auto statement = [&](const Doubles& v, const Doubles& weights) {
      Doubles out = widen(y0);
      const Doubles own = linear64(v, weights, nullptr, nullptr, M, N, K);
      for (int i = 0; i < M; i++) {
        for (int n = 0; n < N; n++) out[i * stride + at + n] += own[i * N + n];
      }
      return out;
    };
    expect_close(name, y, statement(widen(xr), widen(wr)), kForward * std::sqrt(K));
    for (int row = 0; row < M; row += 3) {
      Floats single(y0.begin() + row * stride, y0.begin() + (row + 1) * stride);
      ops.add_forward(single.data() + at, stride, x.data() + row * K, m, 1);
      check(std::memcmp(single.data(), y.data() + row * stride, sizeof(float) * stride) == 0, name + ": a row differs when computed alone");
    }
    Floats plain(M * K);
    ops.strided_backward_input(plain.data(), r.data() + at, stride, m, false, M);
    ops.strided_backward_input(dx.data(), r.data() + at, stride, m, true, M);
    ops.strided_backward_weight(m, r.data() + at, stride, x.data(), M);
    // As in `linear`: the derivative of what is linear is exact, and held against differences where numbers are not rounded.
    Doubles want(M * K), wantw(N * K);
    for (int i = 0; i < M && !only_digests; i++) {
      for (int n = 0; n < N; n++) {
        for (int k = 0; k < K; k++) {
          want[i * K + k] += static_cast<double>(rr[i * stride + at + n]) * wr[n * K + k];
          wantw[n * K + k] += static_cast<double>(rr[i * stride + at + n]) * xr[i * K + k];
        }
      }
    }
    if (M * N * K < 20000 && precision == Precision::f32 && !only_digests) {
      expect_close(name + " differences of x", Floats(want.begin(), want.end()),
                   differences(widen(x), r, [&](const Doubles& v) { return statement(v, widen(w)); }), 1e-6);
      expect_close(name + " differences of w", Floats(wantw.begin(), wantw.end()),
                   differences(widen(w), r, [&](const Doubles& v) { return statement(widen(x), v); }), 1e-6);
    }
    expect_close(name + " dx", plain, want, kForward * std::sqrt(N));
    for (size_t i = 0; i < want.size(); i++) want[i] += dx0[i];
    for (size_t i = 0; i < wantw.size(); i++) wantw[i] += dw0[i];
    expect_close(name + " dx, added", dx, want, kForward * std::sqrt(N));
    expect_close(name + " dw", dw, wantw, kForward * std::sqrt(M) * 2);
  }

  /// Columns of wider rows, taken, put and scaled.
  void columns() {
    const int M = 5, stride = 19, ids[] = {2, 3, 18};
    const Floats y0 = random_floats(M * stride);
    Floats y = y0, out(M * 3), scaled(M * 7, -1.0f);
    ops.gather_columns(out.data(), y.data(), stride, ids, 3, M);
    ops.scatter_columns(y.data(), stride, nullptr, ids, 3, M);
    bool right = true;
    for (int m = 0; m < M; m++) {
      for (int i = 0; i < 3; i++) right &= out[m * 3 + i] == y0[m * stride + ids[i]] && y[m * stride + ids[i]] == 0.0f;
      for (int c = 0; c < stride; c++) right &= c == 2 || c == 3 || c == 18 || y[m * stride + c] == y0[m * stride + c];
    }
    ops.scatter_columns(y.data(), stride, out.data(), ids, 3, M);
    right &= std::memcmp(y.data(), y0.data(), sizeof(float) * y.size()) == 0;
    ops.scale_columns(scaled.data() + 1, 7, y0.data() + 4, stride, 2.0f, 5, M);
    for (int m = 0; m < M; m++) {
      for (int c = 0; c < 7; c++) right &= scaled[m * 7 + c] == (c == 0 || c == 6 ? -1.0f : 2.0f * y0[m * stride + 3 + c]);
    }
    check(right, "columns");
    std::printf("ok columns\n");
  }

  static void check(bool ok, const std::string& what) {
    if (ok) return;
    std::printf("FAILED %s\n", what.c_str());
    std::exit(1);
  }

  void rope(int T, Heads h, bool norms, float offset = 0) {
    const int width = h.qkv_width(), half = h.dim / 2;
    Floats qkv = random_floats(T * width), qn = random_floats(h.dim), kn = random_floats(h.dim), r = random_floats(T * width);
    Floats cos(64 * half), sin(64 * half), out(T * width), d(T * width), dqn(h.dim), dkn(h.dim);
    for (int p = 0; p < 64; p++) {
      for (int i = 0; i < half; i++) {
        double angle = p / std::pow(100.0, 2.0 * i / h.dim);
        cos[p * half + i] = static_cast<float>(std::cos(angle));
        sin[p * half + i] = static_cast<float>(std::sin(angle));
      }
    }
    std::vector<int> positions(T);
    for (int& p : positions) p = static_cast<int>(rng() % 64);
    Doubles qn64 = widen(qn), kn64 = widen(kn);
    auto statement = [&](const Doubles& x, const Doubles& a, const Doubles& b) {
      return rope64(x, norms ? &a : nullptr, norms ? &b : nullptr, cos, sin, positions, h, 1e-6, offset);
    };
    const NormWeight q_norm{norms ? qn.data() : nullptr, offset, 1e-6f}, k_norm{norms ? kn.data() : nullptr, offset, 1e-6f};
    ops.rope_forward(out.data(), qkv.data(), q_norm, k_norm, cos.data(), sin.data(), positions.data(), T, h);
    std::string name = "rope dim " + std::to_string(h.dim) + (norms ? " with norms" : "") + (offset > 0 ? ", 1 + w" : "");
    expect_close(name, out, statement(widen(qkv), qn64, kn64), kForward);
    ops.rope_backward(d.data(), norms ? dqn.data() : nullptr, norms ? dkn.data() : nullptr, r.data(), qkv.data(), q_norm, k_norm,
                      cos.data(), sin.data(), positions.data(), T, h);
    expect_close(name + " dqkv", d, differences(widen(qkv), r, [&](const Doubles& v) { return statement(v, qn64, kn64); }), kBackward);
    if (!norms) return;
    expect_close(name + " dq_norm", dqn, differences(qn64, r, [&](const Doubles& v) { return statement(widen(qkv), v, kn64); }), kBackward);
    expect_close(name + " dk_norm", dkn, differences(kn64, r, [&](const Doubles& v) { return statement(widen(qkv), qn64, v); }), kBackward);
  }

  /// Two packed sequences; from a third of the way on, tokens do not see a range in the middle.
  void attention(int T, Heads h) {
    const int width = h.qkv_width(), bounds[3] = {0, T / 3, T};
    Floats qkv = random_floats(T * width, 0.7), r = random_floats(T * h.q_width());
    std::vector<std::vector<int>> visible(T);
    std::vector<std::vector<Run>> runs(T);
    std::vector<Query> queries;
    for (int s = 0; s < 2; s++) {
      const int a = bounds[s], n = bounds[s + 1] - a, hide0 = a + n / 4, hide1 = a + n / 2;
      for (int t = a; t < bounds[s + 1]; t++) {
        for (int j = a; j <= t; j++) {
          if (t < hide1 || j < hide0 || j >= hide1) visible[t].push_back(j);
        }
        if (t < hide1) {
          runs[t] = {{a, t + 1}};
        } else {
          runs[t] = {{a, hide0}, {hide1, t + 1}};
        }
      }
    }
    for (int t = 0; t < T; t++) queries.push_back({runs[t].data(), static_cast<int>(visible[t].size())});
    Floats out(T * h.q_width()), lse(T * h.heads), d(T * width);
    const float* k = qkv.data() + h.q_width();
    ops.attention_forward(out.data(), lse.data(), qkv.data(), width, k, k + h.kv_width(), width, queries.data(), T, h);
    std::string name = "attention " + std::to_string(T) + " tokens, " + std::to_string(h.heads) + "/" + std::to_string(h.kv_heads) +
                       " heads of " + std::to_string(h.dim) + (h.scale > 0 ? ", scaled" : "");
    expect_close(name, out, attention64(widen(qkv), visible, h), kForward * 2);
    ops.attention_backward(d.data(), r.data(), out.data(), lse.data(), qkv.data(), queries.data(), bounds, 2, T, h);
    if (T <= 70) {
      expect_close(name + " dqkv", d, differences(widen(qkv), r, [&](const Doubles& v) { return attention64(v, visible, h); }), kBackward);
    }
    // Of some tokens alone: the bits that zeros elsewhere give. What the forward left lies in other places.
    for (int every : {2, 7, T}) {
      std::vector<int> rows, at;
      for (int t = every / 2; t < T; t += every) rows.push_back(t), at.push_back(T - 1 - t);
      Floats zeros(r.size(), 0.0f), packed, out2(out.size(), NAN), lse2(lse.size(), NAN), some(d.size(), NAN), want(d.size());
      for (size_t i = 0; i < rows.size(); i++) {
        auto copy = [&](const Floats& from, int row, Floats& to, int place, int width) {
          std::copy_n(from.begin() + row * width, width, to.begin() + place * width);
        };
        copy(r, rows[i], zeros, rows[i], h.q_width());
        packed.insert(packed.end(), r.begin() + rows[i] * h.q_width(), r.begin() + (rows[i] + 1) * h.q_width());
        copy(out, rows[i], out2, at[i], h.q_width());
        copy(lse, rows[i], lse2, at[i], h.heads);
      }
      ops.attention_backward(want.data(), zeros.data(), out.data(), lse.data(), qkv.data(), queries.data(), bounds, 2, T, h);
      ops.attention_backward_rows(some.data(), packed.data(), out2.data(), lse2.data(), qkv.data(), queries.data(), bounds, 2, rows.data(),
                                  at.data(), static_cast<int>(rows.size()), h);
      for (size_t i = 0; i < want.size(); i++) {
        if (some[i] == want[i]) continue;
        std::printf("FAILED %s: of every %d-th token, element %zu is %.9g, expected %.9g\n", name.c_str(), every, i, some[i], want[i]);
        std::exit(1);
      }
    }
    // Scattered slots of a cache give the bits of packed rows: all tokens in one call, each alone, and, where they share
    // one list of runs as a prompt does, together.
    std::vector<int> slot(T);
    for (int t = 0; t < T; t++) slot[t] = (t / 5 % 2 == 0 ? t : T + t);
    const int slots_held = (2 * T + 15) / 16 * 16;
    Floats kc(slots_held * h.kv_width(), NAN), vc(slots_held * h.kv_width(), NAN), again(T * h.q_width());
    ops.cache_store(kc.data(), vc.data(), qkv.data(), slot.data(), T, h);
    std::vector<std::vector<Run>> slots(T);
    for (int t = 0; t < T; t++) {
      for (int j : visible[t]) {
        if (!slots[t].empty() && slots[t].back().end == slot[j]) {
          slots[t].back().end++;
        } else {
          slots[t].push_back({slot[j], slot[j] + 1});
        }
      }
      queries[t].runs = slots[t].data();
    }
    auto same = [&](const char* what) {
      if (std::memcmp(again.data(), out.data(), sizeof(float) * out.size()) == 0) return;
      std::printf("FAILED %s: cached keys give other bits than packed ones, %s\n", name.c_str(), what);
      std::exit(1);
    };
    ops.attention_cached(again.data(), qkv.data(), width, kc.data(), vc.data(), queries.data(), T, h);
    same("all tokens in one call");
    std::fill(again.begin(), again.end(), 0.0f);
    for (int t = 0; t < T; t++) {
      ops.attention_cached(again.data() + t * h.q_width(), qkv.data() + t * width, width, kc.data(), vc.data(), &queries[t], 1, h);
    }
    same("one token a call");
    for (int s = 0; s < 2; s++) {
      const int a = bounds[s], n = bounds[s + 1] - a;
      for (int t = a; t < a + n / 2; t++) queries[t].runs = slots[a + n / 2 - 1].data();
    }
    std::fill(again.begin(), again.end(), 0.0f);
    ops.attention_cached(again.data(), qkv.data(), width, kc.data(), vc.data(), queries.data(), T, h);
    same("prompts");
    std::fill(again.begin(), again.end(), 0.0f);
    for (int t = 0; t < T; t++) {
      Query alone{runs[t].data(), static_cast<int>(visible[t].size())};
      ops.attention_forward(again.data() + t * h.q_width(), nullptr, qkv.data() + t * width, width, k, k + h.kv_width(), width, &alone, 1, h);
    }
    same("packed, one token a call");
  }

  void gated(Activation activation, int T, int F) {
    Floats x = random_floats(T * 2 * F, 3.0), y(T * F), r = random_floats(T * F), d(T * 2 * F), again(T * 2 * F);
    ops.gated_forward(y.data(), x.data(), activation, T, F);
    std::string name = (activation == Activation::silu ? "silu gate " : "gelu gate ") + std::to_string(T) + "x" + std::to_string(F);
    expect_close(name, y, gated64(widen(x), activation, T, F), kForward);
    ops.gated_backward(d.data(), r.data(), x.data(), activation, T, F);
    expect_close(name + " d", d, differences(widen(x), r, [&](const Doubles& v) { return gated64(v, activation, T, F); }), kBackward);
    Floats act = r;
    ops.gated_backward_recompute(again.data(), act.data(), act.data(), x.data(), activation, T, F);
    if (again != d || act != y) {
      std::printf("FAILED %s: the forward made again has other bits\n", name.c_str());
      std::exit(1);
    }
  }

  void logprobs(int n, int V, float temperature) {
    Floats logits = random_floats(n * V, 4.0), weights = random_floats(n);
    std::vector<int> targets(n), counts(n);
    std::vector<std::vector<int>> excluded(n);
    std::vector<const int*> sets(n);
    for (int i = 0; i < n; i++) {
      targets[i] = static_cast<int>(rng() % V);
      if (i % 2) excluded[i] = {(targets[i] + 1) % V, (targets[i] + 3) % V};
      sets[i] = excluded[i].data();
      counts[i] = static_cast<int>(excluded[i].size());
    }
    Floats prepared = logits, temperatures(n, temperature);
    ops.prepare_logits(prepared.data(), n, V, temperatures.data(), sets.data(), counts.data());
    std::vector<RowScore> scores(n);
    ops.score_rows(scores.data(), prepared.data(), targets.data(), n, V, true);
    Doubles entropy64;
    Doubles want = logprob64(widen(logits), targets, excluded, temperature, V, &entropy64);
    Floats got, entropy, lse;
    for (const RowScore& s : scores) got.push_back(s.logprob), entropy.push_back(s.entropy), lse.push_back(s.lse);
    std::string name = "logprob of " + std::to_string(V) + " at temperature " + std::to_string(temperature).substr(0, 3);
    expect_close(name, got, want, kForward * 2);
    expect_close(name + " entropy", entropy, entropy64, 1e-5);
    Floats d = prepared;
    ops.logprob_backward(d.data(), lse.data(), targets.data(), weights.data(), nullptr, nullptr, temperature, n, V);
    expect_close(name + " d", d, differences(widen(logits), weights, [&](const Doubles& v) {
                   return logprob64(v, targets, excluded, temperature, V, nullptr);
                 }), kBackward);
    // Log-probabilities, then entropies; the last row has no weight on its entropy.
    Floats both = weights, entropy_weights = random_floats(n);
    entropy_weights[n - 1] = 0.0f;
    both.insert(both.end(), entropy_weights.begin(), entropy_weights.end());
    d = prepared;
    ops.logprob_backward(d.data(), lse.data(), targets.data(), weights.data(), entropy_weights.data(), entropy.data(), temperature, n, V);
    expect_close(name + " d, entropy", d, differences(widen(logits), both, [&](const Doubles& v) {
                   Doubles entropies, out = logprob64(v, targets, excluded, temperature, V, &entropies);
                   out.insert(out.end(), entropies.begin(), entropies.end());
                   return out;
                 }), kBackward);
  }

  void embedding(int T, int C, int V, float scale) {
    Floats table = random_floats(V * C), out(T * C), r = random_floats(T * C), d(V * C);
    std::vector<int> ids(T);
    for (int& id : ids) id = static_cast<int>(rng() % V);
    ops.embedding_forward(out.data(), table.data(), ids.data(), scale, T, C);
    ops.embedding_backward(d.data(), r.data(), ids.data(), scale, T, C);
    auto statement = [&](const Doubles& t) {
      Doubles y;
      for (int id : ids) {
        for (int c = 0; c < C; c++) y.push_back(scale * t[id * C + c]);
      }
      return y;
    };
    const std::string name = scale == 1.0f ? "embedding" : "embedding, scaled";
    expect_close(name, out, statement(widen(table)), scale == 1.0f ? 0 : kForward);
    expect_close(name + " d", d, differences(widen(table), r, statement), kBackward);
  }

  void adamw(int n) {
    Floats w = random_floats(n), m(n), v(n);
    Doubles w64 = widen(w), m64(n), v64(n);
    const double lr = 0.01, b1 = 0.9, b2 = 0.95, eps = 1e-8, decay = 0.1, scale = 0.5;
    for (int step = 1; step <= 5; step++) {
      Floats g = random_floats(n);
      Doubles g64 = widen(g);
      AdamW o{static_cast<float>(lr), static_cast<float>(b1), static_cast<float>(b2), static_cast<float>(eps), static_cast<float>(decay),
              static_cast<float>(scale), static_cast<float>(1 - std::pow(b1, step)), static_cast<float>(1 - std::pow(b2, step))};
      ops.adamw_step(w.data(), g.data(), m.data(), v.data(), n, o);
      for (int i = 0; i < n; i++) {
        double x = g64[i] * scale;
        m64[i] = b1 * m64[i] + (1 - b1) * x;
        v64[i] = b2 * v64[i] + (1 - b2) * x * x;
        w64[i] = w64[i] * (1 - lr * decay) -
                 lr * (m64[i] / (1 - std::pow(b1, step))) / (std::sqrt(v64[i] / (1 - std::pow(b2, step))) + eps);
        if (g[i] != 0.0f) std::printf("FAILED adamw: gradient %d was not cleared\n", i), std::exit(1);
      }
    }
    expect_close("adamw, five steps", w, w64, 1e-6);
  }

  /// Against the float32 step on what was decoded before: equal weights, moments within one code of it and right in the mean.
  void packed_adamw(MomentType type, int n) {
    const char* name = type == MomentType::bf16 ? "bf16" : "eight_bit";
    auto failed = [&](const char* what, int i, double got) {
      std::printf("FAILED adamw, moments %s: %s of %d (%g)\n", name, what, i, got), std::exit(1);
    };
    std::vector<uint8_t> codes[2];
    std::vector<int8_t> exponents[2];
    PackedMoments p{type, {false, nullptr, nullptr}, {true, nullptr, nullptr}};
    for (int k : {0, 1}) {
      codes[k].resize(2 * n), exponents[k].resize(n / kMomentBlock + 1);
      (k ? p.second : p.first).codes = codes[k].data(), (k ? p.second : p.first).exponents = exponents[k].data();
    }
    const float smallest = type == MomentType::bf16 ? 1.0f / 128 : 1.0f / 8;
    Floats w = random_floats(n), m(n), v(n), again(n);
    Floats w32 = w;
    for (int step = 1; step <= 40; step++) {
      Floats g = random_floats(n);
      for (int i = 0; i < n; i++) g[i] *= std::exp2(static_cast<float>(i % 5 - i / 1000 % 9));  // of many sizes, in a block and between them
      Floats g32 = g;
      AdamW o{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, static_cast<float>(1 - std::pow(0.9, step)), static_cast<float>(1 - std::pow(0.95, step))};
      decode_moment(m.data(), type, p.first, 0, n);
      decode_moment(v.data(), type, p.second, 0, n);
      ops.adamw_step(w32.data(), g32.data(), m.data(), v.data(), n, o);
      ops.adamw_step_packed(w.data(), g.data(), p, n, o, step);
      for (int i = 0; i < n; i++) {
        if (w[i] != w32[i]) failed("weight", i, w[i] - w32[i]);
        if (g[i] != 0.0f) failed("gradient", i, g[i]);
      }
      for (int k : {0, 1}) {
        const Moment& moment = k ? p.second : p.first;
        const Floats& exact = k ? v : m;
        Floats held(n);
        decode_moment(held.data(), type, moment, 0, n);
        double off = 0, size = 0;
        for (int i = 0; i < n; i++) {
          float most = 0;
          for (int j = i / 256 * 256; j < std::min(n, i / 256 * 256 + 256); j++) most = std::max(most, std::fabs(exact[j]));
          // A code is an eighth of its number, or of the smallest that has a leading one.
          const float code = smallest * std::max(std::fabs(exact[i]), type == MomentType::bf16 ? 1e-38f : most * std::exp2(k ? -30.0f : -14.0f));
          if (std::fabs(held[i] - exact[i]) > code) failed(k ? "second moment" : "first moment", i, held[i] - exact[i]);
          if (k && exact[i] > 0 && !(held[i] > 0)) failed("second moment lost", i, exact[i]);
          if (exact[i] != 0) off += (std::fabs(held[i]) - std::fabs(exact[i])) / std::fabs(exact[i]), size += 1;
        }
        // The mean of errors that are even within a code, six standard deviations wide. The largest code of a block is rounded down only.
        if (!only_digests && std::fabs(off / size) > 6 * smallest / std::sqrt(size) + smallest / 256) failed("mean of a moment", step, off / size);
        encode_moment(type, moment, 0, held.data(), n, 7777);
        decode_moment(again.data(), type, moment, 0, n);
        for (int i = 0; i < n; i++) {
          if (again[i] != held[i]) failed("moment written back", i, again[i] - held[i]);
        }
      }
    }
    std::printf("ok adamw, moments %s %s\n", name, Digest().add(w).add(codes[0]).add(codes[1]).add(exponents[0]).add(exponents[1]).text().c_str());
  }

  void sampling() {
    const int V = 50, draws = only_digests ? 300 : 20000;
    Floats logits = random_floats(V, 1.5);
    for (int mode = 0; mode < 3; mode++) {
      SamplingRow row{1.0f, mode == 1 ? 5 : 0, mode == 2 ? 0.7f : 1.0f, 99, 3, 0};
      Doubles p(V);
      double sum = 0;
      std::vector<int> order(V);
      for (int i = 0; i < V; i++) sum += (p[i] = std::exp(static_cast<double>(logits[i]))), order[i] = i;
      for (double& x : p) x /= sum;
      std::sort(order.begin(), order.end(), [&](int a, int b) { return p[a] > p[b]; });
      double mass = 0;
      int kept = 0;
      while (kept < V && (mode != 1 || kept < 5) && (mode != 2 || mass < 0.7)) mass += p[order[kept++]];
      for (int i = kept; i < V; i++) p[order[i]] = 0;
      Doubles counts(V);
      for (int i = 0; i < draws; i++) {
        Floats copy = logits;
        row.position = static_cast<uint32_t>(i);
        int id;
        ops.sample_rows(&id, copy.data(), &row, 1, V);
        counts[id]++;
      }
      const std::string digest = Digest().add(counts).text();
      if (only_digests) {
        std::printf("ok sampling mode %d %s\n", mode, digest.c_str());
        continue;
      }
      double chi2 = 0;
      int cells = 0;
      for (int i = 0; i < V; i++) {
        double expected = p[i] / mass * draws;
        if (expected == 0 && counts[i] > 0) std::printf("FAILED sampling mode %d: id %d is cut off but was drawn\n", mode, i), std::exit(1);
        if (expected < 5) continue;
        chi2 += (counts[i] - expected) * (counts[i] - expected) / expected;
        cells++;
      }
      // mean cells − 1, standard deviation √(2 cells): six of them
      if (chi2 > cells + 6 * std::sqrt(2.0 * cells)) std::printf("FAILED sampling mode %d: chi2 %.1f of %d cells\n", mode, chi2, cells), std::exit(1);
      std::printf("ok sampling mode %d %s (chi2 %.1f of %d cells)\n", mode, digest.c_str(), chi2, cells);
    }
  }
};

/// Many runs of uneven tasks: each task exactly once.
static void pool() {
  ThreadPool threads(3);
  for (int round = 0; round < 3000; round++) {
    int n = 1 + round % 37;
    std::vector<std::atomic<int>> hits(n);
    threads.parallel(n, [&](int task, int) { hits[task]++; });
    for (auto& hit : hits) {
      if (hit != 1) std::printf("FAILED pool: a task ran %d times\n", hit.load()), std::exit(1);
    }
  }
  std::printf("ok pool\n");
}

int main(int argc, char** argv) {
  ThreadPool threads(2);
  const char* why = "";
  const std::string named = argc > 2 ? argv[2] : "f32";
  const Precision precision = named == "bf16" ? Precision::bf16 : Precision::f32;
  only_digests = argc > 3;
  std::unique_ptr<Ops> ops(make_cpu_ops(argc > 1 ? argv[1] : "", threads, &why, precision));
  if (!ops) {
    std::printf("unavailable: %s\n", why);
    return 2;
  }
  std::printf("isa %s, %s\n", ops->isa(), named.c_str());
  Test t{*ops, precision};
  // Every height of a tile, one tile and more of them.
  for (int M : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 32, 47}) t.linear(M, 40, 24);
  t.linear(7, 33, 131);
  t.linear(61, 130, 50);
  t.linear(600, 48, 80);
  if (ops->takes_adapters()) {
    for (int M : {1, 2, 7, 17}) t.beside(M, 24, 5, 70, 31), t.beside(M, 5, 24, 5, 0);
    t.beside(61, 33, 16, 90, 16);
    t.beside(600, 48, 8, 48, 0);
    t.columns();
  }
  if (precision != Precision::f32) {
    std::printf("done\n");
    return 0;
  }
  for (int C : {16, 24, 37, 64}) t.rmsnorm(5, C, 0, false);
  for (int C : {16, 37}) t.rmsnorm(5, C, 1, true);
  t.rope(4, {4, 2, 16}, true);
  t.rope(4, {3, 3, 6}, true);
  t.rope(4, {2, 1, 32}, false);
  t.attention(14, {4, 2, 16});
  t.attention(13, {2, 2, 6});
  t.attention(70, {1, 1, 32});
  t.attention(150, {3, 1, 24});
  for (Activation activation : {Activation::silu, Activation::gelu}) {
    t.gated(activation, 3, 16);
    t.gated(activation, 2, 21);
  }
  t.logprobs(4, 33, 1.0f);
  t.logprobs(4, 64, 0.7f);
  t.embedding(9, 20, 5, 1);
  t.embedding(9, 20, 5, 5.5f);
  t.adamw(100);
  for (MomentType type : {MomentType::bf16, MomentType::eight_bit}) t.packed_adamw(type, only_digests ? 1003 : 20003);
  t.sampling();
  pool();
  std::printf("done\n");
  return 0;
}
