// The ops that a decoder needs, one interface for every device; the model is written once over them.
//
// Activations are row-major float arrays of T rows, one a token. What a row becomes depends on that row's inputs only,
// never on T, on its place in the batch or on the number of threads: sampled and training log-probabilities are equal
// bit for bit because both go through these same functions. Sums over tokens (gradients) run in token order and start
// from what the gradient already holds, so that micro-batches give the same bits as one batch.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "moments.h"

namespace pr1 {

/// Half-open range of rows of K and V.
struct Run {
  int begin, end;
};

/// What one query sees: the first `visible` rows of its runs, in order.
struct Query {
  const Run* runs;
  int visible;
};

/// What matrix products read; sums are float32 in both. bf16: both sides rounded to bfloat16.
enum class Precision { f32, bf16 };

/// A weight (out, in) with the copies that the products read. Repacked once per update.
struct Matrix {
  int out = 0, in = 0;
  float* weight = nullptr;    // (out, in), the master; null where the panels are all there is
  float* gradient = nullptr;  // (out, in) or null
  float* forward = nullptr;   // panels of 16 outputs: (out/16, in, 16), zero padded, in the precision of the products
  float* backward = nullptr;  // panels of 16 inputs: (in/16, out, 16), zero padded; null unless training
};

/// A weight in blocks, which is read as it is, and types of numbers (blocks.h).
struct Blocks;
enum class BlockType : uint8_t;

/// What rows become in a product with weights in blocks: stay float32, or 8 bits with a scale for 32 numbers.
enum class BlockRows { fastest, float32, int8 };

/// Weight of an RMSNorm (null: no norm), what is added to it before it multiplies (0 or 1), and ε.
struct NormWeight {
  const float* w = nullptr;
  float offset = 0.0f, eps = 0.0f;
};

/// What the gate of a gated MLP goes through: x σ(x), or GELU in its tanh form, x σ(2 √(2/π) (x + 0.044715 x³)).
enum class Activation { silu, gelu };

/// Shape of attention: query head h reads key/value head h / (heads / kv_heads).
struct Heads {
  int heads, kv_heads, dim;
  float scale = 0.0f;  // of q k before the softmax; 0: 1 / sqrt(dim)
  float score_scale() const { return scale > 0.0f ? scale : 1.0f / std::sqrt(static_cast<float>(dim)); }
  int q_width() const { return heads * dim; }
  int kv_width() const { return kv_heads * dim; }
  int qkv_width() const { return q_width() + 2 * kv_width(); }
};

/// Scoring of one row of logits.
struct RowScore {
  float logprob, entropy, lse;
};

struct SamplingRow {
  float temperature;  // 0: greedy; below 0: nothing is sampled
  int top_k;          // 0: off
  float top_p;        // 1: off
  uint64_t seed;
  uint32_t stream, position;
};

struct AdamW {
  float lr, beta1, beta2, eps, weight_decay, scale;  // scale: of the gradient, for clipping
  float correction1, correction2;                    // 1 − beta^t
};

class Ops {
 public:
  virtual ~Ops() = default;
  virtual const char* isa() const = 0;
  /// Rows that the model takes through a chain of ops at a time, so that they stay in a cache; changes no result.
  virtual int row_block() const { return 1 << 30; }

  // Memory. Zeroed, 64-byte aligned; throws std::bad_alloc.
  virtual float* allocate(size_t floats) = 0;
  virtual void release(float* p) = 0;
  virtual void zero(float* p, size_t floats) = 0;

  // What a device with memory of its own overrides. Pointers to float are what `allocate` gave; all else (ids, positions,
  // slots, queries, rows, scores, sampling) lies in the host's memory on every device.

