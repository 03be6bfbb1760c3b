// Every op of the CUDA library against its CPU twin and float64, on random inputs, into outputs poisoned with NaNs.
// Usage: ops_check LIBRARY [brief | small | full | ceilings | device] [bits]. `small` and the shorter `brief` are for the emulated library,
// `full` adds the shapes of Qwen3; `ceilings` prints copy bandwidth and matrix rates as JSON instead, `device` only opens the
// device. With `bits` every line has a
// hash of the result, too: two libraries whose lines agree compute the same bits.
// Prints a line a check and exits 1 if any failed. Built and run by test/cuda/ops.proof.ts and by the bundle's `check`.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../../native/cpu/common.h"
#include "../../native/cuda/library.h"
#include "../../native/threads.h"

using namespace pr1;

#if defined(PR1_PORTABLE_TWIN)
// Tests link the portable twin alone: it compiles in a fraction of the time.
namespace pr1 {
namespace avx512_bf16 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return portable::make_ops(pool, isa, precision, products, bytes);
}
}
namespace avx512 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return portable::make_ops(pool, isa, precision, products, bytes);
}
}
namespace avx2 {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return portable::make_ops(pool, isa, precision, products, bytes);
}
}
namespace neon {
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return portable::make_ops(pool, isa, precision, products, bytes);
}
}
}  // namespace pr1
#endif

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Ints = std::vector<int>;

static std::mt19937 rng(5);
static int failures = 0;
static bool full = false, brief = false, bits = false;

static Floats normal(size_t n, double scale = 1.0) {
  std::normal_distribution<double> draw(0.0, scale);
  Floats x(n);
  for (float& v : x) v = static_cast<float>(draw(rng));
  return x;
}
static float rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u;
  std::memcpy(&x, &bits, 4);
  return x;
}
static Floats rounded(Floats x) {
  for (float& v : x) v = rounded(v);
  return x;
}

static void report(const std::string& what, bool ok, const std::string& detail) {
  std::printf("%s %s (%s)\n", ok ? "ok" : "FAILED", what.c_str(), detail.c_str());
  if (!ok) failures++;
}
static std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", x);
  return text;
}

/// FNV-1a over the numbers' bits, where asked for.
static std::string hash(const Floats& x) {
  if (!bits) return "";
  uint64_t h = 1469598103934665603ull;
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(x.data());
  for (size_t i = 0; i < x.size() * sizeof(float); i++) h = (h ^ bytes[i]) * 1099511628211ull;
  char text[24];
  std::snprintf(text, sizeof text, ", %016llx", static_cast<unsigned long long>(h));
  return text;
}

/// Norm of the difference over the norm of what is expected; NaNs never pass.
template <class Want>
static void close(const std::string& what, const Floats& got, const Want& want, double allowed) {
  double difference = 0, size = 0;
  bool finite = true;
  for (size_t i = 0; i < want.size(); i++) {
    const double d = static_cast<double>(got[i]) - want[i];
    finite = finite && std::isfinite(got[i]);
    difference += d * d;
    size += static_cast<double>(want[i]) * want[i];
  }
  const double error = std::sqrt(difference) / std::sqrt(std::max(size, 1e-30));
  report(what, finite && error <= allowed, (finite ? number(error) + " of " + number(allowed) : "not finite") + hash(got));
}
static void same(const std::string& what, const Floats& a, const Floats& b) {
  const bool equal = a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  report(what, equal, "bits" + hash(a));
}

static ThreadPool pool(2);
static Ops* cpu = nullptr;

struct Checks {
  Ops& ops;

  /// A device array that frees itself.
  struct Device {
    Ops& ops;
    float* p;
    size_t n;
    Device(Ops& o, size_t count) : ops(o), p(o.allocate(count)), n(count) {
      const Floats poison(count, std::numeric_limits<float>::quiet_NaN());
      ops.upload(p, poison.data(), n);
    }
    Device(Ops& o, const Floats& values) : ops(o), p(o.allocate(values.size())), n(values.size()) { ops.upload(p, values.data(), n); }
    Device(const Device&) = delete;
    ~Device() { ops.release(p); }
    Floats get() const {
      Floats out(n);
      ops.download(out.data(), p, n);
      return out;
    }
  };

  void rmsnorm(int T, int C, float offset = 0) {
    ops.begin_pass();
    const size_t n = static_cast<size_t>(T) * C;
    Floats x = normal(n), w = normal(C), dy = normal(n), dx = normal(n), dw = normal(C), y(n), rstd(T);
    Device dx_d(ops, dx), dw_d(ops, dw), x_d(ops, x), w_d(ops, w), dy_d(ops, dy), y_d(ops, n), r_d(ops, static_cast<size_t>(T));
    // With an offset as where a norm follows a part: its result is added.
    const NormWeight host{w.data(), offset, 1e-6f}, device{w_d.p, offset, 1e-6f};
    cpu->rmsnorm_forward(y.data(), rstd.data(), x.data(), host, offset > 0 ? dy.data() : nullptr, T, C);
    cpu->rmsnorm_backward(dx.data(), dw.data(), dy.data(), x.data(), host, rstd.data(), T, C);
    ops.rmsnorm_forward(y_d.p, r_d.p, x_d.p, device, offset > 0 ? dy_d.p : nullptr, T, C);
    ops.rmsnorm_backward(dx_d.p, dw_d.p, dy_d.p, x_d.p, device, r_d.p, T, C);
    const std::string name = "rmsnorm " + std::to_string(T) + " x " + std::to_string(C) + (offset > 0 ? ", 1 + w, added" : "");
    close(name, y_d.get(), y, 2e-6);
    close(name + " dx", dx_d.get(), dx, 4e-6);
    close(name + " dw", dw_d.get(), dw, 4e-6);
  }

