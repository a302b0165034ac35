// A stand-in for NVRTC: g++ compiles the source to a shared object, and the "PTX" names that.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#define NVRTC_API extern "C" __attribute__((visibility("default")))
enum nvrtcResult { NVRTC_SUCCESS = 0, NVRTC_ERROR_INVALID_INPUT = 3, NVRTC_ERROR_INVALID_PROGRAM = 4, NVRTC_ERROR_COMPILATION = 6 };

namespace {

struct Program {
  std::string source, name, log, ptx;
  std::vector<std::pair<std::string, std::string>> headers;  // name and text
};

// Where setup.sh put everything: two folders above this library.
std::string home() {
  if (const char* given = getenv("CUDA_STANDIN")) return given;
  Dl_info info;
  dladdr(reinterpret_cast<void*>(&home), &info);
  std::string path = info.dli_fname;
  for (int i = 0; i < 2; i++) path.erase(path.rfind('/'));
  return path;
}

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

uint64_t hash(const std::string& text, uint64_t value) {
  for (unsigned char c : text) value = (value ^ c) * 1099511628211u;
  return value;
}

// Definitions and include folders go on to g++; what concerns a GPU does not.
std::vector<std::string> translate(int count, const char* const* options) {
  std::vector<std::string> result;
  auto starts = [](const std::string& text, const char* with) { return text.rfind(with, 0) == 0; };
  for (int i = 0; i < count; i++) {
    std::string option = options[i], flag;
    for (auto [nvrtc, gcc] : {std::pair("--define-macro", "-D"), {"--include-path", "-I"}, {"--undefine-macro", "-U"}, {"--pre-include", "-include"}})
      if (starts(option, nvrtc)) flag = gcc, option = option.substr(strlen(nvrtc));
    for (const char* same : {"-D", "-I", "-U", "-include"})
      if (flag.empty() && starts(option, same)) flag = same, option = option.substr(strlen(same));
    if (flag.empty()) continue;
    if (!option.empty() && option[0] == '=') option.erase(0, 1);
    if (option.empty() && i + 1 < count) option = options[++i];
    result.push_back(flag);
    result.push_back(option);
  }
  return result;
}

int execute(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  int output = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  pid_t child = fork();
  if (child == 0) {
    // Other threads may hold locks: nothing here may allocate.
    dup2(output, 2);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(output);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Program* valid(void* program) { return static_cast<Program*>(program); }

}  // namespace

NVRTC_API int nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcGetNumSupportedArchs(int* count) {
  *count = 1;
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcGetSupportedArchs(int* archs) {
  *archs = 90;
  return NVRTC_SUCCESS;
}
NVRTC_API const char* nvrtcGetErrorString(int result) {
  switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    default: return "NVRTC_ERROR unknown";
  }
}

NVRTC_API int nvrtcCreateProgram(void** program, const char* source, const char* name, int count, const char* const* headers,
                                 const char* const* names) {
  if (!program || !source) return NVRTC_ERROR_INVALID_INPUT;
  auto* result = new Program{source, name ? name : "default_program", "", "", {}};
  for (int i = 0; i < count; i++) result->headers.emplace_back(names[i], headers[i]);
  *program = result;
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcDestroyProgram(void** program) {
  delete valid(*program);
  *program = nullptr;
  return NVRTC_SUCCESS;
}

NVRTC_API int nvrtcCompileProgram(void* handle, int count, const char* const* options) {
  Program* program = valid(handle);
  std::string home = ::home(), stamp = read(home + "/stamp");  // of the stand-in's own sources
  std::vector<std::string> flags = translate(count, options);
  uint64_t low = 14695981039346656037u, high = 1;
  auto add = [&](const std::string& text) {
    low = hash(text + '\0', low);
    high = hash(text + '\1', high);
  };
  add(stamp);
  add(program->source);
  for (const auto& [name, text] : program->headers) add(name), add(text);
  for (const std::string& flag : flags) add(flag);
  char key[40];
  snprintf(key, sizeof key, "%016llx%016llx", (unsigned long long)low, (unsigned long long)high);
  std::string folder = home + "/cache/" + key, object = folder + "/module.so";
  if (access(object.c_str(), R_OK) != 0) {
    mkdir((home + "/cache").c_str(), 0777);
    mkdir(folder.c_str(), 0777);
    for (const auto& [name, text] : program->headers) {
      for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1))
        mkdir((folder + "/" + name.substr(0, slash)).c_str(), 0777);
      write(folder + "/" + name, text);
    }
    // Two programs may compile the same source at once: each writes its own files, and the last rename wins.
    std::string own = folder + "/" + std::to_string(getpid()) + "-" + std::to_string(reinterpret_cast<uintptr_t>(program));
    std::string source = own + ".cu", log = own + ".log";
    write(source, "#line 1 \"" + program->name + "\"\n" + program->source);
    std::vector<std::string> command = {home + "/compile.sh", object, source, "-I", folder};
    command.insert(command.end(), flags.begin(), flags.end());
    int status = execute(command, log);
    program->log = read(log);
    unlink(log.c_str());
    unlink(source.c_str());
    if (status != 0) return NVRTC_ERROR_COMPILATION;
  }
  program->ptx = "// stand-in module: " + object + "\n";
  return NVRTC_SUCCESS;
}

NVRTC_API int nvrtcGetPTXSize(void* program, size_t* size) {
  *size = valid(program)->ptx.size() + 1;
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcGetPTX(void* program, char* text) {
  strcpy(text, valid(program)->ptx.c_str());
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcGetProgramLogSize(void* program, size_t* size) {
  *size = valid(program)->log.size() + 1;
  return NVRTC_SUCCESS;
}
NVRTC_API int nvrtcGetProgramLog(void* program, char* text) {
  strcpy(text, valid(program)->log.c_str());
  return NVRTC_SUCCESS;
}
