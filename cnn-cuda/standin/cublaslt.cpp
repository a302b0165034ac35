// A stand-in for cuBLASLt: a handle; nothing else works yet.
#include "library.h"

LIBRARY_API cublasLtCreate(void** handle) {
  *handle = new int;
  return 0;
}
LIBRARY_API cublasLtDestroy(void* handle) {
  delete static_cast<int*>(handle);
  return 0;
}