  /// A weight on the device with its packed copies.
  struct Weight {
    Device weight, gradient, forward, backward;
    Matrix m;
    Weight(Ops& ops, const Floats& w, const Floats& g, int out, int in)
        : weight(ops, w), gradient(ops, g), forward(ops, ops.forward_floats(out, in)), backward(ops, ops.backward_floats(out, in)) {
      m.out = out, m.in = in, m.weight = weight.p, m.gradient = gradient.p, m.forward = forward.p, m.backward = backward.p;
      ops.pack(m);
    }
  };

  void linear(int M, int N, int K) {
    ops.begin_pass();
    Floats x = normal(static_cast<size_t>(M) * K), w = normal(static_cast<size_t>(N) * K, 0.1), dw = normal(w.size()), bias = normal(N), db = normal(N);
    Floats residual = normal(static_cast<size_t>(M) * N), dy = normal(residual.size());
    Weight weight(ops, w, dw, N, K);
    Device x_d(ops, x), bias_d(ops, bias), residual_d(ops, residual), dy_d(ops, dy), db_d(ops, db), y_d(ops, residual.size()), dx_d(ops, x.size());
    ops.linear_forward(y_d.p, x_d.p, weight.m, bias_d.p, residual_d.p, M);
    ops.linear_backward_weight(weight.m, db_d.p, dy_d.p, x_d.p, M);
    ops.linear_backward_input(dx_d.p, dy_d.p, weight.m, M);
    const std::string name = "linear " + std::to_string(M) + " x " + std::to_string(N) + " x " + std::to_string(K);
    const Floats y = y_d.get();
    const Floats xr = rounded(x), wr = rounded(w), dyr = rounded(dy);
    if (static_cast<double>(M) * N * K < 3e8) {
      Doubles want(y.size()), want_dx(x.size()), want_dw(w.size()), want_db(db.begin(), db.end());
      for (size_t i = 0; i < w.size(); i++) want_dw[i] = dw[i];
      for (int m = 0; m < M; m++) {
        for (int n = 0; n < N; n++) {
          const size_t at = static_cast<size_t>(m) * N + n;
          const float* xm = xr.data() + static_cast<size_t>(m) * K;
          const float* wn = wr.data() + static_cast<size_t>(n) * K;
          double sum = 0;
          for (int k = 0; k < K; k++) sum += static_cast<double>(xm[k]) * wn[k];
          want[at] = sum + bias[n] + residual[at];
          want_db[n] += dy[at];
          double* to_x = want_dx.data() + static_cast<size_t>(m) * K;
          double* to_w = want_dw.data() + static_cast<size_t>(n) * K;
          for (int k = 0; k < K; k++) {
            to_x[k] += static_cast<double>(dyr[at]) * wn[k];
            to_w[k] += static_cast<double>(dyr[at]) * xm[k];
          }
        }
      }
      close(name, y, want, 2e-6);
      close(name + " dx", dx_d.get(), want_dx, 2e-6);
      close(name + " dw", weight.gradient.get(), want_dw, 2e-6);
      close(name + " dbias", db_d.get(), want_db, 2e-6);
    }
    // A row computed with others has the bits it has alone, and among other numbers of rows.
    for (int rows : {1, 7, 20, 50}) {
      if (rows >= M) continue;
      const int first = (M - rows) / 2;
      Device part(ops, static_cast<size_t>(rows) * N);
      ops.linear_forward(part.p, x_d.p + static_cast<size_t>(first) * K, weight.m, bias_d.p, residual_d.p + static_cast<size_t>(first) * N, rows);
      const auto begin = y.begin() + static_cast<int64_t>(first) * N;
      same(name + ": " + std::to_string(rows) + " rows alone", part.get(), Floats(begin, begin + static_cast<int64_t>(rows) * N));
    }
  }

  /// The product reads the copy that the op before wrote; the same product from a plain copy must have the same bits.
  void shadows(int T, int C, int N) {
    ops.begin_pass();
    Floats x = normal(static_cast<size_t>(T) * C), w = normal(C), weights = normal(static_cast<size_t>(N) * C, 0.1), gate = normal(static_cast<size_t>(T) * 2 * C);
    Weight weight(ops, weights, weights, N, C);
    Device x_d(ops, x), w_d(ops, w), out(ops, x.size()), gate_d(ops, gate), y(ops, static_cast<size_t>(T) * N), again(ops, static_cast<size_t>(T) * N);
    for (int which = 0; which < 2; which++) {
      if (which) {
        ops.gated_forward(out.p, gate_d.p, Activation::silu, T, C);
      } else {
        ops.rmsnorm_forward(out.p, nullptr, x_d.p, {w_d.p, 0.0f, 1e-6f}, nullptr, T, C);
      }
      ops.linear_forward(y.p, out.p, weight.m, nullptr, nullptr, T);
      Device copy(ops, out.get());
      ops.linear_forward(again.p, copy.p, weight.m, nullptr, nullptr, T);
      same(std::string(which ? "gate" : "rmsnorm") + " beside its bfloat16 copy, " + std::to_string(T) + " x " + std::to_string(C), y.get(), again.get());
    }
    // A buffer that was written again is not taken for what it was.
    ops.rmsnorm_forward(out.p, nullptr, x_d.p, {w_d.p, 0.0f, 1e-6f}, nullptr, T, C);
    const Floats other = normal(x.size());
    ops.upload(out.p, other.data(), other.size());
    ops.linear_forward(y.p, out.p, weight.m, nullptr, nullptr, T);
    Device copy(ops, other);
    ops.linear_forward(again.p, copy.p, weight.m, nullptr, nullptr, T);
    same("a copy of what was overwritten is not used", y.get(), again.get());
  }

