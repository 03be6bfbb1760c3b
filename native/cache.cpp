#include "cache.h"

namespace pr1 {

SequenceTable::SequenceTable(int capacity) {
  int pages = capacity / kPage;
  slot_refs_.assign(static_cast<size_t>(pages) * kPage, 0);
  page_refs_.assign(pages, 0);
  free_pages_.reserve(pages);
  for (int page = pages - 1; page >= 0; page--) free_pages_.push_back(page);
}

int SequenceTable::create() {
  int id = next_id_++;
  sequences_[id];
  return id;
}

void SequenceTable::push(Sequence& s, int begin, int end) {
  if (begin == end) return;
  if (!s.runs.empty() && s.runs.back().end == begin) {
    s.runs.back().end = end;
  } else {
    s.runs.push_back({begin, end});
  }
  s.length += end - begin;
}

void SequenceTable::retain(int begin, int end) {
  for (int slot = begin; slot < end; slot++) {
    if (slot_refs_[slot]++ == 0) page_refs_[slot / kPage]++;
  }
}

void SequenceTable::unref_page(int page, int n) {
  page_refs_[page] -= n;
  if (page_refs_[page] == 0) free_pages_.push_back(page);
}

void SequenceTable::drop(int begin, int end) {
  for (int slot = begin; slot < end; slot++) {
    if (--slot_refs_[slot] == 0) unref_page(slot / kPage, 1);
  }
}

void SequenceTable::drop_tail(Sequence& s) {
  if (s.tail < s.tail_end) unref_page(s.tail / kPage, 1);
  s.tail = s.tail_end = 0;
}

std::vector<int> SequenceTable::fork(int id, int n) {
  std::vector<int> children;
  for (int i = 0; i < n; i++) {
    int child = create();
    const Sequence& from = sequences_.at(id);
    Sequence& to = sequences_.at(child);
    to.runs = from.runs;
    to.length = from.length;
    for (const Run& run : to.runs) retain(run.begin, run.end);
    children.push_back(child);
  }
  return children;
}

bool SequenceTable::join(int parent, const std::vector<int>& children) {
  Sequence& p = sequences_.at(parent);
  const int shared = p.length;
  const std::vector<Run> prefix = p.runs;
  for (int child : children) {
    const Sequence& c = sequences_.at(child);
    if (c.length < shared) return false;
    int seen = 0;
    size_t i = 0, j = 0;
    int at_p = 0, at_c = 0;
    while (seen < shared) {
      if (prefix[i].begin + at_p != c.runs[j].begin + at_c) return false;
      int left_p = prefix[i].end - prefix[i].begin - at_p, left_c = c.runs[j].end - c.runs[j].begin - at_c;
      int n = left_p < left_c ? left_p : left_c;
      seen += n;
      at_p += n;
      at_c += n;
      if (at_p == prefix[i].end - prefix[i].begin) i++, at_p = 0;
      if (at_c == c.runs[j].end - c.runs[j].begin) j++, at_c = 0;
    }
  }
  for (int child : children) {
    const Sequence& c = sequences_.at(child);
    int skip = shared;
    for (const Run& run : c.runs) {
      int n = run.end - run.begin;
      int cut = skip < n ? skip : n;
      skip -= cut;
      if (cut < n) {
        retain(run.begin + cut, run.end);
        push(p, run.begin + cut, run.end);
      }
    }
  }
  for (int child : children) release(child);
  return true;
}

void SequenceTable::release(int id) {
  Sequence& s = sequences_.at(id);
  for (const Run& run : s.runs) drop(run.begin, run.end);
  drop_tail(s);
  sequences_.erase(id);
}

int SequenceTable::pages_needed(int id, int n) const {
  const Sequence& s = sequences_.at(id);
  int beyond = n - (s.tail_end - s.tail);
  return beyond <= 0 ? 0 : (beyond + kPage - 1) / kPage;
}

void SequenceTable::append(int id, int n, std::vector<int>& slots) {
  Sequence& s = sequences_.at(id);
  while (n > 0) {
    if (s.tail == s.tail_end) {
      int page = free_pages_.back();
      free_pages_.pop_back();
      page_refs_[page] = 1;
      s.tail = page * kPage;
      s.tail_end = s.tail + kPage;
    }
    int take = s.tail_end - s.tail < n ? s.tail_end - s.tail : n;
    retain(s.tail, s.tail + take);
    for (int slot = s.tail; slot < s.tail + take; slot++) slots.push_back(slot);
    push(s, s.tail, s.tail + take);
    int page = s.tail / kPage;
    s.tail += take;
    n -= take;
    if (s.tail == s.tail_end) {
      unref_page(page, 1);
      s.tail = s.tail_end = 0;
    }
  }
}

}  // namespace pr1
