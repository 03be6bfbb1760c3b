// Which rows every token sees, as the runs and queries that attention reads.
#pragma once
#include <deque>
#include <vector>

#include "batch.h"

namespace pr1 {

/// Queries of a pass, one list for each window that some layer has. Rows are packed tokens or slots of a cache.
class Visibility {
 public:
  /// windows: of all layers; 0 is no window.
  explicit Visibility(std::vector<int> windows);

  /// From the start of its sequence to itself, minus its hidden ranges.
  void build(const Batch& batch);
  /// What the step says; `queries` stay the step's own where there is no window.
  void build(const Step& step);

  /// One query a token.
  const Query* queries(int window) const;
  /// Tokens of a batch that some of these see in some layer, themselves included, or more.
  TokenList seen(const TokenList& tokens) const;
  /// Some token sees less in some layer than in others.
  bool narrowed() const;

 private:
  struct Window {
    int size;
    bool narrows;  // some token sees more than that; else the queries are those of layers without a window
    std::deque<std::vector<Run>> runs;
    std::vector<Query> queries;
  };
  void narrow(const Query* queries, size_t n);

  std::vector<Window> windows_;
  const Query* all_ = nullptr;
  std::vector<Run> runs_;
  std::vector<Query> own_;
};

}  // namespace pr1