  void rope(int T, Heads h, bool norms, float offset = 0) {
    ops.begin_pass();
    const int half = h.dim / 2;
    const size_t n = static_cast<size_t>(T) * h.qkv_width();
    Floats qkv = normal(n), qn = normal(h.dim), kn = normal(h.dim), dout = normal(n), cos(64 * half), sin(64 * half);
    Floats out(n), d(n), dqn = normal(h.dim), dkn = normal(h.dim);
    for (int p = 0; p < 64; p++) {
      for (int i = 0; i < half; i++) {
        const double angle = p / std::pow(100.0, 2.0 * i / h.dim);
        cos[p * half + i] = static_cast<float>(std::cos(angle)), sin[p * half + i] = static_cast<float>(std::sin(angle));
      }
    }
    Ints positions(T);
    for (int& p : positions) p = static_cast<int>(rng() % 64);
    Device qkv_d(ops, qkv), qn_d(ops, qn), kn_d(ops, kn), dout_d(ops, dout), cos_d(ops, cos), sin_d(ops, sin), out_d(ops, n), dqn_d(ops, dqn), dkn_d(ops, dkn);
    const NormWeight qh{norms ? qn.data() : nullptr, offset, 1e-6f}, kh{norms ? kn.data() : nullptr, offset, 1e-6f};
    const NormWeight q{norms ? qn_d.p : nullptr, offset, 1e-6f}, k{norms ? kn_d.p : nullptr, offset, 1e-6f};
    cpu->rope_forward(out.data(), qkv.data(), qh, kh, cos.data(), sin.data(), positions.data(), T, h);
    cpu->rope_backward(d.data(), norms ? dqn.data() : nullptr, norms ? dkn.data() : nullptr, dout.data(), qkv.data(), qh, kh, cos.data(), sin.data(),
                       positions.data(), T, h);
    ops.rope_forward(out_d.p, qkv_d.p, q, k, cos_d.p, sin_d.p, positions.data(), T, h);
    ops.rope_backward(dout_d.p, norms ? dqn_d.p : nullptr, norms ? dkn_d.p : nullptr, dout_d.p, qkv_d.p, q, k, cos_d.p, sin_d.p, positions.data(), T, h);
    const std::string name = "rope dim " + std::to_string(h.dim) + (norms ? " with norms" : "");
    close(name, out_d.get(), out, 2e-6);
    close(name + " d", dout_d.get(), d, 4e-6);
    if (norms) close(name + " dq_norm", dqn_d.get(), dqn, 4e-6), close(name + " dk_norm", dkn_d.get(), dkn, 4e-6);
    if (!norms) {
      ops.rope_forward(qkv_d.p, qkv_d.p, q, k, cos_d.p, sin_d.p, positions.data(), T, h);
      same(name + " in place", qkv_d.get(), out_d.get());
    }
  }

