// The CPU ops: which rows go to which thread. The arithmetic is in the headers below. Included once by each
// cpu/isa_*.cpp inside its namespace, with the instruction set chosen by a PR1_SIMD_ macro.

#include "simd.h"
#include "gemm.h"
#include "tiles.h"
#include "rows.h"
#include "memory.h"
#include "blocks.h"
#include "norm.h"
#include "gated.h"
#include "attention.h"
#include "head.h"

class CpuOps final : public Ops {
 public:
  CpuOps(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes)
      : pool_(pool), isa_(isa), precision_(precision), tiles_(precision == Precision::bf16 && products != Products::chains),
        units_(products == Products::tiles), bytes_(bytes), local_(new Scratch[pool.threads()]) {}
  ~CpuOps() override { delete[] local_; }
  const char* isa() const override { return isa_; }
  int row_block() const override { return 256; }

  float* allocate(size_t floats) override { return zeroed_floats(floats); }
  void release(float* p) override { release_floats(p); }
  void zero(float* p, size_t floats) override { std::memset(p, 0, floats * sizeof(float)); }

  size_t forward_floats(int out, int in) const override {
    const size_t outs = static_cast<size_t>((out + 15) / 16) * 16;
    return outs * static_cast<size_t>(steps(in));
  }
  size_t backward_floats(int out, int in) const override {
    const size_t ins = static_cast<size_t>((in + 15) / 16) * 16;
    return ins * static_cast<size_t>(steps(out));
  }

  double scratch_floats(double tokens, int hidden, int intermediate, int vocab, Heads h) const override {
    // Panels of x for a weight gradient; rows in bfloat16; keys, values and their gradients of a sequence, one a thread.
    const double widest = intermediate > h.q_width() ? intermediate : h.q_width();
    const double rounded = precision_ == Precision::bf16 ? 0.5 * (static_cast<double>(head_rows(vocab)) * vocab) : 0.0;
    return (widest > hidden ? widest : hidden) * 256.0 + rounded + pool_.threads() * tokens * (4.0 * h.dim + 32.0);
  }

  void pack(const Matrix& m) override {
    const int out_panels = (m.out + 15) / 16, in_panels = m.backward ? (m.in + 15) / 16 : 0;
    pool_.parallel(out_panels + in_panels, [&](int task, int) {
      const bool forward = task < out_panels;
      const int p = forward ? task : task - out_panels;
      if (precision_ == Precision::bf16) {
        if (forward) {
          pack_rows(reinterpret_cast<uint32_t*>(m.forward), m.weight, m.out, m.in, steps(m.in), p);
        } else {
          pack_columns(reinterpret_cast<uint32_t*>(m.backward), m.weight, m.in, m.out, m.in, steps(m.out), p);
        }
      } else if (!forward) {
        pack_columns(m.backward, m.weight, m.in, m.out, m.in, p);
      } else {
        pack_rows(m.forward, m.weight, m.out, m.in, p);
      }
    });
  }

  bool fills_panels() const override { return true; }
  int threads() const override { return pool_.threads(); }
  void run_tasks(int tasks, void (*body)(void*, int, int), void* context) override { pool_.run(tasks, body, context); }
  bool panels_hold(BlockType type) const override { return precision_ == Precision::f32 || type == BlockType::bf16; }

  void fill_panels(const Matrix& m, int first, int n, const uint8_t* rows, BlockType type) override {
    if (precision_ == Precision::bf16) {
      pack_numbers(reinterpret_cast<uint32_t*>(m.forward), m.in, steps(m.in), first, n, rows, type);
    } else {
      pack_numbers(m.forward, m.in, m.in, first, n, rows, type);
    }
  }

  void panel_rows(float* out, const Matrix& m, int first, const int* ids, float scale, int n) override {
    rows(n, m.in * 16, [&](int t) {
      const size_t row = static_cast<size_t>(first) + ids[t], panel = row / 16 * 16 * static_cast<size_t>(steps(m.in)) + row % 16;
      float* to = out + static_cast<size_t>(t) * m.in;
      if (precision_ == Precision::bf16) {
        unpack_numbers(to, reinterpret_cast<const uint32_t*>(m.forward) + panel, m.in);
      } else {
        unpack_numbers(to, m.forward + panel, m.in);
      }
      for (int c = 0; scale != 1.0f && c < m.in; c++) to[c] *= scale;
    });
  }

  void embedding_forward(float* out, const float* table, const int* ids, float scale, int T, int C) override {
    for (int t = 0; t < T; t++) {
      float* to = out + static_cast<size_t>(t) * C;
      std::memcpy(to, table + static_cast<size_t>(ids[t]) * C, sizeof(float) * C);
      if (scale != 1.0f) {
        for (int c = 0; c < C; c++) to[c] *= scale;
      }
    }
  }

  void embedding_backward(float* dtable, const float* dout, const int* ids, float scale, int T, int C) override {
    columns(C, [&](int c0, int n) {
      for (int t = 0; t < T; t++) {
        float* to = dtable + static_cast<size_t>(ids[t]) * C + c0;
        const float* from = dout + static_cast<size_t>(t) * C + c0;
        if (scale == 1.0f) {
          add_into(to, from, n);
        } else {
          for (int c = 0; c < n; c++) to[c] += scale * from[c];
        }
      }
    });
  }

  void rmsnorm_forward(float* out, float* rstd, const float* x, NormWeight w, const float* residual, int T,
                       int C) override {
    rows(T, C, [&](int t) {
      const size_t at = static_cast<size_t>(t) * C;
      float r = rmsnorm_row(out + at, x + at, w, residual ? residual + at : nullptr, C);
      if (rstd) rstd[t] = r;
    });
  }

