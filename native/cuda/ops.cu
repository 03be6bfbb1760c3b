// The ops on an NVIDIA GPU: where data lies, which kernel runs in which shape, and the library's exports. Arithmetic is
// in the headers. Compiled by nvcc (scripts/build-cuda.mjs) or, with PR1_EMULATE, by the host's compiler (test/cuda).
//
// Activations, masters, moments and gradients are float32; products read bfloat16 copies: weights packed once an update,
// activations written beside the float32 ones by the op that makes them or converted before the product. Keys and values
// in the cache are bfloat16.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <list>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "arena.h"
#include "attention_backward.h"
#include "cublaslt.h"
#include "gemm.h"
#include "head.h"
#include "library.h"
#include "optimizer.h"
#include "plan.h"
#include "staging.h"
#include "switches.h"

#ifndef PR1_OPS_HASH
#error "PR1_OPS_HASH must be what scripts/ops-hash.mjs prints: see scripts/build-cuda.mjs"
#endif

namespace pr1::cuda {

// What messages say of a launch's shape.
inline void add_numbers(Launch& launch, const GemmArgs& g) { launch.add(g.M), launch.add(g.N), launch.add(g.K); }
inline void add_numbers(Launch& launch, const AttentionArgs& a) { add_numbers(launch, a.h); }
inline void add_numbers(Launch& launch, const AttentionBackwardArgs& a) { launch.add(a.T), add_numbers(launch, a.h); }
inline void add_numbers(Launch& launch, const RopeArgs& r) { launch.add(r.T), add_numbers(launch, r.h); }

namespace {

int64_t pad(int64_t n) { return (n + kPadK - 1) / kPadK * kPadK; }

/// What the GPU is; under emulation a small one.
struct DeviceFacts {
  std::string name;
  int major = 0, minor = 0, multiprocessors = 1;
  double total_bytes = 0;
};

class CudaOps final : public Ops {
 public:
  CudaOps(bool exact, DeviceFacts facts, Stream stream)
      : exact_(exact), facts_(std::move(facts)), stream_(stream),
        arena_(allocate_device, release_device, memory_free, kBlock),
        isa_("sm_" + std::to_string(facts_.major) + std::to_string(facts_.minor)) {
    wait_for_each = read_switch("PR1_CUDA_SYNC", false);
    graphs_ = read_switch("PR1_CUDA_GRAPHS", !wait_for_each) && !wait_for_each;  // nothing can be waited for while it is recorded
    products_ = CublasLt::open(why_no_products_);
    ring_ = Ring(kRing);
    ring_host_ = static_cast<char*>(allocate_pinned(kRing));
    ring_device_ = static_cast<char*>(arena_.allocate(kRing));
    if (products_) try_products();
  }

  ~CudaOps() override {
    try {
      abort_capture();
      synchronize(stream_);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "parallel-r1: %s\n", e.what());
    }
    steps_.clear();
    products_.reset();
    release_pinned(ring_host_);
    if (results_) release_pinned(results_);
    for (PassBlock& block : pass_) release_pinned(block.host);
    destroy_stream(stream_);
  }

  const char* isa() const override { return isa_.c_str(); }

  void info(LibraryInfo& out) const {
    out = {};
    std::snprintf(out.device, sizeof out.device, "%s", facts_.name.c_str());
    if (!products_) {
      std::snprintf(out.products, sizeof out.products, "own tensor-core kernels (%s)", why_no_products_.c_str());
    } else {
      std::snprintf(out.products, sizeof out.products, "%s by cuBLASLt %zu.%zu from %s",
                    exact_ ? "backward products" : "large products", products_->version() / 10000,
                    products_->version() / 100 % 100, products_->place().c_str());
      out.products_computed = static_cast<double>(products_->computed());
      out.products_refused = static_cast<double>(products_->refused());
      std::snprintf(out.last_refusal, sizeof out.last_refusal, "%s", products_->last_refusal().c_str());
    }
    const char* switched = wait_for_each ? "PR1_CUDA_SYNC: each kernel is waited for" : !graphs_ ? "no CUDA graphs" : "";
    std::snprintf(out.switched, sizeof out.switched, "%s", switched);
    out.major = facts_.major, out.minor = facts_.minor, out.multiprocessors = facts_.multiprocessors;
    out.total_bytes = facts_.total_bytes;
  }
  void memory(MemoryUse& out) const {
    out = {static_cast<double>(arena_.used()), static_cast<double>(arena_.most()), static_cast<double>(arena_.held()),
           static_cast<double>(memory_free())};
  }
  void wait() {
    abort_capture();
    settle();
  }

  void measure(size_t bytes, int n, Ceilings& out) {
    out = {};
    begin_pass();
    const size_t floats = bytes / sizeof(float), wide = static_cast<size_t>(pad(n));
    auto best = [&](double amount, auto&& work) {
      double most = 0;
      for (int round = 0; round < 6; round++) {
        settle();
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 10; i++) work();
        settle();
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        if (round > 0) most = std::max(most, 10 * amount / seconds);  // the first warms up
      }
      return most;
    };
    Scratch from, to, a, b, c;
    float* source = from.get<float>(*this, floats);
    float* target = to.get<float>(*this, floats);
    launch(fill_random, blocks(static_cast<int64_t>(floats)), 256u, 0, stream_, source, static_cast<int64_t>(floats));
    out.copy_bytes = best(2.0 * static_cast<double>(bytes), [&] { copy_device(target, source, bytes, stream_); });
    bf16* left = a.get<bf16>(*this, static_cast<size_t>(n) * wide);
    bf16* right = b.get<bf16>(*this, static_cast<size_t>(n) * wide);
    float* sums = c.get<float>(*this, static_cast<size_t>(n) * static_cast<size_t>(n));
    launch(fill_random, blocks(static_cast<int64_t>(n) * n), 256u, 0, stream_, sums, static_cast<int64_t>(n) * n);
    to_rows(left, sums, n, n, pad(n));
    to_columns(right, sums, n, n, pad(n));
    const GemmArgs g{left, right, sums, nullptr, nullptr, n, n, static_cast<int>(wide), static_cast<int64_t>(wide),
                     static_cast<int64_t>(wide), n, 0};
    const double flops = 2.0 * n * n * n;
    out.own_flops = best(flops, [&] { product(g, true); });
    if (products_) out.cublas_flops = best(flops, [&] { product(g, false); });
    for (Scratch* s : {&from, &to, &a, &b, &c}) s->clear(*this);
  }

  // ---- Memory ----