  /// Packed sequences with a block of paths each: a prompt, paths that do not see each other, a summary that sees all or
  /// only the first path. Then the same tokens through a cache: the prompt in pieces, paths side by side.
  void attention(int sequences, int prompt, int paths, int path, int summary, Heads h) {
    ops.begin_pass();
    const int length = prompt + paths * path + summary, T = sequences * length, width = h.qkv_width();
    std::vector<std::vector<Run>> runs(T);
    std::vector<Query> queries(T);
    Ints bounds{0};
    for (int s = 0; s < sequences; s++) {
      const int base = s * length, first = base + prompt, end = first + paths * path;
      for (int i = 0; i < length; i++) {
        const int t = base + i;
        if (t < first) {
          runs[t] = {{base, t + 1}};
        } else if (t < end) {
          const int start = first + (t - first) / path * path;
          runs[t] = {{base, first}, {start, t + 1}};
        } else if (s % 2 == 0) {
          runs[t] = {{base, t + 1}};
        } else {
          runs[t] = {{base, first + path}, {end, t + 1}};
        }
        int visible = 0;
        for (const Run& run : runs[t]) visible += run.end - run.begin;
        queries[t] = {runs[t].data(), visible};
      }
      bounds.push_back(base + length);
    }
    const size_t rows = static_cast<size_t>(T);
    Floats qkv = rounded(normal(rows * width, 0.8)), dout = rounded(normal(rows * h.q_width()));
    Floats out(rows * h.q_width()), lse(rows * h.heads), d(rows * width);
    const float* k = qkv.data() + h.q_width();
    cpu->attention_forward(out.data(), lse.data(), qkv.data(), width, k, k + h.kv_width(), width, queries.data(), T, h);
    cpu->attention_backward(d.data(), dout.data(), out.data(), lse.data(), qkv.data(), queries.data(), bounds.data(), sequences, T, h);
    Device qkv_d(ops, qkv), dout_d(ops, dout), out_d(ops, out.size()), lse_d(ops, lse.size()), d_d(ops, d.size());
    const float* k_d = qkv_d.p + h.q_width();
    ops.attention_forward(out_d.p, lse_d.p, qkv_d.p, width, k_d, k_d + h.kv_width(), width, queries.data(), T, h);
    ops.attention_backward(d_d.p, dout_d.p, out_d.p, lse_d.p, qkv_d.p, queries.data(), bounds.data(), sequences, T, h);
    const std::string name = "attention of " + std::to_string(T) + " tokens, " + std::to_string(h.heads) + "/" + std::to_string(h.kv_heads) +
                             " heads of " + std::to_string(h.dim);
    // Weights are rounded to bfloat16 before they meet the values: 2^-9 each.
    close(name, out_d.get(), out, 3e-3);
    close(name + " log-sums", lse_d.get(), lse, 1e-5);
    const Floats got = d_d.get();
    for (int part = 0; part < 3; part++) {
      Floats a, b;
      const int from = part == 0 ? 0 : h.q_width() + (part - 1) * h.kv_width(), n = part == 0 ? h.q_width() : h.kv_width();
      for (int t = 0; t < T; t++) {
        a.insert(a.end(), got.begin() + static_cast<int64_t>(t) * width + from, got.begin() + static_cast<int64_t>(t) * width + from + n);
        b.insert(b.end(), d.begin() + static_cast<int64_t>(t) * width + from, d.begin() + static_cast<int64_t>(t) * width + from + n);
      }
      close(name + (part == 0 ? " dq" : part == 1 ? " dk" : " dv"), a, b, 6e-3);
    }

    // The cache: token t in slot slots[t], scattered in pieces of 5.
    Ints slots(T);
    for (int t = 0; t < T; t++) slots[t] = t / 5 % 2 == 0 ? t : T + t;
    Device kc(ops, 2 * rows * ops.cache_row_floats(h)), vc(ops, 2 * rows * ops.cache_row_floats(h)), again(ops, out.size());
    ops.cache_store(kc.p, vc.p, qkv_d.p, slots.data(), T, h);
    std::vector<std::vector<Run>> cached(T);
    for (int t = 0; t < T; t++) {
      for (const Run& run : runs[t]) {
        for (int j = run.begin; j < run.end; j++) {
          if (!cached[t].empty() && cached[t].back().end == slots[j]) {
            cached[t].back().end++;
          } else {
            cached[t].push_back({slots[j], slots[j] + 1});
          }
        }
      }
      queries[t].runs = cached[t].data();
    }
    const Floats whole = out_d.get();
    ops.begin_pass();
    ops.attention_forward(again.p, nullptr, qkv_d.p, width, kc.p, vc.p, h.kv_width(), queries.data(), T, h);
    same(name + " from a cache", again.get(), whole);
    // What a layer of a decode step calls: norms, rotation, cache and attention in one, against the three.
    {
      const int half = h.dim / 2;
      Floats angles(64 * half), norm = normal(h.dim);
      for (size_t i = 0; i < angles.size(); i++) angles[i] = std::cos(static_cast<float>(i));
      Ints positions(T);
      for (int& p : positions) p = static_cast<int>(rng() % 64);
      Device cos(ops, angles), norm_d(ops, norm), rotated(ops, rows * width), three(ops, out.size()), one(ops, out.size());
      Device kc1(ops, kc.n), vc1(ops, vc.n), kc3(ops, kc.n), vc3(ops, vc.n);
      const NormWeight weight{norm_d.p, 0.0f, 1e-6f};
      for (Device* cache : {&kc1, &vc1, &kc3, &vc3}) ops.zero(cache->p, cache->n);
      ops.begin_pass();
      ops.rope_forward(rotated.p, qkv_d.p, weight, weight, cos.p, cos.p, positions.data(), T, h);
      ops.cache_store(kc3.p, vc3.p, rotated.p, slots.data(), T, h);
      ops.attention_cached(three.p, rotated.p, width, kc3.p, vc3.p, queries.data(), T, h);
      ops.attention_step(one.p, rotated.p, qkv_d.p, weight, weight, cos.p, cos.p, positions.data(), slots.data(), kc1.p, vc1.p, queries.data(), T, h);
      same(name + " as one step", one.get(), three.get());
      same(name + ": its keys", kc1.get(), kc3.get());
      same(name + ": its values", vc1.get(), vc3.get());
    }
    // One token each of several paths and sequences: decoding. Rows are gathered so that neighbours are not in one tile.
    Ints picked;
    for (int t = T - 1; t >= 0; t -= std::max(1, T / 37)) picked.push_back(t);
    std::vector<Query> few;
    for (int t : picked) few.push_back(queries[t]);
    const int n = static_cast<int>(picked.size());
    Device q(ops, static_cast<size_t>(n) * width), result(ops, static_cast<size_t>(n) * h.q_width()), expected(ops, static_cast<size_t>(n) * h.q_width());
    ops.begin_pass();
    ops.gather_rows(q.p, qkv_d.p, picked.data(), n, width);
    ops.gather_rows(expected.p, out_d.p, picked.data(), n, h.q_width());
    ops.attention_forward(result.p, nullptr, q.p, width, kc.p, vc.p, h.kv_width(), few.data(), n, h);
    same(name + " decoded side by side", result.get(), expected.get());
  }

  /// More chunks than attention_fold takes at a time: a query alone, chunk by chunk side by side, has the bits it has in a tile.
  void long_context(int keys, Heads h) {
    const int width = h.qkv_width(), n = 3;
    const Floats qkv = rounded(normal(static_cast<size_t>(keys) * width, 0.8));
    Device qkv_d(ops, qkv), kc(ops, static_cast<size_t>(keys) * ops.cache_row_floats(h)), vc(ops, static_cast<size_t>(keys) * ops.cache_row_floats(h));
    Ints slots(keys);
    for (int t = 0; t < keys; t++) slots[t] = t;
    ops.begin_pass();
    ops.cache_store(kc.p, vc.p, qkv_d.p, slots.data(), keys, h);
    const std::vector<Run> all{{0, keys}};
    const std::vector<Query> queries{{all.data(), keys - 70}, {all.data(), keys - 1}, {all.data(), keys}};
    const size_t row = h.q_width();
    Device tile(ops, n * row), alone(ops, n * row);
    ops.attention_forward(tile.p, nullptr, qkv_d.p, width, kc.p, vc.p, h.kv_width(), queries.data(), n, h);
    for (int i = 0; i < n; i++) {
      ops.begin_pass();
      ops.attention_forward(alone.p + i * row, nullptr, qkv_d.p + static_cast<size_t>(i) * width, width, kc.p, vc.p, h.kv_width(), &queries[i], 1, h);
    }
    same("attention to " + std::to_string(keys) + " keys, alone and in a tile", alone.get(), tile.get());
  }

