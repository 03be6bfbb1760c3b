#include "attention.h"

namespace pr1 {

Attention::Attention(Parameters& parameters, Ops& ops, const AttentionSpec& spec, const ModelSpec& model,
                     const RopeTable& rope)
    : ops_(ops), heads_(model.heads), window_(spec.window), rope_(rope),
      qkv_(parameters, ops, {&spec.q, &spec.k, &spec.v}), o_(parameters, ops, {&spec.o}),
      q_norm_(parameters, ops, spec.q_norm, model), k_norm_(parameters, ops, spec.k_norm, model) {}

size_t Attention::saved_floats() const {
  return static_cast<size_t>(heads_.qkv_width()) * (q_norm_.there() ? 2 : 1) + heads_.q_width() + heads_.heads;
}

Attention::Saved Attention::carve(Carving& saved) const {
  Saved s;
  s.raw = saved.rows(heads_.qkv_width());
  s.qkv = q_norm_.there() ? saved.rows(heads_.qkv_width()) : s.raw;
  s.att = saved.rows(heads_.q_width());
  s.lse = saved.rows(heads_.heads);
  return s;
}

void Attention::project(const Saved& s, const float* normed, Rows rows, const int* positions) const {
  const size_t at = rows.t * heads_.qkv_width();
  project_raw(s, normed, rows);
  ops_.rope_forward(s.qkv + at, s.raw + at, q_norm_.weight(), k_norm_.weight(), rope_.cos(), rope_.sin(),
                    positions + rows.t, rows.n, heads_);
}

void Attention::project_raw(const Saved& s, const float* normed, Rows rows) const {
  qkv_.forward(s.raw + rows.t * heads_.qkv_width(), normed, nullptr, rows.n);
}

void Attention::attend(const Saved& s, const Visibility& visible, const TokenList& rows, int T, Workspace& w) const {
  const int width = heads_.qkv_width(), n = static_cast<int>(rows.size());
  const float *q = s.qkv, *k = s.qkv + heads_.q_width();
  const Query* queries = visible.queries(window_);
  std::vector<Query> picked;
  if (n == 0) return;
  if (n < T) {
    float* some = w.dqkv.get(static_cast<size_t>(n) * width);
    ops_.gather_rows(some, q, rows.data(), n, width);
    for (int t : rows) picked.push_back(queries[t]);
    q = some;
    queries = picked.data();
  }
  ops_.attention_forward(s.att, s.lse, q, width, k, k + heads_.kv_width(), width, queries, n, heads_);
}

void Attention::attend_cached(const Saved& s, const Visibility& visible, int T, const int* positions, const int* slots, float* k_cache,
                              float* v_cache) const {
  ops_.attention_step(s.att, s.qkv, s.raw, q_norm_.weight(), k_norm_.weight(), rope_.cos(), rope_.sin(), positions, slots, k_cache,
                      v_cache, visible.queries(window_), T, heads_);
}

void Attention::output(float* y, const Saved& s, const float* residual, Rows rows) const {
  o_.forward(y, s.att + rows.t * heads_.q_width(), residual, rows.n);
}

void Attention::output_backward(const float* dy, const float* att, Rows rows, Workspace& w) const {
  o_.backward_weight(dy, att, rows.n);
  o_.backward_input(w.datt.data() + rows.t * heads_.q_width(), dy, rows.n);
}

void Attention::attend_backward(const Saved& s, const Visibility& visible, const Batch& batch, const TokenList& rows, const TokenList& at,
                                Workspace& w) const {
  const int sequences = static_cast<int>(batch.bounds.size()) - 1, n = static_cast<int>(rows.size());
  if (n == batch.T) {
    ops_.attention_backward(w.dqkv.data(), w.datt.data(), s.att, s.lse, s.qkv, visible.queries(window_), batch.bounds.data(), sequences,
                            batch.T, heads_);
  } else {
    ops_.attention_backward_rows(w.dqkv.data(), w.datt.data(), s.att, s.lse, s.qkv, visible.queries(window_), batch.bounds.data(), sequences,
                                 rows.data(), at.data(), n, heads_);
  }
}

void Attention::project_backward(float* dnormed, float* d, const float* raw, const float* normed, int n, const int* positions) const {
  ops_.rope_backward(d, q_norm_.gradient(), k_norm_.gradient(), d, raw, q_norm_.weight(), k_norm_.weight(), rope_.cos(), rope_.sin(),
                     positions, n, heads_);
  qkv_.backward_weight(d, normed, n);
  qkv_.backward_input(dnormed, d, n);
}

}  // namespace pr1