  /// Copies between the host's memory and what `allocate` gave.
  virtual void upload(float* to, const float* from, size_t floats) { std::memcpy(to, from, floats * sizeof(float)); }
  virtual void download(float* to, const float* from, size_t floats) { std::memcpy(to, from, floats * sizeof(float)); }
  /// Floats that one row of the K (or V) cache takes, in the form that cache_store writes.
  virtual size_t cache_row_floats(Heads h) const { return static_cast<size_t>(h.kv_width()); }
  /// Floats of m.forward and m.backward.
  virtual size_t forward_floats(int out, int in) const { return forward_panel_floats(out, in); }
  virtual size_t backward_floats(int out, int in) const { return backward_panel_floats(out, in); }
  /// Rows of logits that exist at a time.
  virtual int head_rows(int V) const {
    const int rows = (1 << 22) / V;
    return rows < 16 ? 16 : rows > 512 ? 512 : rows;
  }
  /// Floats that the ops of a forward and backward over so many tokens take for themselves.
  virtual double scratch_floats(double tokens, int hidden, int intermediate, int vocab, Heads h) const {
    (void)tokens, (void)hidden, (void)intermediate, (void)vocab, (void)h;
    return 0;
  }
  /// A forward or backward begins: host arrays may hold other values than before at the same address. Until the next
  /// call positions, slots and queries at one address stay as they are.
  virtual void begin_pass() {}
  /// Rows that the layers of a decode step of T tokens compute: more than T where steps of several sizes share a recording.
  /// Nobody reads what the rows from T on hold, and they leave the cache as it is.
  virtual int step_rows(int T) const { return T; }
  /// The same for a decode step of `owner`, whose layers are called with step_rows(T) rows. False: they have been queued already (a
  /// recording of an earlier step), from the embedding to the last layer's output; they are not to be called.
  virtual bool begin_step(const void* owner, Heads h, const int* ids, const int* positions, const int* slots,
                          const Query* queries, int T) {
    (void)owner, (void)h, (void)ids, (void)positions, (void)slots, (void)queries, (void)T;
    begin_pass();
    return true;
  }
  /// The last layer's output has been queued.
  virtual void end_step() {}

  /// Fills m.forward, and m.backward where it is allocated, from m.weight.
  virtual void pack(const Matrix& m) = 0;

  // Matrices without a master, on devices that fill panels from numbers of any type and read rows back. Others keep masters.
  virtual bool fills_panels() const { return false; }
  /// Rows first … first + n − 1 of m.forward, which was zeroed once, from n rows of f32, f16 or bf16 numbers in the host's memory.
  /// Called by any threads at once for rows that differ.
  virtual void fill_panels(const Matrix& m, int first, int n, const uint8_t* rows, BlockType type) {
    (void)m, (void)first, (void)n, (void)rows, (void)type;
  }
  /// out (n, in) = scale * rows `ids` of m.forward, from row `first` on.
  virtual void panel_rows(float* out, const Matrix& m, int first, const int* ids, float scale, int n) {
    (void)out, (void)m, (void)first, (void)ids, (void)scale, (void)n;
  }
  /// Whether panels hold any numbers of this type (f32, f16 or bf16) as they are.
  virtual bool panels_hold(BlockType type) const {
    (void)type;
    return false;
  }
  /// Calls body(context, task, thread) for task 0 … tasks − 1, thread below `threads`; not from within a body.
  virtual void run_tasks(int tasks, void (*body)(void* context, int task, int thread), void* context) {
    for (int task = 0; task < tasks; task++) body(context, task, 0);
  }
  virtual int threads() const { return 1; }

  static size_t forward_panel_floats(int out, int in) { return static_cast<size_t>((out + 15) / 16) * 16 * in; }
  static size_t backward_panel_floats(int out, int in) { return static_cast<size_t>((in + 15) / 16) * 16 * out; }

  /// out (T, C) = scale * table (V, C) at ids (T).
  virtual void embedding_forward(float* out, const float* table, const int* ids, float scale, int T, int C) = 0;
  /// dtable (V, C) at ids (T) += scale * dout (T, C), in token order.
  virtual void embedding_backward(float* dtable, const float* dout, const int* ids, float scale, int T, int C) = 0;