  void gated(Activation activation, int T, int F) {
    ops.begin_pass();
    const size_t n = static_cast<size_t>(T) * F;
    Floats x = normal(2 * n, 2.0), d = normal(n), y(n), dx(2 * n);
    Device x_d(ops, x), d_d(ops, d), y_d(ops, n), dx_d(ops, 2 * n);
    cpu->gated_forward(y.data(), x.data(), activation, T, F);
    cpu->gated_backward(dx.data(), d.data(), x.data(), activation, T, F);
    ops.gated_forward(y_d.p, x_d.p, activation, T, F);
    ops.gated_backward(dx_d.p, d_d.p, x_d.p, activation, T, F);
    const std::string name = std::string(activation == Activation::silu ? "silu" : "gelu") + " gate " + std::to_string(T) + " x " + std::to_string(F);
    close(name, y_d.get(), y, 2e-6);
    close(name + " d", dx_d.get(), dx, 2e-6);
  }

  void embedding(int T, int C, int V, float scale = 1) {
    ops.begin_pass();
    Floats table = normal(static_cast<size_t>(V) * C), dout = normal(static_cast<size_t>(T) * C), out(dout.size()), d = normal(table.size()), moved(dout.size());
    Ints ids(T), index(T);
    for (int& id : ids) id = static_cast<int>(rng() % V);
    for (int t = 0; t < T; t++) index[t] = (t * 7 + 3) % T;
    Device table_d(ops, table), dout_d(ops, dout), out_d(ops, out.size()), d_d(ops, d), moved_d(ops, dout.size());
    cpu->embedding_forward(out.data(), table.data(), ids.data(), scale, T, C);
    cpu->embedding_backward(d.data(), dout.data(), ids.data(), scale, T, C);
    ops.embedding_forward(out_d.p, table_d.p, ids.data(), scale, T, C);
    ops.embedding_backward(d_d.p, dout_d.p, ids.data(), scale, T, C);
    same("embedding", out_d.get(), out);
    if (scale == 1.0f) {
      same("embedding d", d_d.get(), d);
    } else {
      close("embedding d, scaled", d_d.get(), d, 2e-6);
    }
    cpu->gather_rows(moved.data(), dout.data(), index.data(), T, C);
    ops.gather_rows(moved_d.p, dout_d.p, index.data(), T, C);
    same("gather", moved_d.get(), moved);
    cpu->scatter_rows(moved.data(), out.data(), index.data(), T, C);
    ops.scatter_rows(moved_d.p, out_d.p, index.data(), T, C);
    same("scatter", moved_d.get(), moved);
  }

  void head(int n, int V, float temperature) {
    ops.begin_pass();
    Floats logits = normal(static_cast<size_t>(n) * V, 3.0), weights = normal(n), temperatures(n, temperature);
    Ints targets(n), counts(n);
    std::vector<Ints> sets(n);
    std::vector<const int*> excluded(n);
    for (int i = 0; i < n; i++) {
      targets[i] = static_cast<int>(rng() % V);
      if (i % 2) sets[i] = {(targets[i] + 1) % V, (targets[i] + 3) % V};
      excluded[i] = sets[i].data();
      counts[i] = static_cast<int>(sets[i].size());
    }
    Device logits_d(ops, logits), again_d(ops, logits);
    Floats again;
    std::vector<RowScore> want(n), got(n);
    cpu->prepare_logits(logits.data(), n, V, temperatures.data(), excluded.data(), counts.data());
    cpu->score_rows(want.data(), logits.data(), targets.data(), n, V, true);
    ops.prepare_logits(logits_d.p, n, V, temperatures.data(), excluded.data(), counts.data());
    ops.score_rows(got.data(), logits_d.p, targets.data(), n, V, true);
    Floats a, b, lse;
    for (int i = 0; i < n; i++) {
      a.insert(a.end(), {got[i].logprob, got[i].entropy, got[i].lse});
      b.insert(b.end(), {want[i].logprob, want[i].entropy, want[i].lse});
      lse.push_back(want[i].lse);
    }
    const std::string name = "head of " + std::to_string(V) + " at temperature " + number(temperature);
    close(name, a, b, 3e-6);
    again = logits;
    cpu->logprob_backward(logits.data(), lse.data(), targets.data(), weights.data(), nullptr, nullptr, temperature, n, V);
    ops.logprob_backward(logits_d.p, lse.data(), targets.data(), weights.data(), nullptr, nullptr, temperature, n, V);
    close(name + " d", logits_d.get(), logits, 1e-5);
    Floats entropy_weights = normal(n), entropies(n);
    for (int i = 0; i < n; i++) entropies[i] = want[i].entropy;
    ops.prepare_logits(again_d.p, n, V, temperatures.data(), excluded.data(), counts.data());
    cpu->logprob_backward(again.data(), lse.data(), targets.data(), weights.data(), entropy_weights.data(), entropies.data(), temperature, n, V);
    ops.logprob_backward(again_d.p, lse.data(), targets.data(), weights.data(), entropy_weights.data(), entropies.data(), temperature, n, V);
    close(name + " d, entropy", again_d.get(), again, 1e-5);
  }

