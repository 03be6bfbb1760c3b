#include "visibility.h"

#include <algorithm>

namespace pr1 {

Visibility::Visibility(std::vector<int> windows) {
  std::sort(windows.begin(), windows.end());
  windows.erase(std::unique(windows.begin(), windows.end()), windows.end());
  for (int size : windows) {
    if (size > 0) windows_.push_back({size, false, {}, {}});
  }
}

void Visibility::build(const Batch& b) {
  runs_.clear();
  std::vector<size_t> first(b.T);
  std::vector<int> visible(b.T, 0);
  for (size_t s = 0; s + 1 < b.bounds.size(); s++) {
    for (int t = b.bounds[s]; t < b.bounds[s + 1]; t++) {
      first[t] = runs_.size();
      int at = b.bounds[s];
      auto push = [&](int begin, int end) {
        if (begin >= end) return;
        runs_.push_back({begin, end});
        visible[t] += end - begin;
      };
      for (int level = 0; level < b.hidden_levels; level++) {
        const int* range = b.hidden.data() + (static_cast<size_t>(t) * b.hidden_levels + level) * 2;
        if (range[0] >= range[1]) continue;
        push(at, std::min(range[0], t + 1));
        at = std::max(at, range[1]);
      }
      push(at, t + 1);
    }
  }
  own_.resize(b.T);
  for (int t = 0; t < b.T; t++) own_[t] = {runs_.data() + first[t], visible[t]};
  all_ = own_.data();
  narrow(all_, own_.size());
}

void Visibility::build(const Step& step) {
  all_ = step.queries.data();
  narrow(all_, step.queries.size());
}

/// A query that sees no more than the window keeps its list, so that neighbours go on sharing one.
void Visibility::narrow(const Query* queries, size_t n) {
  for (Window& window : windows_) {
    window.narrows = std::any_of(queries, queries + n, [&](const Query& q) { return q.visible > window.size; });
    if (!window.narrows) continue;
    window.runs.clear();
    window.queries.assign(queries, queries + n);
    for (Query& q : window.queries) {
      if (q.visible <= window.size) continue;
      std::vector<Run>& runs = window.runs.emplace_back();
      int skip = q.visible - window.size, left = q.visible;
      for (const Run* run = q.runs; left > 0; run++) {
        const int length = std::min(run->end - run->begin, left);
        left -= length;
        if (skip < length) runs.push_back({run->begin + skip, run->begin + length});
        skip = std::max(0, skip - length);
      }
      q = {runs.data(), window.size};
    }
  }
}

TokenList Visibility::seen(const TokenList& tokens) const {
  std::vector<int> edges(own_.size() + 1, 0);
  for (int t : tokens) {
    int left = own_[static_cast<size_t>(t)].visible;
    for (const Run* run = own_[static_cast<size_t>(t)].runs; left > 0; run++) {
      const int n = std::min(run->end - run->begin, left);
      edges[static_cast<size_t>(run->begin)]++;
      edges[static_cast<size_t>(run->begin + n)]--;
      left -= n;
    }
  }
  TokenList seen;
  int open = 0;
  for (size_t t = 0; t < own_.size(); t++) {
    open += edges[t];
    if (open > 0) seen.push_back(static_cast<int>(t));
  }
  return seen;
}

bool Visibility::narrowed() const {
  return std::any_of(windows_.begin(), windows_.end(), [](const Window& w) { return w.narrows; });
}

const Query* Visibility::queries(int window) const {
  for (const Window& w : windows_) {
    if (w.size == window && w.narrows) return w.queries.data();
  }
  return all_;
}

}  // namespace pr1