  void rmsnorm_backward(float* dx, float* dw, const float* dy, const float* x, NormWeight w, const float* rstd, int T,
                        int C) override {
    if (dw) {
      columns(C, [&](int c0, int n) {
        V acc = load_partial(dw + c0, n, 0.0f);
        for (int t = 0; t < T; t++) {
          const size_t at = static_cast<size_t>(t) * C + c0;
          acc = fma(mul(load_up_to(dy + at, n), load_up_to(x + at, n)), set1(rstd[t]), acc);
        }
        store_partial(dw + c0, acc, n);
      });
    }
    rows(T, C, [&](int t) {
      const size_t at = static_cast<size_t>(t) * C;
      rmsnorm_row_backward(dx + at, dy + at, x + at, w, rstd[t], C, true);
    });
  }

  void linear_forward(float* y, const float* x, const Matrix& w, const float* bias, const float* residual,
                      int M) override {
    product(y, w.out, x, w.in, w.forward, w.out, w.in, bias, residual, M);
  }

  void linear_backward_input(float* dx, const float* dy, const Matrix& w, int M) override {
    product(dx, w.in, dy, w.out, w.backward, w.in, w.out, nullptr, nullptr, M);
  }

  void linear_backward_weight(const Matrix& w, float* dbias, const float* dy, const float* x, int M) override {
    strided_backward_weight(w, dy, w.out, x, M);
    if (dbias) {
      columns(w.out, [&](int c0, int n) {
        for (int t = 0; t < M; t++) add_into(dbias + c0, dy + static_cast<size_t>(t) * w.out + c0, n);
      });
    }
  }

  bool takes_adapters() const override { return true; }

  void add_forward(float* y, int stride, const float* x, const Matrix& w, int M) override {
    product(y, stride, x, w.in, w.forward, w.out, w.in, nullptr, y, M);
  }

  void strided_backward_input(float* dx, const float* dy, int stride, const Matrix& w, bool add, int M) override {
    product(dx, w.in, dy, stride, w.backward, w.in, w.out, nullptr, add ? dx : nullptr, M);
  }

  void strided_backward_weight(const Matrix& w, const float* dy, int stride, const float* x, int M) override {
    if (tiles_) {
      tile_weight_gradient(w, dy, stride, x, M);
    } else if (precision_ == Precision::bf16) {
      weight_gradient<Bf16>(w, dy, stride, x, M);
    } else {
      weight_gradient<F32>(w, dy, stride, x, M);
    }
  }

  void fill_backward(const Matrix& m, int first, int n, const float* from) override {
    pool_.parallel((m.in + 15) / 16, [&](int p, int) {
      if (precision_ == Precision::bf16) {
        fill_columns(reinterpret_cast<uint32_t*>(m.backward), from, n, m.in, steps(m.out), first, p);
      } else {
        fill_columns(m.backward, from, n, m.in, m.out, first, p);
      }
    });
  }

  void scale_columns(float* y, int ldy, const float* x, int ldx, float scale, int n, int M) override {
    for (int m = 0; m < M; m++) {
      float* to = y + static_cast<size_t>(m) * ldy;
      const float* from = x + static_cast<size_t>(m) * ldx;
      for (int i = 0; i < n; i++) to[i] = scale * from[i];
    }
  }

  void gather_columns(float* out, const float* y, int stride, const int* ids, int n, int M) override {
    for (int m = 0; m < M; m++) {
      const float* row = y + static_cast<size_t>(m) * stride;
      for (int i = 0; i < n; i++) out[static_cast<size_t>(m) * n + i] = row[ids[i]];
    }
  }

  void scatter_columns(float* y, int stride, const float* x, const int* ids, int n, int M) override {
    for (int m = 0; m < M; m++) {
      float* row = y + static_cast<size_t>(m) * stride;
      for (int i = 0; i < n; i++) row[ids[i]] = x ? x[static_cast<size_t>(m) * n + i] : 0.0f;
    }
  }

  bool takes_blocks() const override { return true; }

  BlockRows block_rows(BlockRows asked) override {
    byte_rows_ = asked == BlockRows::int8 || (asked == BlockRows::fastest && bytes_.fast);
    return byte_rows_ ? BlockRows::int8 : BlockRows::float32;
  }

  void blocks_rows(float* out, const Blocks& w, const int* ids, float scale, int n) override {
    rows(n, w.in * 16, [&](int t) {
      unpack_row(out + static_cast<size_t>(t) * w.in, w, ids[t]);
      for (int c = 0; scale != 1.0f && c < w.in; c++) out[static_cast<size_t>(t) * w.in + c] *= scale;
    });
  }

  void blocks_forward(float* y, const float* x, const Blocks* parts, int count, const float* bias, const float* residual,
                      int M) override {
    int out = 0;
    for (int i = 0; i < count; i++) out += parts[i].out;
    IntegerRows rounded{};
    bool integers = false;
    for (int i = 0; i < count && byte_rows_; i++) {
      IntegerType type;
      integers |= integer_type(parts[i].type, type);
    }
    if (integers) rounded = bytes_of(x, parts[0].in, M);
    const bool units = integers && bytes_.units && M >= IntegerRows::kTileRows;
    IntegerProduct* multiply = units ? amx_integer_panel : bytes_.product;
    block_product(pool_, local_, {parts, count, x, y, out, bias, residual, integers ? &rounded : nullptr, multiply, units}, M);
  }