  /// Another order of sums moves the edges between ids by parts of 10^-7, and a draw that falls on one may go either way: whether the CPU
  /// draws `got`, too, where weights are moved by 2e-6.
  static bool on_boundary(const float* logits, int V, const SamplingRow& row, int got, int want) {
    if (got < 0 || got >= V || want < 0) return false;
    constexpr float kMoves[] = {0.0f, -2e-6f, 2e-6f};
    Floats moved(static_cast<size_t>(V));
    for (float below : kMoves) {
      for (float spread : kMoves) {
        for (int i = 0; i < V; i++) moved[i] = logits[i] + spread * logits[i] + (i < std::max(got, want) ? below : 0.0f);
        int id = -1;
        cpu->sample_rows(&id, moved.data(), &row, 1, V);
        if (id == got) return true;
      }
    }
    return false;
  }

  /// on_boundary holds just beside an edge, and does not a little further away.
  void boundaries() {
    int right = 0, refused = 0, strangers = 0;
    constexpr int kTimes = 200, V = 300;
    for (int time = 0; time < kTimes; time++) {
      const Floats logits = normal(V, 2.0);
      const SamplingRow row{1.0f, time % 3 == 1 ? 20 : 0, time % 3 == 2 ? 0.8f : 1.0f, static_cast<uint64_t>(time), 1, 5};
      const int split = V / 2;
      auto draw = [&](float by, Floats* out = nullptr) {
        Floats moved = logits;
        for (int i = 0; i < split; i++) moved[i] += by;
        if (out) *out = moved;
        int id = -1;
        cpu->sample_rows(&id, moved.data(), &row, 1, V);
        return id;
      };
      // Between two amounts by which the first ids are moved the draw changes once at least.
      float low = -4.0f, high = 4.0f;
      const int first = draw(low);
      while (high - low > 4e-7f * std::max(1.0f, std::fabs(low)) && (low + high) / 2 != low && (low + high) / 2 != high) {
        ((draw((low + high) / 2) == first) ? low : high) = (low + high) / 2;
      }
      Floats beside, away;
      const int mine = draw(low, &beside), other = draw(high);
      if (mine == other) continue;
      right += on_boundary(beside.data(), V, row, other, mine);
      const int there = draw(low - 1e-2f, &away);
      refused += there == other || !on_boundary(away.data(), V, row, other, there);
      strangers += !on_boundary(beside.data(), V, row, (mine + 7) % V == other ? (mine + 8) % V : (mine + 7) % V, mine);
    }
    report("draws on a boundary", right >= kTimes * 9 / 10 && refused >= kTimes * 9 / 10 && strangers >= kTimes * 9 / 10,
           std::to_string(right) + " are known, " + std::to_string(refused) + " a hundredth away and " + std::to_string(strangers) + " others are refused, of " +
               std::to_string(kTimes));
  }

  void sampling(int n, int V) {
    ops.begin_pass();
    static const char* const modes[] = {", greedy", "", ", top-k", ", top-p", ", both", ", top-p among ties", ", top-k among ties", ", top-p of 0"};
    for (int mode = 0; mode < 8; mode++) {
      Floats logits = normal(static_cast<size_t>(n) * V, 2.0);
      const bool ties = mode == 5 || mode == 6;  // a few values, each of many ids all over the row
      if (ties) {
        for (float& x : logits) x = std::round(x) * 0.5f;
      }
      for (int i = 0; i < n; i++) logits[static_cast<size_t>(i) * V + i % V] = logits[static_cast<size_t>(i) * V + (i + 1) % V];  // ties
      std::vector<SamplingRow> rows(n);
      for (int i = 0; i < n; i++) {
        const int top_k = mode == 2 || mode == 4 ? 5 : mode == 6 ? V / 3 : 0;
        const float top_p = mode == 3 || mode == 4 || mode == 5 ? 0.7f : mode == 7 ? 0.0f : 1.0f;
        rows[i] = SamplingRow{mode == 0 ? 0.0f : 1.0f, top_k, top_p, static_cast<uint64_t>(i % 3) * 77777777777ull, 3, static_cast<uint32_t>(i)};
      }
      rows[n / 2].temperature = -1.0f;
      const Floats unmoved = logits;
      Device logits_d(ops, logits);
      Ints got(n), want(n);
      ops.sample_rows(got.data(), logits_d.p, rows.data(), n, V);
      cpu->sample_rows(want.data(), logits.data(), rows.data(), n, V);
      int different = 0, wrong = 0;
      for (int i = 0; i < n; i++) {
        if (got[i] == want[i]) continue;
        different++;
        wrong += mode == 0 || !on_boundary(unmoved.data() + static_cast<size_t>(i) * V, V, rows[i], got[i], want[i]);
      }
      report("sampling of " + std::to_string(V) + modes[mode],
             wrong == 0 && different <= 1 + n / 100,
             std::to_string(wrong) + " of " + std::to_string(n) + " are wrong, " + std::to_string(different - wrong) + " on a boundary" + hash(Floats(got.begin(), got.end())));
      Ints targets(n);
      for (int i = 0; i < n; i++) targets[i] = got[i] < 0 ? 0 : got[i];
      std::vector<RowScore> scores(n), again(n);
      ops.score_rows(scores.data(), logits_d.p, got.data(), n, V, false);  // kept by sample_rows
      ops.score_rows(again.data(), logits_d.p, targets.data(), n, V, false);
      Floats a, b;
      for (int i = 0; i < n; i++) a.push_back(scores[i].logprob), b.push_back(again[i].logprob);
      if (mode < 2) same("scores beside the draws", a, b);
    }
  }

