#include "adapter.h"

#include <algorithm>

namespace pr1 {

static std::vector<LinearSpec> a_specs(const std::vector<const LinearSpec*>& stacked) {
  std::vector<LinearSpec> specs;
  for (const LinearSpec* spec : stacked) {
    if (spec->adapter.there()) specs.push_back({spec->adapter.a, {}, {}});
  }
  return specs;
}

static std::vector<const LinearSpec*> pointers(const std::vector<LinearSpec>& specs) {
  std::vector<const LinearSpec*> out;
  for (const LinearSpec& spec : specs) out.push_back(&spec);
  return out;
}

Adapter::Adapter(Adapters& all, Ops& ops, const std::vector<const LinearSpec*>& stacked)
    : all_(all), ops_(ops), a_specs_(a_specs(stacked)), a_(all.parameters, ops, pointers(a_specs_)) {
  int first = 0;
  for (const LinearSpec* spec : stacked) {
    if (spec->adapter.there()) {
      const LinearSpec b{spec->adapter.b, {}, {}};
      parts_.push_back({Linear(all.parameters, ops, {&b}), spec->adapter.scale, out_, first});
      first += spec->adapter.a.shape[0];
    }
    out_ += spec->weight.shape[0];
  }
  all.widest = std::max(all.widest, first);
}

void Adapter::allocate() {
  a_.allocate();
  for (Part& part : parts_) part.b.allocate();
}

void Adapter::allocate_training() {
  a_.allocate_training();
  for (Part& part : parts_) part.b.allocate_training();
}

void Adapter::pack() {
  a_.pack();
  for (Part& part : parts_) part.b.pack();
}

double Adapter::packed_floats(bool training) const {
  double floats = a_.packed_floats(training);
  for (const Part& part : parts_) floats += part.b.packed_floats(training);
  return floats;
}

const float* Adapter::scaled(const Part& part, int M) const {
  const int rank = part.b.in(), ranks = a_.out();
  float* to = all_.part.get(static_cast<size_t>(M) * rank);
  ops_.scale_columns(to, rank, all_.u.data() + part.first, ranks, part.scale, rank, M);
  return to;
}

void Adapter::forward(float* y, const float* x, int M) const {
  a_.forward(all_.u.get(static_cast<size_t>(M) * a_.out()), x, nullptr, M);
  for (const Part& part : parts_) ops_.add_forward(y + part.column, out_, scaled(part, M), part.b.matrix(), M);
}

const float* Adapter::inner_gradient(const float* dy, int M, bool for_input) const {
  const int ranks = a_.out();
  float* du = all_.du.get(static_cast<size_t>(M) * ranks);
  // What a call that failed has left is of the same kind as the next one, and not taken.
  const bool there = all_.pending == this && all_.pending_for_input == for_input;
  all_.pending = there ? nullptr : this;
  all_.pending_for_input = !for_input;
  if (there) return du;
  for (const Part& part : parts_) {
    const int rank = part.b.in();
    float* d = all_.part.get(static_cast<size_t>(M) * rank);
    ops_.strided_backward_input(d, dy + part.column, out_, part.b.matrix(), false, M);
    ops_.scale_columns(du + part.first, ranks, d, rank, part.scale, rank, M);
  }
  return du;
}

void Adapter::backward_input(float* dx, const float* dy, int M) const {
  ops_.strided_backward_input(dx, inner_gradient(dy, M, true), a_.out(), a_.matrix(), true, M);
}

void Adapter::backward_weight(const float* dy, const float* x, int M) const {
  a_.forward(all_.u.get(static_cast<size_t>(M) * a_.out()), x, nullptr, M);
  for (const Part& part : parts_) ops_.strided_backward_weight(part.b.matrix(), dy + part.column, out_, scaled(part, M), M);
  a_.backward_weight(inner_gradient(dy, M, false), x, M);
}

static Linear rows_linear(Adapters& all, Ops& ops, const TokenRowsSpec& spec) {
  const LinearSpec rows{spec.rows, {}, {}};
  return Linear(all.parameters, ops, {&rows});
}

TokenRows::TokenRows(Adapters& all, Ops& ops, const TokenRowsSpec& spec)
    : all_(all), ops_(ops), ids_(spec.ids), parameter_(all.parameters.list().size()), linear_(rows_linear(all, ops, spec)) {}

TokenRows::Found TokenRows::find(const int* ids, int T) const {
  Found found;
  for (int t = 0; t < T; t++) {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), ids[t]);
    if (at == ids_.end() || *at != ids[t]) continue;
    found.tokens.push_back(t);
    found.rows.push_back(static_cast<int>(at - ids_.begin()));
  }
  return found;
}

void TokenRows::forward(float* x, const int* ids, float scale, int T) const {
  const Found found = find(ids, T);
  const int n = static_cast<int>(found.tokens.size()), C = linear_.in();
  if (n == 0) return;
  float* rows = all_.rows.get(static_cast<size_t>(n) * C);
  ops_.embedding_forward(rows, all_.parameters.weights(parameter_), found.rows.data(), scale, n, C);
  ops_.scatter_rows(x, rows, found.tokens.data(), n, C);
}

void TokenRows::backward(const float* dx, const int* ids, float scale, int T) const {
  const Found found = find(ids, T);
  const int n = static_cast<int>(found.tokens.size()), C = linear_.in();
  if (n == 0) return;
  float* rows = all_.rows.get(static_cast<size_t>(n) * C);
  ops_.gather_rows(rows, dx, found.tokens.data(), n, C);
  ops_.embedding_backward(all_.parameters.gradients(parameter_), rows, found.rows.data(), scale, n, C);
}

void TokenRows::logits(float* logits, int vocab, const float* x, int M) const {
  float* columns = all_.rows.get(static_cast<size_t>(M) * count());
  linear_.forward(columns, x, nullptr, M);
  ops_.scatter_columns(logits, vocab, columns, ids_.data(), count(), M);
}

void TokenRows::logits_backward(float* dlogits, int vocab, const float* x, int M) const {
  float* columns = all_.rows.get(static_cast<size_t>(M) * count());
  ops_.gather_columns(columns, dlogits, vocab, ids_.data(), count(), M);
  ops_.scatter_columns(dlogits, vocab, nullptr, ids_.data(), count(), M);
  linear_.backward_weight(columns, x, M);
}

void TokenRows::add_input(float* dx, int M) const {
  ops_.strided_backward_input(dx, all_.rows.data(), count(), linear_.matrix(), true, M);
}

}  // namespace pr1