  void rope_forward(float* out, const float* qkv, NormWeight q_norm, NormWeight k_norm, const float* cos,
                    const float* sin, const int* positions, int T, Heads h) override {
    const int width = h.qkv_width(), half = h.dim / 2;
    rows(T, width, [&](int t) {
      const float* from = qkv + static_cast<size_t>(t) * width;
      float* to = out + static_cast<size_t>(t) * width;
      const float* c = cos + static_cast<size_t>(positions[t]) * half;
      const float* s = sin + static_cast<size_t>(positions[t]) * half;
      for (int head = 0; head < h.heads + h.kv_heads; head++) {
        const NormWeight norm = head < h.heads ? q_norm : k_norm;
        const float* x = from + head * h.dim;
        float* y = to + head * h.dim;
        if (norm.w) {
          rmsnorm_row(y, x, norm, nullptr, h.dim);
        } else if (y != x) {
          std::memcpy(y, x, sizeof(float) * h.dim);
        }
        rotate(y, c, s, half);
      }
      const int v = h.q_width() + h.kv_width();
      if (to != from) std::memcpy(to + v, from + v, sizeof(float) * h.kv_width());
    });
  }

  void rope_backward(float* dqkv, float* dq_norm, float* dk_norm, const float* dout, const float* qkv,
                     NormWeight q_norm, NormWeight k_norm, const float* cos, const float* sin, const int* positions,
                     int T, Heads h) override {
    const int width = h.qkv_width(), half = h.dim / 2;
    // The rotated-back gradients first; they are what the norms' weights need, too.
    rows(T, width, [&](int t) {
      const size_t at = static_cast<size_t>(t) * width;
      const float* c = cos + static_cast<size_t>(positions[t]) * half;
      const float* s = sin + static_cast<size_t>(positions[t]) * half;
      if (dqkv != dout) std::memcpy(dqkv + at, dout + at, sizeof(float) * width);
      for (int head = 0; head < h.heads + h.kv_heads; head++) rotate<true>(dqkv + at + head * h.dim, c, s, half);
    });
    if (!q_norm.w && !k_norm.w) return;
    for (int part = 0; part < 2; part++) {
      float* dnorm = part == 0 ? dq_norm : dk_norm;
      const NormWeight norm = part == 0 ? q_norm : k_norm;
      const int first = part == 0 ? 0 : h.heads, count = part == 0 ? h.heads : h.kv_heads;
      float* rstd = shared_.get(static_cast<size_t>(T) * count);
      rows(T, count * h.dim, [&](int t) {
        for (int i = 0; i < count; i++) {
          const float* x = qkv + static_cast<size_t>(t) * width + (first + i) * h.dim;
          rstd[static_cast<size_t>(t) * count + i] =
              1.0f / std::sqrt(dot(x, x, h.dim) / static_cast<float>(h.dim) + norm.eps);
        }
      });
      if (dnorm) {
        columns(h.dim, [&](int c0, int n) {
          V acc = load_partial(dnorm + c0, n, 0.0f);
          for (int t = 0; t < T; t++) {
            for (int i = 0; i < count; i++) {
              const size_t at = static_cast<size_t>(t) * width + (first + i) * h.dim + c0;
              V g = n == 16 ? mul(load(dqkv + at), load(qkv + at))
                            : mul(load_partial(dqkv + at, n, 0.0f), load_partial(qkv + at, n, 0.0f));
              acc = fma(g, set1(rstd[static_cast<size_t>(t) * count + i]), acc);
            }
          }
          store_partial(dnorm + c0, acc, n);
        });
      }
      rows(T, count * h.dim, [&](int t) {
        for (int i = 0; i < count; i++) {
          const size_t at = static_cast<size_t>(t) * width + (first + i) * h.dim;
          rmsnorm_row_backward(dqkv + at, dqkv + at, qkv + at, norm, rstd[static_cast<size_t>(t) * count + i], h.dim,
                               false);
        }
      });
    }
  }

  void cache_store(float* k_cache, float* v_cache, const float* qkv, const int* slots, int T, Heads h) override {
    const size_t kv = h.kv_width(), width = h.qkv_width();
    rows(T, static_cast<int>(kv) * 8, [&](int t) {
      const float* k = qkv + t * width + h.q_width();
      float* page = k_cache + static_cast<size_t>(slots[t] / kLanes) * kLanes * kv + slots[t] % kLanes;
      for (size_t i = 0; i < kv; i++) page[i * kLanes] = k[i];
      float* v = v_cache + static_cast<size_t>(slots[t] / kLanes) * kLanes * kv + slots[t] % kLanes * h.dim;
      for (int head = 0; head < h.kv_heads; head++) {
        copy_floats(v + static_cast<size_t>(head) * kLanes * h.dim, k + kv + head * h.dim, h.dim);
      }
    });
  }

  void attention_forward(float* out, float* lse, const float* q, int q_stride, const float* k, const float* v,
                         int kv_stride, const Query* queries, int T, Heads h) override {
    QueryChunk* chunks = reinterpret_cast<QueryChunk*>(shared_.get(sizeof(QueryChunk) / sizeof(float) * T));
    const int n = chunk_queries(chunks, queries, T, kChunk, true);
    pool_.parallel(n * h.kv_heads, [&](int task, int thread) {
      const QueryChunk& c = chunks[task / h.kv_heads];
      const int kv = task % h.kv_heads;
      attention_chunk(out, lse, q, q_stride, queries, c, kv, h, thread, [&](float* kc, float* vc) {
        auto copy = [&](int row, int at) {
          const size_t from = static_cast<size_t>(row) * kv_stride + static_cast<size_t>(kv) * h.dim;
          copy_floats(kc + static_cast<size_t>(at) * h.dim, k + from, h.dim);
          copy_floats(vc + static_cast<size_t>(at) * h.dim, v + from, h.dim);
        };
        if (!c.list) {
          for (int i = 0; i < c.keys; i++) copy(c.low + i, i);
        } else {
          for_runs({queries[c.first].runs, c.keys}, [&](int begin, int end, int at) {
            for (int row = begin; row < end; row++) copy(row, at + row - begin);
          });
        }
      });
    });
  }