  /// out (T, C) = x / sqrt(mean(x^2) + eps) * (w + offset) + residual; eq. 4 of arXiv 1910.07467. rstd (T) = 1 / sqrt(…).
  /// rstd and residual may be null, residual may be out.
  virtual void rmsnorm_forward(float* out, float* rstd, const float* x, NormWeight w, const float* residual, int T,
                               int C) = 0;
  /// dx (T, C) += …, dw (C) += … unless null, from dy (T, C), the x and rstd of the forward.
  virtual void rmsnorm_backward(float* dx, float* dw, const float* dy, const float* x, NormWeight w, const float* rstd,
                                int T, int C) = 0;

  /// y (M, out) = x (M, in) W^T + bias + residual; the last two may be null, residual may be y.
  virtual void linear_forward(float* y, const float* x, const Matrix& w, const float* bias, const float* residual,
                              int M) = 0;
  /// dx (M, in) = dy (M, out) W
  virtual void linear_backward_input(float* dx, const float* dy, const Matrix& w, int M) = 0;
  /// w.gradient += dy^T x; dbias (out) += column sums of dy, unless null.
  virtual void linear_backward_weight(const Matrix& w, float* dbias, const float* dy, const float* x, int M) = 0;

  // What adapters beside weights that stay as they are need (model/adapter.h), on devices that take them. Others are given merged
  // weights.
  virtual bool takes_adapters() const { return false; }
  /// y (M, out), its rows `stride` floats apart, += x (M, in) W^T.
  virtual void add_forward(float* y, int stride, const float* x, const Matrix& w, int M) {
    (void)y, (void)stride, (void)x, (void)w, (void)M;
  }
  /// dx (M, in) = dy (M, out) W, or with `add` += ; rows of dy are `stride` floats apart.
  virtual void strided_backward_input(float* dx, const float* dy, int stride, const Matrix& w, bool add, int M) {
    (void)dx, (void)dy, (void)stride, (void)w, (void)add, (void)M;
  }
  /// w.gradient += dy^T x, the same dy.
  virtual void strided_backward_weight(const Matrix& w, const float* dy, int stride, const float* x, int M) {
    (void)w, (void)dy, (void)stride, (void)x, (void)M;
  }
  /// Rows first … first + n − 1 of m.backward, which was zeroed once, from n rows of W (n, in). first is even.
  virtual void fill_backward(const Matrix& m, int first, int n, const float* rows) { (void)m, (void)first, (void)n, (void)rows; }
  /// y (M, n) = scale * x, rows ldy and ldx floats apart.
  virtual void scale_columns(float* y, int ldy, const float* x, int ldx, float scale, int n, int M) {
    (void)y, (void)ldy, (void)x, (void)ldx, (void)scale, (void)n, (void)M;
  }
  /// out (M, n) = columns `ids` of y (M, stride).
  virtual void gather_columns(float* out, const float* y, int stride, const int* ids, int n, int M) {
    (void)out, (void)y, (void)stride, (void)ids, (void)n, (void)M;
  }
  /// Columns `ids` of y (M, stride) = x (M, n), or 0 where x is null; other columns are left alone.
  virtual void scatter_columns(float* y, int stride, const float* x, const int* ids, int n, int M) {
    (void)y, (void)stride, (void)x, (void)ids, (void)n, (void)M;
  }

  // Weights in blocks, on devices that have products with them. Others are given float32.
  virtual bool takes_blocks() const { return false; }
  /// Chooses for all products to come; what was chosen.
  virtual BlockRows block_rows(BlockRows asked) {
    (void)asked;
    return BlockRows::float32;
  }
  /// out (n, in) = scale * rows `ids` of w.
  virtual void blocks_rows(float* out, const Blocks& w, const int* ids, float scale, int n) {
    (void)out, (void)w, (void)ids, (void)scale, (void)n;
  }
  /// linear_forward with `count` weights of one `in`, stacked; y is as wide as all of them.
  virtual void blocks_forward(float* y, const float* x, const Blocks* parts, int count, const float* bias,
                              const float* residual, int M) {
    (void)y, (void)x, (void)parts, (void)count, (void)bias, (void)residual, (void)M;
  }