  float* allocate(size_t floats) override {
    float* p = static_cast<float*>(take(floats * sizeof(float)));
    fill_zero(p, floats * sizeof(float), stream_);
    return p;
  }
  void release(float* p) override {
    if (p) drop(p);
  }
  void zero(float* p, size_t floats) override {
    touched(p);
    fill_zero(p, floats * sizeof(float), stream_);
  }
  void upload(float* to, const float* from, size_t floats) override {
    abort_capture();
    touched(to);
    copy_in(to, from, floats * sizeof(float), stream_);
    settle();
  }
  void download(float* to, const float* from, size_t floats) override {
    abort_capture();
    copy_out(to, from, floats * sizeof(float), stream_);
    settle();
  }
  size_t cache_row_floats(Heads h) const override { return static_cast<size_t>(h.kv_heads) * padded_dim(h) / 2; }
  size_t forward_floats(int out, int in) const override { return static_cast<size_t>(out) * pad(in) / 2; }
  size_t backward_floats(int out, int in) const override { return static_cast<size_t>(in) * pad(out) / 2; }
  /// As much as the work space grows to below: operands of products in bfloat16, heads padded to 64 or 128 numbers, the copy
  /// beside an activation, sums of parts.
  double scratch_floats(double tokens, int hidden, int intermediate, int vocab, Heads h) const override {
    const double T = tokens, D = padded_dim(h), C = hidden, F = intermediate, V = vocab, W = h.qkv_width();
    const double chunk = std::min(T, static_cast<double>(head_rows(vocab))), more = kPadK;  // rows end on a multiple of it
    const double widest = std::max({2 * F, W, C}), in = std::max({F, C, static_cast<double>(h.q_width())});
    const double operand_b = std::max((widest + more) * (T + more), (V + more) * (chunk + more));
    const double operand_a = in * (T + more);
    const double heads = T * (2 * h.heads + 2 * h.kv_heads) * D;
    const double halves = operand_a + operand_b + heads + T * (in + more);
    const double sums = T * h.heads + std::ceil(T / kPart) * std::max(W, C) + chunk * 3;
    return kSpare * (halves / 2 + sums);
  }
  int head_rows(int V) const override { return static_cast<int>(std::min<int64_t>(4096, std::max<int64_t>(64, (int64_t{1} << 28) / V))); }

  void pack(const Matrix& m) override {
    to_rows(reinterpret_cast<bf16*>(m.forward), m.weight, m.out, m.in, pad(m.in));
    if (m.backward) to_columns(reinterpret_cast<bf16*>(m.backward), m.weight, m.out, m.in, pad(m.out));
  }

  // ---- Passes and steps ----

  void begin_pass() override {
    abort_capture();
    settle();
    planned_.clear();
    resident_.clear();
    for (PassBlock& block : pass_) block.at = 0;
    shadow_of_ = nullptr;
  }

  /// Steps of 3 and 4 tokens share a recording, and so on: as many rows as the kernels of products compute anyway.
  int step_rows(int T) const override {
    if (!records(T)) return T;
    if (T > 64) return (T + 63) / 64 * 64;
    int rows = 1;
    while (rows < T) rows *= 2;
    return rows;
  }

  bool begin_step(const void* owner, Heads h, const int* ids, const int* positions, const int* slots,
                  const Query* queries, int T) override {
    begin_pass();
    if (!records(T)) return true;
    check_heads(h);
    plan_.build(queries, T, h.heads / h.kv_heads, false);
    // A step in which some sequence brings several tokens has one kernel more.
    const bool tiles = !plan_.tiles.empty();
    const int rows = step_rows(T);
    Recorded* step = nullptr;
    for (auto& entry : steps_) {
      if (entry->owner == owner && entry->rows == rows && (entry->tile_slots > 0) == tiles) step = entry.get();
    }
    if (step && (step->generation != generation_ || !fits(*step))) {
      forget(step);
      step = nullptr;
    }
    if (!step) {
      if (steps_.size() >= kMostSteps) forget(steps_.front().get());
      step = record(owner, rows);
    }
    fill(*step, ids, positions, slots, T);
    const size_t bytes = sizeof(int) * static_cast<size_t>(rows);
    resident_.add(ids, bytes, step->ids);
    resident_.add(positions, bytes, step->positions);
    resident_.add(slots, bytes, step->slots);
    planned_.push_back({queries, rows, false, step->plan});
    if (step->graph) {
      replay(step->graph, T);
      return false;
    }
    if (step->ran) {
      begin_capture(stream_);
      capturing_ = step;
    }
    step->ran = true;
    step->generation = generation_;
    latest_ = step;
    return true;
  }

  void end_step() override {
    if (capturing_) {
      Recorded* step = capturing_;
      capturing_ = nullptr;
      Graph graph = end_capture(stream_);
      replay(graph, step->rows);
      if (graveyard_.empty()) {
        step->graph = graph;
        step->generation = generation_;
      } else {
        // A buffer moved while the step was recorded: this recording is good for this once.
        synchronize(stream_);
        destroy_graph(graph);
        empty_graveyard();
      }
    } else if (latest_) {
      latest_->generation = generation_;  // buffers that grew on the first, plain run of this step
    }
    latest_ = nullptr;
  }

  // ---- Rows ----

  void embedding_forward(float* out, const float* table, const int* ids, float scale, int T, int C) override {
    touched(out);
    move(out, table, staged(ids, T), scale, T, C, 0);
  }