  void attention_cached(float* out, const float* q, int q_stride, const float* k_cache, const float* v_cache,
                        const Query* queries, int T, Heads h) override {
    const int group = h.heads / h.kv_heads, dim = h.dim;
    const size_t page_floats = static_cast<size_t>(h.kv_width()) * kLanes;
    const float scale = h.score_scale();
    QueryChunk* chunks = reinterpret_cast<QueryChunk*>(shared_.get(sizeof(QueryChunk) / sizeof(float) * T));
    const int n = join_prefixes(chunks, chunk_queries(chunks, queries, T, kChunk, false), queries, kForked);
    pool_.parallel(n * h.kv_heads, [&](int task, int thread) {
      const QueryChunk& c = chunks[task / h.kv_heads];
      const int kv = task % h.kv_heads;
      const float* k_head = k_cache + static_cast<size_t>(kv) * dim * kLanes;
      const float* v_head = v_cache + static_cast<size_t>(kv) * dim * kLanes;
      if (c.shared < 0) {
        attention_chunk(out, nullptr, q, q_stride, queries, c, kv, h, thread, [&](float* kc, float* vc) {
          for_runs({queries[c.first].runs, c.keys}, [&](int begin, int end, int at) {
            for (int slot = begin; slot < end; slot++, at++) {
              const size_t page = static_cast<size_t>(slot / kLanes) * page_floats;
              const float* key = k_head + page + slot % kLanes;
              for (int d = 0; d < dim; d++) kc[static_cast<size_t>(at) * dim + d] = key[d * kLanes];
              copy_floats(vc + static_cast<size_t>(at) * dim, v_head + page + slot % kLanes * dim, dim);
            }
          });
        });
        return;
      }
      size_t stride = 0;
      for (int t = c.first; t < c.first + c.count; t++) {
        if (static_cast<size_t>(queries[t].visible) > stride) stride = queries[t].visible;
      }
      stride += 48;
      const size_t width = static_cast<size_t>(group) * dim, rows = static_cast<size_t>(c.count) * group;
      const size_t at = static_cast<size_t>(kv) * width;
      float* scores = local_[thread].get(rows * (stride + 2 * static_cast<size_t>(dim) + 1));
      float *sums = scores + rows * stride, *from = sums + rows, *to = from + rows * dim;
      for (int i = 0; i < c.count; i++) {
        copy_floats(from + i * width, q + static_cast<size_t>(c.first + i) * q_stride + at, static_cast<int>(width));
      }
      attention_tokens(to, sums, from, k_head, v_head, page_floats, queries + c.first, c.count, group, c.shared, dim, scale,
                       scores, stride);
      for (int i = 0; i < c.count; i++) {
        copy_floats(out + static_cast<size_t>(c.first + i) * h.q_width() + at, to + i * width, static_cast<int>(width));
      }
    });
  }

  void attention_backward(float* dqkv, const float* dout, const float* out, const float* lse, const float* qkv,
                          const Query* queries, const int* bounds, int sequences, int T, Heads h) override {
    (void)T;
    const size_t width = h.qkv_width(), stride = h.q_width(), heads = h.heads;
    attention_backward_blocks(dqkv, qkv, queries, bounds, sequences, h, [&](int t0, int begin, int end, const BlockBackward& w) {
      const size_t t = static_cast<size_t>(t0) + begin;
      QueryBlock block{queries + t, end - begin, t0, false, nullptr, 0, 0};
      block.find(w.spans);
      for (size_t head = w.head; head < w.head + w.group; head++) {
        const size_t at = head * h.dim;
        attention_block_backward(dqkv + t * width + at, width, {dout + t * stride + at, stride}, {out + t * stride + at, stride},
                                 {lse + t * heads + head, heads}, {qkv + t * width + at, width}, block, h.dim, h.score_scale(), w.scratch);
      }
    });
  }

  bool picks_rows() const override { return true; }
  int token_group() const override { return precision_ == Precision::f32 ? 1 : tiles_ ? 32 : 2; }

  void attention_backward_rows(float* dqkv, const float* dout, const float* out, const float* lse, const float* qkv,
                               const Query* queries, const int* bounds, int sequences, const int* rows, const int* at, int n,
                               Heads h) override {
    const int dim = h.dim;
    const size_t width = h.qkv_width(), stride = h.q_width(), heads = h.heads;
    // Blocks are those of all tokens: the heads of a group add to keys and values block by block.
    attention_backward_blocks(dqkv, qkv, queries, bounds, sequences, h, [&](int t0, int begin, int end, const BlockBackward& w) {
      for (int t = begin; t < end; t++) {
        std::memset(dqkv + static_cast<size_t>(t0 + t) * width + w.head * dim, 0, sizeof(float) * w.group * dim);
      }
      const int first = first_from(rows, n, t0 + begin);
      int count = 0;
      Query picked[kLanes];
      for (; first + count < n && rows[first + count] < t0 + end; count++) picked[count] = queries[rows[first + count]];
      if (count == 0) return;
      QueryBlock block{picked, count, t0, false, nullptr, 0, 0};
      block.find(w.spans);
      float *q = w.rows, *o = q + kLanes * dim, *dq = o + kLanes * dim, lses[kLanes];
      for (size_t head = w.head; head < w.head + w.group; head++) {
        for (int i = 0; i < count; i++) {
          const size_t row = rows[first + i], saved = at[first + i];
          copy_floats(q + i * dim, qkv + row * width + head * dim, dim);
          copy_floats(o + i * dim, out + saved * stride + head * dim, dim);
          lses[i] = lse[saved * heads + head];
        }
        const size_t d = dim;
        attention_block_backward(dq, d, {dout + first * stride + head * d, stride}, {o, d}, {lses, 1}, {q, d}, block, dim,
                                 h.score_scale(), w.scratch);
        for (int i = 0; i < count; i++) copy_floats(dqkv + rows[first + i] * width + head * d, dq + i * d, dim);
      }
    });
  }