  void optimizer(int n) {
    ops.begin_pass();
    Floats w = normal(n), m(n), v(n);
    Device w_d(ops, w), m_d(ops, m), v_d(ops, v);
    for (int step = 1; step <= 5; step++) {
      Floats g = normal(n);
      Device g_d(ops, g);
      const double a = cpu->sum_squares(g.data(), g.size()), b = ops.sum_squares(g_d.p, g.size());
      if (step == 1) report("sum of squares of " + std::to_string(n), std::fabs(a - b) <= 1e-12 * a, number(std::fabs(a - b) / a));
      AdamW o{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, static_cast<float>(1 - std::pow(0.9, step)), static_cast<float>(1 - std::pow(0.95, step))};
      cpu->adamw_step(w.data(), g.data(), m.data(), v.data(), g.size(), o);
      ops.adamw_step(w_d.p, g_d.p, m_d.p, v_d.p, g.size(), o);
      if (step == 5) same("adamw clears the gradient", g_d.get(), g);
    }
    close("adamw, five steps", w_d.get(), w, 1e-6);
    close("adamw, second moment", v_d.get(), v, 1e-6);
  }

  /// Moments in fewer bits: the codes of the CPU, but for the few that a last bit of a sum rounds the other way.
  void packed_optimizer(MomentType type, int n) {
    ops.begin_pass();
    const size_t count = static_cast<size_t>(n), codes = type == MomentType::bf16 ? 2 * count : count;
    const size_t bytes = codes + (count + kMomentBlock - 1) / kMomentBlock, floats = (bytes + 3) / 4;
    Floats w = normal(count), host_m(floats), host_v(floats);
    Device w_d(ops, w), m_d(ops, host_m), v_d(ops, host_v);
    auto moments_at = [&](float* m, float* v) {
      auto part = [&](bool squared, float* p) {
        uint8_t* bytes = reinterpret_cast<uint8_t*>(p);
        return Moment{squared, bytes, reinterpret_cast<int8_t*>(bytes + codes)};
      };
      return PackedMoments{type, part(false, m), part(true, v)};
    };
    for (int step = 1; step <= 5; step++) {
      Floats g = normal(count, step == 2 ? 1e-6 : 1.0);
      Device g_d(ops, g);
      AdamW o{0.01f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, static_cast<float>(1 - std::pow(0.9, step)), static_cast<float>(1 - std::pow(0.95, step))};
      cpu->adamw_step_packed(w.data(), g.data(), moments_at(host_m.data(), host_v.data()), count, o, static_cast<uint64_t>(step));
      ops.adamw_step_packed(w_d.p, g_d.p, moments_at(m_d.p, v_d.p), count, o, static_cast<uint64_t>(step));
      if (step == 5) same("adamw with packed moments clears the gradient", g_d.get(), g);
    }
    size_t different = 0;
    for (const auto& [device, host] : {std::pair{m_d.get(), host_m}, std::pair{v_d.get(), host_v}}) {
      const auto *a = reinterpret_cast<const uint8_t*>(device.data()), *b = reinterpret_cast<const uint8_t*>(host.data());
      for (size_t i = 0; i < bytes; i++) different += a[i] != b[i];
    }
    const std::string name = std::string("adamw, moments in ") + (type == MomentType::bf16 ? "bfloat16" : "8 bits") + ", " + std::to_string(n);
    report(name + ", codes", different * 1000 <= 2 * bytes, std::to_string(different) + " of " + std::to_string(2 * bytes) + " bytes differ");
    close(name, w_d.get(), w, 1e-5);
  }

  void memory(void (*use)(Ops*, cuda::MemoryUse*)) {
    cuda::MemoryUse before{}, after{};
    use(&ops, &before);
    bool refused = false;
    std::string message;
    try {
      ops.release(ops.allocate(size_t{1} << 44));
    } catch (const std::bad_alloc& e) {
      refused = true;
      message = e.what();
    }
    report("too much memory is refused", refused && message.find("MiB") != std::string::npos, message);
    for (int i = 0; i < 1000; i++) {
      float* a = ops.allocate(1000 + static_cast<size_t>(i) * 7);
      float* b = ops.allocate(300);
      ops.release(a);
      ops.release(b);
    }
    use(&ops, &after);
    report("1000 allocations leave nothing behind", before.used == after.used, number(after.used - before.used) + " bytes");
    Device works(ops, Floats{1, 2, 3});
    report("and work goes on", works.get() == Floats({1, 2, 3}), "read back");
  }
};

