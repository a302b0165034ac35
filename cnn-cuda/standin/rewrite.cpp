// Rewrites preprocessed device code (stdin) to C++ that g++ compiles (stdout):
//   - after each kernel's body, a static object registers it (kernel templates are left alone);
//   - `extern __shared__ T x[];` becomes a reference to the block's dynamic shared memory;
//   - other __shared__ variables become static, and each block finds garbage in them.
// Line breaks stay where they are, so that error messages name the source's lines.
#include <algorithm>
#include <cctype>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

struct Token {
  size_t start, end;
};

std::string text;
std::vector<Token> tokens;

std::string word(size_t token) { return text.substr(tokens[token].start, tokens[token].end - tokens[token].start); }
bool is(size_t token, const char* what) {
  return token < tokens.size() && text.compare(tokens[token].start, tokens[token].end - tokens[token].start, what) == 0;
}
bool is_name(size_t token) {
  char c = text[tokens[token].start];
  return isalpha(static_cast<unsigned char>(c)) || c == '_';
}

void split() {
  size_t i = 0, n = text.size();
  bool line_start = true;
  while (i < n) {
    char c = text[i];
    if (c == '\n') line_start = true;
    if (isspace(static_cast<unsigned char>(c))) {
      i++;
      continue;
    }
    if (c == '#' && line_start) {  // a line marker or a pragma
      while (i < n && text[i] != '\n') i++;
      continue;
    }
    line_start = false;
    size_t start = i;
    if (isalnum(static_cast<unsigned char>(c)) || c == '_') {
      // Numbers too: 1'000 and 1e+5 need no care, as nothing looks into them.
      while (i < n && (isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_' || text[i] == '.')) i++;
      if (i < n && text[i] == '"' && text[i - 1] == 'R') {  // a raw string
        size_t open = text.find('(', i);
        std::string close = ")" + text.substr(i + 1, open - i - 1) + "\"";
        i = text.find(close, open) + close.size();
      }
    } else if (c == '"' || c == '\'') {
      for (i++; i < n && text[i] != c; i++)
        if (text[i] == '\\') i++;
      i++;
    } else {
      i++;
    }
    tokens.push_back({start, i});
  }
}

// The token after the bracket that closes the one at `open`.
size_t skip(size_t open) {
  std::string left = word(open), right = left == "(" ? ")" : left == "{" ? "}" : "]";
  int depth = 0;
  for (size_t i = open; i < tokens.size(); i++) {
    if (is(i, left.c_str())) depth++;
    if (is(i, right.c_str()) && --depth == 0) return i + 1;
  }
  return tokens.size();
}

bool declares_template(size_t marker) {
  for (size_t i = marker; i-- > 0;) {
    if (is(i, ";") || is(i, "}") || is(i, "{")) return false;
    if (is(i, "template")) return true;
  }
  return false;
}

std::vector<std::pair<Token, std::string>> edits;  // in the order of the text

void erase(size_t first, size_t last) {
  size_t start = tokens[first].start, end = tokens[last].end;
  std::string newlines;
  for (size_t i = start; i < end; i++)
    if (text[i] == '\n') newlines += '\n';
  edits.push_back({{start, end}, newlines});
}

void kernel(size_t marker) {
  std::string bounds;
  size_t i = marker + 1;
  erase(marker, marker);
  for (; i < tokens.size(); i++) {
    if (is(i, "__standin_bounds__")) {
      bounds = ", " + text.substr(tokens[i + 1].end, tokens[skip(i + 1) - 1].start - tokens[i + 1].end);
      erase(i, skip(i + 1) - 1);
      i = skip(i + 1) - 1;
    } else if (is(i, "__attribute__") || is(i, "alignas")) {
      i = skip(i + 1) - 1;
    } else if (is_name(i) && is(i + 1, "(")) {
      break;
    }
  }
  if (i >= tokens.size()) return;
  size_t body = skip(i + 1);
  if (!is(body, "{") || declares_template(marker)) return;
  static int count = 0;
  size_t after = tokens[skip(body) - 1].end;
  edits.push_back({{after, after}, " static const ::standin::Register standin_kernel_" + std::to_string(count++) + "(" + word(i) + bounds + ");"});
}

// `extern __shared__ [attributes] T name[];` with the marker at `marker`.
void dynamic_shared(size_t marker) {
  size_t end = marker;
  while (end < tokens.size() && !is(end, ";")) end++;
  size_t bracket = marker;
  while (bracket < end && !is(bracket, "[")) bracket++;
  std::string type;
  for (size_t i = marker + 1; i + 1 < bracket; i++) {
    if (is(i, "__attribute__") || is(i, "alignas")) {
      i = skip(i + 1) - 1;
      continue;
    }
    type += word(i) + " ";
  }
  std::string name = word(bracket - 1), rest = text.substr(tokens[bracket].start, tokens[end].start - tokens[bracket].start);
  // x[][4] is an array of arrays: the pointer is to the inner one.
  std::string inner = rest.substr(rest.find(']') + 1);
  erase(marker - 1, end);
  edits.back().second = "using standin_type_" + name + " = " + type + inner + "; static standin_type_" + name + "*& " + name +
                        " = reinterpret_cast<standin_type_" + name + "*&>(::standin::dynamic_shared);" + edits.back().second;
}

// Whether the token stands in a function's body: some brace around it comes after a closing parenthesis.
bool in_function(size_t token) {
  int depth = 0;
  for (size_t i = token; i-- > 0;) {
    if (is(i, "}")) depth++;
    if (is(i, "{") && depth-- == 0) {
      if (i > 0 && is(i - 1, ")")) return true;
      depth = 0;
    }
  }
  return false;
}

// `__shared__ T a[4], b;` with the marker at `marker`.
void static_shared(size_t marker) {
  edits.push_back({tokens[marker], marker > 0 && is(marker - 1, "static") ? "" : "static"});
  if (!in_function(marker)) return;
  static int count = 0;
  std::string fresh;
  int angles = 0;
  bool named = false;  // the name of this declarator has been found
  size_t i = marker + 1;
  for (; i < tokens.size() && !is(i, ";"); i++) {
    if (is(i, "(") || is(i, "[")) {
      i = skip(i) - 1;
      continue;
    }
    if (is(i, "<")) angles++;
    if (is(i, ">")) angles--;
    if (angles > 0) continue;
    if (is(i, ",")) named = false;
    if (named || !is_name(i) || !(is(i + 1, "[") || is(i + 1, ",") || is(i + 1, ";"))) continue;
    named = true;
    std::string block = "standin_block_" + std::to_string(count++);
    fresh += " static unsigned long " + block + "; ::standin::fresh_shared(&" + block + ", &" + word(i) + ", sizeof(" + word(i) + "));";
  }
  if (i < tokens.size()) edits.push_back({{tokens[i].end, tokens[i].end}, fresh});
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  text.assign(std::istreambuf_iterator<char>(std::cin), {});
  split();
  for (size_t i = 0; i < tokens.size(); i++) {
    if (is(i, "__standin_global__")) kernel(i);
    if (is(i, "__standin_shared__")) {
      if (i > 0 && is(i - 1, "extern")) {
        dynamic_shared(i);
      } else {
        static_shared(i);
      }
    }
  }
  // The registration after a body is found before the edits inside of it.
  std::stable_sort(edits.begin(), edits.end(), [](const auto& a, const auto& b) { return a.first.start < b.first.start; });
  size_t at = 0;
  for (const auto& [where, with] : edits) {
    std::cout << text.substr(at, where.start - at) << with;
    at = where.end;
  }
  std::cout << text.substr(at);
}