  void gated_forward(float* act, const float* gate_up, Activation activation, int T, int F) override {
    rows(T, F, [&](int t) {
      const float* from = gate_up + static_cast<size_t>(t) * 2 * F;
      float* to = act + static_cast<size_t>(t) * F;
      if (activation == Activation::silu) {
        gated_row<Activation::silu>(to, from, F);
      } else {
        gated_row<Activation::gelu>(to, from, F);
      }
    });
  }

  void gated_backward(float* dgate_up, const float* dact, const float* gate_up, Activation activation, int T,
                      int F) override {
    gated_backward_recompute(dgate_up, nullptr, dact, gate_up, activation, T, F);
  }

  void gated_backward_recompute(float* dgate_up, float* act, const float* dact, const float* gate_up,
                                Activation activation, int T, int F) override {
    rows(T, F, [&](int t) {
      const size_t at = static_cast<size_t>(t) * F;
      float* to = act ? act + at : nullptr;
      if (activation == Activation::silu) {
        gated_row_backward<Activation::silu>(dgate_up + 2 * at, to, dact + at, gate_up + 2 * at, F);
      } else {
        gated_row_backward<Activation::gelu>(dgate_up + 2 * at, to, dact + at, gate_up + 2 * at, F);
      }
    });
  }

  void gather_rows(float* out, const float* x, const int* index, int n, int C) override {
    rows(n, C, [&](int i) { std::memcpy(out + static_cast<size_t>(i) * C, x + static_cast<size_t>(index[i]) * C, sizeof(float) * C); });
  }

  void scatter_rows(float* out, const float* x, const int* index, int n, int C) override {
    rows(n, C, [&](int i) { std::memcpy(out + static_cast<size_t>(index[i]) * C, x + static_cast<size_t>(i) * C, sizeof(float) * C); });
  }

  void prepare_logits(float* logits, int n, int V_, const float* temperatures, const int* const* excluded,
                      const int* excluded_counts) override {
    rows(n, V_, [&](int r) {
      float* row = logits + static_cast<size_t>(r) * V_;
      const float temperature = temperatures[r];
      const bool finite = temperature > 0.0f && temperature != 1.0f ? scale_row(row, 1.0f / temperature, V_) : finite_row(row, V_);
      for (int i = 0; i < excluded_counts[r]; i++) row[excluded[r][i]] = -INFINITY;
      if (!finite) row[0] = NAN;
    });
  }

  void score_rows(RowScore* scores, const float* logits, const int* targets, int n, int V_, bool entropy) override {
    rows(n, V_, [&](int r) { scores[r] = score_row(logits + static_cast<size_t>(r) * V_, targets[r], V_, entropy); });
  }

  void logprob_backward(float* logits, const float* lse, const int* targets, const float* weights, const float* entropy_weights,
                        const float* entropies, float temperature, int n, int V_) override {
    rows(n, V_, [&](int r) {
      float* row = logits + static_cast<size_t>(r) * V_;
      if (entropy_weights && entropy_weights[r] != 0.0f) {
        entropy_row_backward(row, lse[r], targets[r], weights[r], entropy_weights[r], entropies[r], temperature, V_);
      } else {
        logprob_row_backward(row, lse[r], targets[r], weights[r], temperature, V_);
      }
    });
  }

  void sample_rows(int* ids, float* logits, const SamplingRow* sampling, int n, int V_) override {
    pool_.parallel(n, [&](int r, int thread) {
      ids[r] = sampling[r].temperature < 0.0f
                   ? -1
                   : sample_row(logits + static_cast<size_t>(r) * V_, sampling[r], V_,
                                local_[thread].get(2 * static_cast<size_t>(V_)));
    });
  }

  double sum_squares(const float* x, size_t n) override {
    const size_t chunk = 1 << 14;
    const int chunks = static_cast<int>((n + chunk - 1) / chunk);
    double* part = reinterpret_cast<double*>(shared_.get(static_cast<size_t>(chunks) * 2));
    pool_.parallel(chunks, [&](int task, int) {
      const size_t i0 = task * chunk, i1 = i0 + chunk < n ? i0 + chunk : n;
      double sum = 0.0;
      for (size_t i = i0; i < i1; i++) sum += static_cast<double>(x[i]) * x[i];
      part[task] = sum;
    });
    double sum = 0.0;
    for (int i = 0; i < chunks; i++) sum += part[i];
    return sum;
  }

  void adamw_step(float* weight, float* gradient, float* m, float* v, size_t n, const AdamW& o) override {
    in_chunks(n, [&](size_t at, size_t count, int) { adamw_elements(weight + at, gradient + at, m + at, v + at, count, o); });
  }

  bool packs_moments() const override { return true; }
  void adamw_step_packed(float* weight, float* gradient, const PackedMoments& p, size_t n, const AdamW& o, uint64_t update) override {
    in_chunks(n, [&](size_t at, size_t count, int thread) {
      float* m = local_[thread].get(2 * kUpdateChunk);
      float* v = m + kUpdateChunk;
      decode_moment(m, p.type, p.first, at, count);
      decode_moment(v, p.type, p.second, at, count);
      adamw_elements(weight + at, gradient + at, m, v, count, o);
      encode_moment(p.type, p.first, at, m, count, update);
      encode_moment(p.type, p.second, at, v, count, update);
    });
  }

 private:
  /// Weights of an update that a thread takes at a time: whole blocks of moments.
  static constexpr size_t kUpdateChunk = 1 << 14;
  static_assert(kUpdateChunk % kMomentBlock == 0);

  /// f(first, count, thread) for chunks of n numbers.
  template <class F>
  void in_chunks(size_t n, F&& f) {
    pool_.parallel(static_cast<int>((n + kUpdateChunk - 1) / kUpdateChunk), [&](int task, int thread) {
      const size_t at = static_cast<size_t>(task) * kUpdateChunk;
      f(at, n - at < kUpdateChunk ? n - at : kUpdateChunk, thread);
    });
  }