  void embedding_backward(float* dtable, const float* dout, const int* ids, float scale, int T, int C) override {
    std::vector<int> order(static_cast<size_t>(T)), distinct, first;
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return ids[a] < ids[b]; });
    for (int i = 0; i < T; i++) {
      if (i == 0 || ids[order[static_cast<size_t>(i)]] != distinct.back()) {
        distinct.push_back(ids[order[static_cast<size_t>(i)]]);
        first.push_back(i);
      }
    }
    first.push_back(T);
    const int n = static_cast<int>(distinct.size());
    launch(embedding_rows_backward, dim3(static_cast<unsigned>(n)), row_threads(C), 0, stream_, dtable, dout,
           staged(distinct.data(), n), staged(first.data(), n + 1), staged(order.data(), T), scale, C);
  }

  void rmsnorm_forward(float* out, float* rstd, const float* x, NormWeight w, const float* residual, int T, int C) override {
    if (T == 0) return;
    bf16* shadow = shadow_for(out, T, C);
    launch(rmsnorm_rows, dim3(static_cast<unsigned>(T)), row_threads(C), 0, stream_, out, shadow, pad(C), rstd, x, w, residual,
           C);
  }

  void rmsnorm_backward(float* dx, float* dw, const float* dy, const float* x, NormWeight w, const float* rstd, int T,
                        int C) override {
    if (T == 0) return;
    touched(dx);
    if (dw) sum_columns(dw, dy, x, rstd, T, C);
    launch(rmsnorm_rows_backward, dim3(static_cast<unsigned>(T)), row_threads(C), 0, stream_, dx, dy, x, w, rstd, C);
  }

  void gather_rows(float* out, const float* x, const int* rows, int n, int C) override {
    touched(out);
    move(out, x, staged(rows, n), 1.0f, n, C, 0);
  }
  void scatter_rows(float* out, const float* x, const int* rows, int n, int C) override {
    touched(out);
    move(out, x, staged(rows, n), 1.0f, n, C, 1);
  }

  void gated_forward(float* act, const float* gate_up, Activation activation, int T, int F) override {
    if (T == 0) return;
    bf16* shadow = shadow_for(act, T, F);
    launch(gated_elements, blocks(T * pad(F)), 256u, 0, stream_, act, shadow, pad(F), gate_up, activation, T, F);
  }
  void gated_backward(float* dgate_up, const float* dact, const float* gate_up, Activation activation, int T,
                      int F) override {
    if (T == 0) return;
    touched(dgate_up);
    launch(gated_elements_backward, blocks(static_cast<int64_t>(T) * F), 256u, 0, stream_, dgate_up, dact, gate_up, activation,
           T, F);
  }

  // ---- Products ----

  void linear_forward(float* y, const float* x, const Matrix& w, const float* bias, const float* residual, int M) override {
    if (M == 0) return;
    const bf16* rows = x == shadow_of_ && M == shadow_T_ && w.in == shadow_C_ ? shadow_.as<bf16>() : nullptr;
    if (!rows) {
      bf16* to = operand_b_.get<bf16>(*this, static_cast<size_t>(M) * pad(w.in));
      to_rows(to, x, M, w.in, pad(w.in));
      rows = to;
    }
    touched(y);
    product(GemmArgs{reinterpret_cast<const bf16*>(w.forward), rows, y, bias, residual, w.out, M, static_cast<int>(pad(w.in)),
                     pad(w.in), pad(w.in), w.out, 0},
            exact_);
  }

  void linear_backward_input(float* dx, const float* dy, const Matrix& w, int M) override {
    if (M == 0) return;
    bf16* rows = operand_b_.get<bf16>(*this, static_cast<size_t>(M) * pad(w.out));
    to_rows(rows, dy, M, w.out, pad(w.out));
    touched(dx);
    product(GemmArgs{reinterpret_cast<const bf16*>(w.backward), rows, dx, nullptr, nullptr, w.in, M,
                     static_cast<int>(pad(w.out)), pad(w.out), pad(w.out), w.in, 0},
            false);
  }

  void linear_backward_weight(const Matrix& w, float* dbias, const float* dy, const float* x, int M) override {
    if (M == 0) return;
    bf16* inputs = operand_a_.get<bf16>(*this, static_cast<size_t>(w.in) * pad(M));
    bf16* gradients = operand_b_.get<bf16>(*this, static_cast<size_t>(w.out) * pad(M));
    to_columns(inputs, x, M, w.in, pad(M));
    to_columns(gradients, dy, M, w.out, pad(M));
    product(GemmArgs{inputs, gradients, w.gradient, nullptr, nullptr, w.in, w.out, static_cast<int>(pad(M)), pad(M), pad(M),
                     w.in, 1},
            false);
    if (dbias) sum_columns(dbias, dy, nullptr, nullptr, M, w.out);
  }

  // ---- Attention ----

  void rope_forward(float* out, const float* qkv, NormWeight q_norm, NormWeight k_norm, const float* cos,
                    const float* sin, const int* positions, int T, Heads h) override {
    if (T == 0) return;
    check_heads(h);
    touched(out);
    const RopeArgs r{q_norm, k_norm, cos, sin, kept(positions, T), T, h};
    launch(rope_rows, dim3(static_cast<unsigned>(T)), head_threads(h), 0, stream_, out, qkv, r);
  }

  void rope_backward(float* dqkv, float* dq_norm, float* dk_norm, const float* dout, const float* qkv,
                     NormWeight q_norm, NormWeight k_norm, const float* cos, const float* sin, const int* positions, int T,
                     Heads h) override {
    if (T == 0) return;
    check_heads(h);
    touched(dqkv);
    const RopeArgs r{q_norm, k_norm, cos, sin, kept(positions, T), T, h};
    const int parts = (T + kPart - 1) / kPart;
    for (int which = 0; which < 2; which++) {
      float* to = which ? dk_norm : dq_norm;
      if (!to) continue;
      float* sums = parts_.get<float>(*this, static_cast<size_t>(parts) * h.dim);
      launch(rope_norm_parts, dim3(static_cast<unsigned>(parts)), 128u, 0, stream_, sums, dout, qkv, r,
             which ? h.heads : 0, which ? h.kv_heads : h.heads, which ? k_norm.eps : q_norm.eps);
      launch(add_parts, dim3((static_cast<unsigned>(h.dim) + 127) / 128), 128u, 0, stream_, to, sums, parts, h.dim);
    }
    launch(rope_rows_backward, dim3(static_cast<unsigned>(T)), head_threads(h), 0, stream_, dqkv, dout, qkv, r);
  }

  void cache_store(float* k_cache, float* v_cache, const float* qkv, const int* slots, int T, Heads h) override {
    if (T == 0) return;
    check_heads(h);
    const int D = padded_dim(h);
    launch(store_cache, blocks(static_cast<int64_t>(T) * h.kv_heads * D), 256u, 0, stream_, reinterpret_cast<bf16*>(k_cache),
           reinterpret_cast<bf16*>(v_cache), qkv, kept(slots, T), T, h, D);
  }

  /// Keys that lie in the rows of q are packed float32 tokens; others are what cache_store wrote.
  void attention_forward(float* out, float* lse, const float* q, int q_stride, const float* k, const float* v, int kv_stride,
                         const Query* queries, int T, Heads h) override {
    if (T == 0) return;
    check_heads(h);
    const bool packed = k == q + h.q_width() && kv_stride == q_stride;
    const DevicePlan& plan = planned(queries, T, h, packed);
    const int D = padded_dim(h), heads = h.heads + (packed ? 2 * h.kv_heads : 0);
    bf16* rows = heads_.get<bf16>(*this, static_cast<size_t>(T) * heads * D);
    launch(split_heads, blocks(static_cast<int64_t>(T) * heads * D / 2), 256u, 0, stream_, rows, q,
           static_cast<int64_t>(q_stride), T, heads, h.dim, D);
    AttentionArgs a{};
    a.q = rows;
    a.q_stride = static_cast<int64_t>(heads) * D;
    a.k = packed ? rows + static_cast<int64_t>(h.heads) * D : reinterpret_cast<const bf16*>(k);
    a.v = packed ? a.k + static_cast<int64_t>(h.kv_heads) * D : reinterpret_cast<const bf16*>(v);
    a.kv_stride = packed ? a.q_stride : static_cast<int64_t>(h.kv_heads) * D;
    attend(a, out, lse, plan, T, h);
  }

  void attention_step(float* out, float*, const float* qkv, NormWeight q_norm, NormWeight k_norm, const float* cos, const float* sin,
                      const int* positions, const int* slots, float* k_cache, float* v_cache, const Query* queries, int T,
                      Heads h) override {
    if (T == 0) return;
    check_heads(h);
    const DevicePlan& plan = planned(queries, T, h, false);
    const int D = padded_dim(h);
    bf16* rows = heads_.get<bf16>(*this, static_cast<size_t>(T) * h.heads * D);
    AttentionArgs a{};
    a.q = rows;
    a.k = reinterpret_cast<const bf16*>(k_cache);
    a.v = reinterpret_cast<const bf16*>(v_cache);
    a.q_stride = static_cast<int64_t>(h.heads) * D;
    a.kv_stride = static_cast<int64_t>(h.kv_heads) * D;
    const RopeArgs r{q_norm, k_norm, cos, sin, kept(positions, T), T, h};
    launch(rope_store, dim3(static_cast<unsigned>(T)), head_threads(h), 0, stream_, rows, reinterpret_cast<bf16*>(k_cache),
           reinterpret_cast<bf16*>(v_cache), qkv, kept(slots, T), r, D);
    attend(a, out, nullptr, plan, T, h);
  }

  void attention_backward(float* dqkv, const float* dout, const float* out, const float* lse, const float* qkv,
                          const Query* queries, const int*, int, int T, Heads h) override {
    if (T == 0) return;
    check_heads(h);
    touched(dqkv);
    const DevicePlan& plan = planned(queries, T, h, true);
    const int D = padded_dim(h), heads = h.heads + 2 * h.kv_heads;
    bf16* rows = heads_.get<bf16>(*this, static_cast<size_t>(T) * heads * D);
    bf16* douts = dout_heads_.get<bf16>(*this, static_cast<size_t>(T) * h.heads * D);
    float* delta = delta_.get<float>(*this, static_cast<size_t>(T) * h.heads);
    launch(split_heads, blocks(static_cast<int64_t>(T) * heads * D / 2), 256u, 0, stream_, rows, qkv,
           static_cast<int64_t>(h.qkv_width()), T, heads, h.dim, D);
    launch(split_heads, blocks(static_cast<int64_t>(T) * h.heads * D / 2), 256u, 0, stream_, douts, dout,
           static_cast<int64_t>(h.q_width()), T, h.heads, h.dim, D);
    const int64_t pairs = static_cast<int64_t>(T) * h.heads;
    launch(attention_delta, dim3(static_cast<unsigned>((pairs + 7) / 8)), 256u, 0, stream_, delta, dout, out, pairs, h.dim);
    AttentionBackwardArgs a{};
    a.q = rows;
    a.k = rows + static_cast<int64_t>(h.heads) * D;
    a.v = a.k + static_cast<int64_t>(h.kv_heads) * D;
    a.dout = douts;
    a.stride = static_cast<int64_t>(heads) * D;
    a.lse = lse;
    a.delta = delta;
    a.dqkv = dqkv;
    a.slices = plan.slices;
    a.visible = plan.visible;
    a.tiles = plan.tiles;
    a.key_first = plan.key_first;
    a.key_tiles = plan.key_tiles;
    a.h = h;
    a.T = T;
    a.scale = h.score_scale();
    a.scale2 = kLog2e * a.scale;
    const unsigned kv = static_cast<unsigned>(h.kv_heads);
    launch(D == 64 ? attention_backward_queries<64> : attention_backward_queries<128>,
           dim3(static_cast<unsigned>(plan.tile_count), kv), 128u, attention_queries_shared(D), stream_, a);
    launch(D == 64 ? attention_backward_keys<64> : attention_backward_keys<128>,
           dim3(static_cast<unsigned>((T + kKeys - 1) / kKeys), kv), 128u, attention_keys_shared(D), stream_, a);
  }

  // ---- Head ----

  void prepare_logits(float* logits, int n, int V, const float* temperatures, const int* const* excluded,
                      const int* excluded_counts) override {
    sampled_ = false;
    if (n == 0) return;
    std::vector<int> first(1, 0), ids;
    for (int r = 0; r < n; r++) {
      ids.insert(ids.end(), excluded[r], excluded[r] + excluded_counts[r]);
      first.push_back(static_cast<int>(ids.size()));
    }
    ids.push_back(0);  // never empty
    launch(prepare_rows, dim3(static_cast<unsigned>(n)), kRowBlock, 0, stream_, logits, V, staged(temperatures, n),
           staged(first.data(), n + 1), staged(ids.data(), static_cast<int>(ids.size())));
  }

  void score_rows(RowScore* scores, const float* logits, const int* targets, int n, int V, bool entropy) override {
    if (n == 0) return;
    if (sampled_ && !entropy && logits == sampled_logits_ && n == static_cast<int>(sampled_ids_.size()) &&
        std::equal(targets, targets + n, sampled_ids_.begin())) {
      std::copy(sampled_scores_.begin(), sampled_scores_.end(), scores);
      return;
    }
    score(staged(targets, n), logits, n, V, entropy);
    const size_t bytes = sizeof(RowScore) * static_cast<size_t>(n);
    copy_out(results(bytes), scores_.as<RowScore>(), bytes, stream_);
    settle();
    std::memcpy(scores, results_, bytes);
  }

  void logprob_backward(float* logits, const float* lse, const int* targets, const float* weights, const float* entropy_weights,
                        const float* entropies, float temperature, int n, int V) override {
    if (n == 0) return;
    touched(logits);
    launch(logprob_rows_backward, dim3(static_cast<unsigned>(n)), kRowBlock, 0, stream_, logits, staged(lse, n),
           staged(targets, n), staged(weights, n), entropy_weights ? staged(entropy_weights, n) : nullptr,
           entropy_weights ? staged(entropies, n) : nullptr, temperature, V);
  }

  /// Draws, and scores what was drawn: the scores are kept for the call of score_rows that follows, so that a step waits
  /// for the device once.
  void sample_rows(int* ids, float* logits, const SamplingRow* rows, int n, int V) override {
    if (n == 0) return;
    int* drawn = drawn_.get<int>(*this, static_cast<size_t>(n));
    draw(drawn, logits, rows, n, V);
    score(drawn, logits, n, V, false);
    const size_t id_bytes = sizeof(int) * static_cast<size_t>(n), score_bytes = sizeof(RowScore) * static_cast<size_t>(n);
    char* host = results(score_bytes + id_bytes);
    copy_out(host, scores_.as<RowScore>(), score_bytes, stream_);
    copy_out(host + score_bytes, drawn, id_bytes, stream_);
    settle();
    std::memcpy(ids, host + score_bytes, id_bytes);
    sampled_ids_.assign(ids, ids + n);
    const RowScore* scores = reinterpret_cast<const RowScore*>(host);
    sampled_scores_.assign(scores, scores + n);
    sampled_logits_ = logits;
    sampled_ = true;
  }

  // ---- Optimizer ----

  double sum_squares(const float* x, size_t n) override {
    if (n == 0) return 0.0;
    const size_t parts = (n + kSquaresChunk - 1) / kSquaresChunk;
    double* sums = parts_.get<double>(*this, parts);
    launch(square_parts, dim3(static_cast<unsigned>(parts)), 256u, 0, stream_, sums, x, static_cast<int64_t>(n));
    copy_out(results(parts * sizeof(double)), sums, parts * sizeof(double), stream_);
    settle();
    double sum = 0.0;
    for (size_t i = 0; i < parts; i++) sum += reinterpret_cast<const double*>(results_)[i];
    return sum;
  }

  void adamw_step(float* weight, float* gradient, float* m, float* v, size_t n, const AdamW& options) override {
    if (n == 0) return;
    launch(adamw_elements, blocks(static_cast<int64_t>(n)), 256u, 0, stream_, weight, gradient, m, v,
           static_cast<int64_t>(n), options);
  }

  bool packs_moments() const override { return true; }
  void adamw_step_packed(float* weight, float* gradient, const PackedMoments& m, size_t n, const AdamW& options,
                         uint64_t update) override {
    if (n == 0) return;
    launch(adamw_packed, blocks(static_cast<int64_t>(n)), 256u, 0, stream_, weight, gradient, m, static_cast<int64_t>(n),
           options, update);
  }

 private:
  static constexpr size_t kRing = size_t{4} << 20;