int main(int argc, char** argv) {
  if (argc < 2) return std::printf("usage: ops_check LIBRARY [brief | small | full | ceilings | device] [bits]\n"), 2;
  const std::string mode = argc > 2 ? argv[2] : "small";
  full = mode == "full";
  brief = mode == "brief";
  bits = argc > 3 && std::string(argv[3]) == "bits";
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::printf("unavailable: %s\n", dlerror()), 2;
  auto abi = reinterpret_cast<decltype(&pr1_cuda_abi)>(dlsym(library, "pr1_cuda_abi"));
  auto make = reinterpret_cast<decltype(&pr1_cuda_make_ops)>(dlsym(library, "pr1_cuda_make_ops"));
  auto use = reinterpret_cast<decltype(&pr1_cuda_memory)>(dlsym(library, "pr1_cuda_memory"));
  auto describe = reinterpret_cast<decltype(&pr1_cuda_info)>(dlsym(library, "pr1_cuda_info"));
  auto measure = reinterpret_cast<decltype(&pr1_cuda_measure)>(dlsym(library, "pr1_cuda_measure"));
  if (!abi || !make || !use || !describe || !measure) return std::printf("unavailable: not the CUDA library\n"), 2;
  if (abi() != PR1_OPS_HASH) return std::printf("FAILED: the library was built from another ops.h\n"), 1;
  char why[512] = "";
  if (mode == "ceilings" || mode == "device") {
    std::unique_ptr<Ops> ops(make("fast", why, sizeof why));
    if (!ops) return std::printf("unavailable: %s\n", why), 2;
    if (mode == "device") return std::printf("%s\n", ops->isa()), 0;
    cuda::Ceilings c{};
    const bool emulated = std::string(ops->isa()) == "sm_00";
    measure(ops.get(), emulated ? 1 << 16 : size_t{2} << 30, emulated ? 128 : 8192, &c);
    std::printf("{\"copyBytesPerSecond\":%.4g,\"ownFlops\":%.4g,\"cublasFlops\":%.4g}\n", c.copy_bytes, c.own_flops, c.cublas_flops);
    return 0;
  }
  const char* cpu_why = "";
  std::unique_ptr<Ops> twin(make_cpu_ops("", pool, &cpu_why));
  cpu = twin.get();
  for (const char* numerics : {"exact", "fast"}) {
    std::unique_ptr<Ops> ops(make(numerics, why, sizeof why));
    if (!ops) return std::printf("unavailable: %s\n", why), 2;
    cuda::LibraryInfo info{};
    describe(ops.get(), &info);
    std::printf("%s, %s, %s: %s\n", info.device, ops->isa(), numerics, info.products);
    Checks c{*ops};
    const bool exact = std::string(numerics) == "exact";
    if (!exact) {
      // What differs is who computes large products; rows need not have the same bits there.
      for (int M : {65, 130}) c.linear(M, 72, 64);
      if (full) c.linear(512, 2560, 1024);
      continue;
    }
    if (brief) {
      c.rmsnorm(70, 300);
      for (int M : {5, 20, 65}) c.linear(M, 40, 600);
      c.shadows(70, 100, 24);
      c.rope(70, {3, 3, 6}, true);
      c.attention(2, 40, 2, 40, 6, {4, 2, 16});
      c.attention(1, 70, 2, 20, 10, {4, 1, 128});
      c.head(3, 700, 0.7f);
      c.sampling(6, 700);
      c.optimizer(70000);
      c.packed_optimizer(MomentType::eight_bit, 3000);
      continue;
    }
    for (int C : {16, 37, 160, 1030}) c.rmsnorm(5, C);
    c.rmsnorm(150, 64);
    c.rmsnorm(70, 37, 1);
    for (int M : {1, 8, 9, 17, 33, 64, 65, 130}) c.linear(M, 40, 24);
    c.linear(70, 130, 50);
    c.linear(66, 24, 1100);
    c.linear(5, 200, 5000);
    c.linear(300, 300, 72);
    c.linear(24, 40, 2100);
    c.linear(51, 150, 3000);
    c.shadows(3, 40, 24);
    c.shadows(70, 100, 24);
    c.rope(5, {4, 2, 16}, true);
    c.rope(70, {3, 3, 6}, true);
    c.rope(5, {2, 1, 128}, true);
    c.rope(5, {2, 1, 64}, false);
    c.rope(5, {4, 2, 16}, true, 1);
    c.attention(2, 20, 3, 9, 6, {4, 2, 16});
    c.attention(2, 70, 2, 40, 6, {2, 2, 6});
    c.attention(1, 130, 4, 20, 10, {4, 1, 128});
    c.attention(3, 7, 2, 5, 3, {8, 2, 64});
    c.attention(1, 60, 1, 10, 3, {20, 1, 32});
    c.attention(1, 60, 2, 10, 3, {4, 2, 16, 0.4f});
    c.long_context(4300, {2, 1, 16});
    for (Activation activation : {Activation::silu, Activation::gelu}) {
      c.gated(activation, 3, 16);
      c.gated(activation, 70, 37);
    }
    c.embedding(90, 20, 12);
    c.embedding(90, 20, 12, 4.5f);
    c.head(5, 33, 1.0f);
    c.head(4, 3000, 0.7f);
    c.boundaries();
    c.sampling(full ? 400 : 60, 50);
    c.sampling(full ? 400 : 10, 3001);
    c.sampling(5, 12289);
    c.optimizer(100);
    c.optimizer(140000);
    for (MomentType type : {MomentType::bf16, MomentType::eight_bit}) {
      for (int n : {100, 70000}) c.packed_optimizer(type, n);
    }
    if (full) {
      for (int C : {1024, 2560}) c.rmsnorm(4096, C);
      for (int M : {1, 8, 16, 32, 64, 128, 256}) c.linear(M, 2560, 9728);
      c.linear(1000, 1000, 1000);
      c.linear(2048, 6144, 2560);
      c.rope(2048, {32, 8, 128}, true);
      c.attention(1, 2000, 8, 60, 50, {32, 8, 128});
      c.attention(4, 300, 4, 100, 50, {16, 8, 128});
      c.long_context(32768, {16, 8, 128});
      c.gated(Activation::silu, 1000, 9728);
      c.embedding(4000, 2560, 5000);
      c.head(30, 151936, 1.0f);
      c.sampling(64, 151936);
      c.optimizer(50000000);
    }
    c.memory(use);
  }
  std::printf(failures ? "%d FAILED\n" : "done\n", failures);
  return failures ? 1 : 0;
}