  static void adamw_elements(float* weight, float* gradient, float* m, float* v, size_t n, const AdamW& o) {
    const V decay = set1(1.0f - o.lr * o.weight_decay), b1 = set1(o.beta1), b2 = set1(o.beta2);
    const V c1 = set1(1.0f - o.beta1), c2 = set1(1.0f - o.beta2), scale = set1(o.scale), eps = set1(o.eps);
    const V step = set1(-o.lr / o.correction1), root = set1(1.0f / std::sqrt(o.correction2)), none = set1(0.0f);
    for (size_t i = 0; i < n; i += 16) {
      const int left = n - i < 16 ? static_cast<int>(n - i) : 16;
      auto get = [&](const float* p) { return left == 16 ? load(p + i) : load_partial(p + i, left, 0.0f); };
      auto put = [&](float* p, V x) {
        if (left == 16) {
          store(p + i, x);
        } else {
          store_partial(p + i, x, left);
        }
      };
      V g = mul(get(gradient), scale);
      V m1 = fma(get(m), b1, mul(g, c1));
      V v1 = fma(get(v), b2, mul(mul(g, g), c2));
      V w = mul(get(weight), decay);
      put(weight, fma(step, div(m1, add(mul(vsqrt(v1), root), eps)), w));
      put(m, m1);
      put(v, v1);
      put(gradient, none);
    }
  }

  /// Queries of a chunk at most: enough to pay for gathering its keys.
  static constexpr int kChunk = 64;
  /// Queries that share a prefix and are computed together at most.
  static constexpr int kForked = 8;

  /// All query heads of one key/value head over a chunk; fill(k, v) gathers its keys and values, (keys, dim) each.
  template <class F>
  void attention_chunk(float* out, float* lse, const float* q, size_t q_stride, const Query* queries,
                       const QueryChunk& c, int kv, Heads h, int thread, F&& fill) {
    const float scale = h.score_scale();
    const int group = h.heads / h.kv_heads, dim = h.dim;
    const size_t keys = static_cast<size_t>(c.keys) * dim, lanes = static_cast<size_t>(dim) * kLanes;
    const size_t scores = static_cast<size_t>(c.keys) * kLanes;
    const size_t room = QueryBlock::room(queries + c.first, c.count) * (sizeof(Span) / sizeof(float));
    float* p = local_[thread].get(scores + 2 * lanes + 2 * keys + room);
    float *qt = p + scores, *mixed = qt + lanes, *k = mixed + lanes, *v = k + keys;
    Span* spans = reinterpret_cast<Span*>(v + keys);
    fill(k, v);
    for (int b = 0; b < c.count; b += kLanes) {
      const size_t t = static_cast<size_t>(c.first) + b;
      QueryBlock block{queries + t, c.count - b < kLanes ? c.count - b : kLanes, c.low, c.list, nullptr, 0, 0};
      block.find(spans);
      for (int i = 0; i < group; i++) {
        const size_t head = static_cast<size_t>(kv) * group + i;
        attention_block(out + t * h.q_width() + head * dim, h.q_width(), lse ? lse + t * h.heads + head : nullptr, h.heads,
                        {q + t * q_stride + head * dim, q_stride}, k, v, block, dim, scale, {qt, mixed, p});
      }
    }
  }