#if defined(PR1_EMULATE)
  static constexpr size_t kBlock = 1;  // every allocation ends at an unmapped page
#else
  static constexpr size_t kBlock = size_t{64} << 20;
#endif
  static constexpr double kSpare = 1.25;  // of work space that grows
  static constexpr int kMostRecorded = 512;
  static constexpr double kMostParts = 1 << 23;  // numbers of a product that is split along k
  static constexpr size_t kMostSteps = 64;
  static constexpr unsigned kRowBlock = kRowThreads;

  // ---- Device memory ----

  /// A buffer that only grows.
  class Scratch {
   public:
    template <class T>
    T* get(CudaOps& ops, size_t n) {
      const size_t bytes = n * sizeof(T);
      if (bytes > bytes_) {
        if (data_) ops.drop(data_);
        data_ = nullptr;
        bytes_ = 0;
        const size_t room = static_cast<size_t>(kSpare * static_cast<double>(bytes));
        data_ = ops.take(room);
        bytes_ = room;
      }
      return static_cast<T*>(data_);
    }
    void clear(CudaOps& ops) {
      if (data_) ops.drop(data_);
      data_ = nullptr;
      bytes_ = 0;
    }
    template <class T>
    T* as() const {
      return static_cast<T*>(data_);
    }

   private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
  };

  void* take(size_t bytes) {
    generation_++;
    return arena_.allocate(bytes);
  }
  /// Work that is queued or being recorded may still use it: what goes back to the device waits for the stream.
  void drop(void* p) {
    generation_++;
    if (p == shadow_of_) shadow_of_ = nullptr;
    if (capturing_) {
      graveyard_.push_back(p);
      return;
    }
    synchronize(stream_);
    arena_.release(p);
  }
  void empty_graveyard() {
    for (void* p : graveyard_) arena_.release(p);
    graveyard_.clear();
  }

  /// Waits for all that is queued; pinned memory may be filled anew afterwards.
  void settle() {
    if (capturing_) throw std::logic_error("A step waits for the device while it is recorded.");
    synchronize(stream_);
    ring_.reset();
  }

  char* results(size_t bytes) {
    if (bytes > results_bytes_) {
      settle();
      if (results_) release_pinned(results_);
      results_ = nullptr;
      results_ = static_cast<char*>(allocate_pinned(bytes * 2));
      results_bytes_ = bytes * 2;
    }
    return results_;
  }

  // ---- Small host arrays ----

  /// Copies n values of the host to the device, for the kernels launched next.
  template <class T>
  const T* staged(const T* host, int n) {
    const size_t bytes = sizeof(T) * static_cast<size_t>(n);
    if (const void* there = resident_.find(host, bytes)) return static_cast<const T*>(there);
    if (capturing_) throw std::logic_error("An array was not uploaded before the step was recorded.");
    size_t at = 0;
    if (!ring_.take(bytes, at, [this] { synchronize(stream_); })) return keep(host, n);
    std::memcpy(ring_host_ + at, host, bytes);
    copy_in(ring_device_ + at, ring_host_ + at, bytes, stream_);
    return reinterpret_cast<const T*>(ring_device_ + at);
  }

  /// The same for arrays that later calls of this pass use again: uploaded once.
  template <class T>
  const T* kept(const T* host, int n) {
    const size_t bytes = sizeof(T) * static_cast<size_t>(n);
    if (const void* there = resident_.find(host, bytes)) return static_cast<const T*>(there);
    const T* device = keep(host, n);
    resident_.add(host, bytes, device);
    return device;
  }

  struct PassBlock {
    char *host, *device;
    size_t bytes, at;
  };
  template <class T>
  const T* keep(const T* host, int n) {
    if (capturing_) throw std::logic_error("An array was not uploaded before the step was recorded.");
    const size_t bytes = std::max<size_t>(1, sizeof(T) * static_cast<size_t>(n)), room = (bytes + 255) / 256 * 256;
    PassBlock* block = nullptr;
    for (PassBlock& b : pass_) {
      if (b.at + room <= b.bytes) block = &b;
    }
    if (!block) {
      const size_t size = std::max(room, size_t{1} << 20);
      pass_.push_back({static_cast<char*>(allocate_pinned(size)), static_cast<char*>(arena_.allocate(size)), size, 0});
      block = &pass_.back();
    }
    std::memcpy(block->host + block->at, host, sizeof(T) * static_cast<size_t>(n));
    copy_in(block->device + block->at, block->host + block->at, sizeof(T) * static_cast<size_t>(n), stream_);
    const T* device = reinterpret_cast<const T*>(block->device + block->at);
    block->at += room;
    return device;
  }
  template <class T>
  const T* keep(const std::vector<T>& list) {
    return keep(list.data(), static_cast<int>(list.size()));
  }

  // ---- The plan of an attention, on the device ----

  struct DevicePlan {
    const Slice* slices;
    const int* visible;
    const Tile* tiles;
    const Item* items;
    const int *members, *singles, *partial, *counts, *key_first, *key_tiles;
    int tile_count, item_slots, single_slots, partial_slots;
  };

  /// One a list of queries: layers with a window take turns with those that see everything.
  struct Planned {
    const Query* queries;
    int T;
    bool tiles_only;
    DevicePlan plan;
  };

  /// Items, queries with chunks of their own, tiles.
  static std::array<int, 3> counts_of(const AttentionPlan& plan) {
    return {static_cast<int>(plan.items.size()), static_cast<int>(plan.singles.size()), static_cast<int>(plan.tiles.size())};
  }

  const DevicePlan& planned(const Query* queries, int T, Heads h, bool packed) {
    for (const Planned& it : planned_) {
      if (it.queries == queries && it.T == T && it.tiles_only == packed) return it.plan;
    }
    if (capturing_) throw std::logic_error("The attention of a recorded step was not planned before it.");
    plan_.build(queries, T, h.heads / h.kv_heads, packed);
    DevicePlan d{};
    d.slices = keep(plan_.slices);
    d.visible = keep(plan_.visible);
    d.tiles = keep(plan_.tiles);
    d.tile_count = static_cast<int>(plan_.tiles.size());
    const std::array<int, 3> counts = counts_of(plan_);
    d.counts = keep(counts.data(), 3);
    if (packed) {
      key_plan_.build(plan_, T);
      d.key_first = keep(key_plan_.first);
      d.key_tiles = keep(key_plan_.tiles);
    }
    if (!plan_.singles.empty()) {
      d.items = keep(plan_.items);
      d.members = keep(plan_.members);
      d.singles = keep(plan_.singles);
      d.partial = keep(plan_.partial);
      d.item_slots = counts[0];
      d.single_slots = counts[1];
      d.partial_slots = plan_.partials;
    }
    planned_.push_back({queries, T, packed, d});
    return planned_.back().plan;
  }

  /// From queries, keys and values that lie ready.
  void attend(AttentionArgs a, float* out, float* lse, const DevicePlan& plan, int T, Heads h) {
    const int D = padded_dim(h);
    a.out = out;
    a.shadow = shadow_for(out, T, h.q_width());
    a.shadow_ld = pad(h.q_width());
    if (a.shadow && a.shadow_ld != h.q_width()) {
      fill_zero(a.shadow, sizeof(bf16) * static_cast<size_t>(T) * static_cast<size_t>(a.shadow_ld), stream_);
    }
    a.lse = lse;
    a.slices = plan.slices;
    a.visible = plan.visible;
    a.h = h;
    a.scale2 = h.scale > 0.0f ? kLog2e * h.scale : kLog2e / std::sqrt(static_cast<float>(h.dim));
    const unsigned kv = static_cast<unsigned>(h.kv_heads);
    if (plan.tile_count > 0) {
      launch(D == 64 ? attention_tiles<64> : attention_tiles<128>, dim3(static_cast<unsigned>(plan.tile_count), kv), 128u,
             attention_tiles_shared(D), stream_, a, plan.tiles, plan.counts + 2);
    }
    if (plan.single_slots > 0) {
      const size_t results = static_cast<size_t>(plan.partial_slots) * h.heads;
      float2* sums = item_sums_.get<float2>(*this, results);
      float* outs = item_outs_.get<float>(*this, results * D);
      const unsigned head_blocks = static_cast<unsigned>((h.heads / h.kv_heads + kItemRows - 1) / kItemRows);
      const unsigned most = std::max(1u, static_cast<unsigned>(facts_.multiprocessors) * 16 / (kv * head_blocks));
      const unsigned wanted = (static_cast<unsigned>(plan.item_slots) + 3) / 4;
      launch(D == 64 ? attention_items<64> : attention_items<128>, dim3(std::min(wanted, most), kv * head_blocks), 128u, 0,
             stream_, a, plan.items, plan.counts, plan.members, plan.partial, sums, outs);
      launch(attention_fold, dim3(static_cast<unsigned>(plan.single_slots), static_cast<unsigned>(h.heads)),
             static_cast<unsigned>(D), 0, stream_, a, D, plan.singles, plan.counts + 1, plan.partial, sums, outs);
    }
  }

  // ---- Recorded decode steps ----

  bool records(int T) const { return graphs_ && T <= kMostRecorded; }

  /// The inputs of a step of up to `rows` tokens at fixed places, sized for more than the step at hand, and the recording.
  struct Recorded {
    explicit Recorded(CudaOps& o) : ops(o) {}
    ~Recorded() {
      if (graph) destroy_graph(graph);
      if (host) release_pinned(host);
      if (device) ops.arena_.release(device);
    }
    CudaOps& ops;
    const void* owner = nullptr;
    int rows = 0;
    size_t tile_slots = 0, slice_slots = 0, item_slots = 0, member_slots = 0, partial_slots = 0, bytes = 0;
    char *host = nullptr, *device = nullptr;
    const int *ids = nullptr, *positions = nullptr, *slots = nullptr;
    DevicePlan plan{};
    uint64_t generation = 0;
    bool ran = false;
    Graph graph = {};
  };

  bool fits(const Recorded& s) const {
    return plan_.tiles.size() <= s.tile_slots && plan_.slices.size() <= s.slice_slots && plan_.items.size() <= s.item_slots &&
           plan_.members.size() <= s.member_slots && static_cast<size_t>(plan_.partials) <= s.partial_slots;
  }

  Recorded* record(const void* owner, int rows) {
    auto step = std::make_unique<Recorded>(*this);
    step->owner = owner;
    step->rows = rows;
    // Room for sequences to grow before the recording has to be made anew.
    auto room = [](size_t n) { return n + n / 2 + 64; };
    if (!plan_.tiles.empty()) step->tile_slots = plan_.tiles.size() + plan_.tiles.size() / 2 + 8;
    step->slice_slots = room(plan_.slices.size());
    step->item_slots = room(plan_.items.size());
    step->member_slots = room(plan_.members.size());
    step->partial_slots = room(static_cast<size_t>(plan_.partials));
    step->bytes = layout(*step, nullptr);
    step->host = static_cast<char*>(allocate_pinned(step->bytes));
    step->device = static_cast<char*>(arena_.allocate(step->bytes));
    layout(*step, step->device);
    steps_.push_back(std::move(step));
    return steps_.back().get();
  }

  void replay(Graph graph, int T) {
    Launch what{"recorded decode step"};
    what.add(T);
    launch_graph(graph, stream_);
    journal.note(key_of(stream_), what);
  }

  void forget(const Recorded* step) {
    synchronize(stream_);
    steps_.remove_if([&](const auto& entry) { return entry.get() == step; });
  }

  /// Places of the arrays from `base` on; returns the bytes they take.
  static size_t layout(Recorded& s, char* base) {
    size_t at = 0;
    auto place = [&](auto*& pointer, size_t n) {
      using T = std::remove_reference_t<decltype(*pointer)>;
      pointer = reinterpret_cast<T*>(base + at);
      at += (n * sizeof(T) + 255) / 256 * 256;
    };
    const size_t rows = static_cast<size_t>(s.rows);
    place(s.ids, rows);
    place(s.positions, rows);
    place(s.slots, rows);
    place(s.plan.visible, rows);
    place(s.plan.singles, rows);
    place(s.plan.partial, rows);
    place(s.plan.counts, 3);
    place(s.plan.tiles, s.tile_slots);
    place(s.plan.slices, s.slice_slots);
    place(s.plan.items, s.item_slots);
    place(s.plan.members, s.member_slots);
    s.plan.item_slots = static_cast<int>(s.item_slots);
    s.plan.tile_count = static_cast<int>(s.tile_slots);
    s.plan.single_slots = s.rows;
    s.plan.partial_slots = static_cast<int>(s.partial_slots);
    return at;
  }

  /// One copy brings all inputs of the step to the device. Rows from T on are the first token of the vocabulary at the first position,
  /// belong to no chunk of attention and are not stored.
  void fill(Recorded& s, const int* ids, const int* positions, const int* slots, int T) {
    auto put = [&](const auto* device, const auto* from, size_t n) {
      std::memcpy(s.host + (reinterpret_cast<const char*>(device) - s.device), from, n * sizeof(*from));
    };
    auto put_rows = [&](const int* device, const int* from, int padding) {
      int* to = reinterpret_cast<int*>(s.host + (reinterpret_cast<const char*>(device) - s.device));
      std::fill(std::copy(from, from + T, to), to + s.rows, padding);
    };
    const std::array<int, 3> counts = counts_of(plan_);
    put_rows(s.ids, ids, 0);
    put_rows(s.positions, positions, 0);
    put_rows(s.slots, slots, -1);
    put_rows(s.plan.visible, plan_.visible.data(), 0);
    put_rows(s.plan.partial, plan_.partial.data(), -1);
    put(s.plan.singles, plan_.singles.data(), plan_.singles.size());
    put(s.plan.counts, counts.data(), counts.size());
    put(s.plan.tiles, plan_.tiles.data(), plan_.tiles.size());
    put(s.plan.slices, plan_.slices.data(), plan_.slices.size());
    put(s.plan.items, plan_.items.data(), plan_.items.size());
    put(s.plan.members, plan_.members.data(), plan_.members.size());
    copy_in(s.device, s.host, s.bytes, stream_);
  }

  void abort_capture() {
    if (!capturing_) return;
    capturing_ = nullptr;
    latest_ = nullptr;
    destroy_graph(end_capture(stream_));
    empty_graveyard();
  }

  // ---- Products ----

  void to_rows(bf16* to, const float* x, int R, int C, int64_t ld) {
    launch(to_bf16_rows, blocks(R * ld / 2), 256u, 0, stream_, to, x, R, C, ld);
  }
  void to_columns(bf16* to, const float* x, int R, int C, int64_t ld) {
    launch(to_bf16_columns, dim3(static_cast<unsigned>((C + 31) / 32), static_cast<unsigned>(ld / 64)), 256u, 0, stream_, to,
           x, R, C, ld);
  }

  /// own: the arithmetic of gemm.h whatever the shape; else cuBLASLt may take large products.
  void product(const GemmArgs& g, bool own) {
    if (!own && products_ && g.N > 64 && !g.bias && cublas_product(g)) return;
    if (g.N <= 8) return few<1>(g);
    if (g.N <= 16) return few<2>(g);
    if (g.N <= 32) return tiles<128, 32, 32, 16, 4, true>(g);
    if (g.N <= 64) return tiles<128, 64, 32, 32, 4, true>(g);
    const int64_t large = static_cast<int64_t>((g.M + 127) / 128) * ((g.N + 127) / 128);
    if (large >= facts_.multiprocessors) return tiles<128, 128, 32, 64, 3, false>(g);
    tiles<64, 64, 32, 32, 3, true>(g);
  }

  /// cuBLASLt computes what it is said to compute once it has shown that it can.
  void try_products() {
    workspace_ = arena_.allocate(CublasLt::kWorkspace);
    constexpr int n = 128;
    constexpr size_t floats = size_t{n} * n;
    Scratch a, b, c;
    bf16* operand = a.get<bf16>(*this, floats);
    float *theirs = b.get<float>(*this, floats), *ours = c.get<float>(*this, floats);
    launch(fill_random, blocks(floats), 256u, 0, stream_, ours, static_cast<int64_t>(floats));
    to_rows(operand, ours, n, n, n);
    GemmArgs g{operand, operand, theirs, nullptr, nullptr, n, n, n, n, n, n, 0};
    const bool computed = cublas_product(g);
    g.c = ours;
    product(g, true);
    std::vector<float> got(floats), want(floats);
    download(got.data(), theirs, floats);
    download(want.data(), ours, floats);
    double difference = 0, size = 0;
    for (size_t i = 0; i < floats; i++) {
      const double d = static_cast<double>(got[i]) - want[i];
      difference += d * d;
      size += static_cast<double>(want[i]) * want[i];
    }
    for (Scratch* s : {&a, &b, &c}) s->clear(*this);
    if (computed && difference <= 1e-8 * size) return;
    why_no_products_ = products_->place() + (computed ? " gave a wrong product" : " refused a product, " + products_->last_refusal());
    products_.reset();
    arena_.release(workspace_);
    workspace_ = nullptr;
  }

  bool cublas_product(const GemmArgs& g) {
    const bool adds = g.accumulate || g.residual;
    if (!products_->product(g.c, g.a, g.b, g.residual ? g.residual : g.c, adds ? 1.0f : 0.0f, g.M, g.N, g.K, g.lda, g.ldb,
                            g.ldc, workspace_, stream_handle())) {
      return false;
    }
    Launch what{"a product of cuBLASLt"};
    add_numbers(what, g);
    journal.note(key_of(stream_), what);
    return true;
  }

  template <int NT>
  void few(const GemmArgs& g) {
    const int chunks = (g.K + kChunk - 1) / kChunk, rounds = (chunks + kMaxWarps - 1) / kMaxWarps;
    const int warps = (chunks + rounds - 1) / rounds;
    launch(gemm_few<NT>, dim3(static_cast<unsigned>((g.M + 15) / 16)), static_cast<unsigned>(warps) * 32, gemm_few_shared(NT, warps),
           stream_, g);
  }

  /// Fewer tiles than multiprocessors: chunks of k are split among as many blocks as make up for it.
  template <int BM, int BN, int WM, int WN, int STAGES, bool SPLIT>
  void tiles(const GemmArgs& g) {
    const int chunks = (g.K + kChunk - 1) / kChunk, most = facts_.multiprocessors;
    const int64_t count = static_cast<int64_t>((g.M + BM - 1) / BM) * ((g.N + BN - 1) / BN);
    int splits = !SPLIT || count >= most ? 1 : std::min(chunks, static_cast<int>((most + count - 1) / count));
    const int kept = 1 + chunks - chunks_before(chunks, 1, splits);  // parts
    if (static_cast<double>(kept) * g.N * g.M > kMostParts) splits = 1;
    float* parts = splits > 1 ? product_parts_.get<float>(*this, static_cast<size_t>(kept) * g.N * g.M) : nullptr;
    launch(gemm_tiles<BM, BN, WM, WN, STAGES, SPLIT>, dim3(static_cast<unsigned>(count), static_cast<unsigned>(splits)),
           static_cast<unsigned>((BM / WM) * (BN / WN) * 32), gemm_tile_shared(BM, BN, STAGES), stream_, g, parts);
    if (splits > 1) {
      launch(fold_parts, dim3(static_cast<unsigned>((g.M + 255) / 256), static_cast<unsigned>(g.N)), 256u, 0, stream_, g,
             static_cast<const float*>(parts), kept);
    }
  }

  // ---- Helpers ----

  static void check_heads(Heads h) {
    if (h.dim > 128 || h.dim % 2 != 0) {
      throw std::runtime_error("device cuda takes even head dimensions up to 128. Got " + std::to_string(h.dim) +
                               ". Use device: cpu.");
    }
    if (h.heads / h.kv_heads > kTileRows) {
      throw std::runtime_error("device cuda takes up to 64 query heads a key/value head. Got " +
                               std::to_string(h.heads / h.kv_heads) + ". Use device: cpu.");
    }
  }
  static int padded_dim(Heads h) { return h.dim <= 64 ? 64 : 128; }
  static unsigned head_threads(Heads h) { return static_cast<unsigned>(std::min(8, h.heads + h.kv_heads)) * 32; }
  dim3 blocks(int64_t elements) const {
    const int64_t wanted = (elements + 255) / 256, most = static_cast<int64_t>(facts_.multiprocessors) * 16;
    return dim3(static_cast<unsigned>(std::max<int64_t>(1, std::min(wanted, most))));
  }
  void move(float* out, const float* x, const int* index, float scale, int n, int C, int scatter) {
    if (n > 0) {
      launch(move_rows, dim3(static_cast<unsigned>(n)), row_threads(C), 0, stream_, out, x, index, scale, C, scatter);
    }
  }
  /// to (C) += Σ over tokens of dy x rstd, or of dy where x is null.
  void sum_columns(float* to, const float* dy, const float* x, const float* rstd, int T, int C) {
    const int parts = (T + kPart - 1) / kPart;
    float* sums = parts_.get<float>(*this, static_cast<size_t>(parts) * C);
    const unsigned columns = (static_cast<unsigned>(C) + 127) / 128;
    launch(column_parts, dim3(columns, static_cast<unsigned>(parts)), 128u, 0, stream_, sums, dy, x, rstd, T, C);
    launch(add_parts, dim3(columns), 128u, 0, stream_, to, sums, parts, C);
  }
  void draw(int* drawn, const float* logits, const SamplingRow* rows, int n, int V) {
    const size_t count = static_cast<size_t>(n), parts = count * static_cast<size_t>(slices_of(V));
    const dim3 grid(static_cast<unsigned>(slices_of(V)), static_cast<unsigned>(n));
    const bool cuts_any = std::any_of(rows, rows + n, [&](const SamplingRow& s) {
      return s.temperature > 0.0f && (s.top_p < 1.0f || (s.top_k > 0 && s.top_k < V));
    });
    if (cuts_any && V >= kMostSampled) {
      throw std::runtime_error("device cuda draws with top-k or top-p from fewer than " + std::to_string(kMostSampled) + " tokens. Got " +
                               std::to_string(V) + ". Use device: cpu.");
    }
    const SamplingRow* sampling = staged(rows, n);
    SliceMax* maxima = maxima_.get<SliceMax>(*this, parts);
    SliceSum* sums = sums_.get<SliceSum>(*this, parts);
    Cut* cuts = cuts_.get<Cut>(*this, 3 * count);
    unsigned long long* bins = nullptr;
    launch(sample_maxima, grid, kRowBlock, 0, stream_, maxima, logits, V);
    if (cuts_any) {
      bins = bins_.get<unsigned long long>(*this, 3 * kBins * count);
      fill_zero(bins, 3 * kBins * count * sizeof(unsigned long long), stream_);
      for (int level = 0; level < 3; level++) {
        launch(sample_histogram, grid, kRowBlock, 0, stream_, bins, cuts, level, maxima, logits, sampling, V);
      }
    }
    launch(sample_sums, grid, kRowBlock, 0, stream_, sums, cuts, bins, maxima, logits, sampling, V);
    launch(sample_pick, dim3(static_cast<unsigned>(n)), kRowBlock, 0, stream_, drawn, sums, cuts, maxima, slices_of(V), logits, sampling, V);
  }
  void score(const int* targets, const float* logits, int n, int V, bool entropy) {
    RowScore* scores = scores_.get<RowScore>(*this, static_cast<size_t>(n));
    launch(score_logits, dim3(static_cast<unsigned>(n)), kRowBlock, 0, stream_, scores, logits, targets, V, entropy ? 1 : 0);
  }
  /// The bfloat16 copy of `out` that its op writes beside it, for the product that reads it next.
  bf16* shadow_for(float* out, int T, int C) {
    bf16* to = shadow_.get<bf16>(*this, static_cast<size_t>(T) * static_cast<size_t>(pad(C)));
    shadow_of_ = out;
    shadow_T_ = T;
    shadow_C_ = C;
    return to;
  }
  void touched(const float* p) {
    if (p == shadow_of_) shadow_of_ = nullptr;
  }
  void* stream_handle() const {
#if defined(PR1_EMULATE)
    return nullptr;
#else
    return stream_;
#endif
  }

  bool exact_;
  bool graphs_ = true;  // decode steps are recorded
  DeviceFacts facts_;
  Stream stream_;
  Arena arena_;
  std::string isa_, why_no_products_;
  std::unique_ptr<CublasLt> products_;
  void* workspace_ = nullptr;

  uint64_t generation_ = 0;  // counts changes of what lies where: recordings of other layouts are void
  std::vector<void*> graveyard_;
  Ring ring_;
  char *ring_host_ = nullptr, *ring_device_ = nullptr, *results_ = nullptr;
  size_t results_bytes_ = 0;
  std::vector<PassBlock> pass_;
  Resident resident_;

  AttentionPlan plan_;
  KeyPlan key_plan_;
  std::list<Planned> planned_;  // of this pass

  std::list<std::unique_ptr<Recorded>> steps_;
  Recorded *capturing_ = nullptr, *latest_ = nullptr;

  Scratch operand_a_, operand_b_, heads_, dout_heads_, delta_, item_sums_, item_outs_, parts_, shadow_, scores_, drawn_,
      maxima_, sums_, cuts_, bins_, product_parts_;
  const float* shadow_of_ = nullptr;
  int shadow_T_ = 0, shadow_C_ = 0;

  bool sampled_ = false;
  const float* sampled_logits_ = nullptr;
  std::vector<int> sampled_ids_;
  std::vector<RowScore> sampled_scores_;
};