  /// out (T, qkv_width) of qkv (T, qkv_width): per head of q and k an RMSNorm where q_norm and k_norm (dim) are given, then
  /// rotation by the angles of the token's position, cos and sin (positions, dim / 2) in the half-split order of transformers. v is
  /// copied. out may be qkv.
  virtual void rope_forward(float* out, const float* qkv, NormWeight q_norm, NormWeight k_norm, const float* cos,
                            const float* sin, const int* positions, int T, Heads h) = 0;
  /// dqkv (T, qkv_width) = … from dout and the forward's qkv; dq_norm and dk_norm (dim) += … unless null. dqkv may be dout.
  virtual void rope_backward(float* dqkv, float* dq_norm, float* dk_norm, const float* dout, const float* qkv,
                             NormWeight q_norm, NormWeight k_norm, const float* cos, const float* sin,
                             const int* positions, int T, Heads h) = 0;

  /// Copies the k and v parts of qkv rows to the `slots` of the cache, whose layout is the device's own: kv_width floats
  /// a slot for keys and as many for values, slots in whole pages of 16.
  virtual void cache_store(float* k_cache, float* v_cache, const float* qkv, const int* slots, int T, Heads h) = 0;

  /// out (T, heads * dim): softmax(q k scale) v over what each query sees; lse (T, heads) may be null.
  /// Rows of q have stride q_stride, of k and v kv_stride.
  virtual void attention_forward(float* out, float* lse, const float* q, int q_stride, const float* k, const float* v,
                                 int kv_stride, const Query* queries, int T, Heads h) = 0;
  /// The same, bit for bit, over the slots of a cache that cache_store filled.
  virtual void attention_cached(float* out, const float* q, int q_stride, const float* k_cache, const float* v_cache,
                                const Query* queries, int T, Heads h) {
    attention_forward(out, nullptr, q, q_stride, k_cache, v_cache, h.kv_width(), queries, T, h);
  }
  /// rope_forward of qkv, cache_store of what it gives, attention_cached: the three in one, with their bits. `rotated` is work space for
  /// the first one's result, may be qkv, and holds nothing that is read afterwards.
  virtual void attention_step(float* out, float* rotated, const float* qkv, NormWeight q_norm, NormWeight k_norm, const float* cos,
                              const float* sin, const int* positions, const int* slots, float* k_cache, float* v_cache,
                              const Query* queries, int T, Heads h) {
    rope_forward(rotated, qkv, q_norm, k_norm, cos, sin, positions, T, h);
    cache_store(k_cache, v_cache, rotated, slots, T, h);
    attention_cached(out, rotated, h.qkv_width(), k_cache, v_cache, queries, T, h);
  }
  /// dqkv (T, qkv_width) = …; all of it is written. bounds (sequences + 1): runs never leave their sequence.
  virtual void attention_backward(float* dqkv, const float* dout, const float* out, const float* lse, const float* qkv,
                                  const Query* queries, const int* bounds, int sequences, int T, Heads h) = 0;
  /// Whether `attention_backward_rows` is there, and so whether a model may leave out rows that nobody asks for.
  virtual bool picks_rows() const { return false; }
  /// Tokens that a weight gradient adds in one go, counted from the first of a call: where a group of so many is 0, the others have the
  /// same bits without it.
  virtual int token_group() const { return 1; }
  /// attention_backward where only n tokens, `rows`, have a gradient: dout (n, heads * dim) is theirs, out and lse of the i-th are row
  /// at[i]. The bits are those of a dout that is 0 elsewhere.
  virtual void attention_backward_rows(float* dqkv, const float* dout, const float* out, const float* lse, const float* qkv,
                                       const Query* queries, const int* bounds, int sequences, const int* rows, const int* at, int n,
                                       Heads h) {
    (void)dqkv, (void)dout, (void)out, (void)lse, (void)qkv, (void)queries, (void)bounds, (void)sequences, (void)rows, (void)at, (void)n, (void)h;
  }