  /// How many of n ascending numbers are below `from`.
  static int first_from(const int* numbers, int n, int from) {
    int low = 0;
    for (int high = n; low < high;) {
      const int middle = (low + high) / 2;
      if (numbers[middle] < from) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /// What the backward of a block of queries finds: query heads head … head + group − 1 of one key/value head.
  struct BlockBackward {
    BackwardScratch scratch;
    Span* spans;
    float* rows;  // (3, 16, dim)
    size_t head, group;
  };

  /// body(t0, begin, end, BlockBackward) for blocks of up to 16 tokens t0 + begin … t0 + end − 1 of each sequence and key/value head; keys and
  /// values are gathered before and their gradients written afterwards.
  template <class F>
  void attention_backward_blocks(float* dqkv, const float* qkv, const Query* queries, const int* bounds, int sequences, Heads h, F&& body) {
    const int group = h.heads / h.kv_heads, dim = h.dim;
    const size_t width = h.qkv_width();
    // One task owns the keys and values of one head in one sequence, so that their gradients add up in one order.
    pool_.parallel(sequences * h.kv_heads, [&](int task, int thread) {
      const int kv = task % h.kv_heads, s = task / h.kv_heads;
      const int t0 = bounds[s], n = bounds[s + 1] - t0;
      const size_t k_at = t0 * width + h.q_width() + static_cast<size_t>(kv) * dim, v_at = k_at + h.kv_width();
      const size_t keys = static_cast<size_t>(n) * dim, scores = static_cast<size_t>(n) * kLanes;
      const size_t panel = static_cast<size_t>(dim + 15) / 16 * 16 * kLanes;
      const size_t room = QueryBlock::room(queries + t0, n);
      BackwardScratch w;
      float* at = local_[thread].get(4 * keys + 2 * scores + 7 * panel + room * (sizeof(Span) / sizeof(float)));
      auto carve = [&](size_t floats) {
        float* p = at;
        at += floats;
        return p;
      };
      w.p = carve(scores), w.ds = carve(scores);
      w.lanes = carve(panel), w.mixed = carve(panel), w.q_panels = carve(panel), w.d_panels = carve(panel);
      float* rows = carve(3 * panel);
      w.k = carve(keys), w.v = carve(keys), w.dk = carve(keys), w.dv = carve(keys);
      const BlockBackward inside{w, reinterpret_cast<Span*>(at), rows, static_cast<size_t>(kv) * group, static_cast<size_t>(group)};
      std::memset(w.dk, 0, sizeof(float) * 2 * keys);
      for (int i = 0; i < n; i++) {
        copy_floats(w.k + static_cast<size_t>(i) * dim, qkv + k_at + i * width, dim);
        copy_floats(w.v + static_cast<size_t>(i) * dim, qkv + v_at + i * width, dim);
      }
      for (int b = 0; b < n; b += kLanes) body(t0, b, b + kLanes < n ? b + kLanes : n, inside);
      for (int i = 0; i < n; i++) {
        copy_floats(dqkv + k_at + i * width, w.dk + static_cast<size_t>(i) * dim, dim);
        copy_floats(dqkv + v_at + i * width, w.dv + static_cast<size_t>(i) * dim, dim);
      }
    });
  }

  /// (M, in) in 8 bits; valid until the next call.
  IntegerRows bytes_of(const float* x, int in, int M) {
    constexpr int kPart = 8;  // blocks of a strip that are rounded in one go
    const int blocks = in / 32, height = IntegerRows::height_of(M), strips = (M + height - 1) / height, parts = (blocks + kPart - 1) / kPart;
    const size_t n = static_cast<size_t>(strips) * height * blocks;
    constexpr size_t kFloats = 8 + (sizeof(IntegerScale) + sizeof(IntegerSums)) / sizeof(float);
    int8_t* q = reinterpret_cast<int8_t*>(rounded_.get(n * kFloats));
    IntegerScale* scales = reinterpret_cast<IntegerScale*>(q + n * 32);
    const IntegerRows out{q, scales, reinterpret_cast<IntegerSums*>(scales + n), in, height};
    rows(strips * parts, height * kPart * 32, [&](int task) {
      const int strip = task / parts * height, first = task % parts * kPart, end = first + kPart < blocks ? first + kPart : blocks;
      const int last = strip + height < M ? strip + height : M;
      for (int m = strip; m < last; m++) {
        const float* row = x + static_cast<size_t>(m) * in;
        for (int b = first; b < end; b++) {
          const size_t at = out.at(m, b);
          round_to_bytes(out.q + at * 32, out.scales[at], out.sums[at], row + b * 32);
        }
      }
      const size_t missing = static_cast<size_t>(strip + height - last);
      for (int b = first; b < end && missing; b++) {
        const size_t at = out.at(strip, b) + height - missing;
        std::memset(out.q + at * 32, 0, missing * 32);
        std::memset(out.scales + at, 0, missing * sizeof(IntegerScale));
        std::memset(out.sums + at, 0, missing * sizeof(IntegerSums));
      }
    });
    return out;
  }

  /// y (M, N) with rows ldy apart = x (M, K) with rows ldx apart times packed panels (N / 16, K, 16), + bias (N) + residual, whose
  /// rows are those of y; the last two may be null.
  void product(float* y, size_t ldy, const float* x, size_t ldx, const float* panels, int N, int K, const float* bias,
               const float* residual, int M) {
    const size_t pairs = (static_cast<size_t>(K) + 1) / 2;
    const uint32_t* rounded = reinterpret_cast<const uint32_t*>(panels);
    if (tiles_) {
      tiles_parallel(pool_, {units_, M, N, steps(K), strips_of(x, ldx, K, M), rounded, y, ldy, false, bias, residual});
    } else if (precision_ == Precision::bf16) {
      Gemm<Bf16> g{N, static_cast<int>(pairs), round_rows_of(x, ldx, K, M), pairs, 1, rounded, pairs * 16, y, ldy, false, bias,
                   residual, ldy};
      gemm_parallel(pool_, g, M);
    } else {
      Gemm<F32> g{N, K, x, ldx, 1, panels, static_cast<size_t>(K) * 16, y, ldy, false, bias, residual, ldy};
      gemm_parallel(pool_, g, M);
    }
  }

  /// (M, in) with rows ldx apart as pairs of bfloat16; valid until the next call.
  const uint32_t* round_rows_of(const float* x, size_t ldx, int in, int M) {
    const size_t steps = static_cast<size_t>(in + 1) / 2;
    uint32_t* out = reinterpret_cast<uint32_t*>(rounded_.get(steps * M));
    rows(M, in, [&](int m) { round_row(out + m * steps, x + m * ldx, in); });
    return out;
  }

  /// The same as strips of bfloat16 tiles; valid until the next call.
  const uint32_t* strips_of(const float* x, size_t ldx, int in, int M) {
    const int strips = (M + kTile - 1) / kTile;
    uint32_t* out = reinterpret_cast<uint32_t*>(rounded_.get(static_cast<size_t>(strips) * kTile * steps(in)));
    rows(strips, in * kTile, [&](int s) { pack_strip(out, x, ldx, M, in, s); });
    return out;
  }

  /// Elements along k of a packed weight: numbers, or pairs of them.
  int steps(int k) const { return precision_ == Precision::f32 ? k : tiles_ ? tile_steps(k) : (k + 1) / 2; }

  static void pack_panel(float* out, const float* x, int n, int in, int p) { pack_columns(out, x, in, n, in, p); }
  static void pack_panel(uint32_t* out, const float* x, int n, int in, int p) {
    pack_columns(out, x, in, n, in, (n + 1) / 2, p);
  }

  /// w.gradient += dy^T x, blocks of 32 tokens from the first one of the call; rows of dy are ldy apart.
  void tile_weight_gradient(const Matrix& w, const float* dy, size_t ldy, const float* x, int M) {
    constexpr int kTokens = 512, kOuts = 64;
    const int in_panels = (w.in + 15) / 16, out_blocks = (w.out + kOuts - 1) / kOuts;
    const int groups = out_blocks >= pool_.threads() * 3 || in_panels < 8 ? 1 : (in_panels + 7) / 8;
    const int group = (in_panels + groups - 1) / groups;
    const int most = tile_steps(M < kTokens ? M : kTokens);
    uint32_t* panels = reinterpret_cast<uint32_t*>(shared_.get(static_cast<size_t>(in_panels) * 16 * most));
    for (int t0 = 0; t0 < M; t0 += kTokens) {
      const int n = M - t0 < kTokens ? M - t0 : kTokens, length = tile_steps(n);
      const float* xt = x + static_cast<size_t>(t0) * w.in;
      const float* dyt = dy + t0 * ldy;
      pool_.parallel(in_panels, [&](int p, int) { pack_columns(panels, xt, w.in, n, w.in, length, p); });
      pool_.parallel(out_blocks * groups, [&](int task, int thread) {
        const int o0 = task / groups * kOuts, outs = w.out - o0 < kOuts ? w.out - o0 : kOuts;
        const int p0 = task % groups * group, p1 = p0 + group < in_panels ? p0 + group : in_panels;
        uint32_t* a = reinterpret_cast<uint32_t*>(local_[thread].get(static_cast<size_t>(kOuts) * length));
        pack_strips_of_columns(a, dyt + o0, ldy, n, outs);
        const TileGemm g{units_, outs, w.in, length, a, panels, w.gradient + static_cast<size_t>(o0) * w.in,
                         static_cast<size_t>(w.in), true, nullptr, nullptr};
        g.begin();
        g.blocks(0, (outs + kTile - 1) / kTile, p0, p1);
        g.end();
      });
    }
  }

  /// w.gradient += dy^T x; rows of dy are ldy apart.
  template <class P>
  void weight_gradient(const Matrix& w, const float* dy, size_t ldy, const float* x, int M) {
    // Tokens are the reduction. Blocks of them keep the panels in cache; the gradient is read and written once a
    // block, so the chain of additions stays in token order.
    const int block = 256, rows_a_task = 48, per_step = P::kNumbers;
    const int in_panels = (w.in + 15) / 16;
    const int out_blocks = (w.out + rows_a_task - 1) / rows_a_task;
    const int groups = out_blocks >= pool_.threads() * 3 || in_panels < 8 ? 1 : (in_panels + 7) / 8;
    const int group = (in_panels + groups - 1) / groups;
    typename P::B* panels =
        reinterpret_cast<typename P::B*>(shared_.get(static_cast<size_t>(in_panels) * 16 * (M < block ? M : block)));
    for (int t0 = 0; t0 < M; t0 += block) {
      const int n = M - t0 < block ? M - t0 : block, steps = (n + per_step - 1) / per_step;
      const float* xt = x + static_cast<size_t>(t0) * w.in;
      const float* dyt = dy + t0 * ldy;
      pool_.parallel(in_panels, [&](int p, int) { pack_panel(panels, xt, n, w.in, p); });
      pool_.parallel(out_blocks * groups, [&](int task, int thread) {
        const int o0 = task / groups * rows_a_task;
        const int outs = w.out - o0 < rows_a_task ? w.out - o0 : rows_a_task;
        const int p0 = task % groups * group, p1 = p0 + group < in_panels ? p0 + group : in_panels;
        typename P::A* a = reinterpret_cast<typename P::A*>(local_[thread].get(static_cast<size_t>(outs) * steps));
        pack_row_tiles(a, dyt + o0, ldy, n, outs);
        row_tiles_block<P>(a, outs, steps, panels, w.gradient + static_cast<size_t>(o0) * w.in, w.in, p0, p1);
      });
    }
  }

  /// Turns the pairs (i, i + half) of x by the angles; kBack: by their negatives, which is the transposed and so the backward.
  template <bool kBack = false>
  static void rotate(float* x, const float* c, const float* s, int half) {
    for (int i = 0; i < half; i += 16) {
      const int n = half - i;
      V a = load_up_to(x + i, n), b = load_up_to(x + half + i, n), vc = load_up_to(c + i, n), vs = load_up_to(s + i, n);
      V av = mul(a, vs), bv = mul(b, vs);
      store_up_to(x + i, kBack ? add(mul(a, vc), bv) : sub(mul(a, vc), bv), n);
      store_up_to(x + half + i, kBack ? sub(mul(b, vc), av) : add(mul(b, vc), av), n);
    }
  }

  static void add_into(float* y, const float* x, int n) {
    if (n == 16) {
      store(y, add(load(y), load(x)));
    } else {
      for (int i = 0; i < n; i++) y[i] += x[i];
    }
  }

  /// body(row) for rows of `width` floats; small work stays on this thread.
  template <class F>
  void rows(int T, int width, F&& body) {
    constexpr int kGrain = 2048;  // floats a task
    const int block = width >= kGrain ? 1 : (kGrain + width - 1) / (width > 0 ? width : 1);
    const int blocks = (T + block - 1) / block;
    auto run = [&](int task, int) {
      const int t1 = (task + 1) * block < T ? (task + 1) * block : T;
      for (int t = task * block; t < t1; t++) body(t);
    };
    if (blocks < 2) {
      run(0, 0);
    } else {
      pool_.parallel(blocks, run);
    }
  }

  /// body(first column, count ≤ 16): sums over tokens own their columns, so that they run in token order.
  template <class F>
  void columns(int C, F&& body) {
    pool_.parallel((C + 15) / 16, [&](int task, int) {
      const int c0 = task * 16;
      body(c0, C - c0 < 16 ? C - c0 : 16);
    });
  }

  ThreadPool& pool_;
  const char* isa_;
  const Precision precision_;
  bool byte_rows_ = false;
  const bool tiles_, units_;  // products as the matrix units have them, on those units
  const ByteRows bytes_;      // products of 8-bit rows
  Scratch* local_;  // one a thread
  Scratch shared_, rounded_;
};