CudaOps& as_cuda(Ops* ops) { return *static_cast<CudaOps*>(ops); }

}  // namespace
}  // namespace pr1::cuda

using pr1::cuda::as_cuda;

extern "C" {

__attribute__((visibility("default"))) uint32_t pr1_cuda_abi() { return PR1_OPS_HASH; }

__attribute__((visibility("default"))) pr1::Ops* pr1_cuda_make_ops(const char* numerics, char* why, size_t why_bytes) {
  using namespace pr1::cuda;
  try {
    DeviceFacts facts;
#if defined(PR1_EMULATE)
    facts.name = "emulated on the host";
    facts.major = 0;
    facts.multiprocessors = 3;
    facts.total_bytes = static_cast<double>(emulation::memory.limit());
    const Stream stream = 0;
#else
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorInsufficientDriver) {
      // CUDA's text is the same for an old driver and for none.
      int driver = 0;
      if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
        std::snprintf(why, why_bytes, "no NVIDIA driver was found");
      } else {
        std::snprintf(why, why_bytes, "the NVIDIA driver knows CUDA up to %d.%d, and the library was built with %d.%d", driver / 1000,
                      driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
      }
      return nullptr;
    }
    if (status != cudaSuccess || count == 0) {
      std::snprintf(why, why_bytes, "%s", status == cudaSuccess ? "no GPU is visible" : cudaGetErrorString(status));
      return nullptr;
    }
    check(cudaSetDevice(0), "cudaSetDevice");
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
    if (properties.major < 8) {
      std::snprintf(why, why_bytes, "%s has compute capability %d.%d; 8.0 (Ampere) or later is needed for bfloat16",
                    properties.name, properties.major, properties.minor);
      return nullptr;
    }
    facts.name = properties.name;
    facts.major = properties.major;
    facts.minor = properties.minor;
    facts.multiprocessors = properties.multiProcessorCount;
    facts.total_bytes = static_cast<double>(properties.totalGlobalMem);
    Stream stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
#endif
    return new CudaOps(std::strcmp(numerics, "fast") != 0, facts, stream);
  } catch (const std::exception& e) {
    std::snprintf(why, why_bytes, "%s", e.what());
    return nullptr;
  }
}

__attribute__((visibility("default"))) void pr1_cuda_info(pr1::Ops* ops, pr1::cuda::LibraryInfo* info) {
  as_cuda(ops).info(*info);
}
__attribute__((visibility("default"))) void pr1_cuda_memory(pr1::Ops* ops, pr1::cuda::MemoryUse* use) {
  as_cuda(ops).memory(*use);
}
__attribute__((visibility("default"))) void pr1_cuda_measure(pr1::Ops* ops, size_t bytes, int n, pr1::cuda::Ceilings* out) {
  as_cuda(ops).measure(bytes, n, *out);
}
__attribute__((visibility("default"))) void pr1_cuda_synchronize(pr1::Ops* ops) { as_cuda(ops).wait(); }

}  // extern "C"