  /// act (T, F) = activation(gate) * up of gate_up (T, 2F).
  virtual void gated_forward(float* act, const float* gate_up, Activation activation, int T, int F) = 0;
  /// dgate_up (T, 2F) = … from dact (T, F) and the forward's gate_up.
  virtual void gated_backward(float* dgate_up, const float* dact, const float* gate_up, Activation activation, int T,
                              int F) = 0;
  /// gated_backward and, from the same exponentials, gated_forward; act may be dact.
  virtual void gated_backward_recompute(float* dgate_up, float* act, const float* dact, const float* gate_up,
                                        Activation activation, int T, int F) {
    gated_backward(dgate_up, dact, gate_up, activation, T, F);
    gated_forward(act, gate_up, activation, T, F);
  }

  virtual void gather_rows(float* out, const float* x, const int* rows, int n, int C) = 0;
  /// out row rows[i] = x row i; other rows are left alone.
  virtual void scatter_rows(float* out, const float* x, const int* rows, int n, int C) = 0;

  /// Divides by the temperature and sets the row's excluded ids to −infinity, in place. A row that holds a number which is
  /// not finite becomes NaN at id 0: nothing is drawn from it, and its scores are NaN.
  virtual void prepare_logits(float* logits, int n, int V, const float* temperatures, const int* const* excluded,
                              const int* excluded_counts) = 0;
  /// Log-softmax of prepared logits at `targets`; entropies only if asked for.
  virtual void score_rows(RowScore* scores, const float* logits, const int* targets, int n, int V, bool entropy) = 0;
  /// Prepared logits become dLoss/dlogits: (weight * (1[v = target] − p(v)) − entropy weight * p(v) * (log p(v) + entropy)) / temperature.
  /// `entropy_weights` (n), dLoss/dEntropy, may be null; `entropies` (n) are what score_rows gave.
  virtual void logprob_backward(float* logits, const float* lse, const int* targets, const float* weights,
                                const float* entropy_weights, const float* entropies, float temperature, int n, int V) = 0;
  /// Draws ids from prepared logits; −1 where nothing is sampled or a row is not finite. Counter-based: (seed, stream, position) → draw.
  virtual void sample_rows(int* ids, float* logits, const SamplingRow* rows, int n, int V) = 0;

  /// Sum of squares in double, in a fixed order.
  virtual double sum_squares(const float* x, size_t n) = 0;
  /// Decoupled weight decay, arXiv 1711.05101, in the order of operations of torch.optim.AdamW; clears the gradient.
  virtual void adamw_step(float* weight, float* gradient, float* m, float* v, size_t n, const AdamW& options) = 0;
  /// Whether `adamw_step_packed` is there.
  virtual bool packs_moments() const { return false; }
  /// The same with moments in fewer bits; update: counted from 1, for their rounding.
  virtual void adamw_step_packed(float* weight, float* gradient, const PackedMoments& m, size_t n, const AdamW& options, uint64_t update) {
    (void)weight, (void)gradient, (void)m, (void)n, (void)options, (void)update;
  }
};

class ThreadPool;

/// The instruction sets of this CPU, the widest first, then null: some of "amx-bf16", "amx-int8", "avx512-bf16", "avx512", "avx-vnni",
/// "avx2", "neon", "portable".
const char* const* available_isas();

/// The fastest of them in a precision, where rows beside weights in blocks become `rows`.
const char* best_isa(Precision precision, BlockRows rows = BlockRows::float32);

/// Why matrix units that the CPU has cannot be used, else "".
const char* amx_refused();

/// Ops of the one named, or of the fastest; null with `why` set where the one named is unknown or absent. amx-bf16, amx-int8 and
/// avx512-bf16 are avx512 with instructions for products of bfloat16 or of 8-bit rows, so float32 leaves them alone. avx-vnni is avx2
/// with such for 8-bit rows. amx-bf16 multiplies 8-bit rows, too, as amx-int8 does: with the bits of avx512. Where the units are
/// missing, amx-bf16 is computed in software with the same bits; "amx-bf16:avx2" and the like do so with that set.
Ops* make_cpu_ops(const char* isa, ThreadPool& pool, const char** why, Precision precision = Precision::f32);

}  // namespace pr1
